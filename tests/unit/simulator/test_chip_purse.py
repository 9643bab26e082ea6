"""The medical account on the card: load, purchase, totals, proof, states, limits. LD/T 32 parts 5 and 7."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cardfab.simulator.chip.purse import Amounts
from tests.unit.simulator.purse_terminal import DF04, PIN, TERMINAL, till

if TYPE_CHECKING:
    from conftest import Host

Maker = Callable[..., "Host"]
CARDS = pytest.mark.parametrize(
    "card",
    [{"algorithm": "3DES"}, {"version": "2.0", "algorithm": "SM4"}, {"version": "3.0"}, {"version": "1.0"}],
    ids=str,
)
SELECT_SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"


def begin_load(amount: int = 1) -> str:
    return f"B02800010B01{amount:08X}{TERMINAL.hex()}10"


def begin_purchase(account: int = 0, own: int = 0, pooled: int = 0) -> str:
    return f"B02801011301{account:08X}{own:08X}{pooled:08X}{TERMINAL.hex()}16"


@CARDS
def test_loads_and_purchases_count_and_are_logged(make_host: Maker, card: dict[str, str]) -> None:
    one = till(make_host(**card))
    assert (one.balance(), one.totals(), one.log()) == (0, (0, 0, "0000"), [])
    one.load(100_00, "20260105080910")
    one.load(50_50)
    one.buy(30_25, 10_00, 200_00, "20261122111213")
    one.buy(0, 1, 2, "20261123000000")
    assert one.balance() == 120_25
    assert one.totals() == (10_01, 200_02, "2026")
    time, terminal = "20261122101500", TERMINAL.hex().upper()
    assert one.log() == [
        f"000132{terminal}20261123000000" + "00000000" + "00000001" + "00000002",
        f"000032{terminal}20261122111213" + f"{3025:08X}{1000:08X}{20000:08X}",
        f"000131{terminal}{time}" + f"{5050:08X}" + "00" * 8,
        f"000031{terminal}20260105080910" + f"{10000:08X}" + "00" * 8,
    ]
    amounts = one.host.chip.inspect()["DF04/purse"][""]
    assert amounts == "00020002" + f"{12025:08X}{1001:08X}{20002:08X}" + "2026" + "0101"


@CARDS
def test_what_initialisation_answers(make_host: Maker, card: dict[str, str]) -> None:
    host = make_host(**card, entropy=lambda n: bytes(range(0xA0, 0xA0 + n)))
    one = till(host)
    one.load(7)
    one.buy(3, 4, 5)
    algorithm = "03" if one.sm4 else "01"
    assert host.ok(begin_load())[:24] == "00000004" + "0001" + "01" + algorithm + "A0A1A2A3"
    answer = host.ok(begin_purchase())
    assert answer == "00000004" + "00000004" + "00000005" + "2026" + "0001" + "01" + algorithm + "A0A1A2A3"


@CARDS
def test_every_version_of_the_purchase_key(make_host: Maker, card: dict[str, str]) -> None:
    one = till(make_host(**card))
    for index in (1, 2, 3):
        one.buy(0, 1, index=index)
    answer = one.begin_purchase(0, 1, index=2)
    assert one.host.sw(one.debit(answer, bytes(7) + b"\x01" + bytes(4), "20261122000000", index=3)) == "9302"
    for index in ("00", "04", "FF"):
        assert one.host.sw(f"B028010113{index}" + "00" * 12 + TERMINAL.hex()) == "9403"
        assert one.host.sw(f"B02800010B{index}" + "00" * 4 + TERMINAL.hex()) == "9403"
    assert one.host.sw("B02800010B02" + "00" * 4 + TERMINAL.hex()) == "9403"  # one group of DLK


def test_a_purchase_of_nothing(host: Host) -> None:
    one = till(host)
    one.buy(0, 0, 0)
    assert one.balance() == 0
    assert one.totals() == (0, 0, "2026")
    assert len(one.log()) == 1


# The year, part 7, 12.6


@pytest.mark.parametrize(
    ("start", "days"),
    [
        # (day of the purchase, the year it counts in, whether the totals went on)
        ("0101", [("20251231", 2025, True), ("20260101", 2026, False), ("20261231", 2026, True)]),
        (
            "0701",
            [("20260630", 2025, True), ("20260701", 2026, False), ("20270630", 2026, True), ("20270701", 2027, False)],
        ),
        (
            "0301",
            [("20260228", 2025, True), ("20280301", 2028, False), ("20270101", 2028, True)],
        ),  # an earlier day: no roll
    ],
)
def test_totals_belong_to_a_year(host: Host, start: str, days: list[tuple[str, int, bool]]) -> None:
    one = till(host)
    assert host.authenticate(0x87, "ss/DF04/DSK") == "9000"
    host.ok(f"B056000002{start}")
    assert host.ok("B056010002") == start
    one.buy(0, 1, 10, "20251101120000")
    own, pooled = 1, 10
    for day, year, same_year in days:
        one.buy(0, 2, 20, day + "120000")
        own, pooled = (own + 2, pooled + 20) if same_year else (2, 20)
        assert one.totals() == (own, pooled, str(year)), day


def test_the_first_purchase_sets_the_year_of_its_day() -> None:
    fresh = Amounts(0, 0, 0, 5, 6, b"\x00\x00", bytes.fromhex("0301"))
    assert fresh.paid(20260228, 0, 1, 2) == Amounts(0, 1, 0, 1, 2, bytes.fromhex("2025"), bytes.fromhex("0301"))
    assert fresh.paid(20260301, 0, 1, 2).year == bytes.fromhex("2026")
    assert Amounts.decode(fresh.encode()) == fresh
    assert len(fresh.encode()) == 20


# Rights


def test_the_pin_is_needed_where_one_is_set(host: Host) -> None:
    host.ok(DF04)
    for apdu in (begin_load(), begin_purchase(), "B026000104", "B026000206", "B026000306"):
        assert host.sw(apdu) == "6982", apdu
    host.ok("B056010002")
    host.ok(PIN)
    host.ok("B026000104")
    host.ok("805E010004123456FF")
    host.chip.power_on()
    host.ok(DF04)
    for apdu in (begin_load(), begin_purchase(), "B026000104", "B026000206", "B026000306"):
        host.ok(apdu)


def test_the_starting_day_is_changed_by_its_key_only(host: Host) -> None:
    host.ok(DF04)
    host.ok(PIN)
    assert host.sw("B0560000020701") == "6982"
    for key in host.chip._social.tree[0xDF04].keys:
        if key.use == "external":
            assert host.authenticate(key.kid, key.root) == "9000"
    assert host.sw("B0560000020701") == "6982"
    assert host.authenticate(0x87, "ss/DF04/DSK") == "9000"
    for wrong, sw in (
        ("021301", "6A80"),
        ("020132", "6A80"),
        ("020A01", "6A80"),
        ("0107", "6700"),
        ("03070101", "6700"),
    ):
        assert host.sw(f"B0560000{wrong}") == sw
    assert host.sw("B0560001020701") == "6A86"
    host.ok("B0560000020701")
    assert host.ok("B056010002") == "0701"
    assert host.sw("B056010003") == "6700"
    assert host.sw("B056020002") == "6A86"


@pytest.mark.parametrize("kid", [0x88, 0x89, 0x8A])
def test_keys_of_the_account_authenticate_nobody(host: Host, kid: int) -> None:
    host.ok(DF04)
    assert host.sw(f"008200{kid:02X}10" + "00" * 16) == "6981"
    assert host.sw(f"008800{kid:02X}10" + "00" * 16) == "6981"


def test_the_amount_file_is_not_read_or_written_as_a_file(host: Host) -> None:
    host.ok(DF04)
    host.ok(PIN)
    for apdu in ("00B201FC00", "00B09F0000", "00DC01FC0101", "00D69F000101"):
        assert host.sw(apdu) == "6981"


def test_the_log_is_written_by_the_card_alone(host: Host) -> None:
    one = till(host)
    one.load(1)
    for key in host.chip._social.tree[0xDF04].keys:
        if key.use in ("external", "start-day", "master"):
            host.authenticate(key.kid, key.root)
    for apdu in ("00DC01441C", "00DC00431C", "04DC01441C"):
        assert host.sw(apdu + "00" * 28) == "6982"
    host.chip.power_on()
    host.ok(DF04)
    assert host.authenticate(0x84, "ss/DF04/RK1") == "9000"
    assert host.sw("00B201441C") == "6982"  # the PIN and nothing else
    host.ok(PIN)
    host.ok("00B201441C")


# States, part 5 table 49

LOADING, BUYING = "load", "purchase"
CREDIT = "B02A00000B" + "00" * 11 + "04"
DEBIT = "B02C01000F" + "00" * 15 + "08"


@pytest.mark.parametrize(("apdu", "wanted"), [(CREDIT, LOADING), (DEBIT, BUYING)])
def test_the_second_command_wants_its_first(host: Host, apdu: str, wanted: str) -> None:
    one = till(host)
    one.load(5)
    states = {"idle": "", LOADING: begin_load(), BUYING: begin_purchase()}
    for state, first in states.items():
        if first:
            host.ok(first)
        assert host.sw(apdu) == ("9302" if state == wanted else "6901")
        assert host.sw(apdu) == "6901"  # idle after any failure
    assert one.balance() == 5


BETWEEN = {
    "balance": ("B026000104", True),
    "proof": ("B02E003102000008", True),
    "starting day": ("B056010002", False),
    "another record": ("00B201441C", False),
    "challenge": ("0084000008", False),
    "select the directory": (DF04, False),
    "select a file": ("00A4020002EF05", False),
    "refused": ("00B2FF4400", False),
    "refused balance": ("B026000404", False),
    "no proof": ("B02E003102FFFF08", False),
    "unknown": ("B0FF0000", False),
    "pin": (PIN, False),
    "refused load": ("B02800010B09" + "00" * 10, False),
}


@pytest.mark.parametrize("name", BETWEEN)
@pytest.mark.parametrize("kind", [LOADING, BUYING])
def test_what_may_come_between(host: Host, name: str, kind: str) -> None:
    one = till(host)
    one.load(9)
    if kind == LOADING:
        answer = one.begin_load(4)
        second = one.credit(answer, 4, "20261122101500")
    else:
        answer = one.begin_purchase(4)
        second = one.debit(answer, (4).to_bytes(4) + bytes(8), "20261122101500")
    apdu, kept = BETWEEN[name]
    host.sw(apdu)
    assert host.sw(second) == ("9000" if kept else "6901")
    host.ok(DF04)
    assert one.balance() == ((13 if kind == LOADING else 5) if kept else 9)


def test_a_second_initialisation_takes_the_place_of_the_first(host: Host) -> None:
    one = till(host)
    first = one.begin_load(4)
    one.begin_purchase(0)
    assert host.sw(one.credit(first, 4, "20261122101500")) == "6901"
    first = one.begin_purchase(0)
    one.load(4)
    assert host.sw(one.debit(first, bytes(12), "20261122101500")) == "6901"
    first, again = one.begin_load(4), one.begin_load(6)
    assert host.sw(one.credit(first, 4, "20261122101500")) == "9302"
    assert host.sw(one.credit(again, 6, "20261122101500")) == "6901"


def test_leaving_or_losing_power_ends_a_transaction(host: Host) -> None:
    one = till(host)
    for apdu in (SELECT_SSSE, "00A4040008A000000333010101"):
        answer = one.begin_load(4)
        host.ok(apdu)
        host.ok(DF04)
        assert host.sw(one.credit(answer, 4, "20261122101500")) == "6901"
    answer = one.begin_load(4)
    host.chip.power_on()
    till(host)
    assert host.sw(one.credit(answer, 4, "20261122101500")) == "6901"


# Refusals


@CARDS
def test_a_wrong_mac_changes_nothing(make_host: Maker, card: dict[str, str]) -> None:
    one = till(make_host(**card))
    one.load(100)
    before = dict(one.host.chip.memory.cells)
    good = one.credit(one.begin_load(4), 4, "20261122101500")
    assert one.host.sw(good[:-4] + f"{int(good[-4:-2], 16) ^ 1:02x}04") == "9302"
    good = one.credit(one.begin_load(4), 5, "20261122101500")  # another amount
    assert one.host.sw(good) == "9302"
    good = one.debit(one.begin_purchase(4), (4).to_bytes(4) + bytes(8), "20261122101500")
    assert one.host.sw(good[:-4] + f"{int(good[-4:-2], 16) ^ 1:02x}08") == "9302"
    good = one.debit(one.begin_purchase(4), (3).to_bytes(4) + bytes(8), "20261122101500")
    assert one.host.sw(good) == "9302"
    assert one.host.chip.memory.cells == before


def test_an_account_that_is_too_small(host: Host) -> None:
    one = till(host)
    one.load(99)
    assert host.sw(begin_purchase(100)) == "9401"
    assert host.sw(begin_purchase(99)) == "9000"
    assert host.sw(begin_purchase(0, 0xFFFFFFFF, 0xFFFFFFFF)) == "9000"


def test_counters_and_amounts_have_an_end(host: Host) -> None:
    one = till(host)
    full = Amounts(0xFFFE, 0xFFFE, 0xFFFFFFF0, 0xFFFFFFF0, 0, bytes.fromhex("2026"), bytes.fromhex("0101"))
    host.chip.memory.write({"purse/DF04": full.encode()})
    assert host.sw(begin_load(16)) == "9402"
    answer = one.begin_purchase(0, 16)
    sums = bytes(4) + (16).to_bytes(4) + bytes(4)
    assert host.sw(one.debit(answer, sums, "20261122101500")) == "9402"
    one.load(15)
    one.buy(0, 15)
    assert host.sw(begin_load(0)) == "9402"
    assert host.sw(begin_purchase(0)) == "9402"


def test_a_day_that_is_none(host: Host) -> None:
    one = till(host)
    for time in ("20261322000000", "20260032000000", "20260100000000", "2026010A000000"):
        assert host.sw(one.debit(one.begin_purchase(0), bytes(12), time)) == "6985"
        assert host.sw(one.credit(one.begin_load(0), 0, time)) == "6985"
    assert one.log() == []


def test_forms_that_are_refused(host: Host) -> None:
    till(host)
    for apdu, sw in (
        ("B02800010A" + "00" * 10, "6700"),
        ("B028010112" + "00" * 18, "6700"),
        ("B02800020B01" + "00" * 10, "6A86"),
        ("B02802010B01" + "00" * 10, "6A86"),
        ("B026000004", "6A86"),
        ("B026010104", "6A86"),
        ("B026000105", "6700"),
        ("B026000204", "6700"),
        ("B02E00330200000008", "6700"),
        ("B02E003302000008", "6A86"),
        ("B02E0032010008", "6700"),
        ("80260001", "6D00"),
        ("B0840000", "6D00"),
    ):
        assert host.sw(apdu) == sw, apdu
    host.ok(begin_load())
    assert host.sw("B02A00000A" + "00" * 10) == "6700"
    host.ok(begin_load())
    assert host.sw("B02A00010B" + "00" * 11) == "6A86"
    host.ok(begin_purchase())
    assert host.sw("B02C00000F" + "00" * 15) == "6A86"
    host.ok("00A4040006D15600000500")
    assert host.sw("B026000104") == "6A81"  # no account in this directory


# Proof, part 7 chapter 14


@CARDS
def test_the_proof_of_the_last_transaction_is_kept(make_host: Maker, card: dict[str, str]) -> None:
    one = till(make_host(**card))
    host = one.host
    assert host.sw("B02E003102000008") == "9406"
    tac = one.load(10)
    for _ in range(2):
        assert host.ok("B02E003102000008") == "00000000" + tac.hex().upper()
    host.chip.power_on()
    host.ok(DF04)
    assert host.ok("B02E003102000008") == "00000000" + tac.hex().upper()  # no PIN for it
    assert host.sw("B02E003202000008") == "9406"
    assert host.sw("B02E003102000108") == "9406"
    host.ok(PIN)
    found = one.buy(1)
    assert host.ok("B02E003202000008") == (found[4:] + found[:4]).hex().upper()
    assert host.sw("B02E003102000008") == "9406"  # only the last one


def test_the_log_drops_its_oldest(host: Host) -> None:
    one = till(host)
    for _ in range(62):
        one.load(1)
    log = one.log()
    assert [entry[:4] for entry in log] == [f"{n:04X}" for n in range(61, 1, -1)]
    assert one.balance() == 62
    assert len(bytes.fromhex(host.ok("00B20145FC"))) == 9 * 28  # as many whole records as one answer holds


# The account alone, part 7 chapter 12


@pytest.mark.parametrize("algorithm", ["3DES", "SM4"])
def test_a_card_with_the_account_alone(make_host: Maker, algorithm: str) -> None:
    one = till(make_host(account_only=True, algorithm=algorithm))
    one.load(50)
    one.buy(20, 0, 0)
    one.buy(5, 7, 9)  # without meaning here
    assert one.balance() == 25
    assert one.totals()[:2] == (0, 0)
    terminal = TERMINAL.hex().upper()
    assert one.log() == [
        f"000132{terminal}20261122111500" + f"{5:08X}",
        f"000032{terminal}20261122111500" + f"{20:08X}",
        f"000031{terminal}20261122101500" + f"{50:08X}",
    ]
    assert one.host.ok(begin_purchase(1))[8:28] == "00" * 10
