"""A ceremony's state tables and its rules about people: two at every step, one component of a key a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cardfab.keys.ceremony import (
    ENDS,
    TABLES,
    Ceremony,
    CeremonyRefused,
    CustodianRefused,
    Event,
    HeldComponent,
    Kind,
    NotTogether,
    Presence,
    Stage,
)

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TWO = ("custodian", "custodian-2")
LABEL = "bank/ZPK"


def there(*logins: str, at: datetime = NOW) -> tuple[Presence, ...]:
    return tuple(Presence(login, at) for login in logins)


def entering(**more: object) -> Ceremony:
    ceremony = Ceremony(Kind.ENTER, LABEL, 1, TWO, **more)  # type: ignore[arg-type]
    ceremony.take(Event.PROVE, NOW, there(*TWO), {})
    return ceremony


def component(number: int, kcv: str = "AAAAAA") -> dict[str, str]:
    return {"component": str(number), "kcv": kcv}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_stage_can_be_reached_and_left(kind: Kind) -> None:
    table = TABLES[kind]
    reached, waiting = {Stage.OPEN}, [Stage.OPEN]
    while waiting:
        for after in table[waiting.pop()].values():
            if after not in reached:
                reached.add(after)
                waiting.append(after)
    assert reached == set(table)
    assert {stage for stage, moves in table.items() if not moves} == ENDS
    assert all(table[stage][Event.ABANDON] is Stage.INTERRUPTED for stage in table if stage not in ENDS)


def test_the_steps_of_an_entry_and_no_other() -> None:
    ceremony = entering()
    for event in (Event.LOAD, Event.COMBINE, Event.CLOSE, Event.DESTROY):
        with pytest.raises(CeremonyRefused) as refused:
            ceremony.take(event, NOW, there(*TWO), {})
        assert refused.value.do is not None
    ceremony.take(Event.ENTER, NOW, there(*TWO), component(1))
    with pytest.raises(CeremonyRefused):  # one is missing
        ceremony.take(Event.COMBINE, NOW, there(*TWO), {})
    ceremony.take(Event.ENTER, NOW, there(*TWO), component(2, "BBBBBB"))
    for event in (Event.COMBINE, Event.LOAD, Event.CLOSE):
        ceremony.take(event, NOW, there(*TWO), {})
    assert ceremony.ended
    assert [one.number for one in ceremony.held()] == [1, 2]
    with pytest.raises(CeremonyRefused):
        ceremony.take(Event.ABANDON, NOW, (), {})


@pytest.mark.parametrize("kind", list(Kind))
def test_K3_no_step_is_one_persons(kind: Kind) -> None:
    """From every stage of every kind, every event but breaking off needs two people with fresh proofs."""
    asked = 0
    for stage, moves in TABLES[kind].items():
        for event in moves:
            ceremony = Ceremony(kind, LABEL, 1, TWO, witnesses=("auditor",))
            ceremony.stage = stage
            details = component(1)
            late = (Presence(TWO[0], NOW), Presence(TWO[1], NOW - timedelta(minutes=16)))
            for present in (there(TWO[0]), there(TWO[0], TWO[0]), (), late):
                if event is Event.ABANDON:
                    continue
                asked += 1
                with pytest.raises(CeremonyRefused):
                    ceremony.take(event, NOW, present, details)
                assert (ceremony.stage, ceremony.steps) == (stage, [])
    assert asked >= 12


def test_K3_the_custodian_of_a_component_is_there_himself() -> None:
    ceremony = entering()
    with pytest.raises(NotTogether):
        ceremony.take(Event.ENTER, NOW, there("custodian-2", "custodian-3"), component(1))
    assert ceremony.done == {}


@pytest.mark.parametrize(
    ("held", "may"),
    [
        (HeldComponent("custodian", LABEL, 1, 2, "AAAAAA"), False),  # another component of the same key
        (HeldComponent("custodian", LABEL, 1, 1, "AAAAAA"), True),  # the same one again
        (HeldComponent("custodian", LABEL, 2, 2, "AAAAAA"), True),  # of another version: another key
        (HeldComponent("custodian", "bank/CVK", 1, 2, "AAAAAA"), True),
        (HeldComponent("custodian-3", LABEL, 1, 2, "AAAAAA"), True),  # somebody else held it
    ],
)
def test_K17_who_held_a_component_holds_no_other_of_the_key(held: HeldComponent, may: bool) -> None:
    if may:
        assert entering(history=[held]).stage is Stage.STAFFED
        return
    with pytest.raises(CustodianRefused) as refused:
        entering(history=[held])
    assert refused.value.code == "CF-6511"
    assert refused.value.do is not None


def test_K17_another_value_under_the_same_number_is_another_component() -> None:
    ceremony = entering(history=[HeldComponent("custodian", LABEL, 1, 1, "AAAAAA")])
    with pytest.raises(CustodianRefused):
        ceremony.take(Event.ENTER, NOW, there(*TWO), component(1, "BBBBBB"))
    ceremony.take(Event.ENTER, NOW, there(*TWO), component(1, "AAAAAA"))


@pytest.mark.parametrize("custodians", [(), ("custodian",), ("custodian", "custodian"), ("a", "b", "c", "d")])
def test_a_ceremony_has_two_or_three_people(custodians: tuple[str, ...]) -> None:
    with pytest.raises(CeremonyRefused) as refused:
        Ceremony(Kind.ENTER, LABEL, 1, custodians)
    assert refused.value.code == "CF-6513"


def test_K7_a_destruction_has_a_witness_of_its_own() -> None:
    for witnesses in ((), ("custodian",)):
        with pytest.raises(CeremonyRefused) as refused:
            Ceremony(Kind.DESTROY, LABEL, 1, TWO, witnesses=witnesses)
        assert refused.value.code == "CF-6514"
    ceremony = Ceremony(Kind.DESTROY, LABEL, 1, TWO, witnesses=("auditor",))
    for event in (Event.PROVE, Event.CONFIRM, Event.DESTROY):
        ceremony.take(event, NOW, there(*TWO, "auditor"), {})
    with pytest.raises(NotTogether):
        ceremony.take(Event.WITNESS, NOW, there(*TWO), {})
    assert ceremony.take(Event.WITNESS, NOW, there(*TWO, "auditor"), {}).stage is Stage.WITNESSED


def test_what_looks_like_a_key_is_not_noted() -> None:
    ceremony = entering()
    with pytest.raises(CeremonyRefused) as refused:
        ceremony.take(Event.ENTER, NOW, there(*TWO), component(1, "0123456789ABCDEFFEDCBA9876543210"))
    assert refused.value.code == "CF-6515"
    assert "0123456789" not in str(refused.value)
