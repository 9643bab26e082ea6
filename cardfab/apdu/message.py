"""Command and response APDU as values. A command is checked against the cases of ISO/IEC 7816-3, 12.1 when built.

::

    case 1   CLA INS P1 P2
    case 2   CLA INS P1 P2                Le        short Ne 1..256      extended Ne 257..65536
    case 3   CLA INS P1 P2  Lc  data                short Nc 1..255      extended Nc 256..65535
    case 4   CLA INS P1 P2  Lc  data      Le        extended as soon as Nc or Ne does not fit the short form
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cardfab.apdu.status import StatusWord
from cardfab.errors import InputRefused, Text

# The interindustry and the proprietary reading of INS, by bit 8 of CLA.
_INTERINDUSTRY = {
    0x20: "VERIFY", 0x82: "EXTERNAL AUTHENTICATE", 0x84: "GET CHALLENGE", 0x88: "INTERNAL AUTHENTICATE",
    0xA4: "SELECT", 0xB0: "READ BINARY", 0xB2: "READ RECORD", 0xC0: "GET RESPONSE", 0xCA: "GET DATA",
    0xD6: "UPDATE BINARY", 0xDC: "UPDATE RECORD", 0xE2: "APPEND RECORD", 0x70: "MANAGE CHANNEL",
}  # fmt: skip
_PROPRIETARY = {
    0x16: "CARD BLOCK", 0x1E: "APPLICATION BLOCK", 0x24: "PIN UNBLOCK", 0x50: "INITIALIZE UPDATE", 0x5E: "CHANGE PIN",
    0x82: "EXTERNAL AUTHENTICATE", 0xA8: "GET PROCESSING OPTIONS", 0xAE: "GENERATE AC", 0xCA: "GET DATA",
    0xD4: "WRITE KEY", 0xD8: "PUT KEY", 0xE2: "STORE DATA", 0xE4: "DELETE", 0xE6: "INSTALL", 0xE8: "LOAD",
    0xF0: "SET STATUS", 0xF2: "GET STATUS", 0x28: "INITIALIZE", 0x2A: "CREDIT FOR LOAD", 0x2C: "DEBIT FOR PURCHASE",
    0x26: "GET BALANCE", 0x2E: "GET TRANSACTION PROOF", 0x56: "STARTING DAY",
}  # fmt: skip


_NO_INS = frozenset((0x60, 0x90))


class ApduMalformed(InputRefused):
    """Bytes or fields that are no APDU."""

    default_code = "CF-3101"

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(
            Text(f"Not an APDU: {en}.", f"不是合法的 APDU:{zh}。"),
            do=Text("Correct the profile or the trace it comes from.", "请更正其来源的配置或记录文件。"),
        )


def channel_of(cla: int) -> int:
    """The logical channel that a class byte names, 0 to 19 (ISO/IEC 7816-4, 5.4.1)."""
    return (cla & 0x0F) + 4 if cla & 0x40 else cla & 0x03


def ins_name(cla: int, ins: int) -> str:
    """The name of an instruction, or its two hex digits."""
    return (_PROPRIETARY if cla & 0x80 else _INTERINDUSTRY).get(ins, f"{ins:02X}")


@dataclass(frozen=True, slots=True, repr=False)
class CommandApdu:
    """A command: header bytes, ``data`` of Nc 0..65535 bytes, ``ne`` None or 1..65536.

    ``secret`` hides the data field here and in traces, and the response data in traces; ``name`` is for people. Neither
    takes part in comparison. Raises :class:`ApduMalformed`.
    """

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    ne: int | None = None
    secret: bool = field(default=False, compare=False)
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if (self.cla | self.ins | self.p1 | self.p2) & ~0xFF:  # also where one is below 0
            raise ApduMalformed("a header field is outside 00..FF", "命令头字段超出 00..FF")
        if self.ins & 0xF0 in _NO_INS:  # they would read as procedure or status bytes: ISO 7816-3 10.3.2
            raise ApduMalformed(f"INS {self.ins:02X} cannot be an instruction", f"INS {self.ins:02X} 不能作为指令")
        if len(self.data) > 0xFFFF:
            raise ApduMalformed(f"Nc is {len(self.data)}, at most 65535", f"Nc 为 {len(self.data)}，最大 65535")
        if self.ne is not None and not 1 <= self.ne <= 0x10000:
            raise ApduMalformed(f"Ne is {self.ne}, not 1 to 65536", f"Ne 为 {self.ne}，应为 1 至 65536")

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2."""
        return bytes((self.cla, self.ins, self.p1, self.p2))

    @property
    def extended(self) -> bool:
        """Whether the length fields take the extended form."""
        return len(self.data) > 0xFF or (self.ne or 0) > 0x100

    @property
    def case(self) -> str:
        """1, 2S, 2E, 3S, 3E, 4S or 4E."""
        number = 1 + (self.ne is not None) + 2 * bool(self.data)
        return "1" if number == 1 else f"{number}{'E' if self.extended else 'S'}"

    @property
    def title(self) -> str:
        """The name for people, else the name of the instruction."""
        return self.name or ins_name(self.cla, self.ins)

    def _fields(self) -> tuple[bytes, bytes, bytes, bytes]:
        """Header, Lc, data, Le; a field that the case does not have is empty."""
        if not self.extended:
            lc = bytes([len(self.data)]) if self.data else b""
            le = b"" if self.ne is None else bytes([self.ne & 0xFF])
        else:
            lc = b"\x00" + len(self.data).to_bytes(2, "big") if self.data else b""
            le = b"" if self.ne is None else (self.ne & 0xFFFF).to_bytes(2, "big")
            le = b"\x00" + le if le and not lc else le
        return self.header, lc, self.data, le

    def to_bytes(self) -> bytes:
        """The shortest encoding."""
        nc, ne = len(self.data), self.ne
        if nc > 0xFF or (ne is not None and ne > 0x100):
            return b"".join(self._fields())
        # A station sends thousands of short ones: the straight way.
        head = (self.cla, self.ins, self.p1, self.p2)
        raw = bytes((*head, nc)) + self.data if nc else bytes(head)
        return raw if ne is None else raw + bytes((ne & 0xFF,))

    def sent_as(self, cla: int, data: bytes, ne: int | None) -> CommandApdu:
        """The form of this command inside a channel. Not checked again: the channel keeps its lengths in range.

        A third of what wrapping a command costs is making the value; this way takes half of that.
        """
        made = object.__new__(CommandApdu)
        for put, value in zip(_PUT, (cla, self.ins, self.p1, self.p2, data, ne, self.secret, self.name), strict=True):
            put(made, value)
        return made

    def shown(self, *, mask: bool | None = None) -> str:
        """Fields in hex, set apart by a space; ``**`` a byte of a hidden data field (default: when secret)."""
        head, lc, data, le = self._fields()
        body = "**" * len(data) if (self.secret if mask is None else mask) else data.hex().upper()
        return " ".join(part for part in (head.hex().upper(), lc.hex().upper(), body, le.hex().upper()) if part)

    def __repr__(self) -> str:
        return f"CommandApdu({self.title}: {self.shown()})"

    @classmethod
    def from_bytes(cls, raw: bytes, *, secret: bool = False, name: str = "") -> CommandApdu:
        """Parse; an extended field with a value that fits the short form is accepted (and encoded short again)."""
        if len(raw) < 4:
            raise ApduMalformed(f"{len(raw)} bytes are less than a header", f"只有 {len(raw)} 字节，不足命令头")
        data, ne = _body(raw[4:])
        return cls(raw[0], raw[1], raw[2], raw[3], data, ne, secret, name)


