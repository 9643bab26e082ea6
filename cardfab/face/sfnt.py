"""Just enough of a font file to know what it can draw: members, names, character map, advances.

Source: ISO/IEC 14496-22 (OpenType): table directory and collections, cmap formats 12 and 4, head, hhea, hmtx, name.
A whole font library takes a second to open a Chinese font; a station opens several before its first card.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class Sfnt:
    """One font of a file; ``groups`` is format 12 of its cmap, shape (n, 3): first, last, glyph of the first."""

    family: str
    units_per_em: int
    groups: NDArray[np.uint32]
    advances: NDArray[np.uint16]

    def glyph(self, character: str) -> int:
        """The glyph index of a character, 0 (``.notdef``) when the font has none for it."""
        code = ord(character)
        at = int(np.searchsorted(self.groups[:, 0], code, side="right")) - 1
        if at < 0:
            return 0
        first, last, glyph = (int(each) for each in self.groups[at])
        return glyph + code - first if code <= last else 0

    def advance(self, glyph: int) -> float:
        """Its advance in em; glyphs past the end of the table share its last entry."""
        return int(self.advances[min(glyph, len(self.advances) - 1)]) / self.units_per_em


def members(path: Path) -> int:
    """How many fonts a file holds."""
    with path.open("rb") as file:
        return len(_offsets(file))


def read(path: Path, member: int = 0) -> Sfnt:
    """Read one font of a file; raises ``ValueError`` when it is no font or has no map of all Unicode."""
    with path.open("rb") as file:
        try:
            tables = _directory(file, _offsets(file)[member])
            (count,) = struct.unpack_from(">H", _table(file, tables, "hhea"), 34)
            metrics = np.frombuffer(_table(file, tables, "hmtx"), dtype=">u2", count=2 * count)
            return Sfnt(
                family=_family(_table(file, tables, "name")),
                units_per_em=int(struct.unpack_from(">H", _table(file, tables, "head"), 18)[0]),
                groups=_groups(_table(file, tables, "cmap")),
                advances=metrics[::2].astype(np.uint16),
            )
        except (struct.error, KeyError, IndexError) as broken:
            raise ValueError(f"{path.name} is not a font") from broken


def _offsets(file: BinaryIO) -> tuple[int, ...]:
    file.seek(0)
    tag, _, count = struct.unpack(">4sII", file.read(12))
    return struct.unpack(f">{count}I", file.read(4 * count)) if tag == b"ttcf" else (0,)


def _directory(file: BinaryIO, offset: int) -> dict[str, tuple[int, int]]:
    file.seek(offset)
    (count,) = struct.unpack_from(">H", file.read(12), 4)
    records = struct.iter_unpack(">4sIII", file.read(16 * count))
    return {tag.decode("latin-1"): (start, length) for tag, _, start, length in records}


def _table(file: BinaryIO, tables: dict[str, tuple[int, int]], tag: str) -> bytes:
    start, length = tables[tag]
    file.seek(start)
    return file.read(length)


def _family(table: bytes) -> str:
    count, storage = struct.unpack_from(">HH", table, 2)
    for platform, encoding, language, name, length, offset in struct.iter_unpack(">6H", table[6 : 6 + 12 * count]):
        if (platform, encoding, language, name) == (3, 1, 0x409, 1):
            return table[storage + offset : storage + offset + length].decode("utf-16-be")
    return ""


def _groups(table: bytes) -> NDArray[np.uint32]:
    (count,) = struct.unpack_from(">H", table, 2)
    for platform, encoding, offset in struct.iter_unpack(">HHI", table[4 : 4 + 8 * count]):
        (form,) = struct.unpack_from(">H", table, offset)
        if form == 12 and (platform == 0 or (platform, encoding) == (3, 10)):
            (length,) = struct.unpack_from(">I", table, offset + 12)
            groups = np.frombuffer(table, dtype=">u4", count=3 * length, offset=offset + 16)
            return groups.reshape(-1, 3).astype(np.uint32)
    for platform, encoding, offset in struct.iter_unpack(">HHI", table[4 : 4 + 8 * count]):
        if (platform, encoding) == (3, 1) and struct.unpack_from(">H", table, offset) == (4,):
            return _segments(table[offset:])
    raise ValueError("no map of Unicode")


def _segments(table: bytes) -> NDArray[np.uint32]:
    """Format 4 (small fonts of one script) as groups of one character each."""
    (doubled,) = struct.unpack_from(">H", table, 6)
    ends, starts, deltas, offsets = (
        struct.unpack_from(f">{doubled // 2}H", table, 14 + row * doubled + (2 if row else 0)) for row in range(4)
    )
    groups = []
    for at, (first, last) in enumerate(zip(starts, ends, strict=True)):
        for code in range(first, min(last, 0xFFFE) + 1):
            glyph = code
            if offsets[at]:
                place = 16 + 3 * doubled + 2 * at + offsets[at] + 2 * (code - first)
                (glyph,) = struct.unpack_from(">H", table, place)
            if glyph:
                groups.append((code, code, (glyph + deltas[at]) & 0xFFFF))
    return np.array(groups, dtype=np.uint32).reshape(-1, 3)
