"""An empty chip of the FMCOS kind: files and keys by 80E0 and D4, states as numbers, line protection. Facts 2.

An access byte XY is granted while Y <= state <= X: F0 always, EF never. A directory has one state; an authentication
or a PIN sets the one its record names. After 841C (facts 2, the family with that command) nothing is created any more;
a card with an SSSE answers as a social security card from the next reset on
(:mod:`cardfab.simulator.chip.fmcoscard`). Activation (80F0) and the groups of keys in their ids are this card's own.
"""

from __future__ import annotations

from collections.abc import Callable

from cardfab.crypto import Algorithm, decrypt_ecb, encrypt_ecb, same
from cardfab.simulator.chip import created, fmcoscard, layout, stages, tlv, word
from cardfab.simulator.chip.created import Conditions, Made
from cardfab.simulator.chip.crypt import load_mac
from cardfab.simulator.chip.filesystem import FileSystem, Handler
from cardfab.simulator.chip.layout import Access, Directory, File
from cardfab.simulator.chip.memory import Memory, Tries
from cardfab.simulator.chip.message import Command, expect, fitted
from cardfab.simulator.chip.word import Refused

DIRECTORY, KEY_FILE = 0x38, 0x3F
KINDS = {0x28: "binary", 0x2A: "fixed", 0x2C: "variable", 0x2E: "cyclic", 0x2F: "internal"}
EXTERNAL, LINE, PIN = fmcoscard.EXTERNAL, fmcoscard.LINE, fmcoscard.PIN
INTERNAL, UNBLOCK, RELOAD, OTHERS = fmcoscard.INTERNAL, 0x37, 0x38, (0x3C, 0x3D, 0x3E, 0x3F)
ALWAYS = 0xF0

TRANSPORT = "os/transport"  # nothing but the transport key was made
TRANSPORT_KEY = "os/transport/key"
ENDED = "os/ended"
MASTER_NAME = f"{EXTERNAL:02X}00"


def empty(transport: bytes) -> dict[str, bytes]:
    """The cells of an empty chip: an MF in which state 1, by the transport key, may do everything."""
    directory = created.directory(Made(layout.MF, None, b"", bytes.fromhex("38FFFFF1F195")))
    record = bytes((EXTERNAL, ALWAYS, 0xF1, 0x01, 0x66)) + transport
    return {
        **directory,
        "fs/3F00/keys": bytes.fromhex("3F00B001F1FFFF"),
        f"key/3F00/{EXTERNAL:02X}00": record,
        TRANSPORT: b"\x01",
        TRANSPORT_KEY: transport,
        **Tries.cells(f"tries/3F00/{EXTERNAL:02X}00", 6),
    }


class _States(Conditions):
    def access(self, made: Made, access: bytes) -> tuple[Access, Access, str]:
        """``access``: reading, writing, the extended byte, id of the line key."""
        read, write = (_states(one) for one in access[:2])
        needs_above = access[2] & 0xF0 == fmcoscard.AND_ABOVE  # which state that has is not known here
        return layout.NEVER if needs_above else read, write, f"{LINE:02X}{access[3] & 0x07:02X}"


def _states(access: int) -> Access:
    return tuple(frozenset({f"state {n}"}) for n in range(access & 0x0F, (access >> 4) + 1))


