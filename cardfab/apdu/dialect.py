"""Dialects of card operating systems: from a chip of the factory to one with files and keys, as data.

A :class:`CosDialect` is a value that a profile fills (``profiles/dialects/*.toml``); nothing here is of one maker. Key
bytes are never seen: a :class:`LoadKey`, which the key room fulfils, gives the record of WRITE KEY as it goes out.
Key loading: LD/T 32 part 9, 7.1.2 and 7.1.3.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Literal, Protocol

from cardfab.apdu.layout import CommandLayout, Layout
from cardfab.apdu.line import ProvedKey, take_challenge
from cardfab.apdu.link import Exchange, expect
from cardfab.apdu.message import ApduMalformed, CommandApdu

CHALLENGE = Layout(("challenge",))


class Protection(enum.StrEnum):
    """How a key goes over the line."""

    PLAIN = "plain"
    ENCRYPTED = "encrypted"
    ENCRYPTED_MAC = "encrypted and MAC"


class CardStage(enum.StrEnum):
    """What is done once to a chip; a dialect puts them in order."""

    TRANSPORT = "prove the transport key"
    ROOT = "make the root"
    DIRECTORIES = "make the directories"
    VALUES = "write initial values"
    PIN = "load the PIN"
    REPLACE = "replace the master keys"
    END = "end"


class DirectoryStage(enum.StrEnum):
    """What is done to each directory; a dialect puts them in order."""

    CREATE = "create"
    SELECT = "select"
    KEY_FILE = "key file"
    MASTER = "master key"
    PROVE = "prove the master key"
    KEYS = "keys"
    FCI = "FCI"
    PURSE = "purse"
    FILES = "files"


class DirectKey(Protocol):
    """A key of one card that can be proved without a session key."""

    def answer(self, data: bytes, /) -> bytes:
        """E(key, data), ``data`` of at most one block, padded with 00."""


class LineKey(Protocol):
    """A key that protects the line without a session key."""

    def mac(self, challenge: bytes, data: bytes, /) -> bytes:
        """4 bytes over ``data``, which is not padded, IV the challenge (part 9, 7.1.3)."""


class MasterKey(ProvedKey, DirectKey, LineKey, Protocol):
    """A master or transport key of one card, seen from outside."""


class LoadKey(Protocol):
    """One key on its way into a card: the record (header, value) for WRITE KEY."""

    def clear(self) -> bytes:
        """The record itself; refused for every key that is not published."""

    def encrypted(self) -> bytes:
        """LD | record in whole blocks under the card's current master key (part 9, 7.1.2)."""

    def mac(self, challenge: bytes, data: bytes, /) -> bytes:
        """4 bytes over ``data``, which is not padded, IV the challenge (part 9, 7.1.3)."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A byte that asks for the PIN of the directory above: unused, either is enough, both are needed."""

    unused: bytes
    either: bytes
    both: bytes


@dataclass(frozen=True, slots=True)
class Access:
    """How conditions are written. ``condition`` may name ``<own>`` and ``<parent>``.

    ``levels`` are given to the keys of a directory that are proved, in order; ``pin`` and ``master`` to those two.
    ``absent`` stands where only the other half asks for something, ``forbidden`` for a file that nobody opens.
    ``joined`` tells how several levels of one half are written. ``any`` and ``all`` are the nibbles of ``<join>``;
    ``beside`` fills ``<extended>`` where a condition has no half for the directory above.
    """

    condition: Layout
    free: bytes
    forbidden: bytes
    absent: bytes
    levels: tuple[bytes, ...]
    pin: bytes
    master: bytes
    joined: Literal["bits", "range", "number"]
    any: int
    all: int
    beside: Beside | None

    def either(self, levels: Sequence[bytes], others: Sequence[bytes]) -> bytes | None:
        """The level that any of ``levels`` opens and none of ``others``; None when there is no such.

        As bits they are added up; as a range the nibbles are the highest and the lowest state; a number is one level.
        """
        if not levels:
            return self.absent
        if self.joined == "number":
            return levels[0] if len(levels) == 1 else None
        if self.joined == "bits":
            sum_ = reduce(or_, (level[0] for level in levels))
            return None if any(other[0] & sum_ for other in others) else bytes([sum_])
        high, low = max(level[0] >> 4 for level in levels), min(level[0] & 0xF for level in levels)
        return None if any(low <= other[0] & 0xF <= high for other in others) else bytes([high << 4 | low])


@dataclass(frozen=True, slots=True)
class Space:
    """What files take on the chip, in bytes, beside their data."""

    per_record: int
    per_file: int
    per_key: int
    per_directory: int


