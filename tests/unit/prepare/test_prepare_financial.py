"""The debit application of a card: account numbers, data groupings, and what they share with the sample cards."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.apdu.tlv import parse
from cardfab.errors import InputRefused
from cardfab.keys import Sealed
from cardfab.prepare.financial import (
    DataGrouping,
    FinancialData,
    application_file_locator,
    build_groupings,
    financial_values,
    luhn,
    make_pan,
)
from cardfab.profile.financial import FinancialApplication, RecordEntry, TagEntry
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders

UDKS = Sealed(bytes(76), "station/transport", "UDKs", 48, (b"\xc6\x3b\x1e", b"\x93\xfa\xb3", b"\x2e\x2c\x8f"))
PIN = Sealed(bytes(36), "station/transport", "PIN", 8)
SAMPLE = FinancialData("6299990000000017", date(2026, 1, 1), date(2033, 12, 31))


@pytest.fixture(scope="session")
def debit(profiles: ProfileFolders) -> FinancialApplication:
    return load(profiles, "applications", "pboc-debit-contact", FinancialApplication)


@pytest.fixture(scope="session")
def sample(vectors: Path) -> dict[str, bytes]:
    """The groupings in the clear of the contact sample card, by DGI."""
    products = json.loads((vectors / "pboc-debit-products.json").read_text(encoding="utf-8"))["products"]
    (product,) = [one for one in products if one["id"] == "debit-contact-rsa"]
    return {entry["dgi"]: bytes.fromhex(entry["plain"]) for entry in product["dgis"]}


def _built(application: FinancialApplication, data: FinancialData = SAMPLE) -> dict[str, DataGrouping]:
    return {one.dgi: one for one in build_groupings(application, data, udks=UDKS, pin=PIN)}


def _value(grouping: DataGrouping) -> bytes:
    assert isinstance(grouping.value, bytes)
    return grouping.value


def _with(application: FinancialApplication, **changes: Any) -> FinancialApplication:
    return FinancialApplication.model_validate({**application.model_dump(), **changes})


# Account numbers


@pytest.mark.parametrize(
    "number",
    [
        "6299990000000017",
        "6299990000000000012",
        "6299990000000000020",
        "6228000100001117",
        "79927398713",  # ISO/IEC 7812-1 as it is quoted everywhere
        "4111111111111111",
        "0",
        "18",
    ],
)
def test_luhn(number: str) -> None:
    assert luhn(number[:-1]) == number[-1]


@settings(deadline=None)
@given(digits=st.text("0123456789", min_size=1, max_size=18), place=st.integers(0, 17), other=st.integers(1, 9))
def test_luhn_sees_every_single_wrong_digit(digits: str, place: int, other: int) -> None:
    place %= len(digits)
    wrong = digits[:place] + str((int(digits[place]) + other) % 10) + digits[place + 1 :]
    assert luhn(digits) != luhn(wrong)


def test_account_numbers_are_counted_up(debit: FinancialApplication) -> None:
    assert make_pan(debit, 1) == "6299990000000017"
    made = [make_pan(debit, sequence) for sequence in range(200)]
    assert len(set(made)) == 200
    assert all(len(pan) == 16 and luhn(pan[:-1]) == pan[-1] for pan in made)


@pytest.mark.parametrize("digits", [16, 17, 18, 19])
def test_a_number_range_ends_and_never_starts_again(debit: FinancialApplication, digits: int) -> None:
    application = _with(debit, pan_digits=digits)
    last = 10 ** (digits - 7) - 1
    assert make_pan(application, last).startswith("629999" + "9" * (digits - 7))
    assert len(make_pan(application, last)) == digits
    with pytest.raises(InputRefused, match="used up") as refused:
        make_pan(application, last + 1)
    assert refused.value.code == "CF-3130"


# Values


def test_values_of_the_sample_card(debit: FinancialApplication) -> None:
    values = financial_values(debit, SAMPLE)
    assert {name: value.hex().upper() for name, value in values.items()} == {
        "pan": "6299990000000017",
        "track2": "6299990000000017D3312220",
        "expiry": "331231",
        "effective": "260101",
        "psn": "01",
        "service_code": "0220",
        "track1": "",
        "name": "202F",
        "long_name": "",
    }


@pytest.mark.parametrize("digits", [16, 17, 18, 19])
def test_odd_numbers_of_digits_are_filled_with_f(debit: FinancialApplication, digits: int) -> None:
    pan = make_pan(_with(debit, pan_digits=digits), 5)
    values = financial_values(debit, FinancialData(pan, date(2026, 11, 21), date(2036, 2, 29)))
    assert values["pan"].hex().upper() == pan + "F" * (digits % 2)
    track2 = f"{pan}D3602220"
    assert values["track2"].hex().upper() == track2 + "F" * (len(track2) % 2)
    assert values["expiry"].hex() == "360229"
    assert re.fullmatch(r"[0-9]{16,19}D[0-9]{7}F?", values["track2"].hex().upper())


# Data groupings


@pytest.mark.parametrize("dgi", ["9102", "9200", "0401", "0D01", "0E01", "0302", "9000", "9010"])
def test_groupings_of_the_sample_card(debit: FinancialApplication, sample: dict[str, bytes], dgi: str) -> None:
    """Those that hold nothing of RSA are the same, byte for byte."""
    assert _value(_built(debit)[dgi]) == sample[dgi]


def test_the_record_of_the_sample_card_without_its_signature(
    debit: FinancialApplication, sample: dict[str, bytes]
) -> None:
    """0301: all the objects in the same order; the sample has 9F4A behind them, since it is signed."""
    mine, theirs = (parse(record[2:]) for record in (_value(_built(debit)["0301"]), sample["0301"]))
    assert mine == theirs[:-1]
    assert theirs[-1].tag == 0x9F4A


def test_track_2_begins_as_that_of_the_sample_card(debit: FinancialApplication, sample: dict[str, bytes]) -> None:
    mine, theirs = (parse(record[2:])[0] for record in (_value(_built(debit)["0101"]), sample["0101"]))
    assert mine.tag == theirs.tag == 0x57
    assert theirs.value.startswith(mine.value)


def test_groupings_come_in_the_order_of_the_profile(debit: FinancialApplication) -> None:
    made = [one.dgi for one in build_groupings(debit, SAMPLE, udks=UDKS, pin=PIN)]
    records = ["0101", "0301", "0302", "0401"]
    assert made == ["9102", "9104", "9200", *records, "0D01", "0E01", "8000", "9000", "8010", "9010"]
    turned = _with(debit, order=tuple(reversed(debit.order)))
    expected = ["9010", "8010", "9000", "8000", "0E01", "0D01", *records, "9200", "9104", "9102"]
    assert [one.dgi for one in build_groupings(turned, SAMPLE, udks=UDKS, pin=PIN)] == expected


def test_the_secret_ones_are_sealed_and_no_others(debit: FinancialApplication) -> None:
    made = _built(debit)
    assert {dgi for dgi, one in made.items() if one.secret} == {"8000", "8010"}
    assert (made["8000"].value, made["8010"].value) == (UDKS, PIN)
    assert _value(made["9000"]) == b"".join(UDKS.kcvs)
    assert _value(made["9010"]) == bytes((3, 3))


def test_names_stay_off_the_financial_side(debit: FinancialApplication) -> None:
    """Lint rule L07 of the facts: 5F20 holds 20 2F."""
    (name,) = [one for one in parse(_value(_built(debit)["0101"])[2:]) if one.tag == 0x5F20]
    assert name.value == b" /"


def test_no_record_has_a_tag_twice_and_dates_and_currency_agree(debit: FinancialApplication) -> None:
    """Lint rules L02, L05 and L08 of the facts: tags, 57 = 5A, 5F24, 5F30, and one PSN everywhere."""
    made = _built(debit)
    objects = [one for dgi in ("0101", "0301", "0302", "0401") for one in parse(_value(made[dgi])[2:])]
    found = {one.tag: one.value.hex().upper() for one in objects}
    assert len(found) == len(objects)
    track2 = found[0x57].rstrip("F")
    assert track2 == f"{found[0x5A].rstrip('F')}D{found[0x5F24][:4]}{found[0x5F30][1:]}"
    internal = {one.tag: one.value.hex().upper() for one in parse(_value(made["0E01"]))}
    assert (found[0x5F34], found[0x9F42], found[0x5F28]) == (internal[0x5F34], internal[0x9F51], internal[0x9F57])
    assert found[0x5F25] <= found[0x5F24]


# AFL


def _entry(sfi: int, record: int) -> RecordEntry:
    return RecordEntry(sfi=sfi, record=record, tags=())


@pytest.mark.parametrize(
    ("places", "locator"),
    [
        ([], ""),
        ([(1, 1)], "08010100"),
        ([(1, 1), (2, 1), (2, 2), (2, 3)], "0801010010010300"),
        ([(1, 1), (1, 3)], "0801010008030300"),
        ([(3, 2), (3, 1)], "1802020018010100"),
        ([(30, 255)], "F0FFFF00"),
        ([(1, 1), (2, 1), (2, 2), (2, 3), (2, 4), (2, 5), (3, 1), (3, 2), (4, 1)], "08010100100105001801020020010100"),
    ],
)
def test_file_locator(places: list[tuple[int, int]], locator: str) -> None:
    """The last is the AFL of the sample card, less its one signed record."""
    assert application_file_locator([_entry(*place) for place in places]).hex().upper() == locator


def test_gpo_of_the_profile(debit: FinancialApplication) -> None:
    assert _value(_built(debit)["9104"]).hex().upper() == "82021C00940C080101001801020020010100"


@settings(deadline=None)
@given(places=st.lists(st.tuples(st.integers(1, 30), st.integers(1, 16)), unique=True, max_size=12))
def test_a_file_locator_names_every_record_once(places: list[tuple[int, int]]) -> None:
    raw = application_file_locator([_entry(*place) for place in places])
    named = [(raw[at] >> 3, number) for at in range(0, len(raw), 4) for number in range(raw[at + 1], raw[at + 2] + 1)]
    assert named == places
    assert set(raw[3::4]) <= {0}


# What is refused


def _tagged(length: int) -> TagEntry:
    return TagEntry(tag=b"\x90", name="certificate", value=bytes(length))


def test_a_record_of_254_bytes_is_the_longest(debit: FinancialApplication) -> None:
    fits = _with(debit, records=(RecordEntry(sfi=2, record=1, tags=(_tagged(248),)),))
    assert len(_value(_built(fits)["0201"])) == 254
    too_long = _with(debit, records=(RecordEntry(sfi=2, record=1, tags=(_tagged(249),)),))
    with pytest.raises(InputRefused, match="2/1 has 255 bytes") as refused:
        _built(too_long)
    assert refused.value.code == "CF-3131"


def test_a_source_that_nobody_prepares(debit: FinancialApplication) -> None:
    entry = TagEntry(tag=b"\x5f\x20", name="cardholder name", source="holder_name")
    with pytest.raises(InputRefused, match="5F20 asks for 'holder_name'") as refused:
        _built(_with(debit, internal=(entry,)))
    assert refused.value.code == "CF-3132"


def test_a_grouping_that_nobody_makes(debit: FinancialApplication) -> None:
    with pytest.raises(InputRefused, match="DGI 8201") as refused:
        _built(_with(debit, order=(*debit.order, "8201")))
    assert refused.value.code == "CF-3133"


def test_the_repr_of_a_grouping_shows_nobody(debit: FinancialApplication) -> None:
    """Records hold PAN and track 2; a grouping may stand in a log."""
    for grouping in build_groupings(debit, SAMPLE, udks=UDKS, pin=PIN):
        shown = repr(grouping)
        assert grouping.dgi in shown
        assert grouping.title in shown
        assert "b\\x99\\x99" not in shown
        assert "ciphertext" not in shown
