"""The training chip: power, reset, routing between file system, security domain and payment applications."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from cardfab.crypto import Algorithm
from cardfab.simulator.chip import groupings, message, word
from cardfab.simulator.chip.applet import Applet
from cardfab.simulator.chip.domain import IssuerDomain, SecureDomain
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.message import Command, expect
from cardfab.simulator.chip.payment import Payment
from cardfab.simulator.chip.social import SocialApplication
from cardfab.simulator.chip.word import PowerCut, Refused

DEBIT_AID = bytes.fromhex("A000000333010101")
PSE_AID = b"1PAY.SYS.DDF01"

Application = SocialApplication | IssuerDomain | Applet


class TrainingChip:
    """A powered or unpowered chip. ``memory`` is all that stays; pickling a chip keeps the memory only.

    ``entropy(n)`` gives n bytes for challenges. :meth:`transmit` never raises.
    """

    def __init__(self, memory: Memory, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self.memory = memory
        self.powered = False
        domain = SecureDomain(memory, entropy)
        self._domain = domain
        self._social = SocialApplication(memory, entropy)
        debit = Payment(DEBIT_AID, memory, domain, groupings.check_payment, cell="debit")
        environment = Applet(PSE_AID, memory, domain, groupings.check_environment, cell="pse")
        self._applications = {one.aid: one for one in (IssuerDomain(memory, domain), debit, environment)}
        self._current: Application = self._social

    def __reduce__(self) -> tuple[type[TrainingChip], tuple[Memory]]:
        return TrainingChip, (self.memory,)

    @property
    def atr(self) -> bytes:
        """3B 6D 00 00 and the historical bytes T1 to TD."""
        return b"\x3b\x6d\x00\x00" + self.memory.read("os/historical")

    @property
    def algorithm(self) -> Algorithm:
        """3DES or SM4."""
        return self._social.algorithm

    @property
    def tear_after(self) -> int | None:
        """Cut the power during the n-th write from now; ``memory.tear_keeps`` says whether that write took effect."""
        return self.memory.tear_after

    @tear_after.setter
    def tear_after(self, writes: int | None) -> None:
        self.memory.tear_after = writes

    def power_on(self) -> bytes:
        """Power and reset: everything volatile is new; answers the ATR."""
        self.power_off()
        self.powered = True
        return self.atr

    def power_off(self) -> None:
        """Without power there are no answers."""
        self._leave()
        self._current = self._social
        self.powered = False

    def _leave(self) -> None:
        self._current.leave()
        self._domain.close()

    def transmit(self, apdu: bytes) -> bytes:
        """Answer one APDU: data and status word; nothing at all without power, or when the power is cut meanwhile."""
        if not self.powered:
            return b""
        try:
            expect(not self.memory.has("blocked/card"), word.CARD_BLOCKED)
            data, sw = self._answer(message.parse(bytes(apdu))), word.OK
        except Refused as refused:
            data, sw = b"", refused.sw
        except PowerCut:
            self.power_off()
            return b""
        except Exception:  # a chip does not crash its reader
            data, sw = b"", word.INTERNAL
        return data + sw.to_bytes(2)

    def _answer(self, command: Command) -> bytes:
        if command.ins == 0xA4:
            expect(command.cla == 0x00, word.UNKNOWN_CLA)
            return message.fitted(command, self._select(command))
        return self._current.execute(command)

    def _select(self, command: Command) -> bytes:
        expect(command.p1 in (0x00, 0x02, 0x04) and command.p2 in (0x00, 0x02), word.WRONG_P1P2)
        if command.p1 == 0x04:
            expect(command.p2 == 0x00, word.FILE_NOT_FOUND)  # no name occurs twice
            expect(len(command.data) <= 16, word.WRONG_LENGTH)
            return self._select_name(command.data)
        answer = self._social.select_fid(command)  # from an application: as from the MF, where its file system stands
        self._switch(self._social)
        return answer

    def _select_name(self, name: bytes) -> bytes:
        answer = self._social.select_name(name) if name else None
        if answer is not None:
            self._switch(self._social)
            return answer
        found = self._applications.get(name)
        if found is None and (not name or len(name) >= 5):  # no name: the security domain; GPC 2.1.1 9.9.2
            isd = next(one for one in self._applications.values() if isinstance(one, IssuerDomain))
            found = isd if isd.aid.startswith(name) else None
        if found is None:
            raise Refused(word.FILE_NOT_FOUND)
        self._switch(found, again=True)
        return found.select()

    def _switch(self, target: Application, *, again: bool = False) -> None:
        """Leave the current application; its security state ends, as does a secure channel."""
        if target is not self._current or again:
            self._leave()
            self._current = target

    def inspect(self) -> dict[str, dict[str, str]]:
        """White box for tests: contents in hex of every file and of each payment application, without keys and PIN."""
        found: dict[str, dict[str, str]] = {}
        for directory in self._social.tree.values():
            for file in directory.files:
                path = f"{directory.path}/{file.fid:04X}"
                if file.size:
                    found[path] = {"": self.memory.read(f"ef/{path}", bytes(file.size)).hex().upper()}
                else:
                    found[path] = {n: v.hex().upper() for n, v in self.memory.under(f"ef/{path}/").items()}
        for cell in ("debit", "pse"):
            stored = self.memory.under(f"{cell}/dgi/")
            shown = {dgi: value.hex().upper() for dgi, value in stored.items() if int(dgi, 16) not in groupings.SECRET}
            state = "PERSONALISED" if self.memory.has(f"{cell}/state") else "SELECTABLE"
            found[cell] = {"state": state, **shown}
        return found
