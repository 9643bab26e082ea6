"""Reading a card with the keys of its city, of another city of the province, and of another province."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Literal

import pytest

from cardfab.apdu.link import CardAnswerMalformed, drive, link_to
from cardfab.apdu.trace import ReplayConnection
from cardfab.errors import InputRefused
from cardfab.simulator.chip import TrainingChip, make_blank
from cardfab.terminal.card import verify_pin
from cardfab.terminal.identify import identify
from cardfab.terminal.read import CardReading, read_card
from cardfab.terminal.reason import Denied, PinBlocked, PinWrong, ReadFirst, RightMissing
from cardfab.terminal.update import add_entry, update_items
from cardfab.terminal.voucher import CheckName, Outcome, Voucher, voucher
from tests.unit.terminal.seats import PIN, REGION, issuer, of_city, present

TODAY = date(2026, 11, 22)
ISSUED = {
    "SSSE/EF05/02": "3",
    "SSSE/EF05/03": "2.00",
    "SSSE/EF05/04": "915600000244019944019901",
    "SSSE/EF05/05": "20260101",
    "SSSE/EF05/06": "20360101",
    "SSSE/EF05/07": "D2143569X",
}
RECORDS = {
    "DF01/EF06/28": "13800000000",
    "DF01/EF08/2B": "1",
    "DF01/EF15/40:2/57": "103",
    "DF02/EF09/96": "20260201",
    "DF03/EF07/70": "110",
    "DF04/EF05/8C": "11",
    "DF04/EF05/84": "440199",
}
Cipher = Literal["3DES", "SM4"]
CIPHERS: list[Cipher] = ["3DES", "SM4"]


def _issued(cipher: Cipher = "3DES") -> TrainingChip:
    """A card that the issuer's keys have written."""
    chip = make_blank(serial=7, region=REGION, version="2.0", algorithm=cipher, authentication_code=True)
    seat = present(chip, issuer())
    seat.run(identify(seat.card))
    seat.run(update_items(seat.card, {**ISSUED, **RECORDS}))
    return chip


@pytest.fixture(params=CIPHERS)
def chip(request: pytest.FixtureRequest) -> TrainingChip:
    return _issued(request.param)


def _read(chip: TrainingChip, city: str, pin: str | None = None) -> tuple[CardReading, list[bytes]]:
    seat = present(chip, of_city(city))
    reading = seat.run(read_card(seat.card, pin=pin))
    return reading, seat.wire.sent


# The voucher


def _voucher(chip: TrainingChip, city: str = REGION, **more: object) -> Voucher:
    seat = present(chip, of_city(city))
    return seat.run(voucher(seat.card, today=TODAY, **more))  # type: ignore[arg-type]


def test_a_good_card_is_a_voucher_everywhere(chip: TrainingChip) -> None:
    for city in (REGION, "440198", "650199"):
        found = _voucher(chip, city, serves=lambda region: region == REGION, black_list=lambda one: False)
        assert {one.outcome for one in found.checks} == {Outcome.PASSED}
        assert found.good
        assert found.identity.card_number == "D2143569X"
        assert "D2143569X" not in repr(found)


def test_what_there_are_no_means_for_is_not_checked(chip: TrainingChip) -> None:
    found = _voucher(chip)
    assert found.good
    for name in (CheckName.REGION, CheckName.BLACK_LIST):
        assert found.check(name).outcome is Outcome.NOT_CHECKED


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"SSSE/EF05/06": "20261121"}, CheckName.EXPIRY),
        ({"SSSE/EF05/03": "3.00"}, CheckName.VERSION),
    ],
)
def test_a_card_that_fails(chip: TrainingChip, changed: dict[str, str], name: CheckName) -> None:
    seat = present(chip, issuer())
    seat.run(identify(seat.card))
    seat.run(update_items(seat.card, changed))
    found = _voucher(chip)
    assert [one.name for one in found.failed] == [name]
    assert not found.good


def test_a_card_of_another_place_and_a_listed_one(chip: TrainingChip) -> None:
    found = _voucher(chip, serves=lambda region: region == "650199", black_list=lambda one: one.serial[:6] == REGION)
    assert {one.name for one in found.failed} == {CheckName.REGION, CheckName.BLACK_LIST}


