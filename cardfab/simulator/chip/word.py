"""Status words of the training chip and the exceptions that carry them. LD/T 32 part 5 T5; GPC 2.1.1 11; EMV book 3."""

from __future__ import annotations


class Refused(Exception):
    """A command answered with a status word other than 9000."""

    def __init__(self, sw: int) -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw


class PowerCut(Exception):
    """The power went away during a write of the non-volatile memory; there is no answer."""


OK = 0x9000
AUTHENTICATION_FAILED = 0x6300  # host cryptogram, GPC 2.1.1 E.5.2
WRONG_LENGTH = 0x6700
INCOMPATIBLE_FILE = 0x6981
NOT_AUTHORISED = 0x6982
KEY_BLOCKED = 0x6983
NO_CHALLENGE = 0x6984
CONDITIONS = 0x6985
NO_CURRENT_FILE = 0x6986
MAC_MISSING = 0x6987
MAC_WRONG = 0x6988
WRONG_DATA = 0x6A80
CARD_BLOCKED = 0x6A81
FILE_NOT_FOUND = 0x6A82
RECORD_NOT_FOUND = 0x6A83
NO_SPACE = 0x6A84
LC_AGAINST_TLV = 0x6A85
WRONG_P1P2 = 0x6A86
NOT_FOUND = 0x6A88  # key or data object
WRONG_OFFSET = 0x6B00
UNKNOWN_INS = 0x6D00
UNKNOWN_CLA = 0x6E00
INTERNAL = 0x6F00
APPLICATION_BLOCKED = 0x9303


def tries_left(count: int) -> int:
    """63Cx: wrong, ``count`` tries are left."""
    return 0x63C0 | min(count, 15)


def exact_length(length: int) -> int:
    """6Cxx: ask again with this Le."""
    return 0x6C00 | (length & 0xFF)
