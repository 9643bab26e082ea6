"""What is wrong with a card is told by check and tag: one bit in each certificate, dates, usage, lists, answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from cardfab.apdu.link import drive, link_to
from cardfab.apdu.tlv import Tlv, encode, parse
from cardfab.errors import InputRefused
from cardfab.terminal.emv import Answered, Deal, EmvReport, Holder, Item, Kind, Outcome, Result, contact
from cardfab.terminal.emv.dol import entries, filled
from cardfab.terminal.emv.report import Check
from cardfab.terminal.emv.script import BlockApplication, Script, UpdateRecord, build
from tests.unit.terminal.emv_cards import (
    PLAIN_GPO_AT,
    ScriptedCard,
    card_of,
    deal_of,
    host_of,
    issuer_store,
    play,
    sample,
    terminal_of,
)

CONTACT_RSA, DUAL, DUAL_SM2 = "debit-contact-rsa", "debit-dual-rsa", "debit-dual-sm2"
NO_CDA = {"capabilities": bytes.fromhex("E0B8C0")}


def _given(name: str, path: str = "contact", kind: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = next(
        one for one in sample(name)["transactions"] if one["path"] == path and one.get("kind") == kind
    )
    return found


def _edited(card: ScriptedCard, tag: int, change: Callable[[bytes], bytes | None]) -> ScriptedCard:
    """The card with one object of its records changed; None takes it out."""
    hits = 0
    for command, answer in card.answers.items():
        if not command.startswith("00B2"):
            continue
        outer = parse(bytes.fromhex(answer)[:-2])[0]
        if tag not in (one.tag for one in outer.children):
            continue
        inner = [(one, change(one.value) if one.tag == tag else one.value) for one in outer.children]
        body = encode(Tlv(one.tag, value) for one, value in inner if value is not None)
        card.answers[command] = Tlv(outer.tag, body).to_bytes().hex().upper() + "9000"
        hits += 1
    assert hits
    return card


def _flipped(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


def _with(
    name: str,
    tag: int,
    change: Callable[[bytes], bytes | None],
    path: str = "contact",
    kind: str | None = None,
    **more: Any,
) -> EmvReport:
    given = _given(name, path, kind)
    card = _edited(card_of(sample(name), given), tag, change)
    terminal = more if path.startswith("qpboc") else NO_CDA | more
    return play(name, given, None, card=card, **terminal)[0]


def _failure(report: EmvReport, item: Item) -> Check:
    return next(one for one in report.failed if one.item is item)


@pytest.mark.parametrize(
    ("name", "path", "tag", "item"),
    [
        (CONTACT_RSA, "contact", 0x90, Item.ISSUER_CERTIFICATE),
        (CONTACT_RSA, "contact", 0x92, Item.ISSUER_CERTIFICATE),
        (CONTACT_RSA, "contact", 0x9F32, Item.ISSUER_CERTIFICATE),
        (CONTACT_RSA, "contact", 0x93, Item.STATIC),
        (CONTACT_RSA, "contact", 0x9F46, Item.ICC_CERTIFICATE),
        (CONTACT_RSA, "contact", 0x9F48, Item.ICC_CERTIFICATE),
        (CONTACT_RSA, "contact", 0x9F47, Item.ICC_CERTIFICATE),
        (DUAL, "contact", 0x90, Item.ISSUER_CERTIFICATE),
        (DUAL_SM2, "contact_sm", 0x90, Item.ISSUER_CERTIFICATE),
        (DUAL_SM2, "contact_sm", 0x93, Item.STATIC),
        (DUAL_SM2, "contact_sm", 0x9F46, Item.ICC_CERTIFICATE),
    ],
)
@pytest.mark.shows("The published chains verify, one bit changed is refused (test)")
def test_one_bit_in_the_chain_is_told_with_its_tag(name: str, path: str, tag: int, item: Item) -> None:
    """The part of the chain that the bit lies in is named, and tag 95 says that authentication failed."""
    report = _with(name, tag, _flipped, path)
    failed = _failure(report, item)
    parts = {0x92: "90", 0x9F32: "90", 0x9F47: "9F46", 0x9F48: "9F46"}
    assert failed.tag == parts.get(tag, f"{tag:X}")
    assert f"tag {failed.tag}" in failed.sentence.en
    assert failed.tag in failed.sentence.zh
    assert report.tvr[0] & 0x08  # DDA failed


def test_changed_static_data_breaks_both_signatures_over_it() -> None:
    """The sequence number is signed: 93 and 9F46 both refuse, and the dynamic signature is not believed."""
    report = _with(CONTACT_RSA, 0x5F34, _flipped)
    assert {one.tag for one in report.failed} >= {"93", "9F46"}
    assert report.of(Item.DDA) is Outcome.NOT_DONE


def test_an_account_number_of_another_issuer_is_told() -> None:
    report = _with(CONTACT_RSA, 0x5A, lambda value: b"\x52" + value[1:])
    assert _failure(report, Item.ISSUER_CERTIFICATE).tag == "90"


@pytest.mark.parametrize(
    ("tag", "item"), [(0x8F, Item.AUTHORITY), (0x90, Item.ISSUER_CERTIFICATE), (0x9F46, Item.ICC_CERTIFICATE)]
)
def test_a_missing_object_of_the_chain_is_told(tag: int, item: Item) -> None:
    report = _with(CONTACT_RSA, tag, lambda value: None)
    assert _failure(report, item).tag == f"{tag:X}"
    assert report.tvr[0] & 0x28 == 0x28  # ICC data missing, DDA failed


def test_an_authority_that_the_terminal_does_not_hold() -> None:
    report = _with(CONTACT_RSA, 0x8F, lambda value: b"\x77")
    assert "A000000333 77" in _failure(report, Item.AUTHORITY).text.en


@pytest.mark.parametrize("name", [CONTACT_RSA, DUAL_SM2])
def test_certificates_that_expired_are_told(name: str) -> None:
    given = _given(name)
    late = replace(deal_of(given), time=datetime(2035, 2, 1, 10, 11, 12))
    terminal = terminal_of(sample(name), given, **NO_CDA)
    report = drive(contact(terminal, late, Holder(), None), link_to(card_of(sample(name), given)))
    assert "expired" in _failure(report, Item.ISSUER_CERTIFICATE).text.en
    assert _failure(report, Item.DATES).tag == "5F24"
    assert report.tvr[1] & 0x40


def test_a_wrong_dynamic_signature_is_told() -> None:
    given = _given(DUAL)
    card = card_of(sample(DUAL), given)
    command = next(one for one in card.answers if one.startswith("0088"))
    answer = card.answers[command]
    card.answers[command] = answer[:20] + ("0" if answer[20] != "0" else "1") + answer[21:]
    report, _ = play(DUAL, given, None, card=card)
    assert _failure(report, Item.DDA).tag == "9F4B"
    assert report.tvr[0] & 0x08
    card.answers[command] = "6985"
    assert "6985" in _failure(play(DUAL, given, None, card=card)[0], Item.DDA).text.en


@pytest.mark.parametrize(("name", "path"), [(DUAL, "qpboc"), (DUAL_SM2, "qpboc_sm")])
def test_a_fast_signature_over_another_amount_is_told(name: str, path: str) -> None:
    """Version 01 covers the amount: the card is told the right one, the terminal checks another random of the card."""
    report = _with(name, 0x9F69, lambda value: value[:2] + _flipped(value[2:3]) + value[3:], path, "TC")
    assert _failure(report, Item.FDDA).tag == "9F4B"
    assert report.result is Result.DECLINED_OFFLINE


def test_a_tampered_cda_answer_is_told_and_no_request_goes_out() -> None:
    """The unpredictable number is right and the signature opens, but an object of the answer was changed."""
    given = _given(CONTACT_RSA)
    card = card_of(sample(CONTACT_RSA), given)
    command = next(one for one in card.answers if one.startswith("80AE90"))
    card.answers[command] = card.answers[command].replace("07010103A01002", "07010103A01003")
    seen: list[object] = []

    class Watching:
        def authorise(self, asked: object) -> None:
            seen.append(asked)

        def confirm(self, asked: object) -> tuple[Check, ...]:
            return ()

    report, _ = play(CONTACT_RSA, given, Watching(), card=card)
    assert "hash" in _failure(report, Item.CDA).text.en
    assert seen == []
    assert card.log[-1].startswith("80AE00")


# -- restrictions ------------------------------------------------------------------------------------------------------


def test_usage_that_does_not_allow_this_terminal() -> None:
    report = _with(DUAL, 0x9F07, lambda value: b"\xfe\x00")
    assert _failure(report, Item.USAGE).tag == "9F07"
    assert report.tvr[1] & 0x10
    assert "AAC" in next(one for one in report.checks if one.item is Item.ACTION).text.en  # IAC denial 0010000000
    only_domestic = _abroad(b"\xaf\x00")
    assert "international" in _failure(only_domestic, Item.USAGE).text.en
    assert _abroad(b"\xff\x00").of(Item.USAGE) is Outcome.PASSED


def _abroad(control: bytes) -> EmvReport:
    """The issuer is in another country than the terminal."""
    given = _given(DUAL)
    card = _edited(card_of(sample(DUAL), given), 0x5F28, lambda value: b"\x03\x44")
    return play(DUAL, given, None, card=_edited(card, 0x9F07, lambda value: control))[0]


def test_a_card_not_yet_effective_and_another_version() -> None:
    assert _failure(_with(DUAL, 0x5F25, lambda value: b"\x27\x01\x01"), Item.DATES).tag == "5F25"
    assert _failure(_with(DUAL, 0x9F08, lambda value: b"\x00\x20"), Item.VERSION).tag == "9F08"


def test_a_mandatory_object_is_named() -> None:
    report = _with(DUAL, 0x8C, lambda value: None)
    assert _failure(report, Item.DATA).sentence.en.startswith("mandatory data, tag 8C (CDOL1)")
    assert report.result is Result.BROKEN_OFF


def test_an_afl_that_names_a_record_that_is_not_there() -> None:
    given = _given(DUAL)
    card = card_of(sample(DUAL), given)
    card.answers["00B2031400"] = "6A83"
    report, _ = play(DUAL, given, None, card=card)
    assert "6A83" in _failure(report, Item.RECORDS).text.en


def test_a_tag_twice_on_the_path_is_told() -> None:
    """5F24 stands in 3/1 and again in 4/1."""
    given = _given(DUAL)
    card = card_of(sample(DUAL), given)
    card.answers["00B2012400"] = "700E9F1401009F2301005F24033312319000"
    report, _ = play(DUAL, given, None, card=card)
    assert _failure(report, Item.RECORDS).sentence.en.endswith("it stands in 3/1 and again in 4/1")


def test_options_that_the_card_refuses() -> None:
    given = _given(DUAL)
    card = card_of(sample(DUAL), given)
    command = next(one for one in card.answers if one.startswith("80A8"))
    card.answers[command] = "6985"
    assert _failure(play(DUAL, given, None, card=card)[0], Item.OPTIONS).tag == "9F38"
    card.answers[command] = "7C009000"
    assert _failure(play(DUAL, given, None, card=card)[0], Item.OPTIONS).tag == "77"
    card.answers[command] = "80067C00080201009000"
    assert _failure(play(DUAL, given, None, card=card)[0], Item.RECORDS).tag == "94"


# -- the holder --------------------------------------------------------------------------------------------------------


def _list(rules: str) -> Callable[[bytes], bytes]:
    return lambda value: bytes(8) + bytes.fromhex(rules)


class _PinCard(ScriptedCard):
    """A scripted card with a chip PIN 123456 and three tries."""

    tries = 3

    def transmit(self, apdu: bytes) -> bytes:
        if apdu[:4] == bytes.fromhex("00200080"):
            if self.tries and apdu[5:] == bytes.fromhex("26123456FFFFFFFF"):
                self.tries = 3
                return b"\x90\x00"
            self.tries = max(0, self.tries - 1)
            return bytes((0x63, 0xC0 | self.tries)) if self.tries else b"\x69\x83"
        if apdu[:4] == bytes.fromhex("80CA9F17"):
            return bytes.fromhex("9F1701") + bytes([self.tries]) + b"\x90\x00"
        return super().transmit(apdu)


def _pin_card(rules: str) -> tuple[_PinCard, dict[str, Any]]:
    given = _given(DUAL)
    card = _edited(card_of(sample(DUAL), given), 0x8E, _list(rules))
    return _PinCard(card.answers, card.directory), given


def test_an_offline_pin_right_wrong_and_blocked() -> None:
    card, given = _pin_card("01001F00")

    def run(pin: str | None) -> EmvReport:
        return play(DUAL, given, None, card=card, holder=Holder(pin=pin))[0]

    assert run("123456").of(Item.OFFLINE_PIN) is Outcome.PASSED
    wrong = run("111111")
    assert _failure(wrong, Item.OFFLINE_PIN).text.en == "it is wrong; 2 tries are left"
    assert wrong.tvr[2] & 0x80  # the list does not go on: verification failed
    run("111111")
    last = run("111111")
    assert last.tvr[2] & 0x20
    blocked = run("123456")
    assert "blocked" in _failure(blocked, Item.OFFLINE_PIN).text.en
    assert not [one for one in card.log[-20:] if one.startswith("00200080")]  # no VERIFY on a blocked PIN
    card.tries = 3
    none = run(None)
    assert none.of(Item.OFFLINE_PIN) is Outcome.NOT_DONE
    assert none.tvr[2] & 0x08


@pytest.mark.parametrize(
    ("rules", "holder", "result"),
    [
        ("42031E031F00", Holder(), "1E0300"),
        ("42031E031F00", Holder(signs=False), "1E0301"),
        ("1F00", Holder(), "1F0002"),
        ("41001E00", Holder(), "1E0000"),
        ("1E01" + "1F02", Holder(), "1F0202"),
        ("0000", Holder(), "000001"),
    ],
)
def test_the_list_of_methods_is_followed(rules: str, holder: Holder, result: str) -> None:
    card, given = _pin_card(rules)
    report, _ = play(DUAL, given, None, card=card, holder=holder)
    assert report.values["9F34"] == result
    assert (report.of(Item.HOLDER) is Outcome.PASSED) == (result[-1] != "1")


@pytest.mark.parametrize(
    ("condition", "amount", "applies"), [("06", 999, True), ("06", 1000, False), ("07", 1001, True), ("09", 9, False)]
)
def test_amount_conditions_of_the_list(condition: str, amount: int, applies: bool) -> None:
    card, given = _pin_card("1F00")
    _edited(
        card,
        0x8E,
        lambda value: (1000).to_bytes(4, "big") + (10).to_bytes(4, "big") + bytes.fromhex(f"1E{condition}1F00"),
    )
    deal = Deal(Kind.PURCHASE, amount, PLAIN_GPO_AT, bytes.fromhex(given["terminal"]["9F37"]))
    # Another amount is another PDOL: the scripted options answer any of them.
    options = next(answer for command, answer in card.answers.items() if command.startswith("80A8"))
    terminal = terminal_of(sample(DUAL), given)
    pdol = bytes.fromhex("9F1A029F7A019F02065F2A029F4E14")
    values = filled(
        pdol,
        {0x9F1A: b"\x01\x56", 0x9F02: bytes.fromhex(f"{amount:012d}"), 0x5F2A: b"\x01\x56", 0x9F4E: terminal.merchant},
    )
    card.answers[f"80A80000{len(values) + 2:02X}83{len(values):02X}{values.hex().upper()}00"] = options
    report = drive(contact(terminal, deal, Holder(), None), link_to(card))
    assert report.values["9F34"][:2] == ("1E" if applies else "1F")


def test_a_pin_that_is_none_is_refused_before_the_chip() -> None:
    card, given = _pin_card("01001F00")
    with pytest.raises(InputRefused, match="4 to 12 digits"):
        play(DUAL, given, None, card=card, holder=Holder(pin="12ab"))
    assert card.tries == 3


# -- the issuer's side -------------------------------------------------------------------------------------------------


def test_a_cryptogram_that_is_not_the_cards_is_refused_by_the_host() -> None:
    given = _given(DUAL)
    card = card_of(sample(DUAL), given)
    command = next(one for one in card.answers if one.startswith("80AE80"))
    card.answers[command] = card.answers[command].replace(given["arqc"], given["arqc"][:-1] + "F")
    report, _ = play(DUAL, given, host_of(DUAL), card=card)
    assert _failure(report, Item.ARQC).tag == "9F26"
    assert report.of(Item.ARPC) is Outcome.NOT_DONE


def test_a_discretionary_value_with_a_wrong_mac_is_told() -> None:
    given = _given(DUAL)
    card = card_of(sample(DUAL), given)
    command = next(one for one in card.answers if one.startswith("80AE80"))
    answer = card.answers[command]
    card.answers[command] = answer[:-5] + ("0" if answer[-5] != "0" else "1") + answer[-4:]
    report, _ = play(DUAL, given, host_of(DUAL), card=card)
    assert _failure(report, Item.ISSUER_DATA).tag == "9F10"


def test_an_online_pin_is_checked_by_the_host() -> None:
    store, given = issuer_store(), _given(DUAL)
    pan = sample(DUAL)["card"]["pan"]
    from cardfab.terminal.emv import PinReference

    sealed = store.pin_from_pad("bank/ZPK", 0, store.pad_block("bank/ZPK", 0, "123456", pan), pan, "first PIN")
    for pin, good in (("123456", True), ("123457", False)):
        host = host_of(DUAL, pin=PinReference("bank/ZPK", pin=sealed))
        block = store.pad_block("bank/ZPK", 0, pin, pan)
        answer = _tap_with(given, block, host)
        found = [one for one in answer.checks if one.item is Item.ONLINE_PIN]
        assert [one.outcome for one in found] == [Outcome.PASSED if good else Outcome.FAILED]
        assert answer.approved == good


def _tap_with(given: dict[str, Any], block: bytes, host: Any) -> Answered:
    """The host asked with the sample's own request and a PIN block."""
    seen: list[Any] = []

    class Keeping:
        def authorise(self, asked: Any) -> None:
            seen.append(asked)

        def confirm(self, asked: Any) -> tuple[Check, ...]:
            return ()

    play(DUAL, given, Keeping())
    answer: Answered = host.authorise(replace(seen[0], pin_block=block))
    return answer


