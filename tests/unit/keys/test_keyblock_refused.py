"""Key blocks that are not taken: changed ones, malformed ones, and attributes that this house has not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.crypto import Algorithm
from cardfab.keys import KeySpec, Level, Usage
from cardfab.keys.keyblock import (
    Header,
    KeyBlockRefused,
    OptionalBlock,
    algorithm_of,
    check_value,
    code_of,
    header_for,
    mode_code,
    modes_of,
    require_check_values,
    unwrap,
    usage_of,
    wrap,
)
from cardfab.keys.keyblock.codes import CODES
from cardfab.keys.label import Mode
from tests.seeded import seeded

Random = Callable[[int], bytes]
WHEN = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
_random = seeded(b"key blocks")
KBPK = {"B": _random(24), "D": _random(32)}
KEY = _random(16)
HEADER = Header("D", "E0", "T", "X", "01", "E", (OptionalBlock("LB", "bank/IMK-AC"), OptionalBlock("KC", "00123456")))
BLOCKS = {version: wrap(KBPK[version], replace(HEADER, version=version), KEY, _random) for version in "BD"}


def test_K10_every_flipped_bit_is_refused() -> None:
    """All 7 or 8 bits of every character: header, optional blocks, ciphertext, MAC."""
    for version, block in BLOCKS.items():
        assert unwrap(KBPK[version], block)[0] == replace(HEADER, version=version)
        for place in range(8 * len(block)):
            raw = bytearray(block.encode("ascii"))
            raw[place // 8] ^= 1 << place % 8
            with pytest.raises(KeyBlockRefused):
                unwrap(KBPK[version], raw.decode("latin-1"))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from("BD"), st.data())
def test_K10_no_change_of_a_block_is_taken(version: str, data: st.DataObject) -> None:
    block = BLOCKS[version]
    place = data.draw(st.integers(0, len(block) - 1))
    other = data.draw(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=0, max_size=3))
    changed = block[:place] + other + block[place + data.draw(st.integers(0, 4)) :]
    if changed != block:
        with pytest.raises(KeyBlockRefused):
            unwrap(KBPK[version], changed)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_refused_with_a_field(text: str) -> None:
    with pytest.raises(KeyBlockRefused) as refused:
        unwrap(KBPK["D"], text)
    assert refused.value.field


@pytest.mark.parametrize(
    ("block", "field"),
    [
        ("D01", "length"),
        ("E0112P0AE00E0000", "version"),
        ("D01x6P0AE00E0000", "length"),
        ("D0032P0AE00E0000", "length"),
        ("D0016p0AE00E0000", "key usage"),
        ("D0016P0QE00E0000", "algorithm"),
        ("D0016P0AZ00E0000", "mode of use"),
        ("D0016P0AE0-E0000", "key version"),
        ("D0016P0AE00Q0000", "exportability"),
        ("D0016P0AE00E0x00", "number of optional blocks"),
        ("D0016P0AE00E0030", "key context"),
        ("D0016P0AE00E0001", "reserved"),
        ("D0016P0AE00E0000", "encrypted key"),
        ("D0032P0AE00E0100lb10000000000000", "optional block"),
        ("D0032P0AE00E0100LBXY000000000000", "optional block LB"),
        ("D0032P0AE00E0100LB03000000000000", "optional block LB"),
        ("D0032P0AE00E0100LB40000000000000", "optional block LB"),
        ("D0032P0AE00E0200PB08000000000000", "optional block PB"),
        ("D0032P0AE00E0200LB08AAAALB08BBBB", "optional block LB"),
        ("D0032P0AE00E0100LB0CAAAAAAAA0000", "optional blocks"),
        ("D0016P0AE00E00\u00e90", "characters"),
        ("D0064P0AE00E0000" + "a" * 48, "encrypted key"),
        ("D0064P0AE00E0000" + "A" * 16 + "g" * 32, "MAC"),
        ("D0080P0AE00E0000" + "A" * 30 + "A" * 34, "MAC"),
    ],
)
def test_a_malformed_block_says_which_field(block: str, field: str) -> None:
    with pytest.raises(KeyBlockRefused) as refused:
        unwrap(KBPK["D"], block)
    assert refused.value.field == field
    assert refused.value.what.zh.startswith("密钥块")


def test_under_another_key_it_does_not_open() -> None:
    for version, block in BLOCKS.items():
        with pytest.raises(KeyBlockRefused) as refused:
            unwrap(_random(len(KBPK[version])), block)
        assert (refused.value.code, refused.value.field) == ("CF-6601", "MAC")
    with pytest.raises(KeyBlockRefused) as refused:
        unwrap(bytes(8), BLOCKS["D"])
    assert (refused.value.code, refused.value.field) == ("CF-6603", "KBPK")


def test_a_key_is_not_wrapped_under_a_weaker_one(random: Random) -> None:
    for kbpk, header, length in (
        (16, Header("B", "P0", "T", "E"), 24),
        (24, Header("B", "P0", "A", "E"), 16),
        (16, Header("D", "P0", "A", "E"), 32),
    ):
        with pytest.raises(KeyBlockRefused) as refused:
            wrap(random(kbpk), header, random(length), random)
        assert (refused.value.code, refused.value.field) == ("CF-6603", "KBPK")


@pytest.mark.parametrize(
    ("header", "length", "masked"),
    [
        (Header("D", "P0", "A", "E"), 17, None),
        (Header("D", "P0", "T", "E"), 8, None),
        (Header("D", "P0", "D", "E"), 16, None),
        (Header("D", "P0", "H", "C"), 0, None),
        (Header("D", "P0", "A", "E"), 32, 16),
    ],
)
def test_what_no_key_of_that_algorithm_is(header: Header, length: int, masked: int | None) -> None:
    with pytest.raises(KeyBlockRefused) as refused:
        wrap(KBPK["D"], header, bytes(length), _random, masked_length=masked)
    assert refused.value.field == "key length"


def test_headers_that_cannot_be() -> None:
    with pytest.raises(KeyBlockRefused, match="PB"):
        replace(HEADER, blocks=(OptionalBlock("PB", "0000"),))
    with pytest.raises(KeyBlockRefused, match="twice"):
        replace(HEADER, blocks=(OptionalBlock("LB", "a"), OptionalBlock("LB", "b")))
    with pytest.raises(KeyBlockRefused, match="printable"):
        OptionalBlock("LB", "é")
    with pytest.raises(KeyBlockRefused, match="9999"):
        wrap(KBPK["D"], Header("D", "D0", "A", "B", blocks=(OptionalBlock("LB", "x" * 9990),)), KEY, _random)


@pytest.mark.parametrize("length", range(40))
def test_the_header_is_filled_to_whole_blocks(length: int) -> None:
    for version in "BD":
        header = Header(version, "D0", "T", "B", blocks=(OptionalBlock("LB", "x" * length),))
        block = wrap(KBPK[version], header, KEY, _random)
        found, end = Header.read(block)
        assert (found, end % header.block) == (header, 0)


# -- codes -------------------------------------------------------------------------------------------------------------


def _spec(label: str, usage: Usage, algorithm: str = "3DES", **more: object) -> KeySpec:
    return KeySpec(label, algorithm, usage, Level.BANK, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("usage", list(CODES), ids=lambda usage: str(usage.name))
def test_K10_purpose_and_modes_come_back(usage: Usage) -> None:
    algorithm = "HMAC-SHA-256" if usage is Usage.INDEX else "AES-256"
    spec = _spec("bank/KEY", usage, algorithm, version=3)
    header = header_for(spec, bytes(32), WHEN, kbpk=KBPK["D"])
    found, key = unwrap(KBPK["D"], wrap(KBPK["D"], header, bytes(32), _random))
    assert usage_of(found) is usage
    assert usage_of(found, usage) is usage
    assert modes_of(found, usage) == usage.modes
    assert algorithm_of(found, len(key)) == algorithm
    assert (found.get("LB"), found.version_number, found.get("TS")) == ("bank/KEY", "03", "20260301083000Z")
    require_check_values(found, key.view(), KBPK["D"])
    for other in set(CODES) - {usage}:
        with pytest.raises(KeyBlockRefused) as refused:
            usage_of(found, other)
        assert refused.value.code == "CF-6604"


def test_issuer_master_keys_have_the_code_of_their_name() -> None:
    found = [
        code_of(label, Usage.EMV_ROOT) for label in ("bank/IMK-AC", "bank/IMK-SMC@2", "bank/IMK-SMI", "bank/IMK-X")
    ]
    assert found == ["E0", "E1", "E2", "E6"]


@pytest.mark.parametrize(
    ("label", "usage", "algorithm"),
    [
        ("bank/SM4/IMK-AC", Usage.EMV_ROOT, "SM4"),
        ("station/audit", Usage.SIGN, "Ed25519"),
        ("bank/I", Usage.ISSUER, "AES-128"),
    ],
)
def test_what_does_not_travel_by_key_block(label: str, usage: Usage, algorithm: str) -> None:
    with pytest.raises(KeyBlockRefused) as refused:
        header_for(_spec(label, usage, algorithm), bytes(16), WHEN)
    assert refused.value.code == "CF-6604"


def test_a_code_of_several_purposes_must_be_told_apart() -> None:
    header = Header("D", "B3", "T", "X")
    with pytest.raises(KeyBlockRefused, match="several"):
        usage_of(header)
    assert usage_of(header, Usage.CARD_ROOT) is Usage.CARD_ROOT
    assert usage_of(Header("D", "P0", "T", "B")) is Usage.PIN_TRANSPORT


def test_K11_a_block_never_allows_more_than_the_purpose() -> None:
    assert modes_of(Header("D", "P0", "T", "N"), Usage.PIN_TRANSPORT) == Usage.PIN_TRANSPORT.modes
    assert modes_of(Header("D", "P0", "T", "E"), Usage.PIN_TRANSPORT) == {Mode.ENCRYPT}
    assert modes_of(Header("D", "K1", "A", "D"), Usage.KEY_BLOCK) == {Mode.UNWRAP}
    for mode in "GVYST":
        with pytest.raises(KeyBlockRefused) as refused:
            modes_of(Header("D", "C0", "T", mode), Usage.CVN)
        assert (refused.value.code, refused.value.field) == ("CF-6604", "mode of use")
    assert mode_code(Usage.FACTORY.modes) == "N"


def test_K18_check_values_in_a_block_name_their_method() -> None:
    tdea, aes = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), bytes.fromhex("3F419E1CB7079442AA37474C2EFBF8B8")
    assert check_value(Algorithm.TDES, tdea) == "0008D7B4", "00: the leftmost 3 bytes of E(0)"
    assert check_value(Algorithm.AES, aes) == "0108793E25AB", "01: the leftmost 5 bytes of CMAC(0); X9.143, 8.1"
    header = Header("D", "D0", "A", "B", blocks=(OptionalBlock("KC", "0108793E25AB"),))
    require_check_values(header, aes, KBPK["D"])
    require_check_values(header.with_block("KC", "0108793E"), aes, KBPK["D"])
    for wrong in ("0108793E25AC", "0208793E25AB", "01", "01087"):
        with pytest.raises(KeyBlockRefused) as refused:
            require_check_values(header.with_block("KC", wrong), aes, KBPK["D"])
        assert (refused.value.code, refused.value.field) == ("CF-6605", "optional block KC")


def test_algorithms_that_are_not_taken() -> None:
    for header in (Header("D", "M7", "H", "C"), Header("D", "S0", "R", "S"), Header("D", "D0", "D", "B")):
        with pytest.raises(KeyBlockRefused):
            algorithm_of(header, 16)
