"""The Matica XID language against dumps of a real printer's traffic, published by its user (revk/cardprint)."""

from __future__ import annotations

import pytest

from cardfab.printer import matica_wire as wire
from cardfab.printer.driver import CardPosition


def heard(text: str) -> wire.Message:
    data = bytes.fromhex(text)
    assert wire.words_behind(data[: wire.HEAD]) == len(data) - wire.HEAD
    return wire.parse(data[: wire.HEAD], data[wire.HEAD :])


CONNECT = (
    "f3000200 0000001c 00000000 00033118 0000 0000 0000 0000 0000 0000 0000 5052 494e 5445 5230 3100"
    "5bf0 b0c7 0000 0000 0000 0000 0000 0000 5849 4438 3630 3020 2020 2020 2020 2020"
    + "fe80 0000 0000 0000 923d 68ff fe02 58c3 2001 067c 2a40 0000 923d 68ff fe02 58c3" + "00" * 16
)  # fmt: skip


def test_the_printer_names_its_model_when_it_is_connected() -> None:
    message = heard(CONNECT)
    assert message.type == wire.CONNECTED
    assert wire.model_of(message) == "XID8600"


def test_the_document_message_is_laid_out_as_in_the_dump() -> None:
    dump = bytes.fromhex(
        "f2000300 0000001d 00000002 99999999 0000 0000 7809 1107 1529 0000 4f00 7700 6e00 6500 7200 0000"
        "0000 0000 0000 0000 0000 0000 0000 0000 0000 0000 4400 6f00 6300 7500 6d00 6500 6e00 7400" + "00" * 48
    )
    made = wire.message(wire.DOCUMENT, wire.FIRST_SEQUENCE, wire.document("Owner", "Document"), parameter=2)
    assert len(made) == len(dump) == 8 + 4 * 0x1D
    assert made[:16] == dump[:16]
    assert made[28:] == dump[28:]  # the twelve bytes between them are a time, it seems


@pytest.mark.parametrize(
    ("data", "dump"),
    [
        (wire.act(wire.STATUS, 0, 0), "f0000100 00000003 00000000 00000000 01020000"),
        (wire.act(wire.POSITION, 0, 0), "f0000100 00000003 00000000 00000000 02020000"),
        (wire.act(wire.LOAD, 0, wire.AT_ANTENNA), "f0000100 00000003 00000000 00000000 04020002"),
        (wire.act(wire.LOAD, wire.FILM_START, 0), "f0000100 00000003 00000000 00000000 04028000"),
        (wire.act(wire.MOVE, 0, wire.AT_REJECT), "f0000100 00000003 00000000 00000000 05020004"),
        (wire.act(wire.PRINT, 1, 0x6F), "f0000100 00000003 00000000 00000000 0602016f"),
        (wire.act(wire.TRANSFER, 0, wire.AT_EJECT, 0, 0, 0, 0), "f0000100 00000004 00000000 00000000 0706000500000000"),
        (wire.act(wire.TRANSFER, wire.TURN, 0, 0, 0, 0, 0), "f0000100 00000004 00000000 00000000 0706100000000000"),
        (wire.act(wire.CONTACTS, wire.RELEASE_CONTACT, 0), "f0000100 00000003 00000000 00000000 0a024000"),
    ],
)
def test_commands_are_those_of_the_dumps(data: bytes, dump: str) -> None:
    assert wire.message(wire.COMMAND, 0, data) == bytes.fromhex(dump)


def test_answers_of_the_dumps_are_read() -> None:
    refused = heard("f1000200 00000002 0002d000 00000000")
    assert (refused.type, refused.status) == (wire.REFUSED, 0x0002D000)
    empty = heard("f1000300 00000003 00000000 00000000 01020400")
    assert empty.data == bytes([1, 2, 4, 0])
    there = heard("f1000300 00000003 00000000 00000000 01020002")
    assert wire.POSITIONS[there.data[3]] is CardPosition.CONTACTLESS


def test_ink_film_and_cards_are_read_from_the_dump() -> None:
    answer = heard(
        "f1000600 0000001b 00000000 0000000a 0c020108 0a020100 0d020100 0b020130 0e060203e8000000"
        "0f2220454833313131"
        + "00" * 27
        + "1f06040000007500 200604000002f000 2106040000007500 1e06040000000a00 2306040000000800"
    )  # fmt: skip
    told = wire.told(answer.data)
    assert told[wire.TAG_FILM] == 8
    assert told[wire.TAG_CARDS] == 0
    assert told[wire.TAG_INK] == 48
    assert told[wire.TAG_PANELS] == 1000
    assert told[0x1F] == 117


def test_a_panel_is_announced_as_in_the_dump() -> None:
    dots = bytes(2072 * 1328)
    made = wire.message(wire.PANEL, 5, wire.panel(0, dots))
    assert made[:28] == bytes.fromhex("F0000200 000A7F25 00000000 00000005 01000000 0029FC84 0029FC80")
    assert len(made) == 28 + len(dots)


@pytest.mark.parametrize("cut", [b"\x0c", b"\x0c\x02\x01", b"\x0e\x06\x02\x03"])
def test_an_answer_that_ends_inside_a_value_is_not_read(cut: bytes) -> None:
    if len(cut) < 3:
        assert wire.told(cut) == {}
    else:
        with pytest.raises(ValueError, match="ends inside"):
            wire.told(cut)


def test_track_1_goes_in_its_six_bit_code_and_the_others_as_digits() -> None:
    assert wire.stripe_write({1: "B7 "}) == bytes([9, 7, 0, 1, 0x16, 3, 0x22, 0x17, 0x00])
    assert wire.stripe_write({2: "62=1"}) == bytes([9, 8, 0, 1, 0x24, 4, 6, 2, 13, 1])
