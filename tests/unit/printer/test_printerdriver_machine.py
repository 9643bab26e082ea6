"""The state table of a printer session and the list of faults."""

from __future__ import annotations

import pytest

from cardfab.printer.fault import Fault, PrinterFault
from cardfab.printer.machine import TRANSITIONS, Event, Machine, State


def test_every_state_is_in_the_table_and_has_a_way_out() -> None:
    assert set(TRANSITIONS) == set(State)
    for state, ways in TRANSITIONS.items():
        assert ways[Event.FAILED] is State.FAULT
        assert ways[Event.RELEASED] is State.CLOSED
        assert any(after is not state for after in ways.values())


def test_every_state_is_reached_and_every_event_used() -> None:
    reached, todo = {State.CLOSED}, [State.CLOSED]
    while todo:
        for after in TRANSITIONS[todo.pop()].values():
            if after not in reached:
                reached.add(after)
                todo.append(after)
    assert reached == set(State)
    assert {event for ways in TRANSITIONS.values() for event in ways} == set(Event)


def test_a_card_is_printed_only_from_the_contact_station() -> None:
    assert [state for state in State if Event.MOVED_TO_PRINT in TRANSITIONS[state]] == [State.CARD_AT_CONTACT]
    assert [state for state in State if Event.SIDES_PRINTED in TRANSITIONS[state]] == [State.CARD_AT_PRINT]


def test_a_card_is_not_given_out_after_a_fault_or_half_printed() -> None:
    for state in (State.FAULT, State.CARD_AT_PRINT, State.READY, State.CLOSED):
        assert Event.CARD_EJECTED not in TRANSITIONS[state]


def test_no_card_is_fed_onto_another() -> None:
    inside = (State.CARD_AT_CONTACT, State.CARD_AT_PRINT, State.PRINTED, State.CARD_FOUND, State.FAULT)
    for state in inside:
        assert Event.FED not in TRANSITIONS[state]


def test_a_missing_entry_is_an_error_that_changes_nothing() -> None:
    machine = Machine()
    with pytest.raises(PrinterFault, match="closed / fed") as wrong:
        machine.move(Event.FED)
    assert wrong.value.fault is Fault.WRONG_MOMENT
    assert machine.state is State.CLOSED
    assert machine.move(Event.FOUND_EMPTY) is State.READY


def test_each_fault_has_its_own_code_and_both_languages() -> None:
    codes = [fault.code for fault in Fault]
    assert len(set(codes)) == len(codes)
    assert all(code.startswith("CF-52") and len(code) == 7 for code in codes)
    for fault in Fault:
        raised = PrinterFault(fault)
        assert raised.exit_status == 5
        for language in ("en", "zh"):
            sentence = raised.sentence(language)
            assert sentence.endswith(f"[{fault.code}]")
            assert any("一" <= sign <= "鿿" for sign in sentence) is (language == "zh")
        assert fault.do.en.endswith(".")
        assert fault.do.zh.endswith("。")