def test_a_chip_without_the_ministrys_key_is_no_voucher() -> None:
    """The terminal takes it for a card of another region, so every key that it derives is another."""
    chip = make_blank(serial=7, region=REGION)
    seat = present(chip, of_city(REGION))
    seat.card.historical = bytes(13)
    found = seat.run(voucher(seat.card, today=TODAY))
    assert found.check(CheckName.GENUINE).outcome is Outcome.FAILED
    assert not found.good


def test_an_unset_code_is_not_checked_and_a_wrong_one_fails() -> None:
    blank = make_blank(serial=7, region=REGION)
    assert _voucher(blank).check(CheckName.CODE).outcome is Outcome.NOT_CHECKED
    seat = present(_issued(), issuer())
    seat.run(identify(seat.card))
    code = seat.card.code[:12] + b"\1\2\3\4"
    seat.run(update_items(seat.card, {"SSSE/EF05/01": code.hex().upper()}))
    assert _voucher(seat.chip).check(CheckName.CODE).outcome is Outcome.FAILED


# Three terminals


CITY_KEYS = {"DF01/EF06", "DF01/EF08", "DF01/EF15", "DF02/EF05", "DF02/EF09", "DF02/EF15", "DF02/EF16"}
CITY_KEYS |= {"DF03/EF06", "DF03/EF15", "DF03/EF16", "DF03/EF17", "DF03/EF18", "DF03/EF19"}
CITY_KEYS |= {"DF04/EF06", "DF04/EF15", "DF07/EF05", "DF07/EF06", "DF07/EF07"}
CITY_KEYS |= {f"DF01/EF{number}" for number in ("16", "17", "18", "19", "1A")}
PROVINCE_KEYS = {"SSSE/EF05", "SSSE/EF06", "SSSE/EF07", "SSSE/EF08", "DF01/EF05", "DF01/EF07", "DF01/EF09", "DF01/EF0A"}
PROVINCE_KEYS |= {"DF02/EF06", "DF02/EF07", "DF03/EF05", "DF03/EF07", "DF04/EF05"}


@pytest.mark.shows("Reading with a terminal of the same city, of another city, of another province (test)")
def test_three_terminals_have_three_answers(chip: TrainingChip) -> None:
    """All read what the ministry's keys allow; the province writes its files, the city the others too."""
    same, _ = _read(chip, REGION, PIN)
    province, _ = _read(chip, "440198", PIN)
    nation, _ = _read(chip, "650199", PIN)
    assert same.values == province.values == nation.values
    assert same.values.items() >= (ISSUED | RECORDS).items()
    absent = {f"DF01/EF{number}" for number in ("16", "17", "18", "19", "1A")}
    assert same.writable == (CITY_KEYS | PROVINCE_KEYS) - absent
    assert province.writable == PROVINCE_KEYS
    assert nation.writable == frozenset()
    assert {province.file(one).write for one in CITY_KEYS - absent} == {Denied.OTHER_CITY}
    assert {nation.file(one).write for one in PROVINCE_KEYS} == {Denied.OTHER_PROVINCE}
    assert {nation.file(one).write for one in CITY_KEYS - absent} == {Denied.OTHER_CITY}
    assert same.file("DF04/EF08").write is Denied.FORBIDDEN


def test_each_terminal_writes_what_it_may_and_no_other(chip: TrainingChip) -> None:
    tries = {"DF01/EF07/29": "1", "DF01/EF08/2B": "2"}  # a key of the province, a key of the city
    for city, allowed in ((REGION, set(tries)), ("440198", {"DF01/EF07/29"}), ("650199", set())):
        for address, value in tries.items():
            seat = present(chip, of_city(city))
            seat.run(identify(seat.card))
            asked = len(seat.wire.sent)
            if address in allowed:
                seat.run(update_items(seat.card, {address: value}))
                assert seat.run(read_card(seat.card, only=[address[:9]])).values[address] == value
            else:
                with pytest.raises(RightMissing) as refused:
                    seat.run(update_items(seat.card, {address: value}))
                assert refused.value.code == "CF-6240"
                assert len(seat.wire.sent) == asked, "the card was not asked"


