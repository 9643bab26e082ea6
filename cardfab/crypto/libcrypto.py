"""The system's OpenSSL (libcrypto) for what ``cryptography`` does not offer: points of the SM2 curve and raw RSA.

Numbers and points live inside a :class:`Scope`, which wipes and frees them at its end; Python never holds a secret as
an int. Every call releases the interpreter lock. Needs OpenSSL 1.1.1 or newer, as Python's own ``ssl`` does.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import c_char_p, c_int, c_long, c_size_t, c_void_p
from functools import cache
from types import TracebackType

from cardfab.crypto.cipher import CipherRefused

_NAMES = ("libcrypto.so.3", "libcrypto.so.4", "libcrypto.so.1.1", "libcrypto.so")
_CALLS: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "BN_bin2bn": (c_void_p, (c_char_p, c_int, c_void_p)),
    "BN_bn2binpad": (c_int, (c_void_p, c_char_p, c_int)),
    "BN_new": (c_void_p, ()),
    "BN_clear_free": (None, (c_void_p,)),
    "BN_is_zero": (c_int, (c_void_p,)),
    "BN_CTX_new": (c_void_p, ()),
    "BN_CTX_free": (None, (c_void_p,)),
    "BN_set_flags": (None, (c_void_p, c_int)),
    "BN_mod_add_quick": (c_int, (c_void_p,) * 4),
    "BN_mod_sub_quick": (c_int, (c_void_p,) * 4),
    "BN_mod_mul": (c_int, (c_void_p,) * 5),
    "BN_nnmod": (c_int, (c_void_p,) * 4),
    "BN_mod_exp_mont_consttime": (c_int, (c_void_p,) * 6),
    "EC_GROUP_new_by_curve_name": (c_void_p, (c_int,)),
    "EC_POINT_new": (c_void_p, (c_void_p,)),
    "EC_POINT_clear_free": (None, (c_void_p,)),
    "EC_POINT_mul": (c_int, (c_void_p,) * 6),
    "EC_POINT_is_at_infinity": (c_int, (c_void_p, c_void_p)),
    "EC_POINT_oct2point": (c_int, (c_void_p, c_void_p, c_char_p, c_size_t, c_void_p)),
    "EC_POINT_point2oct": (c_size_t, (c_void_p, c_void_p, c_int, c_char_p, c_size_t, c_void_p)),
    "ERR_clear_error": (None, ()),
    "EVP_CIPHER_CTX_new": (c_void_p, ()),
    "EVP_CIPHER_CTX_free": (None, (c_void_p,)),
    "EVP_EncryptInit_ex": (c_int, (c_void_p,) * 5),
    "EVP_EncryptUpdate": (c_int, (c_void_p, c_char_p, ctypes.POINTER(c_int), c_char_p, c_int)),
    "d2i_AutoPrivateKey": (c_void_p, (c_void_p, ctypes.POINTER(c_char_p), c_long)),
    "d2i_PUBKEY": (c_void_p, (c_void_p, ctypes.POINTER(c_char_p), c_long)),
    "EVP_PKEY_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_new": (c_void_p, (c_void_p, c_void_p)),
    "EVP_PKEY_CTX_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_ctrl_str": (c_int, (c_void_p, c_char_p, c_char_p)),
    "EVP_PKEY_sign_init": (c_int, (c_void_p,)),
    "EVP_PKEY_sign": (c_int, (c_void_p, c_char_p, ctypes.POINTER(c_size_t), c_char_p, c_size_t)),
    "EVP_PKEY_verify_recover_init": (c_int, (c_void_p,)),
    "EVP_PKEY_verify_recover": (c_int, (c_void_p, c_char_p, ctypes.POINTER(c_size_t), c_char_p, c_size_t)),
}
_SUMS, _AFFINE = "EC_POINTs_mul", "EC_POINTs_make_affine"
"""Deprecated in OpenSSL 3; where a later library has them no longer, sums and points are made one by one."""
_CONSTTIME = 0x04
_UNCOMPRESSED = 4
_SM2 = 1172
SM2_N = bytes.fromhex("FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123")
"""The order of the SM2 curve (GB/T 32918.5, 2)."""
_SM2_N_LESS_2 = SM2_N[:-1] + bytes([SM2_N[-1] - 2])


@cache
def library() -> ctypes.CDLL:
    """The library, its calls typed; raises :class:`CipherRefused` where the machine has none."""
    for name in _NAMES:
        try:
            found = ctypes.CDLL(name)
        except OSError:
            continue
        for call, (result, arguments) in _CALLS.items():
            function = getattr(found, call)
            function.restype, function.argtypes = result, arguments
        if hasattr(found, _SUMS):
            found.EC_POINTs_mul.restype = c_int
            found.EC_POINTs_mul.argtypes = (c_void_p, c_void_p, c_void_p, c_size_t, c_void_p, c_void_p, c_void_p)
        if hasattr(found, _AFFINE):
            found.EC_POINTs_make_affine.restype = c_int
            found.EC_POINTs_make_affine.argtypes = (c_void_p, c_size_t, c_void_p, c_void_p)
        return found
    raise CipherRefused("this machine has no OpenSSL library (libcrypto); SM2 and RSA certificates need it")


@cache
def _group() -> int:
    group: int | None = library().EC_GROUP_new_by_curve_name(_SM2)
    if not group:
        raise CipherRefused("this machine's OpenSSL was built without SM2")
    return group


class Scope:
    """Numbers modulo the SM2 order and points of its curve, wiped and freed when the ``with`` block ends."""

    __slots__ = ("_context", "_group", "_lib", "_numbers", "_order", "_points")

    def __init__(self) -> None:
        self._lib = library()
        self._group = _group()
        self._numbers: list[int] = []
        self._points: list[int] = []

    def __enter__(self) -> Scope:
        self._context = self._there(self._lib.BN_CTX_new())
        self._order = self.number(SM2_N)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number in self._numbers:
            self._lib.BN_clear_free(number)
        for point in self._points:
            self._lib.EC_POINT_clear_free(point)
        self._lib.BN_CTX_free(self._context)
        self._lib.ERR_clear_error()

    def number(self, data: bytes = b"") -> int:
        """A number of big-endian bytes, treated as secret."""
        made = self._there(self._lib.BN_bin2bn(data, len(data), None))
        self._lib.BN_set_flags(made, _CONSTTIME)
        self._numbers.append(made)
        return made

    def reduced(self, data: bytes) -> int:
        """A number of bytes modulo the order."""
        made = self.number(data)
        self._good(self._lib.BN_nnmod(made, made, self._order, self._context))
        return made

    def bytes_of(self, number: int) -> bytes:
        """32 bytes, big-endian."""
        out = ctypes.create_string_buffer(32)
        if self._lib.BN_bn2binpad(number, out, 32) != 32:
            raise CipherRefused("a number is longer than 32 bytes")
        return out.raw

    def is_zero(self, number: int) -> bool:
        """Whether it is 0."""
        return bool(self._lib.BN_is_zero(number))

    def plus(self, left: int, right: int) -> int:
        """Both below the order."""
        made = self.number()
        self._good(self._lib.BN_mod_add_quick(made, left, right, self._order))
        return made

    def minus(self, left: int, right: int) -> int:
        """Both below the order."""
        made = self.number()
        self._good(self._lib.BN_mod_sub_quick(made, left, right, self._order))
        return made

    def times(self, left: int, right: int) -> int:
        """The product modulo the order."""
        made = self.number()
        self._good(self._lib.BN_mod_mul(made, left, right, self._order, self._context))
        return made

    def inverse(self, number: int) -> int:
        """The inverse modulo the order, as a power of fixed length: the order is prime."""
        made, exponent = self.number(), self.number(_SM2_N_LESS_2)
        call = self._lib.BN_mod_exp_mont_consttime
        self._good(call(made, number, exponent, self._order, self._context, None))
        return made

    def point(self, public: bytes) -> int:
        """The point of X | Y, 64 bytes; raises :class:`CipherRefused` where it is not on the curve."""
        made = self._new_point()
        coded = b"\x04" + public
        if len(public) != 64 or self._lib.EC_POINT_oct2point(self._group, made, coded, 65, self._context) != 1:
            raise CipherRefused("these bytes are no point of the SM2 curve")
        return made

    def base_times(self, k: int) -> int:
        """[k]G in constant time."""
        made = self._new_point()
        self._good(self._lib.EC_POINT_mul(self._group, made, k, None, None, self._context))
        return made

    def point_times(self, point: int, k: int) -> int:
        """[k]P in constant time."""
        made = self._new_point()
        self._good(self._lib.EC_POINT_mul(self._group, made, None, point, k, self._context))
        return made

    def sum_of(self, s: int, point: int, t: int) -> int:
        """[s]G + [t]P; not constant time: for verification."""
        made = self._new_point()
        self._good(self._lib.EC_POINT_mul(self._group, made, s, point, t, self._context))
        return made

    def is_nothing(self, s: int, points: Sequence[int], numbers: Sequence[int]) -> bool | None:
        """Whether [s]G and each point times its number add up to nothing; None where the library cannot tell at once.

        Not constant time: for verification.
        """
        if not hasattr(self._lib, _SUMS):
            return None
        made, count = self._new_point(), len(points)
        array = c_void_p * count
        self._good(self._lib.EC_POINTs_mul(self._group, made, s, count, array(*points), array(*numbers), self._context))
        return bool(self._lib.EC_POINT_is_at_infinity(self._group, made))

    def coordinates(self, point: int) -> bytes:
        """X | Y, 64 bytes; raises :class:`CipherRefused` for the point at infinity."""
        out = ctypes.create_string_buffer(65)
        if self._lib.EC_POINT_point2oct(self._group, point, _UNCOMPRESSED, out, 65, self._context) != 65:
            raise CipherRefused("the point at infinity has no coordinates")
        return out.raw[1:]

    def all_coordinates(self, points: Sequence[int]) -> list[bytes]:
        """:meth:`coordinates` of each: one inversion serves them all where the library has the call."""
        if points and hasattr(self._lib, _AFFINE):
            array = (c_void_p * len(points))(*points)
            self._good(self._lib.EC_POINTs_make_affine(self._group, len(points), array, self._context))
        return [self.coordinates(point) for point in points]

    def _new_point(self) -> int:
        made = self._there(self._lib.EC_POINT_new(self._group))
        self._points.append(made)
        return made

    @staticmethod
    def _there(pointer: int | None) -> int:
        if not pointer:
            raise MemoryError("libcrypto")
        return pointer

    @staticmethod
    def _good(result: int) -> None:
        if result != 1:
            raise CipherRefused("the cipher library refused a computation on the SM2 curve")
