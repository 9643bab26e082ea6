"""Preparation of a bank card: what is refused before a card, with tag and rule; policies; every kind of applet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from cardfab.apdu.tlv import parse
from cardfab.errors import CardfabError, InputRefused
from cardfab.keys import Sealed, SoftKeyStore
from cardfab.keys.certificates import CertificateFault
from cardfab.prepare.financial import FinancialData, PreparedFinancial, make_pan, prepare_financial
from cardfab.profile.financial import FinancialApplication

CONTACT, DUAL, TWIN = "pboc-debit-contact-rsa", "pboc-debit-dual", "pboc-debit-dual-sm2"


def _with(application: FinancialApplication, **changes: Any) -> FinancialApplication:
    return application.model_copy(update=changes)


def _quirks(application: FinancialApplication, **changes: Any) -> FinancialApplication:
    return _with(application, quirks=application.quirks.model_copy(update=changes))


def _record(application: FinancialApplication, dgi: str, drop: str) -> FinancialApplication:
    records = tuple(
        record.model_copy(update={"tags": tuple(tag for tag in record.tags if tag.tag != bytes.fromhex(drop))})
        if record.dgi == dgi
        else record
        for record in application.records
    )
    return _with(application, records=records)


@pytest.mark.shows(
    "wrong data is found before a card: expiry beyond the issuer certificate; preparation names tag and rule (test)"
)
def test_a_card_does_not_outlive_its_issuer_certificate(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial]
) -> None:
    for name in (CONTACT, DUAL, TWIN):
        prepared(financial(name), expiry=date(2034, 12, 31))
        with pytest.raises(InputRefused, match=r"5F24, rule L07.*2035-01-01.*12/2034") as refused:
            prepared(financial(name), expiry=date(2035, 1, 1))
        assert refused.value.code == "CF-3137"


@pytest.mark.parametrize(
    ("pan", "why"),
    [
        ("6299990000000018", "5A, rule L05"),
        ("629999000000001", "5A, rule L05"),
        ("6228480000000015", "5A, rule L05"),
        ("62999900000000 7", "5A, rule L05"),
    ],
)
def test_wrong_account_numbers(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial], pan: str, why: str
) -> None:
    with pytest.raises(InputRefused, match=why):
        prepared(financial(CONTACT), pan=pan)


def test_a_card_that_expires_before_it_begins(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial]
) -> None:
    with pytest.raises(InputRefused, match="5F25, rule L07"):
        prepared(financial(CONTACT), effective=date(2034, 1, 1))


def test_an_account_number_of_another_issuer_than_the_certificate(
    financial: Callable[[str], FinancialApplication], bank: Any
) -> None:
    store = bank.certified()
    bank.certify(store, "bank/ISSUER-RSA-1152", iin=bytes.fromhex("622848FF"))
    data = FinancialData("6299990000000017", date(2026, 1, 1), date(2033, 12, 31))
    with pytest.raises(InputRefused, match=r"5A, rule L05.*certificate"):
        prepare_financial(financial(CONTACT), data, store)


def test_without_issuer_certificate_no_card(financial: Callable[[str], FinancialApplication]) -> None:
    data = FinancialData("6299990000000017", date(2026, 1, 1), date(2033, 12, 31))
    with pytest.raises(CertificateFault, match="no issuer certificate"):
        prepare_financial(financial(CONTACT), data, SoftKeyStore.training(lambda count: bytes(count)))


def test_without_a_chip_key_no_card(financial: Callable[[str], FinancialApplication], keys: SoftKeyStore) -> None:
    data = FinancialData("6299990000000017", date(2026, 1, 1), date(2033, 12, 31))
    with pytest.raises(InputRefused, match="9F46, rule L13"):
        prepare_financial(financial(CONTACT), data, keys)


@pytest.mark.parametrize(
    ("name", "tag"), [(b"", "5F20, rule L08"), (b"A" * 27, "9F0B, rule L08"), (b"A" * 46, "5F20, rule L08")]
)
def test_names_that_no_tag_holds(
    financial: Callable[[str], FinancialApplication],
    prepared: Callable[..., PreparedFinancial],
    name: bytes,
    tag: str,
) -> None:
    with pytest.raises(InputRefused, match=tag):
        prepared(_with(financial(CONTACT), holder_name="on chip"), name=name)


def test_a_long_name_goes_to_9f0b_where_the_profile_has_it(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial]
) -> None:
    application = _with(financial(CONTACT), holder_name="on chip")
    first = application.records[0]
    entry = first.tags[1].model_copy(update={"tag": b"\x9f\x0b", "source": "long_name"})
    longer = first.model_copy(update={"tags": (*first.tags, entry)})
    application = _with(application, records=(longer, *application.records[1:]))
    for name, tag in ((b"A" * 26, 0x5F20), (b"A" * 27, 0x9F0B), (b"A" * 45, 0x9F0B)):
        value = prepared(application, name=name).by_dgi()["0101"]
        assert isinstance(value, bytes)
        found = {one.tag: one.value for one in parse(value)[0].children}
        assert found[tag] == name
        assert len({0x5F20, 0x9F0B} & set(found)) == 1


def test_a_path_that_names_a_missing_record(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial]
) -> None:
    application = financial(CONTACT)
    without = _with(application, records=application.records[:-1])
    with pytest.raises(InputRefused, match=r"94, rule L01.*0401"):
        prepared(without)


def test_a_signed_record_that_holds_its_own_signature(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial]
) -> None:
    application = financial(CONTACT)
    (path,) = application.paths
    with pytest.raises(InputRefused, match="94, rule L14"):
        prepared(_with(application, paths=(path.model_copy(update={"signed": ("0205",)}),)))


def test_a_profile_without_issuer_key(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial]
) -> None:
    application = financial(CONTACT)
    issuer = application.issuer.model_copy(update={"rsa": None})
    with pytest.raises(InputRefused, match="90, rule L13"):
        prepared(_with(application, issuer=issuer))


# First PIN


def test_a_card_without_offline_pin_has_a_limit_of_nothing(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial]
) -> None:
    application = financial(CONTACT)
    policy = application.pin.model_copy(update={"first": "none"})
    made = prepared(_with(application, pin=policy)).by_dgi()
    assert "8010" not in made
    assert made["9010"] == b"\x00\x00"


def test_the_holder_enters_the_first_pin_or_there_is_no_card(
    financial: Callable[[str], FinancialApplication], keys: SoftKeyStore, sample_key: Any, bank: Any
) -> None:
    application = financial(CONTACT)
    application = _with(application, pin=application.pin.model_copy(update={"first": "holder"}))
    data = FinancialData("6299990000000017", date(2026, 1, 1), date(2033, 12, 31))
    with pytest.raises(InputRefused, match="DGI 8010") as refused:
        prepare_financial(application, data, keys, take_key=sample_key)
    assert refused.value.code == "CF-3139"
    pin = bank.pin(keys, "271828")
    assert prepare_financial(application, data, keys, take_key=sample_key, pin=pin).by_dgi()["8010"] is pin


# Applets


@pytest.mark.parametrize(
    ("change", "dgi", "value"),
    [
        ({"pin_data_form": "tlv9F17"}, "9010", "9F17010303"),
        ({"gpo_q_order": "82,94,9F10"}, "9207", "82027C00940C1001020038010501280101009F100A07010103000000010A01"),
    ],
)
def test_the_form_of_a_grouping_is_the_applets(
    financial: Callable[[str], FinancialApplication],
    prepared: Callable[..., PreparedFinancial],
    change: dict[str, Any],
    dgi: str,
    value: str,
) -> None:
    assert prepared(_quirks(financial(DUAL), **change)).by_dgi()[dgi] == bytes.fromhex(value)


def test_other_applets_of_the_twin(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial]
) -> None:
    plain = financial(TWIN)
    order = tuple(dgi for dgi in plain.order if dgi not in ("8501", "8502", "9400"))
    other = _quirks(
        plain,
        sm2_private_dgi="8402",
        sm_kcv_dgi="9003",
        sm_pin_dgi="8011",
        kcv_for_sm4="3DES",
        fci_form="full_6F",
        crt_padding="none",
    )
    made = prepared(_with(other, order=(*order, "8402", "9003", "8011"))).by_dgi()
    for dgi, length in (("8402", 32), ("8011", 8), ("8201", 64)):
        value = made[dgi]
        assert isinstance(value, Sealed)
        assert value.length == length
    usual = prepared(plain).by_dgi()
    assert made["9003"] != usual["9400"]
    fci = made["9102"]
    assert isinstance(fci, bytes)
    assert fci.startswith(b"\x6f")
    assert plain.aid in fci


def test_stripe_values_come_from_the_banks_keys(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial], keys: SoftKeyStore
) -> None:
    application = _with(financial(CONTACT), discretionary="1{pvv}{cvn}00000", cvn_key="bank/CVK", pvv_key="bank/PVK")
    value = prepared(application).by_dgi()["0101"]
    assert isinstance(value, bytes)
    found = {one.tag: one.value for one in parse(value)[0].children}
    track2 = found[0x57].hex().upper()
    assert track2[29:32] == keys.cvn("bank/CVK", "6299990000000017", "3312", "220") == found[0x9F1F][5:8].decode()


def test_track_2_has_room_for_37(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial]
) -> None:
    with pytest.raises(InputRefused, match="57, rule L06"):
        prepared(_with(financial(CONTACT), discretionary="0" * 14))


def test_two_cards_share_nothing_but_the_issuer(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial]
) -> None:
    application = financial(DUAL)
    one, two = (prepared(application, pan=make_pan(application, n)).by_dgi() for n in (1, 2))
    same = {dgi for dgi in one if one[dgi] == two[dgi]}
    assert same >= {"0201", "0202", "9102"}
    assert not same & {"0101", "0203", "0205", "0703", "0705", "8000", "9000", "8010", "0301"}


def test_refusals_are_in_both_languages(
    financial: Callable[[str], FinancialApplication], prepared: Callable[..., PreparedFinancial]
) -> None:
    for changes in ({"pan": "1"}, {"effective": date(2040, 1, 1)}, {"expiry": date(2040, 1, 31)}):
        with pytest.raises(CardfabError) as refused:
            prepared(financial(CONTACT), **changes)
        assert refused.value.what.zh != refused.value.what.en
        assert "6299990000000017" not in str(refused.value)
