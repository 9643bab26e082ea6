"""Check values of many keys that lie one behind the other: one cipher context takes one key after the other.

``cryptography`` makes a context for each key, which costs ten times what the block does; libcrypto's own is keyed anew.
No key is copied, and the schedule is cleansed when the context is freed. A cipher that libcrypto lacks is done key by
key.
"""

from __future__ import annotations

import ctypes
from functools import cache

from cardfab.crypto.cipher import Algorithm, CipherRefused
from cardfab.crypto.derive import kcv, kcv_block
from cardfab.crypto.libcrypto import library

_KEY, _KCV = 16, 3
_CIPHERS = {Algorithm.TDES: "EVP_des_ede_ecb", Algorithm.AES: "EVP_aes_128_ecb", Algorithm.SM4: "EVP_sm4_ecb"}


def kcv_many(algorithm: Algorithm, keys: memoryview) -> list[bytes]:
    """:func:`~cardfab.crypto.derive.kcv` of each 16-byte key of a writable buffer; raises :class:`CipherRefused`."""
    if len(keys) % _KEY:
        raise CipherRefused("these are no whole keys of 16 bytes")
    places = range(0, len(keys), _KEY)
    cipher = _cipher(algorithm) if places else None
    found = None if cipher is None else _checked(cipher, kcv_block(algorithm), keys)
    return [kcv(algorithm, keys[at : at + _KEY]) for at in places] if found is None else found


def _checked(cipher: int, block: bytes, keys: memoryview) -> list[bytes] | None:
    """The check values; None where this build of the library does not compute that cipher."""
    lib = library()
    start = ctypes.addressof((ctypes.c_char * len(keys)).from_buffer(keys))
    out, written = ctypes.create_string_buffer(2 * len(block)), ctypes.c_int()
    context = lib.EVP_CIPHER_CTX_new()
    if not context:
        raise MemoryError("libcrypto")
    found: list[bytes] = []
    named: int | None = cipher
    try:
        for at in range(0, len(keys), _KEY):
            good = lib.EVP_EncryptInit_ex(context, named, None, start + at, None)
            if good != 1 or lib.EVP_EncryptUpdate(context, out, ctypes.byref(written), block, len(block)) != 1:
                return None
            named = None  # the context knows it now: only the key changes
            found.append(out.raw[:_KCV])
    finally:
        lib.EVP_CIPHER_CTX_free(context)
        lib.ERR_clear_error()
    return found


@cache
def _cipher(algorithm: Algorithm) -> int | None:
    """Its ECB in libcrypto, None where that has none."""
    call = getattr(library(), _CIPHERS.get(algorithm, "none"), None)
    if call is None:
        return None
    call.restype, call.argtypes = ctypes.c_void_p, ()
    found: int | None = call()
    return found


__all__ = ["kcv_many"]
