"""Empty chips of both dialects become cards; published key-load vectors."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.simulator.chip import TrainingChip, crypt, make_raw_chip, t514, tlv, training_root

if TYPE_CHECKING:
    from conftest import Host

HERE = Path(__file__).resolve().parents[2] / "vectors"
VECTORS: dict[str, dict[str, Any]] = {
    one["id"]: one for one in json.loads((HERE / "social-security-and-pboc.json").read_text("utf-8"))["vectors"]
}
H = bytes.fromhex
SSSE_NAME = H("7378312E73682EC9E7BBE1B1A3D5CF")
DF01_NAME = H("D15600000500")
MASTER = {0x3F00: bytes(range(0x10, 0x20)), 0xDDF1: bytes(range(0x20, 0x30)), 0xDF01: bytes(range(0x30, 0x40))}
Act = Callable[[], bytes]


def apdu(header: str, data: bytes = b"", *, le: int | None = None) -> bytes:
    return H(header) + (bytes((len(data),)) + data if data else b"") + (bytes((le,)) if le is not None else b"")


# Key loading as it is published


def test_the_published_line_protected_key_of_fmcos() -> None:
    vector = VECTORS["fmcos_write_key_enc_mac"]
    key, challenge = H(vector["line_key"]), H(vector["challenge4"])
    assert crypt.revealed(Algorithm.TDES, key, H(vector["cipher"])) == H(vector["plain_LD_data"])[1:]
    assert crypt.load_mac(Algorithm.TDES, key, challenge, H(vector["mac_input"])).hex().upper() == vector["mac4"]
    chip = make_raw_chip("fmcos", entropy=lambda n: challenge[:n])
    chip.power_on()
    assert opened_fmcos(chip) == b"\x90\x00"
    chip.transmit(apdu("80E00000", H("3F00B001F0FFFF")))  # the key file takes keys from everyone
    assert chip.transmit(H("0084000004"))[:4] == challenge
    assert chip.transmit(H(vector["apdu"])) == b"\x90\x00"
    assert chip.memory.read("key/3F00/3902") == H("39F0F0AAFF1122334455667788")
    assert chip.transmit(H(vector["apdu"])) == b"\x69\x84"  # a challenge serves once
    chip.transmit(H("0084000004"))
    assert chip.transmit(H(vector["apdu"])[:-1] + b"\x00") == b"\x69\x88"


def test_the_computed_key_of_a_psam() -> None:
    vector = VECTORS["psam_create_key"]
    key, sent = H(vector["master_key"]), H(vector["apdu"])
    assert crypt.revealed(Algorithm.TDES, key, H(vector["cipher"])) == H(vector["record"])
    assert crypt.load_mac(Algorithm.TDES, key, H(vector["challenge4"]), sent[:-4]) == sent[-4:]


# T514


def t514_key(kind: int, kid: int, value: bytes, *, level: int = 0, limit: int = 6) -> bytes:
    return bytes((kind, kid, 0, 0, limit, 0, level, len(value))) + value.ljust(16, b"\xff")


def t514_directory(fid: int, kind: int, name: bytes = b"") -> bytes:
    """FCI in SFI 10, keys in SFI 11."""
    return apdu("80E00100", H("000000FF01") + fid.to_bytes(2) + bytes((kind, 0, 1, 0x10, 0, 0, 0x11, 0, 0)) + name)


def t514_file(
    fid: int, kind: int, sfi: int, space: int, *, scw: int = 0, length: int = 0, access: str = "00000000"
) -> bytes:
    head = bytes(3) + space.to_bytes(2) + fid.to_bytes(2) + bytes((kind, 0, sfi, scw, length))
    return apdu("80E00100", head + H(access))


def enciphered(algorithm: Algorithm, key: bytes, value: bytes) -> bytes:
    plain = bytes((len(value),)) + value
    if len(plain) % algorithm.block:
        plain = crypt.padded(plain, algorithm.block)
    return encrypt_ecb(algorithm, key, plain)


def card_key(chip: TrainingChip, label: str) -> bytes:
    return crypt.card_key(chip.algorithm, training_root(label), "440199", chip.atr[4:])


def script_t514(chip: TrainingChip) -> Iterator[Act]:
    """Transport, MF, SSSE with EF05 and EF06, DF01 with a photo and a log; every form of WRITE KEY; the ends."""
    algorithm = chip.algorithm

    def plain(data: bytes) -> Act:
        return lambda: data

    def authenticate(fid: int) -> list[Act]:
        def proof() -> bytes:
            session = crypt.session_key(algorithm, MASTER[fid], chip._social.challenge)
            return apdu("00820000", crypt.authentication(algorithm, session, bytes(8)) + bytes(8))

        return [plain(H("0084000008")), proof]

    def key(fid: int, value: bytes, *, mac: bool = False, p1: int = 0) -> list[Act]:
        secret = enciphered(algorithm, MASTER[fid], value)
        if not mac:
            return [plain(apdu(f"80D4{p1:02X}00", secret))]

        def protected() -> bytes:
            head = bytes((0x84, 0xD4, p1, 0, len(secret) + 4)) + secret
            return head + crypt.load_mac(algorithm, MASTER[fid], chip._social.challenge, head)

        return [plain(H("0084000004")), protected]

    value = t514.transport_value(training_root("transport/T514"), chip.atr[4:])
    yield plain(apdu("80E00300", value))
    yield plain(apdu("80E00500", H("0000440100000077")))
    yield plain(apdu("00140000", H("3B6D00000087BF10028649")))
    yield plain(t514_directory(0x3F00, 1))
    yield plain(t514_file(0xEF11, 0xC3, 0x11, 200))
    yield plain(apdu("00D40100", t514_key(t514.MASTER, 0, MASTER[0x3F00])))
    yield plain(t514_file(0xEF10, 0xD6, 0x10, 200, length=100))
    fci = tlv.build(0x6F, tlv.build(0x84, SSSE_NAME) + tlv.build(0xA5, H("88011E9F0C03860101")))
    yield plain(apdu("00D20110", tlv.build(0x70, H("DDF1") + fci)))
    yield from authenticate(0x3F00)
    yield plain(t514_directory(0xDDF1, 1, SSSE_NAME))
    yield plain(t514_file(0xEF11, 0xC3, 0x11, 400))
    yield plain(apdu("00D40100", t514_key(t514.MASTER, 0, MASTER[0xDDF1])))
    for number, (kind, kid, label, level) in enumerate(
        (
            (t514.IRK, 0x00, "ss/IRK", 0),
            (t514.STK, 0x02, "ss/STK", 0),
            (t514.EXTERNAL, 0x04, "ss/UKSSSE", 4),
            (t514.EXTERNAL, 0x05, "ss/BK", 5),
            (t514.EXTERNAL, 0x06, "ss/PUK", 6),
            (t514.EXTERNAL, 0x0A, "ss/RKSSSE", 10),
        )
    ):
        record = t514_key(kind, kid, card_key(chip, label), level=level)
        yield from key(0xDDF1, record, mac=bool(number % 2))
    yield from authenticate(0xDDF1)
    yield plain(t514_file(0xEF05, 0xC6, 5, 0x80, length=0x12, access="00000004"))
    yield plain(t514_file(0xEF06, 0xC6, 6, 0x80, length=0x20, access="000A0004"))
    yield plain(t514_directory(0xDF01, 2, DF01_NAME))
    yield plain(apdu("00D40100", t514_key(t514.MASTER, 0, MASTER[0xDF01])))
    yield from key(0xDF01, t514_key(t514.EXTERNAL, 0x83, card_key(chip, "ss/DF01/UK1"), level=3))
    yield from authenticate(0xDF01)
    yield plain(t514_file(0xEF08, 0xC4, 8, 0x40, scw=0x04, access="00000403"))  # writing: UKSSSE and UK1
    yield plain(t514_file(0xEF09, 0xC7, 9, 0x12, length=4, access="07000003"))  # reading: the PIN of the SSSE
    yield plain(t514_file(0xEF0A, 0xC5, 10, 0x40, length=4, access="EFEF00FF"))
    yield plain(H("80E0020000"))
    yield plain(H("00A4000002DDF1"))
    yield plain(apdu("00D40000", t514_key(t514.PIN, 0, H("123456"), level=7)))
    yield plain(H("80E0020000"))
    yield plain(H("00A40000023F00"))
    yield plain(H("80E0020000"))


def script_fmcos(chip: TrainingChip) -> Iterator[Act]:
    """Transport key, erasure, MF with a line key, a DF with every kind of file, keys by MAC, the end."""

    def plain(data: bytes) -> Act:
        return lambda: data

    def protected(header: str, key: bytes, data: bytes) -> list[Act]:
        def act() -> bytes:
            secret = enciphered(Algorithm.DES if len(key) == 8 else chip.algorithm, key, data) if data else b""
            head = H(header) + bytes((len(secret) + 4,)) + secret
            return head + crypt.load_mac(chip.algorithm, key, chip._social.challenge, head)

        return [plain(H("0084000004")), act]

    def authenticate(key: bytes, kid: int = 0) -> list[Act]:
        cipher = Algorithm.DES if len(key) == 8 else chip.algorithm
        return [
            plain(H("0084000008")),
            lambda: apdu(
                f"008200{kid:02X}", encrypt_ecb(cipher, key, chip._social.challenge.ljust(cipher.block, b"\0"))
            ),
        ]

    transport, mf, df = b"\xff" * 8, MASTER[0x3F00], MASTER[0xDDF1]
    yield from authenticate(transport)
    yield plain(H("800E000000"))
    yield plain(apdu("80E00000", H("3F00B001F0FFFF")))
    yield plain(apdu("80D40100", H("39F0F00155") + mf))
    yield from protected("84D40101", mf, H("F6F0F0FF33") + bytes(range(16)))  # type 36 with C0: only so
    yield plain(apdu("80E03F01", H("3801F0F0F095FFFF") + b"TEST.DF"))
    yield plain(apdu("80E00000", H("3F00B095F0FFFF")))
    yield from protected("84D40100", mf, H("39F0F00255") + df)
    yield from protected("84D40100", df, H("34F0F00000") + bytes(range(8)))
    yield plain(apdu("80D40100", H("3AF0EF0133123456")))
    yield plain(apdu("80D40100", H("38F0F00000") + bytes(range(16))))
    yield plain(apdu("80E00015", H("280020F0F0FFFF")))
    yield plain(apdu("80E00016", H("2A0308F0F0FFFF")))
    yield plain(apdu("80E00017", H("2C0040F1F2FFFF")))
    yield plain(apdu("80E00018", H("2E0304F0F0FFFF")))
    yield plain(apdu("80E00019", H("A80010F0F0FF01")))
    yield from authenticate(df)
    yield plain(H("00A40000023F00"))
    yield from protected("841C0000", mf, b"")


def script(dialect: str, chip: TrainingChip) -> Iterator[Act]:
    return script_t514(chip) if dialect == "t514" else script_fmcos(chip)


def opened_fmcos(chip: TrainingChip) -> bytes:
    challenge = chip.transmit(H("0084000008"))[:-2].ljust(8, b"\x00")
    return chip.transmit(apdu("00820000", encrypt_ecb(Algorithm.DES, b"\xff" * 8, challenge)))


def finished(dialect: Literal["t514", "fmcos"], **arguments: object) -> TrainingChip:
    chip = make_raw_chip(dialect, **arguments)  # type: ignore[arg-type]
    chip.power_on()
    for act in script(dialect, chip):
        sent = act()
        answer = chip.transmit(sent)
        assert answer[-2:] == b"\x90\x00", f"{sent.hex()} -> {answer.hex()}"
    chip.power_on()
    return chip


@pytest.fixture
def host(make_host: Callable[..., Host]) -> Host:
    """A station at a card that was made from an empty chip."""
    found = make_host()
    found.chip = finished("t514")
    return found


def test_the_made_card_works_like_a_bought_one(host: Host) -> None:
    assert host.chip.atr.hex().upper() == "3B6D00000087BF10028649440100000077"
    select = "00A404000F" + SSSE_NAME.hex()
    assert host.ok(select) == "6F1C840F" + SSSE_NAME.hex().upper() + "A50988011E9F0C03860101"
    record = "0304322E3030"
    assert host.sw("00DC032C06" + record) == "6982"
    assert host.authenticate(0x04, "ss/UKSSSE") == "9000"
    assert host.sw("00DC032C06" + record) == "6A83"  # absent, and not the next one
    for number, one in enumerate(("0110" + "11" * 16, "020133", record), 1):
        host.ok(f"00DC{number:02X}2C{len(one) // 2:02X}{one}")
    assert host.ok("00B2032C06") == record.upper()
    assert host.ok("00B2032806") == record.upper()  # by tag
    assert host.sw("00B2032C00") == "6C06"
    assert host.sw("00DC042C060405AABB1122") == "6A85"
    assert host.sw("00DC042C13" + "0411" + "00" * 17) == "6A84"
    host.ok("00DC0134060804AABBCCDD")
    assert host.sw("00B2013406") == "6982"
    assert host.authenticate(0x0A, "ss/RKSSSE") == "9000"
    host.ok("00B2013406")
    host.chip.power_on()
    host.ok(select)
    assert host.authenticate(0x04, "ss/RKSSSE") == "63C5"
    assert host.authenticate(0x04, "ss/UKSSSE") == "9000"


def test_levels_of_the_directory_above(host: Host) -> None:
    select = "00A404000F" + SSSE_NAME.hex()
    host.ok(select)
    host.ok("00A4040006" + DF01_NAME.hex())
    assert host.authenticate(0x83, "ss/DF01/UK1") == "9000"
    assert host.sw("00D6880004AABBCCDD") == "6982"  # needs UKSSSE too
    assert host.sw("00B2014C04") == "6982"
    host.ok(select)
    assert host.authenticate(0x04, "ss/UKSSSE") == "9000"
    host.ok("0020000003123456")
    host.ok("00A4040006" + DF01_NAME.hex())
    assert host.sw("00D6880004AABBCCDD") == "6982"  # the own level ended with the directory
    assert host.authenticate(0x83, "ss/DF01/UK1") == "9000"
    host.ok("00D6880004AABBCCDD")
    assert host.ok("00B0880004") == "AABBCCDD"
    for number in range(5):
        host.ok(f"00DC004B04{number:08X}")
    assert [host.ok(f"00B2{n:02X}4C04") for n in (1, 2, 3)] == ["00000004", "00000003", "00000002"]
    assert host.sw("00B2044C04") == "6A83"
    assert host.sw("00B2015404") == "6982"  # never
    assert host.authenticate(0x00, "ss/MK/DF01") == "63C5"


def test_after_the_end_nothing_is_created(host: Host) -> None:
    chip = host.chip
    value = t514.transport_value(training_root("transport/T514"), chip.atr[4:])
    assert chip.transmit(apdu("80E00300", value)) == b"\x69\x85"
    for select in ("00A40000023F00", "00A4000002DDF1", "00A4000002DF01"):
        assert chip.transmit(H(select))[-2:] == b"\x90\x00"
        above = b"\x69\x82" if select.endswith("3F00") else b"\x69\x85"  # the master key above was shown
        assert chip.transmit(t514_file(0xEF0B, 0xC4, 11, 16)) == above
        challenge = chip.transmit(H("0084000008"))[:-2]
        fid = chip._social.directory.fid
        session = crypt.session_key(chip.algorithm, MASTER[fid], challenge)
        proof = crypt.authentication(chip.algorithm, session, bytes(8)) + bytes(8)
        assert chip.transmit(apdu("00820000", proof)) == b"\x90\x00"
        assert chip.transmit(t514_file(0xEF0B, 0xC4, 11, 16)) == b"\x69\x85"
        assert chip.transmit(t514_directory(0xDF0A, 2)) == b"\x69\x85"
        assert chip.transmit(apdu("00D40000", t514_key(t514.STK, 2, bytes(16)))) == b"\x69\x85"


def test_keys_of_a_finished_card_change_under_mac_only(host: Host) -> None:
    chip = host.chip
    chip.transmit(H("00A4000002DDF1"))
    record = t514_key(t514.EXTERNAL, 0x04, bytes(range(16)), level=4)
    secret = enciphered(chip.algorithm, MASTER[0xDDF1], record)
    assert chip.transmit(apdu("80D40000", secret)) == b"\x69\x85"
    chip.transmit(H("0084000004"))
    head = H("84D4000024") + secret
    good = head + crypt.load_mac(chip.algorithm, MASTER[0xDDF1], chip._social.challenge, head)
    assert chip.transmit(good) == b"\x90\x00"
    assert host.authenticate(0x04, "ss/UKSSSE") == "63C5"


def test_the_third_generation_replaces_its_master_key() -> None:
    chip = finished("t514", algorithm="SM4")
    chip.transmit(H("00A4000002DDF1"))
    chip.transmit(H("00A4000002DF01"))
    old, new = MASTER[0xDF01], bytes(range(0x50, 0x60))
    challenge = chip.transmit(H("0084000010"))[:-2]
    assert chip.transmit(apdu("00820000", encrypt_ecb(Algorithm.SM4, old, challenge))) == b"\x90\x00"
    chip.transmit(H("0084000010"))
    secret = encrypt_ecb(Algorithm.SM4, old, crypt.padded(b"\x13" + bytes(3) + new, 16))
    head = H("84D4010024") + secret
    sent = head + crypt.load_mac(Algorithm.SM4, old, chip._social.challenge, head)
    assert chip.transmit(sent) == b"\x90\x00"
    challenge = chip.transmit(H("0084000010"))[:-2]
    assert chip.transmit(apdu("00820000", encrypt_ecb(Algorithm.SM4, old, challenge))) == b"\x63\xc5"
    challenge = chip.transmit(H("0084000010"))[:-2]
    assert chip.transmit(apdu("00820000", encrypt_ecb(Algorithm.SM4, new, challenge))) == b"\x90\x00"


def test_an_empty_t514_refuses_strangers() -> None:
    chip = make_raw_chip("t514")
    chip.power_on()
    assert chip.transmit(t514_directory(0x3F00, 1)) == b"\x69\x82"
    assert chip.transmit(apdu("80E00300", bytes(8))) == b"\x63\xc5"
    value = t514.transport_value(training_root("transport/T514"), chip.atr[4:])
    assert chip.transmit(apdu("80E00300", value)) == b"\x90\x00"
    assert chip.transmit(t514_file(0xEF05, 0xC6, 5, 16)) == b"\x69\x86"
    assert chip.transmit(t514_directory(0xDDF1, 1, SSSE_NAME)) == b"\x69\x85"  # the MF comes first
    assert chip.transmit(t514_directory(0x3F00, 1)) == b"\x90\x00"
    assert chip.transmit(t514_directory(0x3F00, 1)) == b"\x98\x50"
    assert chip.transmit(t514_file(0xEF05, 0xC6, 5, 16)) == b"\x90\x00"
    assert chip.transmit(t514_file(0xEF05, 0xC6, 6, 16)) == b"\x98\x50"
    assert chip.transmit(t514_file(0xEF06, 0xC8, 6, 16)) == b"\x6a\x80"
    assert chip.transmit(H("80E1000302EF05")) == b"\x90\x00"
    assert chip.transmit(H("80E1000302EF05")) == b"\x6a\x82"
    chip.transmit(t514_directory(0xDDF1, 1, SSSE_NAME))
    chip.transmit(t514_directory(0xDF01, 2, DF01_NAME))
    chip.transmit(H("00A40000023F00"))
    assert chip.transmit(H("80E1000102DDF1")) == b"\x69\x85"  # DF01 is in it
    chip.transmit(H("00A4000002DDF1"))
    assert chip.transmit(H("80E1000202DF01")) == b"\x90\x00"
    assert chip.transmit(H("80E0090000")) == b"\x6a\x86"
    chip.power_on()
    assert chip.transmit(t514_directory(0xDF01, 2)) == b"\x69\x82"  # the transport key is asked for again
    for _ in range(6):
        assert chip.transmit(apdu("80E00300", bytes(8)))[:1] == b"\x63"
    assert chip.transmit(apdu("80E00300", value)) == b"\x69\x83"


# FMCOS


def test_the_made_fmcos_card() -> None:
    chip = finished("fmcos")

    def sw(text: str) -> str:
        return chip.transmit(H(text))[-2:].hex().upper()

    assert chip.transmit(H("00A4040007") + b"TEST.DF")[:-2] == tlv.build(0x6F, tlv.build(0x84, b"TEST.DF"))
    assert sw("80E0001A07280010F0F0FFFF") == "6985"
    assert sw("00D69500040A0B0C0D") == "9000"
    assert chip.transmit(H("00B0950004"))[:4] == H("0A0B0C0D")
    assert sw("00E200B4080102030405060708") == "9000"
    assert sw("00E200B407" + "01" * 7) == "6700"
    assert chip.transmit(H("00B201B408"))[:8] == H("0102030405060708")
    assert sw("00E200BC03010133") == "6982"
    assert sw("0020000003999999") == "63C2"
    assert sw("0020000003123456") == "9000"  # state 1 reads
    assert sw("00E200BC03010133") == "6982"
    challenge = chip.transmit(H("0084000008"))[:-2]
    key = MASTER[0xDDF1]
    assert chip.transmit(apdu("00820000", encrypt_ecb(Algorithm.TDES, key, challenge))) == b"\x90\x00"
    assert sw("00E200BC03010133") == "9000"  # state 2 writes
    for n in range(4):
        assert sw(f"00E200C0040000000{n}") == "9000"
    assert chip.transmit(H("00B201C404"))[:4] == H("00000003")
    assert sw("00B204C404") == "6A83"
    assert chip.transmit(H("0088000008") + bytes(8))[:-2] == encrypt_ecb(Algorithm.DES, bytes(range(8)), bytes(8))
    # the file with line protection
    assert sw("00D69900020102") == "6987"
    chip.transmit(H("0084000004"))
    head = H("04D69900060102")
    mac = crypt.load_mac(Algorithm.TDES, key, chip._social.challenge, head)
    assert chip.transmit(head + mac) == b"\x90\x00"
    assert chip.transmit(H("00B0990002"))[:2] == b"\x01\x02"
    # PIN
    assert sw("805E010007123456FF654321") == "9000"
    assert sw("0020000003654321") == "9000"
    folded = bytes(a ^ b for a, b in zip(bytes(range(8)), bytes(range(8, 16)), strict=True))
    mac = crypt.load_mac(Algorithm.DES, folded, bytes(8), H("112233"))
    assert chip.transmit(apdu("805E0000", H("112233") + mac)) == b"\x90\x00"
    assert sw("0020000003112233") == "9000"
    assert sw("00F0000000") == "6D00"


def test_an_empty_fmcos_refuses_strangers() -> None:
    chip = make_raw_chip("fmcos", transport=b"\x12" * 16)
    chip.power_on()
    assert chip.transmit(apdu("80E03F01", H("3801F0F0F095FFFF") + b"A")) == b"\x69\x82"
    assert chip.transmit(H("800E000000")) == b"\x69\x82"
    assert opened_fmcos(chip) == b"\x63\xc5"
    challenge = chip.transmit(H("0084000008"))[:-2]
    assert chip.transmit(apdu("00820000", encrypt_ecb(Algorithm.TDES, b"\x12" * 16, challenge))) == b"\x90\x00"
    assert chip.transmit(apdu("80D40105", H("F9F0F00155") + bytes(8))) == b"\x69\x87"
    assert chip.transmit(apdu("80D40105", H("39F0F00155") + bytes(7))) == b"\x6a\x80"
    assert chip.transmit(apdu("80E00015", H("380020F0F0FFFF"))) == b"\x6a\x80"
    assert chip.transmit(apdu("80E00015", H("3B0020F0F0FFFF"))) == b"\x6a\x80"


def _state(chip: TrainingChip) -> dict[str, bytes]:
    return {name: one for name, one in chip.memory.cells.items() if not name.startswith("tries/")}


@pytest.mark.proof
@pytest.mark.parametrize("dialect", ["t514", "fmcos"])
def test_every_cut_of_a_whole_pre_personalisation(dialect: str) -> None:
    """A chip that is made from nothing, cut at every write: the command took effect or it did not."""
    chip = make_raw_chip(dialect)  # type: ignore[arg-type]
    chip.power_on()
    cuts = 0
    for act in script(dialect, chip):
        sent, frozen, before = act(), pickle.dumps(chip), _state(chip)
        volatile = {name: getattr(chip._social, name) for name in ("granted", "challenge")}
        here, opened = chip._social.directory.fid, getattr(chip._social, "_opened", False)
        chip.tear_after = 1000
        assert chip.transmit(sent)[-2:] == b"\x90\x00"
        writes, chip.tear_after = 1000 - (chip.tear_after or 0), None
        after = _state(chip)
        for write in range(1, writes + 1):
            for keeps in (False, True):
                torn: TrainingChip = pickle.loads(frozen)  # noqa: S301
                torn.power_on()
                torn._social._enter(torn._social.tree[here])
                torn._social.granted, torn._social.challenge = volatile["granted"], volatile["challenge"]
                if isinstance(torn._social, t514.T514):
                    torn._social._opened = opened
                torn.memory.tear_keeps, torn.tear_after = keeps, write
                assert torn.transmit(sent) == b""
                assert _state(torn) in (before, after)
                cuts += 1
    assert cuts > 30


def test_dialects_by_name() -> None:
    with pytest.raises(ValueError, match="dialect"):
        make_raw_chip("other")  # type: ignore[arg-type]
