"""What a card of the FMCOS kind is after its pre-personalisation: a social security card over what was created.

With the end the key records become the keys of the social security application. How they are told apart is this card's
own: 34 is the IRK, 36 the STK, 39 an external key (id 00 the master key, of the SSSE 05 BK and 06 PUK), 3A the PIN,
3C, 3E and 3F are DTK, DPK and DLK. An id carries its group: 20 more for version 2, 40 more for version 3. In a
directory with the application byte 97 the external key 83 is the LK. States accumulate from then on; the extended byte
of a file asks for a state of the directory above: 8x instead of its own reading condition, 4x as well.
"""

from __future__ import annotations

from cardfab.simulator.chip import created, layout, stages, word
from cardfab.simulator.chip.created import Conditions, Made
from cardfab.simulator.chip.layout import Access, Directory, Key
from cardfab.simulator.chip.madecard import MadeCard
from cardfab.simulator.chip.memory import Memory, Tries
from cardfab.simulator.chip.message import Command, expect

DIALECT = b"fmcos-card"
INTERNAL, LINE, EXTERNAL, PIN, TAC, PURCHASE, LOAD = 0x34, 0x36, 0x39, 0x3A, 0x3C, 0x3E, 0x3F
OR_ABOVE, AND_ABOVE = 0x80, 0x40
OWN_LOCK, LOCK_KEY = 0x97, 0x83
KEYS = {
    INTERNAL: ("IRK", "internal"),
    LINE: ("STK", "maintenance"),
    TAC: ("DTK", "tac"),
    PURCHASE: ("DPK", "purchase"),
    LOAD: ("DLK", "load"),
}
GLOBAL_NAMES = {0x05: "BK", 0x06: "PUK"}
HEAD = 5


def cells(memory: Memory, tree: dict[int, Directory]) -> dict[str, bytes | None]:
    """What changes when pre-personalisation ends: key records become keys, all in one write."""
    changes: dict[str, bytes | None] = {created.DIALECT: DIALECT}
    for directory in tree.values():
        places: dict[str, Key] = {}
        for name, record in memory.under(f"key/{directory.path}/").items():
            old = f"{directory.path}/{name}"
            limit = memory.number(f"tries/{old}/limit")
            changes |= dict.fromkeys((f"key/{old}", f"tries/{old}/left", f"tries/{old}/limit"))
            if record[0] == PIN:
                where = created.encode({"path": directory.path, "level": record[3] & 0x0F})
                changes |= {"pin": record[HEAD:], created.PIN_PLACE: where, **Tries.cells("tries/PIN", limit)}
                continue
            place, version = _place(memory, directory, record, int(name[2:], 16))
            known = places.get(place.name, place)
            groups = max(version, known.groups)
            places[place.name] = Key(place.name, place.kid, place.use, "", place.level, groups)
            new = f"{directory.path}/{place.name}{layout.group(version)}"
            changes |= {f"key/{new}": record[HEAD:], **Tries.cells(f"tries/{new}", limit)}
        for one in places.values():
            changes |= created.key(directory.fid, one)
    return changes


def _place(memory: Memory, directory: Directory, record: bytes, number: int) -> tuple[Key, int]:
    """The key of a record, and its version."""
    kind, kid, version = record[0], number & 0x9F, (number >> 5 & 0x03) + 1
    level = record[3] & 0x0F if kind == EXTERNAL else 0
    name, use = KEYS.get(kind, ("", "other"))
    if kind == EXTERNAL:
        made = created.made(memory, directory.fid)
        own_lock = made is not None and made.settings[5:6] == bytes((OWN_LOCK,))
        name = GLOBAL_NAMES.get(kid, "") if directory.fid == layout.SSSE else ""
        name = "MK" if kid == 0 else "LK" if own_lock and kid == LOCK_KEY else name
        use = "master" if kid == 0 else "external"
    return Key(name or f"K{kind:02X}{kid:02X}", kid, use, "", level), version


class _States(Conditions):
    def access(self, made: Made, access: bytes) -> tuple[Access, Access, str]:
        """``access``: reading, writing, the extended byte; the lowest state that writes names the key."""
        own = f"{made.fid:04X}"
        above = own if made.parent is None else f"{made.parent:04X}"
        read, state = _reached(own, access[0]), frozenset({created.right(above, access[2] & 0x0F)})
        if access[2] & 0xF0 == OR_ABOVE:
            read = (*read, state)
        elif access[2] & 0xF0 == AND_ABOVE:
            read = tuple(one | state for one in read)
        return read, _reached(own, access[1]), created.right(own, access[1] & 0x0F)


def _reached(path: str, access: int) -> Access:
    """XY: any state from Y to X; state 0 is that of everybody."""
    low, high = access & 0x0F, access >> 4
    return layout.FREE if low == 0 else tuple(frozenset({created.right(path, n)}) for n in range(low, high + 1))


class FmcosCard(MadeCard):
    """The social security application, and the change of a key under line protection."""

    conditions = _States()

    def execute(self, command: Command) -> bytes:
        """As on any social security card."""
        if (command.cla, command.ins) == (0x80, 0xCA):
            return stages.answer(self, command)
        if (command.cla, command.ins) == (0x84, 0xD4):
            self.idle()
            expect(not self.blocked, word.APPLICATION_BLOCKED)
            return self._change_key(command)
        return super().execute(command)

    def stage(self) -> int:
        """It was ended."""
        return stages.ENDED

    def contents(self, directory: Directory) -> tuple[int, int, bool]:
        """Nobody asks an ended card."""
        return stages.HAS_ENDED, 0, False

    def _change_key(self, command: Command) -> bytes:
        """84D4 kind kid: a new value, enciphered and with a MAC under the master key of the directory."""
        number = command.p2
        kid, version = number & 0x9F, (number >> 5 & 0x03) + 1
        found = [key for key in self.directory.keys if key.kid == kid and self._kind(key) == command.p1 & 0x3F]
        expect(bool(found) and version <= found[0].groups, word.NOT_FOUND)
        master = self.memory.read(f"key/{self.directory.path}/MK")
        expect(bool(master), word.NOT_FOUND)
        value = self.loaded(master, self.load_checked(command, master))
        name = f"{self.directory.path}/{found[0].name}{layout.group(version)}"
        expect(len(value) == len(self.memory.read(f"key/{name}")), word.WRONG_LENGTH)
        limit = self.memory.read(f"tries/{name}/limit")
        self.memory.write({f"key/{name}": value, f"tries/{name}/left": limit})
        return b""

    @staticmethod
    def _kind(key: Key) -> int:
        return next((kind for kind, (name, _) in KEYS.items() if name == key.name), EXTERNAL)
