"""The non-volatile memory: named cells, written all or nothing, with a power cut on request. A rig persists it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cardfab.simulator.chip.word import PowerCut

ERASED = b"\xff\xff"


@dataclass(slots=True)
class Memory:
    """Cells by name; a plain picklable value.

    A write goes as a chip does it: the changes into a journal, a mark that the journal is whole, the cells, the mark
    off again. :meth:`recover` at power on carries out a whole journal and drops any other (part 7, chapter 14).

    ``tear_after``: cut the power during the n-th write from now (1 is the next one), then forget the wish.
    ``tear_keeps``: whether the torn write took effect; both ends of an all-or-nothing write are possible on a card.
    ``tear_byte``: cut the power before the n-th byte from now, marks counted.
    """

    cells: dict[str, bytes] = field(default_factory=dict)
    tear_after: int | None = None
    tear_keeps: bool = False
    tear_byte: int | None = None
    journal: bytes = b""
    whole: bool = False

    def read(self, name: str, default: bytes = b"") -> bytes:
        """The cell, or ``default`` where it was never written."""
        return self.cells.get(name, default)

    def number(self, name: str) -> int:
        """The cell as an unsigned number, 0 where it was never written."""
        return int.from_bytes(self.cells.get(name, b""))

    def has(self, name: str) -> bool:
        """Whether the cell was ever written."""
        return name in self.cells

    def under(self, prefix: str) -> dict[str, bytes]:
        """The cells whose name begins with ``prefix``, by the rest of the name, sorted."""
        found = [name for name in self.cells if name.startswith(prefix)]
        return {name[len(prefix) :]: self.cells[name] for name in sorted(found)}

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Write all the cells or none, None erases; raises :class:`PowerCut` where one was asked for."""
        if self.tear_byte is not None:
            self._write_bytes(changes)
            return
        cut = False
        if self.tear_after is not None:
            self.tear_after -= 1
            cut = self.tear_after <= 0
        if not cut or self.tear_keeps:
            self.cells = _merged(self.cells, changes)
        if cut:
            self.tear_after = None
            raise PowerCut

    def recover(self) -> None:
        """Settle what a power cut left behind."""
        self.cells = self.settled()
        self.journal, self.whole = b"", False

    def settled(self) -> dict[str, bytes]:
        """The cells as they are after :meth:`recover`."""
        return _merged(self.cells, _decoded(self.journal)) if self.whole else self.cells

    def _write_bytes(self, changes: Mapping[str, bytes | None]) -> None:
        """The same byte by byte; a cut leaves journal and cells as they are at that moment."""
        for byte in _encoded(changes):
            self._spend()
            self.journal += bytes((byte,))
        self._spend()
        self.whole = True
        cells = self.cells = dict(self.cells)
        for name, value in changes.items():
            if not value:
                self._spend()
            if value is None:
                cells.pop(name, None)
                continue
            old = cells.get(name, b"")
            for n in range(len(value)):
                self._spend()
                cells[name] = value[: n + 1] + old[n + 1 :]
            cells[name] = value
        self._spend()
        self.journal, self.whole = b"", False

    def _spend(self) -> None:
        if self.tear_byte is None:
            return
        self.tear_byte -= 1
        if self.tear_byte <= 0:
            self.tear_byte = None
            raise PowerCut


def _merged(cells: Mapping[str, bytes], changes: Mapping[str, bytes | None]) -> dict[str, bytes]:
    return {name: value for name, value in {**cells, **changes}.items() if value is not None}


def _encoded(changes: Mapping[str, bytes | None]) -> bytes:
    """Each change: length and name, length and value; the length FFFF erases."""
    out = b""
    for name, value in changes.items():
        out += bytes((len(name),)) + name.encode("ascii")
        out += ERASED if value is None else len(value).to_bytes(2) + value
    return out


def _decoded(journal: bytes) -> dict[str, bytes | None]:
    changes: dict[str, bytes | None] = {}
    while journal:
        name, rest = journal[1 : 1 + journal[0]].decode("ascii"), journal[1 + journal[0] :]
        if rest[:2] == ERASED:
            changes[name], journal = None, rest[2:]
        else:
            end = 2 + int.from_bytes(rest[:2])
            changes[name], journal = rest[2:end], rest[end:]
    return changes


@dataclass(frozen=True, slots=True)
class Tries:
    """An error counter. It is taken down before the comparison, so that pulling the card out gives no free try."""

    memory: Memory
    name: str

    @property
    def left(self) -> int:
        """Tries that are left; 0 is blocked."""
        return self.memory.number(self.name + "/left")

    def take(self) -> None:
        """Count one try as lost."""
        self.memory.write({self.name + "/left": bytes((self.left - 1,))})

    def restore(self) -> None:
        """Back to the limit after a success."""
        self.memory.write({self.name + "/left": self.memory.read(self.name + "/limit")})

    @staticmethod
    def cells(name: str, limit: int) -> dict[str, bytes]:
        """The cells of a fresh counter."""
        return {name + "/left": bytes((limit,)), name + "/limit": bytes((limit,))}
