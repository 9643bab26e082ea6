"""LOAD: the load file as it arrives, its length, hash and signatures, and the names in a CAP. GPC 2.3.1 11.6, C."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cardfab.crypto import Algorithm, cmac
from cardfab.simulator.chip import keyring, tlv, word
from cardfab.simulator.chip.crypt import retail_mac
from cardfab.simulator.chip.keyring import Key
from cardfab.simulator.chip.message import expect
from cardfab.simulator.chip.registry import LOADED, Entry

HASHES = {20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}
LARGEST = 1 << 20
MAGIC = bytes.fromhex("DECAFFED")
HEADER, APPLET = 0x01, 0x03
_DIGEST_INFO = {
    "sha1": bytes.fromhex("3021300906052B0E03021A05000414"),
    "sha256": bytes.fromhex("3031300D060960864801650304020105000420"),
}


@dataclass(slots=True)
class Load:
    """What INSTALL [for load] announced and the blocks so far; volatile until the last block."""

    aid: bytes
    domain: bytes
    digest: bytes
    block: int = 0
    data: bytearray = field(default_factory=bytearray)

    def add(self, number: int, part: bytes) -> None:
        """The next block; raises 6A86 out of order, 6A84 where it is too much."""
        expect(number == self.block & 0xFF, word.WRONG_P1P2)
        expect(len(self.data) + len(part) <= LARGEST, word.NO_SPACE)
        self.data += part
        self.block += 1

    def finish(self, dap_keys: dict[int, Key]) -> Entry:
        """The load file; raises 6A80 where lengths, hash, signature or package do not agree."""
        code, signatures = _split(bytes(self.data))
        if self.digest:
            expect(len(self.digest) in HASHES, word.WRONG_DATA)
            expect(hashlib.new(HASHES[len(self.digest)], code).digest() == self.digest, word.WRONG_DATA)
        if dap_keys:  # GPC 2.3.1 9.2.1: once there is a key, what is signed must be right
            for signature in signatures:
                expect(any(_signed(key, self.digest, signature) for key in dap_keys.values()), word.WRONG_DATA)
        version, modules = _package(self.aid, code)
        return Entry(self.aid, LOADED, domain=self.domain, version=version, modules=modules)


def _split(stream: bytes) -> tuple[bytes, list[bytes]]:
    """Code and signatures of a load file: E2{4F, C3} any number of times, then C4 to the end."""
    signatures: list[bytes] = []
    while True:
        expect(bool(stream), word.WRONG_DATA)
        tag = stream[0]
        length, at = _length(stream)
        value, stream = stream[at : at + length], stream[at + length :]
        expect(len(value) == length, word.WRONG_DATA)
        if tag == 0xC4:
            expect(not stream and length > 0, word.WRONG_DATA)
            return value, signatures
        expect(tag == 0xE2, word.WRONG_DATA)
        try:
            signatures.append(dict(tlv.parse(value)).get(0xC3, b""))
        except tlv.Malformed:
            expect(False, word.WRONG_DATA)


def _length(stream: bytes) -> tuple[int, int]:
    """Length and offset of the value of a data object with a one-byte tag; lengths to 83."""
    expect(len(stream) >= 2, word.WRONG_DATA)
    if stream[1] < 0x80:
        return stream[1], 2
    count = stream[1] & 0x7F
    expect(count in (1, 2, 3) and len(stream) >= 2 + count, word.WRONG_DATA)
    return int.from_bytes(stream[2 : 2 + count]), 2 + count


def _package(aid: bytes, code: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    """Version and applet AIDs of the components of a CAP; nothing of other code. JCVM 3.0.4 6.4, 6.6."""
    if len(code) < 7 or code[0] != HEADER or code[3:7] != MAGIC:
        return b"", ()
    version, modules = b"", list[bytes]()
    while code:
        expect(len(code) >= 3, word.WRONG_DATA)
        tag, size = code[0], int.from_bytes(code[1:3])
        component, code = code[3 : 3 + size], code[3 + size :]
        expect(len(component) == size, word.WRONG_DATA)
        if tag == HEADER:  # magic 4, format 2, flags 1, package minor, major, AID length, AID
            expect(size >= 10 and component[10 : 10 + component[9]] == aid, word.WRONG_DATA)
            version = component[8:9] + component[7:8]
        if tag == APPLET:
            expect(size >= 1, word.WRONG_DATA)
            at = 1
            for _ in range(component[0]):
                module, at = keyring.lv(component, at)
                modules.append(module)
                at += 2  # install method
    return version, tuple(modules)


def _signed(key: Key, digest: bytes, signature: bytes) -> bool:
    """Whether the signature over the hash is by the key: retail MAC, CMAC, or RSA PKCS#1 v1.5. GPC 2.3.1 C.3, B."""
    if key.kind == keyring.DES:
        return signature == retail_mac(key.value, bytes(8), digest)
    if key.kind == keyring.AES:
        return signature == cmac(Algorithm.AES, key.value, digest)
    (_, modulus), (_, exponent) = tlv.parse(key.value)
    size, number = len(modulus), int.from_bytes(modulus)
    opened = pow(int.from_bytes(signature), int.from_bytes(exponent), number).to_bytes(size) if number else b""
    for name, info in _DIGEST_INFO.items():
        tail = b"\x00" + info + hashlib.new(name, digest).digest()
        if len(signature) == size and opened == b"\x00\x01".ljust(size - len(tail), b"\xff") + tail:
            return True
    return False
