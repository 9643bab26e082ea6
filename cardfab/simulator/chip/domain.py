"""Secure channels: SCP02 or SCP03 under the keys of the security domain. GPC 2.3.1 10, annex E; amendment D."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cardfab.crypto import same
from cardfab.simulator.chip import keyring, scp02, scp03, word
from cardfab.simulator.chip.crypt import retail_mac
from cardfab.simulator.chip.keyring import Keyring
from cardfab.simulator.chip.memory import Memory, Tries
from cardfab.simulator.chip.message import Command, expect, fitted
from cardfab.simulator.chip.profiles import Profile
from cardfab.simulator.chip.scp02 import KeySet
from cardfab.simulator.chip.word import Refused

TRIES = "tries/isd"
Channel = scp02.Channel | scp03.Channel


@dataclass(frozen=True, slots=True, repr=False)
class _Pending:
    """What EXTERNAL AUTHENTICATE needs of the INITIALIZE UPDATE before it."""

    version: int
    right: bytes
    keys: KeySet | scp03.Session
    response: bytes = b""


class SecureDomain:
    """Secure channels under the card's keys; the application that is selected uses the one there is."""

    def __init__(self, memory: Memory, entropy: Callable[[int], bytes]) -> None:
        self.memory = memory
        self.entropy = entropy
        self.profile = Profile.of(memory)
        self.keys = Keyring(memory)
        self.channel: Channel | None = None
        self._pending: _Pending | None = None
        self._answering: Channel | None = None

    def close(self) -> None:
        """End the channel, also one half open."""
        self.channel = None
        self._pending = None

    def initialize_update(self, command: Command, aid: bytes) -> bytes:
        """8050 kv 00 with a host challenge of 8, in S16 mode 16; ``aid`` of the application. E.5.1, D 7.1.1."""
        self.close()
        base = self.profile.scp == 2 and not self.profile.i & 0x01
        version, kind, static = self.keys.channel_set(command.p1, base=base)
        expect(command.p2 == 0, word.WRONG_P1P2)
        expect(len(command.data) == self.profile.size, word.WRONG_LENGTH)
        expect(Tries(self.memory, TRIES).left > 0, word.KEY_BLOCKED)
        key_data = self.memory.read("isd/keydata") + bytes((version,))
        if kind == keyring.AES:
            return self._begin_scp03(command, aid, version, static, key_data)
        return self._begin_scp02(command, aid, version, static, key_data)

    def _begin_scp02(self, command: Command, aid: bytes, version: int, static: KeySet, key_data: bytes) -> bytes:
        """KEYDATA 10 | key version, 02 | sequence 2 | challenge 6 | card cryptogram 8."""
        sequence = self.keys.sequence(version, 2)
        expect(sequence != b"\xff\xff", word.CONDITIONS)
        keys = scp02.session_keys(static, sequence)
        six = scp02.computed_challenge(keys, aid) if self.profile.i & 0x40 else self.entropy(6)
        challenge = sequence + six
        answer = fitted(command, key_data + b"\x02" + challenge + scp02.cryptogram(keys.enc, command.data, challenge))
        right = scp02.cryptogram(keys.enc, challenge, command.data)
        self._pending = _Pending(version, right, keys, scp02.response_key(static, sequence))
        return answer

    def _begin_scp03(self, command: Command, aid: bytes, version: int, static: KeySet, key_data: bytes) -> bytes:
        """KEYDATA 10 | key version, 03, i | challenge | card cryptogram | sequence 3 of a computed challenge."""
        size, sequence = self.profile.size, b""
        if self.profile.i & scp03.COMPUTED:
            counter = int.from_bytes(self.keys.sequence(version, 3)) + 1
            expect(counter <= 0xFFFFFF, word.CONDITIONS)
            sequence = counter.to_bytes(3)
            challenge = scp03.derived(static.enc, scp03.CHALLENGE, sequence + aid, size)
        else:
            challenge = self.entropy(size)
        session = scp03.Session(static, command.data, challenge, size)
        head = key_data + bytes((0x03, self.profile.i))
        answer = fitted(command, head + challenge + session.card_cryptogram + sequence)
        if sequence:  # D 6.2.2.1: it moves with every challenge
            self.memory.write({keyring.sequence_cell(version): sequence})
        self._pending = _Pending(version, session.host_cryptogram, session)
        return answer

    def external_authenticate(self, command: Command) -> bytes:
        """8482 level 00: host cryptogram | C-MAC. A wrong one is counted; keys block at the limit. E.5.2, D 7.1.2."""
        pending, self._pending, self.channel = self._pending, None, None
        if pending is None:
            raise Refused(word.CONDITIONS)
        size, keys = len(pending.right), pending.keys
        option = self.profile.option
        allowed = scp02.levels(option) if isinstance(keys, KeySet) else scp03.levels(option)
        expect(command.p1 in allowed and command.p2 == 0, word.WRONG_P1P2)
        expect(len(command.data) == 2 * size, word.WRONG_LENGTH)
        given, mac = command.data[:size], command.data[size:]
        tries = Tries(self.memory, TRIES)
        expect(tries.left > 0, word.KEY_BLOCKED)
        tries.take()
        expect(same(given, pending.right), word.AUTHENTICATION_FAILED)
        changes: dict[str, bytes | None] = {TRIES + "/left": self.memory.read(TRIES + "/limit")}
        channel: Channel
        if isinstance(keys, KeySet):
            right = retail_mac(keys.mac, scp02.ZERO, command.header(16) + given)
            # The counter moves when the first C-MAC of a session was right (annex E), with the tries in one write.
            sequence = int.from_bytes(self.keys.sequence(pending.version, 2)) + 1
            changes[keyring.sequence_cell(pending.version)] = sequence.to_bytes(2)
            encrypted = bool(self.profile.i & 0x10)
            channel = scp02.Channel(keys, command.p1, mac, encrypted_icv=encrypted, response=pending.response)
        else:
            right = scp03.full_mac(keys, scp03.ZERO, command, given)
            channel = scp03.Channel(keys, command.p1, right, counts_empty=self.profile.counts_empty)
        expect(same(right[:size], mac), word.MAC_WRONG)
        self.memory.write(changes)
        self.channel = channel
        return b""

    def opened(self, command: Command, *, without: int = word.CONDITIONS) -> Command:
        """The command without its protection; ``without`` a channel 6985. A protection error ends the channel."""
        if self.channel is None:
            raise Refused(without)
        try:
            plain = self.channel.unwrap(command)
        except Refused:
            self.close()
            raise
        self._answering = self.channel if self.channel.level & 0x10 else None
        return plain

    def concerns(self, command: Command) -> bool:
        """Whether a command that needs no channel came through one: its class says so, or no C-MAC is wanted."""
        return bool(command.cla & 0x04) or (self.channel is not None and self.channel.level == 0x10)

    def answer_plain(self) -> None:
        """Before a command: nothing is protected yet."""
        self._answering = None

    def protected(self, data: bytes, sw: int) -> bytes:
        """The answer with R-MAC where the command came through such a channel; SCP03 leaves errors bare (D 6.2.5)."""
        channel, self._answering = self._answering, None
        if channel is None or channel is not self.channel:
            return data
        if isinstance(channel, scp03.Channel) and not (sw == word.OK or word.warning(sw)):
            return data
        return channel.wrap(data, sw)

    def reveal(self, secret: bytes) -> bytes:
        """Whole blocks under the DEK of the channel; raises 6985 without one, 6A80 where they are not whole."""
        if self.channel is None:
            raise Refused(word.CONDITIONS)
        block = 8 if isinstance(self.channel, scp02.Channel) else 16
        expect(bool(secret) and len(secret) % block == 0, word.WRONG_DATA)
        return self.channel.reveal(secret)

    def channel_command(self, command: Command, aid: bytes) -> bytes | None:
        """INITIALIZE UPDATE and EXTERNAL AUTHENTICATE; None for any other, which ends a channel half open."""
        if command.ins == 0x50 and command.cla == 0x80:
            return self.initialize_update(command, aid)
        if command.ins == 0x82 and command.cla == 0x84:
            return self.external_authenticate(command)
        self._pending = None
        return None
