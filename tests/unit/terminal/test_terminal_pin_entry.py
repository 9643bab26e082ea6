"""The holder's PIN on its way to a card: at the reader's keys, sealed behind a pad, and what neither may be used for.

The reader here is a few lines that do with a structure of PC/SC part 10 what a CCID reader does: put the digits where
it says, set Lc, send. It reads the bytes, not the objects they were made of.
"""

from __future__ import annotations

import secrets

import pytest

from cardfab.apdu.pinentry import NoPinReader, PinCommand, PinFeatures, PinNotEntered, PinPlace, response, structure
from cardfab.crypto.emv import pin_block
from cardfab.keys import Sealed
from cardfab.keys.label import HOLDERS_PIN
from cardfab.profile.card import CardProfile
from cardfab.profile.loader import load
from cardfab.simulator.chip import make_blank
from cardfab.terminal.card import pin_tries, verify_pin
from cardfab.terminal.identify import identify
from cardfab.terminal.pins import AtReader
from cardfab.terminal.pki import set_pki_pin
from cardfab.terminal.reason import PinWrong
from cardfab.terminal.services import change_pin, reload_pin
from tests.unit.terminal.seats import PIN, PROFILES, REGION, Seat, Wire, issuer, present

SIX, ANY = AtReader(PinPlace(6, 6)), AtReader(PinPlace(4, 12))
NUMBER = "4407199900000017"


class KeyedWire(Wire):
    """A reader with keys at which somebody presses ``pins``, an empty one being the red key."""

    pins: list[str]

    def pin_features(self) -> PinFeatures:
        return PinFeatures(0x42330006, 0x42330007, 4, 12)

    def enter_pin(self, command: PinCommand, /) -> bytes:
        told = structure(command)
        modifies = command.new_at is not None
        apdu = bytearray(told[24:] if modifies else told[19:])
        block = told[3] & 0x0F
        most, least = (told[7], told[8]) if modifies else (told[5], told[6])
        places = (told[5], told[6]) if modifies else (0,)
        typed = [self.pins.pop(0) for _ in range(3 if modifies else 1)]
        if not typed[0]:
            return response(b"\x64\x01")
        if any(not least <= len(one) <= most for one in typed):
            return response(b"\x64\x03")
        if modifies and typed[1] != typed[2]:
            return response(b"\x64\x02")
        for place, digits in zip(places, typed, strict=False):
            packed = bytes.fromhex(digits + "F" * (len(digits) % 2))
            apdu[5 + place : 5 + place + (block or len(packed))] = packed.ljust(block, b"\xff")
        apdu[4] = len(apdu) - 5
        return response(self.transmit(bytes(apdu)))


def keyed(*pins: str) -> Seat:
    """A card in a reader with keys."""
    made = present(make_blank(serial=7, region=REGION), issuer())
    made.wire = KeyedWire(made.chip)
    made.wire.pins = list(pins)
    made.run(identify(made.card))
    return made


def sealed(pin: str) -> Sealed:
    """A PIN as the store has it behind a pad."""
    block = issuer().pad_block("bank/ZPK", 0, pin, NUMBER)
    return issuer().pin_from_pad("bank/ZPK", 0, block, NUMBER, HOLDERS_PIN)


@pytest.mark.shows("PIN entry: at the reader by PC/SC part 10 secure verify (test)")
@pytest.mark.parametrize("at", [SIX, ANY], ids=["one length", "any length"])
def test_verify_at_the_reader(at: AtReader) -> None:
    seat = keyed(PIN)
    seat.run(verify_pin(seat.card, at))
    assert seat.card.pin_verified
    assert seat.wire.sent[-1] == bytes.fromhex("0020000003123456")


def test_a_wrong_pin_and_the_red_key_at_the_reader() -> None:
    seat = keyed("654321", "")
    before = seat.run(pin_tries(seat.card)) or 0
    with pytest.raises(PinWrong) as wrong:
        seat.run(verify_pin(seat.card, SIX))
    assert wrong.value.tries == before - 1
    with pytest.raises(PinNotEntered, match="cancelled"):
        seat.run(verify_pin(seat.card, SIX))
    assert seat.run(pin_tries(seat.card)) == before - 1, "the card was not asked"


def test_change_at_the_reader() -> None:
    seat = keyed(PIN, "864209", "864209", "864209")
    seat.run(change_pin(seat.card, SIX, SIX))
    assert seat.wire.sent[-1] == bytes.fromhex("805E010007123456FF864209")
    seat.run(verify_pin(seat.card, SIX))


@pytest.mark.parametrize(("new", "again", "says"), [("864209", "864208", "differ"), ("86420", "86420", "digits")])
def test_a_change_that_the_reader_refuses_changes_nothing(new: str, again: str, says: str) -> None:
    seat = keyed(PIN, new, again, PIN)
    with pytest.raises(PinNotEntered, match=says):
        seat.run(change_pin(seat.card, SIX, SIX))
    seat.run(verify_pin(seat.card, SIX))


def test_what_no_reader_can_do() -> None:
    """A reset goes enciphered under STK; a PIN for the certificate application must be known to the key store."""
    seat = keyed(PIN, PIN)
    with pytest.raises(NoPinReader):
        seat.run(reload_pin(seat.card, SIX))
    with pytest.raises(NoPinReader):
        seat.run(change_pin(seat.card, SIX, PIN))
    pki = load(PROFILES, "cards", "training-ssc3", CardProfile).pki
    assert pki is not None
    with pytest.raises(NoPinReader):
        seat.run(set_pki_pin(seat.card, pki, issuer(), SIX))


def test_verify_change_and_reset_by_a_sealed_pin() -> None:
    seat = present(make_blank(serial=7, region=REGION), issuer())
    seat.run(identify(seat.card))
    seat.run(verify_pin(seat.card, sealed(PIN)))
    seat.run(change_pin(seat.card, sealed(PIN), sealed("97531")))
    assert seat.wire.sent[-1] == bytes.fromhex("805E010007123456FF97531F")
    seat.run(verify_pin(seat.card, sealed("97531")))
    seat.run(reload_pin(seat.card, sealed("2468")))
    assert not any(bytes.fromhex("2468") in apdu for apdu in seat.wire.sent if apdu[1] == 0x24), "enciphered under STK"
    seat.card.pin_verified = False
    seat.run(verify_pin(seat.card, sealed("2468")))


def test_a_reset_asks_the_store_for_nothing_in_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    store = issuer()
    asked: list[Sealed] = []
    monkeypatch.setattr(type(store), "pin_clear", lambda self, pin: asked.append(pin) or secrets.token_bytes(3))
    seat = present(make_blank(serial=7, region=REGION), store)
    seat.run(identify(seat.card))
    seat.run(reload_pin(seat.card, sealed("2468")))
    assert not asked


def test_the_sealed_pin_is_the_block_that_was_entered() -> None:
    assert issuer().pin_clear(sealed("13579")) == bytes.fromhex("13579F")
    assert pin_block(2, "13579")[1:4] == bytes.fromhex("13579F")
