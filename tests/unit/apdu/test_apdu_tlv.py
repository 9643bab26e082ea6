"""Tagged data: BER-TLV, card records, data groupings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.apdu import CardRecord, Dgi, Tlv, TlvError, tlv

h = bytes.fromhex
tags = st.sampled_from([0x5A, 0x6F, 0x70, 0x84, 0xA5, 0x9F0C, 0x5F20, 0xBF0C, 0xDF8101, 0xDF818102, 0x01])
values = st.binary(max_size=40) | st.sampled_from([127, 128, 255, 256, 65535, 65536]).map(bytes)


@given(st.lists(st.builds(Tlv, tags, values), max_size=5))
def test_ber_round_trip_keeps_order_and_repeats(items: list[Tlv]) -> None:
    assert tlv.parse(tlv.encode(items)) == tuple(items)


@given(st.binary(max_size=60))
def test_ber_parses_or_refuses_with_an_offset(data: bytes) -> None:
    right, wrong_at = data, None
    try:
        tlv.parse(data)
    except TlvError as error:
        wrong_at = error.offset
        right = data[:wrong_at]
    assert wrong_at is None or wrong_at < len(data)
    items = tlv.parse(right)  # what stands before the wrong element is right
    assert tlv.parse(tlv.encode(items)) == items


def test_fci_of_the_social_security_environment() -> None:
    fci = tlv.parse(h("6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860103"))
    name = tlv.find(fci, 0x6F, 0x84)
    assert name is not None
    assert name.value.decode("gbk") == "sx1.sh.社会保障"
    sfi, algorithm = tlv.find(fci, 0x6F, 0xA5, 0x88), tlv.find(fci, 0x6F, 0xA5, 0x9F0C)
    assert (sfi, algorithm) == (Tlv(0x88, b"\x1e"), Tlv(b"\x9f\x0c", h("860103")))
    assert tlv.find(fci, 0x6F, 0x50) is None
    assert [child.tag for child in fci[0].children] == [0x84, 0xA5]


def test_find_looks_into_every_repeat() -> None:
    items = [Tlv(0x61, Tlv(0x50, b"x").to_bytes()), Tlv(0x61, Tlv(0x4F, b"y").to_bytes())]
    assert tlv.find(items, 0x61, 0x4F) == Tlv(0x4F, b"y")


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        ("5A", 0),
        ("5A02AA", 0),
        ("5A01AA9F", 3),
        ("5A01AA9F0C", 3),
        ("5A01AA8405AABB", 3),
        ("8480", 0),  # indefinite
        ("8485AABBCCDDEE", 0),
        ("8482FF", 0),
        ("9F8181818101", 0),  # a tag without end
        ("5A01AA0000", 3),
    ],
)
def test_malformed_ber(data: str, offset: int) -> None:
    with pytest.raises(TlvError) as caught:
        tlv.parse(h(data))
    assert caught.value.offset == offset


def test_filler_between_objects() -> None:
    assert tlv.parse(h("00005A01AAFFFF8400"), filler=True) == (Tlv(0x5A, b"\xaa"), Tlv(0x84, b""))


@pytest.mark.parametrize("tag", [0, -1, 0x9F, 0x5A01, 0x9F8181818101, b""])
def test_tags_that_are_none(tag: Any) -> None:
    with pytest.raises(TlvError):
        Tlv(tag, b"")


def test_long_lengths() -> None:
    assert Tlv(0x53, bytes(127)).to_bytes()[:2] == h("537F")
    assert Tlv(0x53, bytes(128)).to_bytes()[:3] == h("538180")
    assert Tlv(0x53, bytes(256)).to_bytes()[:4] == h("53820100")
    assert Tlv(0x53, bytes(65536)).to_bytes()[:5] == h("5383010000")
    assert tlv.parse(h("5384000000025A5A")) == (Tlv(0x53, h("5A5A")),)


@given(st.lists(st.builds(CardRecord, st.integers(0, 255), st.binary(max_size=255)), max_size=4))
def test_card_records_round_trip(items: list[CardRecord]) -> None:
    assert tlv.parse_records(b"".join(item.to_bytes() for item in items)) == tuple(items)


def test_card_record_of_the_trace() -> None:
    assert tlv.parse_records(h("0304332E3030")) == (CardRecord(3, b"3.00"),)


@pytest.mark.parametrize(("data", "offset"), [("03", 0), ("0304332E30", 0), ("030133090A", 3)])
def test_malformed_records(data: str, offset: int) -> None:
    with pytest.raises(TlvError) as caught:
        tlv.parse_records(h(data))
    assert caught.value.offset == offset


@given(st.lists(st.builds(Dgi, st.integers(0, 0xFFFF), values.filter(lambda v: len(v) < 65536)), max_size=4))
def test_data_groupings_round_trip(items: list[Dgi]) -> None:
    assert tlv.parse_dgis(b"".join(item.to_bytes() for item in items)) == tuple(items)


def test_data_grouping_lengths() -> None:
    assert Dgi(0x9000, h("97DCB0")).to_bytes() == h("90000397DCB0")
    assert Dgi(0x0101, bytes(254)).to_bytes()[:3] == h("0101FE")
    assert Dgi(0x0101, bytes(255)).to_bytes()[:5] == h("0101FF00FF")


@pytest.mark.parametrize(("data", "offset"), [("9000", 0), ("900003AA", 0), ("9000FF00", 0), ("900001AA8010", 4)])
def test_malformed_groupings(data: str, offset: int) -> None:
    with pytest.raises(TlvError) as caught:
        tlv.parse_dgis(h(data))
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    "make", [lambda: CardRecord(256, b""), lambda: CardRecord(1, bytes(256)), lambda: Dgi(0x10000, b"")]
)
def test_what_cannot_be_encoded(make: Any) -> None:
    with pytest.raises(TlvError):
        make()


def test_the_error_speaks_both_languages() -> None:
    with pytest.raises(TlvError) as caught:
        tlv.parse(h("5A02AA"))
    assert "offset 0" in caught.value.sentence("en")
    assert "偏移 0" in caught.value.sentence("zh")
    assert caught.value.exit_status == 3
