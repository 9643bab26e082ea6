"""The training chip: power, reset, routing between file system, security domain and applications."""

from __future__ import annotations

import functools
import operator
import secrets
from collections.abc import Callable
from dataclasses import replace

from cardfab.crypto import Algorithm
from cardfab.simulator.chip import created, fmcoscard, groupings, message, purse, registry, word
from cardfab.simulator.chip.applet import Applet
from cardfab.simulator.chip.domain import SecureDomain
from cardfab.simulator.chip.fmcos import Fmcos
from cardfab.simulator.chip.fmcoscard import FmcosCard
from cardfab.simulator.chip.issuer import IssuerDomain
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.message import Command, expect
from cardfab.simulator.chip.payment import Payment
from cardfab.simulator.chip.pki import PkiApplication
from cardfab.simulator.chip.profiles import GLOBAL_PLATFORM_ATR, Profile
from cardfab.simulator.chip.social import SocialApplication
from cardfab.simulator.chip.t514 import T514
from cardfab.simulator.chip.vault import Vault
from cardfab.simulator.chip.word import PowerCut, Refused

DEBIT_AID = bytes.fromhex("A000000333010101")
PSE_AID = b"1PAY.SYS.DDF01"
PPSE_AID = b"2PAY.SYS.DDF01"
CHAIN, LONGEST_CHAIN = 0x10, 0x8000

Social = SocialApplication | Fmcos
DIALECTS: dict[bytes, type[T514] | type[Fmcos] | type[FmcosCard]] = {
    b"t514": T514,
    b"fmcos": Fmcos,
    fmcoscard.DIALECT: FmcosCard,
}
Application = SocialApplication | Fmcos | PkiApplication | IssuerDomain | Applet | Vault


