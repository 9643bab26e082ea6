"""The checks that make a card a voucher of its holder (LD/T 32 part 7, 5.4; V2.0, 8.1.1)."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from cardfab.apdu.line import internal_authenticate
from cardfab.apdu.link import CardAnswered, CardNotGenuine, Exchange
from cardfab.crypto import same
from cardfab.errors import KeyFault, Text
from cardfab.keys.roots import CIPHERS
from cardfab.prepare.cardnumber import check_card_number
from cardfab.terminal.card import PresentedCard
from cardfab.terminal.identify import Identity, identify

UNSET = b"\xff" * 4
"""An authentication code that was never computed."""
ISSUER = "9156000002"
"""What every initialising institution number begins with (V2.0, 8.1.1.4)."""


class CheckName(enum.StrEnum):
    """One check of a voucher."""

    GENUINE = "genuine"
    CODE = "identification-code"
    CARD_NUMBER = "card-number"
    ISSUER = "issuer"
    REGION = "region"
    VERSION = "version"
    EXPIRY = "expiry"
    BLACK_LIST = "black-list"

    @property
    def text(self) -> Text:
        """For people."""
        return _TITLES[self]


_TITLES = {
    CheckName.GENUINE: Text("the chip proves its issuer's key (IRK)", "芯片内部认证（IRK）"),
    CheckName.CODE: Text("authentication code of the identification code", "卡识别码认证码"),
    CheckName.CARD_NUMBER: Text("check digit of the card number", "卡号校验码"),
    CheckName.ISSUER: Text("initialising institution", "初始化机构编号"),
    CheckName.REGION: Text("region served here", "发卡地区"),
    CheckName.VERSION: Text("version of the specification", "规范版本"),
    CheckName.EXPIRY: Text("validity", "有效期"),
    CheckName.BLACK_LIST: Text("black list", "黑名单"),
}


class Outcome(enum.StrEnum):
    """How a check went."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its outcome, with the reason in words."""

    name: CheckName
    outcome: Outcome
    text: Text


@dataclass(frozen=True, slots=True)
class Voucher:
    """Whether the card may stand for its holder."""

    identity: Identity
    checks: tuple[Check, ...]

    @property
    def good(self) -> bool:
        """The chip proved itself and no check failed."""
        proved = any(one.name is CheckName.GENUINE and one.outcome is Outcome.PASSED for one in self.checks)
        return proved and not self.failed

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(one for one in self.checks if one.outcome is Outcome.FAILED)

    def check(self, name: CheckName) -> Check:
        """One check by name."""
        return next(one for one in self.checks if one.name is name)


def voucher(
    card: PresentedCard,
    *,
    today: date,
    serves: Callable[[str], bool] | None = None,
    black_list: Callable[[Identity], bool] | None = None,
) -> Exchange[Voucher]:
    """Identify the card and make every check that can be made. A check without its means is "not checked".

    ``serves`` tells whether this place serves cards of a region, ``black_list`` whether a card is on it.
    """
    identity = yield from identify(card)
    genuine, version = yield from _genuine(card)
    checks = (
        genuine,
        _code(card, version),
        _card_number(identity),
        _issuer(identity),
        _region(identity, serves),
        _version(identity, card.application.version),
        _expiry(identity, today),
        _black_list(identity, black_list),
    )
    return Voucher(identity, checks)


def _genuine(card: PresentedCard) -> Exchange[tuple[Check, int | None]]:
    """INTERNAL AUTHENTICATE under versions 1 to 3 of IRK, until one is the card's. No counter runs down by it."""
    name = CheckName.GENUINE
    irk = card.application.directory("SSSE").keys["IRK"]
    if card.algorithm not in CIPHERS:
        why = Text(f"{card.algorithm} cannot be computed here.", f"本机无法计算 {card.algorithm}。")
        return Check(name, Outcome.NOT_CHECKED, why), None
    why, asked = Text("The terminal holds no IRK.", "终端没有 IRK。"), False
    for version in range(1, irk.versions + 1):
        try:
            key = card.keys.card_key(card.label(irk, version), card.region, card.historical)
        except KeyFault as fault:
            why = fault.what if not asked else why
            continue
        asked = True
        try:
            yield from internal_authenticate(
                key, card.random(8), card.random(8), key_id=irk.id[0], version=version if version > 1 else None
            )
        except (CardNotGenuine, CardAnswered):
            continue
        passed = Text(f"IRK version {version} was proved.", f"IRK 版本 {version} 认证通过。")
        return Check(name, Outcome.PASSED, passed), version
    if asked:
        failed = Text("The chip did not prove any version of IRK.", "芯片未通过任何版本的 IRK 认证。")
        return Check(name, Outcome.FAILED, failed), None
    return Check(name, Outcome.NOT_CHECKED, why), None


