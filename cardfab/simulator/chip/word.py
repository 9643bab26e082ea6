"""Status words of the training chip and the exceptions that carry them. LD/T 32 part 5 T5; GPC 2.1.1 11; EMV book 3."""

from __future__ import annotations


class Refused(Exception):
    """A command answered with a status word other than 9000."""

    def __init__(self, sw: int, data: bytes = b"") -> None:
        super().__init__(f"{sw:04X}")
        self.sw = sw
        self.data = data  # a warning may carry some


class PowerCut(Exception):
    """The power went away during a write of the non-volatile memory; there is no answer."""


OK = 0x9000
CARD_LOCKED = 0x6283  # selected all the same, GPC 2.3.1 11.9.3
APPLICATION_LOCKED = 0x6283  # the same of a payment application, EMV book 3, 6.5.2
MORE_DATA = 0x6310  # GET STATUS has further entries, GPC 2.3.1 11.4.3
AUTHENTICATION_FAILED = 0x6300  # host cryptogram, GPC 2.1.1 E.5.2
WRONG_LENGTH = 0x6700
WRONG_STATE = 0x6901  # of the medical purse, part 5 table 49
NO_LOGICAL_CHANNEL = 0x6881
INCOMPATIBLE_FILE = 0x6981
NOT_AUTHORISED = 0x6982
KEY_BLOCKED = 0x6983
NO_CHALLENGE = 0x6984
CONDITIONS = 0x6985
NO_CURRENT_FILE = 0x6986
MAC_MISSING = 0x6987
MAC_WRONG = 0x6988
WRONG_DATA = 0x6A80
NOT_SUPPORTED = CARD_BLOCKED = 0x6A81
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
MAC_INVALID = 0x9302  # of a transaction
APPLICATION_BLOCKED = 0x9303
BALANCE_TOO_SMALL = 0x9401
LIMIT = 0x9402  # of a counter or an amount
KEY_INDEX = 0x9403
NO_PROOF = 0x9406
FILE_EXISTS = 0x9850
KEY_TYPE_UNKNOWN = 0x9484  # PUT KEY, GPC 2.3.1 11.8.3
KEY_CHECK_WRONG = 0x9485


def tries_left(count: int) -> int:
    """63Cx: wrong, ``count`` tries are left."""
    return 0x63C0 | min(count, 15)


def remaining(length: int) -> int:
    """61xx: GET RESPONSE gives this much more, 00 for 256 and above."""
    return 0x6100 | (length if length < 256 else 0)


def warning(sw: int) -> bool:
    """Whether the command was carried out all the same: 62xx and 63xx."""
    return sw >> 8 in (0x62, 0x63)


def exact_length(length: int) -> int:
    """6Cxx: ask again with this Le."""
    return 0x6C00 | (length & 0xFF)
