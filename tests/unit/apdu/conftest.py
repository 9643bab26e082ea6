"""The card's half of a secure channel for tests, over the plain ciphers: it checks commands and protects answers."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from cardfab.apdu import CommandApdu, ResponseApdu
from cardfab.apdu.status import StatusWord
from cardfab.crypto import (
    Algorithm,
    cbc_mac,
    cmac,
    decrypt_cbc,
    encrypt_cbc,
    encrypt_ecb,
    pad80,
    retail_mac,
)
from cardfab.crypto.derive import Scp02Constant, scp02_session, scp03_derive

KDD = bytes(range(10))


class Refused(Exception):
    """The card answers 6982 and forgets the session."""


def unpadded(data: bytes) -> bytes:
    head, mark, zeros = data.rpartition(b"\x80")
    assert mark
    assert not zeros.strip(b"\x00")
    return head


@dataclass
class Card03:
    """SCP03: three static keys; ``size`` 8 or 16. ``counts_data_only`` is the quirk of that name."""

    keys: tuple[bytes, bytes, bytes]
    i: int = 0x70
    size: int = 8
    counts_data_only: bool = False
    seen: list[bytes] = field(default_factory=list)

    def initialize(self, command: CommandApdu) -> ResponseApdu:
        challenge = bytes(range(0x50, 0x50 + self.size))
        self.context = command.data + challenge
        enc, mac, _ = self.keys
        self.enc = scp03_derive(enc, 4, self.context, len(enc))
        self.mac = scp03_derive(mac, 6, self.context, len(mac))
        self.rmac = scp03_derive(mac, 7, self.context, len(mac))
        self.chain, self.counter, self.level = bytes(16), 0, 0
        mine = scp03_derive(self.mac, 0, self.context, self.size)
        sequence = b"\x00\x00\x07" if self.i & 0x10 else b""
        return ok(KDD + bytes([0x30, 3, self.i]) + challenge + mine + sequence)

    def authenticate(self, command: CommandApdu) -> ResponseApdu:
        plain = self.unwrap(command, 1)
        assert plain.data == scp03_derive(self.mac, 1, self.context, self.size)
        self.level = command.p1
        return ok(b"")

    def unwrap(self, command: CommandApdu, level: int | None = None) -> CommandApdu:
        level = self.level if level is None else level
        data, mac = command.data[: -self.size], command.data[-self.size :]
        header = bytes((command.cla & 0x90 | 4, command.ins, command.p1, command.p2, len(command.data)))
        chain = cmac(Algorithm.AES, self.mac, self.chain + header + data)
        if chain[: self.size] != mac:
            raise Refused
        self.chain = chain
        if level & 2:
            self.counter += bool(data) or not self.counts_data_only
            if data:
                data = unpadded(decrypt_cbc(Algorithm.AES, self.enc, self.iv(0), data))
        self.seen.append(data)
        return CommandApdu(command.cla & 0xFB, command.ins, command.p1, command.p2, data, command.ne)

    def iv(self, first: int) -> bytes:
        return encrypt_ecb(Algorithm.AES, self.enc, bytes([first]) + self.counter.to_bytes(15, "big"))

    def answer(self, data: bytes, sw: int = 0x9000, *, encrypts_empty: bool = False) -> ResponseApdu:
        if self.level & 0x20 and (data or encrypts_empty):
            data = encrypt_cbc(Algorithm.AES, self.enc, self.iv(0x80), pad80(data, 16))
        if self.level & 0x10:
            data += cmac(Algorithm.AES, self.rmac, self.chain + data + sw.to_bytes(2, "big"))[: self.size]
        return ResponseApdu(data, StatusWord(sw))


@dataclass
class Card02:
    """SCP02 with three keys, or one base key thrice; the ICV encrypted where i says so."""

    keys: tuple[bytes, bytes, bytes]
    i: int = 0x55

    def initialize(self, command: CommandApdu) -> ResponseApdu:
        sequence, challenge = b"\x00\x07", b"cccccc"
        enc, mac, _ = self.keys
        self.enc = scp02_session(enc, Scp02Constant.ENC, sequence)
        self.mac = scp02_session(mac, Scp02Constant.C_MAC, sequence)
        self.rmac = scp02_session(mac, Scp02Constant.R_MAC, sequence)
        self.icv, self.level = b"", 0
        self.expected = self._cryptogram(sequence + challenge + command.data)
        return ok(KDD + b"\x20\x02" + sequence + challenge + self._cryptogram(command.data + sequence + challenge))

    def _cryptogram(self, data: bytes) -> bytes:
        return cbc_mac(Algorithm.TDES, self.enc, bytes(8), pad80(data, 8))

    def authenticate(self, command: CommandApdu) -> ResponseApdu:
        assert self.unwrap(command, 1).data == self.expected
        self.level, self.ricv = command.p1, self.icv
        return ok(b"")

    def unwrap(self, command: CommandApdu, level: int | None = None) -> CommandApdu:
        level = self.level if level is None else level
        self.plain = command
        if not level & 1:
            return command
        data, mac = command.data[:-8], command.data[-8:]
        if level & 2 and data:
            data = unpadded(decrypt_cbc(Algorithm.TDES, self.enc, bytes(8), data))
        header = bytes((command.cla & 0x90 | 4, command.ins, command.p1, command.p2, len(data) + 8))
        start = self.icv or bytes(8)
        if self.icv and self.i & 0x10:
            start = encrypt_ecb(Algorithm.DES, self.mac[:8], self.icv)
        if retail_mac(self.mac, start, pad80(header + data, 8)) != mac:
            raise Refused
        self.icv = mac
        self.plain = CommandApdu(command.cla & 0xFB, command.ins, command.p1, command.p2, data, command.ne)
        return self.plain

    def answer(self, data: bytes, sw: int = 0x9000) -> ResponseApdu:
        if self.level & 0x10:
            p = self.plain
            covered = bytes((p.cla & 0xF0, p.ins, p.p1, p.p2, len(p.data))) + p.data
            covered += bytes([len(data)]) + data + sw.to_bytes(2, "big")
            self.ricv = retail_mac(self.rmac, self.ricv, pad80(covered, 8))
            data += self.ricv
        return ResponseApdu(data, StatusWord(sw))


def ok(data: bytes) -> ResponseApdu:
    return ResponseApdu(data, StatusWord(0x9000))


@pytest.fixture
def card03() -> type[Card03]:
    return Card03


@pytest.fixture
def card02() -> type[Card02]:
    return Card02


@pytest.fixture
def refused() -> type[Refused]:
    return Refused
