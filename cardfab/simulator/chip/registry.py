"""The registry: load files, applications and the card itself, as GET STATUS shows them. GPC 2.3.1 6, 11.1, 11.4."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cardfab.simulator.chip import tlv, word
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.message import Command, expect
from cardfab.simulator.chip.word import Refused

# Life cycle, GPC 2.3.1 tables 11-3 to 11-6
LOADED = 0x01
INSTALLED, SELECTABLE, PERSONALISED, LOCK = 0x03, 0x07, 0x0F, 0x80
OP_READY, INITIALIZED, SECURED, CARD_LOCKED, TERMINATED = 0x01, 0x07, 0x0F, 0x7F, 0xFF
ISD_PRIVILEGES = bytes.fromhex("9EFE80")
CARD = "gp/card"
PAGE = 223  # so that an enciphered answer with a MAC of 16 bytes fits into 256

ISD, APPLICATIONS, FILES, FILES_AND_MODULES = 0x80, 0x40, 0x20, 0x10
SHOWN = {
    ISD: (0x4F, 0x9F70, 0xC5),
    APPLICATIONS: (0x4F, 0x9F70, 0xC5, 0xC4, 0xCC),
    FILES: (0x4F, 0x9F70, 0xCE, 0xCC),
    FILES_AND_MODULES: (0x4F, 0x9F70, 0xCE, 0x84, 0xCC),
}
"""What is answered where no tag list asks for less."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A load file (``modules``), an application (``privileges``, ``file``) or the issuer domain.

    ``module`` is the class of an application; ``fixed`` ones came with the chip, cannot be deleted, and name the cells
    that say whether they are personalised.
    """

    aid: bytes
    state: int
    privileges: bytes = b""
    file: bytes = b""
    module: bytes = b""
    domain: bytes = b""
    version: bytes = b""
    modules: tuple[bytes, ...] = ()
    fixed: str = ""

    def encode(self) -> bytes:
        """As it lies in its cell."""
        fields = [(0x9F70, bytes((self.state,))), (0xC5, self.privileges), (0xC4, self.file), (0xDF01, self.module)]
        fields += [(0xCC, self.domain), (0xCE, self.version), *((0x84, one) for one in self.modules)]
        fields += [(0xDF02, self.fixed.encode("ascii"))]
        return b"".join(tlv.build(tag, value) for tag, value in fields if value)

    @classmethod
    def decode(cls, aid: bytes, stored: bytes) -> Entry:
        """From its cell."""
        found = tlv.parse(stored)
        one = dict(found)
        return cls(
            aid,
            one[0x9F70][0],
            one.get(0xC5, b""),
            one.get(0xC4, b""),
            one.get(0xDF01, b""),
            one.get(0xCC, b""),
            one.get(0xCE, b""),
            tuple(value for tag, value in found if tag == 0x84),
            one.get(0xDF02, b"").decode("ascii"),
        )

    def template(self, tags: tuple[int, ...]) -> bytes:
        """E3 with the data objects of ``tags`` that the entry has."""
        fields = [(0x4F, self.aid), (0x9F70, bytes((self.state,))), (0xC5, self.privileges), (0xC4, self.file)]
        fields += [(0xCE, self.version), *((0x84, one) for one in self.modules), (0xCC, self.domain)]
        return tlv.build(0xE3, b"".join(tlv.build(tag, value) for tag, value in fields if tag in tags and value))

    def row(self, kind: int) -> bytes:
        """The older form: AID, state, privileges; modules where they were asked for. GPC 2.3.1 table 11-35."""
        row = bytes((len(self.aid),)) + self.aid + bytes((self.state,)) + (self.privileges[:1] or b"\x00")
        if kind == FILES_AND_MODULES:
            row += bytes((len(self.modules),)) + b"".join(bytes((len(one),)) + one for one in self.modules)
        return row


def application_cell(aid: bytes) -> str:
    """Where an application's entry lies."""
    return f"gp/app/{aid.hex().upper()}"