def test_a_key_that_is_not_held_is_never_tried(chip: TrainingChip) -> None:
    """Every EXTERNAL AUTHENTICATE of a reading succeeds: no counter runs down."""
    for city in (REGION, "440198", "650199"):
        reading, sent = _read(chip, city)
        authentications = [apdu for apdu in sent if apdu[1] == 0x82]
        assert len(authentications) == 9, "RKSSSE, RK1 of four, RK2DF03, three of DF07"
        assert not any(file.denied is Denied.REFUSED for file in reading.files)


def test_a_province_may_be_given_keys_of_the_city(chip: TrainingChip) -> None:
    seat = present(chip, of_city("440198", "ss/DF01/UK3"))
    reading = seat.run(read_card(seat.card, pin=PIN))
    assert reading.writable == PROVINCE_KEYS | {"DF01/EF08"}


# PIN


def test_without_the_pin_what_needs_it_is_told(chip: TrainingChip) -> None:
    reading, _ = _read(chip, REGION)
    assert reading.tries == 6
    assert {one for one, why in reading.denied.items() if why is Denied.PIN} == {"DF04/EF06", "DF04/EF08"}
    assert Denied.PIN.text.en == "The holder's PIN is needed."


def test_with_the_pin_alone_a_terminal_without_keys_reads(chip: TrainingChip) -> None:
    seat = present(chip, of_city("650199"))
    seat.card.keys = type(issuer())({}, lambda count: bytes(count))
    reading = seat.run(read_card(seat.card, pin=PIN))
    assert reading.values["DF03/EF07/70"] == "110"
    assert reading.denied["DF04/EF06"] is Denied.NO_KEY
    assert reading.denied["DF07/EF05"] is Denied.NO_KEY


def test_a_wrong_pin_is_tried_once(chip: TrainingChip) -> None:
    seat = present(chip, of_city(REGION))
    for left in (5, 4, 3, 2, 1):
        with pytest.raises(PinWrong) as refused:
            seat.run(read_card(seat.card, pin="654321"))
        assert refused.value.tries == left
        assert "654321" not in str(refused.value)
    for _ in range(2):
        with pytest.raises(PinBlocked):
            seat.run(read_card(seat.card, pin="654321"))


@pytest.mark.parametrize("pin", ["123", "12345678901234567", "12a4", ""])
def test_what_is_no_pin_is_not_taken_to_the_card(chip: TrainingChip, pin: str) -> None:
    seat = present(chip, of_city(REGION))
    with pytest.raises(InputRefused):
        verify_pin(seat.card, pin)
    assert seat.wire.sent == []


# Writing


def test_records_of_every_structure(chip: TrainingChip) -> None:
    seat = present(chip, issuer())
    seat.run(identify(seat.card))
    for start in ("20200101", "20210101"):
        seat.run(add_entry(seat.card, "DF02/EF07", {"start": start}))
    seat.run(update_items(seat.card, {"SSSE/EF08": "FFD8" + "00" * 500}))
    reading = seat.run(read_card(seat.card, only=["DF02/EF07", "SSSE/EF08", "DF01/EF15"]))
    assert reading.values["DF02/EF07/start"] == "20210101"
    assert reading.values["DF02/EF07:2/start"] == "20200101"
    assert reading.file("SSSE/EF08").raw[:2].hex() == "ffd8"
    assert reading.values["DF01/EF15/40:2/57"] == "103"
    assert "DF01/EF15/40/57" not in reading.values, "the first record of the tag was never written"


@pytest.mark.parametrize(
    ("address", "value"),
    [("DF04/EF05/84", "44"), ("DF03/EF07/71", "ABC"), ("SSSE/EF06/09", "长" * 40), ("DF09/EF05/01", "1"), ("X", "")],
)
def test_bad_values_are_refused_before_the_card(chip: TrainingChip, address: str, value: str) -> None:
    seat = present(chip, issuer())
    seat.run(identify(seat.card))
    asked = len(seat.wire.sent)
    with pytest.raises(InputRefused):
        seat.run(update_items(seat.card, {address: value}))
    assert len(seat.wire.sent) == asked


