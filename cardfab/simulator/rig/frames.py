"""The frames of vpcd as a reader answers them: each a 2-byte big-endian length and a payload.

To the reader: 00 power off, 01 power on, 02 reset, 04 get ATR, or an APDU. Back come the ATR and the responses.
"""

from __future__ import annotations

from abc import ABC, abstractmethod


class FramedReader(ABC):
    """One connection of a station: portions of any size in, the answers to whole frames out."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def receive(self, portion: bytes) -> bytes:
        """The answers to the frames that ``portion`` completes."""
        self._buffer += portion
        answers = bytearray()
        while len(self._buffer) >= 2 and len(self._buffer) >= (end := 2 + int.from_bytes(self._buffer[:2])):
            payload = bytes(self._buffer[2:end])
            del self._buffer[:end]
            answer = self._answer(payload)
            if answer is not None:
                answers += len(answer).to_bytes(2) + answer
        return bytes(answers)

    @abstractmethod
    def _answer(self, payload: bytes) -> bytes | None:
        """The payload to send back, or None where nothing goes back."""
