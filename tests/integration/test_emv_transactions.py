"""Every kind of transaction on cards that the packaged profiles make, between the proof terminal and the training chip.

Terminal, issuer's host and preparation are one hand's work, the chip another's: what agrees here agrees by the facts.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from functools import partial
from typing import Any

import pytest

from cardfab.cli.banking import training_authorities
from cardfab.keys.certificates import PublicKey
from cardfab.profile.financial import FinancialApplication
from cardfab.simulator import authority
from cardfab.terminal.emv import (
    BlockApplication,
    ChangePin,
    Deal,
    EmvReport,
    EmvTerminal,
    Holder,
    Item,
    KeyHost,
    Kind,
    Outcome,
    PinReference,
    PutData,
    Result,
    UnblockApplication,
    UnblockPin,
    contact,
    contactless,
)
from tests.made_cards import PIN, Wire, application, changed_tags, personalise, sealed_pin, store

AUTHORITIES: dict[bytes, PublicKey] = {authority.RID + index: key for index, key in training_authorities().items()}
TODAY = datetime(2026, 6, 1, 10, 0, 0)
NO_CDA = bytes.fromhex("E0B8C0")  # and no PIN pad for on-line PINs
PIN_LIST = "000000000000000041031E031F00"
"""Off-line PIN, else signature, else nothing."""
OFFLINE_LIMITS = {
    "9F58": "03", "9F59": "07", "9F54": "000000100000", "9F5C": "000000200000", "9F14": "03", "9F23": "07",
}  # fmt: skip
SM = pytest.mark.parametrize("sm", [False, True], ids=["RSA", "SM2"])


class Counter:
    """One card at the counter of a terminal."""

    def __init__(self, found: FinancialApplication) -> None:
        self.application = found
        self.wire: Wire = personalise(found)

    def run(
        self,
        kind: Kind,
        amount: int,
        *,
        host: KeyHost | None = None,
        alone: bool = False,
        tap: bool = False,
        holder: Holder | None = None,
        **terminal: Any,
    ) -> EmvReport:
        if host is None and not alone:
            host = KeyHost(store(), self.application)
        deal = Deal(kind, amount, TODAY, secrets.token_bytes(4))
        exchange = (contactless if tap else contact)(
            EmvTerminal(AUTHORITIES, **terminal), deal, holder or Holder(), host
        )
        return self.wire.run(exchange, contactless=tap)

    def host(self, **more: Any) -> KeyHost:
        return KeyHost(store(), self.application, **more)


@pytest.fixture(scope="module")
def dual() -> FinancialApplication:
    return application("pboc-debit-dual-sm2")


def _good(report: EmvReport) -> EmvReport:
    assert report.failed == (), [one.sentence.en for one in report.failed]
    return report


@SM
@pytest.mark.shows("contact on line approved and declined, and the SM2/SM4 twin (test)")
def test_a_purchase_on_line_approved_and_declined(dual: FinancialApplication, sm: bool) -> None:
    counter = Counter(dual)
    report = _good(counter.run(Kind.PURCHASE, 10000, sm=sm))
    assert report.result is Result.APPROVED_ONLINE
    assert report.algorithm == ("SM2" if sm else "RSA")
    for item in (Item.DDA, Item.STATIC, Item.ICC_CERTIFICATE, Item.ARQC, Item.ARPC, Item.FINAL_CRYPTOGRAM):
        assert report.of(item) is Outcome.PASSED, item
    declined = _good(counter.run(Kind.PURCHASE, 10000, host=counter.host(declines=True), sm=sm))
    assert declined.result is Result.DECLINED_ONLINE
    assert declined.of(Item.ARPC) is Outcome.PASSED
    assert declined.atc == (report.atc or 0) + 1


@pytest.mark.shows("off line with DDA, with CDA (test)")
@pytest.mark.parametrize(("capabilities", "item"), [(NO_CDA, Item.DDA), (bytes.fromhex("E0B8C8"), Item.CDA)])
def test_a_purchase_off_line(capabilities: bytes, item: Item) -> None:
    """The first goes on line, since the card is new; the second stays off line, signed by DDA or in the cryptogram."""
    counter = Counter(changed_tags(application("pboc-debit-contact-rsa"), OFFLINE_LIMITS))
    first = _good(counter.run(Kind.OFFLINE, 1000, capabilities=capabilities))
    assert first.result is Result.APPROVED_ONLINE
    assert first.tvr[1] & 0x08  # a new card
    second = _good(counter.run(Kind.OFFLINE, 1000, capabilities=capabilities))
    assert second.result is Result.APPROVED_OFFLINE
    assert second.of(item) is Outcome.PASSED
    assert second.of(Item.FINAL_CRYPTOGRAM) is Outcome.PASSED


@pytest.mark.shows("off-line PIN right, wrong, blocked and unblocked by script (test)")
def test_the_off_line_pin_right_wrong_blocked_and_unblocked() -> None:
    counter = Counter(changed_tags(application("pboc-debit-contact-rsa"), {"8E": PIN_LIST}))

    def enter(pin: str | None, host: KeyHost | None = None) -> EmvReport:
        return counter.run(Kind.PURCHASE, 5000, holder=Holder(pin=pin), host=host)

    assert _good(enter(PIN)).of(Item.OFFLINE_PIN) is Outcome.PASSED
    texts = [next(c.text.en for c in enter("111111").failed if c.item is Item.OFFLINE_PIN) for _ in range(3)]
    assert texts[:2] == ["it is wrong; 2 tries are left", "it is wrong; 1 tries are left"]
    assert "no try is left" in texts[2]
    blocked = enter(PIN, counter.host(orders=(UnblockPin(),)))
    assert blocked.tvr[2] & 0x20
    assert blocked.of(Item.SCRIPTS) is Outcome.PASSED
    assert _good(enter(PIN)).of(Item.OFFLINE_PIN) is Outcome.PASSED


@SM
def test_the_pin_is_changed_by_script(dual: FinancialApplication, sm: bool) -> None:
    counter = Counter(dual)
    host = counter.host(orders=(ChangePin(sealed_pin("654321")),))
    changed = _good(counter.run(Kind.PURCHASE, 100, host=host, sm=sm, holder=Holder(pin=PIN, tries_chip_pin=True)))
    assert changed.of(Item.SCRIPTS) is Outcome.PASSED
    after = counter.run(Kind.PURCHASE, 100, sm=sm, holder=Holder(pin="654321", tries_chip_pin=True))
    assert after.of(Item.OFFLINE_PIN) is Outcome.PASSED
    again = counter.host(orders=(ChangePin(sealed_pin(), sealed_pin("654321")),))
    assert _good(counter.run(Kind.PURCHASE, 100, host=again, sm=sm)).of(Item.SCRIPTS) is Outcome.PASSED
    back = counter.run(Kind.PURCHASE, 100, sm=sm, holder=Holder(pin=PIN, tries_chip_pin=True))
    assert back.of(Item.OFFLINE_PIN) is Outcome.PASSED


@SM
def test_an_application_is_blocked_by_script_and_unblocked_at_the_branch(dual: FinancialApplication, sm: bool) -> None:
    counter = Counter(dual)
    done = _good(counter.run(Kind.PURCHASE, 100, host=counter.host(orders=(BlockApplication(),)), sm=sm))
    assert done.of(Item.SCRIPTS) is Outcome.PASSED
    shop = counter.run(Kind.PURCHASE, 100, sm=sm)
    assert shop.result is Result.BROKEN_OFF
    assert "blocked" in shop.failed[0].text.en
    host = counter.host(orders=(UnblockApplication(),))
    branch = counter.run(Kind.PURCHASE, 0, host=host, sm=sm, branch=True)
    assert branch.of(Item.SCRIPTS) is Outcome.PASSED
    assert _good(counter.run(Kind.PURCHASE, 100, sm=sm)).result is Result.APPROVED_ONLINE


@SM
@pytest.mark.shows("e-cash load and purchase, and the SM2/SM4 twin (test)")
def test_the_e_cash_is_loaded_and_spent(dual: FinancialApplication, sm: bool) -> None:
    counter = Counter(dual)
    loaded = _good(counter.run(Kind.LOAD, 5000, sm=sm))
    assert (loaded.result, loaded.balance) == (Result.APPROVED_ONLINE, 5000)
    spent = _good(counter.run(Kind.ECASH, 1200, sm=sm))
    assert (spent.result, spent.balance) == (Result.APPROVED_OFFLINE, 3800)
    assert spent.of(Item.DDA) is Outcome.PASSED
    too_much = counter.run(Kind.LOAD, 200000, sm=sm)  # over 9F77
    assert (too_much.result, too_much.balance) == (Result.DECLINED_ONLINE, 3800)
    assert too_much.of(Item.BALANCE) is Outcome.FAILED


@SM
@pytest.mark.shows("qPBOC with fDDA, and the SM2/SM4 twin (test)")
@pytest.mark.parametrize("qualifiers", [b"\x00", b"\x80"], ids=["fDDA 00", "fDDA 01"])
def test_a_tap_off_line_and_on_line(dual: FinancialApplication, sm: bool, qualifiers: bytes) -> None:
    counter = Counter(dual)
    _good(counter.run(Kind.LOAD, 3000, sm=sm))
    tapped = _good(counter.run(Kind.ECASH, 700, tap=True, sm=sm, qualifiers=qualifiers))
    assert (tapped.result, tapped.balance) == (Result.APPROVED_OFFLINE, 2300)
    assert tapped.of(Item.FDDA) is Outcome.PASSED
    assert tapped.of(Item.FINAL_CRYPTOGRAM) is Outcome.PASSED
    online = _good(counter.run(Kind.PURCHASE, 700, tap=True, sm=sm, qualifiers=qualifiers))
    assert online.result is Result.APPROVED_ONLINE
    assert online.of(Item.ARQC) is Outcome.PASSED


@pytest.mark.parametrize(("typed", "result"), [(PIN, Result.APPROVED_ONLINE), ("999999", Result.DECLINED_ONLINE)])
def test_the_on_line_pin_is_checked_by_the_issuer(dual: FinancialApplication, typed: str, result: Result) -> None:
    counter = Counter(dual)
    pad = partial(store().pad_block, "bank/ZPK", 0, typed)
    host = counter.host(pin=PinReference("bank/ZPK", pin=sealed_pin()))
    report = counter.run(Kind.PURCHASE, 5000, host=host, holder=Holder(pad=pad))
    assert report.result is result
    assert report.of(Item.HOLDER) is Outcome.PASSED
    assert report.of(Item.ONLINE_PIN) is (Outcome.PASSED if typed == PIN else Outcome.FAILED)
    assert report.tvr[2] & 0x04


def test_a_wrong_answer_of_the_issuer_is_refused_by_the_card(dual: FinancialApplication) -> None:
    """The ARPC of another card's keys: EXTERNAL AUTHENTICATE fails, the report says so on tag 91."""
    counter = Counter(dual)

    class Impostor(KeyHost):
        def authorise(self, asked: Any) -> Any:
            answer = KeyHost.authorise(self, asked)
            return type(answer)(answer.arc, bytes(8), answer.scripts, answer.checks)

    report = counter.run(Kind.PURCHASE, 100, host=Impostor(store(), dual))
    assert next(one for one in report.failed if one.item is Item.ARPC).tag == "91"
    assert report.tvr[4] & 0x40
    assert report.result is Result.DECLINED_ONLINE