class Fmcos(FileSystem):
    """The whole operating system of this kind; the algorithm of a key is by its length (8 DES, 16 3DES or SM4)."""

    def __init__(self, memory: Memory, entropy: Callable[[int], bytes]) -> None:
        super().__init__(memory, entropy)
        self._commands: dict[int, dict[int, Handler]] = {
            0x0E: {0x80: self._erase},
            0x1C: {0x84: self._end},
            0x20: {0x00: self._verify},
            0x5E: {0x80: self._change_or_reload_pin},
            0x82: {0x00: self._external_authenticate},
            0x84: {0x00: self._get_challenge},
            0x88: {0x00: self._internal_authenticate},
            0xB0: {0x00: self.read_binary},
            0xB2: {0x00: self.read_record},
            0xD4: {0x80: self._write_key, 0x84: self._write_key},
            0xD6: {0x00: self.update_binary, 0x04: self.update_binary},
            0xDC: {0x00: self.update_record, 0x04: self.update_record},
            0xE0: {0x80: self._create},
            0xE2: {0x00: self._append, 0x04: self._append},
        }

    def structure(self) -> dict[int, Directory]:
        """What was created."""
        return created.structure(self.memory, _States())

    def surviving(self, directory: Directory) -> frozenset[str]:
        """A directory begins in state 0."""
        return frozenset({"state 0"})

    def control_information(self, target: Directory) -> bytes:
        """6F{84}."""
        return tlv.build(0x6F, tlv.build(0x84, target.name)) if target.name else b""

    def execute(self, command: Command) -> bytes:
        """Any command but SELECT; raises :class:`Refused`."""
        if (command.cla, command.ins) == (0x80, 0xCA):
            return stages.answer(self, command)
        if stages.pending(self.memory):
            return self._activate(command)
        expect(not self._is_social, word.CONDITIONS)  # after the end and before the reset
        expect(command.cla in (0x00, 0x04, 0x80, 0x84), word.UNKNOWN_CLA)
        handlers = self._commands.get(command.ins)
        if handlers is None:
            raise Refused(word.UNKNOWN_INS)
        handler = handlers.get(command.cla)
        if handler is None:
            raise Refused(word.UNKNOWN_CLA)
        return handler(command)

    # Activation: part 10, 5.1. 80F0 01 the transport key, 80F0 02 the historical bytes.

    def _activate(self, command: Command) -> bytes:
        expect((command.cla, command.ins, command.p2) == (0x80, 0xF0, 0x00), word.CONDITIONS)
        data = command.data
        if command.p1 == 0x01:
            expect(len(data) in (8, 16), word.WRONG_LENGTH)
            stages.activate(self.memory, 1, 2, empty(data))
        elif command.p1 == 0x02:
            expect(len(data) == 13 and any(data[7:]), word.WRONG_DATA)
            stages.activate(self.memory, 2, 2, {"os/historical": data})
        else:
            raise Refused(word.WRONG_P1P2)
        return b""

    @property
    def _is_social(self) -> bool:
        return self.memory.read(created.DIALECT) == fmcoscard.DIALECT

    def stage(self) -> int:
        """By whether anything was made, and by the end."""
        if self.memory.has(ENDED):
            return stages.ENDED
        made = sum(self.memory.has(created.directory_cell(fid)) for fid in self.tree)
        return stages.EMPTY if made == 1 and self._fresh_root() else stages.BEGUN

    def contents(self, directory: Directory) -> tuple[int, int, bool]:
        """Flags, keys, PIN of a directory."""
        names = self.memory.under(f"key/{directory.path}/")
        transport = directory.fid == layout.MF and self.memory.has(TRANSPORT)
        pins = sum(name.startswith(f"{PIN:02X}") for name in names)
        flags = stages.HAS_MASTER if MASTER_NAME in names and not transport else 0
        return flags, len(names) - pins - (MASTER_NAME in names), bool(pins)

    # Creation

    def _write(self, changes: dict[str, bytes]) -> None:
        self.memory.write(changes)
        self.tree = self.structure()
        self.directory = self.tree.get(self.directory.fid, self.directory)

    def _here(self) -> Made:
        found = created.made(self.memory, self.directory.fid)
        if found is None:
            raise Refused(word.NO_CURRENT_FILE)
        return found

    def _fresh(self) -> bool:
        """Whether the MF holds nothing but the transport key: then it, its key file and that key can be made anew."""
        return self.directory.fid == layout.MF and self._fresh_root()

    def _fresh_root(self) -> bool:
        return self.memory.has(TRANSPORT) and not self.tree[layout.MF].files

    def _granted(self, access: int) -> bool:
        return layout.allows(_states(access), self.granted)

    def _may_create(self) -> None:
        """The creation right of the directory, until the end."""
        expect(not self.memory.has(ENDED), word.CONDITIONS)
        expect(self._granted(self._here().settings[3]), word.NOT_AUTHORISED)

    def _create(self, command: Command) -> bytes:
        """80E0 FID: 38 space 2, creation, erasure, application id, FFFF, name; or 3F, 28 to 2F and 6 bytes."""
        data, fid = command.data, command.p1p2
        expect(len(data) >= 7, word.WRONG_LENGTH)
        self._may_create()
        if data[0] == DIRECTORY:
            expect(len(data) >= 8 and len(data) - 8 <= 16 and data[6:8] == b"\xff\xff", word.WRONG_DATA)
            known = created.made(self.memory, fid) is not None
            expect(not known or (fid == layout.MF and self._fresh()), word.FILE_EXISTS)
            parent = None if fid == layout.MF else self.directory.fid
            self._write(created.directory(Made(fid, parent, data[8:], data[:6])))
            self._enter(self.tree[fid])
            return b""
        expect(len(data) == 7, word.WRONG_LENGTH)
        if data[0] == KEY_FILE:
            expect(not self.memory.has(self._key_file()) or self._fresh(), word.FILE_EXISTS)
            self._write({self._key_file(): data})
            return b""
        kind = KINDS.get(data[0] & 0x3F)
        expect(kind is not None, word.WRONG_DATA)
        expect(all(one.fid != fid for one in self.directory.files), word.FILE_EXISTS)
        space, length, line = int.from_bytes(data[1:3]), 0, {0x00: 0, 0x80: 1, 0xC0: 3, 0x40: 3}[data[0] & 0xC0]
        if kind == "internal":
            length = data[6] & 0x1F  # the log, by its short identifier
        if kind in ("fixed", "cyclic"):
            length = data[2]
            space = data[1] * (length + 2) + (2 if kind == "fixed" else 0)
        size = space if kind == "binary" else 0
        expect(space > 0, word.WRONG_DATA)
        one = File(fid, fid & 0x1F, (), (), kind=kind or "", length=length, space=space, size=size, line=line)
        self._write(created.file(self.directory.fid, one, data[3:7]))
        return b""

    def _key_file(self) -> str:
        return f"fs/{self.directory.path}/keys"

    def _erase(self, command: Command) -> bytes:
        """800E 00 00: everything in the current directory, by its erasure right."""
        made = self._here()
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        expect(not self.memory.has(ENDED), word.CONDITIONS)
        expect(self._granted(made.settings[4]), word.NOT_AUTHORISED)
        below = {one.fid for one in self.tree.values() if one.parent == self.directory.fid} | {self.directory.fid}
        grown = True
        while grown:
            more = {one.fid for one in self.tree.values() if one.parent in below} - below
            below, grown = below | more, bool(more)
        changes: dict[str, bytes | None] = dict(created.cells_of(self.memory, below))
        if made.fid == layout.MF:  # the transport key is in force again: part 10, 5.1.1
            changes |= empty(self.memory.read(TRANSPORT_KEY))
        else:
            changes[created.directory_cell(made.fid)] = self.memory.read(created.directory_cell(made.fid))
        reached = self.granted
        self.memory.write(changes)
        self.tree = self.structure()
        self._enter(self.tree[self.directory.fid])
        self.granted = reached
        return b""

    def _end(self, command: Command) -> bytes:
        """841C 00 00 04 MAC: the end of pre-personalisation, under the master key of the MF."""
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        expect(not self.memory.has(ENDED), word.CONDITIONS)
        expect(self.directory.fid == layout.MF, word.CONDITIONS)
        expect(not self._line(command, self._master(), 1), word.WRONG_LENGTH)
        social = fmcoscard.cells(self.memory, self.tree) if layout.SSSE in self.tree else {}
        self.memory.write({**social, ENDED: b"\x01"})
        return b""

    # Keys: type, then by type: use, change, next state, error count, value

    def _key(self, kind: int, kid: int) -> tuple[str, bytes]:
        """(name of the cell, record) of a key in the current directory; raises 6A88."""
        name = f"key/{self.directory.path}/{kind:02X}{kid:02X}"
        found = self.memory.read(name)
        if not found:
            raise Refused(word.NOT_FOUND)
        return name, found

    def _master(self) -> bytes:
        """The master key (external authentication, id 00) of this directory or one above; the transport key."""
        here: Directory | None = self.directory
        while here is not None:
            found = self.memory.read(f"key/{here.path}/{EXTERNAL:02X}00")
            if found:
                return found[5:]
            here = self.tree[here.parent] if here.parent is not None else None
        return b"\xff" * 8

    def _write_key(self, command: Command) -> bytes:
        """D4 01 kid installs a record, D4 type kid changes the value; the type with C0 only under line protection."""
        expect(self.memory.has(self._key_file()), word.FILE_NOT_FOUND)
        if command.p1 == 0x01:
            settings = self.memory.read(self._key_file())
            expect(not self.memory.has(ENDED), word.CONDITIONS)
            expect(self._granted(settings[4]), word.NOT_AUTHORISED)
            record = self._line(command, self._master(), 3) if command.cla == 0x84 else command.data
            expect(len(record) >= 2, word.WRONG_LENGTH)
            expect(record[0] & 0xC0 != 0xC0 or command.cla == 0x84, word.MAC_MISSING)
            self._install(command.p2, bytes((record[0] & 0x3F,)) + record[1:])
            return b""
        expect(not self.memory.has(ENDED) or command.cla == 0x84, word.MAC_MISSING)
        name, record = self._key(command.p1 & 0x3F, command.p2)
        expect(record[0] != PIN and self._granted(record[2]), word.NOT_AUTHORISED)
        value = self._line(command, self._master(), 3) if command.cla == 0x84 else command.data
        head = 5
        expect(len(value) == len(record) - head, word.WRONG_LENGTH)
        changes: dict[str, bytes | None] = {name: record[:head] + value}
        if name.endswith("/" + MASTER_NAME):
            changes[stages.replaced_cell(self.directory.path)] = b"\x01"
            if self.directory.fid == layout.MF:
                changes[TRANSPORT] = None
        self.memory.write(changes)
        return b""

    def _install(self, kid: int, record: bytes) -> None:
        kind = record[0]
        expect(kind in (EXTERNAL, LINE, PIN, INTERNAL, UNBLOCK, RELOAD, *OTHERS), word.WRONG_DATA)
        name = f"{kind:02X}{kid:02X}"
        cell = f"key/{self.directory.path}/{name}"
        transport = self.memory.has(TRANSPORT) and cell == f"key/3F00/{EXTERNAL:02X}00"
        expect(not self.memory.has(cell) or transport, word.FILE_EXISTS)
        value = record[5:]
        if kind == PIN:
            expect(2 <= len(value) <= 8, word.WRONG_DATA)
        else:
            expect(len(value) in (8, 16), word.WRONG_DATA)
        limit = record[4] & 0x0F or 3
        changes: dict[str, bytes | None] = {cell: record}
        changes |= Tries.cells(f"tries/{self.directory.path}/{name}", limit)
        self.memory.write({**changes, TRANSPORT: None} if transport else changes)

    def _line(self, command: Command, key: bytes, protection: int) -> bytes:
        """The data without its MAC and, at protection 3, encryption, under the last challenge; 6984, 6987, 6988."""
        data = self.load_checked(command, key)
        return data if protection == 1 else self.loaded(key, data)

    def _authentic(self, command: Command, file: File) -> bytes:
        if command.cla != 0x04:
            expect(not file.line, word.MAC_MISSING)
            return command.data
        expect(bool(file.line), word.CONDITIONS)
        found = self.memory.read(f"key/{self.directory.path}/{file.write_key}")
        return self._line(command, found[5:] if found else self._master(), file.line)

    def _append(self, command: Command) -> bytes:
        """00E2 00 SFI: a further record."""
        file = self._addressed(command.p2 >> 3)
        expect(command.p1 == 0 and file.has_records, word.INCOMPATIBLE_FILE)
        self._require(file.write)
        number = 0 if file.kind == "cyclic" else len(self.records(file)) + 1
        return self.put_record(file, number, self._authentic(command, file))

    # Authentication

    def _get_challenge(self, command: Command) -> bytes:
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        expect(not command.data and command.le in (4, 8, 16), word.WRONG_LENGTH)
        self.challenge = self.entropy(command.le or 0)
        return self.challenge

    def _cipher(self, key: bytes) -> Algorithm:
        return Algorithm.DES if len(key) == 8 else self.algorithm

    def _reached(self, state: int) -> None:
        self.granted = frozenset({f"state {state & 0x0F}"})

    def _external_authenticate(self, command: Command) -> bytes:
        """0082 00 kid: the last challenge, 8 bytes or 4 and 00*4, enciphered."""
        expect(command.p1 == 0, word.WRONG_P1P2)
        name, record = self._key(EXTERNAL, command.p2)
        expect(self._granted(record[1]), word.NOT_AUTHORISED)
        key, tries, state = record[5:], Tries(self.memory, name.replace("key/", "tries/")), record[3]
        cipher = self._cipher(key)
        expect(len(command.data) == cipher.block, word.WRONG_LENGTH)
        expect(tries.left > 0, word.KEY_BLOCKED)
        challenge = self.spend_challenge()[: cipher.block].ljust(cipher.block, b"\x00")
        tries.take()
        if not same(decrypt_ecb(cipher, key, command.data), challenge):
            raise Refused(word.tries_left(tries.left))
        tries.restore()
        self._reached(state)
        return b""

    def _internal_authenticate(self, command: Command) -> bytes:
        """0088 00 kid: whole blocks enciphered."""
        expect(command.p1 == 0, word.WRONG_P1P2)
        _, record = self._key(INTERNAL, command.p2)
        key = record[5:]
        expect(self._granted(record[1]), word.NOT_AUTHORISED)
        expect(bool(command.data) and len(command.data) % self._cipher(key).block == 0, word.WRONG_LENGTH)
        return fitted(command, encrypt_ecb(self._cipher(key), key, command.data))

    def _pin(self, kid: int) -> tuple[str, bytes, Tries]:
        name, record = self._key(PIN, kid)
        return name, record, Tries(self.memory, name.replace("key/", "tries/"))

    def _compare(self, record: bytes, tries: Tries, given: bytes) -> None:
        expect(tries.left > 0, word.KEY_BLOCKED)
        tries.take()
        if not same(given, record[5:]):
            raise Refused(word.tries_left(tries.left))
        tries.restore()

    def _verify(self, command: Command) -> bytes:
        """0020 00 kid: PIN."""
        expect(command.p1 == 0, word.WRONG_P1P2)
        _, record, tries = self._pin(command.p2)
        expect(self._granted(record[1]), word.NOT_AUTHORISED)
        self._compare(record, tries, command.data)
        self._reached(record[3])
        return b""

    def _change_or_reload_pin(self, command: Command) -> bytes:
        """805E 01 kid: old | FF | new; 805E 00 kid: new | MAC 4 under the reload key, IV zero."""
        name, record, tries = self._pin(command.p2)
        if command.p1 == 0x01:
            old, mark, new = command.data.partition(b"\xff")
            expect(bool(mark), word.WRONG_DATA)
            self._compare(record, tries, old)
        else:
            expect(command.p1 == 0x00 and len(command.data) > 4, word.WRONG_P1P2)
            new, mac = command.data[:-4], command.data[-4:]
            _, reload = self._key(RELOAD, command.p2)
            value = reload[5:]
            folded = bytes(a ^ b for a, b in zip(value[:8], value[8:], strict=True)) if len(value) == 16 else value
            expect(same(load_mac(Algorithm.DES, folded, bytes(8), new), mac), word.MAC_WRONG)
        expect(2 <= len(new) <= 8, word.WRONG_DATA)
        limit = self.memory.read(tries.name + "/limit")
        self.memory.write({name: record[:5] + new, tries.name + "/left": limit})
        return b""
