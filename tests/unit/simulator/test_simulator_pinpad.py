"""The training pin pad: its blocks are read as the station reads them."""

from __future__ import annotations

import json

import pytest

from cardfab.crypto import Algorithm, decrypt_ecb
from cardfab.crypto.emv import pin_of_block
from cardfab.simulator.pinpad import TRANSPORT_KEY, TrainingPad

PAN = "6299990000000017"


def ask(pad: TrainingPad, pan: str, digits: int) -> dict[str, object]:
    answer: dict[str, object] = json.loads(pad.answer(json.dumps({"pan": pan, "digits": digits}).encode()))
    return answer


@pytest.mark.parametrize("pin", ["1234", "123456", "987654321098"])
def test_the_station_opens_the_block(pin: str) -> None:
    answer = ask(TrainingPad(lambda _: pin), PAN, len(pin))
    block = decrypt_ecb(Algorithm.TDES, TRANSPORT_KEY, bytes.fromhex(str(answer["block"])))
    assert (answer["form"], pin_of_block(0, block, pan=PAN)) == (0, pin)


@pytest.mark.parametrize(
    ("pressed", "pan", "digits", "why"),
    [
        ("", PAN, 6, "cancelled"),
        ("12345", PAN, 6, "length"),
        ("12345x", PAN, 6, "digits"),
        ("123", PAN, 3, "digits"),
        ("123456", "629999000000", 6, "digits"),
    ],
)
def test_what_gives_no_block(pressed: str, pan: str, digits: int, why: str) -> None:
    assert ask(TrainingPad(lambda _: pressed), pan, digits) == {"refused": why}


def test_a_request_that_is_none() -> None:
    assert json.loads(TrainingPad().answer(b"{}")) == {"refused": "format"}
