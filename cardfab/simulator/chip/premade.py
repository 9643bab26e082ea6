"""The pre-made card as a table: files, items, access conditions and keys. LD/T 32.6-2015 (V2.0) tables 3 to 9.

Key ids by part 9 appendix B1; those it does not print are the training card's own (:data:`TABLE` marks them ``?``).
A line at the margin is a directory: FID, name in hex, label. Below it a key is ``name id use groups``, a file
``EFxx structure read write items``, items as ``tag:length`` in record order, all numbers in hex but groups and record
counts. Structures: ``variable``, ``fixed``, ``transparent:size``, ``cyclic:length*records``, ``purse:log``.

A region extends the card by text of the same form: a new directory, or under a known FID new keys and files, ``EFxx
+tag:length`` for further items, ``EFxx *records`` for more cyclic records. Files that the document calls reserved
(DF01 EF16 to EF1A) are not created.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from cardfab.simulator.chip.layout import FREE, MF, SSSE, Directory, File, Item, Key, condition
from cardfab.simulator.chip.memory import Memory

VERSION, ACCOUNT_ONLY, UNEMPLOYMENT, EXTENSION = "os/version", "os/account-only", "os/unemployment", "os/extension"
DF01, DF02, DF03, DF04 = 0xDF01, 0xDF02, 0xDF03, 0xDF04
ACCOUNT_ONLY_RECORD = 0x14  # part 7 chapter 12: a log of 20 bytes means the account alone

TABLE = """
3F00
  MK 00 master
DDF1 7378312E73682EC9E7BBE1B1A3D5CF
  IRK 00 internal 3
  MK 00 master
  STK 02 maintenance
  UKSSSE 04 external 3
  BK 05 external
  PUK 06 external
  RKSSSE 0A external 3
  EF05 variable FREE UKSSSE 01:10 02:01 03:04 04:0C 05:04 06:04 07:09
  EF06 variable FREE UKSSSE 08:12 09:1E 4E:14 0A:01 0B:01 0C:03 0D:04
  EF07 transparent:300 RKSSSE UKSSSE
  EF08 transparent:1000 RKSSSE UKSSSE
DF01 D15600000500 公共应用信息区
  MK 00 master
  STK 82 maintenance
  UK1 83 external 3
  UK2 84 external 3
  UK3 85 external 3
  UK4 86 external 3
  UK5 87 external 3
  RK1 88? external 3
  UK6 89? external 3
  UK7 8A? external 3
  UK8 8B? external 3
  UK9 8C? external 3
  UKA 8D? external 3
  UKB 8E? external 3
  EF05 variable PIN|RK1DF01 UK1DF01 20:02 21:50 0E:03
  EF06 variable PIN|RK1DF01 UK4DF01 23:50 24:03 28:0F 2C:32 2D:0F
  EF07 variable PIN|RK1DF01 UK2DF01 29:01
  EF08 variable PIN|RK1DF01 UK3DF01 2B:01
  EF09 variable PIN|RK1DF01 UK2DF01 2E:46 30:09 32:02
  EF0A variable PIN|RK1DF01 UK5DF01 37:03 38:02 39:04
  EF15 variable PIN|RK1DF01 UK6DF01 2A:01 40:34 40:34 40:34
DF02 D15600000501 就业与失业信息区
  MK 00 master
  STK 82 maintenance
  UK1 83 external 3
  UK2 84 external 3
  UK3 85 external 3
  UK4 86 external 3
  UK5 87 external 3
  RK1 88? external 3
  UK6 89? external 3
  EF05 variable PIN|RK1DF02 UK1DF02 42:03 41:03 43:6C 43:6C 44:65 44:65
  EF06 variable PIN|RK1DF02 UK2DF02 4C:04 4B:05 4D:03 60:04 4F:06 50:03 3A:07
  EF07 cyclic:55*4 PIN|RK1DF02 UK3DF02
  EF09 variable PIN|RK1DF02 UK4DF02 55:10 56:46 96:04 97:03
  EF15 variable PIN|RK1DF02 UK5DF02 99:10 99:10 99:10 99:10 0F:04 1F:03
  EF16 cyclic:12*4 PIN|RK1DF02 UK6DF02
