"""Cryptography of the social security card as the chip does it. LD/T 32 part 4 chapters 8 and 9, part 9 chapter 7.

The algorithm is that of the card: 3DES (FCI algorithm byte 01) or SM4 (03). A key of 8 bytes is single DES. Session
keys of the 8-byte ciphers are single-length DES keys (part 4, 8.4).
"""

from __future__ import annotations

import functools

from cardfab.crypto import Algorithm, decrypt_ecb, encrypt_cbc, encrypt_ecb


def _cipher(algorithm: Algorithm, key: bytes) -> Algorithm:
    return Algorithm.DES if len(key) == 8 else algorithm


def inverted(data: bytes) -> bytes:
    """Every bit the other way round."""
    return bytes(b ^ 0xFF for b in data)


def exclusive_or(left: bytes, right: bytes) -> bytes:
    """Bytewise XOR of two equally long strings."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def padded(data: bytes, block: int) -> bytes:
    """80, then 00 to whole blocks; always."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def unpadded(data: bytes) -> bytes | None:
    """What was before 80 00.., or None where there is no such end."""
    stripped = data.rstrip(b"\x00")
    return stripped[:-1] if stripped.endswith(b"\x80") else None


def diversify(algorithm: Algorithm, key: bytes, factor: bytes) -> bytes:
    """The key of the next level for an 8-byte factor. Part 9, 7.1.1 and 7.2.1."""
    if len(key) == 8:
        return encrypt_ecb(Algorithm.DES, key, factor)
    return encrypt_ecb(algorithm, key, factor + inverted(factor))  # two 3DES blocks, or one of SM4


def factors(region: str, historical: bytes) -> tuple[bytes, bytes, bytes]:
    """Province, city and card factor. Part 9, 7.3: ``region`` has 6 digits, ``historical`` is T1..TD (13 bytes)."""
    city = region[:4] + "00" if region.startswith("33") else region  # Zhejiang diversifies by four digits
    return (region[:2] + "0000sh").encode("ascii"), (city + "sx").encode("ascii"), historical[5:13]


def card_key(algorithm: Algorithm, root: bytes, region: str, historical: bytes) -> bytes:
    """The card's key from the ministry's root."""
    return diversify(algorithm, _city_key(algorithm, root, region), factors(region, historical)[2])


@functools.lru_cache(maxsize=1024)
def _city_key(algorithm: Algorithm, root: bytes, region: str) -> bytes:
    """The same for all chips of a city; kept, because a hopper holds many of them."""
    province, city, _ = factors(region, b"")
    return diversify(algorithm, diversify(algorithm, root, province), city)


def session_key(algorithm: Algorithm, key: bytes, challenge: bytes) -> bytes:
    """Part 4, 8.4: a challenge of 4, 8 or 16 bytes, filled with 00 or cut to the block of the cipher."""
    cipher = _cipher(algorithm, key)
    return encrypt_ecb(cipher, key, challenge[: cipher.block].ljust(cipher.block, b"\x00"))


def authentication(algorithm: Algorithm, session: bytes, original: bytes) -> bytes:
    """Eight bytes of authentication data for eight bytes of original data. Part 4, 9.3."""
    cipher = _cipher(algorithm, session)
    secret = encrypt_ecb(cipher, session, original.ljust(cipher.block, b"\x00"))
    return secret if cipher.block == 8 else exclusive_or(secret[:8], secret[8:])


def _folded(last: bytes) -> bytes:
    """Four bytes of a MAC block: the left ones of 8, the XOR of the four words of 16."""
    if len(last) == 8:
        return last[:4]
    return exclusive_or(exclusive_or(last[:4], last[4:8]), exclusive_or(last[8:12], last[12:]))


def message_mac(algorithm: Algorithm, session: bytes, message: bytes) -> bytes:
    """The secure messaging MAC, 4 bytes, IV zero. Part 4, 8.2.4."""
    cipher = _cipher(algorithm, session)
    return _folded(encrypt_cbc(cipher, session, bytes(cipher.block), padded(message, cipher.block))[-cipher.block :])


def transaction_code(algorithm: Algorithm, key: bytes, message: bytes) -> bytes:
    """A TAC, 4 bytes, under the key itself: of two DES keys their XOR. Part 7, chapter 15."""
    if _cipher(algorithm, key).block == 8 and len(key) == 16:
        key = exclusive_or(key[:8], key[8:])
    return message_mac(algorithm, key, message)


def revealed(algorithm: Algorithm, session: bytes, secret: bytes) -> bytes | None:
    """The plain value of LD | value, padded where unaligned; None where it is no such thing. Part 4, 8.3."""
    cipher = _cipher(algorithm, session)
    if not secret or len(secret) % cipher.block:
        return None
    plain = decrypt_ecb(cipher, session, secret)
    length, rest = plain[0], plain[1:]
    fill = rest[length:]
    aligned = (length + 1) % cipher.block == 0
    if length > len(rest) or (fill and (aligned or unpadded(fill) != b"")) or (not fill and not aligned):
        return None
    return rest[:length]


def retail_mac(key: bytes, iv: bytes, message: bytes) -> bytes:
    """DES-CBC under the left half, the last block under both: ISO 9797-1 algorithm 3 with padding method 2, 8 bytes."""
    last = encrypt_cbc(Algorithm.DES, key[:8], iv, padded(message, 8))[-8:]
    return encrypt_ecb(Algorithm.DES, key[:8], decrypt_ecb(Algorithm.DES, key[8:], last))


def load_mac(algorithm: Algorithm, key: bytes, challenge: bytes, message: bytes) -> bytes:
    """The key-load MAC, 4 bytes: IV the challenge and 00.., the whole key, no session key. Part 9, 7.1.3."""
    cipher = _cipher(algorithm, key)
    iv = challenge[: cipher.block].ljust(cipher.block, b"\x00")
    if cipher is Algorithm.TDES:
        return retail_mac(key, iv, message)[:4]
    return _folded(encrypt_cbc(cipher, key, iv, padded(message, cipher.block))[-cipher.block :])


def card_identification(algorithm: Algorithm, region: str, serial: bytes, irk: bytes | None = None) -> bytes:
    """The 16 bytes of item 01: region 3, D156000005, serial 4, authentication code 4.

    The code is FF.. on a card that has not been personalised; with the card's IRK it is the MAC over the 12 bytes.
    """
    issue = bytes.fromhex(region + "D156000005") + serial
    if irk is None:
        return issue + b"\xff" * 4
    if algorithm is Algorithm.TDES:
        return issue + retail_mac(irk, bytes(8), issue)[:4]
    return issue + message_mac(algorithm, irk, issue)
