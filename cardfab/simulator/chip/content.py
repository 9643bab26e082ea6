"""Card content: INSTALL, LOAD, DELETE, SET STATUS. GPC 2.3.1 9.3 to 9.6, 11.2, 11.5, 11.6, 11.10."""

from __future__ import annotations

from dataclasses import replace

from cardfab.simulator.chip import keyring, registry, tlv, word
from cardfab.simulator.chip.keyring import Keyring, lv
from cardfab.simulator.chip.loading import Load
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.message import Command, expect
from cardfab.simulator.chip.registry import INSTALLED, LOCK, SELECTABLE, Entry, Registry
from cardfab.simulator.chip.word import Refused

DOMAIN_PRIVILEGE, DEFAULT_SELECTED = 0x80, 0x04
NO_RECEIPT = b"\x00"
FORWARD = (registry.OP_READY, registry.INITIALIZED, registry.SECURED, registry.CARD_LOCKED, registry.TERMINATED)


class Content:
    """What the commands do to the registry, one write each. ``target`` gets STORE DATA, empty: the domain itself."""

    def __init__(self, memory: Memory, entries: Registry, keys: Keyring) -> None:
        self.memory = memory
        self.registry = entries
        self.keys = keys
        self.forget()

    def forget(self) -> None:
        """End a load and a personalisation."""
        self._load: Load | None = None
        self.target = b""

    # INSTALL

    def install(self, command: Command) -> bytes:
        """80E6 P1: 02 load, 04 install, 08 make selectable, 0C both, 10 extradition, 20 personalisation, 40 update."""
        self.forget()
        expect(command.p2 == 0, word.WRONG_P1P2)
        handler = {
            0x02: self._for_load,
            0x04: self._for_install,
            0x08: self._make_selectable,
            0x0C: self._for_install,
            0x10: self._extradite,
            0x20: self._for_personalisation,
            0x40: self._update,
        }.get(command.p1)
        if handler is None:
            raise Refused(word.WRONG_P1P2)
        handler(_fields(command.data), command.p1)
        return NO_RECEIPT

    def _for_load(self, fields: list[bytes], _: int) -> None:
        """Load file, domain, hash, parameters, token."""
        expect(len(fields) >= 4, word.WRONG_DATA)
        aid, domain, digest = fields[:3]
        expect(5 <= len(aid) <= 16, word.WRONG_DATA)
        expect(domain in (b"", self.registry.isd), word.NOT_FOUND)
        expect(self._taken(aid) is None, word.CONDITIONS)
        self._load = Load(aid, self.registry.isd, digest)

    def _taken(self, aid: bytes) -> Entry | None:
        if aid == self.registry.isd:
            return Entry(aid, self.registry.card)
        return self.registry.application(aid) or self.registry.file(aid)

    def _for_install(self, fields: list[bytes], p1: int) -> None:
        """Load file, module, application, privileges, parameters, token."""
        expect(len(fields) >= 5, word.WRONG_DATA)
        file, module, aid, privileges, parameters = fields[:5]
        entry = self.registry.file(file)
        if entry is None or module not in entry.modules:
            raise Refused(word.NOT_FOUND)
        aid = aid or module
        expect(5 <= len(aid) <= 16, word.WRONG_DATA)
        existing = self._taken(aid)
        expect(existing is None or (existing.aid == file and not self.registry.application(aid)), word.CONDITIONS)
        expect(len(privileges) in (1, 3), word.WRONG_DATA)
        expect(not privileges[0] & DOMAIN_PRIVILEGE, word.CONDITIONS)  # there is one domain on this chip
        expect(_has_parameters(parameters), word.WRONG_DATA)
        state = SELECTABLE if p1 & 0x08 else INSTALLED
        fresh = Entry(aid, state, privileges.ljust(3, b"\x00"), file, module, self.registry.isd)
        self._put(fresh)

    def _put(self, entry: Entry) -> None:
        self.memory.write({registry.application_cell(entry.aid): entry.encode()})

    def _application(self, aid: bytes) -> Entry:
        entry = self.registry.application(aid)
        if entry is None:
            raise Refused(word.NOT_FOUND)
        return entry

    def _make_selectable(self, fields: list[bytes], _: int) -> None:
        """Empty, empty, application, privileges: from INSTALLED, or a new default application."""
        expect(len(fields) >= 4 and not fields[0] and not fields[1], word.WRONG_DATA)
        entry, privileges = self._application(fields[2]), fields[3]
        expect(len(privileges) in (0, 1, 3), word.WRONG_DATA)
        wishes_default = bool(privileges and privileges[0] & DEFAULT_SELECTED)
        expect(entry.state == INSTALLED or wishes_default, word.CONDITIONS)
        kept = bytes((entry.privileges[0] | privileges[0],)) + entry.privileges[1:] if privileges else entry.privileges
        self._put(replace(entry, state=entry.state | SELECTABLE, privileges=kept))

    def _extradite(self, fields: list[bytes], _: int) -> None:
        """Domain, empty, application: to the domain there is."""
        expect(len(fields) >= 3 and not fields[1], word.WRONG_DATA)
        expect(fields[0] == self.registry.isd, word.NOT_FOUND)
        expect(self._taken(fields[2]) is not None, word.NOT_FOUND)

    def _for_personalisation(self, fields: list[bytes], _: int) -> None:
        """Empty, empty, application, empty, empty, empty: STORE DATA goes to it until its last block."""
        expect(len(fields) >= 3 and not fields[0] and not fields[1], word.WRONG_DATA)
        entry = self._application(fields[2])
        expect(entry.state & 0x07 == SELECTABLE and not entry.state & LOCK, word.CONDITIONS)
        self.target = entry.aid

    def _update(self, fields: list[bytes], _: int) -> None:
        """Domain or empty, empty, application, privileges: the registry's privileges anew."""
        expect(len(fields) >= 4 and not fields[1] and fields[0] in (b"", self.registry.isd), word.WRONG_DATA)
        entry, privileges = self._application(fields[2]), fields[3]
        expect(len(privileges) in (0, 1, 3), word.WRONG_DATA)
        if privileges:
            expect(not privileges[0] & DOMAIN_PRIVILEGE, word.CONDITIONS)
            self._put(replace(entry, privileges=privileges.ljust(3, b"\x00")))

    # LOAD

    def load(self, command: Command) -> bytes:
        """80E8 P1 number: a block, P1 80 the last one, which writes the load file. Any refusal ends the load."""
        load, self._load = self._load, None
        self.target = b""
        if load is None:
            raise Refused(word.CONDITIONS)
        expect(command.p1 in (0x00, 0x80), word.WRONG_P1P2)
        load.add(command.p2, command.data)
        if command.p1 == 0x00:
            self._load = load
            return b""
        entry = load.finish(self.keys.sets().get(keyring.DAP_VERSION, {}))
        self.memory.write({registry.file_cell(entry.aid): entry.encode()})
        return NO_RECEIPT

    # DELETE

    def delete(self, command: Command) -> bytes:
        """80E4 00 P2: 4F AID, P2 80 with what was made from it; or D0 key identifier, D2 key version."""
        expect(command.p1 == 0, word.WRONG_P1P2)
        try:
            found = dict(tlv.parse(command.data))
        except tlv.Malformed:
            raise Refused(word.WRONG_DATA) from None
        if 0x4F in found:
            expect(command.p2 in (0x00, 0x80), word.WRONG_P1P2)
            self.forget()
            self._delete_object(found[0x4F], related=command.p2 == 0x80)
            return NO_RECEIPT
        expect(bool(found) and set(found) <= {0xD0, 0xD2}, word.WRONG_DATA)
        expect(command.p2 in (0x00, 0x01, 0x80), word.WRONG_P1P2)  # b8 says nothing of a key; clients set it (11.2.2.2)
        expect(all(len(value) == 1 for value in found.values()), word.WRONG_DATA)
        kid, version = (found[tag][0] if tag in found else None for tag in (0xD0, 0xD2))
        self.memory.write(self.keys.delete(kid, version, last=command.p2 == 0x01))
        return NO_RECEIPT

    def _delete_object(self, aid: bytes, *, related: bool) -> None:
        application, file = self.registry.application(aid), self.registry.file(aid)
        expect(application is not None or file is not None, word.NOT_FOUND)
        gone = [application] if application else [one for one in self.registry.applications() if one.file == aid]
        expect(not any(one.fixed for one in gone), word.CONDITIONS)
        changes: dict[str, bytes | None] = {}
        if not application:
            expect(related or not gone, word.CONDITIONS)  # its applications are still there
            expect(file is not None and not file.fixed, word.CONDITIONS)
            changes[registry.file_cell(aid)] = None
        for one in gone:
            prefix = f"app/{one.aid.hex().upper()}/"
            changes |= {registry.application_cell(one.aid): None}
            changes |= {prefix + name: None for name in self.memory.under(prefix)}
        self.memory.write(changes)

    # SET STATUS

    def set_status(self, command: Command) -> bytes:
        """80F0: 80 the card, forward and LOCKED back to SECURED; 40 an application, b8 locks; 60 the same."""
        expect(command.p1 in (0x80, 0x40, 0x60), word.WRONG_P1P2)
        self.forget()
        if command.p1 == 0x80:
            now, wished = self.registry.card, command.p2
            expect(wished in FORWARD, word.WRONG_P1P2)
            back = (now, wished) == (registry.CARD_LOCKED, registry.SECURED)
            expect(back or FORWARD.index(wished) > FORWARD.index(now), word.CONDITIONS)
            self.memory.write({registry.CARD: bytes((wished,))})
            return b""
        entry = self._application(command.data)
        if command.p2 & LOCK:
            state = entry.state | LOCK
        elif entry.state & LOCK:
            state = entry.state & ~LOCK
        else:  # a state of the application's own never goes back
            expect(command.p2 & 0x07 == SELECTABLE and command.p2 & entry.state == entry.state, word.CONDITIONS)
            state = command.p2
        self._put(replace(entry, state=state))
        return b""


def _fields(data: bytes) -> list[bytes]:
    """All length-value fields of INSTALL."""
    found, at = list[bytes](), 0
    while at < len(data):
        field, at = lv(data, at)
        found.append(field)
    return found


def _has_parameters(data: bytes) -> bool:
    """C9 must be there, perhaps empty: GPC 2.3.1 table 11-49."""
    try:
        return any(tag == 0xC9 for tag, _ in tlv.parse(data))
    except tlv.Malformed:
        return False
