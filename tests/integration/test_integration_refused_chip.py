"""A chip that refuses, a chip that is somebody else's: the blank is spoiled and counted, the request stays open."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cardfab.simulator.chip import make_blank
from cardfab.simulator.printer import Place
from tests.integration.conftest import PLAIN, RARE, SERIALS, World

OTHER = next(iter(RARE))


@pytest.mark.proof
@pytest.mark.shows("a chip whose external authentication key is wrong: exit 4, blank spoiled, request open (proof)")
def test_a_wrong_key_spoils_the_blank_and_the_next_issue_is_a_linked_remake(
    new_world: Callable[..., World],
) -> None:
    bad = make_blank(serial=next(SERIALS), wrong_update_key=True)
    world = new_world(bad)
    assert world.rig is not None
    said = world.cli("issue", PLAIN, *world.devices())
    assert said.exit == 4, said.text
    # EXTERNAL AUTHENTICATE with a wrong key: 63Cx tells the tries left, 6300 and 6982 are what other cards say.
    assert any(word in said.err for word in ("63C", "6300", "6982")), said.err
    assert said.out == ""
    world.balanced(issued=0, spoiled=1, in_doubt=0, remaining=2)
    report = world.cli("stock", "report", "--json").json()
    stock = report if isinstance(report, list) else next(iter(report.values()))
    assert stock[0]["spoiled"] == 1
    assert world.rig.where(bad) is Place.REJECTED
    assert world.rig.rejected[0].front.printed == []
    assert bad.inspect()["DDF1/EF06"] == {}, "nothing was written"
    assert world.state(PLAIN) == "SPOILED"

    shown = world.cli("job", "show", PLAIN, "--json").json()
    assert shown["state"] == "SPOILED"
    assert "CF-4101" in shown["reason"]
    again = world.cli("issue", PLAIN, *world.devices(), "--json")
    assert again.exit == 0, again.text
    first, second = world.jobs(PLAIN)
    assert second.state == "DONE"
    assert second.remake_of == first.id
    assert world.cli("job", "show", PLAIN, "--json").json()["remake_of"] == first.id
    assert second.card_number_index == first.card_number_index, "the remake carries the same number"
    world.balanced(issued=1, spoiled=1, in_doubt=0, remaining=1)
    # And no third card: the request is done.
    assert world.cli("issue", PLAIN).exit == 7
    world.balanced(issued=1, spoiled=1, in_doubt=0, remaining=1)


@pytest.mark.proof
def test_every_blank_refuses_until_the_stock_is_empty(new_world: Callable[..., World]) -> None:
    world = new_world(*(make_blank(serial=next(SERIALS), wrong_update_key=True) for _ in range(3)))
    for spoiled in (1, 2, 3):
        assert world.cli("issue", PLAIN).exit == 4
        world.balanced(issued=0, spoiled=spoiled, in_doubt=0)
    said = world.cli("issue", PLAIN)
    assert said.exit == 7, said.text
    assert "stock receive" in said.err
    world.balanced(issued=0, spoiled=3, in_doubt=0, remaining=0)
    assert [job.state for job in world.jobs(PLAIN)][:3] == ["SPOILED"] * 3


def swap_before_print(world: World, chip: object) -> None:
    """Somebody's hand: once the chip was verified, another lies at the contact station when it is next powered."""
    rig = world.rig
    assert rig is not None
    powered = 0
    answer = rig.reader._answer

    def swapping(payload: bytes) -> bytes | None:
        nonlocal powered
        if payload == b"\x01" and rig.inside is not None:
            powered += 1
            if powered == 3:  # encode, verify, then the look at the number
                rig.inside.chip = chip  # type: ignore[assignment]
        return answer(payload)

    rig.reader._answer = swapping  # type: ignore[method-assign]


