"""The file system of the operating system: selection, reading, writing, access conditions. LD/T 32 parts 3, 5."""

from __future__ import annotations

from collections.abc import Callable

from cardfab.crypto import Algorithm, same
from cardfab.simulator.chip import layout, premade, records, tlv, word
from cardfab.simulator.chip.crypt import load_mac, message_mac, revealed, session_key
from cardfab.simulator.chip.layout import Access, Directory, File
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.message import Command, exactly, expect, fitted
from cardfab.simulator.chip.word import Refused

ALGORITHM_BYTES = {Algorithm.TDES: 0x01, Algorithm.SM4: 0x03}
Handler = Callable[[Command], bytes]


class FileSystem:
    """Current directory and file, security state, challenge (volatile) over the memory (not volatile)."""

    def __init__(self, memory: Memory, entropy: Callable[[int], bytes]) -> None:
        self.memory = memory
        self.entropy = entropy
        self.algorithm = Algorithm.SM4 if memory.read("os/algorithm") == b"\x03" else Algorithm.TDES
        self.tree = self.structure()
        self.granted: frozenset[str] = frozenset()
        self.leave()

    def structure(self) -> dict[int, Directory]:
        """The directories there are, by FID."""
        return premade.of(self.memory)

    def reset(self) -> None:
        """The power went away: nothing volatile is left."""
        self.granted = frozenset()
        self.leave()

    def leave(self) -> None:
        """Back to the MF; security state, challenge and current file end."""
        self._enter(self.tree[layout.MF])

    def idle(self) -> None:
        """A transaction that was begun is forgotten; there are none here."""

    def _enter(self, directory: Directory) -> None:
        self.idle()
        self.directory = directory
        self._make_current(None)
        self.granted = self.surviving(directory)
        self.challenge = b""

    def _make_current(self, file: File | None) -> None:
        self.file = file
        self.pointer = 0  # the current record, 0 for none: part 3, 5.3

    def surviving(self, directory: Directory) -> frozenset[str]:
        """What of the security state is left when ``directory`` becomes current: nothing."""
        return frozenset()

    @property
    def blocked(self) -> bool:
        """Whether APPLICATION BLOCK ended the current directory."""
        return self._is_blocked(self.directory)

    def _is_blocked(self, directory: Directory) -> bool:
        """It or a directory above it was blocked; what is inside goes with it."""
        above = self.tree.get(directory.parent) if directory.parent is not None else None
        return self.memory.has(f"blocked/{directory.path}") or (above is not None and self._is_blocked(above))

    # SELECT: part 5 6.9. The security state of a directory survives while it stays current.

    def select_name(self, name: bytes) -> bytes | None:
        """Select a DDF or ADF by its whole name; None where there is no such name here."""
        found = next((d for d in self.tree.values() if d.name and d.name == name), None)
        return None if found is None else self._select_directory(found)

    def select_fid(self, command: Command) -> bytes:
        """P1 00: MF, a directory next to the current one, or a file in it; P1 02: a file in it."""
        self.idle()
        expect(len(command.data) in (0, 2), word.WRONG_LENGTH)
        fid = int.from_bytes(command.data) or layout.MF
        if command.p1 == 0x00:
            found = self.tree.get(fid)
            if found is not None and self._reachable(found):
                return self._select_directory(found)
        expect(not self.blocked, word.APPLICATION_BLOCKED)
        self._make_current(self._find(lambda file: file.fid == fid))
        return b""

    def _reachable(self, target: Directory) -> bool:
        here = self.directory
        return target.fid in (layout.MF, here.fid, here.parent) or target.parent in (here.fid, here.parent)

    def _select_directory(self, target: Directory) -> bytes:
        self.idle()
        expect(not self._is_blocked(target), word.APPLICATION_BLOCKED)
        if target.fid == self.directory.fid:
            self._make_current(None)
        else:
            self._enter(target)
        return self.control_information(target)

    def control_information(self, target: Directory) -> bytes:
        """What SELECT answers for a directory."""
        if not target.name:
            return b""
        name = tlv.build(0x84, target.name)
        if target.fid != layout.SSSE:
            return tlv.build(0x6F, name)  # an ADF answers its name only: part 5 T38
        proprietary = tlv.build(0x88, bytes((layout.DIR_SFI,)))
        if self.memory.read(premade.VERSION, b"2.0") >= b"2":  # 1.x names no algorithm: part 7, 5.3 takes the default
            proprietary += tlv.build(0x9F0C, tlv.build(0x86, bytes((ALGORITHM_BYTES[self.algorithm],))))
        return tlv.build(0x6F, name + tlv.build(0xA5, proprietary))

    # Files

    def _find(self, wanted: Callable[[File], bool]) -> File:
        found = next((file for file in self.directory.files if wanted(file)), None)
        if found is None:
            raise Refused(word.FILE_NOT_FOUND)
        return found

    def _addressed(self, sfi: int) -> File:
        """The file of a short identifier, which becomes current; the current file for 0."""
        if sfi:
            self._make_current(self._find(lambda file: file.sfi == sfi))
        if self.file is None:
            raise Refused(word.NO_CURRENT_FILE)
        return self.file

    @property
    def rights(self) -> frozenset[str]:
        """What conditions are held against: the security state."""
        return self.granted

    def _require(self, access: Access) -> None:
        expect(layout.allows(access, self.rights), word.NOT_AUTHORISED)

    def _cell(self, file: File, record: int = 0) -> str:
        return f"ef/{self.directory.path}/{file.fid:04X}" + (f"/{record:02X}" if record else "")

    def records(self, file: File) -> dict[int, bytes]:
        """The records of a file in the current directory, by number."""
        return {int(n, 16): record for n, record in self.memory.under(self._cell(file) + "/").items()}

    def read_record(self, command: Command) -> bytes:
        """00B2: by number (100), by tag (0xx), all from a number on (101, 110). Le is exact, else 6Cxx."""
        mode = command.p2 & 0x07
        expect(mode != 7, word.WRONG_P1P2)
        file = self._addressed(command.p2 >> 3)
        expect(file.has_records, word.INCOMPATIBLE_FILE)
        self._require(file.read)
        present = self.records(file)
        chosen = records.chosen(mode, command.p1, records.tags(file, present), self.pointer)
        expect(bool(chosen), word.RECORD_NOT_FOUND)
        answer = exactly(command, records.joined([present[n] for n in chosen]))
        if mode < 4:
            self.pointer = chosen[0]
        return answer

    def update_record(self, command: Command) -> bytes:
        """00DC or 04DC: the whole of one record by its number or tag. Nothing is written unless all of it is right."""
        file, mode = self._addressed(command.p2 >> 3), command.p2 & 0x07
        expect(mode in ((0, 1, 2, 3, 4) if file.items else (3, 4) if file.kind == "cyclic" else (4,)), word.WRONG_P1P2)
        expect(file.has_records, word.INCOMPATIBLE_FILE)
        self._require(file.write)
        data = self._authentic(command, file)
        if not file.items:
            return self.put_record(file, 0 if mode == 3 else command.p1, data)
        places = dict(enumerate((item.tag for item in file.items), 1))
        chosen = records.chosen(mode, command.p1, places, self.pointer)
        expect(bool(chosen), word.RECORD_NOT_FOUND)
        records.check_item(file.items[chosen[0] - 1], data)
        self.memory.write({self._cell(file, chosen[0]): data})
        if mode < 4:
            self.pointer = chosen[0]
        return b""

    def put_record(self, file: File, number: int, data: bytes) -> bytes:
        """Write a record of a file without items; a number that is next appends, 0 is a new one of a cyclic file."""
        present = self.records(file)
        records.check_form(file, data)
        if file.kind == "cyclic" and number == 0:
            self.memory.write(self.added(file, data))
            return b""
        expect(1 <= number <= len(present) + (file.kind != "cyclic") and number <= 254, word.RECORD_NOT_FOUND)
        used = sum(len(record) + 2 for n, record in present.items() if n != number) + len(data) + 2
        expect(used + 2 <= file.space or file.kind == "cyclic", word.NO_SPACE)
        self.memory.write({self._cell(file, number): data})
        return b""

    def added(self, file: File, data: bytes) -> dict[str, bytes]:
        """What a new record of a cyclic file changes: it becomes record 1, the oldest falls out. Part 3, 5.3.2."""
        present = self.records(file)
        kept = [data, *(present[n] for n in sorted(present))][: records.capacity(file)]
        return {self._cell(file, n): record for n, record in enumerate(kept, 1)}

    def _at(self, command: Command) -> tuple[File, int]:
        if command.p1 & 0x80:
            expect(command.p1 & 0x60 == 0, word.WRONG_P1P2)
            expect(command.p1 & 0x1F != 0, word.WRONG_P1P2)
            return self._addressed(command.p1 & 0x1F), command.p2
        return self._addressed(0), command.p1p2

    def read_binary(self, command: Command) -> bytes:
        """00B0: to the end of the file for Le 00; 6Cxx where Le asks for more than there is."""
        file, offset = self._at(command)
        expect(bool(file.size), word.INCOMPATIBLE_FILE)
        self._require(file.read)
        expect(offset < file.size, word.WRONG_OFFSET)
        rest = self.memory.read(self._cell(file), bytes(file.size))[offset:]
        wanted = command.le or 256
        if wanted < 256 and len(rest) < wanted:
            raise Refused(word.exact_length(len(rest)))
        return fitted(command, rest[:wanted])

    def update_binary(self, command: Command) -> bytes:
        """00D6 or 04D6: bytes of a transparent file."""
        file, offset = self._at(command)
        expect(bool(file.size), word.INCOMPATIBLE_FILE)
        self._require(file.write)
        data = self._authentic(command, file)
        expect(bool(data), word.WRONG_LENGTH)
        expect(offset < file.size, word.WRONG_OFFSET)
        expect(offset + len(data) <= file.size, word.NO_SPACE)
        old = self.memory.read(self._cell(file), bytes(file.size))
        self.memory.write({self._cell(file): old[:offset] + data + old[offset + len(data) :]})
        return b""

    # Keys and secure messaging

    def key(self, name: str, version: int = 1) -> bytes:
        """A key by name, from the current directory or the global ones of the SSSE; raises 6A88."""
        for directory in (self.directory, self.tree[layout.SSSE]):
            found = self.memory.read(f"key/{directory.path}/{name}{layout.group(version)}")
            if found:
                return found
        raise Refused(word.NOT_FOUND)

    def spend_challenge(self) -> bytes:
        """The last challenge, which serves once and in one directory."""
        challenge, self.challenge = self.challenge, b""
        expect(bool(challenge), word.NO_CHALLENGE)
        return challenge

    def checked(self, command: Command, key: bytes) -> bytes:
        """The command data without its MAC, which is right; raises 6984, 6987, 6988. Part 4, 8.2.4."""
        expect(len(command.data) >= 4, word.MAC_MISSING)
        session = session_key(self.algorithm, key, self.spend_challenge())
        data, mac = command.data[:-4], command.data[-4:]
        right = message_mac(self.algorithm, session, command.header(len(command.data)) + data)
        expect(same(mac, right), word.MAC_WRONG)
        return data

    def load_checked(self, command: Command, key: bytes) -> bytes:
        """As :meth:`checked`, under the whole key instead of a session key. Part 9, 7.1.3."""
        expect(len(command.data) >= 4, word.MAC_MISSING)
        data, mac = command.data[:-4], command.data[-4:]
        right = load_mac(self.algorithm, key, self.spend_challenge(), command.header(len(command.data)) + data)
        expect(same(mac, right), word.MAC_WRONG)
        return data

    def loaded(self, key: bytes, data: bytes) -> bytes:
        """The value in LD | value, enciphered under ``key``; raises 6A80. Part 9, 7.1.2."""
        plain = revealed(self.algorithm, key, data)
        if plain is None:
            raise Refused(word.WRONG_DATA)
        return plain

    def _authentic(self, command: Command, file: File) -> bytes:
        return self.checked(command, self.key(file.write_key)) if command.cla == 0x04 else command.data
