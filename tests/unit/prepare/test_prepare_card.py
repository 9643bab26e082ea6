"""A prepared card is kept as one canonical JSON object and comes back as it was; its repr shows nobody's data."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.keys import Sealed
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.financial import DataGrouping
from cardfab.prepare.records import PreparedBinary, PreparedRecord

RECORD = PreparedRecord("SSSE", b"\xef\x06", 2, b"\x09", "王䶮".encode("gb18030"), "name", "姓名", "name")
PADDING = PreparedRecord("DF01", b"\xef\x05", 3, b"\x0e", b"\xff\xff\xff", "region", "区划", None)
CARD = PreparedCard(
    request_id="R1",
    product="debit",
    region="440199",
    card_number="T00000016",
    pan="6299990000000017",
    issue_date="2026-11-21",
    expiry_date="2036-11-21",
    records=(RECORD, PADDING),
    groupings=(
        DataGrouping("9102", b"\xa5\x00", "FCI"),
        DataGrouping("8000", Sealed(b"\0\1\2", "station/transport", "UDKs", 48, (b"\1\2\3", b"\4\5\6")), "card keys"),
        DataGrouping("8010", Sealed(b"", "station/transport", "PIN", 8), "PIN block"),
    ),
    face={"name": "王䶮", "pan": "6299990000000017"},
    photo=b"\xff\xd8 a portrait \xff\xd9",
    binaries=(PreparedBinary("SSSE", b"\xef\x08", b"\xff\xd8 small \xff\xd9\0\0", "photo", "照片", "photo"),),
    environments={"315041592E5359532E4444463031": (DataGrouping("9102", b"\xa5\x03\x88\x01\x01", "FCI of the PSE"),)},
)


def test_round_trip() -> None:
    assert PreparedCard.from_json_bytes(CARD.to_json_bytes()) == CARD
    without = replace(CARD, photo=None, records=(), groupings=(), face={})
    assert PreparedCard.from_json_bytes(without.to_json_bytes()) == without
    assert PreparedCard.from_json_bytes(replace(CARD, photo=b"").to_json_bytes()).photo == b""


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
RECORDS = st.builds(
    PreparedRecord,
    df=TEXTS,
    fid=st.binary(min_size=2, max_size=2),
    record_number=st.integers(1, 255),
    tag=st.binary(min_size=1, max_size=1),
    value=st.binary(max_size=40),
    name_en=TEXTS,
    name_zh=TEXTS,
    source=st.none() | TEXTS,
)
SEALED = st.builds(
    Sealed,
    st.binary(max_size=40),
    TEXTS,
    TEXTS,
    st.integers(0, 96),
    st.lists(st.binary(min_size=3, max_size=3), max_size=3).map(tuple),
)
GROUPINGS = st.builds(DataGrouping, dgi=TEXTS, value=st.binary(max_size=40) | SEALED, title=TEXTS)


@settings(deadline=None)
@given(
    texts=st.lists(TEXTS, min_size=7, max_size=7),
    records=st.lists(RECORDS, max_size=4),
    groupings=st.lists(GROUPINGS, max_size=4),
    face=st.dictionaries(TEXTS, TEXTS, max_size=4),
    photo=st.none() | st.binary(max_size=40),
)
def test_whatever_it_holds_comes_back(
    texts: list[str],
    records: list[PreparedRecord],
    groupings: list[DataGrouping],
    face: dict[str, str],
    photo: bytes | None,
) -> None:
    card = PreparedCard(*texts, tuple(records), tuple(groupings), face, photo)
    kept = card.to_json_bytes()
    back = PreparedCard.from_json_bytes(kept)
    assert back == card
    assert back.to_json_bytes() == kept


def test_equal_cards_are_kept_in_equal_bytes() -> None:
    turned = replace(CARD, face=dict(reversed(CARD.face.items())))
    assert turned.to_json_bytes() == CARD.to_json_bytes()
    kept = CARD.to_json_bytes()
    assert kept == json.dumps(json.loads(kept), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("name", [field.name for field in fields(PreparedCard)])
def test_every_field_is_kept(name: str) -> None:
    value = getattr(CARD, name)
    more: object = () if name == "environments" else "x"
    other: object = value[:-1] if isinstance(value, str | bytes | tuple) else {**value, "more": more}
    assert replace(CARD, **{name: other}).to_json_bytes() != CARD.to_json_bytes()


def test_the_secrets_inside_stay_sealed() -> None:
    entries = {entry["dgi"]: entry for entry in json.loads(CARD.to_json_bytes())["groupings"]}
    assert entries["8000"]["sealed"]["ciphertext"] == "000102"
    assert "value" not in entries["8000"]
    assert "sealed" not in entries["9102"]


def test_its_repr_shows_nobody() -> None:
    shown = repr(CARD) + repr(RECORD)
    for secret in ("王䶮", "T00000016", "6299990000000017", RECORD.value.hex(), repr(RECORD.value), "portrait"):
        assert secret not in shown
    assert "R1" in shown
    assert "debit" in shown


def test_a_record_is_tag_length_value() -> None:
    assert RECORD.tlv.hex() == "0904cdf5fe9f"
    assert PADDING.tlv.hex() == "0e03ffffff"
