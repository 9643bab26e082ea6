"""The issuer security domain: secure channels for itself and its applications, data objects. GPC 2.1.1 7, 9, E."""

from __future__ import annotations

from collections.abc import Callable

from cardfab.simulator.chip import tlv, word
from cardfab.simulator.chip.crypt import retail_mac
from cardfab.simulator.chip.memory import Memory, Tries
from cardfab.simulator.chip.message import Command, expect, fitted
from cardfab.simulator.chip.scp02 import LEVELS, ZERO, Channel, KeySet, cryptogram, session_keys
from cardfab.simulator.chip.word import Refused

ISD_AID = bytes.fromhex("A000000151000000")
KEY_VERSION = 0x01
TRIES = "tries/isd"
STORABLE = (0x42, 0x45, 0x5F50)  # IIN, CIN, URL


class SecureDomain:
    """Secure channels under the card's KMC keys; the application that is selected uses the one there is."""

    def __init__(self, memory: Memory, entropy: Callable[[int], bytes]) -> None:
        self.memory = memory
        self.entropy = entropy
        self.channel: Channel | None = None
        self._pending: tuple[KeySet, bytes] | None = None

    def close(self) -> None:
        """End the channel, also one half open."""
        self.channel = None
        self._pending = None

    def initialize_update(self, command: Command) -> bytes:
        """8050 kv 00 08 -> KEYDATA 10 | key version, 02 | sequence 2 | challenge 6 | card cryptogram 8. E.5.1."""
        self.close()
        expect(command.p1 in (0x00, KEY_VERSION), word.NOT_FOUND)
        expect(command.p2 == 0, word.WRONG_P1P2)
        expect(len(command.data) == 8, word.WRONG_LENGTH)
        expect(Tries(self.memory, TRIES).left > 0, word.KEY_BLOCKED)
        sequence = self.memory.read("isd/sequence", bytes(2))
        expect(sequence != b"\xff\xff", word.CONDITIONS)
        static = KeySet(*(self.memory.read(f"isd/K{name}") for name in ("ENC", "MAC", "DEK")))
        keys = session_keys(static, sequence)
        challenge = sequence + self.entropy(6)
        self._pending = keys, cryptogram(keys.enc, challenge, command.data)
        key_data = self.memory.read("isd/keydata") + bytes((KEY_VERSION, 0x02))
        return fitted(command, key_data + challenge + cryptogram(keys.enc, command.data, challenge))

    def external_authenticate(self, command: Command) -> bytes:
        """8482 level 00 10: host cryptogram 8 | C-MAC 8. A wrong one is counted; keys block at the limit. E.5.2."""
        pending, self._pending, self.channel = self._pending, None, None
        if pending is None:
            raise Refused(word.CONDITIONS)
        expect(command.p1 in LEVELS and command.p2 == 0, word.WRONG_P1P2)
        expect(len(command.data) == 16, word.WRONG_LENGTH)
        keys, right = pending
        given, mac = command.data[:8], command.data[8:]
        tries = Tries(self.memory, TRIES)
        expect(tries.left > 0, word.KEY_BLOCKED)
        tries.take()
        expect(given == right, word.AUTHENTICATION_FAILED)
        expect(retail_mac(keys.mac, ZERO, command.header(16) + given) == mac, word.MAC_WRONG)
        # The counter moves when the first C-MAC of a session was right (annex E), with the tries in one write.
        sequence = int.from_bytes(self.memory.read("isd/sequence", bytes(2))) + 1
        limit = self.memory.read(TRIES + "/limit")
        self.memory.write({"isd/sequence": sequence.to_bytes(2), TRIES + "/left": limit})
        self.channel = Channel(keys, command.p1, mac)
        return b""

    def opened(self, command: Command) -> Command:
        """The command without its protection; raises 6985 without a channel. A protection error ends the channel."""
        if self.channel is None:
            raise Refused(word.CONDITIONS)
        try:
            return self.channel.unwrap(command)
        except Refused:
            self.close()
            raise

    def channel_command(self, command: Command) -> bytes | None:
        """INITIALIZE UPDATE and EXTERNAL AUTHENTICATE; None for any other, which ends a channel half open."""
        if command.ins == 0x50 and command.cla == 0x80:
            return self.initialize_update(command)
        if command.ins == 0x82 and command.cla == 0x84:
            return self.external_authenticate(command)
        self._pending = None
        return None


