"""Devices that fail: the job ends where the books and the cards agree, and the sentence says what to do."""

from __future__ import annotations

import fcntl
import socket

import pytest

from cardfab.simulator.printer import Fault, Ribbon
from cardfab.simulator.rig import Rig
from tests.integration.conftest import PLAIN, RARE, World

OTHER = next(iter(RARE))
PAST_WRITING = 90
"""Commands to a chip after which everything is written and reading back has begun."""


def rig_of(world: World) -> Rig:
    assert world.rig is not None
    return world.rig


def nobody_listens() -> int:
    """A port of the loopback that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def finishes(world: World, request: str = PLAIN) -> None:
    """The request still gets its card, one, printed on both sides."""
    said = world.cli("issue", request)
    assert said.exit == 0, said.text
    assert world.state(request) == "DONE"
    card = world.tray()
    assert card.front.printed == card.back.printed == list("ymcko")
    assert not card.ruined
    assert card.ink_on_contacts == 0


def untouched(world: World) -> None:
    """The job waits again and no blank left the books."""
    world.balanced(issued=0, spoiled=0, in_doubt=0, remaining=3)
    assert world.state(PLAIN) == "QUEUED"


def test_an_absent_printer(world: World) -> None:
    said = world.cli("issue", PLAIN, "--printer", f"socket://127.0.0.1:{nobody_listens()}")
    assert said.exit == 5, said.text
    assert "[CF-5202]" in said.err
    untouched(world)


def test_an_absent_reader_takes_no_blank(world: World) -> None:
    said = world.cli("issue", PLAIN, "--reader", f"tcp://127.0.0.1:{nobody_listens()}")
    assert said.exit == 5, said.text
    assert "does not answer" in said.err
    untouched(world)


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "pcsc:No Such Reader 00 00"])
def test_a_reader_that_cannot_be_takes_no_blank(address: str, world: World) -> None:
    said = world.cli("issue", PLAIN, "--reader", address)
    assert said.exit in (2, 5), said.text
    untouched(world)


@pytest.mark.proof
@pytest.mark.shows("faults of devices: the equation holds, the job waits again or is settled (proof)")
def test_an_open_cover(world: World) -> None:
    rig_of(world).printer.machine.cover_is_open = True
    said = world.cli("issue", PLAIN)
    assert said.exit == 5, said.text
    assert "[CF-5205]" in said.err
    assert "Close the cover." in said.err
    untouched(world)
    rig_of(world).printer.close_cover()
    finishes(world)
    world.balanced(issued=1, spoiled=0, in_doubt=0, remaining=2)


@pytest.mark.proof
def test_an_empty_feeder(world: World) -> None:
    rig_of(world).printer.inject(Fault.FEEDER_EMPTY)
    said = world.cli("issue", PLAIN)
    assert said.exit == 5, said.text
    assert "[CF-5206]" in said.err
    untouched(world)
    history = world.cli("job", "show", PLAIN, "--json").json()["history"]
    assert [move["state"] for move in history][-2:] == ["CLAIMED", "QUEUED"]
    rig_of(world).printer.mend_feeder()
    finishes(world)
    world.balanced(issued=1, spoiled=0, in_doubt=0, remaining=2)


@pytest.mark.proof
def test_a_feeder_that_gives_nothing_when_it_is_asked(world: World) -> None:
    """The sensor sees cards; the feed itself fails."""
    rig_of(world).printer.inject(Fault.FEEDER_EMPTY, on="Sis")
    said = world.cli("issue", PLAIN)
    assert said.exit == 5, said.text
    untouched(world)
    rig_of(world).printer.mend_feeder()
    finishes(world)


def test_a_ribbon_that_is_too_short_for_both_sides(world: World) -> None:
    rig_of(world).printer.change_ribbon(Ribbon(remaining=1))  # two sides take two frames
    said = world.cli("issue", PLAIN)
    assert said.exit == 9, said.text
    assert "ribbon" in said.err
    assert "job resolve" in said.err
    world.balanced(issued=0, spoiled=0, in_doubt=1, remaining=2)
    assert world.state(PLAIN) == "IN_DOUBT"
    rig_of(world).printer.change_ribbon(Ribbon())
    looked = world.cli("job", "resolve", PLAIN)
    assert looked.exit == 9, looked.text  # nobody prints it again; a person sees that nothing is on it
    assert world.tray().front.printed == []
    assert world.cli("job", "resolve", PLAIN, "--spoil").exit == 0
    world.balanced(issued=0, spoiled=1, in_doubt=0, remaining=2)


@pytest.mark.proof
@pytest.mark.parametrize("ribbon", [Ribbon(remaining=0), None])
def test_a_ribbon_that_is_known_to_be_missing_takes_no_blank(ribbon: Ribbon | None, world: World) -> None:
    rig_of(world).printer.change_ribbon(ribbon)
    said = world.cli("issue", PLAIN)
    assert said.exit == 5, said.text
    assert "ribbon" in said.err
    untouched(world)
    rig_of(world).printer.change_ribbon(Ribbon())
    finishes(world)


@pytest.mark.proof
def test_a_ribbon_that_ends_during_the_print(world: World) -> None:
    rig_of(world).printer.inject(Fault.RIBBON_END, on="Dbc", skip=3)
    said = world.cli("issue", PLAIN)
    assert said.exit == 9, said.text
    world.balanced(issued=0, spoiled=0, in_doubt=1, remaining=2)
    rig_of(world).printer.change_ribbon(Ribbon())
    looked = world.cli("job", "resolve", PLAIN)
    assert looked.exit == 9, looked.text
    assert "--accept" in looked.err
    assert "--spoil" in looked.err
    world.balanced(in_doubt=1)
    spoiled = world.cli("job", "resolve", PLAIN, "--spoil")
    assert spoiled.exit == 0, spoiled.text
    world.balanced(issued=0, spoiled=1, in_doubt=0, remaining=2)
    half = [card for card in rig_of(world).cards if card.front.printed]
    assert len(half) == 1
    assert half[0].front.printed != list("ymcko")
    finishes(world)
    assert [card for card in rig_of(world).output if card.front.printed == list("ymcko")] == [world.tray()]
    world.balanced(issued=1, spoiled=1, in_doubt=0, remaining=1)


def settle(world: World) -> None:
    """As the sentences say: resolve, and where only an eye can tell, look at the newest card."""
    said = world.cli("job", "resolve", PLAIN)
    if said.exit == 9:
        tray = rig_of(world).output
        good = bool(tray) and tray[-1].front.printed == tray[-1].back.printed == list("ymcko")
        said = world.cli("job", "resolve", PLAIN, "--accept" if good else "--spoil")
    assert said.exit == 0, said.text
    books = world.books()
    assert books.in_doubt == 0
    world.balanced()
    assert rig_of(world).inside is None
    assert books.issued + books.spoiled == len(rig_of(world).output) + len(rig_of(world).rejected)


@pytest.mark.parametrize(
    ("fault", "command"),
    [
        pytest.param(Fault.WRONG_OK, "Rlr", marks=pytest.mark.proof),
        pytest.param(Fault.WRONG_OK, "Sis", marks=pytest.mark.proof),
        pytest.param(Fault.WRONG_OK, "Si", marks=pytest.mark.proof),
        (Fault.WRONG_OK, "Se"),
        pytest.param(Fault.SILENCE, "Pem", marks=pytest.mark.proof),
        (Fault.SILENCE, "Sis"),
        pytest.param(Fault.SILENCE, "Si", marks=pytest.mark.proof),
        pytest.param(Fault.SILENCE, "Dbc", marks=pytest.mark.proof),
        pytest.param(Fault.SILENCE, "Se", marks=pytest.mark.proof),
        (Fault.JAM, "Sis"),
        (Fault.COVER_OPEN, "Dbc"),
    ],
)
def test_a_printer_that_lies_keeps_silent_or_stops(fault: Fault, command: str, world: World) -> None:
    rig = rig_of(world)
    rig.printer.inject(fault, on=command)
    said = world.cli("issue", PLAIN)
    world.balanced()
    assert said.exit in (0, 5, 9), said.text
    state = world.state(PLAIN)
    assert {0: state == "DONE", 5: state == "QUEUED", 9: state == "IN_DOUBT"}[said.exit], (said.exit, state)
    rig.printer.close_cover()
    if rig.printer.machine.jam.value:
        rig.printer.clear_jam()
    if state == "IN_DOUBT":
        before = rig.count()
        assert world.books().in_doubt == 1
        if before["removed"]:  # a hand took the jammed card out: it is on nobody's tray
            assert world.cli("job", "resolve", PLAIN, "--spoil").exit == 0
        else:
            settle(world)
    world.balanced(in_doubt=0)
    if world.state(PLAIN) != "DONE":
        finishes(world)
    assert world.books().issued == 1
    assert sum(card.front.printed == list("ymcko") for card in rig.cards) >= 1


@pytest.mark.shows("power cut in the middle of encoding: exit 9, resolve settles, the equation holds (test)")
@pytest.mark.parametrize("apdus", [8, *(pytest.param(n, marks=pytest.mark.proof) for n in (0, 40, 57))])
def test_power_cut_while_encoding(apdus: int, world: World) -> None:
    rig = rig_of(world)
    rig.reader.cut_power_after(apdus)
    said = world.cli("issue", PLAIN)
    assert said.exit == 9, said.text
    assert "job resolve" in said.err
    assert world.state(PLAIN) == "IN_DOUBT"
    world.balanced(issued=0, spoiled=0, in_doubt=1, remaining=2)
    shown = world.cli("job", "show", PLAIN, "--json").json()
    assert shown["interrupted_in"] in ("CLAIMED", "ENCODING")  # the first commands only look at the blank
    settled = world.cli("job", "resolve", PLAIN, "--json")
    assert settled.exit == 0, settled.text
    assert world.state(PLAIN) == "SPOILED"
    world.balanced(issued=0, spoiled=1, in_doubt=0, remaining=2)
    assert len(rig.rejected) == 1
    assert rig.rejected[0].front.printed == []
    finishes(world)
    world.balanced(issued=1, spoiled=1, in_doubt=0, remaining=1)


@pytest.mark.proof
def test_power_cut_while_reading_back_goes_on_with_the_same_card(world: World) -> None:
    rig = rig_of(world)
    rig.reader.cut_power_after(PAST_WRITING)
    assert world.cli("issue", PLAIN).exit == 9
    assert world.cli("job", "show", PLAIN, "--json").json()["interrupted_in"] == "VERIFYING"
    settled = world.cli("job", "resolve")
    assert settled.exit == 0, settled.text
    assert world.state(PLAIN) == "DONE"
    world.balanced(issued=1, spoiled=0, in_doubt=0, remaining=2)
    assert world.tray().front.printed == list("ymcko")


@pytest.mark.proof
def test_the_next_issue_settles_what_was_cut_off(world: World) -> None:
    rig_of(world).reader.cut_power_after(20)
    assert world.cli("issue", PLAIN).exit == 9
    said = world.cli("issue", OTHER)
    assert said.exit == 0, said.text
    assert "spoiled" in said.err
    assert world.state(PLAIN) == "SPOILED"
    world.balanced(issued=1, spoiled=1, in_doubt=0, remaining=1)


@pytest.mark.proof
def test_a_fault_again_while_settling_stays_in_doubt(world: World) -> None:
    rig = rig_of(world)
    rig.reader.cut_power_after(PAST_WRITING)
    assert world.cli("issue", PLAIN).exit == 9
    rig.reader.cut_power_after(5)
    said = world.cli("job", "resolve", PLAIN)
    assert said.exit in (5, 9), said.text
    world.balanced(issued=0, spoiled=0, in_doubt=1, remaining=2)
    rig.printer.inject(Fault.COVER_OPEN, on="Si")
    said = world.cli("job", "resolve", PLAIN)
    assert said.exit == 9, said.text
    world.balanced(issued=0, spoiled=0, in_doubt=1, remaining=2)
    rig.printer.close_cover()
    settle(world)


def test_by_hand_a_lost_card_is_settled_with_spoil(world: World) -> None:
    """Without a printer the card is in somebody's hand; when it is gone, --spoil is the only way out."""
    rig = rig_of(world)
    rig.printer.receive(b"\x1bSis\r")  # somebody puts a blank into the reader
    assert rig.inside is not None
    rig.reader.cut_power_after(20)
    by_hand = ("--printer", "none")
    said = world.cli("issue", PLAIN, *by_hand)
    assert said.exit == 9, said.text
    assert world.state(PLAIN) == "IN_DOUBT"
    rig.printer.receive(b"\x1bSer\r")  # and the card is taken away
    absent = world.cli("job", "resolve", PLAIN, *by_hand)
    assert absent.exit in (5, 9), absent.text
    rig.printer.receive(b"\x1bSis\r")  # another card
    other = world.cli("job", "resolve", PLAIN, *by_hand)
    assert other.exit == 4, other.text
    assert "--spoil" in other.err
    rig.printer.receive(b"\x1bSer\r")
    spoiled = world.cli("job", "resolve", PLAIN, "--spoil", *by_hand)
    assert spoiled.exit == 0, spoiled.text
    assert world.state(PLAIN) == "SPOILED"
    books = world.books()
    assert books.balanced
    assert (books.issued, books.spoiled, books.in_doubt, books.remaining) == (0, 1, 0, 2)


