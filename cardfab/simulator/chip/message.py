"""The command as the chip receives it. ISO 7816-4 cases 1 to 4 with short lengths; the chip speaks T=0."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.simulator.chip import word
from cardfab.simulator.chip.word import Refused


@dataclass(frozen=True, slots=True)
class Command:
    """One command. ``le`` is 1..256, or None where the reader sent none."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None

    @property
    def p1p2(self) -> int:
        """Both parameters as one number."""
        return self.p1 << 8 | self.p2

    def header(self, lc: int) -> bytes:
        """CLA INS P1 P2 Lc, as it enters a MAC."""
        return bytes((self.cla, self.ins, self.p1, self.p2, lc))


def parse(apdu: bytes) -> Command:
    """An APDU of 4 to 261 bytes; raises :class:`Refused` 6700."""
    if len(apdu) < 4:
        raise Refused(word.WRONG_LENGTH)
    (cla, ins, p1, p2), body = apdu[:4], apdu[4:]
    if not body:
        return Command(cla, ins, p1, p2)
    if len(body) == 1:
        return Command(cla, ins, p1, p2, le=body[0] or 256)
    lc = body[0]
    data, rest = body[1 : 1 + lc], body[1 + lc :]
    if lc == 0 or len(data) != lc or len(rest) > 1:  # Lc 00 would begin an extended length
        raise Refused(word.WRONG_LENGTH)
    return Command(cla, ins, p1, p2, data=data, le=(rest[0] or 256) if rest else None)


def fitted(command: Command, data: bytes) -> bytes:
    """The answer data, or :class:`Refused` 6Cxx where Le is too short for it."""
    if command.le is not None and command.le < len(data):
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
