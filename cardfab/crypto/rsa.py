"""Raw RSA, which EMV certificates need: the bare private and public operation, key generation, the CRT components.

The operations are the system library's (:mod:`cardfab.crypto.libcrypto`), blinded, in constant time; keys are made by
``cryptography``. A private operation is checked with the public key before its result leaves, so that a fault of the
machine cannot give a prime away. Sizes in bits; numbers are big-endian bytes without leading zeros.
"""

from __future__ import annotations

import ctypes
from ctypes import c_char_p, c_size_t
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from cardfab.crypto.cipher import Buffer, CipherRefused
from cardfab.crypto.libcrypto import library
from cardfab.crypto.mac import same

SIZES = range(1024, 1985, 8)
"""Bits of the keys that are made: none beyond 248 bytes (EMV book 2, 11.1), none below what ``cryptography`` makes."""
EXPONENTS = (3, 65537)


def _bytes_of(number: int, length: int | None = None) -> bytes:
    return number.to_bytes(length or max(1, (number.bit_length() + 7) // 8), "big")


@dataclass(frozen=True, slots=True)
class RsaPublic:
    """Modulus and exponent (03 or 010001)."""

    modulus: bytes
    exponent: bytes

    @property
    def length(self) -> int:
        """Of the modulus, in bytes."""
        return len(self.modulus)

    def recover(self, signature: bytes) -> bytes:
        """The public operation, as long as the modulus; raises :class:`CipherRefused` for what is no signature."""
        if len(signature) != self.length or signature >= self.modulus:
            raise CipherRefused(f"a signature of this key has {self.length} bytes and is below its modulus")
        return _public_key(self).recover(signature)


@dataclass(frozen=True, slots=True)
class RsaCrt:
    """The components that a chip keeps, each half as long as the modulus (DGI 8201 to 8205), p greater than q."""

    q_inverse: bytes
    d_q: bytes
    d_p: bytes
    q: bytes
    p: bytes

    def in_order(self) -> tuple[bytes, bytes, bytes, bytes, bytes]:
        """As they are loaded: 8201, 8202, 8203, 8204, 8205."""
        return self.q_inverse, self.d_q, self.d_p, self.q, self.p

    def __repr__(self) -> str:
        return f"<CRT components of {len(self.p)} bytes>"


class RsaPrivate:
    """A private key inside the cipher library."""

    __slots__ = ("_key", "public")

    def __init__(self, der: Buffer, public: RsaPublic) -> None:
        self._key = _Key.private(der)
        self.public = public

    @classmethod
    def of_der(cls, der: Buffer) -> RsaPrivate:
        """From PKCS #1; raises :class:`CipherRefused`."""
        numbers = _numbers(der).public_numbers
        return cls(der, RsaPublic(_bytes_of(numbers.n), _bytes_of(numbers.e)))

    @classmethod
    def of_crt(cls, crt: RsaCrt) -> RsaPrivate:
        """From what lies on a chip; the public exponent follows from d mod (p - 1)."""
        p, q, d_p = (int.from_bytes(part, "big") for part in (crt.p, crt.q, crt.d_p))
        try:
            return cls.of_der(der_of_primes(p, q, _inverse(d_p, p - 1)))
        except ValueError as wrong:
            raise CipherRefused("these are no CRT components of one RSA key") from wrong

    def sign(self, message: bytes) -> bytes:
        """The private operation over a message as long as the modulus and below it, checked by the public one."""
        if len(message) != self.public.length or message >= self.public.modulus:
            raise CipherRefused(f"this key signs {self.public.length} bytes below its modulus")
        signature = self._key.sign(message)
        if not same(self.public.recover(signature), message):
            raise CipherRefused("a signature did not verify; this machine computes wrongly")
        return signature

    def __repr__(self) -> str:
        return f"<RSA private key of {8 * self.public.length} bits>"


def generate(bits: int, exponent: int) -> bytes:
    """A new key as PKCS #1 DER; ``bits`` of :data:`SIZES`, ``exponent`` 3 or 65537."""
    if bits not in SIZES or exponent not in EXPONENTS:
        raise CipherRefused(f"RSA keys have {SIZES[0]} to {SIZES[-1]} bits in whole bytes and exponent 3 or 65537")
    return _der(rsa.generate_private_key(public_exponent=exponent, key_size=bits))


def der_of_primes(p: int, q: int, e: int) -> bytes:
    """PKCS #1 DER of a key given by its primes; raises :class:`CipherRefused`."""
    if p < q:
        p, q = q, p
    try:
        d = _inverse(e, (p - 1) * (q - 1))
        d_p, d_q, q_inverse = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), _inverse(q, p)
        public = rsa.RSAPublicNumbers(e, p * q)
        return _der(rsa.RSAPrivateNumbers(p, q, d, d_p, d_q, q_inverse, public).private_key())
    except ValueError as wrong:
        raise CipherRefused("these are no primes of an RSA key") from wrong


def crt_of_der(der: Buffer) -> RsaCrt:
    """The CRT components of a PKCS #1 key, p greater than q."""
    numbers = _numbers(der)
    p, q = max(numbers.p, numbers.q), min(numbers.p, numbers.q)
    half = (numbers.public_numbers.n.bit_length() + 15) // 16
    parts = (_inverse(q, p), rsa.rsa_crt_dmq1(numbers.d, q), rsa.rsa_crt_dmp1(numbers.d, p), q, p)
    return RsaCrt(*(_bytes_of(part, half) for part in parts))


def consistent(crt: RsaCrt, public: RsaPublic) -> bool:
    """Whether the components are one another's and the public key's, p greater than q."""
    q_inverse, d_q, d_p, q, p = (int.from_bytes(part, "big") for part in crt.in_order())
    e = int.from_bytes(public.exponent, "big")
    if p <= q or q <= 1 or len({len(part) for part in crt.in_order()}) != 1:
        return False
    whole = p * q == int.from_bytes(public.modulus, "big")
    return whole and e * d_p % (p - 1) == 1 and e * d_q % (q - 1) == 1 and q * q_inverse % p == 1


def _inverse(number: int, modulus: int) -> int:
    """The inverse of a number; raises ValueError where there is none."""
    return rsa.rsa_crt_iqmp(modulus, number)


def _der(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _numbers(der: Buffer) -> rsa.RSAPrivateNumbers:
    try:
        key = serialization.load_der_private_key(bytes(der), None, unsafe_skip_rsa_key_validation=True)
    except ValueError as wrong:
        raise CipherRefused("this is no RSA private key") from wrong
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CipherRefused("this is no RSA private key")
    return key.private_numbers()


class _Key:
    """An EVP_PKEY and the two raw operations on it."""

    __slots__ = ("_lib", "_pointer")

    def __init__(self, pointer: int | None) -> None:
        self._lib = library()
        if not pointer:
            self._lib.ERR_clear_error()
            self._pointer = 0
            raise CipherRefused("the cipher library does not take this RSA key")
        self._pointer = pointer

    @classmethod
    def private(cls, der: Buffer) -> _Key:
        held = (ctypes.c_char * len(der)).from_buffer_copy(bytes(der))
        try:
            at = ctypes.cast(held, c_char_p)
            return cls(library().d2i_AutoPrivateKey(None, ctypes.byref(at), len(der)))
        finally:
            ctypes.memset(held, 0, len(der))

    def sign(self, message: bytes) -> bytes:
        return self._run("EVP_PKEY_sign", message)

    def recover(self, signature: bytes) -> bytes:
        return self._run("EVP_PKEY_verify_recover", signature)

    def _run(self, call: str, data: bytes) -> bytes:
        lib = self._lib
        context = lib.EVP_PKEY_CTX_new(self._pointer, None)
        out, length = ctypes.create_string_buffer(len(data)), c_size_t(len(data))
        try:
            good = (
                context
                and getattr(lib, f"{call}_init")(context) == 1
                and lib.EVP_PKEY_CTX_ctrl_str(context, b"rsa_padding_mode", b"none") == 1
                and getattr(lib, call)(context, out, ctypes.byref(length), data, len(data)) == 1
            )
        finally:
            lib.EVP_PKEY_CTX_free(context)
        if not good or length.value != len(data):
            lib.ERR_clear_error()
            raise CipherRefused("the cipher library refused an RSA operation")
        return out.raw

    def __del__(self) -> None:
        if self._pointer:
            self._lib.EVP_PKEY_free(self._pointer)


@lru_cache(maxsize=64)
def _public_key(public: RsaPublic) -> _Key:
    """Kept: issuers and authorities are few, and making one costs as much as using it."""
    numbers = rsa.RSAPublicNumbers(int.from_bytes(public.exponent, "big"), int.from_bytes(public.modulus, "big"))
    try:
        der = numbers.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    except ValueError as wrong:
        raise CipherRefused("this is no RSA public key") from wrong
    return _Key(library().d2i_PUBKEY(None, ctypes.byref(c_char_p(der)), len(der)))