@pytest.mark.proof
@pytest.mark.shows("before printing, the number read from the chip must be the job's (proof)")
def test_a_card_swapped_between_verify_and_print_is_not_printed(world: World, new_world: Callable[..., World]) -> None:
    elsewhere = new_world()
    assert elsewhere.cli("issue", OTHER).exit == 0
    foreign = elsewhere.tray().chip  # a finished card of another holder

    assert world.rig is not None
    swap_before_print(world, foreign)
    said = world.cli("issue", PLAIN)
    assert said.exit == 4, said.text
    assert "[CF-4400]" in said.err
    assert "nothing was printed" in said.err
    assert world.rig.output == ()
    (card,) = world.rig.rejected
    assert card.front.printed == card.back.printed == []
    world.balanced(issued=0, spoiled=1, in_doubt=0, remaining=2)
    assert world.state(PLAIN) == "SPOILED"


def test_a_blank_swapped_in_before_print_is_not_printed(world: World) -> None:
    assert world.rig is not None
    swap_before_print(world, make_blank(serial=next(SERIALS)))
    said = world.cli("issue", PLAIN)
    assert said.exit == 4, said.text
    assert world.rig.output == ()
    assert [card.front.printed for card in world.rig.rejected] == [[]]
    world.balanced(issued=0, spoiled=1, in_doubt=0, remaining=2)


def test_a_number_changed_on_the_same_chip_before_print_is_not_printed(world: World) -> None:
    """The chip is the job's, its answer to the number is not."""
    assert world.rig is not None
    rig, reads = world.rig, 0
    transmit = rig.reader._transmit

    def lying(card: object, apdu: bytes) -> bytes:
        nonlocal reads
        answer = transmit(card, apdu)  # type: ignore[arg-type]
        if apdu[:4] == b"\x00\xb2\x07\x2c" and answer[-2:] == b"\x90\x00":  # SSSE/EF05, item 07
            reads += 1
            if reads == 2:
                return answer[:2] + b"T9999999X" + answer[-2:]
        return answer

    rig.reader._transmit = lying  # type: ignore[method-assign]
    said = world.cli("issue", PLAIN)
    assert reads == 2
    assert said.exit == 4, said.text
    assert "[CF-4400]" in said.err
    assert rig.output == ()
    world.balanced(issued=0, spoiled=1, in_doubt=0, remaining=2)


@pytest.mark.proof
def test_a_chip_that_was_in_a_job_before_is_no_blank(world: World, new_world: Callable[..., World]) -> None:
    assert world.cli("issue", OTHER).exit == 0
    used = world.tray().chip
    world.balanced(issued=1, remaining=2)
    assert world.rig is not None
    world.rig.hopper[0].chip = used
    said = world.cli("issue", PLAIN)
    assert said.exit == 4, said.text
    assert "[CF-4210]" in said.err
    world.balanced(issued=1, spoiled=1, in_doubt=0, remaining=1)
    # Another station has never seen the chip: there its own contents say that it is no blank.
    stranger = new_world(used)
    said = stranger.cli("issue", PLAIN)
    assert said.exit == 4, said.text
    assert "[CF-4200]" in said.err
    stranger.balanced(issued=0, spoiled=1, in_doubt=0, remaining=2)


def test_a_read_back_that_differs_spoils_the_card(world: World) -> None:
    assert world.rig is not None
    rig = world.rig
    transmit = rig.reader._transmit

    def one_bit(card: object, apdu: bytes) -> bytes:
        answer = transmit(card, apdu)  # type: ignore[arg-type]
        if apdu[:4] == b"\x00\xb2\x02\x34" and len(answer) == 34:  # SSSE/EF06, item 09, the name
            return answer[:2] + bytes([answer[2] ^ 1]) + answer[3:]
        return answer

    rig.reader._transmit = one_bit  # type: ignore[method-assign]
    said = world.cli("issue", PLAIN)
    assert said.exit == 4, said.text
    assert "[CF-4300]" in said.err
    assert "SSSE/EF06 09 name" in said.err
    assert rig.output == ()
    world.balanced(issued=0, spoiled=1, in_doubt=0, remaining=2)
