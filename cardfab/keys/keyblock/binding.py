"""How a key block is encrypted and bound: keys made of the KBPK, MAC and CBC (X9.143:2021, 7)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cardfab.crypto import Algorithm, Buffer, cbc_mac, cmac, encrypt_cbc, same
from cardfab.crypto.cipher import decrypt_cbc_into, room
from cardfab.errors import Text
from cardfab.keys.keyblock.header import Header, KeyBlockRefused
from cardfab.keys.secret import Secret

_ENCRYPT, _MAC = 0x0000, 0x0001
_NAMES = {
    (Algorithm.TDES, 16): 0x0000,
    (Algorithm.TDES, 24): 0x0001,
    (Algorithm.AES, 16): 0x0002,
    (Algorithm.AES, 24): 0x0003,
    (Algorithm.AES, 32): 0x0004,
}
"""The algorithm field of the derivation data (table 26 and its like for AES)."""
_VARIANT_ENCRYPT, _VARIANT_MAC = 0x45, 0x4D


def cipher_of(header: Header) -> Algorithm:
    """The cipher of the KBPK and of the whole block."""
    return Algorithm.AES if header.version == "D" else Algorithm.TDES


@contextmanager
def block_keys(header: Header, kbpk: Buffer) -> Iterator[tuple[Secret, Secret]]:
    """The keys that encrypt and that authenticate, wiped afterwards; raises KeyBlockRefused for a wrong KBPK."""
    cipher = cipher_of(header)
    if (cipher, len(kbpk)) not in _NAMES:
        raise KeyBlockRefused(
            "KBPK",
            Text(
                f"version {header.version} takes {cipher.value}, which has no key of {len(kbpk)} bytes",
                f"版本 {header.version} 使用 {cipher.value}，没有 {len(kbpk)} 字节的密钥",
            ),
            code="CF-6603",
        )
    if header.version in "AC":  # variants can be undone: known block keys give the KBPK away
        with _variant(kbpk, _VARIANT_ENCRYPT) as encrypting, _variant(kbpk, _VARIANT_MAC) as authenticating:
            yield encrypting, authenticating
    else:
        with _derived(cipher, kbpk, _ENCRYPT) as encrypting, _derived(cipher, kbpk, _MAC) as authenticating:
            yield encrypting, authenticating


def _variant(kbpk: Buffer, constant: int) -> Secret:
    return Secret(bytearray(byte ^ constant for byte in bytes(kbpk)))


def _derived(cipher: Algorithm, kbpk: Buffer, purpose: int) -> Secret:
    """CMACs of counter | purpose | 00 | algorithm | bits, as many as the key needs."""
    length = len(kbpk)
    made = Secret(bytes(length))
    tail = (
        purpose.to_bytes(2, "big")
        + b"\x00"
        + _NAMES[cipher, length].to_bytes(2, "big")
        + (8 * length).to_bytes(2, "big")
    )
    for number, start in enumerate(range(0, length, cipher.block), 1):
        part = cmac(cipher, kbpk, bytes([number]) + tail)
        made.view()[start : start + cipher.block] = part[: length - start]
    return made


def protect(header: Header, kbpk: Buffer, text: str, payload: Buffer) -> tuple[bytes, bytes]:
    """Ciphertext and MAC of a payload in whole blocks behind the header ``text``. Versions B and D only."""
    cipher = cipher_of(header)
    with block_keys(header, kbpk) as (encrypting, authenticating):
        tag = _over(cipher, authenticating, text, payload)
        return encrypt_cbc(cipher, encrypting.view(), tag, payload), tag


def verified(header: Header, kbpk: Buffer, text: str, ciphertext: bytes, tag: bytes) -> Secret:
    """The payload of a block whose MAC holds; raises KeyBlockRefused.

    In A and C the MAC is over the ciphertext and is checked before anything is decrypted. In B and D it is over the
    payload and is its IV too: that must be decrypted to be checked, and nobody looks at it before.
    """
    cipher = cipher_of(header)
    with block_keys(header, kbpk) as (encrypting, authenticating):
        variant = header.version in "AC"
        if variant and not same(_variant_mac(authenticating, text, ciphertext), tag):
            raise _broken()
        iv = text[:8].encode("ascii") if variant else tag
        clear = bytearray(room(cipher, len(ciphertext)))
        payload = decrypt_cbc_into(cipher, encrypting.view(), iv, ciphertext, clear)
        try:
            if not variant and not same(_over(cipher, authenticating, text, payload), tag):
                raise _broken()
            return Secret(payload)
        finally:
            payload[:] = bytes(len(payload))


def _over(cipher: Algorithm, key: Secret, text: str, payload: Buffer) -> bytes:
    """CMAC of header | payload, in a buffer that is wiped."""
    with Secret(bytearray(text.encode("ascii")) + payload) as whole:
        return cmac(cipher, key.view(), whole.view())


def _variant_mac(key: Secret, text: str, ciphertext: bytes) -> bytes:
    """TDEA CBC-MAC, IV 0, of header | ciphertext, its first four bytes."""
    return cbc_mac(Algorithm.TDES, key.view(), bytes(8), text.encode("ascii") + ciphertext)[:4]


def _broken() -> KeyBlockRefused:
    return KeyBlockRefused(
        "MAC",
        Text(
            "it does not hold: the block was changed, or is under another key",
            "校验失败：密钥块被改动，或由其他密钥保护",
        ),
        code="CF-6601",
        do=Text("Compare the check value of the KBPK with its sender.", "请与发送方核对保护密钥的校验值。"),
    )