def test_scripts_are_kept_to_what_a_terminal_takes() -> None:
    card = issuer_store().emv_card(("bank/IMK-AC", "bank/IMK-SMI", "bank/IMK-SMC"), "6299990000000017", "01")
    script = build([BlockApplication()], card, b"\x00\x01", bytes(8))
    assert Script.of(script.to_bytes()) == (script,)
    with pytest.raises(InputRefused, match="128"):
        build([UpdateRecord(1, 1, bytes(120))], card, b"\x00\x01", bytes(8))


def test_a_script_that_the_card_refuses_is_told_with_its_command() -> None:
    given = _given(DUAL)
    report, _ = play(DUAL, given, host_of(DUAL, orders=(UpdateRecord(1, 1, bytes(20)),)))
    failed = _failure(report, Item.SCRIPTS)
    assert failed.tag == "72"
    assert "UPDATE RECORD (command 1): 6D00" in failed.text.en
    assert report.tvr[4] & 0x10


# -- data object lists -------------------------------------------------------------------------------------------------


def test_values_are_cut_and_filled_by_their_format() -> None:
    """EMV book 3, 5.4: numeric on the left, others on the right."""
    dol = bytes.fromhex("9F02079F02039F3702DF6003")
    assert entries(dol) == ((0x9F02, 7), (0x9F02, 3), (0x9F37, 2), (0xDF60, 3))
    values = {0x9F02: bytes.fromhex("000000010000"), 0x9F37: b"\x01\x02\x03\x04"}
    assert filled(dol, values).hex() == "00000000010000" + "010000" + "0102" + "000000"
    with pytest.raises(InputRefused):
        entries(b"\x9f\x02")
