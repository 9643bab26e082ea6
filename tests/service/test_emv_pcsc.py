"""Transactions of every kind over real PC/SC: pyscard, pcscd and vpcd between the proof terminal and the chip."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from cardfab.cli.banking import training_authorities
from cardfab.simulator import authority
from cardfab.terminal.emv import (
    Deal,
    EmvReport,
    EmvTerminal,
    Holder,
    Item,
    KeyHost,
    Kind,
    Outcome,
    Result,
    UnblockPin,
    contact,
    contactless,
)
from tests.made_cards import PIN, application, changed_tags, personalise, store

if TYPE_CHECKING:
    from cardfab.simulator.chip import TrainingChip

Insert = Callable[["TrainingChip"], AbstractContextManager[str]]
AUTHORITIES = {authority.RID + index: key for index, key in training_authorities().items()}
LIMITS = {"9F58": "09", "9F59": "0F", "9F54": "000000100000", "9F5C": "000000200000", "9F14": "09", "9F23": "0F"}
WITH_PIN = {"8E": "000000000000000041031E031F00"}


def _deal(kind: Kind, amount: int) -> Deal:
    return Deal(kind, amount, datetime(2026, 6, 1, 10, 0, 0), secrets.token_bytes(4))


class Shop:
    """A terminal with a PC/SC reader; the card is reset before each transaction."""

    def __init__(self, reader: str, found: Any, sm: bool) -> None:
        from cardfab.apdu.link import link_to
        from cardfab.apdu.pcsc import PcscConnection

        self._connection = PcscConnection(reader)
        self._link = link_to(self._connection)
        self._application, self._sm = found, sm

    def run(
        self, kind: Kind, amount: int, *, tap: bool = False, holder: Holder | None = None, **host: Any
    ) -> EmvReport:
        from cardfab.apdu.link import drive

        self._connection.reset()
        terminal = EmvTerminal(AUTHORITIES, sm=self._sm, capabilities=bytes.fromhex("E0B8C8"))
        issuer = KeyHost(store(), self._application, **host)
        run = contactless if tap else contact
        return drive(run(terminal, _deal(kind, amount), holder or Holder(), issuer), self._link)

    def close(self) -> None:
        self._connection.close()


def _good(report: EmvReport, result: Result) -> EmvReport:
    assert report.failed == (), [one.sentence.en for one in report.failed]
    assert report.result is result
    return report


@pytest.mark.proof
@pytest.mark.service
@pytest.mark.shows("A transaction of every kind on a personalised card, over PC/SC, and the SM2/SM4 twin (proof)")
@pytest.mark.parametrize("sm", [False, True], ids=["RSA", "SM2"])
def test_every_kind_of_transaction_over_pcsc(insert: Insert, sm: bool) -> None:
    """On line approved and declined, PIN wrong, right, blocked and unblocked, e-cash loaded and spent; then taps."""
    found = changed_tags(application("pboc-debit-dual-sm2"), WITH_PIN)
    wire = personalise(found)
    with insert(wire.chip) as reader:
        shop = Shop(reader, found, sm)
        try:
            knows = Holder(pin=PIN)
            _good(shop.run(Kind.PURCHASE, 10000, holder=knows), Result.APPROVED_ONLINE)
            _good(shop.run(Kind.PURCHASE, 10000, holder=knows, declines=True), Result.DECLINED_ONLINE)
            for left in (2, 1, 0):
                wrong = shop.run(Kind.PURCHASE, 100, holder=Holder(pin="111111"))
                text = next(one.text.en for one in wrong.failed if one.item is Item.OFFLINE_PIN)
                assert f"{left or 'no'} tr" in text
            shop.run(Kind.PURCHASE, 100, holder=knows, orders=(UnblockPin(),))
            _good(shop.run(Kind.PURCHASE, 100, holder=knows), Result.APPROVED_ONLINE)
            assert _good(shop.run(Kind.LOAD, 5000, holder=knows), Result.APPROVED_ONLINE).balance == 5000
            assert _good(shop.run(Kind.ECASH, 1000, holder=knows), Result.APPROVED_OFFLINE).balance == 4000
        finally:
            shop.close()
    wire.chip.contactless = True
    with insert(wire.chip) as reader:
        shop = Shop(reader, found, sm)
        try:
            tapped = _good(shop.run(Kind.ECASH, 500, tap=True), Result.APPROVED_OFFLINE)
            assert (tapped.balance, tapped.of(Item.FDDA)) == (3500, Outcome.PASSED)
            _good(shop.run(Kind.PURCHASE, 500, tap=True), Result.APPROVED_ONLINE)
        finally:
            shop.close()


@pytest.mark.service
def test_an_off_line_purchase_with_cda_over_pcsc(insert: Insert) -> None:
    found = changed_tags(application("pboc-debit-contact-rsa"), LIMITS)
    wire = personalise(found)
    with insert(wire.chip) as reader:
        shop = Shop(reader, found, sm=False)
        try:
            _good(shop.run(Kind.OFFLINE, 1000), Result.APPROVED_ONLINE)  # a new card goes on line first
            offline = _good(shop.run(Kind.OFFLINE, 1000), Result.APPROVED_OFFLINE)
            assert offline.of(Item.CDA) is Outcome.PASSED
        finally:
            shop.close()