_PUT = tuple(CommandApdu.__dict__[name].__set__ for name in CommandApdu.__slots__)


def _body(body: bytes) -> tuple[bytes, int | None]:
    """Data field and Ne of what follows the header, by length alone (ISO 7816-3 12.1.3)."""
    if not body:
        return b"", None
    if len(body) == 1:
        return b"", body[0] or 0x100
    if body[0]:
        nc, start, wide = body[0], 1, 1
    elif len(body) == 3:
        return b"", int.from_bytes(body[1:], "big") or 0x10000
    else:
        nc, start, wide = int.from_bytes(body[1:3], "big"), 3, 2
    rest = body[start + nc :]
    if nc and len(body) >= start + nc and len(rest) in (0, wide):
        ne = (int.from_bytes(rest, "big") or 1 << 8 * wide) if rest else None
        return body[start : start + nc], ne
    raise ApduMalformed(f"Lc {nc} does not agree with {len(body)} bytes of body", f"Lc {nc} 与 {len(body)} 字节不符")


@dataclass(frozen=True, slots=True, repr=False)
class ResponseApdu:
    """Response data and status word. The repr tells the length only: what a card answers may be personal."""

    data: bytes
    sw: StatusWord

    @classmethod
    def from_bytes(cls, raw: bytes) -> ResponseApdu:
        """Data, then SW1 SW2; raises :class:`ApduMalformed` below two bytes."""
        if raw == b"\x90\x00":  # nearly every answer of a personalisation, and a value that can be shared
            return _DONE
        if len(raw) < 2:
            raise ApduMalformed(
                f"a response of {len(raw)} bytes has no status word", f"{len(raw)} 字节的响应没有状态字"
            )
        return cls(bytes(raw[:-2]), StatusWord(raw[-2] << 8 | raw[-1]))

    def to_bytes(self) -> bytes:
        return self.data + self.sw.to_bytes(2, "big")

    def __repr__(self) -> str:
        return f"ResponseApdu({len(self.data)} bytes, {self.sw!r})"


_DONE = ResponseApdu(b"", StatusWord(0x9000))


def historical_bytes(atr: bytes) -> bytes:
    """The historical bytes of an ATR (ISO 7816-3 8.2): on a social-security card T1..TD, the card reset information."""
    if len(atr) >= 2:
        position, y = 2, atr[1] >> 4
        while y:
            td = position + y.bit_count() - 1
            if td >= len(atr):
                break
            position, y = td + 1, atr[td] >> 4 if y & 8 else 0
        count = atr[1] & 0xF
        if not y and len(atr) >= position + count:
            return bytes(atr[position : position + count])
    raise ApduMalformed("an ATR that ends too early", "ATR 不完整")
