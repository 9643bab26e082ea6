"""Framing of the ESC language (A5013 p4): bytes in any portions become commands.

``ESC name;p1;p2... CR``. The ESC may be left out after a CR. ``Db`` and ``Dbc`` carry binary data after their last
semicolon, counted and never searched for a CR. NUL between commands is padding of the host's driver.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cardfab.simulator.printer.coding import raw_size

NUL, CR, ESC, SEMICOLON = 0x00, 0x0D, 0x1B, 0x3B

_LONGEST_TEXT = 512
_LARGEST_BITMAP = 1 << 21
"""Above any compressed panel: two bytes a pixel are 1.3 MB."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. ``data`` is the bitmap of Db and Dbc; ``sound`` is False for bytes that are no command."""

    name: str
    parameters: tuple[str, ...] = ()
    data: bytes | None = None
    sound: bool = True

    def __str__(self) -> str:
        text = ";".join((self.name, *self.parameters))
        return text if self.data is None else f"{text};<{len(self.data)} bytes>"


_NONSENSE = Command("", sound=False)


class Parser:
    """Turns a byte stream into commands; what is incomplete waits, and `drop` forgets it when the line breaks."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._data = bytearray()
        self._wanted = 0
        self._state = "outside"
        self._after_cr = False

    @property
    def incomplete(self) -> bool:
        """Whether the last command has begun and not ended."""
        return self._state != "outside"

    def drop(self) -> None:
        """The line broke: forget what was begun. The next command must start with ESC."""
        self._leave(after_cr=False)

    def feed(self, portion: bytes) -> Iterator[Command]:
        """The commands that ``portion`` completes, in order."""
        at = 0
        while at < len(portion):
            if self._state == "data":
                taken = portion[at : at + self._wanted - len(self._data)]
                self._data += taken
                at += len(taken)
                if len(self._data) == self._wanted:
                    self._state = "closing"
                continue
            command = self._byte(portion[at])
            at += 1
            if command is not None:
                yield command

    def _byte(self, byte: int) -> Command | None:
        if self._state == "closing":
            return self._close(byte)
        if self._state == "lost":
            if byte == CR:
                self._leave(after_cr=True)
                return _NONSENSE
            return None
        if self._state == "outside":
            self._begin(byte)
            return None
        return self._text_byte(byte)

    def _begin(self, byte: int) -> None:
        if byte == ESC:
            self._state = "text"
        elif self._after_cr and byte not in (NUL, CR):
            self._state = "text"
            self._text.append(byte)

    def _text_byte(self, byte: int) -> Command | None:
        if byte == ESC:  # the former command lost its CR
            self._leave(after_cr=False)
            self._state = "text"
            return _NONSENSE
        if byte == CR:
            text = bytes(self._text)
            self._leave(after_cr=True)
            return _command(text)
        if byte == NUL or len(self._text) == _LONGEST_TEXT:
            self._state = "lost"
            return None
        self._text.append(byte)
        if byte == SEMICOLON:
            self._look_for_data()
        return None

    def _look_for_data(self) -> None:
        parts = bytes(self._text).split(b";")[:-1]
        if parts[0] == b"Db" and len(parts) == 3:
            size = raw_size(_number(parts[2]))
        elif parts[0] == b"Dbc" and len(parts) == 4:
            size = _number(parts[3])
        else:
            return
        if not 0 < size <= _LARGEST_BITMAP:
            self._state = "lost"  # nobody can count what follows
            return
        self._wanted = size
        self._state = "data"

    def _close(self, byte: int) -> Command | None:
        if byte != CR:  # the count was wrong: the bitmap cannot be trusted
            self._state = "lost"
            return None
        name, *parameters = self._text[:-1].decode("latin-1").split(";")
        command = Command(name, tuple(parameters), bytes(self._data))
        self._leave(after_cr=True)
        return command

    def _leave(self, *, after_cr: bool) -> None:
        self._text.clear()
        self._data = bytearray()
        self._wanted = 0
        self._state = "outside"
        self._after_cr = after_cr


def _number(field: bytes) -> int:
    return int(field) if field.isdigit() and len(field) < 10 else 0


def _command(text: bytes) -> Command:
    if not text or not text.isascii() or not text[:1].isalpha():
        return _NONSENSE
    name, *parameters = text.decode("ascii").split(";")
    return Command(name, tuple(parameters))
