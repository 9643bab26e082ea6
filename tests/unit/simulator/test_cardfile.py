"""A training chip in a file, and a reader with one card in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardfab.simulator.cardfile import file_name, load_chip, save_chip
from cardfab.simulator.chip import make_blank
from cardfab.simulator.rig.slot import CardSlot

SELECT = bytes.fromhex("00A404000F") + bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
CHANGE_PIN = bytes.fromhex("805E010007123456FF654321")


def test_a_chip_outlives_its_program(tmp_path: Path) -> None:
    chip = make_blank(serial=7)
    file = tmp_path / file_name(chip)
    assert file.name == "8649440100000007.card"
    save_chip(chip, file)
    kept = load_chip(file)
    kept.power_on()
    assert kept.transmit(SELECT)[-2:] == b"\x90\x00"
    assert kept.transmit(CHANGE_PIN) == b"\x90\x00"
    assert load_chip(file).memory.cells == kept.memory.cells != chip.memory.cells
    assert load_chip(file).atr == chip.atr


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind": "x", "cells": {}}', '{"kind": "cardfab training chip"}'])
def test_another_file_is_no_chip(tmp_path: Path, content: str) -> None:
    file = tmp_path / "x.card"
    file.write_text(content)
    with pytest.raises(ValueError, match=r"x\.card|Expecting"):
        load_chip(file)


def frame(payload: bytes) -> bytes:
    return len(payload).to_bytes(2) + payload


def test_a_reader_with_one_card() -> None:
    chip = make_blank(serial=8)
    slot = CardSlot(chip)
    assert slot.receive(frame(SELECT)) == frame(b"")  # no power yet
    assert slot.receive(frame(b"\x01")[:1]) == b""
    assert slot.receive(frame(b"\x01")[1:] + frame(b"\x04")) == frame(chip.atr)
    assert slot.receive(frame(SELECT))[-2:] == b"\x90\x00"
    assert slot.receive(frame(b"\x02")) == b""
    assert slot.receive(frame(b"\x00") + frame(SELECT)) == frame(b"")
    slot.receive(frame(b"\x01"))
    slot.hang_up()
    assert slot.receive(frame(SELECT)) == frame(b"")
