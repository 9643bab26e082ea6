"""Content of the card: GET STATUS and its pages, INSTALL, LOAD with hash and DAP, DELETE, SET STATUS."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from cardfab.crypto import Algorithm, cmac
from cardfab.simulator.chip import crypt, keyring, registry, tlv, vault, word

if TYPE_CHECKING:
    from conftest import Station

Maker = Callable[..., "Station"]
H = bytes.fromhex
ISD = H("A000000151000000")
CARDS = ("gp-scp02-i55", "gp-scp03-aes128-s8")
BOTH = pytest.mark.parametrize("name", CARDS)
NEW = vault.PACKAGE + b"\x0a"
APPLET = H("D27600012401")
PACKAGE = H("D276000124")


def lv(*fields: bytes) -> bytes:
    return b"".join(bytes((len(one),)) + one for one in fields)


def install_data(aid: bytes = NEW, privileges: bytes = b"\x00", parameters: bytes = H("C900")) -> bytes:
    return lv(vault.PACKAGE, vault.MODULE, aid, privileges, parameters, b"")


def entries(answer: bytes) -> dict[bytes, dict[int, bytes]]:
    found = {}
    for tag, value in tlv.parse(answer):
        assert tag == 0xE3
        one = dict(tlv.parse(value))
        found[one[0x4F]] = one
    return found


def status(one: Station, kind: int, criteria: bytes = H("4F00")) -> dict[bytes, dict[int, bytes]]:
    answer, sw = one.send(f"80F2{kind:02X}02", criteria)
    whole = answer
    while sw == word.MORE_DATA:
        answer, sw = one.send(f"80F2{kind:02X}03", criteria)
        whole += answer
    assert sw in (0x9000, word.NOT_FOUND)
    return entries(whole)


def cap(aid: bytes = PACKAGE, applets: tuple[bytes, ...] = (APPLET,)) -> bytes:
    """A load file of header and applet components."""
    header = H("DECAFFED") + H("0102") + b"\x04" + b"\x03\x01" + lv(aid)
    listed = bytes((len(applets),)) + b"".join(lv(one) + b"\x00\x08" for one in applets)
    return b"".join(bytes((tag,)) + len(part).to_bytes(2) + part for tag, part in ((1, header), (3, listed)))


def load(one: Station, stream: bytes, *, aid: bytes = PACKAGE, digest: bytes = b"", size: int = 100) -> str:
    """INSTALL [for load] and all blocks; the last status word."""
    answer = one.sw("80E60200", lv(aid, ISD, digest, b"", b""))
    blocks = [stream[at : at + size] for at in range(0, len(stream), size)]
    for number, block in enumerate(blocks):
        if answer == "9000":
            answer = one.sw(f"80E8{0x80 if block is blocks[-1] else 0:02X}{number & 0xFF:02X}", block)
    return answer


def c4(code: bytes) -> bytes:
    return tlv.build(0xC4, code)


@pytest.fixture
def one(station: Maker) -> Station:
    """A card with an open channel."""
    card = station("gp-scp03-aes128-s8")
    assert card.login(0x33) == 0x9000
    return card


# GET STATUS


@BOTH
def test_the_registry_of_a_fresh_card(station: Maker, name: str) -> None:
    card = station(name)
    assert card.login(0x03) == 0x9000
    isd = status(card, 0x80)[ISD]
    assert (isd[0x9F70], isd[0xC5]) == (b"\x0f", H("9EFE80"))
    application = status(card, 0x40)[vault.INSTANCE]
    assert (application[0x9F70], application[0xC4], application[0xCC]) == (b"\x07", vault.PACKAGE, ISD)
    assert 0x84 not in status(card, 0x20)[vault.PACKAGE]
    assert status(card, 0x10)[vault.PACKAGE][0x84] == vault.MODULE
    assert status(card, 0x10)[vault.PACKAGE][0xCE] == H("0100")


def test_the_registry_of_the_training_card(station: Maker) -> None:
    card = station("training-ssc2")
    keys = card.chip.memory.read
    static = [keys(f"isd/key/01/0{n}")[1:] for n in (1, 2, 3)]
    from cardfab.simulator.chip import scp02

    assert card.login(0x01, key=scp02.KeySet(*static)) == 0x9000
    found = status(card, 0x40)
    assert {aid: entry[0x9F70] for aid, entry in found.items()} == {
        H("A000000333010101"): b"\x07",
        b"1PAY.SYS.DDF01": b"\x07",
        b"2PAY.SYS.DDF01": b"\x07",
    }
    card.chip.memory.write({"debit/state": b"\x0f"})
    assert status(card, 0x40)[H("A000000333010101")][0x9F70] == b"\x0f"
    assert card.sw("80E40080", tlv.build(0x4F, H("A000000333010101"))) == "6985"
    assert card.sw("80E40080", tlv.build(0x4F, H("A00000033301"))) == "6985"


def test_criteria_tags_and_forms(one: Station) -> None:
    one.ok("80E60C00", install_data())
    assert set(status(one, 0x40, H("4F") + lv(vault.PACKAGE))) == {vault.INSTANCE, NEW}
    assert set(status(one, 0x40, H("4F") + lv(NEW))) == {NEW}
    assert set(status(one, 0x40, H("4F00") + tlv.build(0xC4, vault.PACKAGE))) == {vault.INSTANCE, NEW}
    assert set(status(one, 0x40, H("4F009F70010F"))) == set()
    wanted = status(one, 0x40, H("4F005C034F9F70"))[NEW]
    assert set(wanted) == {0x4F, 0x9F70}
    assert set(status(one, 0x10, H("4F005C044F84CECC"))[vault.PACKAGE]) == {0x4F, 0x84, 0xCE, 0xCC}
    old = one.ok("80F24000", H("4F") + lv(NEW))
    assert old == lv(NEW) + b"\x07\x00"
    modules = one.ok("80F21000", H("4F00"))
    assert modules == lv(vault.PACKAGE) + b"\x01\x00\x01" + lv(vault.MODULE)
    for criteria, sw in (("5C014F", "6A80"), ("4F005C029F", "6A80"), ("4F009F", "6A80"), ("4F00D30101", "6A80")):
        assert one.sw("80F24002", H(criteria)) == sw
    assert one.sw("80F2C002", H("4F00")) == "6A86"
    assert one.sw("80F24004", H("4F00")) == "6A86"


@pytest.mark.parametrize("level", [0x00, 0x01, 0x33])
def test_pages_of_whole_entries(station: Maker, level: int) -> None:
    card = station("gp-scp03-aes256-s16")
    assert card.login(level) == 0x9000
    aids = {vault.PACKAGE + bytes((n,)) * 8 for n in range(0x10, 0x28)}
    for aid in sorted(aids):
        card.ok("80E60C00", install_data(aid))
    assert card.sw("80F24003", H("4F00")) == "6985"  # nothing was asked before
    answer, sw = card.send("80F24002", H("4F00"))
    assert sw == word.MORE_DATA
    assert len(answer) <= registry.PAGE
    assert card.sw("80F24003", H("4F01F0")) == "6985"  # another question
    assert set(status(card, 0x40)) == aids | {vault.INSTANCE}
    _, sw = card.send("80F24002", H("4F00"))
    card.ok("80E29000", H("4500"))
    assert card.sw("80F24003", H("4F00")) == "6985"  # another command came between


# INSTALL, selection, SET STATUS, DELETE


@BOTH
def test_install_select_and_delete(station: Maker, name: str) -> None:
    card = station(name)
    assert card.login(0x01) == 0x9000
    assert card.ok("80E60C00", install_data(privileges=H("040000"))) == b"\x00"
    assert card.sw("80E60C00", install_data()) == "6985"  # the name is taken
    assert card.plain("00A40400" + lv(NEW).hex())[0] == H("6F0D8409") + NEW + H("A500")
    card.plain("00A4040000")
    card.login(0x01)
    assert card.ok("80E40000", tlv.build(0x4F, NEW)) == b"\x00"
    assert card.sw("80E40000", tlv.build(0x4F, NEW)) == "6A88"
    assert card.plain("00A40400" + lv(NEW).hex())[1] == 0x6A82


def test_install_in_two_steps(one: Station) -> None:
    one.ok("80E60400", install_data())
    assert status(one, 0x40)[NEW][0x9F70] == b"\x03"
    assert one.plain("00A40400" + lv(NEW).hex())[1] == 0x6A82
    assert one.sw("80E62000", lv(b"", b"", NEW, b"", b"", b"")) == "6985"
    assert one.ok("80E60800", lv(b"", b"", NEW, b"\x00", b"", b"")) == b"\x00"
    assert status(one, 0x40)[NEW][0x9F70] == b"\x07"
    assert one.sw("80E60800", lv(b"", b"", NEW, b"\x00", b"", b"")) == "6985"
    assert one.ok("80E60800", lv(b"", b"", NEW, b"\x04", b"")) == b"\x00"  # a default application
    assert status(one, 0x40)[NEW][0xC5] == H("040000")
    assert one.ok("80E64000", lv(b"", b"", NEW, H("000000"), b"", b"")) == b"\x00"
    assert status(one, 0x40)[NEW][0xC5] == H("000000")
    assert one.ok("80E61000", lv(ISD, b"", NEW, b"", b"", b"")) == b"\x00"
    assert one.sw("80E61000", lv(NEW, b"", NEW, b"", b"", b"")) == "6A88"


@pytest.mark.parametrize(
    ("p1", "data", "sw"),
    [
        ("0C", lv(b"\xa0" * 5, vault.MODULE, NEW, b"\x00", H("C900"), b""), "6A88"),
        ("0C", lv(vault.PACKAGE, NEW, NEW, b"\x00", H("C900"), b""), "6A88"),
        ("0C", install_data(b"\xf0" * 4), "6A80"),
        ("0C", install_data(privileges=b""), "6A80"),
        ("0C", install_data(privileges=b"\x80"), "6985"),
        ("0C", install_data(parameters=b""), "6A80"),
        ("0C", install_data(parameters=H("C905")), "6A80"),
        ("0C", install_data(ISD), "6985"),
        ("0C", install_data()[:-3], "6A80"),
        ("0C", lv(vault.PACKAGE), "6A80"),
        ("02", lv(PACKAGE, NEW, b"", b"", b""), "6A88"),
        ("02", lv(vault.PACKAGE, ISD, b"", b"", b""), "6985"),
        ("02", lv(b"\xf0", ISD, b"", b"", b""), "6A80"),
        ("20", lv(b"", b"", b"\xf1" * 6, b"", b"", b""), "6A88"),
        ("08", lv(b"", b"", b"\xf1" * 6, b"", b"", b""), "6A88"),
        ("40", lv(b"", b"", b"\xf1" * 6, b"", b"", b""), "6A88"),
        ("11", b"\x00", "6A86"),
    ],
)
def test_installs_that_are_refused(one: Station, p1: str, data: bytes, sw: str) -> None:
    before = dict(one.chip.memory.cells)
    assert one.sw(f"80E6{p1}00", data) == sw
    assert one.chip.memory.cells == before


def test_locks_of_applications(one: Station) -> None:
    one.ok("80E60C00", install_data())
    one.ok("80F04080", NEW)
    assert status(one, 0x40)[NEW][0x9F70] == b"\x87"
    assert one.plain("00A40400" + lv(NEW).hex())[1] == 0x6A82
    assert one.sw("80E62000", lv(b"", b"", NEW, b"", b"", b"")) == "6985"
    one.ok("80F04000", NEW)
    assert one.plain("00A40400" + lv(NEW).hex())[1] == 0x9000
    one.plain("00A4040000")
    one.login(0x01)
    one.ok("80F0400F", NEW)
    assert one.sw("80F04007", NEW) == "6985"  # never back
    assert one.sw("80F04080", b"\xf1" * 6) == "6A88"
    assert one.sw("80F01080", NEW) == "6A86"


def test_life_cycle_of_the_card(one: Station) -> None:
    assert one.sw("80F08001") == "6985"
    assert one.sw("80F08055") == "6A86"
    one.ok("80F0807F")
    fci, sw = one.plain("00A4040000")
    assert sw == word.CARD_LOCKED
    assert fci.startswith(b"\x6f")
    assert one.plain("00A40400" + lv(vault.INSTANCE).hex())[1] == 0x6A82
    assert one.login(0x33) == 0x9000
    one.ok("80F0800F")
    assert one.plain("00A4040000")[1] == 0x9000
    one.login(0x01)
    one.ok("80F080FF")
    assert one.plain("80CA9F7F00")[1] == 0x9000
    assert one.login() == 0x6985
    assert one.plain("00A4040000")[1] == 0x6A81
    one.chip.power_on()
    assert one.plain("80F28002024F00")[1] == 0x6985


def test_selection_by_part_of_a_name(one: Station) -> None:
    for aid in (vault.PACKAGE + b"\x0b", vault.PACKAGE + b"\x0c"):
        one.ok("80E60C00", install_data(aid))
    names = []
    first = one.plain("00A40400" + lv(vault.PACKAGE).hex())
    while first[1] == 0x9000:
        names.append(dict(tlv.deep(first[0]))[0x84])
        first = one.plain("00A40402" + lv(vault.PACKAGE).hex())
    assert names == [vault.INSTANCE, vault.PACKAGE + b"\x0b", vault.PACKAGE + b"\x0c"]
    assert first[1] == 0x6A82
    assert one.plain("00A4040005A000000151")[0].startswith(H("6F"))
    assert one.plain("00A4040004A0000001")[1] == 0x6A82
    assert one.plain("00A40000023F00")[1] == 0x6A86


# LOAD


@pytest.mark.parametrize("size", [1, 17, 200])
@BOTH
def test_load_install_from_it_and_delete_all(station: Maker, name: str, size: int) -> None:
    card = station(name)
    assert card.login(0x03) == 0x9000
    code = cap()
    assert load(card, c4(code), digest=hashlib.sha256(code).digest(), size=size) == "9000"
    found = status(card, 0x10)[PACKAGE]
    assert (found[0x84], found[0xCE], found[0x9F70]) == (APPLET, H("0103"), b"\x01")
    assert load(card, c4(code)) == "6985"
    card.ok("80E60C00", lv(PACKAGE, APPLET, b"", b"\x00", H("C900"), b""))
    assert card.sw("80E40000", tlv.build(0x4F, PACKAGE)) == "6985"  # its application is there
    assert card.ok("80E40080", tlv.build(0x4F, PACKAGE)) == b"\x00"
    assert PACKAGE not in status(card, 0x20)
    assert APPLET not in status(card, 0x40)


def test_code_that_is_no_cap_has_no_modules(one: Station) -> None:
    assert load(one, c4(bytes(300))) == "9000"
    assert 0x84 not in status(one, 0x10)[PACKAGE]


@pytest.mark.parametrize(
    ("stream", "sw"),
    [
        (c4(cap())[:-1], "6A80"),
        (c4(cap()) + b"\x00", "6A80"),
        (H("C5") + c4(cap())[1:], "6A80"),
        (H("C400"), "6A80"),
        (H("E2024F") + c4(cap()), "6A80"),
        (c4(cap(APPLET)), "6A80"),  # another package
        (c4(cap()[:-2]), "6A80"),
        (c4(cap() + b"\x05"), "6A80"),
        (H("C484"), "6A80"),
    ],
)
def test_load_files_that_are_refused(one: Station, stream: bytes, sw: str) -> None:
    before = dict(one.chip.memory.cells)
    assert load(one, stream) == sw
    assert one.chip.memory.cells == before
    assert one.sw("80E88000", b"\x00") == "6985"  # a refusal ended the load


def test_the_order_of_blocks(one: Station) -> None:
    assert one.sw("80E80000", b"\xc4") == "6985"
    for header, sw in (("80E80001", "6A86"), ("80E84000", "6A86")):
        one.ok("80E60200", lv(PACKAGE, b"", b"", b"", b""))
        assert one.sw(header, b"\xc4") == sw
    one.ok("80E60200", lv(PACKAGE, b"", b"", b"", b""))
    one.ok("80E80000", b"\xc4")
    one.ok("80E60200", lv(PACKAGE, b"", b"", b"", b""))  # begins anew
    assert one.sw("80E80001", b"\xc4") == "6A86"


def test_a_wrong_hash(one: Station) -> None:
    assert load(one, c4(cap()), digest=bytes(20)) == "6A80"
    assert load(one, c4(cap()), digest=bytes(21)) == "6A80"
    for name in ("sha1", "sha384", "sha512"):
        assert load(one, c4(cap()), digest=hashlib.new(name, cap()).digest()) == "9000"
        one.ok("80E40000", tlv.build(0x4F, PACKAGE))


@pytest.mark.parametrize("kind", ["AES", "RSA", "DES"])
def test_signatures_of_load_files(one: Station, kind: str) -> None:
    digest, key = hashlib.sha256(cap()).digest(), bytes(range(16))

    def signed(value: bytes) -> bytes:
        inner = tlv.build(0x4F, ISD) + tlv.build(0xC3, value)
        return tlv.build(0xE2, inner) + c4(cap())

    assert load(one, signed(bytes(8)), digest=digest) == "9000"  # no key: not looked at
    one.ok("80E40000", tlv.build(0x4F, PACKAGE))
    if kind == "AES":
        field, signature = one.key_field(key), cmac(Algorithm.AES, key, digest)
    elif kind == "DES":
        field, signature = b"\x80\x10" + one.secret(key) + b"\x00", crypt.retail_mac(key, bytes(8), digest)
    else:  # a small key by hand: p and q are Mersenne primes
        p, q = 2**521 - 1, 2**607 - 1
        n, e = p * q, 65537
        size = -(-n.bit_length() // 8)
        info = H("3031300D060960864801650304020105000420") + hashlib.sha256(digest).digest()
        padded = b"\x00\x01" + b"\xff" * (size - len(info) - 3) + b"\x00" + info
        signature = pow(int.from_bytes(padded), pow(e, -1, (p - 1) * (q - 1)), n).to_bytes(size)
        field = tlv.build(0xA1, n.to_bytes(size)) + H("A003010001") + b"\x00"
    answer = one.ok("80D80001", b"\x73" + field)
    assert answer[:1] == b"\x73"
    assert load(one, signed(signature), digest=digest) == "9000"
    one.ok("80E40000", tlv.build(0x4F, PACKAGE))
    assert load(one, signed(signature[:-1] + bytes((signature[-1] ^ 1,))), digest=digest) == "6A80"
    assert load(one, signed(b""), digest=digest) == "6A80"
    assert one.plain("80CA00E000")[0].endswith(
        {"AES": H("C00401738810"), "DES": H("C00401738010"), "RSA": H("C0060173A18DA003")}[kind]
    )
    assert one.login(0x33) == 0x9000  # version 00 does not choose it
    assert keyring.DAP_VERSION in one.chip._domain.keys.sets()
