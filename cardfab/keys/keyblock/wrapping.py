"""A key into an X9.143 key block and out of it. Pure: the KBPK and chance come as arguments."""

from __future__ import annotations

import re
from collections.abc import Callable

from cardfab.crypto import Buffer
from cardfab.errors import Text
from cardfab.keys.keyblock.binding import cipher_of, protect, verified
from cardfab.keys.keyblock.header import Header, KeyBlockRefused
from cardfab.keys.secret import Secret

_LENGTHS = {"D": (8,), "T": (16, 24), "A": (16, 24, 32)}
"""Bytes of a key by the header's algorithm; others have any length."""
_STRENGTH = {("T", 16): 80, ("T", 24): 112, ("A", 16): 128, ("A", 24): 192, ("A", 32): 256}
"""Bits of security (NIST SP 800-57 part 1, table 2)."""
_HEX = re.compile("(?:[0-9A-F]{2})+")


def wrap(
    kbpk: Buffer, header: Header, key: Buffer, random: Callable[[int], bytes], *, masked_length: int | None = None
) -> str:
    """The key block of ``key`` under ``kbpk``, versions B and D. Raises :class:`KeyBlockRefused`.

    The key is filled with random bytes to ``masked_length``, without it to the longest key of its algorithm, so that
    the block does not tell how long it is. A key is not wrapped under a weaker one (PCI PIN, annex C).
    """
    if header.version in "AC":
        raise KeyBlockRefused(
            "version",
            Text(
                f"{header.version} is not written: its block keys are variants, which give the KBPK away",
                f"不生成版本 {header.version}：其块密钥为变体密钥，可反推保护密钥",
            ),
            code="CF-6602",
            do=Text("Write version D, or B where the KBPK is 3DES.", "请使用版本 D；保护密钥为 3DES 时使用版本 B。"),
        )
    _fits(header, len(key))
    strength = _STRENGTH.get((header.algorithm, len(key)), 0)
    if strength > _STRENGTH.get(("A" if header.version == "D" else "T", len(kbpk)), 0) > 0:
        raise KeyBlockRefused(
            "KBPK",
            Text("it is weaker than the key that it would protect", "其强度低于被保护的密钥"),
            code="CF-6603",
            do=Text("Take an AES key of at least its length.", "请使用长度不短于该密钥的 AES 密钥。"),
        )
    longest = max(_LENGTHS.get(header.algorithm, (len(key),))) if masked_length is None else masked_length
    if longest < len(key):
        raise KeyBlockRefused(
            "key length", Text(f"{len(key)} bytes do not fit into {longest}", f"{len(key)} 字节超出 {longest} 字节")
        )
    size = 2 + longest
    size += -size % header.block
    text = header.encoded(2 * (size + header.mac))
    with Secret(bytes(size)) as payload:
        view = payload.view()
        view[:2] = (8 * len(key)).to_bytes(2, "big")
        view[2 : 2 + len(key)] = key
        view[2 + len(key) :] = random(size - 2 - len(key))
        ciphertext, tag = protect(header, kbpk, text, view)
    return text + ciphertext.hex().upper() + tag.hex().upper()


def unwrap(kbpk: Buffer, block: str, *, variant: bool = False) -> tuple[Header, Secret]:
    """Attributes and key of a block under ``kbpk``; raises :class:`KeyBlockRefused`. The caller wipes the key.

    Versions A and C open with ``variant`` only: for an import, when the sender can do no better (PCI PIN 23).
    """
    header, end = Header.read(block)
    if header.version in "AC" and not variant:
        raise KeyBlockRefused(
            "version",
            Text(
                f"{header.version} binds by variants of the KBPK, which is not taken unasked",
                f"版本 {header.version} 使用保护密钥的变体，默认不接受",
            ),
            code="CF-6602",
            do=Text("Ask the sender for version D or B.", "请发送方改用版本 D 或 B。"),
        )
    rest = 2 * header.mac
    ciphertext = _bytes("encrypted key", block[end : len(block) - rest])
    tag = _bytes("MAC", block[len(block) - rest :])
    if len(block) - rest < end or not ciphertext or len(ciphertext) % cipher_of(header).block:
        raise KeyBlockRefused("encrypted key", Text("it is not whole blocks of the cipher", "不是整块密文"))
    with verified(header, kbpk, block[:end], ciphertext, tag) as payload:
        bits = int.from_bytes(payload.view()[:2], "big")
        if bits % 8 or not 0 < bits // 8 <= len(payload) - 2:
            raise KeyBlockRefused("key length", Text(f"{bits} bits cannot be inside", f"块内不可能有 {bits} 位密钥"))
        _fits(header, bits // 8)
        return header, Secret(payload.view()[2 : 2 + bits // 8])


def _fits(header: Header, length: int) -> None:
    allowed = _LENGTHS.get(header.algorithm)
    if length < 1 or (allowed is not None and length not in allowed):
        raise KeyBlockRefused(
            "key length",
            Text(
                f"algorithm {header.algorithm} has no key of {length} bytes",
                f"算法 {header.algorithm} 没有 {length} 字节的密钥",
            ),
        )


def _bytes(field: str, text: str) -> bytes:
    """Capitals only: with small ones two blocks would be the same key, and the MAC would not see it."""
    if not _HEX.fullmatch(text):
        raise KeyBlockRefused(field, Text("it is not hex in capitals", "须为大写十六进制"))
    return bytes.fromhex(text)
