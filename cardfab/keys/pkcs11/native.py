"""The few calls that python-pkcs11 lacks or makes with copies that stay: by ctypes, on the module that it loaded.

Offsets are those of CK_FUNCTION_LIST (PKCS #11 2.40, annex): a version, then a pointer for each function in order.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_ubyte, c_ulong, c_void_p

from cardfab.keys.secret import Secret

_INIT_TOKEN, _GET_ATTRIBUTE_VALUE = 9, 24
_VALUE = 0x11  # CKA_VALUE


class _Attribute(Structure):
    _fields_ = [("type", c_ulong), ("value", c_void_p), ("length", c_ulong)]


class _Functions(Structure):
    _fields_ = [("version", c_ubyte * 2), ("calls", c_void_p * 68)]


_Init = ctypes.CFUNCTYPE(c_ulong, c_ulong, c_char_p, c_ulong, c_char_p)
_Get = ctypes.CFUNCTYPE(c_ulong, c_ulong, c_ulong, POINTER(_Attribute), c_ulong)


class NativeRefused(Exception):
    """A call of the module returned something else than CKR_OK."""

    def __init__(self, call: str, result: int) -> None:
        super().__init__(f"{call}: {result:#010x}")
        self.result = result


class Native:
    """The function list of a loaded module."""

    def __init__(self, module: str) -> None:
        library = ctypes.CDLL(module)
        library.C_GetFunctionList.restype = c_ulong
        library.C_GetFunctionList.argtypes = [POINTER(POINTER(_Functions))]
        found = POINTER(_Functions)()
        _good("C_GetFunctionList", library.C_GetFunctionList(byref(found)))
        self._library, self._calls = library, found.contents.calls

    def init_token(self, slot: int, so_pin: bytes, label: str) -> None:
        """Make a token in an empty slot: everything in it is lost."""
        name = label.encode().ljust(32)[:32]
        _good("C_InitToken", _Init(self._calls[_INIT_TOKEN])(slot, so_pin, len(so_pin), name))

    def value(self, session: int, handle: int, length: int) -> Secret:
        """The value of an object that may be read, into a buffer that is wiped."""
        room = Secret(bytes(length))
        place = (c_ubyte * length).from_buffer(room.view())
        wanted = _Attribute(_VALUE, ctypes.addressof(place), length)
        result = int(_Get(self._calls[_GET_ATTRIBUTE_VALUE])(session, handle, byref(wanted), 1))
        del place
        if result == 0 and wanted.length != length:
            result = 0x150  # CKR_BUFFER_TOO_SMALL: it has another length than was asked for
        _good("C_GetAttributeValue", result)
        return room


def _good(call: str, result: int) -> None:
    if c_int(result).value:
        raise NativeRefused(call, result)


def block(data: bytes, iv: bytes = b"") -> tuple[bytes, object]:
    """CK_KEY_DERIVATION_STRING_DATA, or with an IV of 8 bytes CK_DES_CBC_ENCRYPT_DATA_PARAMS, as raw bytes.

    The second part holds the memory that the first points to.
    """
    held = ctypes.create_string_buffer(data, len(data))
    return iv + bytes(c_ulong(ctypes.addressof(held))) + bytes(c_ulong(len(data))), held
