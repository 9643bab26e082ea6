"""PUT KEY, key deletion, data objects and STORE DATA, through the domain and through an application."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cardfab.simulator.chip import CARDS as NAMES
from cardfab.simulator.chip import PROFILES, keyring, make_card, scp02, tlv, vault
from cardfab.simulator.chip.profiles import Profile

if TYPE_CHECKING:
    from conftest import Station

VECTORS = json.loads((Path(__file__).resolve().parents[2] / "vectors/globalplatform.json").read_text("utf-8"))
Maker = Callable[..., "Station"]
H = bytes.fromhex
CARDS = [
    name
    for name in PROFILES
    if name.startswith(("gp-scp02", "gp-scp03-aes", "gp-scp03-random")) or name == "gp-scp03-initial"
]
AES = PROFILES["gp-scp03-aes128-s8"]
INSTANCE = bytes((len(vault.INSTANCE),)) + vault.INSTANCE
FOR_PERSONALISATION = H("0000") + INSTANCE + H("000000")


def keys_of(profile: Profile, first: int) -> scp02.KeySet:
    if profile.scp == 2 and not profile.i & 1:  # one base key
        return scp02.KeySet(*(bytes(range(first, first + profile.key_length)),) * 3)
    return scp02.KeySet(*(bytes((n,)) + bytes(range(first, first + profile.key_length - 1)) for n in (1, 2, 3)))


def information(one: Station) -> set[tuple[int, int, int, int]]:
    answer = one.plain("80CA00E000")[0]
    (tag, inside), *rest = tlv.parse(answer)
    assert (tag, rest) == (0xE0, [])
    return {(value[1], value[0], value[2], value[3]) for _, value in tlv.parse(inside)}


@pytest.fixture
def one(station: Maker) -> Station:
    """A card with an open channel."""
    card = station("gp-scp03-aes128-s8")
    assert card.login(0x33) == 0x9000
    return card


def test_check_values() -> None:
    for value, key in VECTORS["key_diversification"]["kcv_aes_pysim"].items():
        if value != "source":
            assert keyring.Key(keyring.AES, H(key)).check_value().hex().upper() == value


# PUT KEY


@pytest.mark.parametrize("name", CARDS)
def test_keys_are_added_replaced_and_used(station: Maker, name: str) -> None:
    one = station(name)
    profile, old = one.profile, one.profile.key_version
    level = 0x33 if profile.scp == 3 else 0x13
    assert one.login(level) == 0x9000
    new = keys_of(profile, 0x80)
    answer, sw = one.put_keys(0x05, new)
    assert sw == 0x9000
    kind = keyring.AES if profile.scp == 3 else keyring.DES
    values = [keyring.Key(kind, key).check_value() for key in (new.enc, new.mac, new.dek)]
    count = 3 if profile.scp == 3 or profile.i & 1 else 1
    assert answer == b"\x05" + b"".join(values[:count])
    assert one.ok("80CA0066")  # the session goes on
    assert one.login(level, version=5, key=new) == 0x9000
    stays = old != keyring.INITIAL
    assert one.initialize(version=old)[2] == (0x9000 if stays else 0x6A88)
    if stays:
        assert one.login(level, version=old) == 0x9000
    # replacing the set in use takes effect with the next channel
    assert one.login(level, version=5, key=new) == 0x9000
    newer = keys_of(profile, 0xA0)
    assert one.put_keys(0x05, newer, replace=5)[1] == 0x9000
    assert one.ok("80CA0066")
    assert one.login(level, version=5, key=new) == 0x6300
    assert one.login(level, version=5, key=newer) == 0x9000
    assert one.put_keys(0x06, new, replace=5)[1] == 0x9000  # under another version
    assert one.initialize(version=5)[2] == 0x6A88
    assert one.login(level, version=6, key=new) == 0x9000


def test_a_new_set_counts_from_zero(station: Maker) -> None:
    for name, first in (("gp-scp03-aes128-s8", "000001"), ("gp-scp02-i15", "0000")):
        one = station(name)
        for _ in range(3):
            assert one.login(0x01) == 0x9000
        assert one.put_keys(0x30, keys_of(one.profile, 9), replace=one.profile.key_version)[1] == 0x9000
        answer = one.initialize(version=0x30)[1]
        assert (answer[-3:] if one.profile.scp == 3 else answer[12:14]).hex() == first


@pytest.mark.parametrize("length", [16, 24, 32])
@pytest.mark.parametrize(
    ("name", "bare", "prefixed"),
    [("gp-scp03-put-key-bare", True, False), ("gp-scp03-put-key-prefixed", False, True), ("", True, True)],
)
def test_both_encodings_of_aes_keys(station: Maker, length: int, name: str, bare: bool, prefixed: bool) -> None:
    base = PROFILES[name] if name else AES
    one = station(replace(base, key_length=length))
    assert one.login(0x01) == 0x9000
    new = keys_of(one.profile, 0x80)
    taken = one.put_keys(2, new, prefixed=True)[1]
    assert taken == (0x9000 if prefixed else 0x6A80)
    if length != 24:  # bare, a key of 24 bytes cannot be told from one of 32
        assert one.put_keys(3, new, prefixed=False)[1] == (0x9000 if bare else 0x6A80)
    else:
        assert one.put_keys(3, new, prefixed=False)[1] in (0x9485, 0x6A80)


def test_put_key_commands_that_are_refused(one: Station) -> None:
    key = bytes(range(16))
    field = one.key_field(key)
    cases = [
        ("80D80081", b"\x05" + field[:-1] + bytes((field[-1] ^ 1,)), "9485"),
        ("80D80001", b"\x05" + b"\x80\x10" + one.secret(key) + b"\x00", "9484"),  # DES on an AES card
        ("80D80001", b"\x05" + b"\x83\x10" + one.secret(key) + b"\x00", "9484"),
        ("80D80081", b"\x30" + field * 3, "6A80"),  # is there
        ("80D85581", b"\x55" + field * 3, "6A88"),
        ("80D83084", b"\x30" + field, "6A88"),  # no such identifier in the set
        ("80D80000", b"\x05" + field, "6A86"),
        ("80D80081", b"\x00" + field * 3, "6A80"),
        ("80D80081", b"\x80" + field * 3, "6A80"),
        ("80D80001", b"\x05" + field * 2, "6A80"),
        ("80D80081", b"\x05" + field[:-2], "6A80"),
        ("80D80081", b"\x05" + H("8811100102"), "6A80"),
        ("80D80081", b"\x05" + H("881120") + bytes(16) + b"\x00", "6A80"),
        ("80D80081", b"\x05\x88", "6700"),
        ("80D80001", b"\x05" + H("A10101") + b"\x00" * 3, "6A80"),
    ]
    before = dict(one.chip.memory.cells)
    for header, data, sw in cases:
        assert one.sw(header, data) == sw, data.hex()
    assert {name: value for name, value in one.chip.memory.cells.items() if "key" in name} == {
        name: value for name, value in before.items() if "key" in name
    }


def test_sets_that_are_not_whole_open_nothing(one: Station) -> None:
    field = one.key_field(bytes(range(16)))
    assert one.ok("80D80001", b"\x05" + field)[:1] == b"\x05"
    assert one.initialize(version=5)[2] == 0x6A88
    assert one.login(0x33) == 0x9000
    one.ok("80D80002", b"\x05" + field)
    one.ok("80D80003", b"\x05" + field)
    assert one.login(0x33, version=5, key=bytes(range(16))) == 0x9000


def test_keys_are_deleted(one: Station) -> None:
    for version in (2, 3):
        assert one.put_keys(version, keys_of(one.profile, version))[1] == 0x9000
    assert {entry[0] for entry in information(one)} == {2, 3, 0x30}
    one.ok("80E40000", H("D20102"))
    one.ok("80E40000", H("D00103D20103"))
    assert information(one) == {(3, 1, 0x88, 16), (3, 2, 0x88, 16)} | {(0x30, n, 0x88, 16) for n in (1, 2, 3)}
    assert one.sw("80E40002", H("D20103")) == "6A86"
    one.ok("80E40080", H("D20103"))  # as gpshell3 asks; b8 of P2 says nothing of a key
    for data, sw in (("D20102", "6A88"), ("D20130", "6985"), ("D2020130", "6A80"), ("C001", "6A80"), ("00", "6A80")):
        assert one.sw("80E40000", H(data)) == sw
    one.ok("80E40001", H("D20130"))  # the last, because it is asked for
    assert one.initialize()[2] == 0x6A88


# Data objects


def test_objects_of_the_domain(one: Station) -> None:
    assert one.plain("80CA00CF00")[0] == H("CF0A") + bytes(6) + H("00000001")
    found = dict(tlv.deep(one.plain("80CA006700")[0]))
    assert (found[0x80], found[0x81], found[0x82]) == (b"\x03", b"\x70", b"\x01")
    assert one.plain("80CA9F7F00")[0].startswith(H("9F7F2A4790"))
    listed = one.plain("80CA2F0000")[0]
    assert vault.INSTANCE in listed
    assert one.plain("80CAFF2100")[0].startswith(H("FF21"))
    assert one.plain("80CA012300")[1] == 0x6A88
    assert information(one) == {(0x30, n, 0x88, 16) for n in (1, 2, 3)}


@pytest.mark.parametrize("vector", VECTORS["card_production_life_cycle"]["card_recognition"][:2], ids=["03", "02"])
def test_recognition_data_says_what_the_published_cards_say(vector: dict[str, object], station: Maker) -> None:
    expected = vector["expected"]
    assert isinstance(expected, dict)
    scp, i = (int(expected[name], 16) for name in ("scp[0]", "scpImpl[0]"))
    profile = replace(PROFILES["gp-scp03-aes128-s8" if scp == 3 else "gp-scp02-i55"], i=i)
    ours = tlv.deep(station(profile).plain("80CA006600")[0])
    theirs = tlv.deep(H(str(vector["raw"])))
    assert [one for one in theirs if one[0] == 0x64] == [one for one in ours if one[0] == 0x64]
    assert [tag for tag, _ in ours][:6] == [tag for tag, _ in theirs][:6]


def test_get_data_by_class_00(station: Maker) -> None:
    values = station("gp-scp03-initial")
    assert values.plain("00CA00E000")[0][:2] == H("C004")
    assert values.plain("00CA006600")[0][:1] == b"\x73"
    assert values.plain("80CA00E000")[0][:1] == b"\xe0"
    assert station("gp-scp03-aes128-s8").plain("00CA00E000")[0][:1] == b"\xe0"


def test_objects_of_keys(one: Station) -> None:
    key = H("A6048302") + H("1301")
    assert one.plain("80CABF210000")[1] in (0x6700, 0x6A88)
    one.ok("80E29000", key + H("BF2103") + b"abc")
    assert one.plain("80CABF2106" + key.hex() + "00")[0] == H("BF2103") + b"abc"
    one.ok("80E29000", H("A60A8001014201538302") + H("1003"))
    assert one.plain("80CAFF3400")[0] == H("FF340742015383021003")
    assert one.plain("80CAFF3300")[1] == 0x6A88
    one.ok("80E29000", key + H("700393010A"))
    for data in ("A603830113", "A60483021301", "A604830213014200", "66021122"):
        assert one.sw("80E29000", H(data)) in ("6A80", "6A88")


# STORE DATA to an application


def forwarded(one: Station) -> None:
    assert one.ok("80E62000", FOR_PERSONALISATION) == b"\x00"


@pytest.mark.parametrize("name", ["gp-scp02-i55", "gp-scp03-aes256-s16"])
@pytest.mark.parametrize("own", [False, True])
def test_groupings_are_stored_and_read_back(station: Maker, name: str, own: bool) -> None:
    one = station(name)
    if own:
        one.plain("00A40400" + INSTANCE.hex())
    assert one.login(0x13) == 0x9000
    if not own:
        forwarded(one)
    long = bytes(range(256)) * 2
    stream = H("0101") + b"\x03abc" + H("0102") + b"\xff" + len(long).to_bytes(2) + long
    blocks = [stream[at : at + 180] for at in range(0, len(stream), 180)]
    for number, block in enumerate(blocks):
        assert one.ok(f"80E208{number:02X}", block) == b""
    secret = bytes(range(32))
    assert one.ok(f"80E2E8{len(blocks):02X}", H("8000") + b"\x20" + one.secret(secret)) == b""
    if not own:
        assert one.ok("80E29000", H("4203112233")) == b""  # the last block gave STORE DATA back to the domain
    one.plain("00A40400" + INSTANCE.hex())
    assert one.plain("80CA010100")[0] == b"abc"
    assert one.plain("80CA800000")[0] == secret
    first, sw = one.plain("80CA010200")
    assert sw == 0x6100
    assert first + one.plain("00C0000000")[0] == long
    assert one.plain("80CA0102000000")[0] == long  # with extended lengths in one
    assert one.plain("00C0000000")[1] == 0x6985


def test_data_objects_are_stored_and_read_back(one: Station) -> None:
    forwarded(one)
    one.ok("80E21000", H("5F2003") + b"ab")
    one.ok("80E29001", b"c" + H("9F7F0101"))
    one.plain("00A40400" + INSTANCE.hex())
    assert one.plain("80CA5F2000")[0] == H("5F2003") + b"abc"
    assert one.plain("80CA9F7F00")[0] == H("9F7F0101")
    assert one.plain("80CA5F2100")[1] == 0x6A88


def test_what_ends_a_personalisation(one: Station) -> None:
    for header, data, sw in (
        ("80E20801", H("01010141"), "6A86"),  # out of order
        ("80E28800", H("01010241"), "6A80"),  # not whole
        ("80E22800", H("01010141"), "6A86"),
        ("80E20200", H("01010141"), "6A86"),
        ("80E2E800", H("01010141"), "6A80"),  # not whole blocks
    ):
        forwarded(one)
        assert one.sw(header, data) == sw
        assert one.sw("80E28800", H("01010141")) == "6A86"  # is the domain's again
    assert one.chip.memory.under("app/") == {}
    forwarded(one)
    one.ok("80E20800", H("01010141"))
    one.ok("80E60C00", bytes((8,)) + vault.PACKAGE + bytes((9,)) + vault.MODULE + H("00010002C90000"))
    assert one.chip.memory.under("app/") == {}


def test_p1_form_and_wrapping_block_numbers(station: Maker) -> None:
    strict = station("gp-scp03-dgi-only")
    strict.login(0x01)
    forwarded(strict)
    assert strict.sw("80E28000", H("01010141")) == "6A86"
    forwarded(strict)
    strict.ok("80E28800", H("01010141"))
    for name, sw in (("gp-scp03-initial", "9000"), ("gp-scp03-aes128-s8", "6A86")):
        one = station(name)
        one.login(0x01)
        forwarded(one)
        for number in range(256):
            one.ok(f"80E208{number:02X}", H("0101") + b"\x01" + bytes((number,)))
        assert one.sw("80E28800", H("01010141")) == sw


def test_the_debit_application_through_its_domain(station: Maker) -> None:
    one = station("training-ssc2")
    static = [one.chip.memory.read(f"isd/key/01/0{n}")[1:] for n in (1, 2, 3)]
    assert one.login(0x03, key=scp02.KeySet(*static)) == 0x9000
    one.ok("80E62000", H("000008A000000333010101000000"))
    one.ok("80E20000", H("9102") + b"\x02\xa5\x00")
    assert one.chip.memory.read("debit/dgi/9102") == H("A500")
    assert one.sw("80E28001", H("9200020102")) == "6A80"  # not all that it needs


# Chaining, extended lengths, cards by name


def test_chained_and_extended_commands(one: Station) -> None:
    key = H("A60483021301")
    big = key + H("BF21820200") + bytes(512)
    one.login(0x00)
    assert one.plain("90E29000FF" + big[:255].hex())[1] == 0x9000
    assert one.plain("80E2900100")[1] == 0x6985  # not the same command: the chain ends
    one.plain("90E29000FF" + big[:255].hex())
    one.plain("90E29000FF" + big[255:510].hex())
    assert one.plain(f"80E29000{len(big) - 510:02X}" + big[510:].hex())[1] == 0x9000
    assert one.plain("80CABF21" + "000006" + key.hex() + "0000")[0][-512:] == bytes(512)
    assert one.plain("80E29000" + f"00{len(big):04X}" + big.hex())[1] == 0x9000
    for malformed in ("80E29000000001", "80E2900000000541", "80CA0066000000", "80E290000000"):
        assert one.plain(malformed)[1] in (0x6700, 0x9000, 0x6A80)
    assert one.plain("81CA006600")[1] == 0x6881


def test_cards_by_name() -> None:
    for name in PROFILES:
        chip = make_card(name, 42)
        assert chip.power_on()[:1] == b"\x3b"
        assert chip.profile == PROFILES[name]
    atr = make_card("gp-scp02-i15").atr
    check = 0
    for byte in atr[1:]:
        check ^= byte
    assert check == 0  # T=1 has TCK: ISO 7816-3, 8.2.5
    assert len(atr) == 6 + 13 + 1
    for name in sorted(set(NAMES) - set(PROFILES)):
        raw = make_card(name, 42)
        number = "00000000" if name.startswith("new-") else "00000042"  # none before activation
        assert raw.power_on()[-4:] == H(number)
        selected = raw.transmit(H("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))[-2:]
        assert selected == (b"\x90\x00" if name.startswith("training-") else b"\x6a\x82"), name
    with pytest.raises(ValueError, match="no profile"):
        make_card("gp-scp04")
    with pytest.raises(ValueError, match="8 digits"):
        make_card("gp-scp02-i15", 100_000_000)
