"""Access conditions: the list of the ministry's general test (facts 1.8), and what the card refuses besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cardfab.simulator.chip import layout, premade

if TYPE_CHECKING:
    from conftest import Host  # type: ignore[import-not-found]

SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
DF01 = "00A4040006D15600000500"
NUMBER = "00DC013414" + "0812" + "343430313939323030303031303130303158"  # EF06 item 08
STATUS = "00DC013C03290131"  # DF01 EF07 item 29
MARRIAGE = "00DC0144032B0131"  # DF01 EF08 item 2B
PIN = "0020000003123456"
ALGORITHMS = pytest.mark.parametrize("algorithm", ["3DES", "SM4"])
Maker = Callable[..., "Host"]


@ALGORITHMS
def test_write_needs_its_update_key(make_host: Maker, algorithm: str) -> None:
    host = make_host(algorithm=algorithm)
    host.ok(SSSE)
    assert host.sw(NUMBER) == "6982"
    assert host.chip.inspect()["DDF1/EF06"] == {}
    assert host.authenticate(0x04, "ss/UKSSSE") == "9000"
    host.ok(NUMBER)
    assert host.chip.inspect()["DDF1/EF06"] == {"01": NUMBER[10:]}


def test_the_holder_is_free_to_read_before_version_3_and_protected_from_it(make_host: Maker) -> None:
    for algorithm, before in (("3DES", "6A83"), ("SM4", "6982")):
        host = make_host(algorithm=algorithm)
        host.ok(SSSE)
        assert host.sw("00B2013414") == before  # nothing there yet, or not to be known
        host.authenticate(0x04, "ss/UKSSSE")
        host.ok(NUMBER)
        if algorithm == "SM4":
            assert host.sw("00B2013414") == "6982"  # the update key does not open reading
            assert host.authenticate(0x0A, "ss/RKSSSE") == "9000"
        assert host.ok("00B2013414") == NUMBER[10:]


@ALGORITHMS
def test_one_update_key_does_not_open_the_file_of_another(make_host: Maker, algorithm: str) -> None:
    host = make_host(algorithm=algorithm)
    host.ok(DF01)
    assert host.authenticate(0x84, "ss/DF01/UK2") == "9000"
    host.ok(STATUS)
    assert host.sw(MARRIAGE) == "6982"
    assert host.authenticate(0x85, "ss/DF01/UK3") == "9000"
    host.ok(MARRIAGE)
    host.ok(STATUS)  # both stay open


def test_every_update_key_opens_its_files_and_no_other(make_host: Maker) -> None:
    files = [file for file in premade.directories()[premade.DF01].files if file.items]
    for number in range(1, 6):
        host = make_host()
        host.ok(DF01)
        assert host.authenticate(0x82 + number, f"ss/DF01/UK{number}") == "9000"
        for file in files:
            item = file.items[0]
            apdu = f"00DC01{file.sfi << 3 | 4:02X}{item.length + 2:02X}{item.tag:02X}{item.length:02X}" + (
                "00" * item.length
            )
            assert host.sw(apdu) == ("9000" if file.write_key == f"UK{number}DF01" else "6982"), file


def test_reading_by_pin_or_by_read_key(make_host: Maker) -> None:
    for opener in ("pin", "key"):
        host = make_host()
        host.ok(DF01)
        host.authenticate(0x84, "ss/DF01/UK2")
        host.ok(STATUS)
        assert host.sw("00B2013C03") == "6982"
        if opener == "pin":
            host.ok(PIN)
        else:
            assert host.authenticate(0x88, "ss/DF01/RK1") == "9000"
        assert host.ok("00B2013C03") == "290131"


def test_the_read_key_is_not_the_update_key(host: Host) -> None:
    host.ok(DF01)
    assert host.authenticate(0x88, "ss/DF01/UK2") == "63C5"
    assert host.authenticate(0x84, "ss/DF01/RK1") == "63C5"
    assert host.sw(STATUS) == "6982"
    assert host.authenticate(0x88, "ss/DF01/RK1") == "9000"
    assert host.sw(STATUS) == "6982"


def test_and_conditions() -> None:
    both = layout.condition("PIN&RK1|MK")
    assert not layout.allows(both, frozenset({"PIN"}))
    assert not layout.allows(both, frozenset({"RK1"}))
    assert layout.allows(both, frozenset({"PIN", "RK1"}))
    assert layout.allows(both, frozenset({"MK"}))
    assert layout.allows(layout.FREE, frozenset())
    assert not layout.allows(layout.NEVER, frozenset({"PIN", "MK"}))


def test_the_state_ends_when_the_directory_is_left_and_on_reset(host: Host) -> None:
    host.ok(SSSE)
    host.authenticate(0x04, "ss/UKSSSE")
    host.ok(SSSE)  # selected again: it stayed current
    host.ok(NUMBER)
    host.ok(DF01)
    host.ok("00A4000002DDF1")
    assert host.sw(NUMBER) == "6982"
    host.authenticate(0x04, "ss/UKSSSE")
    assert host.sw("00A4000002DF09") == "6A82"  # a failed selection changes nothing
    host.ok(NUMBER)
    host.ok("00A4040008A000000333010101")
    host.ok(SSSE)
    assert host.sw(NUMBER) == "6982"
    host.authenticate(0x04, "ss/UKSSSE")
    host.chip.power_on()
    host.ok(SSSE)
    assert host.sw(NUMBER) == "6982"


def test_a_key_of_the_ssse_is_reached_from_its_application(host: Host) -> None:
    host.ok(DF01)
    assert host.authenticate(0x04, "ss/UKSSSE") == "9000"  # global id, b8 = 0
    host.ok("00A4000002DDF1")
    assert host.sw(NUMBER) == "6982"  # but its state was of DF01


@ALGORITHMS
def test_a_challenge_serves_once_and_in_its_directory(make_host: Maker, algorithm: str) -> None:
    host = make_host(algorithm=algorithm)
    host.ok(SSSE)
    proof = host.proof("ss/UKSSSE", host.challenge()).hex()
    host.ok("0082000410" + proof)
    assert host.sw("0082000410" + proof) == "6984"
    proof = host.proof("ss/UKSSSE", host.challenge()).hex()
    host.ok(DF01)
    assert host.sw("0082000410" + proof) == "6984"
    for length in (4, 8, 16):
        host.ok(SSSE)
        host.ok("0082000410" + host.proof("ss/UKSSSE", host.challenge(length)).hex())
    for length in ("00", "07", "09", "20"):
        assert host.sw("00840000" + length) == "6700"


def test_wrong_keys_are_counted_and_block(host: Host) -> None:
    host.ok(SSSE)
    assert [host.authenticate(0x04, "ss/BK") for _ in range(3)] == ["63C5", "63C4", "63C3"]
    assert host.authenticate(0x04, "ss/UKSSSE") == "9000"
    answers = [host.authenticate(0x04, "ss/BK") for _ in range(7)]
    assert answers == ["63C5", "63C4", "63C3", "63C2", "63C1", "63C0", "6983"]
    assert host.sw(NUMBER) == "6982"  # a failure takes the state away
    assert host.authenticate(0x04, "ss/UKSSSE") == "6983"
    assert host.authenticate(0x05, "ss/BK") == "9000"  # each key has its own counter


@ALGORITHMS
def test_a_blank_with_wrong_update_keys(make_host: Maker, algorithm: str) -> None:
    host = make_host(algorithm=algorithm, wrong_update_key=True)
    host.ok(SSSE)
    assert host.authenticate(0x04, "ss/UKSSSE") == "63C5"
    assert host.authenticate(0x0A, "ss/RKSSSE") == "9000"


def test_refusals_of_external_authentication(host: Host) -> None:
    host.ok(SSSE)
    assert host.sw("0082000F10" + "00" * 16) == "6A88"
    assert host.sw("0082008310" + "00" * 16) == "6A88"  # DF01's
    assert host.sw("0082000210" + "00" * 16) == "6981"  # STK authenticates nobody
    assert host.sw("0082000408" + "00" * 8) == "6700"
    assert host.sw("0082010410" + "00" * 16) == "6A86"
    assert host.sw("0082000411" + "00" * 16 + "04") == "6A88"  # three groups
    assert host.sw("0082000411" + "00" * 16 + "00") == "6A88"
    assert host.sw("0082000511" + "00" * 16 + "02") == "6A88"  # BK has one
    version = host.proof("ss/UKSSSE", host.challenge()).hex() + "01"
    host.ok("0082000411" + version)
    host.chip.power_on()
    assert host.sw("0082000410" + "00" * 16) == "6A88"  # the MF has no keys


@ALGORITHMS
def test_internal_authentication_proves_the_card(make_host: Maker, algorithm: str) -> None:
    host = make_host(algorithm=algorithm)
    host.ok(SSSE)
    factor = bytes.fromhex("1122334455667788")
    expected = host.proof("ss/IRK", factor)[:8].hex().upper()
    assert host.ok("0088000010" + factor.hex() + "A1A2A3A4A5A6A7A8") == expected
    assert host.ok("0088000011" + factor.hex() + "A1A2A3A4A5A6A7A8" + "01") == expected
    assert host.sw("0088000410" + "00" * 16) == "6981"


def test_master_keys_authenticate_in_their_directories(host: Host) -> None:
    host.ok(SSSE)
    assert host.authenticate(0x00, "ss/MK/SSSE") == "9000"
    host.ok(DF01)
    assert host.authenticate(0x00, "ss/MK/SSSE") == "63C5"
    assert host.authenticate(0x00, "ss/MK/DF01") == "9000"


@ALGORITHMS
def test_mac_protected_update(make_host: Maker, algorithm: str) -> None:
    host = make_host(algorithm=algorithm)
    host.ok(SSSE)
    good = host.protected("04DC0134", NUMBER[10:], "ss/UKSSSE")
    assert host.sw(good) == "6982"  # the MAC does not stand for the authentication
    host.authenticate(0x04, "ss/UKSSSE")
    assert host.sw(good) == "6984"  # the challenge is gone
    good = host.protected("04DC0134", NUMBER[10:], "ss/UKSSSE")
    wrong = good[:-2] + f"{int(good[-2:], 16) ^ 1:02x}"
    assert host.sw(wrong) == "6988"
    assert host.chip.inspect()["DDF1/EF06"] == {}
    assert host.sw(host.protected("04DC0134", NUMBER[10:], "ss/BK")) == "6988"
    host.ok(host.protected("04DC0134", NUMBER[10:], "ss/UKSSSE"))
    assert host.chip.inspect()["DDF1/EF06"] == {"01": NUMBER[10:]}
    assert host.sw("04DC013403000000") == "6987"
    binary = host.protected("04D68810", "AABB", "ss/UKSSSE")
    host.ok(binary)
    assert host.chip.inspect()["DDF1/EF08"][""][32:36] == "AABB"


def test_pin_is_counted_changed_and_taken_back(host: Host) -> None:
    assert host.sw("0020000000") == "6A88"  # the MF has none
    host.ok(DF01)
    assert host.sw("0020000000") == "63C6"
    assert host.sw("0020000003654321") == "63C5"
    assert host.sw("0020000000") == "63C5"  # asking costs nothing
    assert host.sw("002000000101") == "6700"
    host.ok(PIN)
    assert host.sw("0020000000") == "63C6"
    assert host.sw("805E010007654321FF111111") == "63C5"
    assert host.sw("805E010007123456FF11111A") == "6A80"
    assert host.sw("805E010003123456") == "6A80"
    host.ok("805E010007123456FF98765F")
    assert host.sw(PIN) == "63C5"
    host.ok("002000000398765F")
    host.ok("805E01000498765FFF")  # no new one
    host.ok("0020000000")
    host.ok("805E010004FF123456")
    host.ok(PIN)
    assert [host.sw("0020000003654321") for _ in range(7)][-3:] == ["63C1", "63C0", "6983"]
    assert host.sw(PIN) == "6983"
    assert host.sw("0020000000") == "6983"


@ALGORITHMS
def test_pin_unblock_and_reload(make_host: Maker, algorithm: str) -> None:
    host = make_host(algorithm=algorithm)
    host.ok(SSSE)
    for _ in range(6):
        host.sw("0020000003654321")
    assert host.sw(host.protected("84240000", "", "ss/STK")) == "6982"
    assert host.authenticate(0x06, "ss/PUK") == "9000"
    assert host.sw(host.protected("84240000", "", "ss/BK")) == "6988"
    host.ok(host.protected("84240000", "", "ss/STK"))
    host.ok(PIN)

    from cardfab.crypto import encrypt_ecb
    from cardfab.simulator.chip import crypt

    host.chip._social.entropy = lambda n: bytes(range(n))
    session = crypt.session_key(host.chip.algorithm, host.key("ss/STK"), host.challenge())
    plain = bytes.fromhex("03987654")
    block = 8 if algorithm == "3DES" else 16
    cipher = encrypt_ecb(crypt._cipher(host.chip.algorithm, session), session, crypt.padded(plain, block))
    host.ok(host.protected("84240001", cipher.hex(), "ss/STK"))
    host.ok("0020000003987654")


@ALGORITHMS
def test_application_block(make_host: Maker, algorithm: str) -> None:
    host = make_host(algorithm=algorithm)
    host.ok(DF01)
    assert host.sw(host.protected("841E0001", "", "ss/DF01/STK")) == "6982"
    assert host.authenticate(0x05, "ss/BK") == "9000"
    assert host.sw(host.protected("841E0001", "", "ss/STK")) == "6988"
    host.ok(host.protected("841E0001", "", "ss/DF01/STK"))
    assert host.sw("0084000008") == "9303"
    assert host.sw("00B2013C03") == "9303"
    assert host.sw("00A4020002EF05") == "9303"
    host.ok(SSSE)
    assert host.sw(DF01) == "9303"
    assert host.sw("00A4000002DF01") == "9303"
    host.chip.power_on()
    assert host.sw(DF01) == "9303"


def test_card_block(host: Host) -> None:
    host.ok(SSSE)
    assert host.authenticate(0x05, "ss/BK") == "9000"
    host.ok(host.protected("84160000", "", "ss/STK"))
    for apdu in (SSSE, DF01, "00A4040000", "0084000008", "00", "00A4040008A000000333010101"):
        assert host.sw(apdu) == "6A81"
    host.chip.power_on()
    assert host.sw(SSSE) == "6A81"
