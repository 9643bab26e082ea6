"""What the payment application keeps, and the one place that knows its cells: groupings, data objects, counters."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.simulator.chip import groupings, tlv
from cardfab.simulator.chip.memory import Memory, Tries

HISTORY = "history"  # what the last transactions left for CVR bytes 2 and 3
BLOCKED = "blocked"
AMOUNT, CURRENCY, COUNTRY = "offline/amount", "offline/currency", "offline/country"
COUNTERS = (AMOUNT, CURRENCY, COUNTRY)  # approved off line since the last time on line
LOG, LOAD_LOG = "log", "log/load"

Changes = dict[str, bytes | None]


def decimal(value: bytes) -> int:
    """A number of format n; raises ValueError where a digit is none."""
    return int(value.hex() or "0")


def packed(amount: int) -> bytes:
    """An amount of format n 12."""
    return bytes.fromhex(f"{amount:012d}")


@dataclass(frozen=True, slots=True)
class CardData:
    """A view of the memory; writing is the commands' own, each in one write."""

    memory: Memory
    cell: str

    def dgi(self, dgi: int) -> bytes:
        """A grouping, empty where it is not loaded."""
        return self.memory.read(f"{self.cell}/dgi/{dgi:04X}")

    def loaded(self, dgi: int) -> bool:
        """Whether the grouping is there."""
        return self.memory.has(f"{self.cell}/dgi/{dgi:04X}")

    def tag_cell(self, tag: int) -> str:
        """The cell of an internal data object."""
        return f"{self.cell}/tag/{tag:04X}"

    def kept_cell(self, name: str) -> str:
        """The cell of something that the card itself keeps."""
        return f"{self.cell}/{name}"

    def tag(self, tag: int) -> bytes:
        """An internal data object (0D01, 0E01), empty where it is not loaded."""
        return self.memory.read(self.tag_cell(tag))

    def has(self, tag: int) -> bool:
        """Whether the internal data object is there."""
        return self.memory.has(self.tag_cell(tag))

    def amount(self, tag: int) -> int:
        """An internal data object of format n, 0 where it is not loaded."""
        return decimal(self.tag(tag))

    def count(self, name: str) -> int:
        """A kept counter; amounts are n 12, the others one byte."""
        value = self.memory.read(self.kept_cell(name))
        return decimal(value) if name == AMOUNT else int.from_bytes(value)

    def wherever(self, tag: int) -> bytes:
        """A data object from the internal data, else from the first record that has it; empty where none has."""
        if self.has(tag):
            return self.tag(tag)
        for name, value in self.memory.under(f"{self.cell}/dgi/").items():
            dgi = int(name, 16)
            if groupings.is_record(dgi) and dgi >> 8 <= 10:
                found = dict(tlv.deep(value)).get(tag)
                if found is not None:
                    return found
        return b""

    @property
    def atc(self) -> bytes:
        """Application transaction counter, 9F36."""
        return self.tag(0x9F36)

    @property
    def new(self) -> bool:
        """Whether the card was never on line: 9F13 is 0000."""
        return not any(self.tag(0x9F13))

    @property
    def history(self) -> bytes:
        """What goes into CVR bytes 2 and 3 from transactions before."""
        return self.memory.read(self.kept_cell(HISTORY), bytes(2))

    @property
    def blocked(self) -> bool:
        """Whether the application is blocked, by a script or by the PIN."""
        return self.memory.has(self.kept_cell(BLOCKED))

    @property
    def default_action(self) -> bytes:
        """Application default action, 9F52."""
        return self.tag(0x9F52).ljust(2, b"\x00")

    @property
    def tries(self) -> Tries:
        """The error counter of the PIN."""
        return Tries(self.memory, f"{self.cell}/pin")

    @property
    def has_pin(self) -> bool:
        """Whether there is an off-line PIN: loaded, and with a limit above 0."""
        return self.loaded(groupings.PIN) and self.memory.number(f"{self.cell}/pin/limit") > 0

    @property
    def pin_exhausted(self) -> bool:
        """Whether no try is left."""
        return self.has_pin and self.tries.left == 0

    def offline_amount(self, balance: int, cumulative: int) -> int:
        """9F5D, what can be spent off line with this balance and this amount spent before. Tag 9F68 byte 1 b8 to b6."""
        first = self.tag(0x9F68)[:1] or b"\x80"
        left = max(self.amount(0x9F54) - cumulative, 0)
        if first[0] & 0x40:
            return min(balance, left)
        return max(balance, left) if first[0] & 0x20 else balance