@dataclass(frozen=True, slots=True)
class Commands:
    """The commands. None, or an empty tuple, where the dialect has no such thing."""

    transport: CommandLayout
    create_root: CommandLayout | None
    create_ddf: CommandLayout
    create_adf: CommandLayout
    key_file: CommandLayout
    create_ef: CommandLayout
    purse: CommandLayout | None
    fci: tuple[CommandLayout, ...]
    entry: CommandLayout | None
    """What is written once into a directory that holds others, and what for each of those (DIR)."""
    prove: CommandLayout | None
    """A key, directly over a challenge; None: by the EXTERNAL AUTHENTICATE of the social-security card."""
    end: CommandLayout | None
    end_mac: bool
    """Whether the end comes once, with a MAC under the key of the master file, or to each directory."""
    erase: CommandLayout | None
    stage: CommandLayout | None
    stage_counts_key_file: bool
    """Asks the chip how far it has come (:mod:`cardfab.apdu.progress`); whether its key file is among its files."""
    activation: tuple[CommandLayout, ...]
    write_key: Mapping[Protection, Layout]
    write_master: Mapping[Protection, Layout]
    replace_master: Layout
    """The header of WRITE KEY by protection; ``replace_master`` goes encrypted and with a MAC under the old one."""


@dataclass(frozen=True, slots=True)
class KeyRecords:
    """The header of a key's record by what the key is for, and how a key goes over the line."""

    master: Layout
    replacement: Layout
    uses: Mapping[str, Layout]
    """By the use of a key in the file application; a start-day key is an external one."""
    pin: Layout | None
    groups: int
    """What is added to the id of a key for each further group of it; 0: the version in the record tells them apart."""
    fill: int
    """The value is padded with FF to this length; 0: not padded."""
    algorithms: Mapping[str, bytes]
    tries: int
    version: int
    challenge: int
    """Bytes of the challenge that a MAC takes."""
    first: Protection
    first_under_transport: bool
    """How the first master key comes, and whether it comes under the transport key."""
    others: Protection


@dataclass(frozen=True, slots=True)
class CosDialect:
    """One dialect. ``transport_over`` is what the transport key encrypts to be proved."""

    name: str
    transport_label: str
    transport_over: Layout
    transport_by_cipher: bool
    """Whether the transport key is one of the card's cipher, or 3DES on every chip."""
    temporary_master: str
    """Label of the fixed key that stands in for every master key until the end (LB 002 part 10, 5.2.3)."""
    root_fid: bytes
    root_master: str | None
    algorithms: Mapping[str, bytes]
    file_types: Mapping[str, bytes]
    fixed_as_count_and_length: bool
    """Whether the space of a file of equal records is written as number and length of records, a byte each."""
    purse_sfi: bytes
    locks: tuple[bytes, bytes] | None
    """``<lock>`` of a directory without and with a key of its own for APPLICATION BLOCK; None: the key's level."""
    never_activated: bytes
    """The historical bytes of a chip that was never activated."""
    commands: Commands
    access: Access
    space: Space
    keys: KeyRecords
    card_order: tuple[CardStage, ...]
    root_order: tuple[DirectoryStage, ...]
    directory_order: tuple[DirectoryStage, ...]


def prove_directly(
    key: DirectKey,
    command: CommandLayout,
    *,
    over: Layout = CHALLENGE,
    historical: bytes = b"",
    key_id: int = 0,
    name: str = "",
) -> Exchange[None]:
    """Prove a key by E(key, ``over``): over the card's serial number, or over a challenge when ``over`` names it."""
    values = {"serial": historical[-6:]}
    if "challenge" in over.fields:
        values["challenge"] = yield from take_challenge()
    proof = key.answer(over.fill(values))
    sent = command.command({"proof": proof, "kid": bytes([key_id])}, secret=True, name=name)
    expect((yield sent), sent)


def end_with_mac(key: LineKey, header: bytes, *, challenge: int = 4, name: str = "") -> Exchange[None]:
    """A command without data but its MAC, under a master or transport key, IV the challenge."""
    fresh = yield from take_challenge(challenge)
    cla, ins, p1, p2 = header
    command = CommandApdu(cla, ins, p1, p2, key.mac(fresh, header + b"\x04"), None, False, name)
    expect((yield command), command)


def write_key(
    key: LoadKey, header: bytes, protection: Protection, *, challenge: int = 4, name: str = ""
) -> Exchange[None]:
    """Load a key. The MAC covers the header, the Lc that counts it, and the data field as sent."""
    if len(header) != 4:
        raise ApduMalformed(f"a header of {len(header)} bytes", f"命令头为 {len(header)} 字节")
    fresh = (yield from take_challenge(challenge)) if protection is Protection.ENCRYPTED_MAC else b""
    data = key.clear() if protection is Protection.PLAIN else key.encrypted()
    if fresh:
        if len(data) > 0xFB:
            raise ApduMalformed(f"{name} with its MAC is too long", f"{name} 加 MAC 后过长")
        data += key.mac(fresh, header + bytes([len(data) + 4]) + data)
    cla, ins, p1, p2 = header
    command = CommandApdu(cla, ins, p1, p2, data, None, True, name)
    expect((yield command), command)
