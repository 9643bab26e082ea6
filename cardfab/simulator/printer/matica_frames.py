"""Framing of the XID printers on TCP: big-endian words of four bytes.

Word 0 kind, word 1 how many words follow it, word 2 parameter (in an answer: status), word 3 sequence, then data. An
odd first byte is an answer. From the published notes of one user's printer; nothing from its maker.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = (4 << 20) // 4
"""Words: above a panel of any model."""

DOCUMENT, COMMAND, PANEL = 0xF2000300, 0xF0000100, 0xF0000200
SETTINGS, PRINT_INFO, INFO = 0xF0000400, 0xF0000500, 0xF0000600
GREETING, DOCUMENT_TAKEN = 0xF3000200, 0xF3000400
DONE, REFUSED, VALUE = 0xF1000100, 0xF1000200, 0xF1000300


class FrameError(Exception):
    """Bytes that no frame begins with: nobody can say where the next one begins."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame either way. ``data`` is a whole number of words."""

    kind: int
    parameter: int
    sequence: int
    data: bytes = b""

    def coded(self) -> bytes:
        return struct.pack(">4I", self.kind, 2 + len(self.data) // 4, self.parameter, self.sequence) + self.data


class FrameParser:
    """Bytes in any portions become frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def incomplete(self) -> bool:
        return bool(self._buffer)

    def drop(self) -> None:
        self._buffer = bytearray()

    def feed(self, portion: bytes) -> Iterator[Frame]:
        """The frames that ``portion`` completes. Raises FrameError."""
        self._buffer += portion
        while len(self._buffer) >= 8:
            kind, words = struct.unpack_from(">2I", self._buffer)
            if kind >> 24 not in (0xF0, 0xF2) or not 2 <= words <= LONGEST:
                raise FrameError(f"{kind:08X} {words:08X}")
            end = 8 + 4 * words
            if len(self._buffer) < end:
                return
            parameter, sequence = struct.unpack_from(">2I", self._buffer, 8)
            data = bytes(memoryview(self._buffer)[16:end])
            del self._buffer[:end]
            yield Frame(kind, parameter, sequence, data)
