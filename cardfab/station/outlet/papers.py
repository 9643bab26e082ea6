"""The papers of a case: which ones the policy asks for, which were looked at, by whom. No copy of any is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cardfab.errors import InputRefused, StockFault, Text
from cardfab.production import Act, Document, identity
from cardfab.production.identity import age
from cardfab.profile.policy import Bearer, CategoryRules, OutletPolicy, Paper
from cardfab.station.counter.clock import here_and_now
from cardfab.station.desk import Desk
from cardfab.station.outlet.cases import Case, change, holder_number
from cardfab.store import PaperRow

_INDEX = "station/index"
_FEE = "fee"
"""Stands among the papers for a fee that was taken."""


class NotMadeHere(StockFault):
    """The policy of this outlet does not let this be made at once."""

    default_code = "CF-7330"


class PapersMissing(StockFault):
    """Not everything was looked at."""

    default_code = "CF-7331"


class PaperWrong(InputRefused):
    """What was entered from a paper cannot be, or is somebody else's."""

    default_code = "CF-3307"


@dataclass(frozen=True, slots=True)
class Needed:
    """One thing to look at, and who has looked at it."""

    key: str
    paper: Paper
    bearer: Bearer
    seen: PaperRow | None


@dataclass(frozen=True, slots=True)
class Checklist:
    """Everything that a case of this category asks for."""

    category: str
    bearer: Bearer
    rules: CategoryRules
    needed: tuple[Needed, ...]
    minor: bool

    @property
    def complete(self) -> bool:
        """Whether everything was looked at."""
        return all(one.seen is not None for one in self.needed)


def categories(desk: Desk) -> tuple[tuple[str, Text, CategoryRules], ...]:
    """Every category of the policy with its words; closed ones too, which say why."""
    policy, known = desk.policy(), desk.codes().category
    return tuple(
        (key, known[key].text if key in known else policy.names[key].text, rules)
        for key, rules in policy.categories.items()
        if key in known or key in policy.names
    )


def checklist(desk: Desk, case: Case) -> Checklist | None:
    """The papers of a case; None while no category is chosen. Raises :class:`NotMadeHere`."""
    if case.row.category is None:
        return None
    policy = desk.policy()
    rules = rules_for(policy, case.row.category)
    minor = age(holder_number(desk, case), here_and_now(desk).date()) < policy.bearers.of_age
    bearer = bearer_of(case)
    with desk.database.reading() as tx:
        seen = {one.paper: one for one in tx.outlet.papers_of(case.row.id)}
    of_holder = rules.papers
    needed = [
        Needed(key, policy.papers[key], "holder" if key in of_holder else bearer, seen.get(key))
        for key in policy.needed(case.row.category, bearer)
    ]
    if rules.fee_fen:
        yuan = f"{rules.fee_fen / 100:.2f}"
        fee = Paper(zh=f"已收费 {yuan} 元", en=f"fee taken: {yuan} yuan")
        needed.append(Needed(_FEE, fee, bearer, seen.get(_FEE)))
    return Checklist(case.row.category, bearer, rules, tuple(needed), minor)


def rules_for(policy: OutletPolicy, category: str) -> CategoryRules:
    """The rules of a category that may be chosen; raises :class:`NotMadeHere`."""
    rules = policy.categories.get(category)
    if rules is None or rules.closed is not None:
        why = rules.closed if rules and rules.closed else Text("it is not in the policy", "不在办理范围内")
        raise NotMadeHere(
            Text(f"No card of this category is made here at once: {why.en}.", f"本网点不即时制作该类卡：{why.zh}。"),
            do=Text("Choose another, or send the holder to the bureau.", "请另选类别，或请持卡人到社保经办机构办理。"),
        )
    return rules


def bearer_of(case: Case) -> Bearer:
    """Who stands at the counter for this case."""
    return "agent" if case.row.bearer == "agent" else "guardian" if case.row.bearer == "guardian" else "holder"


