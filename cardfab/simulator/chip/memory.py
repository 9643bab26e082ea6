"""The non-volatile memory: named cells, written all or nothing, with a power cut on request. A rig persists it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cardfab.simulator.chip.word import PowerCut


@dataclass(slots=True)
class Memory:
    """Cells by name; a plain picklable value.

    ``tear_after``: cut the power during the n-th write from now (1 is the next one), then forget the wish.
    ``tear_keeps``: whether the torn write took effect; both ends of an all-or-nothing write are possible on a card.
    """

    cells: dict[str, bytes] = field(default_factory=dict)
    tear_after: int | None = None
    tear_keeps: bool = False

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
        return {name[len(prefix) :]: value for name, value in sorted(self.cells.items()) if name.startswith(prefix)}

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Write all the cells or none, None erases; raises :class:`PowerCut` where one was asked for."""
        cut = False
        if self.tear_after is not None:
            self.tear_after -= 1
            cut = self.tear_after <= 0
        if not cut or self.tear_keeps:
            merged = {**self.cells, **changes}
            self.cells = {name: value for name, value in merged.items() if value is not None}
        if cut:
            self.tear_after = None
            raise PowerCut


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
