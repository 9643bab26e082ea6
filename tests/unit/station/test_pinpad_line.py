"""The pin pad behind its line: what is asked, what comes back, and that a block is good for one entry of one kind."""

from __future__ import annotations

import json
import os
import threading
import tty
from contextlib import suppress

import pytest

from cardfab.errors import KeyFault
from cardfab.keys import SoftKeyStore
from cardfab.keys.label import HOLDERS_PIN, Sealed
from cardfab.printer.stream import open_port
from cardfab.simulator.pinpad import Prompt, TrainingPad, published
from cardfab.station.pinpad import LinePad, PadFault, port_exchange
from tests.made_cards import store

NUMBER, LATER = "4407199900000017", "4407199900000025"


def keys() -> SoftKeyStore:
    """A training store, with the transport key of the training pad."""
    return store()


def sealed(pad: LinePad, number: str, *, opened_as: str = "") -> Sealed:
    """A PIN that the holder enters, as the station has it."""
    given = pad.enter_current(number, 4, 12)
    return keys().pin_from_pad("bank/ZPK", given.form, given.ciphered, opened_as or number, HOLDERS_PIN)


@pytest.mark.parametrize(
    ("pin", "packed"), [("123456", "123456"), ("12345", "12345F"), ("123456789012", "123456789012")]
)
def test_a_current_pin_goes_sealed_to_the_store_and_clear_to_one_command(pin: str, packed: str) -> None:
    held = sealed(LinePad(TrainingPad(lambda _: pin).answer), NUMBER)
    assert pin.encode() not in held.ciphertext
    assert keys().pin_clear(held) == bytes.fromhex(packed)


def test_a_block_of_an_earlier_entry_does_not_open() -> None:
    with pytest.raises(KeyFault) as caught:
        sealed(LinePad(TrainingPad(lambda _: "123456").answer), NUMBER, opened_as=LATER)
    assert caught.value.code == "CF-6406"


def test_nothing_but_a_holders_pin_is_given_out() -> None:
    with pytest.raises(KeyFault) as caught:
        keys().pin_clear(keys().random_pin(6, "first PIN, format 2 block"))
    assert caught.value.code == "CF-6414"


def test_what_the_pad_is_asked() -> None:
    lines: list[bytes] = []
    prompts: list[Prompt] = []

    def press(prompt: Prompt) -> str:
        prompts.append(prompt)
        return published(prompt)

    def exchange(line: bytes) -> bytes:
        lines.append(line)
        assert pad.asking == json.loads(line)["entry"]
        return TrainingPad(press).answer(line)

    pad = LinePad(exchange)
    pad.enter(NUMBER, 6)
    pad.enter_current(NUMBER, 4, 12)
    pad.enter_new(NUMBER, 6)
    assert pad.asking is None
    assert [json.loads(line) for line in lines] == [
        {"entry": "first", "pan": NUMBER, "digits": 6},
        {"entry": "current", "pan": NUMBER, "least": 4, "most": 12},
        {"entry": "new", "pan": NUMBER, "digits": 6, "again": True},
    ]
    assert prompts == [
        Prompt("first", 6, 6), Prompt("current", 4, 12), Prompt("new", 6, 6), Prompt("new", 6, 6, again=True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (b'{"refused": "cancelled"}\n', "the holder cancelled"),
        (b'{"refused": "timeout"}\n', "in time"),
        (b'{"refused": "differ"}\n', "the two entries differ"),
        (b'{"refused": "length"}\n', "does not fit"),
        (b'{"refused": "jammed"}\n', "it refuses"),
        (b'{"form": 1, "block": "0011223344556677"}\n', "neither of format 0 nor of format 3"),
        (b'{"form": 0}\n', "not understood"),
        (b"[]\n", "not understood"),
        (b"{\n", "not understood"),
    ],
)
def test_what_the_pad_says_is_said_to_the_operator(answer: bytes, says: str) -> None:
    with pytest.raises(PadFault, match=says) as caught:
        LinePad(lambda _: answer).enter_new(NUMBER, 6)
    assert caught.value.code == "CF-5640"
    assert "approve the request" not in (caught.value.do.en if caught.value.do else "")


def test_new_pins_that_differ_are_the_pads_to_refuse() -> None:
    presses = ["123456", "654321"]
    with pytest.raises(PadFault, match="differ"):
        LinePad(TrainingPad(lambda _: presses.pop(0)).answer).enter_new(NUMBER, 6)


def test_one_entry_at_a_time() -> None:
    """Two pages that ask at once get one entry after the other."""
    running, most, free = [0], [0], threading.Event()

    def exchange(line: bytes) -> bytes:
        running[0] += 1
        most[0] = max(most[0], running[0])
        free.wait(0.05)
        running[0] -= 1
        return TrainingPad().answer(line)

    pad = LinePad(exchange)
    asking = [threading.Thread(target=pad.enter_current, args=(NUMBER, 4, 12)) for _ in range(3)]
    for one in asking:
        one.start()
    for one in asking:
        one.join(5)
    assert most == [1]


def test_a_pad_at_a_serial_line() -> None:
    """A pty stands for the line; the pad says something unasked first, and answers in two portions."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    tty.setraw(ours)
    name = os.ttyname(theirs)

    def serve() -> None:
        got = b""
        with suppress(OSError):
            while not got.endswith(b"\n"):
                got += os.read(ours, 4096)
            answer = TrainingPad(lambda _: "4711").answer(got)
            os.write(ours, answer[:9])
            os.write(ours, answer[9:])

    pad = threading.Thread(target=serve, daemon=True)
    pad.start()
    try:
        held = sealed(LinePad(port_exchange(lambda: open_port(name, baudrate=9600), 5.0)), NUMBER)
        assert keys().pin_clear(held) == bytes.fromhex("4711")
    finally:
        os.close(ours)
        os.close(theirs)
        pad.join(5)


def test_a_serial_pad_that_is_not_there_or_says_nothing() -> None:
    with pytest.raises(PadFault, match="does not answer"):
        LinePad(port_exchange(lambda: open_port("/dev/no-such-pad"))).enter_current(NUMBER, 4, 12)
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    try:
        silent = LinePad(port_exchange(lambda: open_port(os.ttyname(theirs), baudrate=9600), 0.05))
        with pytest.raises(PadFault, match="does not answer"):
            silent.enter_current(NUMBER, 4, 12)
    finally:
        os.close(ours)
        os.close(theirs)
