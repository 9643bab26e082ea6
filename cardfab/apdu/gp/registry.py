"""The registry of a card: GET STATUS with paging, and SET STATUS (GPC 2.3.1, 11.4 and 11.10; life cycles 11.1.1)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from cardfab.apdu.gp.install import check_aid
from cardfab.apdu.link import CardAnswerMalformed, Exchange, expect
from cardfab.apdu.message import CommandApdu
from cardfab.apdu.tlv import Tlv, TlvError, parse

_MORE, _NONE = 0x6310, 0x6A88


class Kind(enum.IntEnum):
    """What is asked for: P1 of GET STATUS."""

    DOMAIN = 0x80
    APPLICATION = 0x40
    LOAD_FILE = 0x20
    LOAD_FILE_AND_MODULES = 0x10


_CARD = {0x01: "OP_READY", 0x07: "INITIALIZED", 0x0F: "SECURED", 0x7F: "CARD_LOCKED", 0xFF: "TERMINATED"}
_APPLICATION = {0x03: "INSTALLED", 0x07: "SELECTABLE", 0x0F: "PERSONALIZED"}
_PRIVILEGES = (
    "security domain", "DAP verification", "delegated management", "card lock", "card terminate", "card reset",
    "CVM management", "mandated DAP verification", "trusted path", "authorized management", "token management",
    "global delete", "global lock", "global registry", "final application", "global service", "receipt generation",
    "ciphered load file", "contactless activation", "contactless self-activation",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RegistryEntry:
    """One line of the registry. ``privileges`` 0, 1 or 3 bytes; AIDs that the card does not tell are empty."""

    kind: Kind
    aid: bytes
    state: int
    privileges: bytes = b""
    load_file: bytes = b""
    domain: bytes = b""
    modules: tuple[bytes, ...] = ()
    version: bytes = b""

    @property
    def state_name(self) -> str:
        """The name of the life cycle state, or its number."""
        if self.kind is Kind.DOMAIN:
            return _CARD.get(self.state, f"{self.state:02X}")
        if self.kind is not Kind.APPLICATION:
            return "LOADED" if self.state == 0x01 else f"{self.state:02X}"
        if self.state & 0x80:
            return "LOCKED"
        return _APPLICATION.get(
            self.state, f"SELECTABLE ({self.state:02X})" if self.state & 7 == 7 else f"{self.state:02X}"
        )

    @property
    def privilege_names(self) -> tuple[str, ...]:
        """The privileges that are set (tables 11-7 to 11-9)."""
        bits = int.from_bytes(self.privileges.ljust(3, b"\x00")[:3], "big")
        return tuple(name for place, name in enumerate(_PRIVILEGES) if bits >> (23 - place) & 1)


def parse_status(data: bytes, kind: Kind) -> tuple[RegistryEntry, ...]:
    """The E3 objects of an answer (table 11-36); raises :class:`TlvError`."""
    return tuple(_entry(item, kind) for item in parse(data) if item.tag == 0xE3)


def _entry(item: Tlv, kind: Kind) -> RegistryEntry:
    parts = parse(item.value)
    first = {part.tag: part.value for part in reversed(parts)}
    state = first.get(0x9F70, b"")
    if not first.get(0x4F) or not state:
        raise TlvError("a registry entry has no AID or no state", "注册表项缺少 AID 或状态")
    return RegistryEntry(
        kind, first[0x4F], state[0], first.get(0xC5, b""), first.get(0xC4, b""), first.get(0xCC, b""),
        tuple(part.value for part in parts if part.tag == 0x84), first.get(0xCE, b""),
    )  # fmt: skip


def get_status(kind: Kind, *, aid: bytes = b"") -> Exchange[tuple[RegistryEntry, ...]]:
    """Every entry of that kind whose AID starts with ``aid``; 6310 says that more follow, 6A88 that there are none."""
    found: list[RegistryEntry] = []
    criteria = bytes([0x4F, len(aid)]) + aid
    for page in range(0x1000):
        command = CommandApdu(0x80, 0xF2, kind, 0x03 if page else 0x02, criteria, 256, name="GET STATUS")
        response = expect((yield command), command, _MORE, _NONE)
        found += parse_status(response.data, kind)
        if response.sw != _MORE:
            return tuple(found)
    raise CardAnswerMalformed("GET STATUS", "its pages never end", "分页没有终止")


def set_status(scope: int, state: int, aid: bytes) -> CommandApdu:
    """SET STATUS. ``scope`` 80 the card, 40 an application or security domain, 60 a domain with all that is in it."""
    return CommandApdu(0x80, 0xF0, scope, state, check_aid(aid), name=f"SET STATUS {state:02X}")
