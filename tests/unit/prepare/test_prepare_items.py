"""Every value of the card by its address: what it may be, its bytes, its words, and the way back from a card."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.errors import InputRefused
from cardfab.prepare.items import ItemBook, Place
from cardfab.prepare.pin import check_pin_digits
from cardfab.prepare.records import build_binaries, build_records
from cardfab.profile.application import FileApplication
from cardfab.profile.codes import CodeTables
from cardfab.profile.items import Valued
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder
from tests.ssc_values import good_value

T = TypeVar("T")
CODES: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "ssc-code-tables.json").read_text(encoding="utf-8")
)["items"]


def _book(name: str) -> ItemBook:
    source = ProfileFolders((data_folder("profiles"),))
    return ItemBook(load(source, "applications", name, FileApplication), load(source, "codes", "training", CodeTables))


BOOK = _book("ssc-v2-appendix-b")
PLACES = list(BOOK.addresses())


@pytest.fixture
def book() -> ItemBook:
    return BOOK


BAD = {
    "number": "x",
    "amount": "1.5",
    "date": "20260229",
    "date-time": "20260228240000",
    "year-month": "202613",
    "year": "3024",
    "month-day": "0230",
    "region": "04019",
    "organisation": "D21435690",
    "citizen-number": "650199199803231209",
    "card-number": "D2143569Y",
    "phone": "12 34",
    "version": "2",
}


def _good(place: Place) -> str:
    return good_value(place, BOOK.codes)


def _bad(place: Place) -> Iterator[str]:
    """Wrong values of the item: against its rule, and longer than it is."""
    one = place.valued
    if one is None:
        yield "XY"
        yield "00" * ((place.file.size or 0) + 1)
        return
    if one.codes:
        yield "E" * (2 * one.length if one.type == "cn" else one.length)
    if one.rule in BAD:
        yield BAD[one.rule]
    if one.parts:
        yield _good(place)[:-1]
        yield "0" * len(_good(place))
    if one.rule == "digits":
        yield "1"[: one.length - 1] + "x"
    yield "1" * (2 * one.length + 1) if one.type == "cn" else "长" * one.length


def _id(place: Place) -> str:
    return place.address


@pytest.mark.shows("bad input is refused before a card is touched, with the item's name (test)")
@pytest.mark.parametrize("place", PLACES, ids=_id)
def test_every_item_takes_its_values_and_no_others(book: ItemBook, place: Place) -> None:
    good = _good(place)
    raw = book.encode(place.address, good)
    one = place.valued
    assert len(raw) == (one.length if one else place.file.size)
    if one is not None:
        assert book.decode(place.address, raw) == good
    book.check(place.address, "")
    for bad in _bad(place):
        with pytest.raises(InputRefused) as refused:
            book.check(place.address, bad)
        assert refused.value.code == "CF-3321"
        assert place.address in refused.value.what.en
        assert place.address in refused.value.what.zh
        assert (one.name_en if one else place.file.name_en) in refused.value.what.en
        assert (one.name_zh if one else place.file.name_zh) in refused.value.what.zh


def _coded() -> Iterator[tuple[str, str, str]]:
    for place in PLACES:
        one = place.valued
        key = f"{place.directory.name}/{place.file.name}/{one.name_zh}" if place.field and one else ""
        key = key or (one.key.split(":")[0] if one else "")
        if one is None or not isinstance(CODES.get(key, {}).get("codes"), dict) or ":" in place.address:
            continue
        for code, text in {**CODES[key]["codes"], **CODES[key].get("corrections", {})}.items():
            yield place.address, code, text


@pytest.mark.parametrize(("address", "code", "text"), list(_coded()))
def test_every_printed_code_is_taken_and_told(book: ItemBook, address: str, code: str, text: str) -> None:
    book.check(address, code)
    said = book.describe(address, code)
    assert said.zh.translate(str.maketrans("（）", "()")) == text.translate(str.maketrans("（）", "()"))
    assert said.en
    assert said.en != code


@pytest.mark.parametrize(
    ("address", "value", "why"),
    [
        ("DF03/EF05/60", "20260230", "day of the calendar"),
        ("DF03/EF05/60", "2026022", "day of the calendar"),
        ("DF03/EF05/60", "18991231", "day of the calendar"),
        ("SSSE/EF06/0B", "57", "none of its codes"),
        ("SSSE/EF06/09", "王" * 16, "takes 32 bytes, the item holds 30"),
        ("SSSE/EF06/09", "王\u200b", "no text"),
        ("SSSE/EF06/09", " 王", "spaces around"),
        ("DF01/EF09/2E", "厂" * 36, "takes 72 bytes, the item holds 70"),
        ("DF04/EF05/81", "3101", "must have 8 characters"),
        ("DF04/EF05/81", "31021000", "treatment elsewhere approved (character 4): it is none of its codes (0, 1)"),
        ("DF04/EF05/81", "32001000", "insurance (characters 1 to 3): it is none of its codes"),
        ("DF02/EF06/4F", "101010", "reason of cancellation (characters 5 to 6): it must be 00"),
        ("DF02/EF06/4F", "200000", "reason of cancellation (characters 5 to 6): it is none of its codes"),
        ("SSSE/EF05/04", "915600000311000011010002", "it must be 9156000002"),
        ("DF01/EF0A/37", "de", "the form [A-Z]{3}"),
        ("DF04/EF05/83", "12345678X", "check character is wrong (GB 11714)"),
        ("DF04/EF06/92", "100000000", "it has 9 digits, the item 8"),
        ("DF04/EF08/account", "4294967296", "a number of 4 bytes"),
        ("DF04/EF08/terminal", "40199000001", "12 characters"),
    ],
)
def test_why_a_value_is_refused(book: ItemBook, address: str, value: str, why: str) -> None:
    with pytest.raises(InputRefused) as refused:
        book.check(address, value)
    assert why in refused.value.what.en
    assert refused.value.code == "CF-3321"
    assert refused.value.do is not None


@pytest.mark.parametrize(
    "address",
    [
        *("DF03/EF05/99", "DF09/EF05/60", "DF03/EF1E/60", "DF03", "DF03/EF05", "", "DF03/EF05/60/10", "DF02/EF06/60"),
        *("DF01/EF15/40", "DF01/EF15/40:4/57", "DF01/EF15/40/5A", "DF01/EF15/40:0/57", "DF03/EF05:2/60"),
        *("DF02/EF07/work", "DF02/EF07:5/occupation", "DF02/EF07:0/occupation", "DF02/EF07", "SSSE/EF08/09"),
    ],
)
def test_addresses_that_lead_nowhere(book: ItemBook, address: str) -> None:
    with pytest.raises(InputRefused) as refused:
        book.check(address, "1")
    assert refused.value.code == "CF-3320"


def test_an_address_is_canonical(book: ItemBook) -> None:
    assert all(book.place(place.address) == place for place in PLACES)
    assert book.place("DF01/EF15/40:1/57").address == "DF01/EF15/40/57"
    assert book.place("DF02/EF07:1/occupation").address == "DF02/EF07/occupation"
    assert book.place("DF02/EF07:2/occupation").address == "DF02/EF07:2/occupation"
    assert (book.place("DF01/EF15/40:2/57").number, book.place("DF03/EF05/60").number) == (3, 2)


@pytest.mark.parametrize(
    ("address", "value", "zh", "en"),
    [
        ("SSSE/EF06/0A", "1", "男性", "male"),
        ("SSSE/EF06/0A", "5", "5（非标准代码）", "5 (no code)"),
        ("SSSE/EF06/09", "王䶮", "王䶮", "王䶮"),
        ("SSSE/EF05/05", "20261122", "2026-11-22", "2026-11-22"),
        ("SSSE/EF05/05", "2026", "2026", "2026"),
        ("SSSE/EF05/05", "", "", ""),
        ("DF04/EF06/92", "123456", "1,234.56 元", "1,234.56 yuan"),
        ("DF04/EF08/own", "5", "0.05 元", "0.05 yuan"),
        ("DF04/EF08/time", "20261122101500", "2026-11-22 10:15:00", "2026-11-22 10:15:00"),
        ("DF06/EF05/C3/E7", "202611", "2026-11", "2026-11"),
        (
            "DF04/EF05/81",
            "31010000",
            "职工基本医疗保险；异地就诊审批标识：是；参加门诊统筹标识：否；门诊大病标识：否；医疗救助对象标识：否；优抚对象医疗补助标识：否",
            "employee basic medical insurance; treatment elsewhere approved: yes; out-patient pooling: no; "
            "serious illness of out-patients: no; medical relief: no; medical subsidy of preferential groups: no",
        ),
        (
            "DF02/EF06/4F",
            "100090",
            "失业登记；注销失业登记原因：其他(含失踪)",
            "registered as unemployed; reason of cancellation: other (missing included)",
        ),
        ("DF03/EF18/76", "01", "配偶", "spouse"),
        ("SSSE/EF08", "FFD8", "FFD8", "FFD8"),
    ],
)
def test_values_in_words(book: ItemBook, address: str, value: str, zh: str, en: str) -> None:
    said = book.describe(address, value)
    assert (said.zh, said.en) == (zh, en)


def test_names(book: ItemBook) -> None:
    assert book.name("DF01/EF15/40:2/57").zh == "DF01/EF15/40:2/57（学位信息2·学位代码）"
    assert book.name("DF01/EF15/40:2/57").en == "DF01/EF15/40:2/57 (degree 2, degree code)"
    assert book.name("SSSE/EF08").en == "SSSE/EF08 (photo)"


@pytest.mark.parametrize(
    ("address", "value", "why"),
    [
        ("SSSE/EF06/09", "王", "it is made from name"),
        ("SSSE/EF08", "FFD8", "it is made from photo"),
        ("DF04/EF08/sequence", "1", "it is not written by a station"),
        ("SSSE/EF05/01", "440199D156000005000000010A0B0C0D", "it is not written by a station"),
        ("DF01/EF16", "00", "its file is reserved"),
    ],
)
def test_values_that_a_request_does_not_give(book: ItemBook, address: str, value: str, why: str) -> None:
    with pytest.raises(InputRefused) as refused:
        book.check_input(address, value)
    assert refused.value.code == "CF-3322"
    assert why in refused.value.what.en


def test_values_that_a_request_gives(book: ItemBook) -> None:
    book.check_input("DF03/EF05/60", "20260228")
    book.check_input("SSSE/EF07", "0102")


@pytest.mark.parametrize(
    ("address", "value", "raw"),
    [
        ("DF03/EF05/61/EE", "440199", "6104440199EE"),
        ("DF01/EF0A/37/EE", "DEU", "3704444555EE"),
        ("DF04/EF06/93/EE", "07", "93043037EEEE"),
        ("DF02/EF09/55/EE", "4401990000000012", "550A4401990000000012EEEE"),
        ("DF03/EF05/61", "90000", "610490000FFF"),
    ],
)
def test_a_first_generation_card_written_again(address: str, value: str, raw: str) -> None:
    """Appendix C: EE at the end says that the item has its new meaning."""
    book = _book("ssc-v1")
    place = book.place(address)
    book.check(address, value)
    records = build_records(_bare(book.files), {}, {address: value})
    (record,) = [one for one in records if one.record_number == place.number]
    assert record.tlv.hex().upper() == raw
    read = book.decode_file(f"{record.df}/{place.file.name}", {place.number: record.tlv})
    assert read == {address: value}
    with pytest.raises(InputRefused):
        book.check("DF03/EF05/61/EE", "44019")


# Records, there and back


def _records(application: FileApplication, items: Mapping[str, str]) -> dict[str, dict[int, bytes]]:
    """What a card would answer: linear records by number, cyclic ones with the newest as record 1."""
    found: dict[str, dict[int, bytes]] = {}
    for record in build_records(application, {}, items):
        file = found.setdefault(f"{record.df}/{record.fid.hex().upper()}", {})
        if record.record_number:
            file[record.record_number] = record.tlv
        else:
            file.update({number + 1: raw for number, raw in sorted(file.items(), reverse=True)})
            file[1] = record.tlv
    for binary in build_binaries(application, {}, items):
        found[f"{binary.df}/{binary.fid.hex().upper()}"] = {1: binary.data}
    return found


@pytest.fixture(scope="module")
def bare() -> FileApplication:
    return _bare(BOOK.files)


def _bare(files: FileApplication) -> FileApplication:
    """The whole card with every value given by address."""
    directories = [
        directory.model_copy(
            update={
                "files": tuple(
                    file.model_copy(
                        update={
                            "source": None,
                            "items": tuple(
                                item.model_copy(
                                    update={"source": None, "blank": "pad", "written_by": "personalisation"}
                                )
                                for item in file.items
                            ),
                        }
                    )
                    for file in directory.files
                )
            }
        )
        for directory in files.directories
    ]
    return files.model_copy(update={"directories": tuple(directories)})


def test_a_whole_card_there_and_back(book: ItemBook, bare: FileApplication) -> None:
    items = {place.address: _good(place) for place in PLACES}
    read: dict[str, str] = {}
    for file, records in _records(bare, items).items():
        read.update(book.decode_file(file, records))
    assert {
        address: value.rstrip("0") if value.startswith("FFD8") else value for address, value in read.items()
    } == items


def test_a_file_that_nobody_fills_is_left(bare: FileApplication) -> None:
    assert build_records(bare, {}, {}) == ()
    assert build_records(bare, {}, {"DF03/EF05/60": ""}) == ()
    records = build_records(bare, {}, {"DF03/EF05/60": "20260228"})
    assert [record.record_number for record in records] == list(range(1, 9))
    assert records[1].tlv.hex() == "600420260228"
    assert records[0].tlv.hex() == "6103ffffff"


def test_a_btlv_record(bare: FileApplication) -> None:
    records = build_records(bare, {}, {"DF02/EF15/99:2/11": "20260228"})
    assert records[1].tlv.hex() == "9910" + "1003000000" + "110420260228" + "1203ffffff"
    assert records[0].tlv.hex() == "9910" + "1003000000" + "1104ffffffff" + "1203ffffff"


def test_cyclic_records_go_in_the_order_of_their_numbers(bare: FileApplication) -> None:
    items = {"DF04/EF15:2/sequence": "2", "DF04/EF15:2/category": "9", "DF04/EF15/sequence": "1"}
    first, second = build_records(bare, {}, items)
    assert (first.record_number, first.tag, first.tlv.hex()) == (0, b"", "000100")
    assert second.tlv.hex() == "000239"


def test_a_transparent_file_is_whole(bare: FileApplication) -> None:
    (binary,) = build_binaries(bare, {}, {"SSSE/EF07": "0102"})
    assert binary.data == b"\x01\x02" + bytes(766)
    assert "01" not in repr(binary)
    (photo,) = build_binaries(BOOK.files, {"photo": b"x" * 4096})
    assert (photo.df, photo.fid, len(photo.data)) == ("SSSE", b"\xef\x08", 4096)
    with pytest.raises(InputRefused, match="holds 4096 bytes, the content has 4097") as refused:
        build_binaries(BOOK.files, {"photo": b"x" * 4097})
    assert refused.value.code == "CF-3311"


@pytest.mark.parametrize(
    ("file", "records"),
    [
        ("DF03/EF05", {1: bytes.fromhex("6003440199")}),
        ("DF03/EF05", {1: bytes.fromhex("61034401")}),
        ("DF03/EF05", {1: bytes.fromhex("610344019900")}),
        ("DF02/EF15", {1: bytes.fromhex("9910" + "1103000000" + "110420260228" + "1203ffffff")}),
        ("DF04/EF15", {1: bytes(4)}),
        ("SSSE/EF06", {2: b"\x09\x1e" + b"\xff" * 30}),
    ],
)
def test_records_that_are_not_what_they_should_be(book: ItemBook, file: str, records: Mapping[int, bytes]) -> None:
    with pytest.raises(InputRefused) as refused:
        book.decode_file(file, records)
    assert refused.value.code == "CF-3312"


def test_a_file_that_is_not_there(book: ItemBook) -> None:
    with pytest.raises(InputRefused):
        book.decode_file("DF03/EF1E", {})
    assert book.decode_file("DF03/EF05", {99: b"x"}) == {}


def _tried(act: Callable[[], T]) -> tuple[T | None, str]:
    try:
        return act(), ""
    except InputRefused as refused:
        return None, refused.what.en


@given(st.sampled_from(PLACES), st.text(max_size=40))
def test_any_text_is_encoded_or_refused_with_the_items_name(place: Place, value: str) -> None:
    raw, said = _tried(lambda: BOOK.encode(place.address, value))
    if raw is None:
        assert place.address in said
        return
    one = place.valued
    assert len(raw) == (one.length if one else place.file.size)
    if one is not None:
        BOOK.describe(place.address, BOOK.decode(place.address, raw))


@given(st.sampled_from(PLACES), st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(place: Place, raw: bytes) -> None:
    value, said = _tried(lambda: BOOK.decode(place.address, raw))
    if value is None:
        assert said.startswith("What the card holds in item")
    else:
        BOOK.describe(place.address, value)


def test_an_item_without_rule_is_text(book: ItemBook) -> None:
    assert isinstance(book.place("DF01/EF06/23").valued, Valued)
    book.check("DF01/EF06/23", "示例省示例市第1街道470号")


@pytest.mark.parametrize("pin", ["1234", "123456", "1234567890123456"])
def test_a_pin_of_4_to_16_digits(pin: str) -> None:
    check_pin_digits(pin)


@pytest.mark.shows("a PIN of 3 or 17 digits is refused before a card is touched (test)")
@pytest.mark.parametrize("pin", ["", "123", "12345678901234567", "12a4", "１２３４", "1234 ", "1234\n"])
def test_a_pin_that_is_none(pin: str) -> None:
    with pytest.raises(InputRefused) as refused:
        check_pin_digits(pin)
    assert refused.value.code == "CF-3345"
    assert not pin or pin.strip() not in refused.value.sentence("en")
