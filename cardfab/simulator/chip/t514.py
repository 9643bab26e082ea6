"""An empty social security chip of the T514 kind: transport key, creation, keys, end of pre-personalisation.

Facts 1.10 and 1.11. Where they leave room, this card reads them so: an access byte 00 asks for nothing at its level
(both 00: free), EF is never, FF the master key, any other value a key or PIN of that level; SCW has the nibble of
reading first; a level is that of the directory above or of the own one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cardfab.crypto import Algorithm, decrypt_ecb, encrypt_ecb, same
from cardfab.simulator.chip import created, layout, tlv, word
from cardfab.simulator.chip.created import Conditions, Made
from cardfab.simulator.chip.crypt import load_mac, revealed
from cardfab.simulator.chip.layout import Access, Directory, File, Key
from cardfab.simulator.chip.memory import Memory, Tries
from cardfab.simulator.chip.message import Command, expect
from cardfab.simulator.chip.social import SocialApplication
from cardfab.simulator.chip.word import Refused

KINDS = {0xC3: "internal", 0xC4: "binary", 0xC5: "fixed", 0xC6: "variable", 0xC7: "cyclic", 0xD6: "variable"}
MASTER, PIN, STK, EXTERNAL, IRK = 0x00, 0x01, 0x07, 0x0D, 0x0E
USES = {MASTER: "master", STK: "maintenance", EXTERNAL: "external", IRK: "internal"}
NAMES = {(EXTERNAL, 0x05): "BK", (EXTERNAL, 0x06): "PUK"}
FREE, NEVER, BY_MASTER = 0x00, 0xEF, 0xFF
TRANSPORT = "os/transport"
TRANSPORT_TRIES = "tries/transport"


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
            f"@{own}:{write[1]:02X}",
        )


def _condition(nibble: int, levels: bytes, above: str, own: str) -> Access:
    asked = [(path, level) for path, level in zip((above, own), levels, strict=True) if level != FREE]
    if not asked:
        return layout.FREE
    parts = [frozenset({f"@{path}:{level:02X}"}) for path, level in asked if level != NEVER]
    if nibble == 4:
        return (frozenset().union(*parts),) if len(parts) == len(asked) else layout.NEVER
    return tuple(parts)


class T514(SocialApplication):
    """The commands of pre-personalisation over the social security application."""

    def __init__(self, memory: Memory, entropy: Callable[[int], bytes]) -> None:
        self._opened = False
        super().__init__(memory, entropy)

    def structure(self) -> dict[int, Directory]:
        """What was created."""
        return created.structure(self.memory, _Levels())

    def leave(self) -> None:
        """The transport key must be shown again after a reset."""
        self._opened = False
        super().leave()

    def surviving(self, directory: Directory) -> frozenset[str]:
        """Levels of the directories above stay."""
        above, parent = set[str](), directory.parent
        while parent is not None:
            above.add(f"@{parent:04X}:")
            parent = self.tree[parent].parent
        return frozenset(one for one in self.granted if one[:6] in above)

    def grants(self, path: str, key: Key) -> frozenset[str]:
        """The key by name, and the level it has."""
        level = BY_MASTER if key.use == "master" else key.level
        return super().grants(path, key) | {f"@{path}:{level:02X}"}

    def pin_grants(self) -> frozenset[str]:
        """PIN, and its level."""
        found = created.decode(self.memory.read("os/pin"))
        return super().pin_grants() | ({f"@{found['path']}:{found['level']:02X}"} if found else frozenset())

    def control_information(self, target: Directory) -> bytes:
        """The 6F that an FCI record 70 L FID 6F.. holds, else only the name."""
        for directory in (target, self.tree[target.parent] if target.parent is not None else target):
            for stored in self.memory.under(f"ef/{directory.path}/").values():
                if stored[:1] == b"\x70" and int.from_bytes(stored[2:4]) == target.fid:
                    return stored[4:]
        return tlv.build(0x6F, tlv.build(0x84, target.name)) if target.name else b""

    def execute(self, command: Command) -> bytes:
        """Creation and keys; everything else as on a finished card."""
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
            return handler(command)
        if command.ins == 0x82 and command.cla == 0x00 and self._is_direct(command):
            return self._authenticate_directly(command)
        return super().execute(command)

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
            allowed = f"@{here.path}:FF" in self.granted
            here = self.tree[here.parent]
        expect(allowed or f"@{here.path}:FF" in self.granted, word.NOT_AUTHORISED)
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
        right = transport_value(self.memory.read(TRANSPORT), self.memory.read("os/historical"))
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
        expect(0 <= sfi <= 0x1E, word.WRONG_DATA)
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
        expect(len(command.data) == 8 and command.data[:2] == bytes(2), word.WRONG_DATA)
        self._may_create()
        self.memory.write({"os/historical": self.memory.read("os/historical")[:7] + command.data[2:]})

    def _set_atr(self, command: Command) -> bytes:
        """0014 00 00 0B: 3B 6D 00 00 and T1 to T7."""
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        expect(len(command.data) == 11 and command.data[:4] == bytes.fromhex("3B6D0000"), word.WRONG_DATA)
        self._may_create()
        self.memory.write({"os/historical": command.data[4:] + self.memory.read("os/historical")[7:]})
        return b""

    def _delete(self, command: Command) -> bytes:
        """80E1 00 01/02/03 02: a DDF, an ADF or a file, with all that is in it."""
        expect(command.p1 == 0 and command.p2 in (0x01, 0x02, 0x03), word.WRONG_P1P2)
        expect(len(command.data) == 2, word.WRONG_LENGTH)
        self._may_create()
        fid = int.from_bytes(command.data)
        if command.p2 == 0x03:
            found = self._find(lambda file: file.fid == fid)
            cells = [created.file_cell(self.directory.fid, fid), self._cell(found)]
            cells += [f"{self._cell(found)}/{n:02X}" for n in self.records(found)]
        else:
            expect(fid in self.tree and self.tree[fid].parent == self.directory.fid, word.FILE_NOT_FOUND)
            expect(all(one.parent != fid for one in self.tree.values()), word.CONDITIONS)
            prefixes = (created.directory_cell(fid), *(f"{part}/{fid:04X}/" for part in ("ef", "key", "tries")))
            cells = [name for name in self.memory.cells if name.startswith(prefixes)]
        self.memory.write(dict.fromkeys(cells))
        self.tree = self.structure()
        self.directory = self.tree[self.directory.fid]
        return b""

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
        if command.cla == 0x84:
            expect(len(data) > 4, word.MAC_MISSING)
            data, mac = data[:-4], data[-4:]
            right = load_mac(self.algorithm, master, self.spend_challenge(), command.header(len(data) + 4) + data)
            expect(same(right, mac), word.MAC_WRONG)
        plain = revealed(self.algorithm, master, data)
        if plain is None:
            raise Refused(word.WRONG_DATA)
        return plain

    def _put_key(self, plain: bytes) -> None:
        kind, kid, _, _, limit, _, level, length = plain[:8]
        value = plain[8 : 8 + length]
        expect(
            1 <= length <= 16 and limit & 0x0F >= 1 and plain[8 + length :] == b"\xff" * (16 - length), word.WRONG_DATA
        )
        path = self.directory.path
        if kind == PIN:
            where = created.encode({"path": path, "level": level})
            self.memory.write({"pin": value, "os/pin": where, **Tries.cells("tries/PIN", limit & 0x0F)})
            return
        expect(length in (8, 16), word.WRONG_DATA)
        name = {MASTER: "MK", STK: "STK", IRK: "IRK"}.get(kind) or NAMES.get((kind, kid)) or f"K{kind:02X}{kid:02X}"
        key = Key(name, kid, USES.get(kind, "other"), "", level)
        cells = {f"key/{path}/{name}": value, **Tries.cells(f"tries/{path}/{name}", limit & 0x0F)}
        self._write({**created.key(self.directory.fid, key), **cells})

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
