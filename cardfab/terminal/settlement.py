"""What a designated institution's terminal needs of a card to settle a bill, and how the region's rules divide it.

Items of DF04/EF05 after 人社信息函[2012]37号, 8.5.1; the approval of off-site treatment is the fourth character of item
81 (table 43). All arithmetic is in whole fen.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from cardfab.errors import Text
from cardfab.profile.shares import ShareRules, Shares
from cardfab.terminal.account import Balance
from cardfab.terminal.reason import TerminalRefused

BASICS = "DF04/EF05"
"""医疗保险基本信息文件."""
INSTITUTIONS = ("83", "86", "89")
INJURY = ("7D", "7E", "7F")
MATERNITY = ("8D", "8E")


@dataclass(frozen=True, slots=True)
class SettlementView:
    """The card in the eyes of a hospital's terminal. Codes as on the card; what it does not hold is empty.

    ``balance`` None: not read (no PIN); ``start_day`` mmdd of the totals' year, where it was read.
    """

    insurance: str
    category: str
    insured_region: str
    institutions: tuple[str, ...]
    injury_institutions: tuple[str, ...]
    maternity_institutions: tuple[str, ...]
    off_site: bool | None
    card_use: str
    balance: Balance | None
    start_day: str = "0101"

    def totals(self, today: date) -> tuple[int, int]:
        """Own and pooled totals of the year of ``today``: 0 when the card's are of a year that has ended.

        n = yyyymmdd - (year * 10000 + starting day); below 10000 it is still that year (LD/T 32 part 7, 12.6).
        """
        if self.balance is None or not self.balance.year.isdecimal() or not self.start_day.isdecimal():
            return 0, 0
        n = int(f"{today:%Y%m%d}") - (int(self.balance.year) * 10000 + int(self.start_day))
        return (self.balance.own, self.balance.pooled) if n < 10000 else (0, 0)


def settlement_view(
    values: Mapping[str, str], balance: Balance | None = None, *, start_day: str = "0101"
) -> SettlementView:
    """The view from a reading's values. Raises TerminalRefused (CF-3830) when the medical file was not read."""
    if not any(address.startswith(BASICS) for address in values):
        raise TerminalRefused(
            Text(
                "The medical insurance file was not read; nothing can be settled.", "未读取医疗保险基本信息，无法结算。"
            ),
            do=Text(
                "Let the holder enter the PIN, or use a terminal with the key.",
                "请持卡人输入密码，或使用有密钥的终端。",
            ),
            code="CF-3830",
        )

    def item(tag: str) -> str:
        return values.get(f"{BASICS}/{tag}", "")

    def codes(tags: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(code for tag in tags if (code := item(tag)))

    flags = item("81")
    return SettlementView(
        insurance=flags[:3],
        category=item("8C"),
        insured_region=item("84"),
        institutions=codes(INSTITUTIONS),
        injury_institutions=codes(INJURY),
        maternity_institutions=codes(MATERNITY),
        off_site={"1": True, "0": False}.get(flags[3:4]),
        card_use=item("8F"),
        balance=balance,
        start_day=start_day,
    )


class Place(enum.StrEnum):
    """Where the treatment is, as the rules see it."""

    DESIGNATED = "designated"
    UNDESIGNATED = "undesignated"
    APPROVED = "off-site, approved"
    UNAPPROVED = "off-site, not approved"

    @property
    def text(self) -> Text:
        """For people."""
        return _PLACES[self]


_PLACES = {
    Place.DESIGNATED: Text("designated institution", "定点医疗机构"),
    Place.UNDESIGNATED: Text("not a designated institution of the holder", "非本人定点医疗机构"),
    Place.APPROVED: Text("off-site, approved", "异地就医，已审批"),
    Place.UNAPPROVED: Text("off-site, not approved", "异地就医，未审批"),
}


@dataclass(frozen=True, slots=True)
class Bill:
    """One bill in fen: ``covered`` is within the scope of the pooled fund, ``uncovered`` the holder's alone.

    ``institution`` is the code of the hospital, ``region`` where it is, ``day`` of the settlement.
    """

    covered: int
    uncovered: int
    institution: str
    region: str
    day: date

    def __post_init__(self) -> None:
        if min(self.covered, self.uncovered) < 0 or max(self.covered, self.uncovered) > 0xFFFFFFFF:
            raise TerminalRefused(
                Text("A bill's amounts are whole fen, not below 0.", "账单金额须为不小于 0 的整数（分）。")
            )


@dataclass(frozen=True, slots=True)
class Line:
    """A part of the covered amount that falls into one band, and what the pooled fund pays of it."""

    amount: int
    share: int
    pooled: int


@dataclass(frozen=True, slots=True)
class Parts:
    """Who pays: ``pooled`` + ``account`` + ``cash`` = covered + uncovered.

    ``own`` is the holder's part of the covered amount (个人自付, what the card adds up), whichever way it is paid.
    """

    place: Place
    pooled: int
    account: int
    cash: int
    own: int
    lines: tuple[Line, ...]
    capped: bool


def place_of(view: SettlementView, bill: Bill) -> Place:
    """Off-site is another region than the insured one; then the approval counts, else the designated institutions."""
    if bill.region != view.insured_region:
        return Place.APPROVED if view.off_site else Place.UNAPPROVED
    return Place.DESIGNATED if bill.institution in view.institutions else Place.UNDESIGNATED


def divide(rules: ShareRules, view: SettlementView, bill: Bill) -> Parts:
    """Divide a bill by the rules of the insured region. The pooled part of each band is rounded down to whole fen.

    The bands count the year's covered expenses: the totals on the card, then this bill. Raises TerminalRefused:
    CF-3831 rules of another region, CF-3832 a category without a rule.
    """
    shares = _shares(rules, view)
    own, pooled_before = view.totals(bill.day)
    place = place_of(view, bill)
    factor = {
        Place.DESIGNATED: 1000,
        Place.UNDESIGNATED: rules.undesignated.pooled,
        Place.APPROVED: rules.approved.pooled,
        Place.UNAPPROVED: rules.unapproved.pooled,
    }[place]
    lines = _lines(shares, own + pooled_before, bill.covered, factor)
    wanted = sum(line.pooled for line in lines)
    pooled = min(wanted, max(0, shares.cap - pooled_before))
    rest = bill.covered + bill.uncovered - pooled
    held = view.balance.account if view.balance is not None and rules.account_pays else 0
    account = min(held, rest)
    return Parts(
        place=place,
        pooled=pooled,
        account=account,
        cash=rest - account,
        own=bill.covered - pooled,
        lines=lines,
        capped=pooled < wanted,
    )


def _shares(rules: ShareRules, view: SettlementView) -> Shares:
    if rules.region != view.insured_region:
        raise TerminalRefused(
            Text(
                f"These rules are of {rules.region}; the holder is insured in {view.insured_region or 'no region'}.",
                f"该规则属于地区 {rules.region}，持卡人参保地为 {view.insured_region or '（空）'}。",
            ),
            do=Text("Use the rules of the insured region.", "请使用参保地的规则。"),
            code="CF-3831",
        )
    shares = rules.of(view.category)
    if shares is None:
        raise TerminalRefused(
            Text(
                f"The rules say nothing of category {view.category or '(empty)'}.",
                f"规则未规定参保人员类别 {view.category or '（空）'}。",
            ),
            do=Text("Settle this bill by hand.", "请人工结算。"),
            code="CF-3832",
        )
    return shares


def _lines(shares: Shares, before: int, covered: int, factor: int) -> tuple[Line, ...]:
    """The bands that the amount from ``before`` to ``before + covered`` of the year's expenses goes through."""
    start, lines = 0, []
    last = before + covered
    steps = [(shares.deductible, 0), *((band.to, band.pooled) for band in shares.bands)]
    for end, share in steps:
        stop = last if end is None else min(end, last)
        amount = stop - max(start, before)
        if amount > 0:
            lines.append(Line(amount, share * factor // 1000, amount * share * factor // 1_000_000))
        start = last if end is None else max(start, end)
    if start < last and last > max(start, before):  # above the last band nothing is pooled
        lines.append(Line(last - max(start, before), 0, 0))
    return tuple(lines)
