"""An application that personalises itself by STORE DATA, then answers as a payment application or its environment."""

from __future__ import annotations

from collections.abc import Callable

from cardfab.simulator.chip import groupings, scp03, tlv, word
from cardfab.simulator.chip.domain import SecureDomain
from cardfab.simulator.chip.groupings import Stored
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.message import Command, expect, fitted
from cardfab.simulator.chip.word import Refused

PERSONALISED = b"\x0f"


class Applet:
    """Selection, personalisation and READ RECORD; :mod:`payment` adds the transaction.

    Each finished grouping is one write; a personalisation that was broken off begins again with block 00. The last
    block turns the state over, or answers 6A80 and leaves it.
    """

    def __init__(
        self, aid: bytes, memory: Memory, domain: SecureDomain, ready: Callable[[Stored], None], *, cell: str
    ) -> None:
        self.aid = aid
        self.memory = memory
        self.domain = domain
        self.cell = cell
        self._ready = ready
        self.leave()

    def leave(self) -> None:
        """Forget a half done personalisation."""
        self._next = 0
        self._rest = b""
        self._enciphered = False

    @property
    def personalised(self) -> bool:
        """Whether the last block was accepted."""
        return self.memory.read(f"{self.cell}/state") == PERSONALISED

    @property
    def stored(self) -> dict[int, bytes]:
        """The groupings, by DGI."""
        return {int(name, 16): value for name, value in self.memory.under(f"{self.cell}/dgi/").items()}

    def select(self) -> bytes:
        """6F{84, A5}: A5 is the FCI grouping, empty before personalisation; or that is the whole 6F."""
        loaded = self._template() if self.personalised else tlv.build(0xA5, b"")
        return loaded if loaded[:1] == b"\x6f" else tlv.build(0x6F, tlv.build(0x84, self.aid) + loaded)

    def _template(self) -> bytes:
        return self.memory.read(f"{self.cell}/dgi/9102")

    def execute(self, command: Command) -> bytes:
        """Secure channel, STORE DATA, READ RECORD and :meth:`use`; raises :class:`Refused`."""
        answer = self.domain.channel_command(command, self.aid)
        if answer is not None:
            Applet.leave(self)
            return answer
        if command.ins == 0xE2 and command.cla in (0x80, 0x84):
            expect(not self.personalised, word.CONDITIONS)
            return self.personalise(self.domain.opened(command))
        if command.ins == 0xB2 and command.cla == 0x00:
            expect(self.personalised, word.CONDITIONS)
            return self._read_record(command)
        return self.use(command)

    def use(self, command: Command) -> bytes:
        """Commands after personalisation; the environment has none."""
        raise Refused(word.UNKNOWN_INS if command.cla in (0x00, 0x80, 0x84) else word.UNKNOWN_CLA)

    # STORE DATA: EMV CPS 1.1 4.3.5, GPC 2.1.1 9.10

    def begin(self) -> None:
        """A personalisation through the security domain begins with block 00."""
        Applet.leave(self)

    def personalise(self, command: Command) -> bytes:
        """One STORE DATA without its protection, by the own channel or by the domain; raises :class:`Refused`."""
        expect(not self.personalised, word.CONDITIONS)
        return self._store_data(command)

    def _store_data(self, command: Command) -> bytes:
        """80E2 P1 P2: P1 b8 last block, 60 enciphered, 08 DGI form; P2 counts the blocks from 00 and never wraps."""
        expect(command.p1 & 0x17 == 0 and command.p1 & 0x60 in (0x00, 0x60), word.WRONG_P1P2)
        expect(command.p2 == self._next, word.WRONG_P1P2)
        expect(bool(command.data), word.WRONG_LENGTH)
        if self._next == 0 and self.stored:  # begun before and not finished: what is left of that is erased
            self.memory.write({f"{self.cell}/dgi/{dgi:04X}": None for dgi in self.stored})
        enciphered = command.p1 & 0x60 == 0x60
        stream = self._rest + command.data
        first_flag, self._rest = (self._enciphered if self._rest else enciphered), b""  # a refusal forgets the rest
        flag = first_flag
        while stream:
            grouping = split_grouping(stream)
            if grouping is None:
                break
            dgi, value, stream = grouping
            self._accept(dgi, value, flag)
            flag = enciphered
        if command.p1 & 0x80:
            expect(not stream, word.WRONG_DATA)
            self._ready(self.stored)
            self._finish()
        self._rest, self._enciphered = stream, flag
        self._next += 1
        return b""

    def _accept(self, dgi: int, value: bytes, enciphered: bool) -> None:
        expect(enciphered or dgi not in groupings.SECRET, word.WRONG_P1P2)  # no key crosses in the clear
        if enciphered:
            value = self.domain.reveal(value)
            if isinstance(self.domain.channel, scp03.Channel):
                value = _without_half_block(value)
        groupings.check(dgi, value, self.stored)
        self.memory.write({f"{self.cell}/dgi/{dgi:04X}": value})

    def _finish(self) -> None:
        """The one write that makes the application usable."""
        self.memory.write({f"{self.cell}/state": PERSONALISED})

    def _read_record(self, command: Command) -> bytes:
        sfi = command.p2 >> 3
        expect(command.p2 & 0x07 == 4, word.WRONG_P1P2)
        stored = self.stored
        expect(sfi != 0 and any(dgi >> 8 == sfi and groupings.is_record(dgi) for dgi in stored), word.FILE_NOT_FOUND)
        dgi = sfi << 8 | command.p1
        expect(groupings.is_record(dgi) and dgi in stored, word.RECORD_NOT_FOUND)
        return fitted(command, stored[dgi])


def _without_half_block(value: bytes) -> bytes:
    """What AES blocks needed: a value of 8, 24, 40.. bytes comes with 80 00*7."""
    filled = len(value) % 16 == 0 and value.endswith(b"\x80" + bytes(7))
    return value[:-8] if filled else value


def split_grouping(stream: bytes) -> tuple[int, bytes, bytes] | None:
    """The first grouping of a stream and what follows it; None where it is not complete. Length 1, or FF and 2."""
    if len(stream) < 3:
        return None
    length, at = stream[2], 3
    if length == 0xFF:
        length, at = int.from_bytes(stream[3:5]), 5
    if len(stream) < at or len(stream) < at + length:
        return None
    return int.from_bytes(stream[:2]), stream[at : at + length], stream[at + length :]
