"""The issuer security domain as an application: selection, GET DATA, PUT KEY, STORE DATA, routing. GPC 2.3.1 11."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from cardfab.simulator.chip import keyring, registry, tlv, word
from cardfab.simulator.chip.content import Content
from cardfab.simulator.chip.domain import SecureDomain
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.message import Command, expect, fitted
from cardfab.simulator.chip.profiles import Profile
from cardfab.simulator.chip.registry import Registry
from cardfab.simulator.chip.word import Refused

STORABLE = (0x42, 0x45, 0x5F50)  # IIN, CIN, URL
LARGEST_DATA = 0x4000


class Personalisable(Protocol):
    """An application that takes STORE DATA through its security domain."""

    def begin(self) -> None:
        """A personalisation begins."""

    def personalise(self, command: Command) -> bytes:
        """One STORE DATA without protection; raises :class:`Refused`."""


class IssuerDomain:
    """The security domain as an application of its own. ``application`` finds one that can be personalised."""

    def __init__(
        self, memory: Memory, domain: SecureDomain, application: Callable[[bytes], Personalisable | None]
    ) -> None:
        self.memory = memory
        self.domain = domain
        self.profile: Profile = domain.profile
        self.aid = bytes.fromhex(self.profile.isd_aid)
        self.registry = Registry(memory, self.aid)
        self.content = Content(memory, self.registry, domain.keys)
        self._application = application
        self.leave()

    def leave(self) -> None:
        """Forget what was half done."""
        self._stored = b""
        self._block = 0
        self.content.forget()
        self.registry.forget()

    def select(self) -> bytes:
        """FCI: 6F{84, A5{73{..}, 9F65 longest command}}; 6283 beside it on a locked card. GPC 2.3.1 11.9.3."""
        inside = tlv.build(0x73, recognition(self.profile)) + tlv.build(0x9F65, b"\xff")
        fci = tlv.build(0x6F, tlv.build(0x84, self.aid) + tlv.build(0xA5, inside))
        if self.registry.card == registry.CARD_LOCKED:
            raise Refused(word.CARD_LOCKED, fci)
        return fci

    def execute(self, command: Command) -> bytes:
        """Secure channel and the commands of a security domain; raises :class:`Refused`."""
        expect(self.registry.card != registry.TERMINATED or command.ins == 0xCA, word.CONDITIONS)
        answer = self.domain.channel_command(command, self.aid)
        if answer is not None:
            self.leave()
            return answer
        if command.ins == 0xCA and command.cla in (0x00, 0x04, 0x80, 0x84):
            return self._get_data(self.domain.opened(command) if self.domain.concerns(command) else command)
        if command.ins == 0xE2 and command.cla in (0x00, 0x04, 0x80, 0x84):
            return self._store_data(self.domain.opened(command))
        handler = {
            0xD8: self._put_key,
            0xE4: self.content.delete,
            0xE6: self._install,
            0xE8: self.content.load,
            0xF0: self.content.set_status,
            0xF2: self.registry.status,
        }.get(command.ins)
        if handler is None:
            raise Refused(word.UNKNOWN_INS if command.cla in (0x00, 0x80, 0x84) else word.UNKNOWN_CLA)
        expect(command.cla in (0x80, 0x84), word.UNKNOWN_CLA)
        plain = self.domain.opened(command, without=word.NOT_AUTHORISED)
        if command.ins != 0xF2:
            self.registry.forget()
        return fitted(command, handler(plain))

    def _install(self, command: Command) -> bytes:
        answer = self.content.install(command)
        target = self._application(self.content.target) if self.content.target else None
        if target is not None:
            target.begin()
        self._stored, self._block = b"", 0
        return answer

    # GET DATA: GPC 2.3.1 11.3

    def _get_data(self, command: Command) -> bytes:
        tag = command.p1p2
        value = self._object(tag, command.data)
        if value is None:
            raise Refused(word.NOT_FOUND)
        template = tlv.constructed(tag) or tag in (0xBF21, 0xFF33, 0xFF34)
        bare = command.cla & 0x80 == 0 and self.profile.get_data_iso == "value" and template
        return fitted(command, value if bare else tlv.build(tag, value))

    def _object(self, tag: int, asked: bytes) -> bytes | None:
        """The value of a data object, None where there is none."""
        made: dict[int, Callable[[], bytes]] = {
            0x66: lambda: tlv.build(0x73, recognition(self.profile)),
            0x67: lambda: capabilities(self.profile),
            0xC1: self._sequence,
            0xCF: lambda: self.memory.read("isd/keydata"),
            0xE0: self.domain.keys.information,
            0x2F00: self._application_list,
            0x9F7F: lambda: self.memory.read("isd/cplc"),
            0xFF21: self._resources,
        }
        if tag in made:
            return made[tag]()
        if tag == 0xBF21:  # certificates of a key: A6{83 key identifier and version}
            return self.memory.cells.get(f"isd/certificate/{_reference(asked).hex().upper()}")
        if tag in (0xFF33, 0xFF34):  # identifiers of authorities: of the off-card entity, of the card
            kind = "00" if tag == 0xFF33 else "01"
            found = self.memory.under(f"isd/authority/{kind}/")
            listed = (tlv.build(0x42, one) + tlv.build(0x83, bytes.fromhex(key)) for key, one in found.items())
            return b"".join(listed) or None
        return self.memory.cells.get(f"isd/{tag:04X}")

    def _sequence(self) -> bytes:
        size = 3 if self.profile.scp == 3 else 2
        version = next((one for one in self.domain.keys.sets() if one & 0xF0 != 0x70), 0)
        return self.domain.keys.sequence(version, size)

    def _application_list(self) -> bytes:
        return b"".join(tlv.build(0x61, tlv.build(0x4F, one.aid)) for one in self.registry.applications())

    def _resources(self) -> bytes:
        """Number of applications, free non-volatile and volatile memory."""
        count = bytes((len(self.registry.applications()),))
        return tlv.build(0x81, count) + tlv.build(0x82, (0x10000).to_bytes(4)) + tlv.build(0x83, (0x800).to_bytes(4))

    # PUT KEY: GPC 2.3.1 11.8

    def _put_key(self, command: Command) -> bytes:
        """80D8: P1 the version to replace or 00, P2 the first identifier, 80 for several -> version | check values."""
        version, keys = keyring.put(command, self.domain.reveal, frozenset(self.profile.put_key))
        old, sets = command.p1 & 0x7F, self.domain.keys.sets()
        if version & 0xF0 != 0x70 and set(keys) & set(keyring.CHANNEL_IDS):
            channel_kind = keyring.AES if self.profile.scp == 3 else keyring.DES
            expect(all(key.kind == channel_kind for key in keys.values()), word.KEY_TYPE_UNKNOWN)
        changes: dict[str, bytes | None] = {}
        if old:
            expect(old in sets, word.NOT_FOUND)
            expect(version == old or version not in sets, word.WRONG_DATA)
            expect(set(keys) <= set(sets[old]), word.NOT_FOUND)
            changes |= {keyring.cell(old, kid): None for kid in keys}
        else:
            expect(not set(keys) & set(sets.get(version, {})), word.WRONG_DATA)
            if keyring.INITIAL in sets and version & 0xF0 != 0x70:
                changes |= self.domain.keys.delete(None, keyring.INITIAL, last=True)
        changes |= keyring.cells(version, keys)
        self.memory.write(changes)
        return bytes((version,)) + b"".join(key.check_value() for key in keys.values())

    # STORE DATA: GPC 2.3.1 11.11

    def _store_data(self, command: Command) -> bytes:
        """To the application that INSTALL [for personalization] named, else BER-TLV objects of the domain itself."""
        if self.content.target:
            return self._forward(command)
        expect(command.p1 & 0x7E in (0x00, 0x10) and command.p2 == self._block, word.WRONG_P1P2)
        expect(bool(command.data), word.WRONG_LENGTH)
        expect(len(self._stored) + len(command.data) <= LARGEST_DATA, word.NO_SPACE)
        self._stored, self._block = self._stored + command.data, self._block + 1
        if not command.p1 & 0x80:
            return b""
        stored = self._stored
        self.leave()
        try:
            changes = _stored_objects(tlv.parse(stored))
        except tlv.Malformed:
            raise Refused(word.WRONG_DATA) from None
        self.memory.write(changes)
        return b""

    def _forward(self, command: Command) -> bytes:
        aid, self.content.target = self.content.target, b""
        application = self._application(aid)
        if application is None:
            raise Refused(word.CONDITIONS)
        answer = application.personalise(command)  # a refusal ends the personalisation
        if not command.p1 & 0x80:
            self.content.target = aid
        return answer


def _stored_objects(objects: list[tlv.Element]) -> dict[str, bytes | None]:
    """The write for STORE DATA: simple objects, or A6 with what belongs to the key it names.."""
    if objects and objects[0][0] == 0xA6:
        reference = dict(tlv.parse(objects[0][1]))
        key = reference.get(0x83, b"")
        expect(len(key) == 2, word.WRONG_DATA)
        name = key.hex().upper()
        if 0x42 in reference and len(objects) == 1:
            kind = reference.get(0x80, b"\x00")
            expect(kind in (b"\x00", b"\x01"), word.WRONG_DATA)
            return {f"isd/authority/{kind.hex()}/{name}": reference[0x42]}
        rest = dict(objects[1:])
        expect(len(objects) == 2 and set(rest) <= {0xBF21, 0x70}, word.NOT_FOUND)
        places = {0xBF21: "certificate", 0x70: "allowed"}
        return {f"isd/{places[tag]}/{name}": value for tag, value in rest.items()}
    expect(all(tag in STORABLE for tag, _ in objects), word.NOT_FOUND)
    return {f"isd/{tag:04X}": value for tag, value in objects}


def _reference(asked: bytes) -> bytes:
    try:
        return dict(tlv.deep(asked)).get(0x83, b"")
    except tlv.Malformed:
        raise Refused(word.WRONG_DATA) from None


def recognition(profile: Profile) -> bytes:
    """Card recognition data: GlobalPlatform version, card identification, the secure channel. GPC 2.3.1 H.2."""
    oid = bytes.fromhex("2A864886FC6B")
    version = "02020101" if profile.social else "02020301"

    def entry(tag: int, tail: str) -> bytes:
        inner = tlv.build(0x06, oid + bytes.fromhex(tail))
        return tlv.build(tag, inner) if tag != 0x06 else inner

    channel = f"04{profile.scp:02X}{profile.i:02X}"
    return entry(0x06, "01") + entry(0x60, version) + entry(0x63, "03") + entry(0x64, channel)


def capabilities(profile: Profile) -> bytes:
    """Card capability information: the channel, its option, key sizes, hash and cipher suites. GPC 2.3.1 H.4."""
    channel = tlv.build(0x80, bytes((profile.scp,))) + tlv.build(0x81, bytes((profile.i,)))
    if profile.scp == 3:
        channel += tlv.build(0x82, bytes(({16: 0x01, 24: 0x02, 32: 0x04}[profile.key_length],)))
    return tlv.build(0xA0, channel) + tlv.build(0x83, b"\x01\x02")
