"""PIN entry at the reader: PC/SC part 10 (v2.02.09), so that the digits go from its keys to the chip and nowhere else.

A command whose PIN the reader puts in is a :class:`PinCommand`: the APDU with places kept free, and where they are. It
runs through an exchange like any other; a connection that is a :class:`PinReader` carries it out. Here are the bytes::

    GET_FEATURE_REQUEST  (part 10, 2.2)    tag 1 | length 04 | control code, 4 bytes, big endian; repeated
    TLV properties       (part 10, 2.6.14) tag 1 | length 1  | value, little endian; 06 bMinPINSize, 07 bMaxPINSize
    PIN_VERIFY           (part 10, 2.5.2)  19 bytes, then the APDU
    PIN_MODIFY           (part 10, 2.5.3)  24 bytes, then the APDU; numbers of 2 and 4 bytes are little endian
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

from cardfab.apdu.message import ApduMalformed, CommandApdu
from cardfab.errors import DeviceFault, Text

GET_FEATURES = 3400
"""CM_IOCTL_GET_FEATURE_REQUEST, to be made a control code by SCARD_CTL_CODE (part 10, 2.2)."""
VERIFY_DIRECT, MODIFY_DIRECT, TLV_PROPERTIES = 0x06, 0x07, 0x12
_LEAST, _MOST = 6, 7
_TIMED_OUT, _CANCELLED, _DIFFER, _LENGTH, _ABORTED, _PARAMETER = 0x6400, 0x6401, 0x6402, 0x6403, 0x6480, 0x6B80
_BCD_LEFT_BYTES = 0x81  # bmFormatString: offsets in bytes, PIN at 0 of the data field, justified left, BCD
_ON_KEY = 0x02  # bEntryValidationCondition: complete when the holder presses the green key
CHINESE, ENGLISH = 0x0804, 0x0409
"""Language codes of the prompts (USB LANGID)."""


class PinNotEntered(DeviceFault):
    """The holder gave no PIN: time, the red key, two that differ. Nothing went to the card."""

    default_code = "CF-5641"


class NoPinReader(DeviceFault):
    """The reader has no keys of its own, or none for this."""

    default_code = "CF-5642"

    def __init__(self) -> None:
        super().__init__(
            Text("The reader takes no PIN at its own keys.", "读卡器不支持在自带键盘上输入密码。"),
            do=Text(
                "Use the pin pad, or a reader with keys (PC/SC part 10).", "请使用密码键盘，或换用带键盘的读卡器。"
            ),
        )


@dataclass(frozen=True, slots=True)
class PinFeatures:
    """What a reader can do: control codes, None where it cannot; how many digits its keys take."""

    verify: int | None = None
    modify: int | None = None
    least: int = 0
    most: int = 0xFF

    @property
    def any(self) -> bool:
        """Whether it has keys for PINs at all."""
        return self.verify is not None


@dataclass(frozen=True, slots=True)
class PinPlace:
    """How many digits the reader takes."""

    least: int
    most: int

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most <= 16:
            raise ApduMalformed(
                f"a PIN of {self.least} to {self.most} digits", f"密码长度 {self.least} 至 {self.most} 位"
            )

    @property
    def block(self) -> int:
        """Bytes of a PIN of one length only, two digits a byte; 0 where the reader has to count them."""
        return (self.most + 1) // 2 if self.least == self.most else 0


@dataclass(frozen=True, slots=True, repr=False)
class PinCommand(CommandApdu):
    """A command with the place of a PIN: ``data`` is what stands there before the digits do."""

    place: PinPlace = field(default=PinPlace(4, 12), compare=False)
    new_at: int | None = field(default=None, compare=False)
    """Where the new PIN of a change stands in the data field; the old one stands at 0."""
    language: int = field(default=CHINESE, compare=False)


@runtime_checkable
class PinReader(Protocol):
    """A connection whose reader has keys."""

    def pin_features(self) -> PinFeatures:
        """What its keys can do."""
        ...

    def enter_pin(self, command: PinCommand, /) -> bytes:
        """Have the holder enter the PIN, send the command; the card's response. Raises :class:`PinNotEntered`."""
        ...


def features_of(connection: object) -> PinFeatures:
    """What the reader of a connection can do; nothing where it is not asked."""
    return connection.pin_features() if isinstance(connection, PinReader) else PinFeatures()


def entered_at(connection: object, command: PinCommand) -> bytes:
    """Carry a command out at the reader's keys; raises :class:`NoPinReader` where it has none."""
    if not isinstance(connection, PinReader):
        raise NoPinReader
    return connection.enter_pin(command)


def verify_command(place: PinPlace, *, language: int = CHINESE) -> PinCommand:
    """VERIFY (00 20 00 00), the PIN packed two digits a byte, FF behind them (LD/T 32 part 5, 6.14)."""
    data = b"\xff" * place.block
    return PinCommand(0x00, 0x20, 0x00, 0x00, data, None, True, "VERIFY PIN", place, None, language)


def change_command(place: PinPlace, *, language: int = CHINESE) -> PinCommand:
    """CHANGE PIN (80 5E 01 00): old | FF | new. Only PINs of one length: the second place must be known."""
    if not place.block:
        raise ApduMalformed("a change at the reader needs PINs of one length", "读卡器改密须为固定长度密码")
    data = b"\xff" * (2 * place.block + 1)
    return PinCommand(0x80, 0x5E, 0x01, 0x00, data, None, True, "CHANGE PIN", place, place.block + 1, language)


def within(command: PinCommand, features: PinFeatures) -> PinCommand:
    """The command with the reader's own limits of length; raises :class:`NoPinReader` where they leave none."""
    place = command.place
    least, most = max(place.least, features.least), min(place.most, features.most or 0xFF)
    if least > most or (place.block and (least, most) != (place.least, place.most)):
        raise NoPinReader
    return replace(command, place=PinPlace(least, most)) if (least, most) != (place.least, place.most) else command