DF03 D15600000502 社会保险信息区1
  MK 00 master
  STK 82 maintenance
  LK 83 external
  RK1 84 external 3
  RK2 85 external 3
  UK1 86 external 3
  UK2 87 external 3
  UK3 88 external 3
  UK4 89? external 3
  UK5 8A? external 3
  UK6 8B? external 3
  UK7 8C? external 3
  UK8 8D? external 3
  EF05 variable PIN|RK2DF03 UK1DF03 61:03 60:04 98:04 62:04 63:03 64:03 65:03 66:03
  EF06 variable PIN|RK1DF03 UK2DF03 45:14 46:02 47:02 48:01 49:01 67:04 6B:3C 4A:61 4A:61 4A:61
  EF07 variable PIN|RK1DF03 UK3DF03 70:03 71:03 6E:04 6C:04 6F:04 73:04
  EF15 variable PIN|RK1DF03 UK4DF03 7A:03 7B:04 7C:04
  EF16 variable PIN|RK1DF03 UK5DF03 51:03 5F:01
  EF17 variable PIN|RK1DF03 UK6DF03 3B:14 3C:46 3D:01 3E:04 3F:3C
  EF18 variable PIN|RK1DF03 UK7DF03 74:03 75:03 76:01 77:04 78:04
  EF19 fixed PIN|RK1DF03 UK8DF03 79:27 79:27 79:27 79:27
DF04 D15600000503 社会保险信息区2
  MK 00 master
  STK 82 maintenance
  LK 83 external
  RK1 84 external 3
  UK1 85 external 3
  UK2 86 external 3
  DSK 87? start-day
  DLK 88? load
  DPK 89? purchase 3
  DTK 8A? tac
  EF05 variable PIN|RK1DF04 UK1DF04 81:08 84:03 87:11 8C:01 80:04 8B:1D 8A:0F 83:09 86:09 89:09 7D:09 7E:09 7F:09 8D:09 8E:09 8F:01
  EF06 variable PIN&RK1DF04 UK2DF04 90:01 92:04 93:02
  EF08 cyclic:1C*60 PIN NEVER
  EF15 cyclic:03*8 PIN|RK1DF04 UK2DF04
  EF1F purse:EF08 NEVER NEVER
DF07 D15600000504 人事人才信息区
  MK 00 master
  STK 82? maintenance
  RK1 83? external 3
  UK1 84? external 3
  UK2 85? external 3
  UK3 86? external 3
  RK2 87? external 3
  RK3 88? external 3
  EF05 variable RK1DF07 UK1DF07 F0:02 F1:01 F2:04 F3:03 F4:04
  EF06 variable RK2DF07 UK2DF07 F5:03 F6:04 F7:46
  EF07 variable RK3DF07 UK3DF07 F8:04 F9:01
