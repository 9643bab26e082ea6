"""Items, records and the values of a holder, against the layout of the card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.errors import InputRefused
from cardfab.prepare.gb18030 import encode
from cardfab.prepare.records import (
    IssueData,
    PreparedRecord,
    build_records,
    decode_item,
    encode_item,
    expiry_date,
    holder_values,
    initialiser_number,
)
from cardfab.prepare.request import IssuanceRequest
from cardfab.profile.application import FileApplication, Item

ISSUE = IssueData(
    card_number="D2143569X",
    issue_date=date(2026, 11, 21),
    expiry_date=date(2036, 11, 21),
    initialiser="915600000211000011010002",
    version="2.0",
)


def _item(type_: str, length: int) -> Item:
    return Item.model_validate(
        {"tag": "4E", "name_zh": "项", "name_en": "item", "type": type_, "length": length, "source": "x"}
    )


@pytest.mark.parametrize(
    ("type_", "length", "value", "raw"),
    [
        ("cn", 4, "20261121", "20261121"),
        ("cn", 4, "202611", "202611FF"),
        ("cn", 4, "2026112", "2026112F"),
        ("cn", 3, "", "FFFFFF"),
        ("cn", 12, "915600000211000011010002", "915600000211000011010002"),
        ("an", 4, "2.0", "322E3000"),
        ("an", 4, "2.01", "322E3031"),
        ("an", 9, "D2143569X", "443231343335363958"),
        ("an", 6, "", "000000000000"),
        ("b", 2, "0A0F", "0A0F"),
        ("b", 2, "", "0000"),
    ],
)
def test_padding(type_: str, length: int, value: str, raw: str) -> None:
    item = _item(type_, length)
    assert encode_item(item, value) == bytes.fromhex(raw)
    assert decode_item(item, bytes.fromhex(raw)) == value


@pytest.mark.parametrize(
    ("type_", "raw"),
    [("cn", bytes(3)), ("b", bytes(5)), ("an", b"abc"), ("an", b"a\0b\0"), ("an", b"\xff\0\0\0"), ("an", b"abc\x81")],
)
def test_bytes_that_are_no_value_of_the_item(type_: str, raw: bytes) -> None:
    with pytest.raises(InputRefused) as refused:
        decode_item(_item(type_, 4), raw)
    assert refused.value.code == "CF-3312"


def test_an_identification_code_that_is_not_yet_computed_reads_without_its_end() -> None:
    raw = bytes.fromhex("440199D15600000500000001FFFFFFFF")
    assert decode_item(_item("cn", 16), raw) == "440199D15600000500000001"


@given(st.data())
def test_text_items_come_back(data: st.DataObject) -> None:
    value = data.draw(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30))
    size = len(encode(value))
    item = _item("an", data.draw(st.integers(max(size, 1), 130)))
    raw = encode_item(item, value)
    assert len(raw) == item.length
    assert decode_item(item, raw) == value


@given(st.from_regex(r"([0-9A-F]{0,15}[0-9A-E])?", fullmatch=True), st.integers(8, 20))
def test_number_items_come_back(value: str, length: int) -> None:
    item = _item("cn", length)
    assert decode_item(item, encode_item(item, value)) == value


@given(st.sampled_from(["cn", "an", "b"]), st.binary(max_size=12))
def test_what_decodes_encodes_to_the_same_bytes(type_: str, raw: bytes) -> None:
    item = _item(type_, 6)
    try:
        value = decode_item(item, raw)
    except InputRefused:
        assert type_ == "an" or len(raw) != 6
        return
    assert encode_item(item, value) == raw


@pytest.mark.parametrize(
    ("type_", "length", "value"),
    [
        ("cn", 4, "202611211"),
        ("cn", 4, "2026-1"),
        ("cn", 4, "２０"),
        ("cn", 4, "1F"),
        ("an", 3, "王王"),
        ("an", 3, "a\0"),
        ("an", 3, "\ud800"),
        ("b", 2, "0A"),
        ("b", 2, "xx"),
    ],
)
def test_a_value_that_does_not_fit_names_the_item_and_not_the_value(type_: str, length: int, value: str) -> None:
    with pytest.raises(InputRefused) as refused:
        encode_item(_item(type_, length), value)
    assert refused.value.code == "CF-3311"
    assert "4E (item)" in refused.value.what.en
    assert "4E（项）" in refused.value.what.zh
    assert value not in refused.value.sentence("en")
    assert refused.value.__cause__ is None


@pytest.fixture(scope="module")
def holders(vectors: Path, import_file: Callable[..., tuple[IssuanceRequest, ...]]) -> Mapping[str, IssuanceRequest]:
    return {one.name: one for one in import_file((vectors / "requests.csv").read_bytes())}


def _by_place(records: tuple[PreparedRecord, ...]) -> dict[tuple[str, str, int], PreparedRecord]:
    return {(one.df, one.fid.hex().upper(), one.record_number): one for one in records}


def test_the_records_of_a_long_name(holders: Mapping[str, IssuanceRequest], application: FileApplication) -> None:
    request = holders["古丽巴哈尔·阿卜力米提艾合麦提江"]
    records = build_records(application, holder_values(request, ISSUE))
    tlv = {place: one.tlv.hex().upper() for place, one in _by_place(records).items()}
    assert tlv["SSSE", "EF05", 2] == "020133"
    assert tlv["SSSE", "EF05", 3] == "0304322E3000"
    assert tlv["SSSE", "EF05", 4] == "040C915600000211000011010002"
    assert tlv["SSSE", "EF05", 5] == "050420261121"
    assert tlv["SSSE", "EF05", 6] == "060420361121"
    assert tlv["SSSE", "EF05", 7] == "0709443231343335363958"
    assert tlv["SSSE", "EF06", 1] == "0812" + b"650199199803231208".hex().upper()
    assert tlv["SSSE", "EF06", 2] == "091E" + "古丽巴哈尔·阿卜力米提艾合麦提".encode("gbk").hex().upper()
    assert tlv["SSSE", "EF06", 3] == "4E14" + "江".encode("gbk").hex().upper() + "00" * 18
    assert tlv["SSSE", "EF06", 4] == "0A0132"
    assert tlv["SSSE", "EF06", 5] == "0B0105"
    assert tlv["SSSE", "EF06", 6] == "0C03650199"
    assert tlv["SSSE", "EF06", 7] == "0D0419980323"
    assert tlv["DF01", "EF05", 3] == "0E03FFFFFF"
    assert tlv["DF01", "EF06", 3] == "280F" + b"19900001573".hex() + "00000000"
    assert tlv["DF01", "EF07", 1] == "290131"
    assert tlv["DF01", "EF08", 1] == "2B0132"
    assert tlv["DF01", "EF09", 3] == "32023234"
    assert ("SSSE", "EF05", 1) not in tlv  # the blank holds its identification code
    assert len(tlv) == len(records) == 26


@pytest.mark.parametrize("name", ["王䶮", "张𠅤", "龘龖", "欧阳㛃", "赵㼆", "古丽巴哈尔·阿卜力米提艾合麦提江"])
def test_a_name_reads_back_as_it_was(
    name: str, holders: Mapping[str, IssuanceRequest], application: FileApplication
) -> None:
    records = _by_place(build_records(application, holder_values(holders[name], ISSUE)))
    items = {item.tag: item for item in application.directory("SSSE").files[1].items}
    read = "".join(decode_item(items[one.tag], one.value) for one in (records["SSSE", "EF06", n] for n in (2, 3)))
    assert read == name


def test_every_record_of_every_shared_holder_reads_back(
    holders: Mapping[str, IssuanceRequest], application: FileApplication
) -> None:
    for request in holders.values():
        values = holder_values(request, ISSUE)
        for one in build_records(application, values):
            items = next(file for file in application.directory(one.df).files if file.fid == one.fid).items
            item = items[one.record_number - 1]
            assert (item.tag, item.length) == (one.tag, len(one.value))
            assert decode_item(item, one.value) == (values[one.source] if one.source else "")


def test_repr_of_a_record_does_not_show_its_value(
    holders: Mapping[str, IssuanceRequest], application: FileApplication
) -> None:
    records = build_records(application, holder_values(holders["王䶮"], ISSUE))
    assert "王䶮" not in repr(records)
    assert b"650199195009244038".hex() not in repr(records).lower()
    assert "650199195009244038" not in repr(records)


def test_a_value_missing_or_too_long_names_its_item(
    holders: Mapping[str, IssuanceRequest], application: FileApplication
) -> None:
    request = holders["王䶮"]
    values = holder_values(request, ISSUE)

    def code(changed: dict[str, Any]) -> tuple[str, str]:
        with pytest.raises(InputRefused) as refused:
            build_records(application, changed)
        return refused.value.code, refused.value.what.en

    assert code({**values, "sex": ""}) == ("CF-3310", "Item 0A (sex) has no value.")
    assert code({**values, "employer": "厂" * 36})[0] == "CF-3311"
    assert "2E (employer name)" in code({**values, "employer": "厂" * 36})[1]
    assert "'phone', which no prepared card has" in code({k: v for k, v in values.items() if k != "phone"})[1]


def test_blank_fields_become_padding(holders: Mapping[str, IssuanceRequest], application: FileApplication) -> None:
    request = replace(holders["王䶮"], marital_status="", employer="")
    records = _by_place(build_records(application, holder_values(request, ISSUE)))
    assert records["DF01", "EF08", 1].value == b"\0"
    assert records["DF01", "EF09", 1].value == bytes(70)


def test_the_initialising_institution_number_of_the_specification() -> None:
    assert initialiser_number("110000", "110100", 2) == "915600000211000011010002"


@pytest.mark.parametrize("bad", [("11000", "110100", 2), ("110000", "1101001", 2), ("110000", "110100", 100)])
def test_an_institution_number_that_cannot_be(bad: tuple[str, str, int]) -> None:
    with pytest.raises(ValueError, match="six digits"):
        initialiser_number(*bad)


def test_expiry() -> None:
    assert expiry_date(date(2026, 11, 21), 10) == date(2036, 11, 21)
    assert expiry_date(date(2028, 2, 29), 10) == date(2038, 2, 28)
    assert expiry_date(date(2028, 2, 29), 4) == date(2032, 2, 29)
