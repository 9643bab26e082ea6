"""The commands of the social security application: authentication, PIN, blocking, the table of all. LD/T 32 part 5."""

from __future__ import annotations

from collections.abc import Callable

from cardfab.crypto import same
from cardfab.simulator.chip import layout, word
from cardfab.simulator.chip.crypt import authentication, revealed, session_key
from cardfab.simulator.chip.filesystem import FileSystem, Handler
from cardfab.simulator.chip.layout import Directory, Key, group
from cardfab.simulator.chip.memory import Memory, Tries
from cardfab.simulator.chip.message import Command, expect, fitted
from cardfab.simulator.chip.purse import Purse
from cardfab.simulator.chip.word import Refused

PURSE_CLASS = 0xB0
UNCOUNTED = ("BK", "LK")  # what fails when blocking locks no key: part 7, 13.1 and 13.2
PIN_DIGITS = 4  # at least, part 5, 6.3


class SocialApplication(FileSystem):
    """MF, SSSE and its applications."""

    def __init__(self, memory: Memory, entropy: Callable[[int], bytes]) -> None:
        self.purse = Purse(self)
        super().__init__(memory, entropy)
        self._commands: dict[int, dict[int, Handler]] = {
            0x16: {0x84: self._card_block},
            0x1E: {0x84: self._application_block},
            0x20: {0x00: self._verify},
            0x24: {0x84: self._unblock_or_reload_pin},
            0x5E: {0x80: self._change_pin},
            0x82: {0x00: self._external_authenticate},
            0x84: {0x00: self._get_challenge},
            0x88: {0x00: self._internal_authenticate},
            0xB0: {0x00: self.read_binary},
            0xB2: {0x00: self.read_record},
            0xD6: {0x00: self.update_binary, 0x04: self.update_binary},
            0xDC: {0x00: self.update_record, 0x04: self.update_record},
        }

    def execute(self, command: Command) -> bytes:
        """Any command but SELECT; answers data, raises :class:`Refused`."""
        if command.cla != PURSE_CLASS:
            self.idle()
        expect(not self.blocked, word.APPLICATION_BLOCKED)  # part 7, 13.2
        if command.cla == PURSE_CLASS:
            return self.purse.execute(command)
        expect(command.cla in (0x00, 0x04, 0x80, 0x84), word.UNKNOWN_CLA)
        handlers = self._commands.get(command.ins)
        if handlers is None:
            raise Refused(word.UNKNOWN_INS)
        handler = handlers.get(command.cla)
        if handler is None:
            raise Refused(word.UNKNOWN_CLA)
        current = self.file, self.pointer
        try:
            return handler(command)
        except Refused:
            self.file, self.pointer = current  # a refused command makes no file or record current
            raise

    def idle(self) -> None:
        """A load or purchase that was begun is forgotten."""
        self.purse.idle()

    # What lasts: the right PIN until the power goes, an authenticated key until another directory is selected.
    # Part 7, 5.8 and 6.6. Where no PIN is set none is asked for: part 7, 5.6.

    def surviving(self, directory: Directory) -> frozenset[str]:
        """The PIN."""
        return self.granted & {"PIN"}

    @property
    def rights(self) -> frozenset[str]:
        """The security state, and the PIN where none is set."""
        return self.granted if self.memory.read("pin") else self.granted | self.pin_grants()

    # Authentication

    def _get_challenge(self, command: Command) -> bytes:
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        expect(not command.data and command.le in (4, 8, 16), word.WRONG_LENGTH)
        self.challenge = self.entropy(command.le or 0)
        return self.challenge

    def _place(self, kid: int, *uses: str) -> tuple[str, Key]:
        """Where a key is, and what: id b8 and id 00 in the current directory, else the global ones of the SSSE."""
        own = self.directory.keys if kid & 0x80 or kid == 0 or self.directory.fid == layout.SSSE else ()
        of_ssse = self.tree[layout.SSSE].keys if self.directory.parent == layout.SSSE and not kid & 0x80 else ()
        candidates = [(self.directory.path, k) for k in own if k.kid == kid]
        candidates += [(f"{layout.SSSE:04X}", k) for k in of_ssse if k.kid == kid]
        expect(bool(candidates), word.NOT_FOUND)
        fitting = [(path, k) for path, k in candidates if k.use in uses]
        expect(bool(fitting), word.INCOMPATIBLE_FILE)
        return fitting[0]

    def _referenced(self, command: Command, *uses: str) -> tuple[str, Key, str, bytes]:
        """Path, place, group (as cells name it) and value of the key of P2 and of the 17th byte, if there is one."""
        path, key = self._place(command.p2, *uses)
        expect(len(command.data) in (16, 17), word.WRONG_LENGTH)
        version = command.data[16] if len(command.data) == 17 else 1
        expect(1 <= version <= key.groups, word.NOT_FOUND)
        value = self.memory.read(f"key/{path}/{key.name}{group(version)}")
        expect(bool(value), word.NOT_FOUND)
        return path, key, group(version), value

    def _internal_authenticate(self, command: Command) -> bytes:
        """0088 00 kid: session factor 8 | original 8 -> 8 bytes."""
        expect(command.p1 == 0, word.WRONG_P1P2)
        _, _, _, value = self._referenced(command, "internal")
        session = session_key(self.algorithm, value, command.data[:8])
        return fitted(command, authentication(self.algorithm, session, command.data[8:16]))

    def _external_authenticate(self, command: Command) -> bytes:
        """0082 00 kid: authentication data 8 | original 8, under the session key of the last challenge."""
        expect(command.p1 == 0, word.WRONG_P1P2)
        path, key, version, value = self._referenced(command, "external", "master", "start-day")
        tries = Tries(self.memory, f"tries/{path}/{key.name}{version}")
        expect(tries.left > 0, word.KEY_BLOCKED)
        session = session_key(self.algorithm, value, self.spend_challenge())
        self.granted -= self.grants(path, key)
        counted = not key.name.startswith(UNCOUNTED)
        if counted:
            tries.take()
        if not same(authentication(self.algorithm, session, command.data[8:16]), command.data[:8]):
            raise Refused(word.tries_left(tries.left))
        if counted:
            tries.restore()
        self.granted |= self.grants(path, key)
        return b""

    def grants(self, path: str, key: Key) -> frozenset[str]:
        """What an external authentication adds to the security state."""
        return frozenset({key.name})

    # PIN: cn digits, an odd last one filled with F. One PIN for the SSSE and what is in it.

    def _pin_tries(self) -> Tries:
        expect(self.directory.fid != layout.MF, word.NOT_FOUND)
        return Tries(self.memory, "tries/PIN")

    def _compare_pin(self, tries: Tries, given: bytes) -> None:
        expect(tries.left > 0, word.KEY_BLOCKED)
        self.granted -= self.pin_grants()
        tries.take()
        if not same(given, self.memory.read("pin")):
            raise Refused(word.tries_left(tries.left))
        tries.restore()

    def _verify(self, command: Command) -> bytes:
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        tries = self._pin_tries()
        if not command.data:  # asks only
            if not self.memory.read("pin"):
                return b""
            raise Refused(word.tries_left(tries.left) if tries.left else word.KEY_BLOCKED)
        expect(2 <= len(command.data) <= 8, word.WRONG_LENGTH)
        self._compare_pin(tries, command.data)
        self.granted |= self.pin_grants()
        return b""

    def pin_grants(self) -> frozenset[str]:
        """What the right PIN adds to the security state."""
        return frozenset({"PIN"})

    def _change_pin(self, command: Command) -> bytes:
        """805E0100: old | FF | new. No old one where no PIN is set; no new one takes the PIN away."""
        expect(command.p1p2 == 0x0100, word.WRONG_P1P2)
        expect(3 <= len(command.data) <= 17, word.WRONG_LENGTH)
        tries = self._pin_tries()
        old, mark, new = command.data.partition(b"\xff")
        expect(bool(mark), word.WRONG_DATA)
        expect(not new or _is_pin(new), word.WRONG_DATA)
        if self.memory.read("pin") or old:
            self._compare_pin(tries, old)
        self.memory.write({"pin": new})
        return b""

    def _maintenance_key(self) -> bytes:
        own = next((k for k in self.directory.keys if k.use == "maintenance"), None)
        if own is None:
            raise Refused(word.NOT_FOUND)
        return self.key(own.name)

    def _unblock_or_reload_pin(self, command: Command) -> bytes:
        """8424 00 00: unblock after PUK; 00 01: a new PIN, enciphered, or none. MAC under the STK's session key."""
        expect(command.p1 == 0 and command.p2 in (0, 1), word.WRONG_P1P2)
        tries = self._pin_tries()
        expect("PUK" in self.granted, word.NOT_AUTHORISED)
        key, challenge = self._maintenance_key(), self.challenge
        data = self._unblocking(command, key)
        if command.p2 == 0:
            expect(not data, word.WRONG_LENGTH)
            tries.restore()
            return b""
        plain = revealed(self.algorithm, session_key(self.algorithm, key, challenge), data) if data else b""
        if plain is None or (plain and not _is_pin(plain)):
            raise Refused(word.WRONG_DATA)
        self.granted -= self.pin_grants()
        limit = self.memory.read("tries/PIN/limit")
        self.memory.write({"pin": plain, "tries/PIN/left": limit})
        return b""

    def _unblocking(self, command: Command, key: bytes) -> bytes:
        """The data, whose MAC is right; a wrong one is counted on the PUK, part 7, 13.3."""
        path, place = self._place(0x06, "external")
        tries = Tries(self.memory, f"tries/{path}/{place.name}")
        expect(tries.left > 0, word.KEY_BLOCKED)
        try:
            return self.checked(command, key)
        except Refused as refused:
            if refused.sw == word.MAC_WRONG:
                tries.take()
            raise

    # Blocking: the STK of the directory makes the MAC; LK authorises in a directory that has one, else BK.

    def blocking_key(self) -> str:
        """What authorises APPLICATION BLOCK here."""
        return next((key.name for key in self.directory.keys if key.name.startswith("LK")), "BK")

    def _application_block(self, command: Command) -> bytes:
        expect(command.p1p2 == 0x0001, word.WRONG_P1P2)
        self._block(command, self.blocking_key(), f"blocked/{self.directory.path}")
        return b""

    def _card_block(self, command: Command) -> bytes:
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        self._block(command, "BK", "blocked/card")
        return b""

    def _block(self, command: Command, authority: str, cell: str) -> None:
        key = self._maintenance_key()
        expect(authority in self.granted, word.NOT_AUTHORISED)
        expect(not self.checked(command, key), word.WRONG_LENGTH)
        self.memory.write({cell: b"\x01"})


def _is_pin(value: bytes) -> bool:
    """4 to 16 decimal digits, an odd last one filled with F."""
    digits = value.hex().removesuffix("f")
    return len(value) <= 8 and len(digits) >= PIN_DIGITS and digits.isdecimal()
