"""The Matica driver over the simulated printer, which was written from the notes without it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from cardfab.cli.wiring import profile_source
from cardfab.printer.driver import CardPosition
from cardfab.printer.fault import Fault, PrinterFault
from cardfab.printer.matica import MaticaPrinter
from cardfab.printer.raster import PrintSide
from cardfab.printer.stream import open_stream
from cardfab.printer.stripe import Stripe
from cardfab.profile.loader import load
from cardfab.profile.printer import MaticaProfile, PrinterProfile
from cardfab.simulator import printer as simulated
from cardfab.simulator.printer import matica_words
from cardfab.simulator.rig import Rig
from tests.chips import PlainChip

LOADED = load(profile_source(None), "printers", "matica-xid580ie", PrinterProfile).printer
assert isinstance(LOADED, MaticaProfile)
PROFILE: MaticaProfile = LOADED
TIMES = replace(PROFILE.settings().times, query=0.5, move=0.5, panel=2.0, print=2.0, warm=1.0, poll=0.002, touch=0.002)
SETTINGS = replace(PROFILE.settings(), times=TIMES, query_attempts=3)
W, H = SETTINGS.width, SETTINGS.height


@contextmanager
def connected(rig: Rig) -> Iterator[MaticaPrinter]:
    device = MaticaPrinter(open_stream(f"socket://127.0.0.1:{rig.printer_port}"), SETTINGS)
    try:
        yield device
    finally:
        device.close()


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig([PlainChip() for _ in range(2)], family="matica", model="XID580ie") as running:
        yield running


@pytest.fixture
def device(rig: Rig) -> Iterator[MaticaPrinter]:
    with connected(rig) as printer:
        yield printer


def side() -> PrintSide:
    """Red at the upper right, one black dot at the upper left."""
    colour = np.full((H, W, 3), 255, np.uint8)
    colour[:100, W // 2 :] = (255, 0, 0)
    black = np.zeros((H, W), np.bool_)
    black[0, 0] = True
    return PrintSide(colour, black, np.ones((H, W), np.bool_))


def test_both_sides_come_out_as_they_were_drawn(rig: Rig, device: MaticaPrinter) -> None:
    assert device.identify().model == "XID580ie"
    assert device.prepare() is CardPosition.NONE
    device.feed_to_contact()
    assert device.position() is CardPosition.CONTACT
    assert rig.printer.touched is rig.inside
    device.print_sides(side(), side())
    assert device.position() is CardPosition.PRINT
    device.eject()
    (card,) = rig.output
    for name in ("front", "back"):
        picture = np.asarray(card.compose(name))
        assert picture[0, 0].tolist() == [0, 0, 0]
        assert picture[50, W - 50].tolist() == [255, 0, 0]
        assert picture[H - 50, 50].tolist() == [255, 255, 255]
    assert card.front.printed == card.back.printed == list("ymck")
    assert not card.ruined


def test_the_last_card_of_the_hopper_is_printed_and_given_out(rig: Rig, device: MaticaPrinter) -> None:
    """The status word says "no cards" from the moment it is fed."""
    device.prepare()
    for _ in range(2):
        device.feed_to_contact()
        device.print_sides(side())
        device.eject()
    assert len(rig.output) == 2
    with pytest.raises(PrinterFault) as empty:
        device.feed_to_contact()
    assert empty.value.fault is Fault.FEEDER_EMPTY
    assert device.prepare() is CardPosition.NONE


def test_a_card_is_rejected_though_the_ink_has_ended(rig: Rig, device: MaticaPrinter) -> None:
    device.prepare()
    device.feed_to_contact()
    rig.printer.inject(simulated.Fault.RIBBON_TORN, on="06")
    with pytest.raises(PrinterFault) as ended:
        device.print_sides(side())
    assert ended.value.fault is Fault.RIBBON_ENDED
    assert device.prepare() is CardPosition.PRINT
    assert device.reject() is True
    assert len(rig.rejected) == 1
    assert device.status().ribbon_left == 0


def test_warming_is_waited_for(rig: Rig, device: MaticaPrinter) -> None:
    device.prepare()
    printer = rig.printer
    assert isinstance(printer, simulated.MaticaPrinter)
    printer.warm_up = 0.5
    printer.inject(simulated.Fault.POWER_CUT, on="04")
    with pytest.raises(PrinterFault) as lost:
        device.feed_to_contact()
    assert lost.value.fault is Fault.LINK_LOST
    with connected(rig) as again:
        assert again.status().warming
        assert again.prepare() is CardPosition.NONE
        again.feed_to_contact()
    assert rig.inside is not None


@pytest.mark.proof
def test_patience_with_warming_ends(rig: Rig, device: MaticaPrinter) -> None:
    device.prepare()
    rig.printer.inject(simulated.Fault.WARMING, on="04")
    with pytest.raises(PrinterFault) as cold:
        device.feed_to_contact()
    assert cold.value.fault is Fault.WARMING
    assert len(rig.hopper) == 2


def test_contacts_are_put_down_again(rig: Rig, device: MaticaPrinter) -> None:
    device.prepare()
    rig.printer.inject(simulated.Fault.NO_CONTACT, on="0A")
    device.feed_to_contact()
    assert rig.printer.touched is None
    device.touch_again()
    assert rig.printer.touched is rig.inside


@pytest.mark.parametrize("bad", [False, True])
def test_the_stripe_is_written_and_read_back(rig: Rig, device: MaticaPrinter, *, bad: bool) -> None:
    device.prepare()
    device.feed_to_contact()
    if bad:
        rig.printer.inject(simulated.Fault.STRIPE, on="09")
        with pytest.raises(PrinterFault) as wrong:
            device.write_stripe(Stripe(track2="6222=2612"))
        assert wrong.value.fault is Fault.STRIPE
        assert "6222" not in str(wrong.value)
        return
    device.write_stripe(Stripe(track1="B6222^A/B^2612", track2="6222=2612"))
    card = rig.inside
    assert card is not None
    assert set(card.stripe) == {1, 2}
    assert device.position() is CardPosition.CONTACT


@pytest.mark.parametrize("fault", [simulated.Fault.WRONG_OK, simulated.Fault.SILENCE])
def test_a_movement_is_believed_by_the_position_alone(rig: Rig, device: MaticaPrinter, fault: simulated.Fault) -> None:
    device.prepare()
    rig.printer.inject(fault, on="04")
    with pytest.raises(PrinterFault) as wrong:
        device.feed_to_contact()
    wanted = Fault.WRONG_POSITION if fault is simulated.Fault.WRONG_OK else Fault.NO_ANSWER
    assert wrong.value.fault is wanted


WORDS = {name: value for name, value in vars(matica_words).items() if name.isupper() and isinstance(value, int)}
MEANT = {
    "WARMING": None,
    "INITIALISING": None,
    "BUSY": None,
    "PRINTING": None,
    "NO_CARDS": Fault.FEEDER_EMPTY,
    "DOOR_OPEN": Fault.COVER_OPEN,
    "HEAD_HOT": Fault.HEAD_HOT,
    "JAM_HOPPER": Fault.JAM,
    "JAM_TURNOVER": Fault.JAM,
    "JAM_STRIPE": Fault.JAM,
    "JAM_TRANSFER": Fault.JAM,
    "JAM_EXIT": Fault.JAM,
    "JAM_RETRANSFER": Fault.JAM,
    "FILM_SEARCH": Fault.RIBBON_MISSING,
    "STRIPE_FAILED": Fault.STRIPE,
    "INK": Fault.RIBBON_MISSING,
    "INK_SEARCH": Fault.RIBBON_MISSING,
    "INK_OUT": Fault.RIBBON_ENDED,
    "BAD_COMMAND": Fault.REFUSED,
    "CARD_POSITION": Fault.WRONG_POSITION,
    "WAS_RESET": Fault.REFUSED,
    "NO_SUCH_ENTRY": Fault.REFUSED,
}


def test_every_status_word_of_the_notes_has_its_meaning() -> None:
    assert set(WORDS) - {"OK"} == set(MEANT)
    for name, meaning in MEANT.items():
        assert SETTINGS.meaning(WORDS[name]) is meaning, name
