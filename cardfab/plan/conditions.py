"""Access conditions of a file application in the bytes of a dialect: which level a key gives, which a file asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cardfab.apdu.dialect import CosDialect
from cardfab.errors import InputRefused, Text
from cardfab.profile.access import FORBIDDEN, FREE, PIN, alternatives
from cardfab.profile.application import DedicatedFile, FileApplication

PROVED = ("external", "start-day")
"""Uses of keys that the station proves to the chip."""
_LOCK = "/LK"


class StructureRefused(InputRefused):
    """The file application asks for what the dialect cannot make."""

    default_code = "CF-3215"


@dataclass(frozen=True, slots=True)
class Coded:
    """A condition: its halves, the nibble that joins them, and what is asked beside."""

    value: bytes
    join: int
    beside: bytes


@dataclass(frozen=True, slots=True)
class Conditions:
    """The conditions of one file application in one dialect. All raise :class:`StructureRefused`."""

    files: FileApplication
    dialect: CosDialect

    def parent(self, directory: DedicatedFile) -> DedicatedFile | None:
        """The directory above; None: the master file."""
        return None if directory.inside is None else self.files.directory(directory.inside)

    def levels(self, directory: DedicatedFile) -> dict[str, bytes]:
        """The level that proving each key of the directory gives."""
        proved = [name for name, key in directory.keys.items() if key.use in PROVED]
        levels = self.dialect.access.levels
        if len(proved) > len(levels):
            raise StructureRefused(
                Text(
                    f"{directory.name} has {len(proved)} keys to be proved, the dialect '{self.dialect.name}' "
                    f"{len(levels)} levels.",
                    f"{directory.name} 有 {len(proved)} 个认证密钥，方言“{self.dialect.name}”只有 {len(levels)} 级。",
                )
            )
        return dict(zip(proved, levels, strict=False))

    def lock(self, directory: DedicatedFile) -> bytes:
        """What stands in a directory for the key that authorises APPLICATION BLOCK of it (LK, else BK of the SSSE)."""
        own = next((name for name, key in directory.keys.items() if key.label.endswith(_LOCK)), None)
        if self.dialect.locks is not None:
            return self.dialect.locks[own is not None]
        return b"\x00" if own is None else self.levels(directory)[own]

    def of(self, directory: DedicatedFile, condition: str, *, reading: bool) -> Coded:
        """The condition of one file."""
        access = self.dialect.access
        unused = b"" if access.beside is None else access.beside.unused
        if condition in (FREE, FORBIDDEN):
            return Coded(access.free if condition == FREE else access.forbidden, access.any, unused)
        ways = alternatives(condition)
        both = len(ways) == 1 and len(ways[0]) > 1
        if not both and any(len(way) > 1 for way in ways):
            raise self._no(directory, condition)
        names = set().union(*ways)
        own = [level for name, level in self.levels(directory).items() if name in names]
        above = [access.pin] if PIN in names else []
        if both and (len(own) > 1 or not above):
            raise self._no(directory, condition)
        if above and self.parent(directory) is None:
            own, above = [*own, *above], []
            if both:
                raise self._no(directory, condition)
        if "parent" in access.condition.fields:
            return self._halves(directory, condition, own, above, both)
        return self._beside(directory, condition, own, above, both, reading)

    def _halves(
        self, directory: DedicatedFile, condition: str, own: Sequence[bytes], above: Sequence[bytes], both: bool
    ) -> Coded:
        access, fields = self.dialect.access, {}
        for half, levels, place in (("own", own, directory), ("parent", above, self.parent(directory))):
            others = [] if place is None else [*self.levels(place).values(), access.pin]
            level = access.either(levels, [other for other in others if other not in levels])
            if level is None:
                raise self._no(directory, condition)
            fields[half] = level
        return Coded(access.condition.fill(fields), access.all if both else access.any, b"")

    def _beside(
        self,
        directory: DedicatedFile,
        condition: str,
        own: Sequence[bytes],
        above: Sequence[bytes],
        both: bool,
        reading: bool,
    ) -> Coded:
        access = self.dialect.access
        if above and (access.beside is None or not reading):
            raise self._no(directory, condition)
        byte = b"" if access.beside is None else access.beside.unused
        if above and access.beside is not None:
            byte = access.beside.both if both or not own else access.beside.either
        if not own:
            return Coded(access.free, access.any, byte)
        others = [*self.levels(directory).values(), *([access.pin] if self.parent(directory) is None else [])]
        level = access.either(own, [other for other in others if other not in own])
        if level is None:
            raise self._no(directory, condition)
        return Coded(access.condition.fill({"own": level}), access.any, byte)

    def _no(self, directory: DedicatedFile, condition: str) -> StructureRefused:
        return StructureRefused(
            Text(
                f"{directory.name}: the dialect '{self.dialect.name}' cannot express {condition}.",
                f"{directory.name}：卡片方言“{self.dialect.name}”无法表示条件 {condition}。",
            )
        )