def test_by_hand_a_card_is_made(world: World) -> None:
    rig = rig_of(world)
    rig.printer.receive(b"\x1bSis\r")
    said = world.cli("issue", PLAIN, "--printer", "none")
    assert said.exit == 0, said.text
    assert world.state(PLAIN) == "DONE"
    assert rig.inside is not None
    assert rig.inside.front.printed == []
    books = world.books()
    assert (books.issued, books.remaining) == (1, 2)


@pytest.mark.proof
def test_a_card_still_inside_cannot_have_been_seen(world: World) -> None:
    """Whoever says that the print is whole must be able to see the card."""
    rig_of(world).printer.inject(Fault.SILENCE, on="Dbc", skip=2)
    assert world.cli("issue", PLAIN).exit == 9
    assert rig_of(world).inside is not None
    said = world.cli("job", "resolve", PLAIN, "--accept")
    assert said.exit == 9, said.text
    world.balanced(issued=0, spoiled=0, in_doubt=1)
    assert len(rig_of(world).output) == 1, "given out, to be looked at"
    assert world.cli("job", "resolve", PLAIN, "--spoil").exit == 0
    world.balanced(issued=0, spoiled=1, in_doubt=0)


def test_no_card_in_the_reader(world: World) -> None:
    """By hand: nobody put a blank in, so nothing is in doubt."""
    said = world.cli("issue", PLAIN, "--printer", "none")
    assert said.exit == 5, said.text
    assert "[CF-5101]" in said.err
    untouched(world)


