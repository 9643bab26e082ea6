"""An empty social security chip of the T514 kind: activation, transport key, creation, keys, the end of it.

Facts 1.10 and 1.11. Where they leave room, this card reads them so: an access byte 00 asks for nothing at its level
(both 00: free), EF is never, FF the master key, any other value a key or PIN of that level; SCW has the nibble of
reading first; a level is that of the directory above or of the own one. The version of a key is the group it is of.
The lock level of a directory is that of the key which authorises APPLICATION BLOCK, 00 is the BK. An internal file that
names the SFI of a cyclic file in its record length is a purse; the level that writes it is that of the DSK.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cardfab.crypto import Algorithm, decrypt_ecb, encrypt_ecb, same
from cardfab.simulator.chip import created, layout, stages, tlv, word
from cardfab.simulator.chip.created import Conditions, Made
from cardfab.simulator.chip.layout import Access, Directory, File, Key
from cardfab.simulator.chip.madecard import MadeCard
from cardfab.simulator.chip.memory import Memory, Tries
from cardfab.simulator.chip.message import Command, expect
from cardfab.simulator.chip.word import Refused

KINDS = {0xC3: "internal", 0xC4: "binary", 0xC5: "fixed", 0xC6: "variable", 0xC7: "cyclic", 0xD6: "variable"}
MASTER, PIN, STK, DLK, DPK, DTK, EXTERNAL, IRK = 0x00, 0x01, 0x07, 0x08, 0x09, 0x0A, 0x0D, 0x0E
KEYS = {
    MASTER: ("MK", "master"),
    STK: ("STK", "maintenance"),
    DLK: ("DLK", "load"),
    DPK: ("DPK", "purchase"),
    DTK: ("DTK", "tac"),
    IRK: ("IRK", "internal"),
}
NAMES = {0x05: "BK", 0x06: "PUK"}
MOST_GROUPS = 3
FREE, NEVER, BY_MASTER = 0x00, 0xEF, 0xFF
TRANSPORT = "os/transport"
HISTORICAL = "os/historical"
TRANSPORT_TRIES = "tries/transport"
TRANSPORT_LIMIT = 6
NEVER_SERIAL = bytes(6)


def transport_value(master: bytes, historical: bytes) -> bytes:
    """What opens an empty chip: 3DES of 0000 and bytes 11 to 16 of the ATR (T8 to TD)."""
    return encrypt_ecb(Algorithm.TDES, master, bytes(2) + historical[7:13])


class _Levels(Conditions):
    def access(self, made: Made, access: bytes) -> tuple[Access, Access, str]:
        """``access``: SCW, reading 2, writing 2."""
        scw, read, write = access[0], access[1:3], access[3:5]
        own = f"{made.fid:04X}"
        above = own if made.parent is None else f"{made.parent:04X}"
        return (
            _condition(scw >> 4, read, above, own),
            _condition(scw & 0x0F, write, above, own),
            created.right(own, write[1]) if write[1] != FREE else "",
        )


def _condition(nibble: int, levels: bytes, above: str, own: str) -> Access:
    asked = [(path, level) for path, level in zip((above, own), levels, strict=True) if level != FREE]
    if not asked:
        return layout.FREE
    parts = [frozenset({created.right(path, level)}) for path, level in asked if level != NEVER]
    if nibble == 4:
        return (frozenset().union(*parts),) if len(parts) == len(asked) else layout.NEVER
    return tuple(parts)


class T514(MadeCard):
    """The commands of activation and pre-personalisation over the social security application."""

    conditions = _Levels()

    def __init__(self, memory: Memory, entropy: Callable[[int], bytes]) -> None:
        self._opened = False
        super().__init__(memory, entropy)

    def leave(self) -> None:
        """The transport key must be shown again after a reset."""
        self._opened = False
        super().leave()

    def control_information(self, target: Directory) -> bytes:
        """The 6F that an FCI record 70 L FID 6F.. holds, else only the name."""
        for directory in (target, self.tree[target.parent] if target.parent is not None else target):
            for stored in self.memory.under(f"ef/{directory.path}/").values():
                if stored[:1] == b"\x70" and int.from_bytes(stored[2:4]) == target.fid:
                    return stored[4:]
        return tlv.build(0x6F, tlv.build(0x84, target.name)) if target.name else b""

    def execute(self, command: Command) -> bytes:
        """Creation and keys; everything else as on a finished card."""
        if (command.cla, command.ins) == (0x80, 0xCA):
            return stages.answer(self, command)
        if stages.pending(self.memory):
            return self._activate(command)
        handler = {
            (0x80, 0xE0): self._create,
            (0x80, 0xE1): self._delete,
            (0x00, 0xD4): self._write_key,
            (0x80, 0xD4): self._write_key,
            (0x84, 0xD4): self._write_key,
            (0x00, 0xD2): self._write_record,
            (0x00, 0x14): self._set_atr,
        }.get((command.cla, command.ins))
        if handler is not None:
            self.idle()
            expect(not self.blocked, word.APPLICATION_BLOCKED)
            return handler(command)
        if command.ins == 0x82 and command.cla == 0x00 and self._is_direct(command):
            return self._authenticate_directly(command)
        return super().execute(command)

    # Activation: part 10, 5.1. 80E0 04 transport key, 0014 T1 to T7, 80E0 05 T8 to TD.

    def _activate(self, command: Command) -> bytes:
        data, header = command.data, (command.cla, command.ins, command.p1p2)
        if header == (0x80, 0xE0, 0x0400):
            expect(len(data) == 16, word.WRONG_LENGTH)
            tries = Tries.cells(TRANSPORT_TRIES, TRANSPORT_LIMIT)
            stages.activate(self.memory, 1, 3, {TRANSPORT: data, **tries})
        elif header == (0x00, 0x14, 0x0000):
            stages.activate(self.memory, 2, 3, {HISTORICAL: _first_historical(data) + NEVER_SERIAL})
        elif header == (0x80, 0xE0, 0x0500):
            number = _serial(data)
            expect(any(number), word.WRONG_DATA)
            stages.activate(self.memory, 3, 3, {HISTORICAL: self.memory.read(HISTORICAL)[:7] + number})
        else:
            raise Refused(word.CONDITIONS)
        return b""

    def stage(self) -> int:
        """By which directories there are, and whether all of them were ended."""
        found = [one for fid in self.tree if (one := created.made(self.memory, fid))]
        if not found:
            return stages.EMPTY
        return stages.ENDED if all(one.ended for one in found) else stages.BEGUN

    def contents(self, directory: Directory) -> tuple[int, int, bool]:
        """Flags, keys, PIN of a directory."""
        made = created.made(self.memory, directory.fid)
        names = self.memory.under(f"key/{directory.path}/")
        flags = (stages.HAS_ENDED if made and made.ended else 0) | (stages.HAS_MASTER if "MK" in names else 0)
        pin = created.decode(self.memory.read(created.PIN_PLACE)).get("path") == directory.path
        return flags, len(names) - ("MK" in names), pin

    # Creation

    def _created(self) -> Made:
        found = created.made(self.memory, self.directory.fid)
        if found is None:
            raise Refused(word.NO_CURRENT_FILE)
        return found

    def _may_create(self) -> None:
        """Transport key or master key, and the directory not ended."""
        here, allowed = self.directory, self._opened
        while here.parent is not None and not allowed:
            allowed = created.right(here.path, BY_MASTER) in self.granted
            here = self.tree[here.parent]
        expect(allowed or created.right(here.path, BY_MASTER) in self.granted, word.NOT_AUTHORISED)
        made = created.made(self.memory, self.directory.fid)
        expect(made is None or not made.ended, word.CONDITIONS)

    def _create(self, command: Command) -> bytes:
        handler = {
            0x0100: self._create_file,
            0x0200: self._end,
            0x0300: self._transport,
            0x0500: self._set_serial,
        }.get(command.p1p2)
        if handler is None:
            raise Refused(word.WRONG_P1P2)
        handler(command)
        return b""

    def _transport(self, command: Command) -> None:
        expect(len(command.data) == 8, word.WRONG_LENGTH)
        made = created.made(self.memory, layout.MF)
        expect(made is None or not made.ended, word.CONDITIONS)
        tries = Tries(self.memory, TRANSPORT_TRIES)
        expect(tries.left > 0, word.KEY_BLOCKED)
        tries.take()
        right = transport_value(self.memory.read(TRANSPORT), self.memory.read(HISTORICAL))
        if not same(right, command.data):
            raise Refused(word.tries_left(tries.left))
        tries.restore()
        self._opened = True

    def _create_file(self, command: Command) -> None:
        """Directories (type 01, 02) and files (C3 to C7, D6): the eighth byte tells."""
        data = command.data
        expect(len(data) >= 16, word.WRONG_LENGTH)
        self._may_create()
        if data[7] in (0x01, 0x02):
            self._create_directory(data)
        else:
            expect(len(data) == 16 and data[7] in KINDS, word.WRONG_DATA)
            self._create_elementary(data)

    def _create_directory(self, data: bytes) -> None:
        fid, name = int.from_bytes(data[5:7]), data[16:]
        expect(len(name) <= 16, word.WRONG_LENGTH)
        exists = created.made(self.memory, fid) is not None
        expect(not exists and (not name or all(one.name != name for one in self.tree.values())), word.FILE_EXISTS)
        expect((fid == layout.MF) == (created.made(self.memory, layout.MF) is None), word.CONDITIONS)
        expect(data[4] in (0x00, 0x01, 0x03), word.WRONG_DATA)
        parent = None if fid == layout.MF else self.directory.fid
        self._write(created.directory(Made(fid, parent, name, data[:16])))
        self._enter(self.tree[fid])

    def _create_elementary(self, data: bytes) -> None:
        fid, kind, sfi, length = int.from_bytes(data[5:7]), KINDS[data[7]], data[9], data[11]
        self._created()
        expect(sfi <= 0x1E or (sfi == 0x1F and kind == "internal"), word.WRONG_DATA)
        known = self.directory.files
        expect(all(one.fid != fid and (not sfi or one.sfi != sfi) for one in known), word.FILE_EXISTS)
        space = int.from_bytes(data[3:5])
        one = File(fid, sfi, (), (), kind=kind, length=length, space=space, size=space if kind == "binary" else 0)
        self._write(created.file(self.directory.fid, one, data[10:11] + data[12:16]))

    def _write(self, changes: dict[str, bytes]) -> None:
        self.memory.write(changes)
        self.tree = self.structure()
        self.directory = self.tree.get(self.directory.fid, self.directory)

    def _end(self, command: Command) -> None:
        """The current directory is finished."""
        expect(not command.data, word.WRONG_LENGTH)
        self._may_create()
        self._write(created.directory(replace(self._created(), ended=True)))

    def _set_serial(self, command: Command) -> None:
        """0000, region 2, serial number 4: T8 to TD."""
        number = _serial(command.data)
        self._may_create()
        self.memory.write({HISTORICAL: self.memory.read(HISTORICAL)[:7] + number})

    def _set_atr(self, command: Command) -> bytes:
        """0014 00 00 0B: 3B 6D 00 00 and T1 to T7."""
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        first = _first_historical(command.data)
        self._may_create()
        self.memory.write({HISTORICAL: first + self.memory.read(HISTORICAL)[7:]})
        return b""

    def _delete(self, command: Command) -> bytes:
        """80E1 00 01/02/03 02: MF or DDF, ADF, file, with what is in it. Without MF the transport key counts again."""
        expect(command.p1 == 0 and command.p2 in (0x01, 0x02, 0x03), word.WRONG_P1P2)
        expect(len(command.data) == 2, word.WRONG_LENGTH)
        self._may_create()
        fid = int.from_bytes(command.data)
        if command.p2 == 0x03:
            self.memory.write(self._file_cells(self._find(lambda file: file.fid == fid)))
            self.file = None
        elif fid == layout.MF and command.p2 == 0x01 and self.directory.fid == fid:
            self._created()
            fresh = Tries.cells(TRANSPORT_TRIES, TRANSPORT_LIMIT)
            self.memory.write({**created.cells_of(self.memory, self.tree), **fresh})
            self.granted, self.challenge = frozenset(), b""
        else:
            expect(fid in self.tree and self.tree[fid].parent == self.directory.fid, word.FILE_NOT_FOUND)
            expect(all(one.parent != fid for one in self.tree.values()), word.CONDITIONS)
            self.memory.write(created.cells_of(self.memory, (fid,)))
        self.tree = self.structure()
        self.directory = self.tree[self.directory.fid]
        return b""

    def _file_cells(self, file: File) -> dict[str, None]:
        cells = [created.file_cell(self.directory.fid, file.fid), self._cell(file)]
        cells += [f"{self._cell(file)}/{n:02X}" for n in self.records(file)]
        if file.kind == "internal" and file.length:
            cells += [f"purse/{self.directory.path}", f"purse/{self.directory.path}/proof"]
        return dict.fromkeys(cells)

    def _write_record(self, command: Command) -> bytes:
        """00D2 number SFI: a record of the DIR or FCI file."""
        self._may_create()
        sfi = command.p2 if command.p2 <= 0x1E else command.p2 >> 3
        file = self._find(lambda one: one.sfi == sfi)
        expect(file.has_records, word.INCOMPATIBLE_FILE)
        return self.put_record(file, command.p1, command.data)

    # Keys: type, id, version, EF, error count, algorithm, level, length, then the value filled with FF

    def _write_key(self, command: Command) -> bytes:
        expect(command.p1 in (0x00, 0x01), word.WRONG_P1P2)
        made = self._created()
        if command.cla == 0x00:
            expect(len(command.data) == 24, word.WRONG_LENGTH)
            self._may_create()
            plain = command.data
        else:
            plain = self._line_opened(command)
        if len(plain) == 19 and plain[:3] == bytes(3) and command.p1 == 0x01:  # 3.0: a new master key alone
            plain = bytes((MASTER, 0, 0, 0, self._limit(), 0, 0, 16)) + plain[3:]
        expect(len(plain) == 24, word.WRONG_DATA)
        expect(not made.ended or command.cla == 0x84, word.CONDITIONS)
        expect((plain[0] == MASTER) == (command.p1 == 0x01), word.WRONG_DATA)
        self._put_key(plain)
        return b""

    def _limit(self) -> int:
        return self.memory.number(f"tries/{self.directory.path}/MK/limit") or 6

    def _master(self) -> bytes:
        """The current master key, else that above."""
        here: Directory | None = self.directory
        while here is not None:
            found = self.memory.read(f"key/{here.path}/MK")
            if found:
                return found
            here = self.tree[here.parent] if here.parent is not None else None
        raise Refused(word.NOT_FOUND)

    def _line_opened(self, command: Command) -> bytes:
        """LD | value of the current master key, with CLA 84 under a MAC with the last challenge."""
        master, data = self._master(), command.data
        return self.loaded(master, self.load_checked(command, master) if command.cla == 0x84 else data)

    def _put_key(self, plain: bytes) -> None:
        kind, kid, version, _, limit, _, level, length = plain[:8]
        value = plain[8 : 8 + length]
        expect(
            1 <= length <= 16 and limit & 0x0F >= 1 and plain[8 + length :] == b"\xff" * (16 - length), word.WRONG_DATA
        )
        path = self.directory.path
        if kind == PIN:
            where = created.encode({"path": path, "level": level})
            self.memory.write({"pin": value, created.PIN_PLACE: where, **Tries.cells("tries/PIN", limit & 0x0F)})
            return
        expect(length in (8, 16) and version <= MOST_GROUPS, word.WRONG_DATA)
        name, use = KEYS.get(kind, ("", "other"))
        if kind == EXTERNAL:
            name, use = self._external_name(kid, level), "external"
        version = max(1, version)
        name = name or f"K{kind:02X}{kid:02X}"
        known = created.decode(self.memory.read(created.key_cell(self.directory.fid, name)))
        groups = max(version, known.get("groups", 1))
        key = Key(name, kid, use, "", BY_MASTER if kind == MASTER else level, groups)
        name += layout.group(version)
        cells = {f"key/{path}/{name}": value, **Tries.cells(f"tries/{path}/{name}", limit & 0x0F)}
        if kind == MASTER and known:
            cells[stages.replaced_cell(path)] = b"\x01"
        self._write({**created.key(self.directory.fid, key), **cells})

    def _external_name(self, kid: int, level: int) -> str:
        """BK, PUK and what the lock level of the directory names; any other is told by its id."""
        lock = self._created().settings[1]
        return "LK" if lock and lock == level else NAMES.get(kid, "")

    # Third generation: the master key authenticates by its encryption of a challenge of 16 bytes

    def _is_direct(self, command: Command) -> bool:
        return command.p1p2 == 0 and len(command.data) == 16 == len(self.challenge) == self.algorithm.block

    def _authenticate_directly(self, command: Command) -> bytes:
        path, key = self._place(0, "master")
        tries = Tries(self.memory, f"tries/{path}/{key.name}")
        expect(tries.left > 0, word.KEY_BLOCKED)
        challenge = self.spend_challenge()
        tries.take()
        shown = decrypt_ecb(self.algorithm, self.memory.read(f"key/{path}/{key.name}"), command.data)
        if not same(shown, challenge):
            raise Refused(word.tries_left(tries.left))
        tries.restore()
        self.granted |= self.grants(path, key)
        return b""


def _serial(data: bytes) -> bytes:
    """0000, region 2, serial number 4: T8 to TD."""
    expect(len(data) == 8 and data[:2] == bytes(2), word.WRONG_DATA)
    return data[2:]


def _first_historical(data: bytes) -> bytes:
    """3B 6D 00 00, then T1 to T7."""
    expect(len(data) == 11 and data[:4] == bytes.fromhex("3B6D0000"), word.WRONG_DATA)
    return data[4:]