def features(answer: bytes) -> PinFeatures:
    """Read the answer to GET_FEATURE_REQUEST; what is cut short is no feature."""
    codes: dict[int, int] = {}
    at = 0
    while at + 6 <= len(answer) and answer[at + 1] == 4:
        codes[answer[at]] = int.from_bytes(answer[at + 2 : at + 6], "big")
        at += 6
    return PinFeatures(codes.get(VERIFY_DIRECT), codes.get(MODIFY_DIRECT))


def control_code(answer: bytes, tag: int) -> int | None:
    """The control code of any feature in the answer to GET_FEATURE_REQUEST."""
    at = 0
    while at + 6 <= len(answer) and answer[at + 1] == 4:
        if answer[at] == tag:
            return int.from_bytes(answer[at + 2 : at + 6], "big")
        at += 6
    return None


def limits(of: PinFeatures, properties: bytes) -> PinFeatures:
    """The features with the least and most digits that the reader's properties tell; 0 is no limit."""
    found: dict[int, int] = {}
    at = 0
    while at + 2 <= len(properties) and at + 2 + properties[at + 1] <= len(properties):
        length = properties[at + 1]
        found[properties[at]] = int.from_bytes(properties[at + 2 : at + 2 + length], "little")
        at += 2 + length
    return replace(of, least=found.get(_LEAST, 0), most=found.get(_MOST, 0) or 0xFF)


@dataclass(frozen=True, slots=True)
class PinVerify:
    """PIN_VERIFY (part 10, 2.5.2), its fields in order and by the standard's names."""

    data: bytes
    """abData, the APDU. Where the reader finds out the length of the PIN, Lc is 00 and the reader sets it."""
    format_string: int = _BCD_LEFT_BYTES
    block_string: int = 0
    length_format: int = 0
    least: int = 4
    most: int = 12
    validation: int = _ON_KEY
    messages: int = 1
    language: int = CHINESE
    message: int = 0
    seconds: tuple[int, int] = (30, 30)
    """bTimerOut, bTimerOut2: for all of it, and after the first key."""

    def to_bytes(self) -> bytes:
        """19 bytes and the APDU."""
        head = (*self.seconds, self.format_string, self.block_string, self.length_format)
        digits = self.least << 8 | self.most  # wPINMaxExtraDigit: XXYY, XX the least
        rest = (self.validation, self.messages, self.language, self.message, bytes(3), len(self.data))
        return struct.pack("<5BHBBHB3sI", *head, digits, *rest) + self.data


@dataclass(frozen=True, slots=True)
class PinModify:
    """PIN_MODIFY (part 10, 2.5.3), its fields in order and by the standard's names."""

    data: bytes
    format_string: int = _BCD_LEFT_BYTES
    block_string: int = 0
    length_format: int = 0
    offset_old: int = 0
    offset_new: int = 0
    least: int = 4
    most: int = 12
    confirm: int = 0x03
    """bConfirmPIN: 01 the new PIN is confirmed, 02 the current one is asked for."""
    validation: int = _ON_KEY
    messages: int = 3
    language: int = CHINESE
    message: tuple[int, int, int] = (0, 1, 2)
    seconds: tuple[int, int] = (30, 30)

    def to_bytes(self) -> bytes:
        """24 bytes and the APDU."""
        head = (*self.seconds, self.format_string, self.block_string, self.length_format)
        digits = self.least << 8 | self.most
        rest = (self.confirm, self.validation, self.messages, self.language, *self.message, bytes(3), len(self.data))
        return struct.pack("<7BH3BH3B3sI", *head, self.offset_old, self.offset_new, digits, *rest) + self.data


def structure(command: PinCommand) -> bytes:
    """What the reader is told: PIN_VERIFY, or PIN_MODIFY for a command with a place for a new PIN."""
    place, apdu = command.place, command.header + bytes((len(command.data),)) + command.data
    if command.new_at is None:
        return PinVerify(
            apdu, block_string=place.block, least=place.least, most=place.most, language=command.language
        ).to_bytes()
    return PinModify(
        apdu, block_string=place.block, offset_new=command.new_at, least=place.least, most=place.most,
        language=command.language,
    ).to_bytes()  # fmt: skip


def response(answer: bytes) -> bytes:
    """The card's response in what the reader answered; raises :class:`PinNotEntered` for the reader's own words.

    They say that nothing was sent. 6400 could be a card's too: of a card that says no more than that nothing changed,
    the same is true.
    """
    word = int.from_bytes(answer[-2:], "big") if len(answer) == 2 else 0
    if word in _REFUSALS:
        raise PinNotEntered(
            _REFUSALS[word],
            do=Text("Ask the holder once more.", "请持卡人重新输入。"),
            code=_CODES.get(word, "CF-5641"),
        )
    return answer


_REFUSALS = {
    _TIMED_OUT: Text("The holder entered no PIN in time.", "持卡人未在规定时间内输入密码。"),
    _CANCELLED: Text("The holder cancelled the entry of the PIN.", "持卡人取消了密码输入。"),
    _DIFFER: Text("The two new PINs differ; nothing was changed.", "两次输入的新密码不一致，未作更改。"),
    _LENGTH: Text("The PIN has too few or too many digits.", "密码位数不符。"),
    _ABORTED: Text("The entry of the PIN was broken off.", "密码输入已中止。"),
    _PARAMETER: Text("The reader does not take PINs of this form.", "读卡器不支持该密码格式。"),
}
_CODES = {_PARAMETER: "CF-5643"}
