"""The language of Matica XID retransfer printers as bytes, and the values that a printer profile gives the driver.

No vendor document is public. Source: published notes of one program that runs an XID8600 and an XID580ie
(revk/cardprint, eth.txt and xidserver.c), with dumps of real answers. It neither sends nor waits.

A message is big-endian words of four bytes: type, count of the words behind the count, parameter (of an answer:
status), sequence number, data filled with 00 to whole words.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cardfab.printer.driver import CardPosition
from cardfab.printer.fault import Fault
from cardfab.printer.raster import ToneCurve

HEAD: Final = 8
"""Type and count: what must be read to know how much follows."""
CONNECTED, DOCUMENT_TAKEN = 0xF3000200, 0xF3000400
DOCUMENT, COMMAND, PANEL, INFO = 0xF2000300, 0xF0000100, 0xF0000200, 0xF0000600
DONE, REFUSED, ANSWER, INFO_ANSWER = 0xF1000100, 0xF1000200, 0xF1000300, 0xF1000600
FIRST_SEQUENCE: Final = 0x99999999
"""The document message has this number; commands count from 0."""

STATUS, POSITION, INITIALISE, LOAD, MOVE, PRINT, TRANSFER, STRIPE_READ, STRIPE_WRITE, CONTACTS = range(1, 11)
TURN, FILM_START = 0x10, 0x80
ENGAGE_CONTACT, RELEASE_CONTACT, ENGAGE_ANTENNA, RELEASE_ANTENNA = 0x00, 0x40, 0x10, 0x50
AT_PRINT, AT_CONTACT, AT_ANTENNA, AT_STRIPE, AT_REJECT, AT_EJECT = range(6)
PANEL_BITS: Final = {"y": 0x01, "m": 0x02, "c": 0x04, "k": 0x08, "p": 0x20, "u": 0x40}
"""Yellow, magenta, cyan, black, peel-off and UV in the mask of PRINT; the number of the bit is that of the panel."""
TAG_STATUS, TAG_CARDS, TAG_INK, TAG_FILM, TAG_PANELS = 0x01, 0x0A, 0x0B, 0x0C, 0x0E
_STRIPE_TAGS: Final = {1: 0x16, 2: 0x24, 3: 0x34}
_STRIPE_BASE: Final = {1: 0x20, 2: 0x30, 3: 0x30}


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the printer."""

    type: int
    status: int
    sequence: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: for the answer of a question, a movement, a panel, a print; of warming up; between two questions; with
    the contacts lifted."""

    query: float
    move: float
    panel: float
    print: float
    warm: float
    poll: float
    touch: float


@dataclass(frozen=True, slots=True)
class MaticaSettings:
    """What differs between models, and what the notes leave open."""

    width: int
    height: int
    document_param: int
    front_panels: str
    back_panels: str
    tone: tuple[ToneCurve, ToneCurve, ToneCurve]
    half_turn: bool
    """Whether a panel is sent turned by 180 degrees."""
    load_flags: int
    transfer_bytes: int
    """How many bytes the parameters of TRANSFER have: the notes say 6, their program sends 2."""
    info: bool
    """Whether ink, film and cards are asked on this line."""
    stripe_reads: bool
    times: Times
    query_attempts: int
    statuses: tuple[tuple[int, int, Fault | None], ...]
    """Status code, mask, and what it means; None: wait and ask again. The first that fits decides."""

    def meaning(self, status: int) -> Fault | None:
        """The fault of a status that is not 0; None: the printer is busy or warming, wait."""
        for code, mask, fault in self.statuses:
            if status & mask == code:
                return fault
        return Fault.REFUSED


POSITIONS: Final = {
    AT_PRINT: CardPosition.PRINT,
    AT_CONTACT: CardPosition.CONTACT,
    AT_ANTENNA: CardPosition.CONTACTLESS,
    AT_STRIPE: CardPosition.STRIPE,
    # The card has left: the program of the notes loads the next one from either.
    AT_REJECT: CardPosition.NONE,
    AT_EJECT: CardPosition.NONE,
}


def message(type_: int, sequence: int, data: bytes, *, parameter: int = 0) -> bytes:
    """One message of the host."""
    filled = data + bytes(-len(data) % 4)
    return struct.pack(">4I", type_, 2 + len(filled) // 4, parameter, sequence) + filled


def words_behind(head: bytes) -> int:
    """How many bytes follow the first eight of a message."""
    count: int = struct.unpack(">2I", head)[1]
    return 4 * count


def parse(head: bytes, rest: bytes) -> Message:
    """A message of the printer; ``rest`` has at least status and sequence. Raises ValueError."""
    if len(rest) < 8:
        raise ValueError("a message has at least four words")
    type_ = int.from_bytes(head[:4], "big")
    status, sequence = struct.unpack(">2I", rest[:8])
    return Message(type_, status, sequence, rest[8:])


def act(command: int, *parameters: int) -> bytes:
    """The data of COMMAND: its number, how many bytes follow, and those."""
    return bytes([command, len(parameters), *parameters])


def document(owner: str, name: str) -> bytes:
    """The data of DOCUMENT, 108 bytes as in the dump: 12 not explained (a time, it seems), two names in UTF-16LE."""
    return bytes(12) + _name(owner, 32) + _name(name, 64)


def _name(text: str, size: int) -> bytes:
    return text.encode("utf-16-le")[: size - 2].ljust(size, b"\x00")


def model_of(connected: Message) -> str:
    """The model in the message that the printer opens with (16 bytes at offset 56 of the whole message)."""
    return connected.data[40:56].decode("ascii", "replace").strip(" \x00")


def panel(number: int, dots: bytes) -> bytes:
    """The data of PANEL: its bit in the first byte, the length with and without itself, one byte a dot."""
    return struct.pack(">3I", 1 << number << 24, len(dots) + 4, len(dots)) + dots


def ask(*tags: int) -> bytes:
    """The data of INFO: one word a tag."""
    return b"".join(bytes([tag, 0, 0, 0]) for tag in tags)


def told(data: bytes) -> dict[int, int]:
    """Numbers by tag of an answer to INFO: tag, bytes that follow, length of the value, value, 00 to whole words."""
    found: dict[int, int] = {}
    at = 0
    while at + 3 <= len(data):
        tag, size, length = data[at : at + 3]
        value = data[at + 3 : at + 2 + size]
        if size < 1 or len(value) < size - 1:
            raise ValueError("an answer ends inside a value")
        found[tag] = int.from_bytes(value[:length], "big")
        at += (2 + size + 3) // 4 * 4
    return found


def stripe_write(tracks: Mapping[int, str]) -> bytes:
    """The data of STRIPE_WRITE: the second parameter is how many tracks follow, each as tag, length, codes.

    Track 1 in codes of 6 bits (the character less 20), tracks 2 and 3 in codes of 4 bits (less 30), one byte each.
    """
    told = b"".join(
        bytes([_STRIPE_TAGS[track], len(text)]) + bytes(ord(one) - _STRIPE_BASE[track] for one in text)
        for track, text in tracks.items()
    )
    return bytes([STRIPE_WRITE, len(told) + 2, 0, len(tracks)]) + told


def stripe_read(track: int) -> bytes:
    """The data of STRIPE_READ for one track: each tag has a place of its own among six bytes."""
    wanted = bytearray(6)
    wanted[track] = _STRIPE_TAGS[track]
    return act(STRIPE_READ, *wanted)


def stripe_told(data: bytes) -> dict[int, str]:
    """The tracks in the answer to STRIPE_READ. Raises ValueError."""
    found: dict[int, str] = {}
    tracks = {tag: track for track, tag in _STRIPE_TAGS.items()}
    if len(data) < 5:
        raise ValueError("an answer without tracks")
    at = 5
    for _ in range(data[4]):
        if at + 2 > len(data) or data[at] not in tracks or at + 2 + data[at + 1] > len(data):
            raise ValueError("an answer ends inside a track")
        track, coded = tracks[data[at]], data[at + 2 : at + 2 + data[at + 1]]
        mask = 0x3F if track == 1 else 0x0F
        found[track] = "".join(chr((code & mask) + _STRIPE_BASE[track]) for code in coded)
        at += 2 + len(coded)
    return found
