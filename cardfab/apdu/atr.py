"""The answer to reset as a value (ISO/IEC 7816-3, 8.2): interface bytes, protocols, historical bytes, their meaning.

::

    TS T0 [TA1 TB1 TC1 TD1] [TA2 ... TD2] ... T1 ... TK [TCK]
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import xor

from cardfab.apdu.message import ApduMalformed
from cardfab.errors import Text

_FI = (372, 372, 558, 744, 1116, 1488, 1860, 0, 0, 512, 768, 1024, 1536, 2048, 0, 0)  # table 7
_DI = (0, 1, 2, 4, 8, 16, 32, 64, 12, 20, 0, 0, 0, 0, 0, 0)  # table 8


@dataclass(frozen=True, slots=True)
class InterfaceByte:
    """One of TA to TD: ``name`` as in the standard ("TA1"), ``protocol`` the T that it is about."""

    name: str
    value: int
    protocol: int


@dataclass(frozen=True, slots=True)
class Atr:
    """An ATR. ``check`` is whether TCK is right; None where no TCK is due (T=0 alone)."""

    raw: bytes
    interface: tuple[InterfaceByte, ...]
    historical: bytes
    check: bool | None

    @property
    def protocols(self) -> tuple[int, ...]:
        """The protocols offered, the first one first; T=0 where nothing is said. T=15 (global bytes) is none."""
        said = tuple(byte.value & 0x0F for byte in self.interface if byte.name.startswith("TD"))
        return tuple(dict.fromkeys(t for t in said if t != 15)) or (0,)

    def byte(self, name: str) -> int | None:
        """One interface byte by its name, or None."""
        return next((byte.value for byte in self.interface if byte.name == name), None)

    @property
    def clock(self) -> tuple[int, int]:
        """Fi and Di of TA1: clock cycles a bit, and the divisor; 372 and 1 where nothing is said (8.3)."""
        ta1 = self.byte("TA1")
        return (372, 1) if ta1 is None else (_FI[ta1 >> 4], _DI[ta1 & 0x0F])

    @property
    def specific(self) -> bool:
        """Whether the card insists on one protocol (TA2 present: specific mode, 6.3.1)."""
        return self.byte("TA2") is not None

    @property
    def information_size(self) -> int | None:
        """IFSC of T=1: the longest block that the card takes; 32 where nothing is said, None without T=1 (11.4.2)."""
        if 1 not in self.protocols:
            return None
        found = (b.value for b in self.interface if b.protocol == 1 and b.name[:2] == "TA" and int(b.name[2:]) > 2)
        return next(found, 32)

    @property
    def capabilities(self) -> bytes:
        """The card capabilities among compact historical bytes (tag 7x of category 00 or 80); empty where none."""
        data = self.historical
        if not data or data[0] not in (0x00, 0x80):
            return b""
        at, end = 1, len(data) - (3 if data[0] == 0x00 else 0)  # category 00 ends with a status indicator
        while at < end:
            length = data[at] & 0x0F
            if data[at] >> 4 == 7:
                return data[at + 1 : min(at + 1 + length, end)]
            at += 1 + length
        return b""

    @property
    def extended_length(self) -> bool:
        """Whether the card says that it takes extended Lc and Le (third capability byte, bit 7; ISO 7816-4, 12.1.2)."""
        return len(self.capabilities) > 2 and bool(self.capabilities[2] & 0x40)

    @property
    def chaining(self) -> bool:
        """Whether it says that it takes command chaining (the same byte, bit 8)."""
        return len(self.capabilities) > 2 and bool(self.capabilities[2] & 0x80)

    def words(self) -> tuple[Text, ...]:
        """What it says, a line at a time, for a person."""
        inverse = self.raw[0] == 0x3F
        fi, di = self.clock
        offered = ", ".join(f"T={t}" for t in self.protocols)
        lines = [
            Text(f"{'inverse' if inverse else 'direct'} convention", "反向约定" if inverse else "正向约定"),
            Text(f"offers {offered}", f"支持 {offered}"),
        ]
        if fi and di:
            lines.append(Text(f"{fi} clock cycles a bit, divided by {di}", f"每位 {fi} 个时钟，除以 {di}"))
        if self.specific:
            lines.append(Text("takes the first protocol only", "仅使用首个协议"))
        if (size := self.information_size) is not None:
            lines.append(Text(f"blocks to {size} bytes (T=1)", f"数据块最长 {size} 字节(T=1)"))
        if self.extended_length:
            lines.append(Text("takes extended length", "支持扩展长度"))
        if self.chaining:
            lines.append(Text("takes command chaining", "支持命令链接"))
        if self.historical:
            text = self.historical.hex().upper()
            lines.append(Text(f"historical bytes {text}", f"历史字节 {text}"))
        if self.check is False:
            lines.append(Text("its check byte TCK is wrong", "校验字节 TCK 错误"))
        return tuple(lines)


def parse_atr(raw: bytes) -> Atr:
    """Read an ATR; raises :class:`ApduMalformed` where it is too short, too long, or starts as none does.

    A wrong TCK is told, not refused: the reader has accepted the card by then.
    """
    if len(raw) < 2 or raw[0] not in (0x3B, 0x3F):
        raise ApduMalformed("an ATR starts with 3B or 3F", "ATR 应以 3B 或 3F 开始")
    if len(raw) > 33:
        raise ApduMalformed(f"an ATR of {len(raw)} bytes, at most 33", f"ATR {len(raw)} 字节，最多 33")
    found: list[InterfaceByte] = []
    at, group, protocol, present = 2, 1, 0, raw[1] >> 4
    while present:
        following = 0
        for bit, letter in enumerate("ABCD"):
            if present >> bit & 1:
                if at >= len(raw):
                    raise _short()
                found.append(InterfaceByte(f"T{letter}{group}", raw[at], protocol))
                following = raw[at] if letter == "D" else 0
                at += 1
        present, protocol, group = following >> 4, following & 0x0F, group + 1
    count = raw[1] & 0x0F
    due = any(byte.name.startswith("TD") and byte.value & 0x0F for byte in found)
    if len(raw) < at + count + due:
        raise _short()
    if len(raw) > at + count + 1:
        raise ApduMalformed("bytes follow the end of the ATR", "ATR 末尾有多余字节")
    has_check = len(raw) == at + count + 1
    return Atr(bytes(raw), tuple(found), bytes(raw[at : at + count]), reduce(xor, raw[1:]) == 0 if has_check else None)


def _short() -> ApduMalformed:
    return ApduMalformed("an ATR that ends too early", "ATR 不完整")
