"""An inserter moves cards and says so; what it cannot do it refuses before anything moves."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from cardfab.apdu.link import CardGone
from cardfab.apdu.remote import RemoteConnection
from cardfab.printer.driver import CardPosition
from cardfab.printer.fault import Fault, PrinterFault
from cardfab.printer.inserter import Inserter
from cardfab.simulator.chip import make_blank
from cardfab.simulator.chip.vpcd import Contacts
from cardfab.simulator.rig.magazine import Magazine
from cardfab.simulator.rig.readers import Readers
from cardfab.simulator.rig.timing import NONE, Timing

SELECT = bytes.fromhex("00A4040007A000000333010100")


@pytest.fixture
def slot() -> Magazine:
    return Magazine(7, [Contacts(make_blank(serial=n)) for n in (1, 2)], NONE)


@pytest.fixture
def at(slot: Magazine) -> Iterator[tuple[Inserter, str]]:
    """The slot served on ports: its inserter, and the address of its reader."""
    readers = Readers([slot])
    until, end = os.pipe()
    serving = threading.Thread(target=readers.serve, args=(until,))
    serving.start()
    inserter = Inserter.at(f"inserter://127.0.0.1:{readers.inserters[0]}")
    try:
        yield inserter, f"tcp://127.0.0.1:{readers.readers[0]}"
    finally:
        inserter.close()
        os.close(end)
        serving.join()
        readers.close()
        os.close(until)


def fault_of(refused: pytest.ExceptionInfo[PrinterFault]) -> Fault:
    return refused.value.fault


def test_a_card_goes_to_the_contacts_and_out(at: tuple[Inserter, str], slot: Magazine) -> None:
    inserter, reader = at
    assert inserter.prepare() is CardPosition.NONE
    with pytest.raises(CardGone):
        RemoteConnection(reader)
    inserter.feed_to_contact()
    assert (inserter.position(), inserter.cards_fed()) == (CardPosition.CONTACT, 1)
    connection = RemoteConnection(reader)
    assert connection.transmit(SELECT)[-2:] == b"\x90\x00"
    connection.close()
    inserter.eject()
    [card] = slot.left
    assert (card.good, card.apdus) == (True, 1)
    assert card.octets > len(SELECT) + 2
    assert inserter.position() is CardPosition.NONE
    inserter.feed_to_contact()
    assert inserter.reject()
    assert not inserter.reject()
    assert [one.good for one in slot.left] == [True, False]
    assert inserter.status().faults == (Fault.FEEDER_EMPTY,)
    with pytest.raises(PrinterFault) as refused:
        inserter.feed_to_contact()
    assert fault_of(refused) is Fault.FEEDER_EMPTY
    assert inserter.cards_fed() == 2


def test_a_second_card_is_not_fed_onto_the_first(at: tuple[Inserter, str]) -> None:
    inserter, _ = at
    inserter.feed_to_contact()
    with pytest.raises(PrinterFault) as refused:
        inserter.feed_to_contact()
    assert fault_of(refused) is Fault.CARD_INSIDE
    assert inserter.cards_fed() == 1


def test_a_jam_is_told_until_the_card_is_out(at: tuple[Inserter, str], slot: Magazine) -> None:
    inserter, _ = at
    slot.jam_next = True
    with pytest.raises(PrinterFault) as refused:
        inserter.feed_to_contact()
    assert fault_of(refused) is Fault.JAM
    assert inserter.cards_fed() == 1  # the blank is used
    with pytest.raises(PrinterFault):
        inserter.prepare()
    assert inserter.reject()
    assert inserter.prepare() is CardPosition.NONE


def test_what_it_has_no_station_for_it_refuses(at: tuple[Inserter, str]) -> None:
    inserter, _ = at
    assert inserter.stripes() == frozenset()
    assert inserter.identify().model == "Cardfab training inserter"
    with pytest.raises(PrinterFault) as refused:
        inserter._asked("PRINT")
    assert fault_of(refused) is Fault.REFUSED


def test_a_power_on_takes_the_chips_time_and_a_command_its_bytes_too() -> None:
    timing = Timing(bits_per_second=9600, reset=0.5, command=0.25, commands={0xA4: 0.125})
    slot = Magazine(0, [Contacts(make_blank(serial=1))], timing)
    assert slot.answer(SELECT) == (b"", 0.0)
    slot.obey("FEED")
    assert slot.answer(b"\x01") == (None, 0.5)
    said, took = slot.answer(SELECT)
    assert said is not None
    assert took == 0.125 + (len(SELECT) + 1 + len(said)) * 12 / 9600
    assert slot.inside is not None
    assert slot.inside.seconds == 0.5 + took
    assert slot.answer(b"\x00\xb0\x00\x00\x01")[1] == 0.25 + (5 + 1 + 2) * 12 / 9600
