"""The keys of the security domain by key version number and key identifier. GPC 2.3.1 7.5, 11.8; amendment D 7.2."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.simulator.chip import tlv, word
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.message import Command, expect
from cardfab.simulator.chip.scp02 import KeySet
from cardfab.simulator.chip.word import Refused

DES, AES, RSA = 0x80, 0x88, 0xA1
INITIAL = 0xFF  # version of the keys of the factory, which the first PUT KEY replaces
DAP_VERSION = 0x73
CHANNEL_IDS = (1, 2, 3)


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """One key: type as GPC table 11-16 codes it, and value; of an RSA key modulus and exponent as data objects."""

    kind: int
    value: bytes

    def check_value(self) -> bytes:
        """Three bytes: DES over 00*8, AES over 01*16; an RSA key has none."""
        if self.kind == DES:
            return encrypt_ecb(Algorithm.TDES, self.value, bytes(8))[:3]
        return encrypt_ecb(Algorithm.AES, self.value, b"\x01" * 16)[:3] if self.kind == AES else b""


def cell(version: int, kid: int) -> str:
    """Where a key lies: type byte and value."""
    return f"isd/key/{version:02X}/{kid:02X}"


def sequence_cell(version: int) -> str:
    """Where the sequence counter of a key set lies."""
    return f"isd/sequence/{version:02X}"


def cells(version: int, keys: Mapping[int, Key]) -> dict[str, bytes | None]:
    """A whole key set as cells, its counter at zero."""
    found: dict[str, bytes | None] = {cell(version, kid): bytes((key.kind,)) + key.value for kid, key in keys.items()}
    return found | {sequence_cell(version): None}


class Keyring:
    """All keys of the domain, in the memory."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory

    def sets(self) -> dict[int, dict[int, Key]]:
        """Keys by version and identifier, in ascending order."""
        found: dict[int, dict[int, Key]] = {}
        for name, value in self.memory.under("isd/key/").items():
            version, kid = (int(part, 16) for part in name.split("/"))
            found.setdefault(version, {})[kid] = Key(value[0], value[1:])
        return found

    def channel_set(self, version: int, *, base: bool) -> tuple[int, int, KeySet]:
        """(version, type, keys) for a secure channel; 00 is the first there is. ``base``: one key, id 1. 6A88."""
        ids = CHANNEL_IDS[:1] if base else CHANNEL_IDS
        for number, keys in self.sets().items():
            if version not in (0, number) or (number & 0xF0 == 0x70 and not version):  # 70 to 7F: DAP, tokens, receipts
                continue
            kinds = {keys[kid].kind for kid in ids if kid in keys}
            if all(kid in keys for kid in ids) and len(kinds) == 1 and kinds <= {DES, AES}:
                enc, mac, dek = (keys[1 if base else kid].value for kid in CHANNEL_IDS)
                return number, kinds.pop(), KeySet(enc, mac, dek)
        raise Refused(word.NOT_FOUND)

    def sequence(self, version: int, size: int) -> bytes:
        """The counter of a key set, 00.. where it never moved."""
        return self.memory.read(sequence_cell(version), bytes(size))[-size:].rjust(size, b"\x00")

    def information(self) -> bytes:
        """The inside of E0: C0{id, version, type, length} for each key. GPC 2.3.1 11.3.3.1.1."""
        found = b""
        for version, keys in self.sets().items():
            for kid, key in keys.items():
                parts = tlv.parse(key.value) if key.kind == RSA else [(key.kind, key.value)]
                pairs = b"".join(bytes((kind, len(value) & 0xFF)) for kind, value in parts)
                found += tlv.build(0xC0, bytes((kid, version)) + pairs)
        return found

    def delete(self, kid: int | None, version: int | None, *, last: bool) -> dict[str, bytes | None]:
        """The write that takes keys away: 6A88 where there is none, 6985 where no channel could be opened after it."""
        sets = self.sets()
        gone = [
            (number, one)
            for number, keys in sets.items()
            for one in keys
            if version in (None, number) and kid in (None, one)
        ]
        expect(bool(gone), word.NOT_FOUND)
        left = {number for number, keys in sets.items() if any((number, one) not in gone for one in keys)}
        expect(last or any(number & 0xF0 != 0x70 for number in left), word.CONDITIONS)
        changes: dict[str, bytes | None] = {cell(*place): None for place in gone}
        return changes | {sequence_cell(number): None for number in sets if number not in left}


def put(command: Command, reveal: Callable[[bytes], bytes], encodings: frozenset[str]) -> tuple[int, dict[int, Key]]:
    """(new version, keys by identifier) of a PUT KEY command; ``reveal`` deciphers whole blocks of the channel's DEK.

    ``encodings`` of an AES key that the card takes: ``bare`` is the cryptogram alone, ``prefixed`` has the key length
    before it (GPC 2.3.1 11.8.2.3.3 allows both); a field of whole blocks is bare. Raises 6A80, 6A86, 9484, 9485.
    """
    data, kid = command.data, command.p2 & 0x7F
    expect(kid != 0, word.WRONG_P1P2)
    expect(len(data) >= 3, word.WRONG_LENGTH)
    version, at = data[0], 1
    keys: dict[int, Key] = {}
    expect(1 <= version <= 0x7F, word.WRONG_DATA)
    while at < len(data):
        expect(kid <= 0x7F, word.WRONG_DATA)
        keys[kid], at = _key(data, at, reveal, encodings)
        kid += 1
    expect(len(keys) == 1 or bool(command.p2 & 0x80), word.WRONG_DATA)
    return version, keys


def _key(data: bytes, at: int, reveal: Callable[[bytes], bytes], encodings: frozenset[str]) -> tuple[Key, int]:
    kind = data[at]
    field, at = lv(data, at + 1)
    if kind == RSA:
        expect(data[at : at + 1] == b"\xa0", word.WRONG_DATA)
        exponent, at = lv(data, at + 1)
        expect(len(field) >= 64 and 1 <= len(exponent) <= 4, word.WRONG_DATA)
        key = Key(RSA, tlv.build(RSA, field) + tlv.build(0xA0, exponent))
    elif kind == DES:
        expect(len(field) == 16, word.WRONG_DATA)
        key = Key(DES, reveal(field))
    else:
        expect(kind == AES, word.KEY_TYPE_UNKNOWN)
        key = Key(AES, _aes(field, reveal, encodings))
    given, at = lv(data, at)
    expect(len(given) in (0, 3), word.WRONG_DATA)
    expect(not given or given == key.check_value(), word.KEY_CHECK_WRONG)
    return key, at


def _aes(field: bytes, reveal: Callable[[bytes], bytes], encodings: frozenset[str]) -> bytes:
    bare = len(field) % 16 == 0
    expect(("bare" if bare else "prefixed") in encodings, word.WRONG_DATA)
    size, secret = (len(field), field) if bare else (field[0], field[1:])
    expect(size in (16, 24, 32) and len(secret) == -(-size // 16) * 16, word.WRONG_DATA)
    return reveal(secret)[:size]


def lv(data: bytes, at: int) -> tuple[bytes, int]:
    """A length-value field (00..7F, 81 and 1, 82 and 2) and where it ends; raises 6A80."""
    expect(at < len(data), word.WRONG_DATA)
    length, at = data[at], at + 1
    if length >= 0x80:
        count = length & 0x7F
        expect(count in (1, 2) and at + count <= len(data), word.WRONG_DATA)
        length, at = int.from_bytes(data[at : at + count]), at + count
    expect(at + length <= len(data), word.WRONG_DATA)
    return data[at : at + length], at + length