def choose(desk: Desk, case: Case, category: str, bearer: str) -> Case:
    """Set what kind of case it is; a request that is there keeps its category. Raises :class:`NotMadeHere`."""
    desk.must(Act.ISSUE)
    policy = desk.policy()
    if case.request is not None:
        category = case.request.category
    rules_for(policy, category)
    if bearer not in ("holder", "guardian", "agent"):
        raise PaperWrong(
            Text("It is not said who stands at the counter.", "未说明由谁到柜面办理。"),
            do=Text("Choose the holder, a guardian or an agent.", "请选择本人、监护人或代办人。"),
        )
    minor = age(holder_number(desk, case), here_and_now(desk).date()) < policy.bearers.of_age
    if minor != (bearer == "guardian"):
        raise PaperWrong(
            Text(f"Below {policy.bearers.of_age} a guardian comes, and for nobody else.",
                 f"未满 {policy.bearers.of_age} 周岁由监护人办理，其他人不适用监护人办理。"),
            do=Text("Choose who stands at the counter again.", "请重新选择办理人。"),
            code="CF-3308",
        )  # fmt: skip
    if bearer == "agent" and not policy.bearers.agent:
        raise NotMadeHere(
            Text("This outlet serves no agents here.", "本网点该业务不受理代办。"),
            do=Text("The holder comes in person.", "请持卡人本人办理。"),
            code="CF-7332",
        )
    return change(desk, case, category=category, bearer=bearer)


def look_at(desk: Desk, case: Case, ticked: Sequence[str], numbers: Mapping[str, str]) -> Checklist:
    """Keep which papers were looked at; the number of a numbered one is compared, and kept as an index alone.

    The holder's identity card must be the holder's. Raises :class:`PaperWrong`, DocumentRefused.
    """
    desk.must(Act.ISSUE)
    listed = checklist(desk, case)
    if listed is None:
        raise PapersMissing(
            Text("No category is chosen.", "尚未选择办理类别。"), do=Text("Choose one.", "请先选择。"), code="CF-7333"
        )
    fresh = [one for one in listed.needed if one.key in ticked and one.seen is None]
    indexes = {one.key: _compared(desk, case, one, numbers.get(one.key, "")) for one in fresh if one.paper.numbered}
    with desk.database.transaction("papers") as tx:
        for one in fresh:
            tx.outlet.saw_paper(
                case.row.id,
                one.key,
                one.bearer,
                at=desk.at(),
                by=desk.person.login,
                document_index=indexes.get(one.key),
            )
        if fresh:
            details = {"papers": ",".join(one.key for one in fresh), "bearer": listed.bearer}
            tx.audit.append(desk.event("papers.seen", case.token, "done", details))
    return checklist(desk, case) or listed


def require_papers(desk: Desk, case: Case) -> Checklist:
    """Raise :class:`PapersMissing` unless everything was looked at."""
    listed = checklist(desk, case)
    if listed is None or not listed.complete:
        missing = [] if listed is None else [one.paper for one in listed.needed if one.seen is None]
        en = ", ".join(one.en for one in missing) or "the category"
        zh = "、".join(one.zh for one in missing) or "办理类别"
        raise PapersMissing(
            Text(f"Not looked at yet: {en}.", f"尚未核验：{zh}。"),
            do=Text("Look at it and tick it.", "请核验后勾选。"),
        )
    return listed


def _compared(desk: Desk, case: Case, one: Needed, number: str) -> bytes:
    shown = identity(Document.ID_CARD, number).number
    holders = holder_number(desk, case)
    if (shown == holders) != (one.bearer == "holder"):
        raise PaperWrong(
            Text("The identity card is not the holder's.", "该身份证不是持卡人本人的。")
            if one.bearer == "holder"
            else Text("This is the holder's own number.", "该号码为持卡人本人号码。"),
            do=Text("Compare the card with the person again.", "请再次核对证件与本人。"),
            code="CF-3316" if one.bearer == "holder" else "CF-3313",
        )
    return desk.keys.index(_INDEX, f"document:{Document.ID_CARD}:{shown}".encode())


__all__ = [
    "Checklist",
    "Needed",
    "NotMadeHere",
    "PaperWrong",
    "PapersMissing",
    "bearer_of",
    "categories",
    "checklist",
    "choose",
    "look_at",
    "require_papers",
    "rules_for",
]
