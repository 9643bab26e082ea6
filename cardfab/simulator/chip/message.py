"""The command as the chip receives it. ISO 7816-4 cases 1 to 4; extended lengths where the card has them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cardfab.simulator.chip import word
from cardfab.simulator.chip.word import Refused


@dataclass(frozen=True, slots=True)
class Command:
    """One command. ``le`` is 1..256, or to 65536 with ``extended`` lengths, or None where the reader sent none."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None
    extended: bool = False

    @property
    def p1p2(self) -> int:
        """Both parameters as one number."""
        return self.p1 << 8 | self.p2

    @property
    def room(self) -> int:
        """How many bytes of answer data fit."""
        return self.le or (65536 if self.extended else 256)

    def header(self, lc: int) -> bytes:
        """CLA INS P1 P2 Lc, as it enters a MAC: Lc in one byte, or in three of an extended command."""
        length = b"\x00" + lc.to_bytes(2) if self.extended or lc > 255 else bytes((lc,))
        return bytes((self.cla, self.ins, self.p1, self.p2)) + length

    def plain(self, data: bytes) -> Command:
        """The command without secure messaging, with this data."""
        return replace(self, cla=self.cla & ~0x04, data=data)


def parse(apdu: bytes, *, extended: bool = False) -> Command:
    """An APDU of 4 to 261 bytes, with ``extended`` to 65544; raises :class:`Refused` 6700."""
    if len(apdu) < 4:
        raise Refused(word.WRONG_LENGTH)
    (cla, ins, p1, p2), body = apdu[:4], apdu[4:]
    if not body:
        return Command(cla, ins, p1, p2)
    if len(body) == 1:
        return Command(cla, ins, p1, p2, le=body[0] or 256)
    if extended and body[0] == 0 and len(body) >= 3:
        return _parse_extended(Command(cla, ins, p1, p2, extended=True), body[1:])
    lc = body[0]
    data, rest = body[1 : 1 + lc], body[1 + lc :]
    if lc == 0 or len(data) != lc or len(rest) > 1:  # Lc 00 would begin an extended length
        raise Refused(word.WRONG_LENGTH)
    return Command(cla, ins, p1, p2, data=data, le=(rest[0] or 256) if rest else None)


def _parse_extended(head: Command, body: bytes) -> Command:
    """What follows the 00: Le 2, or Lc 2, data and perhaps Le 2."""
    if len(body) == 2:
        return replace(head, le=int.from_bytes(body) or 65536)
    lc = int.from_bytes(body[:2])
    data, rest = body[2 : 2 + lc], body[2 + lc :]
    if lc == 0 or len(data) != lc or len(rest) not in (0, 2):
        raise Refused(word.WRONG_LENGTH)
    return replace(head, data=data, le=(int.from_bytes(rest) or 65536) if rest else None)


def fitted(command: Command, data: bytes) -> bytes:
    """The answer data, or :class:`Refused` 6Cxx where Le is too short for it."""
    if command.le is not None and command.le < min(len(data), 256):  # what exceeds 256 is fetched by GET RESPONSE
        raise Refused(word.exact_length(len(data)))
    return data


def exactly(command: Command, data: bytes) -> bytes:
    """The answer data where Le names its exact length, else 6Cxx: READ RECORD of LD/T 32 part 5."""
    if command.le != len(data):
        raise Refused(word.exact_length(len(data)))
    return data


def expect(condition: bool, sw: int) -> None:
    """Refuse with ``sw`` unless the condition holds."""
    if not condition:
        raise Refused(sw)
