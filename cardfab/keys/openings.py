"""The ways into a sealed key file: each a slot of its header that gives the file's key (docs/keys.md, to the byte).

A word gives it by Argon2id; operator shares (:mod:`cardfab.keys.shares`) give it together.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from cardfab.crypto import Buffer, SealBroken, argon2id, seal_buffer, unseal_buffer
from cardfab.errors import KeyFault, Text
from cardfab.keys.secret import Secret

MAGIC = b"CFKS2\n"
KEY = 32
"""Bytes of a file's key: AES-256."""
_WRAPPED = 12 + KEY + 16
CHECK = 8
SET_ID = 16
SALT = 16


class FileRefused(ValueError):
    """Bytes that are no part of a sealed file."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a guess at a word costs: Argon2id's passes, memory in KiB and lanes."""

    passes: int = 3
    kib: int = 64 * 1024
    lanes: int = 2

    def key(self, word: Buffer, salt: bytes) -> Secret:
        """The key that the word gives; raises :class:`FileRefused` for costs that no machine should bear."""
        bearable = 0 < self.passes <= 100 and 0 < self.lanes <= 64 and self.kib <= 1024 * 1024
        if not bearable or self.kib < 8 * self.lanes or len(salt) < 8:  # RFC 9106 3.1
            raise FileRefused("argon2id")
        made = argon2id(word, salt, passes=self.passes, kib=self.kib, lanes=self.lanes)
        try:
            return Secret(made)
        finally:
            memoryview(made)[:] = bytes(len(made))

    def encode(self) -> bytes:
        """9 bytes: passes 4, KiB 4, lanes 1."""
        return _COST.pack(self.passes, self.kib, self.lanes)

    @classmethod
    def decode(cls, data: Buffer) -> Cost:
        """The inverse."""
        return cls(*_COST.unpack(data))


_COST = struct.Struct(">IIB")
STANDARD = Cost()
"""RFC 9106 section 4, second recommended option, two lanes."""


@dataclass(frozen=True, slots=True)
class WordSlot:
    """The file's key under a word."""

    cost: Cost
    salt: bytes
    wrapped: bytes

    kind = 1

    @classmethod
    def make(cls, file_key: Secret, word: Buffer, random: Callable[[int], bytes], cost: Cost) -> WordSlot:
        """A slot that the word opens."""
        salt = random(SALT)
        with cost.key(word, salt) as key:
            return cls(cost, salt, wrap_file_key(cls.kind, cost.encode() + salt, key, file_key, random))

    def open(self, word: Buffer) -> Secret:
        """The file's key; raises :class:`~cardfab.crypto.SealBroken` for another word."""
        with self.cost.key(word, self.salt) as key:
            return unwrap_file_key(self.kind, self.cost.encode() + self.salt, key, self.wrapped)

    def encode(self) -> bytes:
        """The slot's bytes behind its kind and length."""
        return self.cost.encode() + self.salt + self.wrapped

    @classmethod
    def decode(cls, data: bytes) -> WordSlot:
        """The inverse; raises :class:`FileRefused`."""
        if len(data) != _COST.size + SALT + _WRAPPED:
            raise FileRefused("word slot")
        return cls(Cost.decode(data[: _COST.size]), data[_COST.size : -_WRAPPED], data[-_WRAPPED:])


@dataclass(frozen=True, slots=True)
class ShareSlot:
    """The file's key under a secret that any ``threshold`` shares of the set give. ``checks`` are one a share."""

    set_id: bytes
    threshold: int
    checks: tuple[bytes, ...]
    wrapped: bytes

    kind = 2

    @property
    def bound(self) -> bytes:
        """What the wrapping binds: everything but itself."""
        return self.set_id + bytes((self.threshold, len(self.checks))) + b"".join(self.checks)

    def encode(self) -> bytes:
        """The slot's bytes behind its kind and length."""
        return self.bound + self.wrapped

    @classmethod
    def decode(cls, data: bytes) -> ShareSlot:
        """The inverse; raises :class:`FileRefused`."""
        head = SET_ID + 2
        if len(data) < head or len(data) != head + CHECK * data[head - 1] + _WRAPPED:
            raise FileRefused("share slot")
        threshold, count = data[SET_ID], data[SET_ID + 1]
        if not 2 <= threshold <= count:
            raise FileRefused("share slot")
        checks = tuple(data[head + CHECK * n : head + CHECK * (n + 1)] for n in range(count))
        return cls(data[:SET_ID], threshold, checks, data[-_WRAPPED:])


Slot = WordSlot | ShareSlot


def wrap_file_key(kind: int, bound: bytes, key: Secret, file_key: Secret, random: Callable[[int], bytes]) -> bytes:
    """nonce | ciphertext | tag, 60 bytes, bound to the slot that it lies in."""
    return bytes(seal_buffer(key.view(), file_key.view(), MAGIC + bytes((kind,)) + bound, random))


def unwrap_file_key(kind: int, bound: bytes, key: Secret, wrapped: bytes) -> Secret:
    """The inverse; raises :class:`~cardfab.crypto.SealBroken`."""
    plain = unseal_buffer(key.view(), wrapped, MAGIC + bytes((kind,)) + bound)
    try:
        return Secret(plain)
    finally:
        memoryview(plain)[:] = bytes(len(plain))


def encode_slots(slots: tuple[Slot, ...]) -> bytes:
    """Their number, and of each its kind, the length of the rest and the rest."""
    if not 1 <= len(slots) <= 8:
        raise KeyFault(
            Text("A key store has 1 to 8 ways to open it.", "密钥库须有 1 至 8 种打开方式。"), code="CF-6312"
        )
    parts = [struct.pack(">BH", slot.kind, len(slot.encode())) + slot.encode() for slot in slots]
    return bytes((len(slots),)) + b"".join(parts)


def decode_slots(data: bytes) -> tuple[tuple[Slot, ...], int]:
    """The slots at the front, and how many bytes they take; raises :class:`FileRefused`."""
    if not data or not 1 <= data[0] <= 8:
        raise FileRefused("slots")
    slots: list[Slot] = []
    place = 1
    for _ in range(data[0]):
        if len(data) < place + 3:
            raise FileRefused("slots")
        kind, length = struct.unpack_from(">BH", data, place)
        rest = data[place + 3 : place + 3 + length]
        if len(rest) != length or kind not in (1, 2):
            raise FileRefused("slots")
        slots.append(WordSlot.decode(rest) if kind == 1 else ShareSlot.decode(rest))
        place += 3 + length
    return tuple(slots), place


__all__ = [
    "CHECK",
    "KEY",
    "MAGIC",
    "SALT",
    "SET_ID",
    "STANDARD",
    "Cost",
    "FileRefused",
    "SealBroken",
    "ShareSlot",
    "Slot",
    "WordSlot",
    "decode_slots",
    "encode_slots",
    "unwrap_file_key",
    "wrap_file_key",
]