"""  # noqa: E501

ADDED_BY_2 = {
    SSSE: {0xEF08},
    DF01: {0xEF15},
    DF02: {0xEF15, 0xEF16},
    DF03: {0xEF15, 0xEF16, 0xEF17, 0xEF18, 0xEF19},
    DF04: {0xEF15},
}
"""Files that a card of the first version has not: what V2.0 marks as added. The rest of 1.x is unverified."""


@dataclass(slots=True)
class _Draft:
    """A directory while the table is read."""

    fid: int
    name: bytes
    label: str
    files: dict[int, File] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)
    log: int = 0

    @property
    def suffix(self) -> str:
        return "" if self.fid == SSSE else "MF" if self.fid == MF else f"{self.fid:04X}"


def directories(
    version: str = "2.0", *, account_only: bool = False, unemployment: str = "DF03", extension: str = ""
) -> dict[int, Directory]:
    """The tree of a card by FID; raises ValueError for an extension that cannot be read.

    ``version`` 3.x protects the holder's file by RKSSSE (2016-38, 10.2). ``account_only``: the log of part 7 chapter
    12 that has the account alone. ``unemployment``: which of DF02 and DF03 has tag 60, which a card has once.
    """
    drafts: dict[int, _Draft] = {}
    _read(TABLE, drafts)
    _without(drafts[DF02 if unemployment == "DF03" else DF03], 0xEF06 if unemployment == "DF03" else 0xEF05, 0x60)
    if version < "2":
        _first_version(drafts)
    if version >= "3":
        drafts[SSSE].files[0xEF06] = replace(drafts[SSSE].files[0xEF06], read=condition("RKSSSE"))
    _read(extension, drafts)
    if account_only:
        log = drafts[DF04].files[0xEF08]
        records = log.space // (log.length + 2)
        space = records * (ACCOUNT_ONLY_RECORD + 2)
        drafts[DF04].files[0xEF08] = replace(log, length=ACCOUNT_ONLY_RECORD, space=space)
    return {one.fid: one for one in _finished(drafts)}


@functools.lru_cache(maxsize=16)
def _known(version: str, account_only: bool, unemployment: str, extension: str) -> tuple[Directory, ...]:
    """The same for cards of the same kind, which a station has many of."""
    tree = directories(version, account_only=account_only, unemployment=unemployment, extension=extension)
    return tuple(tree.values())


def of(memory: Memory) -> dict[int, Directory]:
    """The tree of a pre-made card, by what its memory says of it."""
    default = b"3.0" if memory.read("os/algorithm") == b"\x03" else b"2.0"
    known = _known(
        memory.read(VERSION, default).decode("ascii"),
        memory.has(ACCOUNT_ONLY),
        memory.read(UNEMPLOYMENT, b"DF03").decode("ascii"),
        memory.read(EXTENSION).decode("utf-8"),
    )
    return {one.fid: one for one in known}


def _finished(drafts: dict[int, _Draft]) -> Iterator[Directory]:
    """The directories, with the DIR file of the SSSE: one record an application (part 3, 6.3)."""
    applications = sum(1 for one in drafts.values() if one.label)
    for one in drafts.values():
        files = tuple(one.files.values())
        if one.fid == SSSE:
            files += (File(0xEF1E, 0x1E, FREE, (), items=(Item(0x61, 0),) * applications),)
        parent = None if one.fid == MF else MF if one.fid == SSSE else SSSE
        yield Directory(one.fid, one.name, parent, files, tuple(one.keys), one.label, one.log)


def _first_version(drafts: dict[int, _Draft]) -> None:
    """Version 1.x: no name extension, fewer files; what the document does not print of them takes any TLV record."""
    drafts.pop(0xDF07)
    for fid, added in ADDED_BY_2.items():
        for number in added:
            del drafts[fid].files[number]
    _without(drafts[SSSE], 0xEF06, 0x4E)
    for one in drafts.values():
        for file in one.files.values():
            if file.items and one.fid != SSSE:
                one.files[file.fid] = replace(file, items=(), kind="variable", space=0x0800)


def _without(draft: _Draft, fid: int, tag: int) -> None:
    file = draft.files[fid]
    draft.files[fid] = replace(file, items=tuple(item for item in file.items if item.tag != tag))


# Reading the table


def _read(text: str, drafts: dict[int, _Draft]) -> None:
    here: _Draft | None = None
    for line in text.splitlines():
        words = line.split()
        try:
            if not words:
                continue
            if not line[0].isspace():
                here = _directory(words, drafts)
            elif here is None:
                raise ValueError
            elif words[0].startswith("EF") and len(words[0]) == 4:
                _file(words, here)
            else:
                here.keys.append(_key(words, here))
        except (ValueError, IndexError, KeyError):
            raise ValueError(f"the card's table cannot be read at {line.strip()!r}") from None


def _directory(words: list[str], drafts: dict[int, _Draft]) -> _Draft:
    fid = int(words[0], 16)
    if fid not in drafts:
        drafts[fid] = _Draft(fid, bytes.fromhex(words[1]) if len(words) > 1 else b"", "".join(words[2:]))
    return drafts[fid]


def _key(words: list[str], here: _Draft) -> Key:
    """``?`` behind an id says that no document prints it."""
    name, kid, use = words[0], int(words[1].rstrip("?"), 16), words[2]
    place = {SSSE: "SSSE", MF: "MF"}.get(here.fid, f"{here.fid:04X}")
    within = f"MK/{place}" if use == "master" else name if here.fid == SSSE else f"{place}/{name}"
    return Key(name + here.suffix, kid, use, f"ss/{within}", groups=int(words[3]) if len(words) > 3 else 1)


def _item(text: str) -> Item:
    tag, length = text.split(":")
    return Item(int(tag, 16), int(length, 16))


def _file(words: list[str], here: _Draft) -> None:
    fid = int(words[0], 16)
    if words[1][0] in "+*":
        old = here.files[fid]
        more = tuple(_item(word[1:]) for word in words[1:] if word[0] == "+")
        space = int(words[1][1:]) * (old.length + 2) if words[1][0] == "*" else old.space
        here.files[fid] = replace(old, items=old.items + more, space=space)
        return
    if fid in here.files:
        raise ValueError
    structure, _, size = words[1].partition(":")
    read, write = condition(words[2]), condition(words[3])
    key = words[3] if words[3] != "NEVER" else ""
    plain = File(fid, fid & 0x1F, read, write, key)
    if structure in ("variable", "fixed"):
        one = replace(plain, items=tuple(_item(word) for word in words[4:]))
    elif structure == "transparent":
        one = replace(plain, size=int(size, 16))
    elif structure == "cyclic":
        length, records = int(size.partition("*")[0], 16), int(size.partition("*")[2])
        one = replace(plain, kind="cyclic", length=length, space=records * (length + 2))
    elif structure == "purse":
        here.log = int(size, 16)
        one = replace(plain, kind="internal")
    else:
        raise ValueError
    here.files[fid] = one
