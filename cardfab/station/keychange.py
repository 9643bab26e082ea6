"""Changes of keys at a station: who may, with whom, and on record before and after."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cardfab.audit import Outcome
from cardfab.errors import CardfabError, KeyFault, Text
from cardfab.production import Act, Person
from cardfab.station.desk import Desk
from cardfab.station.people import second_person


class SecondCustodian(KeyFault):
    """A change of keys needs two custodians."""

    default_code = "CF-6275"


class OtherCeremony(KeyFault):
    """The ceremony that is named was held over another key."""

    default_code = "CF-6276"


def require_custodians(desk: Desk, second: str | None, *, training: bool) -> Person | None:
    """The custodian who acts, and outside training a second one, who proves to be there; the second."""
    desk.must(Act.KEYS)
    if second is not None:
        return second_person(desk, second, Act.KEYS)
    if training:
        return None
    missing = SecondCustodian(
        Text("A change of keys needs a second custodian.", "变更密钥须有第二名密钥保管员在场。"),
        do=Text("Name them: --second LOGIN.", "请指明：--second 登录名。"),
    )
    desk.refused(missing, act=Act.KEYS)
    raise missing


def require_ceremony(desk: Desk, label: str, ceremony: str) -> None:
    """Outside training a new value belongs to a ceremony that was held here, over this very key.

    Raises CeremonyUnknown, OtherCeremony. Without an id the store itself refuses.
    """
    if desk.training or not ceremony:
        return
    with desk.database.reading() as tx:
        held = tx.ceremonies.get(ceremony)
    if held.label != label:
        raise OtherCeremony(
            Text(
                f"The ceremony {ceremony} was held over '{held.label}', not over '{label}'.",
                f"仪式 {ceremony} 针对“{held.label}”，而非“{label}”。",
            ),
            do=Text(
                f"Hold one: 'cardfab keys ceremony generate {label}'.",
                f"请举行仪式：cardfab keys ceremony generate {label}。",
            ),
        )


@contextmanager
def key_change(desk: Desk, action: str, **details: str) -> Iterator[dict[str, str]]:
    """The intent is on record before the block, its outcome after it; what the block adds is told there too."""
    token = desk.token()
    desk.database.note(desk.event(f"key.{action}", token, "intent", details))
    told: dict[str, str] = {}
    try:
        yield told
    except CardfabError as why:
        outcome: Outcome = "refused" if isinstance(why, KeyFault) else "failed"
        desk.database.note(desk.event(f"key.{action}", token, outcome, {**details, "code": why.code}))
        why.recorded = True
        raise
    desk.database.note(desk.event(f"key.{action}", token, "done", {**details, **told}))
