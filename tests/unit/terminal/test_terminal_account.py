"""The medical account: load, purchase, balance, log, starting day, and what a torn transaction became."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Literal

import pytest

from cardfab.apdu.link import CardAnswered, CardGone, CardNotGenuine
from cardfab.apdu.medical import Kind
from cardfab.crypto.purse import Load
from cardfab.errors import InputRefused
from cardfab.simulator.chip import make_blank
from cardfab.terminal.account import Balance, Done, balance, load, log, log_entry, purchase, set_start_day, start_day
from cardfab.terminal.card import verify_pin
from cardfab.terminal.identify import identify
from cardfab.terminal.orders import LoadOrder, Pending, PurchaseOrder, Settlement
from cardfab.terminal.reason import Denied, RightMissing, TerminalRefused
from cardfab.terminal.recover import Happened, OtherCard, recover
from tests.unit.terminal.seats import PIN, REGION, TERMINAL, Seat, issuer, of_city, present

Cipher = Literal["3DES", "SM4"]
NOON = datetime(2026, 11, 22, 12, 0, 0)
BILL = Settlement("440199001", "S2026112200001")
ORDER = PurchaseOrder(1500, 2500, 6000, BILL, TERMINAL, 9, NOON)
LOAD = LoadOrder(10000, TERMINAL, NOON)


def _host(seat: Seat):  # type: ignore[no-untyped-def]
    label = seat.card.label(seat.card.application.directory("DF04").keys["DLKDF04"])
    return issuer().purse_load(label, seat.card.region, seat.card.historical)


def _tac(seat: Seat):  # type: ignore[no-untyped-def]
    label = seat.card.label(seat.card.application.directory("DF04").keys["DTKDF04"])
    return issuer().purse_tac(label, seat.card.region, seat.card.historical)


def _ready(seat: Seat) -> Seat:
    seat.run(identify(seat.card))
    seat.run(verify_pin(seat.card, PIN))
    return seat


@pytest.fixture(params=["3DES", "SM4"])
def seat(request: pytest.FixtureRequest) -> Seat:
    """A card in a terminal of its city, PIN verified."""
    cipher: Cipher = request.param
    return _ready(present(make_blank(serial=7, region=REGION, version="2.0", algorithm=cipher), of_city(REGION)))


def test_load_and_purchase(seat: Seat) -> None:
    loaded = seat.run(load(seat.card, LOAD, _host(seat)))
    assert loaded.balance == 10000
    assert _tac(seat).certifies(loaded.pending.transaction, loaded.tac)
    paid = seat.run(purchase(seat.card, ORDER, count=0))
    assert paid.balance == 8500
    assert _tac(seat).certifies(paid.pending.transaction, paid.tac)
    assert not _tac(seat).certifies(replace(paid.pending.transaction, own=0), paid.tac)
    assert seat.run(balance(seat.card)) == Balance(8500, 2500, 6000, "2026")
    second, first = seat.run(log(seat.card))
    assert (first.kind, first.account, first.time, first.terminal) == (Kind.LOAD, 10000, NOON, TERMINAL)
    assert (second.kind, second.account, second.own, second.pooled) == (Kind.PURCHASE, 1500, 2500, 6000)


@pytest.mark.parametrize("version", [2, 3])
def test_the_other_versions_of_the_keys(version: int) -> None:
    chip = make_blank(serial=7, region=REGION)
    seat = _ready(present(chip, of_city(REGION), key_version=version))
    seat.run(load(seat.card, LOAD, _host(seat)))
    assert seat.run(purchase(seat.card, ORDER, count=0)).pending.version == version


def test_a_purchase_of_nothing(seat: Seat) -> None:
    done = seat.run(purchase(seat.card, replace(ORDER, account=0, own=0, pooled=0), count=0))
    assert done.balance == 0


def test_a_terminal_of_another_city_or_province_takes_no_purchase() -> None:
    for city, why in (("440198", Denied.OTHER_CITY), ("650199", Denied.OTHER_CITY)):
        seat = _ready(present(make_blank(serial=7, region=REGION), of_city(city)))
        asked = len(seat.wire.sent)
        with pytest.raises(RightMissing) as refused:
            purchase(seat.card, ORDER, count=0)
        assert refused.value.why is why
        assert len(seat.wire.sent) == asked


def test_a_province_with_the_purchase_key_takes_them_everywhere() -> None:
    seat = _ready(present(make_blank(serial=7, region=REGION), of_city("440198", "ss/DF04/DPK")))
    assert seat.run(purchase(seat.card, replace(ORDER, account=0), count=0)).mac2
    other = _ready(present(make_blank(serial=7, region="650199"), of_city("440198", "ss/DF04/DPK")))
    with pytest.raises(RightMissing) as refused:
        purchase(other.card, ORDER, count=0)
    assert refused.value.why is Denied.OTHER_PROVINCE


def test_no_account_without_the_pin() -> None:
    seat = present(make_blank(serial=7, region=REGION), of_city(REGION))
    seat.run(identify(seat.card))
    for exchange in (balance(seat.card), log(seat.card), purchase(seat.card, ORDER, count=0)):
        with pytest.raises(RightMissing) as refused:
            seat.run(exchange)
        assert refused.value.why is Denied.PIN


# What is refused before a card is asked


@pytest.mark.parametrize(("institution", "number"), [("", "S1"), ("440199001", ""), (" ", "S1"), ("440199001", " ")])
def test_no_cash_and_no_transfer(institution: str, number: str) -> None:
    """A purchase is a medical settlement, or it is not made."""
    with pytest.raises(TerminalRefused) as refused:
        Settlement(institution, number)
    assert refused.value.code == "CF-3811"
    with pytest.raises(TerminalRefused):
        replace(ORDER, settlement=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [-1, 1 << 32, 1.5, True])
def test_amounts_are_whole_fen(wrong: int) -> None:
    for make in (
        lambda: replace(ORDER, account=wrong),
        lambda: replace(ORDER, own=wrong),
        lambda: replace(ORDER, pooled=wrong),
        lambda: replace(LOAD, amount=wrong),
    ):
        with pytest.raises(TerminalRefused):
            make()


@pytest.mark.parametrize("number", ["", "44019900000", "4401990000011", "44019900000A"])
def test_terminal_numbers(number: str) -> None:
    with pytest.raises(TerminalRefused):
        replace(ORDER, terminal=number)


def test_the_log_limit_is_the_stations_rule(seat: Seat) -> None:
    asked = len(seat.wire.sent)
    with pytest.raises(TerminalRefused) as refused:
        purchase(seat.card, ORDER, count=60)
    assert refused.value.code == "CF-3812"
    assert len(seat.wire.sent) == asked
    seat.run(purchase(seat.card, replace(ORDER, account=0), count=59))


def test_more_than_the_account_holds(seat: Seat) -> None:
    known = seat.run(balance(seat.card))
    asked = len(seat.wire.sent)
    with pytest.raises(TerminalRefused) as refused:
        purchase(seat.card, ORDER, count=0, known=known)
    assert (refused.value.code, len(seat.wire.sent)) == ("CF-3815", asked)
    with pytest.raises(CardAnswered) as answered:
        seat.run(purchase(seat.card, ORDER, count=0))
    assert answered.value.sw == 0x9401


def test_a_host_with_other_keys_loads_nothing(seat: Seat) -> None:
    other = issuer().purse_load("ss/DF04/DLK", "650199", bytes(13))
    with pytest.raises(CardNotGenuine):
        seat.run(load(seat.card, LOAD, other))
    assert seat.run(balance(seat.card)).account == 0


# The starting day


def test_the_starting_day(seat: Seat) -> None:
    assert seat.run(start_day(seat.card)) == "0101"
    seat.run(set_start_day(seat.card, "0401"))
    assert seat.run(start_day(seat.card)) == "0401"
    for wrong in ("0230", "1301", "401", "abcd", ""):
        with pytest.raises(InputRefused):
            set_start_day(seat.card, wrong)


def test_the_starting_day_of_another_province() -> None:
    seat = _ready(present(make_blank(serial=7, region=REGION), of_city("650199")))
    with pytest.raises(RightMissing):
        seat.run(set_start_day(seat.card, "0401"))


# A card that is gone

Act = Callable[[Seat, Callable[[Pending], None]], object]


def _load(seat: Seat, intend: Callable[[Pending], None]) -> Done:
    return seat.run(load(seat.card, LOAD, _host(seat), intend=intend))


def _pay(seat: Seat, intend: Callable[[Pending], None]) -> Done:
    return seat.run(purchase(seat.card, ORDER, count=0, intend=intend))


@pytest.mark.parametrize("act", [_load, _pay])
@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize("with_tac", [False, True])
def test_a_torn_transaction_is_found_out(seat: Seat, act: Act, answered: bool, with_tac: bool) -> None:
    """Pulled out before the last command arrives, or after the card carried it out and before its answer."""
    seat.run(load(seat.card, LOAD, _host(seat)))
    before = seat.run(balance(seat.card))
    kept: list[Pending] = []

    def intend(pending: Pending) -> None:
        kept.append(pending)
        seat.wire.cut_at = len(seat.wire.sent)
        seat.wire.carry_out = answered

    with pytest.raises(CardGone):
        act(seat, intend)
    again = _ready(present(seat.chip, of_city(REGION)))
    found = again.run(recover(again.card, kept[0], tac_key=_tac(again) if with_tac else None))
    assert found.happened is (Happened.DONE if answered else Happened.NOT_DONE)
    now = again.run(balance(again.card))
    assert now.account == (kept[0].after if answered else before.account)
    if answered:
        assert _tac(again).certifies(kept[0].transaction, found.tac)


@pytest.mark.shows("A power cut at every APDU of a load and of a purchase: balance, log and proof agree (test)")
@pytest.mark.parametrize("act", [_load, _pay])
@pytest.mark.parametrize("answered", [False, True])
def test_pulled_out_at_every_command(seat: Seat, act: Act, answered: bool) -> None:
    """What the terminal concludes is what balance and log on the card say, at whichever command the card was gone."""
    seat.run(load(seat.card, LOAD, _host(seat)))
    verdicts = set()
    for number in range(10):
        one = _ready(present(seat.chip, of_city(REGION)))
        before, entries = one.run(balance(one.card)), len(one.run(log(one.card)))
        kept: list[Pending] = []
        one.wire.cut_at, one.wire.carry_out = len(one.wire.sent) + number, answered
        try:
            act(one, kept.append)
        except CardGone:
            pass
        else:
            break
        again = _ready(present(seat.chip, of_city(REGION)))
        now, told = again.run(balance(again.card)), len(again.run(log(again.card)))
        happened = again.run(recover(again.card, kept[0])).happened if kept else Happened.NOT_DONE
        verdicts.add(happened)
        assert (now == before) == (happened is Happened.NOT_DONE)
        assert told - entries == (happened is Happened.DONE)
        if happened is Happened.DONE:
            assert now.account == kept[0].after
    assert verdicts == ({Happened.NOT_DONE, Happened.DONE} if answered else {Happened.NOT_DONE})


def test_another_card_settles_nothing(seat: Seat) -> None:
    done = seat.run(purchase(seat.card, replace(ORDER, account=0), count=0))
    other = _ready(present(make_blank(serial=8, region=REGION), of_city(REGION)))
    with pytest.raises(OtherCard):
        other.run(recover(other.card, done.pending))


def test_a_later_transaction_leaves_it_unknown(seat: Seat) -> None:
    done = seat.run(load(seat.card, LOAD, _host(seat)))
    seat.run(load(seat.card, LOAD, _host(seat)))
    assert seat.run(recover(seat.card, done.pending)).happened is Happened.UNKNOWN


# The log's records


def test_log_records() -> None:
    raw = bytes.fromhex("00033244019900000120261122120000000000010000000200000003")
    entry = log_entry(raw)
    assert entry is not None
    assert (entry.sequence, entry.account, entry.own, entry.pooled) == (3, 1, 2, 3)
    short = log_entry(raw[:20])
    assert short is not None
    assert (short.account, short.own, short.pooled) == (1, 0, 0)
    assert log_entry(bytes(28)) is None
    for wrong in (raw[:19], raw[:2] + b"\x35" + raw[3:], raw[:9] + b"\x99" * 7 + raw[16:]):
        with pytest.raises(InputRefused):
            log_entry(wrong)


def test_a_pending_load_knows_its_end() -> None:
    pending = Pending(b"", Load(5, 7, 0, bytes(4), bytes(6)), 5, 1)
    assert pending.after == 12
