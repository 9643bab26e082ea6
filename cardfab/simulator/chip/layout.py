"""The files, items, access conditions and keys of a pre-made card. LD/T 32.6-2015 (V2.0) tables 3 and 4; part 9 B1.

Lengths and tags as printed there. Rows that the document calls reserved (DF01 EF16 to EF1A) are not created.
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

    Files that were created on the card name their ``kind`` instead of items: ``variable``, ``fixed`` or ``cyclic``
    records of at most ``length`` bytes in ``space`` bytes, or ``internal``. ``line``: 1 MAC, 3 MAC and encryption.
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
    """A key place. ``use``: ``master``, ``internal``, ``external`` or ``maintenance``; ``root``: label of its root.

    ``level``: what a key that was written on the card grants, in the coding of its dialect.
    """

    name: str
    kid: int
    use: str
    root: str = ""
    level: int = 0


@dataclass(frozen=True, slots=True)
class Directory:
    """MF, DDF or ADF. ``parent`` is the FID of the directory above."""

    fid: int
    name: bytes
    parent: int | None
    files: tuple[File, ...] = ()
    keys: tuple[Key, ...] = ()

    @property
    def path(self) -> str:
        """The name in memory cells."""
        return f"{self.fid:04X}"


def _records(fid: int, read: str, key: str, items: str) -> File:
    """A linear file; ``items`` is ``tag:length`` in hex, in record order."""
    parsed = tuple(Item(*(int(part, 16) for part in item.split(":"))) for item in items.split())
    return File(fid, fid & 0x1F, condition(read), condition(key), key, parsed)


def _bytes(fid: int, read: str, key: str, size: int) -> File:
    return File(fid, fid & 0x1F, condition(read), condition(key), key, size=size)


MF, SSSE, DF01, DIR_SFI = 0x3F00, 0xDDF1, 0xDF01, 0x1E
SSSE_NAME = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")  # "sx1.sh.社会保障" in GBK
DF01_NAME = bytes.fromhex("D15600000500")

_IDENTITY = "08:12 09:1E 4E:14 0A:01 0B:01 0C:03 0D:04"
_SSSE_KEYS = (
    Key("IRK", 0x00, "internal", "ss/IRK"),
    Key("MK", 0x00, "master", "ss/MK/SSSE"),
    Key("STK", 0x02, "maintenance", "ss/STK"),
    Key("UKSSSE", 0x04, "external", "ss/UKSSSE"),
    Key("BK", 0x05, "external", "ss/BK"),
    Key("PUK", 0x06, "external", "ss/PUK"),
    Key("RKSSSE", 0x0A, "external", "ss/RKSSSE"),
)
_DF01_KEYS = (
    Key("MKDF01", 0x00, "master", "ss/MK/DF01"),
    Key("STKDF01", 0x82, "maintenance", "ss/DF01/STK"),
    *(Key(f"UK{n}DF01", 0x82 + n, "external", f"ss/DF01/UK{n}") for n in range(1, 6)),
    Key("RK1DF01", 0x88, "external", "ss/DF01/RK1"),  # id not published: the training profile's
)
_PERSON = "PIN|RK1DF01"
_DEGREE = "40:34"


def directories(version: int) -> dict[int, Directory]:
    """The tree by FID. ``version`` 3 protects the holder's file by RKSSSE (2016-38, 10.2); 2 leaves it free."""
    identity_read = "RKSSSE" if version >= 3 else "FREE"
    ssse = (
        _records(0xEF05, "FREE", "UKSSSE", "01:10 02:01 03:04 04:0C 05:04 06:04 07:09"),
        _records(0xEF06, identity_read, "UKSSSE", _IDENTITY),
        _bytes(0xEF07, "RKSSSE", "UKSSSE", 0x0300),  # fingerprint
        _bytes(0xEF08, "RKSSSE", "UKSSSE", 0x1000),  # photo
        _records(0xEF1E, "FREE", "NEVER", "61:18"),  # DIR
    )
    df01 = (
        _records(0xEF05, _PERSON, "UK1DF01", "20:02 21:50 0E:03"),
        _records(0xEF06, _PERSON, "UK4DF01", "23:50 24:03 28:0F 2C:32 2D:0F"),
        _records(0xEF07, _PERSON, "UK2DF01", "29:01"),
        _records(0xEF08, _PERSON, "UK3DF01", "2B:01"),
        _records(0xEF09, _PERSON, "UK2DF01", "2E:46 30:09 32:02"),
        _records(0xEF0A, _PERSON, "UK5DF01", "37:03 38:02 39:04"),
        _records(0xEF15, _PERSON, "UK6DF01", f"2A:01 {_DEGREE} {_DEGREE} {_DEGREE}"),  # UK6 is not loaded
    )
    tree = (
        Directory(MF, b"", None),
        Directory(SSSE, SSSE_NAME, MF, ssse, _SSSE_KEYS),
        Directory(DF01, DF01_NAME, SSSE, df01, _DF01_KEYS),
    )
    return {directory.fid: directory for directory in tree}
