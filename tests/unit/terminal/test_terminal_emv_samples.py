"""The transactions of the three sample cards, replayed to the byte: the terminal and the issuer's host agree with them.

The card is scripted from the facts on PBOC debit: a command that differs by a bit finds no answer.
"""

from __future__ import annotations

from typing import Any

import pytest

from cardfab.terminal.emv import EmvReport, Item, Outcome, PutData, Result, UnblockPin
from tests.unit.terminal.emv_cards import PRODUCTS, ScriptedCard, card_of, host_of, play, sample

CONTACT = [
    (name, at)
    for name in PRODUCTS
    for at, one in enumerate(sample(name)["transactions"])
    if one["path"].startswith("contact")
]
TAPS = [
    (name, at)
    for name in PRODUCTS
    for at, one in enumerate(sample(name)["transactions"])
    if one["path"].startswith("qpboc")
]


def _sample(name: str, at: int) -> dict[str, Any]:
    found: dict[str, Any] = sample(name)["transactions"][at]
    return found


def _passed(report: EmvReport) -> set[Item]:
    return {one.item for one in report.checks if one.outcome is Outcome.PASSED}


@pytest.mark.parametrize(("name", "at"), CONTACT)
def test_a_contact_purchase_on_line_agrees_with_the_sample(name: str, at: int) -> None:
    """DDOL 9F3704, both cryptograms, the ARPC and tag 95 are those of the sample; every key-based check holds."""
    given = _sample(name, at)
    report, card = play(name, given, host_of(name), capabilities=bytes.fromhex("E0B8C0"))
    assert report.failed == (), [one.sentence.en for one in report.failed]
    assert report.result is Result.APPROVED_ONLINE
    assert report.tvr.hex() == given["terminal"]["95"]
    assert report.values["9F26"] == given["tc"]
    assert report.algorithm == ("SM2" if given["path"].endswith("_sm") else "RSA")
    assert given["external_authenticate"] in card.log
    assert {Item.DDA, Item.STATIC, Item.ICC_CERTIFICATE, Item.ARQC, Item.ARPC, Item.FINAL_CRYPTOGRAM} <= _passed(report)


def test_cda_is_opened_over_the_sample_cryptogram() -> None:
    given = _sample("debit-contact-rsa", 0)
    report, _ = play("debit-contact-rsa", given, None)
    first = next(one for one in report.checks if one.item is Item.CDA)
    assert first.outcome is Outcome.PASSED


@pytest.mark.parametrize(("name", "at"), TAPS)
def test_a_tap_agrees_with_the_sample(name: str, at: int) -> None:
    """qPBOC with ARQC goes to the issuer; with TC the fast signature of its version holds and the balance is told."""
    given = _sample(name, at)
    report, _ = play(name, given, host_of(name))
    assert report.failed == (), [one.sentence.en for one in report.failed]
    if given["kind"] == "ARQC":
        assert report.result is Result.APPROVED_ONLINE
        assert report.of(Item.ARQC) is Outcome.PASSED
        return
    assert report.result is Result.APPROVED_OFFLINE
    assert report.of(Item.FDDA) is Outcome.PASSED
    assert report.of(Item.FINAL_CRYPTOGRAM) is Outcome.PASSED
    assert report.balance == 900
    version = next(one for one in report.checks if one.item is Item.FDDA).text.en
    assert version.endswith(f"version {given['fdda_version']}")


@pytest.mark.parametrize(("name", "at"), CONTACT)
def test_scripts_have_the_macs_of_the_sample(name: str, at: int) -> None:
    given = _sample(name, at)
    scripts = given["scripts"]
    host = host_of(name, orders=(PutData(0x9F58, b"\x03"), UnblockPin()))
    report, card = play(name, given, host, capabilities=bytes.fromhex("E0B8C0"))
    assert report.failed == ()
    assert [scripts["put_data_9F58"]["apdu"], scripts["pin_unblock"]["apdu"]] == card.log[-2:]
    assert report.of(Item.SCRIPTS) is Outcome.PASSED


def test_an_issuer_that_declines_gets_an_aac_asked_for() -> None:
    name = "debit-dual-rsa"
    given = _sample(name, 0)
    card = card_of(sample(name), given)
    report, _ = play(name, given, host_of(name, declines=True), card=card)
    sent = [one for one in card.log if one.startswith("80AE")]
    assert [one[4:6] for one in sent] == ["80", "00"]
    assert sent[1][10:14] == "3035"
    assert report.of(Item.ARPC) is Outcome.FAILED  # the scripted card knows the ARPC over '00' only


def test_without_a_host_the_terminal_says_so_and_decides_by_the_default_codes() -> None:
    name = "debit-dual-rsa"
    given = _sample(name, 0)
    report, card = play(name, given, None)
    assert report.of(Item.ARQC) is Outcome.NOT_DONE
    second = [one for one in card.log if one.startswith("80AE")][1]
    assert (second[4:6], second[10:14]) == ("00", "5A33")  # AAC, Z3: over the floor limit and unable to go on line


def test_without_an_environment_the_list_of_the_terminal_serves() -> None:
    name = "debit-dual-rsa"
    given = _sample(name, 0)
    card = card_of(sample(name), given, environment=False)
    report, _ = play(name, given, host_of(name), card=card)
    assert report.of(Item.ENVIRONMENT) is Outcome.NOT_DONE
    assert report.result is Result.APPROVED_ONLINE
    assert report.failed == ()


def test_a_card_without_any_application_is_told_in_words() -> None:
    name = "debit-dual-rsa"
    report, _ = play(name, _sample(name, 0), card=ScriptedCard({}))
    assert report.result is Result.BROKEN_OFF
    assert not report.good
    assert report.failed[-1].sentence.en.startswith("application selection, tag 4F")


def test_the_report_shows_no_whole_account_number() -> None:
    name = "debit-dual-rsa"
    report, _ = play(name, _sample(name, 0), host_of(name))
    pan = sample(name)["card"]["pan"]
    assert report.pan == pan[:6] + "*" * 9 + pan[-4:]
    said = repr(report) + " ".join(one.sentence.en + one.sentence.zh for one in report.checks)
    assert pan not in said