def _code(card: PresentedCard, version: int | None) -> Check:
    """The last 4 bytes are a MAC over the first 12 under the card's IRK, version 1.

    The specification says only "by encryption" (V2.0, 8.1.1.1); this is how one published tool computes it.
    """
    name, code = CheckName.CODE, card.code
    if code[12:] == UNSET:
        return Check(name, Outcome.NOT_CHECKED, Text("The code was never set.", "认证码未设置。"))
    irk = card.application.directory("SSSE").keys["IRK"]
    if version is None:
        return Check(name, Outcome.NOT_CHECKED, Text("IRK was not proved.", "IRK 未通过认证。"))
    try:
        made = card.keys.card_key(card.label(irk, 1), card.region, card.historical).code(code[:12])
    except KeyFault as fault:
        return Check(name, Outcome.NOT_CHECKED, fault.what)
    if same(made, code[12:]):
        return Check(name, Outcome.PASSED, Text("The code is this card's.", "认证码与本卡相符。"))
    return Check(name, Outcome.FAILED, Text("The code is not this card's.", "认证码与本卡不符。"))


def _card_number(identity: Identity) -> Check:
    name, number = CheckName.CARD_NUMBER, identity.card_number
    if not number:
        return Check(name, Outcome.NOT_CHECKED, Text("The card has no number yet.", "卡内尚无卡号。"))
    if check_card_number(number):
        return Check(name, Outcome.PASSED, Text("The check digit is right.", "校验码正确。"))
    return Check(name, Outcome.FAILED, Text("The check digit is wrong.", "校验码错误。"))


def _issuer(identity: Identity) -> Check:
    name = CheckName.ISSUER
    if not identity.initialiser:
        return Check(name, Outcome.NOT_CHECKED, Text("The card names no institution.", "卡内没有初始化机构编号。"))
    if len(identity.initialiser) == 24 and identity.initialiser.startswith(ISSUER):
        return Check(name, Outcome.PASSED, Text("It has the ministry's form.", "编号格式正确。"))
    return Check(name, Outcome.FAILED, Text("It has not the ministry's form.", "编号格式不正确。"))


def _region(identity: Identity, serves: Callable[[str], bool] | None) -> Check:
    name, region = CheckName.REGION, identity.region
    if serves is None:
        return Check(name, Outcome.NOT_CHECKED, Text(f"Region {region}.", f"发卡地区 {region}。"))
    if serves(region):
        return Check(name, Outcome.PASSED, Text(f"Region {region} is served.", f"办理地区 {region} 的卡。"))
    return Check(name, Outcome.FAILED, Text(f"Region {region} is not served.", f"不办理地区 {region} 的卡。"))


def _version(identity: Identity, known: str) -> Check:
    name, generation = CheckName.VERSION, identity.generation
    if not identity.version and not identity.card_number:
        return Check(name, Outcome.NOT_CHECKED, Text("The card is a blank.", "该卡为空白卡。"))
    if generation[0] == known[0]:
        return Check(name, Outcome.PASSED, Text(f"Version {generation}.", f"规范版本 {generation}。"))
    return Check(
        name,
        Outcome.FAILED,
        Text(f"The card is {generation}, read as {known}.", f"卡片为 {generation}，按 {known} 读取。"),
    )


def _expiry(identity: Identity, today: date) -> Check:
    name, ends = CheckName.EXPIRY, identity.expiry_date
    if not ends:
        return Check(name, Outcome.NOT_CHECKED, Text("The card has no date yet.", "卡内尚无有效期。"))
    if len(ends) != 8 or not ends.isdecimal() or ends < f"{today:%Y%m%d}":
        return Check(name, Outcome.FAILED, Text(f"Valid until {ends}.", f"有效期至 {ends}，已过期。"))
    return Check(name, Outcome.PASSED, Text(f"Valid until {ends}.", f"有效期至 {ends}。"))


def _black_list(identity: Identity, black_list: Callable[[Identity], bool] | None) -> Check:
    name = CheckName.BLACK_LIST
    if black_list is None:
        return Check(name, Outcome.NOT_CHECKED, Text("No list was at hand.", "没有黑名单可查。"))
    if black_list(identity):
        return Check(name, Outcome.FAILED, Text("The card is on the black list.", "该卡在黑名单中。"))
    return Check(name, Outcome.PASSED, Text("The card is not on the list.", "该卡不在黑名单中。"))
