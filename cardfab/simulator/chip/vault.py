"""An application that can be installed: it keeps the data groupings it is given and gives them back.

It stands for any application on a card that strangers manage. Module and package are the chip's own.
"""

from __future__ import annotations

from cardfab.simulator.chip import tlv, word
from cardfab.simulator.chip.applet import split_grouping
from cardfab.simulator.chip.domain import SecureDomain
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.message import Command, expect
from cardfab.simulator.chip.word import Refused

PACKAGE = b"\xf0CARDFAB"  # a proprietary AID
MODULE, INSTANCE = PACKAGE + b"\x01", PACKAGE + b"\x00"
LARGEST = 0x8000


class Vault:
    """STORE DATA in every form (through the domain or a channel of its own), GET DATA of what was stored.

    All groupings of a personalisation are written with the last block, in one write.
    """

    def __init__(self, aid: bytes, memory: Memory, domain: SecureDomain) -> None:
        self.aid = aid
        self.memory = memory
        self.domain = domain
        self._cell = f"app/{aid.hex().upper()}/"
        self.leave()

    def leave(self) -> None:
        """Forget a half done personalisation."""
        self._next = 0
        self._form = 0
        self._rest = b""
        self._secret = False
        self._found: dict[str, bytes | None] = {}

    def begin(self) -> None:
        """A personalisation begins with block 00."""
        self.leave()

    def select(self) -> bytes:
        """6F{84, A5}."""
        return tlv.build(0x6F, tlv.build(0x84, self.aid) + tlv.build(0xA5, b""))

    def execute(self, command: Command) -> bytes:
        """Secure channel, STORE DATA, GET DATA; raises :class:`Refused`."""
        answer = self.domain.channel_command(command, self.aid)
        if answer is not None:
            self.leave()
            return answer
        if command.ins == 0xE2 and command.cla in (0x80, 0x84):
            return self.personalise(self.domain.opened(command))
        if command.ins == 0xCA and command.cla in (0x00, 0x80, 0x84):
            return self._get_data(self.domain.opened(command) if self.domain.concerns(command) else command)
        raise Refused(word.UNKNOWN_INS if command.cla in (0x00, 0x80, 0x84) else word.UNKNOWN_CLA)

    def personalise(self, command: Command) -> bytes:
        """P1 80 last, 60 enciphered under the DEK, 08 data groupings, 10 BER-TLV; P2 counts. GPC 2.3.1 11.11.2."""
        try:
            self._block(command)
        except Refused:
            self.leave()
            raise
        return b""

    def _block(self, command: Command) -> None:
        form, profile = command.p1 & 0x18, self.domain.profile
        expect(command.p1 & 0x06 == 0 and command.p1 & 0x60 in (0x00, 0x60) and form != 0x18, word.WRONG_P1P2)
        expect(form == 0x08 or not profile.dgi_only, word.WRONG_P1P2)
        expect(self._next < 256 or profile.block_wraps, word.WRONG_P1P2)
        expect(command.p2 == self._next & 0xFF, word.WRONG_P1P2)
        expect(bool(command.data), word.WRONG_LENGTH)
        expect(not self._rest or form == self._form, word.WRONG_P1P2)
        expect(sum(map(len, filter(None, self._found.values()))) + len(self._rest) < LARGEST, word.NO_SPACE)
        secret, self._form = command.p1 & 0x60 == 0x60, form
        if not self._rest:
            self._secret = secret
        self._rest += command.data
        while self._rest and self._take(form == 0x10, self._secret):
            self._secret = secret
        self._next += 1
        if command.p1 & 0x80:
            expect(not self._rest, word.WRONG_DATA)
            changes = self._found
            self.leave()
            self.memory.write(changes)

    def _take(self, objects: bool, secret: bool) -> bool:
        """The first whole grouping or data object of what has come so far."""
        if objects:
            try:
                (tag, value), rest = tlv.first(self._rest)
            except tlv.Malformed:
                return False
            name = f"tag/{tag:04X}"
        else:
            grouping = split_grouping(self._rest)
            if grouping is None:
                return False
            dgi, value, rest = grouping
            name = f"dgi/{dgi:04X}"
        self._found[self._cell + name] = self.domain.reveal(value) if secret else value
        self._rest = rest
        return True

    def _get_data(self, command: Command) -> bytes:
        """80CA: a data grouping as its value, a data object as a whole; what is longer than Le by GET RESPONSE."""
        tag = f"{command.p1p2:04X}"
        grouping = self.memory.cells.get(f"{self._cell}dgi/{tag}")
        if grouping is not None:
            return grouping
        value = self.memory.cells.get(f"{self._cell}tag/{tag}")
        if value is None:
            raise Refused(word.NOT_FOUND)
        return tlv.build(command.p1p2, value)