def file_cell(aid: bytes) -> str:
    """Where a load file's entry lies."""
    return f"gp/file/{aid.hex().upper()}"


class Registry:
    """Entries over the memory, and the paging of GET STATUS."""

    def __init__(self, memory: Memory, isd: bytes) -> None:
        self.memory = memory
        self.isd = isd
        self.forget()

    def forget(self) -> None:
        """End a GET STATUS that has further pages."""
        self._rest: list[bytes] = []
        self._asked: tuple[int, int, bytes] | None = None

    @property
    def card(self) -> int:
        """The life cycle of the card."""
        return self.memory.read(CARD, bytes((SECURED,)))[0]

    def application(self, aid: bytes) -> Entry | None:
        """An application."""
        stored = self.memory.read(application_cell(aid))
        return Entry.decode(aid, stored) if stored else None

    def applications(self) -> list[Entry]:
        """All but the issuer domain."""
        return [Entry.decode(bytes.fromhex(aid), one) for aid, one in self.memory.under("gp/app/").items()]

    def file(self, aid: bytes) -> Entry | None:
        """A load file."""
        stored = self.memory.read(file_cell(aid))
        return Entry.decode(aid, stored) if stored else None

    def files(self) -> list[Entry]:
        """All load files."""
        return [Entry.decode(bytes.fromhex(aid), one) for aid, one in self.memory.under("gp/file/").items()]

    def _shown(self, kind: int) -> list[Entry]:
        if kind == ISD:
            return [Entry(self.isd, self.card, ISD_PRIVILEGES)]
        if kind == APPLICATIONS:
            return [self._lived(entry) for entry in self.applications()]
        return self.files()

    def _lived(self, entry: Entry) -> Entry:
        """A payment application turns its state over itself, with its last block."""
        done = entry.fixed and self.memory.has(f"{entry.fixed}/state")
        return replace(entry, state=entry.state | PERSONALISED) if done else entry

    def status(self, command: Command) -> bytes:
        """80F2 kind form: 4F AID prefix and 5C tag list -> entries; 6310 where more follow, 6A88: none."""
        kind, form = command.p1, command.p2 & 0x02
        expect(kind in SHOWN and command.p2 in (0x00, 0x01, 0x02, 0x03), word.WRONG_P1P2)
        asked = (kind, form, command.data)
        if command.p2 & 0x01:
            expect(bool(self._rest) and self._asked == asked, word.CONDITIONS)
        else:
            self._rest, self._asked = self._entries(kind, bool(form), command.data), asked
            expect(bool(self._rest), word.NOT_FOUND)
        page = b""
        while self._rest and (not page or len(page) + len(self._rest[0]) <= PAGE):
            page += self._rest.pop(0)
        if self._rest:
            raise Refused(word.MORE_DATA, page)
        self.forget()
        return page

    def _entries(self, kind: int, templates: bool, criteria: bytes) -> list[bytes]:
        try:
            search = tlv.parse(criteria)
        except tlv.Malformed:
            raise Refused(word.WRONG_DATA) from None
        expect(bool(search) and search[0][0] == 0x4F, word.WRONG_DATA)
        wanted, tags, found = search[0][1], SHOWN[kind], self._shown(kind)
        for tag, value in search[1:]:
            if tag == 0x5C:
                tags = _listed(value)
            elif tag == 0x9F70:
                found = [entry for entry in found if bytes((entry.state,)) == value]
            elif tag == 0xC4:
                found = [entry for entry in found if entry.file == value]
            else:
                raise Refused(word.WRONG_DATA)
        found = [entry for entry in found if entry.aid.startswith(wanted)]
        return [entry.template(tags) if templates else entry.row(kind) for entry in found]


def _listed(value: bytes) -> tuple[int, ...]:
    try:
        return tuple(tlv.tags(value))
    except tlv.Malformed:
        raise Refused(word.WRONG_DATA) from None