def test_a_card_is_identified_first() -> None:
    seat = present(make_blank(serial=1, region=REGION), issuer())
    with pytest.raises(ReadFirst):
        update_items(seat.card, {"DF04/EF05/84": "440199"})


def test_version_three_hides_the_holder() -> None:
    chip = make_blank(serial=9, region=REGION, version="3.0")
    seat = present(chip, issuer(), "ssc-v3")
    identity = seat.run(identify(seat.card))
    assert identity.algorithm == "SM4"
    seat.run(update_items(seat.card, {"SSSE/EF06/0A": "1"}))
    held = present(chip, of_city("650199"), "ssc-v3")
    assert held.run(read_card(held.card)).values["SSSE/EF06/0A"] == "1"
    bare = present(chip, type(issuer())({}, lambda count: bytes(count)), "ssc-v3")
    assert bare.run(read_card(bare.card, pin=PIN)).denied["SSSE/EF06"] is Denied.NO_KEY


def test_a_reading_shows_no_personal_data_in_its_repr(chip: TrainingChip) -> None:
    reading, _ = _read(chip, REGION, PIN)
    assert "13800000000" not in repr(reading)
    assert "13800000000" in repr(dict(replace(reading).values))


# Cards of other makes


FCI = "6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860103"


@pytest.mark.parametrize(
    ("fci", "region", "algorithm"),
    [
        (FCI, "440199", "SM4"),
        (FCI[:-2] + "01", "110199", "3DES"),
        (FCI[:-2] + "02", "440199", "SSF33"),
        (FCI[:-2] + "7F", "440199", "7F"),
        ("6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E", "440199", "3DES"),
        ("6F16840F7378312E73682EC9E7BBE1B1A3D5CFA50388011E", "110199", "SSF33"),
    ],
)
def test_the_cipher_of_a_card(fci: str, region: str, algorithm: str) -> None:
    """The example of a 3.00 card, and the rule where the FCI does not say it."""
    code = f"{region}D15600000500000001FFFFFFFF"
    wire = ReplayConnection.of_text(
        f"! 3B6D00000087BF10028649440199000001\n> 00A404000F7378312E73682EC9E7BBE1B1A3D5CF00\n< {fci}9000\n"
        f"> 00B2012C00\n< 0110{code}9000\n" + "".join(f"> 00B2{n:02X}2C00\n< 6A83\n" for n in range(2, 8))
    )
    card = replace(present(make_blank(serial=1, region=REGION), of_city(REGION)).card)
    identity = drive(identify(card), link_to(wire))
    assert (identity.algorithm, identity.region) == (algorithm, region)
    if algorithm not in ("3DES", "SM4"):
        assert card.obstacle(card.application.directory("DF07"), "RK1DF07") is Denied.CIPHER


@pytest.mark.parametrize("fci", ["6F05", "6F03A50188", ""])
def test_an_answer_that_is_none(fci: str) -> None:
    code = "440199D15600000500000001FFFFFFFF"
    wire = ReplayConnection.of_text(
        f"! 3B00\n> 00A404000F7378312E73682EC9E7BBE1B1A3D5CF00\n< {fci}9000\n> 00B2012C00\n< 0110{code}9000\n"
        + "".join(f"> 00B2{n:02X}2C00\n< 6A83\n" for n in range(2, 8))
    )
    card = present(make_blank(serial=1, region=REGION), of_city(REGION)).card
    if not fci:
        assert drive(identify(card), link_to(wire)).algorithm == "3DES"
        return
    with pytest.raises(CardAnswerMalformed):
        drive(identify(card), link_to(wire))


def test_a_card_of_the_first_generation() -> None:
    seat = present(make_blank(serial=3, region=REGION, version="1.0"), issuer(), "ssc-v1")
    seat.run(identify(seat.card))
    seat.run(update_items(seat.card, {"DF01/EF06/28": "13800000000", "DF04/EF05/8C": "21"}))
    reading = seat.run(read_card(seat.card, pin=PIN))
    assert reading.values.items() >= {"DF01/EF06/28": "13800000000", "DF04/EF05/8C": "21"}.items()
    assert not any(file.problems for file in reading.files)