def test_encoding_without_print(world: World) -> None:
    said = world.cli("issue", PLAIN, "--no-print")
    assert said.exit == 0, said.text
    assert world.state(PLAIN) == "DONE"
    assert world.tray().front.printed == world.tray().back.printed == []
    world.balanced(issued=1, spoiled=0, in_doubt=0, remaining=2)


@pytest.mark.proof
def test_a_second_program_at_the_same_station(world: World) -> None:
    with (world.folder / "station.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for command in (("issue", PLAIN), ("job", "resolve")):
            said = world.cli(*command)
            assert said.exit == 5, said.text
            assert "Another cardfab is moving cards" in said.err
            assert "[CF-5400]" in said.err
        untouched(world)
        assert world.cli("job", "list").exit == 0  # looking is not moving
    finishes(world)


@pytest.mark.proof
def test_a_card_left_in_the_printer_is_put_away_and_counted(world: World) -> None:
    rig_of(world).printer.receive(b"\x1bSis\r")
    said = world.cli("issue", PLAIN)
    assert said.exit == 0, said.text
    assert len(rig_of(world).rejected) == 1
    assert rig_of(world).rejected[0].front.printed == []
    books = world.books()
    assert (books.issued, books.spoiled, books.in_doubt, books.remaining) == (1, 1, 0, 1)