class TrainingChip:
    """A powered or unpowered chip. ``memory`` is all that stays; pickling a chip keeps the memory only.

    ``contactless`` is how it is reached, set while it has no power: the payment application answers accordingly.

    ``entropy(n)`` gives n bytes for challenges. :meth:`transmit` never raises. A card whose profile is not social has
    the security domain and what was installed.
    """

    def __init__(self, memory: Memory, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self.memory = memory
        self.powered = False
        self.contactless = False
        self.profile = Profile.of(memory)
        domain = SecureDomain(memory, entropy)
        self._domain = domain
        self._entropy = entropy
        self._social: Social = self._system()
        self._pki = PkiApplication(memory, entropy)
        self._isd = IssuerDomain(memory, domain, self._personalisable)
        debit = Payment(DEBIT_AID, memory, domain, lambda: self.contactless)
        environments = [
            Applet(aid, memory, domain, groupings.check_environment, cell=cell)
            for aid, cell in ((PSE_AID, "pse"), (PPSE_AID, "ppse"))
        ]
        self._fixed: dict[bytes, Applet] = {one.aid: one for one in (debit, *environments)}
        self._vaults: dict[bytes, Vault] = {}
        self._current: Application = self._default()
        self._chained: Command | None = None
        self._remaining = b""

    def _system(self) -> Social:
        return DIALECTS.get(self.memory.read(created.DIALECT), SocialApplication)(self.memory, self._entropy)

    def _default(self) -> Application:
        return self._social if self.profile.social else self._isd

    def __reduce__(self) -> tuple[type[TrainingChip], tuple[Memory]]:
        return TrainingChip, (self.memory,)

    @property
    def atr(self) -> bytes:
        """3B 6D 00 00 and the historical bytes T1 to TD; of a card without them, that of its profile.

        Over the contactless interface what a reader makes of them: 3B 8D 80 01, the bytes, a check byte (PC/SC part 3).
        """
        if not self.profile.social:
            return bytes.fromhex(GLOBAL_PLATFORM_ATR)
        historical = self.memory.read("os/historical")
        if not self.contactless:
            return b"\x3b\x6d\x00\x00" + historical
        rest = b"\x8d\x80\x01" + historical
        return b"\x3b" + rest + bytes((functools.reduce(operator.xor, rest),))

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

    @property
    def tear_byte(self) -> int | None:
        """Cut the power before the n-th byte that is written from now."""
        return self.memory.tear_byte

    @tear_byte.setter
    def tear_byte(self, written: int | None) -> None:
        self.memory.tear_byte = written

    def power_on(self) -> bytes:
        """Power and reset: everything volatile is new, a torn write is settled; answers the ATR."""
        self.power_off()
        self.memory.recover()
        if self.memory.has(created.DIALECT):  # what is created, and which system serves it, may have changed
            self._social = self._system()
            self._current = self._default()
        self.powered = True
        return self.atr

    def power_off(self) -> None:
        """Without power there are no answers."""
        self._leave()
        self._social.reset()
        self._current = self._default()
        self.powered = False

    def _leave(self) -> None:
        self._current.leave()
        self._domain.close()
        self._chained, self._remaining = None, b""

    def transmit(self, apdu: bytes) -> bytes:
        """Answer one APDU: data and status word; nothing at all without power, or when the power is cut meanwhile."""
        if not self.powered:
            return b""
        self._domain.answer_plain()
        try:
            expect(not self.memory.has("blocked/card"), word.CARD_BLOCKED)
            command = message.parse(bytes(apdu), extended=self.profile.extended)
            try:
                data, sw = self._answer(command), word.OK
            except Refused as refused:
                data, sw = refused.data, refused.sw
            return self._sent(command, self._domain.protected(data, sw), sw)
        except Refused as refused:
            return refused.sw.to_bytes(2)
        except PowerCut:
            self.power_off()
            return b""
        except Exception:  # a chip does not crash its reader
            return word.INTERNAL.to_bytes(2)

    def _sent(self, command: Command, data: bytes, sw: int) -> bytes:
        """What fits into the answer; the rest waits for GET RESPONSE behind 61xx."""
        now, self._remaining = data[: command.room], data[command.room :]
        if self._remaining:
            sw = word.remaining(len(self._remaining))
        return now + sw.to_bytes(2)

    def _answer(self, command: Command) -> bytes:
        if self.profile.extended:
            if command.ins == 0xC0 and command.cla in (0x00, 0x04, 0x80, 0x84):
                expect(bool(self._remaining), word.CONDITIONS)
                return self._remaining
            whole = self._whole(command)
            if whole is None:
                return b""
            command = whole
        if command.ins == 0xA4:
            expect(command.cla == 0x00, word.UNKNOWN_CLA)
            return message.fitted(command, self._select(command))
        return self._current.execute(command)

    def _whole(self, command: Command) -> Command | None:
        """The command with what was chained before it, None where more is to come. ISO 7816-4 5.3.3."""
        before, self._chained = self._chained, None
        expect(command.cla & 0x43 == 0 or command.cla & 0xE0 == 0x20, word.NO_LOGICAL_CHANNEL)
        if before is not None:
            same_command = (before.cla, before.ins, before.p1p2) == (command.cla & ~CHAIN, command.ins, command.p1p2)
            expect(same_command, word.CONDITIONS)
            command = replace(command, data=before.data + command.data)
            expect(len(command.data) <= LONGEST_CHAIN, word.NO_SPACE)
        if command.cla & CHAIN and command.cla & 0x60 == 0:
            self._chained = replace(command, cla=command.cla & ~CHAIN)
            return None
        return command

    def _select(self, command: Command) -> bytes:
        expect(command.p1 in (0x00, 0x02, 0x04) and command.p2 in (0x00, 0x02), word.WRONG_P1P2)
        if command.p1 == 0x04:
            expect(len(command.data) <= 16, word.WRONG_LENGTH)
            return self._select_name(command.data, again=command.p2 == 0x02)
        expect(self.profile.social, word.WRONG_P1P2)
        expect(command.p2 == 0x00 or command.p1 != 0x04, word.WRONG_P1P2)
        if self._current is self._pki and command.data not in (b"", b"\x3f\x00"):
            return self._pki.select_fid(command)
        answer = self._social.select_fid(command)  # from an application: as from the MF, where its file system stands
        self._switch(self._social)
        return answer

    def _select_name(self, name: bytes, *, again: bool) -> bytes:
        answer = self._social.select_name(name) if name and self.profile.social and not again else None
        if answer is not None:
            self._switch(self._social)
            return answer
        answer = self._pki.select_name(name) if name and self.profile.social and not again else None
        if answer is not None:
            self._switch(self._pki)
            return answer
        card = self._isd.registry.card
        expect(card != registry.TERMINATED, word.CARD_BLOCKED)
        names = [self._isd.aid]
        if card != registry.CARD_LOCKED:
            names += [one.aid for one in self._isd.registry.applications() if self._selectable(one)]
        if not name:  # no name: the security domain, GPC 2.3.1 11.9.2
            found = names[:1]
        elif again:  # the next one with this prefix
            found = [aid for aid in names if aid.startswith(name)]
            here = self._current.aid if not isinstance(self._current, Social | PkiApplication) else b""
            found = found[found.index(here) + 1 :] if here in found else []
        else:
            found = [aid for aid in names if aid == name]
            found = found or [aid for aid in names if len(name) >= 5 and aid.startswith(name)]
        target = self._application(found[0]) if found else None
        if target is None:
            raise Refused(word.FILE_NOT_FOUND)
        self._switch(target, again=True)
        return target.select()

    @staticmethod
    def _selectable(entry: registry.Entry) -> bool:
        return entry.state & registry.SELECTABLE == registry.SELECTABLE and not entry.state & registry.LOCK

    def _application(self, aid: bytes) -> IssuerDomain | Applet | Vault | None:
        """The domain, a fixed application, or one that was installed."""
        if aid == self._isd.aid:
            return self._isd
        if aid in self._fixed and (self.profile.social or self.profile.payment):
            return self._fixed[aid]
        if self._isd.registry.application(aid) is None:
            self._vaults.pop(aid, None)
            return None
        return self._vaults.setdefault(aid, Vault(aid, self.memory, self._domain))

    def _personalisable(self, aid: bytes) -> Applet | Vault | None:
        found = self._application(aid)
        return None if isinstance(found, IssuerDomain) else found

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
            if directory.log:
                found[f"{directory.path}/purse"] = {"": purse.amounts(self.memory, directory.path).hex().upper()}
        for fid, value in self._pki.shown().items():
            found[f"pki/{fid}"] = {"": value.hex().upper()}
        for cell in ("debit", "pse", "ppse"):
            stored = self.memory.under(f"{cell}/dgi/")
            shown = {dgi: value.hex().upper() for dgi, value in stored.items() if int(dgi, 16) not in groupings.SECRET}
            state = "PERSONALISED" if self.memory.has(f"{cell}/state") else "SELECTABLE"
            found[cell] = {"state": state, **shown}
        return found
