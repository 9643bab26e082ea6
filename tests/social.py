"""The social security card read a third time: from the tables and the formulas, with neither host nor chip at hand.

Files, items and access conditions are those of ``tests/vectors/ssc-files-v2.json``; keys are computed by LD/T 32
part 9, 7 and 8, authentications and MACs by part 4, the medical account by part 7. Only block ciphers are borrowed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

CipherName = Literal["3DES", "SM4"]
PIN = "PIN"
FIRST_PIN = bytes.fromhex("123456")
ORIGINAL = bytes.fromhex("1020304050607080")
OK, CLOSED, NO_RECORD, NO_KEY = 0x9000, 0x6982, 0x6A83, 0x6A88
SSSE_NAME = bytes.fromhex("7378312E7368") + b"\x2e" + "社会保障".encode("gbk")

# -- ciphers -----------------------------------------------------------------------------------------------------------


def ecb(cipher: CipherName, key: bytes, data: bytes) -> bytes:
    """Whole blocks; a key of 8 bytes is single DES."""
    made = SM4(key) if cipher == "SM4" else TripleDES(key * 3 if len(key) == 8 else key + key[:8])
    step = Cipher(made, modes.ECB()).encryptor()  # noqa: S305 - the standards say ECB
    return step.update(data) + step.finalize()


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def inverted(data: bytes) -> bytes:
    return bytes(byte ^ 0xFF for byte in data)


def block(cipher: CipherName) -> int:
    return 16 if cipher == "SM4" else 8


def mac(cipher: CipherName, key: bytes, data: bytes) -> bytes:
    """Part 4, 8.2.4: IV 0, 80 and 00 always added; the left four bytes, or the four words of SM4 added up."""
    size, last = block(cipher), bytes(block(cipher))
    whole = data + b"\x80"
    whole += bytes(-len(whole) % size)
    for start in range(0, len(whole), size):
        last = ecb(cipher, key, xor(last, whole[start : start + size]))
    return last[:4] if size == 8 else xor(xor(last[:4], last[4:8]), xor(last[8:12], last[12:]))


def diversified(cipher: CipherName, key: bytes, factor: bytes) -> bytes:
    """Part 9, 7.1.1 and 7.2.1."""
    if cipher == "SM4":
        return ecb(cipher, key, factor + inverted(factor))
    return ecb(cipher, key, factor) + ecb(cipher, key, inverted(factor))


def session_key(cipher: CipherName, key: bytes, factor: bytes) -> bytes:
    """Part 4, 8.4: 8 bytes, filled with 00 to a block. Of 3DES a single DES key comes of it."""
    return ecb(cipher, key, factor.ljust(8, b"\0").ljust(block(cipher), b"\0"))


def proof(cipher: CipherName, key: bytes, factor: bytes, original: bytes = ORIGINAL) -> bytes:
    """Part 4, 9.3: eight bytes over the original under the session key."""
    made = ecb(cipher, session_key(cipher, key, factor), original.ljust(block(cipher), b"\0"))
    return made if len(made) == 8 else xor(made[:8], made[8:])


# -- keys --------------------------------------------------------------------------------------------------------------


def root(label: str) -> bytes:
    """The published training key of a label."""
    return hashlib.sha256(b"cardfab training key, not secret: " + label.encode()).digest()[:16]


def factors(region: str, historical: bytes) -> tuple[bytes, bytes, bytes]:
    """Part 9, 8: province, city, card. The provinces 33.... name their cities with four digits."""
    city = region[:4] + "00" if region.startswith("33") else region
    return region[:2].encode() + b"0000sh", city.encode() + b"sx", historical[5:]


# Part 9, B1 and a trace of a 3.00 card; ids behind a ? are the training card's own: no document has them.
_KEYS = {
    "SSSE": "IRK=00 STK=02 UKSSSE=04 BK=05 PUK=06 RKSSSE=0A",
    "DF01": "STK=82 UK1=83 UK2=84 UK3=85 UK4=86 UK5=87 RK1=88? UK6=89? UK7=8A? UK8=8B? UK9=8C? UKA=8D? UKB=8E?",
    "DF02": "STK=82 UK1=83 UK2=84 UK3=85 UK4=86 UK5=87 RK1=88? UK6=89?",
    "DF03": "STK=82 LK=83 RK1=84 RK2=85 UK1=86 UK2=87 UK3=88 UK4=89? UK5=8A? UK6=8B? UK7=8C? UK8=8D?",
    "DF04": "STK=82 LK=83 RK1=84 UK1=85 UK2=86 DSK=87? DLK=88? DPK=89? DTK=8A?",
    "DF07": "STK=82? RK1=83? UK1=84? UK2=85? UK3=86? RK2=87? RK3=88?",
}
_PROVINCIAL = {  # IF appendix B.2; every other key is national
    "SSSE": {"UKSSSE", "BK", "PUK"},
    "DF01": {"UK1", "UK2", "UK5"},
    "DF02": {"UK2", "UK3"},
    "DF03": {"LK", "UK1", "UK3"},
    "DF04": {"LK", "UK1", "DSK", "DLK", "DTK"},
    "DF07": set(),
}
_OTHER_USES = {"IRK", "STK", "DLK", "DPK", "DTK"}


@dataclass(frozen=True)
class Key:
    """A key of the tables. ``groups`` is how many versions of it the card has."""

    df: str
    name: str
    kid: int
    groups: int

    @property
    def external(self) -> bool:
        return self.name not in _OTHER_USES

    @property
    def national(self) -> bool:
        return self.name not in _PROVINCIAL[self.df]

    @property
    def right(self) -> str:
        """What access conditions call it."""
        return self.name if self.df == "SSSE" else self.name + self.df

    def label(self, cipher: CipherName, version: int = 1) -> str:
        where = "" if self.df == "SSSE" else f"{self.df}/"
        return f"ss/{'SM4/' if cipher == 'SM4' else ''}{where}{self.name}{f'/v{version}' if version > 1 else ''}"


def _grouped(name: str) -> bool:
    return name in ("IRK", "DPK") or name.startswith(("UK", "RK"))


KEYS = {
    df: {
        name: Key(df, name, int(kid.rstrip("?"), 16), 3 if _grouped(name) else 1)
        for name, kid in (pair.split("=") for pair in listed.split())
    }
    for df, listed in _KEYS.items()
}
EVERY_KEY = [key for keys in KEYS.values() for key in keys.values()]

# -- files -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Item:
    tag: int
    kind: str
    length: int
    inner: tuple[Item, ...] = ()

    def encoded(self, text: str) -> bytes:
        """Section 7 of the file structure: cn left aligned, F after; an left aligned, 00 after; b as a number."""
        if self.kind == "cn":
            return bytes.fromhex(text.ljust(2 * self.length, "F"))
        if self.kind == "b":
            return int(text or "0").to_bytes(self.length)
        return text.encode("gb18030").ljust(self.length, b"\0")

    def sample(self, seed: int) -> bytes:
        """Some value; another seed, another value."""
        if self.inner:
            return b"".join(bytes((one.tag, one.length)) + one.sample(seed) for one in self.inner)
        return bytes(0x10 + (seed + n) % 10 for n in range(self.length))


@dataclass(frozen=True)
class Row:
    """One file of the tables."""

    df: str
    aid: bytes
    fid: int
    structure: str
    category: str
    read: str
    write: str
    items: tuple[Item, ...]
    size: int
    length: int
    least: int

    @property
    def sfi(self) -> int:
        return self.fid & 0x1F

    @property
    def name(self) -> str:
        return f"{self.df}/{self.fid:04X}"

    @property
    def cyclic(self) -> bool:
        return self.structure == "cyclic"

    @property
    def transparent(self) -> bool:
        return self.structure == "transparent"

    @property
    def reserved(self) -> bool:
        return self.category == "预留"

    def key(self, right: str) -> Key:
        return next(key for key in KEYS[self.df].values() if key.right == right)

    @property
    def ways(self) -> list[set[str]]:
        """The alternatives of reading; an empty set is free."""
        return [set(way.split("&")) - {"FREE"} for way in self.read.split("|")]

    @property
    def written_by(self) -> Key | None:
        """None: the card alone writes it."""
        return None if self.write.startswith("NEVER") else self.key(self.write)

    @property
    def count(self) -> int:
        """How many records the file has when it is full."""
        return 60 if self.name == "DF04/EF08" else self.least if self.cyclic else len(self.items)

    def sample(self, number: int, seed: int) -> bytes:
        """What UPDATE takes: T L V, a bare cyclic record, or bytes."""
        if self.transparent:
            return bytes((seed + n) % 251 for n in range(20))
        if self.cyclic:
            return b"".join(item.sample(seed) for item in self.items)
        item = self.items[number - 1]
        return bytes((item.tag, item.length)) + item.sample(seed)


def _item(found: dict[str, object]) -> Item:
    inner = tuple(_item(one) for one in found.get("sub", ()))  # type: ignore[attr-defined]
    return Item(int(str(found["tag"] or "0"), 16), str(found["type"]), int(str(found["len"])), inner)


def _row(df: str, aid: str, found: dict[str, object], version: str) -> Row:
    read = str(found["v3_read"]) if version == "3.0" and "v3_read" in found else str(found["read"])
    items = tuple(_item(one) for one in found["items"])  # type: ignore[attr-defined]
    if df == "DF02" and found["fid"] == "EF06":
        items = tuple(item for item in items if item.tag != 0x60)  # it is in DF03/EF05: in exactly one of the two
    return Row(
        df, bytes.fromhex(aid), int(str(found["fid"]), 16), str(found["structure"]), str(found["category"]), read,
        str(found["write"]), items, int(str(found.get("size_hex", "0")), 16),
        int(str(found.get("record_len_hex", "0")), 16), int(str(found.get("min_records", 0))),
    )  # fmt: skip


@cache
def rows(version: str = "2.0") -> tuple[Row, ...]:
    """Every file of the tables, as the training card's profile has tag 60."""
    table = json.loads((Path(__file__).parent / "vectors" / "ssc-files-v2.json").read_text(encoding="utf-8"))
    found = [_row("SSSE", table["ssse"]["aid"], one, version) for one in table["ssse"]["efs"]]
    for directory in table["adfs"]:
        found += [_row(directory["fid"], directory["aid"], one, version) for one in directory["efs"]]
    return tuple(found)


