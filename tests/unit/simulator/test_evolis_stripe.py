"""The magnetic encoder and the bezel of the simulated Evolis printer."""

from __future__ import annotations

import pytest

from cardfab.simulator.printer import EvolisPrinter, Fault, stripe
from tests.chips import PlainChip


def say(printer: EvolisPrinter, *commands: str) -> list[str]:
    return [printer.receive(b"\x1b" + one.encode() + b"\r").rstrip(b"\0").decode() for one in commands]


@pytest.fixture
def printer() -> EvolisPrinter:
    device = EvolisPrinter()
    device.load([PlainChip(), PlainChip()])
    return device


def test_tracks_are_written_with_sentinels_and_read_back(printer: EvolisPrinter) -> None:
    assert say(printer, "Sis", "Pmc;h", "Dm;1;B62^A/B^26", "Dm;2;62=26", "Smw", "Smr", "Rmb;1", "Rmb;2") == [
        *["OK"] * 6, "B62^A/B^26", "62=26",
    ]  # fmt: skip
    card = printer.machine.inside
    assert card is not None
    # ISO/IEC 7811-2 table 6: ; is 11010 with the parity in front, = 13, ? 31.
    assert card.stripe[2] == bytes((0x0B, 0x16, 0x02, 0x0D, 0x02, 0x16, 0x1F, 0x19))


@pytest.mark.parametrize("bad", ["Dm;2;A", "Dm;4;1", "Dm;2;" + "1" * 38, "Pmc;x", "Smw", "Rmb;1", "Dm;1;a"])
def test_what_no_track_holds_is_refused(printer: EvolisPrinter, bad: str) -> None:
    assert say(printer, bad)[0].startswith("ERR")


def test_a_wrong_check_character_is_found(printer: EvolisPrinter) -> None:
    printer.inject(Fault.STRIPE, on="Smw")
    assert say(printer, "Sis", "Dm;2;62=26", "Smw", "Smr") == ["OK", "OK", "ERR MAG CHECKSUM", "ERR MAG CHECKSUM"]


@pytest.mark.parametrize("bit", range(5))
def test_one_turned_bit_does_not_read(bit: int) -> None:
    laid = bytearray(stripe.lay(3, "0123456789"))
    laid[4] ^= 1 << bit
    with pytest.raises(stripe.StripeError):
        stripe.read(3, bytes(laid))


def test_a_card_waits_in_the_bezel_until_it_is_taken() -> None:
    device = EvolisPrinter(bezel=True)
    device.load([PlainChip(), PlainChip()])
    device.machine.taker = True
    assert say(device, "Sis", "Se", "Rse;b") == ["OK", "OK", "0,00 Volts"]
    device.inject(Fault.NOT_TAKEN, on="Se")
    assert say(device, "Sis", "Se", "Rse;b", "Ser", "Rse;b") == ["OK", "OK", "5,00 Volts", "OK", "0,00 Volts"]
    assert [len(device.machine.output), len(device.machine.rejected)] == [1, 1]
