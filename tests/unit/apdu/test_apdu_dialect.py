"""Layouts as text, keys over the line in the bytes of the published examples, and proofs without a session key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.apdu import ApduMalformed, CardAnswered, CommandApdu, ResponseApdu, StatusWord, drive
from cardfab.apdu.dialect import Protection, prove_directly, write_key
from cardfab.apdu.layout import FIELDS, CommandLayout, Layout
from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.keys.loading import SoftLoadKey, SoftMasterKey
from cardfab.keys.secret import Secret

h = bytes.fromhex
VECTORS = {
    one["id"]: one
    for one in json.loads(
        (Path(__file__).parents[2] / "vectors" / "social-security-and-pboc.json").read_text(encoding="utf-8")
    )["vectors"]
}


class Card:
    """Gives the challenges it was told to, and answers everything else with one status word."""

    def __init__(self, *challenges: str, sw: int = 0x9000) -> None:
        self._challenges: Iterator[bytes] = iter(list(map(h, challenges)))
        self._sw = sw
        self.sent: list[CommandApdu] = []

    def send(self, command: CommandApdu, /) -> ResponseApdu:
        self.sent.append(command)
        if command.ins == 0x84:
            return ResponseApdu(next(self._challenges), StatusWord(0x9000))
        return ResponseApdu(b"", StatusWord(self._sw))

    @property
    def apdus(self) -> list[str]:
        return [command.to_bytes().hex().upper() for command in self.sent]


def _load(new: str, under: str, header: str, *, algorithm: Algorithm = Algorithm.TDES, fill: int = 0) -> SoftLoadKey:
    return SoftLoadKey("a key", Secret(h(new)), SoftMasterKey(algorithm, Secret(h(under))), h(header), fill, True)


# Layouts


def test_a_layout_in_the_words_of_its_documentation() -> None:
    create = CommandLayout.of("80E0 <fid> | 38 <space> F0 F0 95 FFFF <name>")
    command = create.command({"fid": h("3F01"), "space": h("0800"), "name": b"abc"}, name="CREATE")
    assert command.to_bytes().hex().upper() == "80E03F010B380800F0F095FFFF616263"
    assert create.fields == {"fid", "space", "name"}
    fci = Layout.of("6F( 84( <name> ) A5( 88( 1E ) ) )")
    assert fci.fill({"name": h("D15600000500")}).hex().upper() == "6F0D8406D15600000500A50388011E"
    assert Layout.of("39F0 F0<grant><tries>").fill({"grant": h("AA"), "tries": h("FF")}) == h("39F0F0AAFF")


@pytest.mark.parametrize("length", [0, 1, 127, 128, 255])
def test_a_bracket_writes_the_length_of_what_is_in_it(length: int) -> None:
    filled = Layout.of("84( <name> )").fill({"name": bytes(length)})
    assert filled == b"\x84" + (b"\x81" if length > 127 else b"") + bytes([length]) + bytes(length)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("80E0 <fid", "cannot be read at 5"),
        ("80E", "cannot be read at 2"),
        ("<nothing>", "no field <nothing>"),
        ("6F( 84", "leaves a bracket open"),
        ("6F ) 84", "closes too many brackets"),
        ("80E0 xy", "cannot be read at 5"),
    ],
)
def test_a_layout_that_cannot_be_read(text: str, why: str) -> None:
    with pytest.raises(ApduMalformed, match=why) as refused:
        Layout.of(text)
    assert refused.value.exit_status == 3


@pytest.mark.parametrize(
    "text", ["80E001 | 00", "80E0010000 | 00", "80E0 <name> | 00", "80E00100 |", "80(E001)00 | 00"]
)
def test_a_header_has_four_bytes_and_a_stroke_a_data_field(text: str) -> None:
    with pytest.raises(ApduMalformed):
        CommandLayout.of(text)


def test_values_are_all_there_and_of_the_right_length() -> None:
    layout = Layout.of("<fid> <sfi>")
    with pytest.raises(ApduMalformed, match="no value for <sfi>"):
        layout.fill({"fid": h("EF05")})
    with pytest.raises(ApduMalformed, match="<fid> has 1 bytes, not 2"):
        layout.fill({"fid": h("05"), "sfi": h("05")})
    with pytest.raises(ApduMalformed, match="do not fit"):
        CommandLayout.of("80E00100 | <name>").command({"name": bytes(256)})
    with pytest.raises(ApduMalformed, match="too long"):
        Layout.of("84( <name> )").fill({"name": bytes(256)})


@given(st.text(alphabet="0123456789ABCDEF<>()| fidname", max_size=40))
def test_any_text_is_a_layout_or_refused(text: str) -> None:
    for read in (Layout.of, CommandLayout.of):
        try:
            made: Any = read(text)
        except ApduMalformed:
            continue
        assert made.fields <= set(FIELDS)


# Keys over the line


def test_the_line_protected_write_key_of_the_tutorial() -> None:
    vector = VECTORS["fmcos_write_key_enc_mac"]
    key = _load("1122334455667788", vector["line_key"], "F9F0F0AAFF", algorithm=Algorithm.DES)
    card = Card(vector["challenge4"])
    drive(write_key(key, h("84D40102"), Protection.ENCRYPTED_MAC), card)
    assert card.apdus == ["0084000004", vector["apdu"]]
    assert vector["apdu"] == "84D40102147C87BC23140021B3AFEA67E6359DDCFED7C943F6"
    assert card.sent[-1].secret


def test_the_create_key_of_the_psam() -> None:
    vector = VECTORS["psam_create_key"]
    record = vector["record"]
    card = Card(vector["challenge4"])
    drive(
        write_key(_load(record[16:], vector["master_key"], record[:16]), h("84D40011"), Protection.ENCRYPTED_MAC), card
    )
    assert card.apdus == ["0084000004", vector["apdu"]]


@pytest.mark.parametrize(
    ("protection", "header", "lc"),
    [
        (Protection.PLAIN, "00D40000", 0x18),
        (Protection.ENCRYPTED, "80D40000", 0x20),
        (Protection.ENCRYPTED_MAC, "84D40000", 0x24),
    ],
)
@pytest.mark.parametrize("algorithm", [Algorithm.TDES, Algorithm.SM4])
def test_a_record_of_24_bytes_has_the_published_lengths(
    protection: Protection, header: str, lc: int, algorithm: Algorithm
) -> None:
    card = Card("01020304")
    key = _load("00112233445566778899AABBCCDDEEFF", "0123456789ABCDEFFEDCBA9876543210", "0D0401EF0600" + "0110",
                algorithm=algorithm, fill=16)  # fmt: skip
    drive(write_key(key, h(header), protection), card)
    sent = card.sent[-1]
    assert (sent.to_bytes()[4], len(sent.data)) == (lc, lc)
    assert (sent.data[:8] == h("0D0401EF06000110")) is (protection is Protection.PLAIN)


def test_a_short_key_is_padded_with_ff() -> None:
    card = Card()
    drive(
        write_key(_load("1122334455667788", "00" * 16, "070201EF06010008", fill=16), h("00D40000"), Protection.PLAIN),
        card,
    )
    assert card.apdus == ["00D4000018" + "070201EF06010008" + "1122334455667788" + "FF" * 8]


def test_the_mac_of_a_key_is_over_its_challenge() -> None:
    key = _load("00" * 16, "11" * 16, "39F0F04106")
    first, second = Card("00000001"), Card("00000002")
    for card in (first, second):
        drive(write_key(key, h("84D40101"), Protection.ENCRYPTED_MAC), card)
    assert first.sent[-1].data[:-4] == second.sent[-1].data[:-4]
    assert first.sent[-1].data[-4:] != second.sent[-1].data[-4:]


@pytest.mark.parametrize(("header", "record"), [("84D401", 16), ("84D40100", 240)])
def test_what_fits_no_command_is_refused(header: str, record: int) -> None:
    key = _load("00" * 16, "11" * 16, "00" * record)
    with pytest.raises((ApduMalformed, ValueError)):
        drive(write_key(key, h(header), Protection.ENCRYPTED_MAC), Card("00000001"))


def test_a_card_that_refuses_a_key() -> None:
    with pytest.raises(CardAnswered) as refused:
        drive(
            write_key(_load("00" * 16, "11" * 16, "39"), h("84D40101"), Protection.ENCRYPTED_MAC, name="load UK1"),
            Card("00000001", sw=0x6988),
        )
    assert refused.value.sw == 0x6988
    assert "load UK1" in str(refused.value)
    assert "1111" not in str(refused.value)


# Proofs without a session key

HISTORICAL = h("0087BF10028649440199000001")


@pytest.mark.parametrize(
    ("layout", "over", "sent"),
    [
        # The value shown to a T514 chip: E(key, 0000 | bytes 11 to 16 of the ATR).
        ("80E00300 | <proof>", "0000 <serial>", lambda key: ["80E0030008" + key("0000" + "440199000001")]),
        ("008200 <kid> | <proof>", "<challenge>", lambda key: ["0084000008", "0082000508" + key("A1A2A3A4A5A6A7A8")]),
    ],
)
def test_a_direct_proof(layout: str, over: str, sent: Callable[[Callable[[str], str]], list[str]]) -> None:
    raw = h("0123456789ABCDEFFEDCBA9876543210")
    key = SoftMasterKey(Algorithm.TDES, Secret(raw))
    card = Card("A1A2A3A4A5A6A7A8")
    exchange = prove_directly(key, CommandLayout.of(layout), over=Layout.of(over), historical=HISTORICAL, key_id=5)
    drive(exchange, card)
    assert card.apdus == sent(lambda data: encrypt_ecb(Algorithm.TDES, raw, h(data)).hex().upper())
    assert card.sent[-1].secret


def test_the_default_transport_key_is_one_key_in_both_lengths() -> None:
    """FF * 8 as DES and FF * 16 as 3DES answer the same."""
    answers = {SoftMasterKey(algorithm, Secret(b"\xff" * length)).answer(h("4C45BAB900000000"))
               for algorithm, length in ((Algorithm.DES, 8), (Algorithm.TDES, 16))}  # fmt: skip
    assert len(answers) == 1


def test_a_proof_is_over_one_block() -> None:
    with pytest.raises(ValueError, match="at most 8 bytes, not 9"):
        SoftMasterKey(Algorithm.TDES, Secret(bytes(16))).answer(bytes(9))