def made_rows(version: str = "2.0") -> tuple[Row, ...]:
    """Those that a training card has: reserved files are not made."""
    return tuple(row for row in rows(version) if not row.reserved)


def row(name: str, version: str = "2.0") -> Row:
    return next(one for one in rows(version) if one.name == name)


AIDS = {one.df: one.aid for one in rows()}
LABELS = {"DF01": "公共应用信息区", "DF02": "就业与失业信息区", "DF03": "社会保险信息区1", "DF04": "社会保险信息区2"}

# -- a card in a reader ------------------------------------------------------------------------------------------------


class Refused(AssertionError):
    """The card answered something else than 9000."""

    def __init__(self, apdu: bytes, sw: int) -> None:
        super().__init__(f"{sw:04X} for {apdu.hex().upper()}")
        self.sw = sw


@dataclass
class Examined:
    """A card and what its papers say of it. ``transmit`` takes one APDU and gives data and status word."""

    transmit: Callable[[bytes], bytes]
    power: Callable[[], bytes]
    cipher: CipherName = "3DES"
    region: str = "440199"
    version: str = "2.0"
    values: dict[str, str] = field(default_factory=dict)
    """What the request gave, by address."""
    historical: bytes = b""
    current: str = ""

    def reset(self) -> bytes:
        """A new session; the ATR."""
        atr, self.current = self.power(), ""
        self.historical = atr[4:]
        return atr

    def exchange(self, apdu: bytes) -> tuple[bytes, int]:
        """One command, its answer fetched as T=0 has it (61xx, 6Cxx)."""
        answer = self.transmit(apdu)
        data, sw = answer[:-2], int.from_bytes(answer[-2:])
        if sw >> 8 == 0x6C:
            return self.exchange(apdu[:4] + bytes((sw & 0xFF,)))
        while sw >> 8 == 0x61:
            answer = self.transmit(bytes((0, 0xC0, 0, 0, sw & 0xFF)))
            data, sw = data + answer[:-2], int.from_bytes(answer[-2:])
        return data, sw

    def sw(self, apdu: bytes | str) -> int:
        return self.exchange(bytes.fromhex(apdu) if isinstance(apdu, str) else apdu)[1]

    def ok(self, apdu: bytes | str) -> bytes:
        sent = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        data, sw = self.exchange(sent)
        if sw != OK:
            raise Refused(sent, sw)
        return data

    # Keys

    def key(self, key: Key, version: int = 1, applied: int = 3) -> bytes:
        """A key of this card, or its root with fewer factors applied."""
        value = root(key.label(self.cipher, version))
        for factor in factors(self.region, self.historical)[:applied]:
            value = diversified(self.cipher, value, factor)
        return value

    def enter(self, df: str) -> None:
        """SELECT by name; what was proved in another directory is gone, and here too when it is left."""
        aid = AIDS[df]
        self.ok(bytes((0, 0xA4, 4, 0, len(aid))) + aid)
        self.current = df

    def anew(self, df: str) -> None:
        """The directory without any right but the PIN."""
        self.enter("DF02" if df == "SSSE" else "SSSE")
        self.enter(df)

    def challenge(self, length: int = 8) -> bytes:
        return self.ok(bytes((0, 0x84, 0, 0, length)))

    def try_key(self, key: Key, value: bytes, version: int | None = None) -> int:
        """EXTERNAL AUTHENTICATE by some value; 63Cx when it is not the key's."""
        shown = proof(self.cipher, value, self.challenge()) + ORIGINAL + (b"" if version is None else bytes((version,)))
        return self.sw(bytes((0, 0x82, 0, key.kid, len(shown))) + shown)

    def prove(self, key: Key, version: int | None = None) -> None:
        sw = self.try_key(key, self.key(key, version or 1), version)
        assert sw == OK, f"{key.right} version {version}: {sw:04X}"

    def internal(self, factor: bytes, version: int | None = None, kid: int = 0) -> bytes:
        data = factor + ORIGINAL + (b"" if version is None else bytes((version,)))
        return self.ok(bytes((0, 0x88, 0, kid, len(data))) + data)

    def verify(self, pin: bytes = FIRST_PIN) -> int:
        return self.sw(bytes((0, 0x20, 0, 0, len(pin))) + pin)

    def tries(self) -> int:
        """Tries that the PIN has; does not count."""
        sw = self.sw("00200000")
        assert sw >> 4 == 0x63C or sw == 0x6983, f"{sw:04X}"
        return 0 if sw == 0x6983 else sw & 0xF

    def satisfy(self, of: Row, way: set[str]) -> None:
        for right in sorted(way):
            if right == PIN:
                assert self.verify() == OK
            else:
                self.prove(of.key(right))

    def everything(self, df: str, *, but: Key | None = None) -> None:
        """Every external key of the directory proved, and the PIN."""
        assert self.verify() == OK
        for key in KEYS[df].values():
            if key.external and key != but:
                self.prove(key)

    # Files

    def read(self, of: Row, number: int = 1) -> tuple[bytes, int]:
        if of.transparent:
            return self.exchange(bytes((0, 0xB0, 0x80 | of.sfi, 0, 20)))
        return self.exchange(bytes((0, 0xB2, number, of.sfi << 3 | 4, 0)))

    def records(self, of: Row) -> list[bytes]:
        found = []
        for number in range(1, 0xFF):
            data, sw = self.read(of, number)
            if sw == NO_RECORD:
                return found
            assert sw == OK, f"{of.name} record {number}: {sw:04X}"
            found.append(data)
        raise AssertionError(of.name)

    def write(self, of: Row, data: bytes, number: int = 1) -> int:
        """UPDATE BINARY, UPDATE RECORD by number, or another record of a cyclic file (part 5, 6.13)."""
        if of.transparent:
            return self.sw(bytes((0, 0xD6, 0x80 | of.sfi, 0, len(data))) + data)
        way = of.sfi << 3 | 3 if of.cyclic else of.sfi << 3 | 4
        return self.sw(bytes((0, 0xDC, 0 if of.cyclic else number, way, len(data))) + data)

    # The medical account: part 7, 11 and 12. Amounts in fen.

    TERMINAL = bytes.fromhex("440199000007")

    def purse_session(self, name: str, source: bytes, version: int = 1) -> bytes:
        key = self.key(KEYS["DF04"][name], version)
        return ecb(self.cipher, key, source.ljust(block(self.cipher), b"\0"))

    def tac(self, covered: bytes) -> bytes:
        key = self.key(KEYS["DF04"]["DTK"])
        return mac(self.cipher, key if self.cipher == "SM4" else xor(key[:8], key[8:]), covered)

    def balance(self) -> int:
        return int.from_bytes(self.ok("B026000104"))

    def totals(self) -> tuple[bytes, bytes]:
        """Own and pooled payments, each with the year."""
        return self.ok("B026000206"), self.ok("B026000306")

    def load(self, amount: int, when: str) -> bytes:
        """The TAC, which is checked as MAC1 is. Returns the sequence number."""
        asked = amount.to_bytes(4) + self.TERMINAL
        said = self.ok(bytes.fromhex("B02800010B01") + asked)
        assert len(said) == 16
        balance, seq, versions, number, mac1 = said[:4], said[4:6], said[6:8], said[8:12], said[12:]
        assert versions == bytes((1, 3 if self.cipher == "SM4" else 1))
        session = self.purse_session("DLK", number + seq + b"\x80\0")
        assert mac(self.cipher, session, balance + amount.to_bytes(4) + b"1" + self.TERMINAL) == mac1
        time = bytes.fromhex(when)
        mac2 = mac(self.cipher, session, amount.to_bytes(4) + b"1" + self.TERMINAL + time)
        tac = self.ok(bytes.fromhex("B02A00000B") + time + mac2)
        after = (int.from_bytes(balance) + amount).to_bytes(4)
        assert tac == self.tac(after + seq + amount.to_bytes(4) + b"1" + self.TERMINAL + time)
        return seq

    def begin_purchase(self, account: int, own: int, pooled: int, version: int = 1) -> bytes:
        """The 22 bytes that INITIALIZE FOR PURCHASE answers."""
        sums = b"".join(one.to_bytes(4) for one in (account, own, pooled))
        return self.ok(bytes.fromhex("B028010113") + bytes((version,)) + sums + self.TERMINAL)

    def purchase(self, account: int, own: int, pooled: int, when: str, version: int = 1) -> bytes:
        """MAC2 and TAC are checked. Returns the sequence number."""
        sums = b"".join(one.to_bytes(4) for one in (account, own, pooled))
        said = self.begin_purchase(account, own, pooled, version)
        assert len(said) == 22
        seq, versions, number = said[14:16], said[16:18], said[18:]
        assert versions == bytes((version, 3 if self.cipher == "SM4" else 1))
        terminal_sequence, time = bytes.fromhex("0000002A"), bytes.fromhex(when)
        session = self.purse_session("DPK", number + seq + terminal_sequence[2:], version)
        mac1 = mac(self.cipher, session, sums + b"2" + self.TERMINAL + time)
        said = self.ok(bytes.fromhex("B02C01000F") + terminal_sequence + time + mac1)
        assert said[:4] == self.tac(sums + b"2" + self.TERMINAL + terminal_sequence + time)
        assert said[4:] == mac(self.cipher, session, sums)
        return seq
