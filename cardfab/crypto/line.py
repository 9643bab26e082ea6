"""Authentication and secure messaging of social-security cards, as pure functions over the raw card key.

``key`` is the key as it lies on the card (DES 8 bytes; 3DES, SM4 16), ``challenge`` the session factor of 4 or 8 bytes.
Both sides of the line use the same functions. All raise :class:`cardfab.crypto.CipherRefused`.
Source: LD/T 32 part 4, 8.2.4, 8.3, 8.4 and 9.3; the key-load forms part 9, 7.1.2 and 7.1.3.
"""

from __future__ import annotations

from functools import reduce

from cardfab.crypto.cipher import Algorithm, Buffer, CipherRefused, encrypt_ecb, xor
from cardfab.crypto.mac import cbc_mac, pad80, retail_mac


def session_cipher(algorithm: Algorithm) -> Algorithm:
    """8-byte ciphers give a *single-length* DES session key, also from a 3DES card key (part 4, 8.4)."""
    return Algorithm.DES if algorithm.block == 8 else algorithm


def left4(block: bytes) -> bytes:
    """The 4-byte MAC of the last block: its left part, or of a 16-byte block the XOR of its four words."""
    words = [block[i : i + 4] for i in range(0, len(block), 4)]
    return words[0] if len(block) == 8 else reduce(xor, words)


def _padded_if_needed(data: bytes, block: int) -> bytes:
    return data if len(data) % block == 0 else pad80(data, block)


def session_key(algorithm: Algorithm, key: Buffer, challenge: Buffer) -> bytes:
    """E(key, challenge padded with 00 to one block): 8 bytes (DES) for 8-byte ciphers, 16 for SM4. Part 4, 8.4."""
    return encrypt_ecb(algorithm, key, session_text(algorithm, challenge))


def session_text(algorithm: Algorithm, challenge: Buffer) -> bytes:
    """What is enciphered to the session key, one block."""
    if algorithm is Algorithm.AES:
        raise CipherRefused("social-security cards have no AES keys")
    if len(challenge) not in (4, 8):
        raise CipherRefused(f"a session factor has 4 or 8 bytes, not {len(challenge)}")
    return bytes(challenge).ljust(algorithm.block, b"\x00")


def auth_data(algorithm: Algorithm, key: Buffer, challenge: Buffer, original: Buffer) -> bytes:
    """The 8 bytes that prove ``key``: E(session key, original of 8 bytes), 16-byte blocks folded. Part 4, 9.3."""
    return auth_data_by(algorithm, session_key(algorithm, key, challenge), original)


def auth_data_by(algorithm: Algorithm, session: Buffer, original: Buffer) -> bytes:
    """The same under a session key that is there already."""
    if len(original) != 8:
        raise CipherRefused(f"original authentication data has 8 bytes, not {len(original)}")
    cipher = session_cipher(algorithm)
    block = encrypt_ecb(cipher, session, bytes(original).ljust(cipher.block, b"\x00"))
    return block if cipher.block == 8 else xor(block[:8], block[8:])


def sm_mac(algorithm: Algorithm, key: Buffer, challenge: Buffer, data: Buffer) -> bytes:
    """MAC of 4 bytes over ``data`` (header with the Lc that counts the MAC, then the data field); padded here.

    IV 0, CBC under the session key. Part 4, 8.2.4.
    """
    return sm_mac_by(algorithm, session_key(algorithm, key, challenge), data)


def sm_mac_by(algorithm: Algorithm, session: Buffer, data: Buffer) -> bytes:
    """The same under a session key that is there already."""
    cipher = session_cipher(algorithm)
    return left4(cbc_mac(cipher, session, bytes(cipher.block), pad80(data, cipher.block)))


def sm_encrypt(algorithm: Algorithm, key: Buffer, challenge: Buffer, plain: Buffer) -> bytes:
    """LD | ``plain``, padded with 80 00.. only where not whole blocks, ECB under the session key. Part 4, 8.3."""
    return sm_encrypt_by(algorithm, session_key(algorithm, key, challenge), plain)


def sm_encrypt_by(algorithm: Algorithm, session: Buffer, plain: Buffer) -> bytes:
    """The same under a session key that is there already."""
    cipher = session_cipher(algorithm)
    return encrypt_ecb(cipher, session, _with_length(plain, cipher.block))


def load_mac(algorithm: Algorithm, key: Buffer, challenge: Buffer, data: Buffer) -> bytes:
    """Key-load MAC of 4 bytes: IV the challenge padded with 00, the full ``key``, no session key; padded here.

    3DES ends with the retail step. ``challenge`` 4 bytes or one block. Part 9, 7.1.3.
    """
    if len(challenge) not in (4, 8, algorithm.block):
        raise CipherRefused(f"a challenge has 4, 8 or {algorithm.block} bytes, not {len(challenge)}")
    iv = bytes(challenge).ljust(algorithm.block, b"\x00")
    padded = pad80(data, algorithm.block)
    last = retail_mac(key, iv, padded) if algorithm is Algorithm.TDES else cbc_mac(algorithm, key, iv, padded)
    return left4(last)


def load_encrypt(algorithm: Algorithm, key: Buffer, plain: Buffer) -> bytes:
    """LD | ``plain``, padded only where not whole blocks, ECB under the full ``key``. Part 9, 7.1.2."""
    return encrypt_ecb(algorithm, key, _with_length(plain, algorithm.block))


def _with_length(plain: Buffer, block: int) -> bytes:
    if len(plain) > 255:
        raise CipherRefused(f"line encryption takes at most 255 bytes, not {len(plain)}")
    return _padded_if_needed(bytes([len(plain)]) + bytes(plain), block)
