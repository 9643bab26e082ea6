"""What rights last, what locks and what does not: PIN, groups of keys, blocking. LD/T 32 part 5; part 7, 5 and 13."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Host

SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
PIN = "0020000003123456"
STATUS = "00DC013C03290131"  # DF01 EF07 item 29
Maker = Callable[..., "Host"]
ALGORITHMS = pytest.mark.parametrize("algorithm", ["3DES", "SM4"])


def df(number: int) -> str:
    """SELECT of an application: 01, 02, 03, 04, 07."""
    return f"00A4040006D156000005{ {1: 0, 2: 1, 3: 2, 4: 3, 7: 4}[number]:02X}"


@ALGORITHMS
def test_every_group_of_a_key_is_another_key(make_host: Maker, algorithm: str) -> None:
    host = make_host(algorithm=algorithm)
    host.ok(df(1))
    for version in (1, 2, 3):
        assert host.authenticate(0x84, "ss/DF01/UK2", version) == "9000"
    proof = host.proof("ss/DF01/UK2", host.challenge()).hex()
    assert host.sw("0082008411" + proof + "02") == "63C5"
    proof = host.proof("ss/DF01/UK2/v2", host.challenge()).hex()
    assert host.sw("0082008411" + proof + "03") == "63C5"
    assert host.sw(STATUS) == "6982"  # the failure took the right away
    assert host.authenticate(0x84, "ss/DF01/UK2") == "9000"  # each group has its own counter
    for _ in range(5):
        host.sw("0082008411" + host.proof("ss/BK", host.challenge()).hex() + "02")
    assert host.authenticate(0x84, "ss/DF01/UK2", 2) == "6983"
    assert host.authenticate(0x84, "ss/DF01/UK2", 3) == "9000"


@ALGORITHMS
def test_internal_authentication_by_every_group(make_host: Maker, algorithm: str) -> None:
    host = make_host(algorithm=algorithm)
    host.ok(SSSE)
    factor = bytes.fromhex("1122334455667788")
    answers = []
    for version, label in ((1, "ss/IRK"), (2, "ss/IRK/v2"), (3, "ss/IRK/v3")):
        data = factor.hex() + "A1A2A3A4A5A6A7A8"
        answers.append(host.ok(f"0088000011{data}{version:02X}"))
        assert answers[-1] == host.proof(label, factor)[:8].hex().upper()
    assert len(set(answers)) == 3
    assert host.sw("0088000011" + "00" * 16 + "04") == "6A88"


def test_the_pin_lasts_until_the_power_goes(host: Host) -> None:
    """Part 7, 5.8: the PIN is shown in the SSSE before an application is selected."""
    host.ok(SSSE)
    host.ok(PIN)
    for number in (1, 2, 3, 4):
        host.ok(df(number))
        assert host.sw("00B2012C00") == "6A83"  # free to read, nothing there
    host.ok("00A4040008A000000333010101")
    host.ok(df(4))
    host.ok("B026000104")
    assert host.sw("0020000003654321") == "63C5"
    assert host.sw("B026000104") == "6982"  # a wrong one takes it away
    host.ok(PIN)
    host.chip.power_on()
    host.ok(df(4))
    assert host.sw("B026000104") == "6982"


def test_a_key_lasts_until_another_directory_is_selected(host: Host) -> None:
    for leaving in (SSSE, df(2), "00A4000000", "00A4040008A000000333010101", "00A4040000"):
        host.chip.power_on()
        host.ok(df(1))
        assert host.authenticate(0x84, "ss/DF01/UK2") == "9000"
        host.ok(df(1))
        host.ok("00A4020002EF05")
        host.ok(STATUS)
        host.ok(leaving)
        host.ok(df(1))
        assert host.sw(STATUS) == "6982", leaving


def test_without_a_pin_none_is_asked_for(host: Host) -> None:
    host.ok(df(1))
    host.ok("805E010004123456FF")
    host.ok("0020000000")
    assert host.sw("00B2013C00") == "6A83"
    host.ok(df(4))
    assert host.sw("00B2013400") == "6982"  # PIN and RK1, the key is still needed
    assert host.authenticate(0x84, "ss/DF04/RK1") == "9000"
    assert host.sw("00B2013400") == "6A83"
    assert host.sw(PIN) == "63C5"  # part 5, 6.14: also where the stored one is empty
    host.ok("805E010005FF1234567F")
    host.ok("00200000041234567F")


@pytest.mark.parametrize("digits", ["12", "123F", "12345A", "1F34", "F123", "123456789012345678"])
def test_a_pin_of_3_or_17_digits_is_none(host: Host, digits: str) -> None:
    host.ok(SSSE)
    apdu = f"805E0100{4 + len(digits) // 2:02X}123456FF{digits}"
    assert host.sw(apdu) == "6A80"


@pytest.mark.parametrize("digits", ["1234", "12345F", "1234567890123456", "123456789012345F"])
def test_a_pin_of_4_to_16_digits(host: Host, digits: str) -> None:
    host.ok(SSSE)
    for _ in range(3):
        host.sw("0020000003111111")
    host.ok(f"805E0100{4 + len(digits) // 2:02X}123456FF{digits}")
    assert host.sw("0020000000") == "63C6"
    host.ok(f"00200000{len(digits) // 2:02X}{digits}")


@ALGORITHMS
def test_the_pin_is_taken_away_under_puk(make_host: Maker, algorithm: str) -> None:
    """Part 5, 6.8.3: an enciphered PIN of no length."""
    host = make_host(algorithm=algorithm)
    host.ok(SSSE)
    assert host.authenticate(0x06, "ss/PUK") == "9000"
    host.ok(host.protected("84240001", "", "ss/STK"))
    host.ok("0020000000")


@ALGORITHMS
def test_wrong_unblocking_is_counted_on_the_puk(make_host: Maker, algorithm: str) -> None:
    host = make_host(algorithm=algorithm)
    host.ok(SSSE)
    assert host.authenticate(0x06, "ss/PUK") == "9000"
    for _ in range(6):
        assert host.sw(host.protected("84240000", "", "ss/BK")) == "6988"
    assert host.sw(host.protected("84240000", "", "ss/STK")) == "6983"
    assert host.authenticate(0x06, "ss/PUK") == "6983"


@ALGORITHMS
@pytest.mark.parametrize("number", [1, 2, 3, 4, 7])
def test_blocking_an_application(make_host: Maker, algorithm: str, number: int) -> None:
    host = make_host(algorithm=algorithm)
    host.ok(df(number))
    name = f"DF0{number}"
    block = "841E0001", "", f"ss/{name}/STK"
    locked = number in (3, 4)
    wrong, right = ((0x05, "ss/BK"), (0x83, f"ss/{name}/LK")) if locked else ((0x06, "ss/PUK"), (0x05, "ss/BK"))
    host.ok(PIN)
    assert host.sw(host.protected(*block)) == "6982"
    assert host.authenticate(*wrong) == "9000"
    assert host.sw(host.protected(*block)) == "6982"
    for _ in range(10):  # neither wrong authentication nor a wrong MAC locks a key: part 7, 13.2
        assert host.authenticate(right[0], "ss/STK") == "63C6"
    assert host.authenticate(*right) == "9000"
    for _ in range(10):
        assert host.sw(host.protected("841E0001", "", "ss/PUK")) == "6988"
    host.ok(host.protected(*block))
    for apdu in ("0084000008", "00B2012C00", "00A4020002EF05", PIN, "B026000104", STATUS, "0088000010" + "00" * 16):
        assert host.sw(apdu) == "9303", apdu
    host.ok(SSSE)
    assert host.sw(df(number)) == "9303"
    for other in {1, 2, 3, 4, 7} - {number}:
        host.ok(df(other))
    host.chip.power_on()
    assert host.sw(df(number)) == "9303"


def test_blocking_the_environment_ends_what_is_in_it(host: Host) -> None:
    host.ok(SSSE)
    assert host.authenticate(0x05, "ss/BK") == "9000"
    host.ok(host.protected("841E0001", "", "ss/STK"))
    for apdu in (SSSE, df(1), df(4), "00A4000002DDF1"):
        assert host.sw(apdu) == "9303"
    host.ok("00A4040008A000000333010101")  # the bank's application is another matter
    host.ok("00A4000000")


@ALGORITHMS
def test_blocking_the_card_from_an_application(make_host: Maker, algorithm: str) -> None:
    host = make_host(algorithm=algorithm)
    host.ok(df(4))
    assert host.authenticate(0x83, "ss/DF04/LK") == "9000"
    assert host.sw(host.protected("84160000", "", "ss/DF04/STK")) == "6982"  # LK is for the application
    assert host.authenticate(0x05, "ss/BK") == "9000"
    host.ok(host.protected("84160000", "", "ss/DF04/STK"))
    for apdu in (SSSE, df(1), "B026000104", "00A4040008A000000333010101", "0084000008"):
        assert host.sw(apdu) == "6A81"


def test_roots_of_sm4_cards_are_their_own(make_host: Maker) -> None:
    from cardfab.simulator.chip import crypt, training_root

    host = make_host(algorithm="SM4")
    stored = host.chip.memory.cells
    historical = host.chip.atr[4:]
    for cell, label in (
        ("DDF1/IRK", "ss/SM4/IRK"),
        ("DF04/DPKDF04/v3", "ss/SM4/DF04/DPK/v3"),
        ("3F00/MKMF", "ss/SM4/MK/MF"),
    ):
        expected = crypt.card_key(host.chip.algorithm, training_root(label), "440199", historical)
        assert stored[f"key/{cell}"] == expected
    stored = make_host().chip.memory.cells
    assert "key/DF04/DTKDF04" in stored
    assert "key/DF04/DTKDF04/v2" not in stored
