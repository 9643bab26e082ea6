"""What a card is made of: directories, files, items, keys, access conditions. LD/T 32 part 3 chapter 5.

The pre-made card is a table of these (:mod:`cardfab.simulator.chip.premade`); other cards are created by commands.
"""

from __future__ import annotations

from dataclasses import dataclass

Access = tuple[frozenset[str], ...]
"""OR of ANDs of the names that must be in the security state. ``FREE`` is one empty AND, ``NEVER`` no AND at all."""

FREE: Access = (frozenset(),)
NEVER: Access = ()


def condition(text: str) -> Access:
    """An access condition as the tables print it: ``FREE``, ``NEVER``, ``PIN|RK1DF01``, ``PIN&RK1DF01``."""
    if text in ("FREE", "NEVER"):
        return FREE if text == "FREE" else NEVER
    return tuple(frozenset(part.split("&")) for part in text.split("|"))


def allows(access: Access, granted: frozenset[str]) -> bool:
    """Whether the security state satisfies the condition."""
    return any(needed <= granted for needed in access)


@dataclass(frozen=True, slots=True)
class Item:
    """One record of a linear file: its tag and the length of its value."""

    tag: int
    length: int


@dataclass(frozen=True, slots=True)
class File:
    """An elementary file: linear TLV records (``items``) or transparent (``size``).

    A file without items names its ``kind`` instead: ``variable``, ``fixed`` or ``cyclic`` records of at most
    ``length`` bytes in ``space`` bytes, or ``internal``. ``line``: 1 MAC, 3 MAC and encryption.
    """

    fid: int
    sfi: int
    read: Access
    write: Access
    write_key: str = ""
    items: tuple[Item, ...] = ()
    size: int = 0
    kind: str = ""
    length: int = 0
    space: int = 0
    line: int = 0

    @property
    def has_records(self) -> bool:
        """Whether READ RECORD applies."""
        return bool(self.items) or self.kind in ("variable", "fixed", "cyclic")


@dataclass(frozen=True, slots=True)
class Key:
    """A key place. ``use``: ``master``, ``internal``, ``external``, ``maintenance``, or one of the purse: ``load``,
    ``purchase``, ``tac``, ``start-day``. ``root``: label of its root. ``groups``: how many versions of it there are.

    ``level``: what a key that was written on the card grants, in the coding of its dialect.
    """

    name: str
    kid: int
    use: str
    root: str = ""
    level: int = 0
    groups: int = 1


@dataclass(frozen=True, slots=True)
class Directory:
    """MF, DDF or ADF. ``parent`` is the FID of the directory above.

    ``label``: the application label of the DIR entry. ``log``: FID of the cyclic file in which the purse of the
    directory writes its transactions; 0 where there is no purse.
    """

    fid: int
    name: bytes
    parent: int | None
    files: tuple[File, ...] = ()
    keys: tuple[Key, ...] = ()
    label: str = ""
    log: int = 0

    @property
    def path(self) -> str:
        """The name in memory cells."""
        return f"{self.fid:04X}"


MF, SSSE, DIR_SFI = 0x3F00, 0xDDF1, 0x1E


def group(version: int) -> str:
    """What follows the name of a key, or of its counter, in memory cells: nothing for version 1."""
    return "" if version == 1 else f"/v{version}"