def test_a_script_with_a_wrong_mac_is_told(dual: FinancialApplication) -> None:
    counter = Counter(dual)
    good = counter.host(orders=(PutData(0x9F58, b"\x03"),))

    class Garbling(KeyHost):
        def authorise(self, asked: Any) -> Any:
            answer = good.authorise(asked)
            script = answer.scripts[0]
            broken = tuple(one[:-1] + bytes([one[-1] ^ 1]) for one in script.commands)
            return type(answer)(answer.arc, answer.arpc, (type(script)(script.template, script.identifier, broken),))

    report = counter.run(Kind.PURCHASE, 100, host=Garbling(store(), dual))
    failed = next(one for one in report.failed if one.item is Item.SCRIPTS)
    assert (failed.tag, failed.text.en) == ("72", "PUT DATA (command 1): 6988")


def test_keys_of_another_issuer_are_told_as_a_wrong_cryptogram(dual: FinancialApplication) -> None:
    """The host's profile names the keys in another order: the ARQC is no longer that of the card."""
    counter = Counter(dual)
    keys = dual.keys.model_copy(update={"ac": dual.keys.smi, "smi": dual.keys.ac})
    report = counter.run(Kind.PURCHASE, 100, host=KeyHost(store(), dual.model_copy(update={"keys": keys})))
    assert {one.tag for one in report.failed if one.item is Item.ARQC} == {"9F26"}
    assert report.result is Result.DECLINED_ONLINE


def test_without_a_host_a_purchase_is_declined_off_line(dual: FinancialApplication) -> None:
    report = Counter(dual).run(Kind.PURCHASE, 10000, alone=True)
    assert report.result is Result.DECLINED_OFFLINE
    assert report.of(Item.ARQC) is Outcome.NOT_DONE


def test_a_card_of_an_authority_that_is_not_held(dual: FinancialApplication) -> None:
    counter = Counter(dual)
    terminal = EmvTerminal({})
    report = counter.wire.run(contact(terminal, Deal(Kind.PURCHASE, 1, TODAY, bytes(4)), Holder(), None))
    assert next(one for one in report.failed if one.item is Item.AUTHORITY).tag == "8F"
    assert report.tvr[0] & 0x08
