"""APDU values: the case table, both directions, what is hidden; status words; the ATR."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.apdu import ApduMalformed, CommandApdu, ResponseApdu, StatusWord, historical_bytes
from cardfab.apdu.message import ins_name
from cardfab.apdu.status import known

h = bytes.fromhex
byte = st.integers(0, 255)
ins = byte.filter(lambda value: value & 0xF0 not in (0x60, 0x90))
# Lengths about every border of the case table.
nc = st.sampled_from([0, 1, 2, 254, 255, 256, 257, 65534, 65535]) | st.integers(0, 600)
ne = st.none() | st.sampled_from([1, 255, 256, 257, 65535, 65536]) | st.integers(1, 65536)


@pytest.mark.parametrize(
    ("command", "raw", "case"),
    [
        (CommandApdu(0, 0x20, 0, 0), "00200000", "1"),
        (CommandApdu(0, 0x84, 0, 0, ne=8), "0084000008", "2S"),
        (CommandApdu(0, 0xB0, 0, 0, ne=256), "00B0000000", "2S"),
        (CommandApdu(0, 0xB0, 0, 0, ne=257), "00B00000000101", "2E"),
        (CommandApdu(0, 0xB0, 0, 0, ne=65536), "00B00000000000", "2E"),
        (CommandApdu(0, 0xDC, 1, 4, h("0102")), "00DC0104020102", "3S"),
        (CommandApdu(0, 0xDC, 1, 4, bytes(256)), "00DC0104000100" + "00" * 256, "3E"),
        (CommandApdu(0, 0xA4, 4, 0, h("AABB"), 256), "00A4040002AABB00", "4S"),
        (CommandApdu(0, 0xA4, 4, 0, h("AABB"), 300), "00A40400000002AABB012C", "4E"),
        (CommandApdu(0, 0xA4, 4, 0, bytes(256), 256), "00A40400000100" + "00" * 256 + "0100", "4E"),
        (CommandApdu(0, 0xA4, 4, 0, bytes(256), 65536), "00A40400000100" + "00" * 256 + "0000", "4E"),
    ],
)
def test_every_case(command: CommandApdu, raw: str, case: str) -> None:
    assert command.case == case
    assert command.to_bytes() == h(raw)
    assert CommandApdu.from_bytes(h(raw)) == command


@given(byte, ins, byte, byte, nc, ne)
def test_round_trip(cla: int, ins: int, p1: int, p2: int, nc: int, ne: int | None) -> None:
    command = CommandApdu(cla, ins, p1, p2, b"\xa5" * nc, ne)
    assert CommandApdu.from_bytes(command.to_bytes()) == command


@given(st.binary(max_size=40))
def test_bytes_parse_or_are_refused(raw: bytes) -> None:
    try:
        command = CommandApdu.from_bytes(raw)
    except ApduMalformed:
        return
    assert CommandApdu.from_bytes(command.to_bytes()) == command
    if not command.extended and raw[4:5] != b"\x00":
        assert command.to_bytes() == raw


@pytest.mark.parametrize(
    "raw",
    ["", "00A404", "00A4040002AA", "00A4040002AABB0000", "00A40400000002AA", "00A404000000", "00A40400000000AA",
     "00A40400000002AABB01", "0060000000", "0090000000"],
)  # fmt: skip
def test_malformed(raw: str) -> None:
    with pytest.raises(ApduMalformed):
        CommandApdu.from_bytes(h(raw))


@pytest.mark.parametrize("fields", [(256, 0, 0, 0), (0, 0xA4, -1, 0)])
def test_header_fields_are_bytes(fields: tuple[int, int, int, int]) -> None:
    with pytest.raises(ApduMalformed):
        CommandApdu(*fields)


@pytest.mark.parametrize(("data", "ne"), [(bytes(65536), None), (b"", 0), (b"", 65537)])
def test_lengths_are_bounded(data: bytes, ne: int | None) -> None:
    with pytest.raises(ApduMalformed):
        CommandApdu(0, 0xA4, 0, 0, data, ne)


def test_secret_data_is_hidden_and_its_length_is_not() -> None:
    command = CommandApdu(0, 0x20, 0, 0, h("123456"), secret=True, name="VERIFY PIN")
    assert repr(command) == "CommandApdu(VERIFY PIN: 00200000 03 ******)"
    assert command.to_bytes() == h("0020000003123456")
    assert repr(CommandApdu(0, 0xA4, 0, 0, h("3F00"), 256)) == "CommandApdu(SELECT: 00A40000 02 3F00 00)"


def test_response() -> None:
    response = ResponseApdu.from_bytes(h("01026A82"))
    assert (response.data, response.sw, response.sw.name) == (h("0102"), 0x6A82, "FILE_NOT_FOUND")
    assert response.to_bytes() == h("01026A82")
    assert repr(response) == "ResponseApdu(2 bytes, StatusWord(6A82 FILE_NOT_FOUND))"
    with pytest.raises(ApduMalformed):
        ResponseApdu.from_bytes(b"\x90")


@given(st.integers(0, 0xFFFF))
def test_every_status_word_prints_in_both_languages(value: int) -> None:
    sw = StatusWord(value)
    assert sw.name
    assert sw.meaning.en
    assert sw.meaning.zh
    assert str(sw).startswith(f"{value:04X} (")


def test_the_table_covers_the_set_of_the_specifications() -> None:
    named = """6006 6281 6282 6283 6284 6300 6581 6700 6901 6981 6982 6983 6984 6985 6986 6987 6988 6A80 6A81 6A82 6A83
        6A84 6A85 6A86 6A88 6B00 6D00 6E00 6F00 9000 9302 9303 9401 9402 9403 9406 9840 9850"""
    assert {int(word, 16) for word in named.split()} <= set(known())


def test_status_words_by_rule() -> None:
    assert (StatusWord(0x63C2).tries, StatusWord(0x63C2).name) == (2, "TRIES_LEFT")
    assert "2" in StatusWord(0x63C2).meaning.zh
    assert StatusWord(0x6300).tries is None
    assert (StatusWord(0x6110).available, StatusWord(0x6100).available) == (16, 256)
    assert (StatusWord(0x6C12).right_ne, StatusWord(0x6C00).right_ne) == (18, 256)
    assert StatusWord(0x1234).name == "UNKNOWN"
    assert StatusWord(0x6A8F).name == "WRONG_P1_P2"  # unknown value, known family


def test_names_of_instructions_follow_the_class() -> None:
    assert ins_name(0x00, 0xE2) == "APPEND RECORD"
    assert ins_name(0x84, 0xE2) == "STORE DATA"
    assert ins_name(0x00, 0xFB) == "FB"


@pytest.mark.parametrize(
    ("atr", "historical"),
    [
        ("3B6D00000087BF10028649650100000001", "0087BF10028649650100000001"),
        ("3B00", ""),
        ("3BF81300008131FE454A434F5076323431B7", "4A434F5076323431"),  # TA TB TC TD, TD2; TCK stays behind
    ],
)
def test_historical_bytes(atr: str, historical: str) -> None:
    assert historical_bytes(h(atr)) == h(historical)


@pytest.mark.parametrize("atr", ["", "3B", "3B6D000000", "3B8F", "3BF0"])
def test_short_atr(atr: str) -> None:
    with pytest.raises(ApduMalformed):
        historical_bytes(h(atr))