class IssuerDomain:
    """The security domain as an application of its own."""

    aid = ISD_AID

    def __init__(self, memory: Memory, domain: SecureDomain) -> None:
        self.memory = memory
        self.domain = domain
        self.leave()

    def leave(self) -> None:
        """Forget a half done STORE DATA."""
        self._stored = b""
        self._block = 0

    def select(self) -> bytes:
        """FCI: 6F{84, A5{73{..}, 9F6E life cycle data, 9F65 longest command}}. GPC 2.1.1 9.9.3."""
        inside = tlv.build(0x73, _recognition()) + tlv.build(0x9F65, b"\xff")
        return tlv.build(0x6F, tlv.build(0x84, self.aid) + tlv.build(0xA5, inside))

    def execute(self, command: Command) -> bytes:
        """Secure channel, GET DATA, STORE DATA; raises :class:`Refused`."""
        answer = self.domain.channel_command(command)
        if answer is not None:
            self.leave()
            return answer
        if command.ins == 0xCA and command.cla in (0x00, 0x80, 0x84):
            return self._get_data(self.domain.opened(command) if command.cla & 0x04 else command)
        if command.ins == 0xE2 and command.cla in (0x80, 0x84):
            return self._store_data(self.domain.opened(command))
        raise Refused(word.UNKNOWN_INS if command.cla in (0x00, 0x80, 0x84) else word.UNKNOWN_CLA)

    def _get_data(self, command: Command) -> bytes:
        tag = command.p1p2
        if tag == 0x9F7F:
            return fitted(command, tlv.build(tag, self.memory.read("isd/cplc")))
        if tag == 0x66:
            return fitted(command, tlv.build(tag, tlv.build(0x73, _recognition())))
        if tag == 0xE0:  # id, version, 80 = DES, length 10: GPC 2.1.1 9.3.3.1
            keys = b"".join(tlv.build(0xC0, bytes((kid, KEY_VERSION, 0x80, 0x10))) for kid in (1, 2, 3))
            return fitted(command, tlv.build(tag, keys))
        if tag == 0xC1:
            return fitted(command, tlv.build(tag, self.memory.read("isd/sequence", bytes(2))))
        expect(self.memory.has(f"isd/{tag:04X}"), word.NOT_FOUND)
        return fitted(command, tlv.build(tag, self.memory.read(f"isd/{tag:04X}")))

    def _store_data(self, command: Command) -> bytes:
        """80E2: BER-TLV objects over as many blocks as needed, written together with the last one."""
        expect(command.p1 & 0x7F in (0x00, 0x10) and command.p2 == self._block, word.WRONG_P1P2)
        expect(bool(command.data), word.WRONG_LENGTH)
        self._stored, self._block = self._stored + command.data, self._block + 1
        if not command.p1 & 0x80:
            return b""
        stored = self._stored
        self.leave()
        try:
            objects = tlv.parse(stored)
        except tlv.Malformed:
            raise Refused(word.WRONG_DATA) from None
        expect(all(tag in STORABLE for tag, _ in objects), word.NOT_FOUND)
        self.memory.write({f"isd/{tag:04X}": value for tag, value in objects})
        return b""


def _recognition() -> bytes:
    """Card recognition data: GlobalPlatform 2.1.1, SCP02 i=15. GPC 2.1.1 annex F."""
    oid = bytes.fromhex("2A864886FC6B")

    def entry(tag: int, tail: str) -> bytes:
        inner = tlv.build(0x06, oid + bytes.fromhex(tail))
        return tlv.build(tag, inner) if tag != 0x06 else inner

    return entry(0x06, "01") + entry(0x60, "02020101") + entry(0x63, "03") + entry(0x64, "040215")
