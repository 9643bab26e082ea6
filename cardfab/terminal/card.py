"""A card presented to a terminal: where it stands, what was proved to it, and what the terminal's keys allow.

A key that the terminal does not hold for this card is never tried on it: a wrong try would count (LD/T 32 part 7, 6.6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from cardfab.apdu import commands
from cardfab.apdu.line import CardKey as LineKey
from cardfab.apdu.line import external_authenticate
from cardfab.apdu.link import CardAnswered, Exchange, expect
from cardfab.apdu.status import StatusWord
from cardfab.crypto.purse import Purchase
from cardfab.keys import KeyOfAnotherRegion, KeyUnknown, Level, rooted
from cardfab.keys.roots import CIPHERS
from cardfab.prepare.items import ItemBook
from cardfab.profile.access import PIN, alternatives
from cardfab.profile.application import CardKey, DedicatedFile, ElementaryFile, FileApplication
from cardfab.terminal.pins import HolderPin, PinKeys, check_pin, verify_command
from cardfab.terminal.reason import Denied, PinBlocked, PinWrong, ReadFirst

_FILE_NOT_FOUND, _APPLICATION_BLOCKED, _CARD_BLOCKED = 0x6A82, 0x9303, 0x6A81


class TerminalKey(LineKey, Protocol):
    """A key of one card as a terminal uses it."""

    def code(self, data: bytes, /) -> bytes:
        """MAC of 4 bytes under the key itself: the authentication code of an identification code."""


class PurchaseKey(Protocol):
    """DPK of one card."""

    def debit(self, purchase: Purchase, /) -> bytes:
        """MAC1."""

    def paid(self, purchase: Purchase, mac2: bytes, /) -> bool:
        """Whether MAC2 is the card's."""


class TerminalKeys(PinKeys, Protocol):
    """What a terminal asks of its PSAM. Its keys raise KeyUnknown, or KeyOfAnotherRegion for the key of other cards."""

    def card_key(self, label: str, region: str, historical: bytes, /) -> TerminalKey:
        """A key of the card in the reader."""

    def purse_purchase(self, label: str, region: str, historical: bytes, /) -> PurchaseKey:
        """The purchase key of the card in the reader."""


@dataclass(slots=True)
class PresentedCard:
    """One card in one terminal, from reset on. ``book`` is the file system of its generation with its code tables.

    ``historical`` the 13 bytes of the ATR; ``random`` gives that many random bytes; ``key_version`` is the group that
    the region's cards use. The rest is found out: ``identify`` fills cipher and region.
    """

    book: ItemBook = field(repr=False)
    keys: TerminalKeys = field(repr=False)
    historical: bytes
    random: Callable[[int], bytes] = field(repr=False)
    key_version: int = 1
    algorithm: str = ""
    region: str = ""
    code: bytes = b""
    directory: str = ""
    proved: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    pin_verified: bool = False

    @property
    def application(self) -> FileApplication:
        """The file system of the card."""
        return self.book.files

    # -- what the terminal holds ---------------------------------------------------------------------------------------

    def label(self, key: CardKey, version: int | None = None) -> str:
        """The store's label of a key of this card."""
        if not self.algorithm:
            raise ReadFirst()
        wanted = self.key_version if version is None else version
        return rooted(key.label, self.algorithm, wanted if key.versions > 1 else 1)

    def index(self, key: CardKey) -> int:
        """The key index of the medical account's commands: the version."""
        return self.key_version if key.versions > 1 else 1

    def version(self, key: CardKey) -> int | None:
        """The version byte of an authentication; version 1 needs none."""
        return self.key_version if key.versions > 1 and self.key_version > 1 else None

    def key(self, directory: DedicatedFile, name: str) -> TerminalKey | Denied:
        """The key, or why the terminal does not have it."""
        found = directory.keys[name]
        if not self.algorithm:
            raise ReadFirst()
        if self.algorithm not in CIPHERS:
            return Denied.CIPHER
        if f"{directory.name}/{name}" in self.refused:
            return Denied.REFUSED
        try:
            return self.keys.card_key(self.label(found), self.region, self.historical)
        except KeyUnknown:
            return Denied.NO_KEY
        except KeyOfAnotherRegion as other:
            return Denied.OTHER_PROVINCE if other.level is Level.PROVINCE else Denied.OTHER_CITY

    def obstacle(self, directory: DedicatedFile, condition: str) -> Denied | None:
        """Why the terminal cannot fulfil an access condition; None when it can. Sends nothing."""
        ways = alternatives(condition)
        if not ways:
            return Denied.FORBIDDEN
        found: list[Denied] = []
        for way in ways:
            lacks = [lack for right in sorted(way) if (lack := self._lack(directory, right)) is not None]
            if not lacks:
                return None
            found.append(max(lacks))
        return min(found)

    def _lack(self, directory: DedicatedFile, right: str) -> Denied | None:
        if right == PIN:
            return None if self.pin_verified else Denied.PIN
        key = self.key(directory, right)
        return key if isinstance(key, Denied) else None

    # -- exchanges ----------------------------------------------------------------------------------------------------

    def enter(self, name: str) -> Exchange[Denied | None]:
        """SELECT a directory by name, and forget what was proved in another; says why when the card has it not."""
        directory = self.application.directory(name)
        if self.directory == name:
            return None
        command = commands.select(directory.aid, name=f"SELECT {name}")
        self.directory, self.proved = "", set()
        response = expect((yield command), command, _FILE_NOT_FOUND, _APPLICATION_BLOCKED, _CARD_BLOCKED)
        if not response.sw.ok:
            return _REFUSALS[int(response.sw)]
        self.directory = name
        return None

    def must_enter(self, name: str) -> Exchange[None]:
        """As :meth:`enter`; raises :class:`CardAnswered` when the card has no such directory or it is blocked."""
        denied = yield from self.enter(name)
        if denied is not None:
            raise CardAnswered(f"SELECT {name}", _WORDS[denied])

    def satisfy(self, condition: str) -> Exchange[Denied | None]:
        """Prove what an access condition in the current directory asks for, with keys and PIN that are at hand.

        None when it is fulfilled; else why not, and then nothing was tried. Raises :class:`CardAnswered` when the card
        refuses a key that the terminal holds.
        """
        directory = self.application.directory(self.directory)
        obstacle = self.obstacle(directory, condition)
        if obstacle is not None:
            return obstacle
        able = [way for way in alternatives(condition) if all(self._lack(directory, right) is None for right in way)]
        way = min(able, key=lambda way: len(way - self.proved - {PIN}))
        for name in sorted(way - self.proved - {PIN}):
            yield from self.prove(name)
        return None

    def prove(self, name: str, owner: DedicatedFile | None = None) -> Exchange[None]:
        """EXTERNAL AUTHENTICATE with a key of the current directory, if it was not proved yet; or a global key."""
        if name in self.proved:
            return
        directory = owner or self.application.directory(self.directory)
        found = directory.keys[name]
        key = self.keys.card_key(self.label(found), self.region, self.historical)
        title = f"EXTERNAL AUTHENTICATE {name}"
        try:
            yield from external_authenticate(
                key, found.id[0], original=self.random(8), version=self.version(found), name=title
            )
        except CardAnswered:
            self.refused.add(f"{directory.name}/{name}")  # a second try would only count the key down further
            raise
        self.proved.add(name)


_REFUSALS = {
    _FILE_NOT_FOUND: Denied.ABSENT,
    _APPLICATION_BLOCKED: Denied.BLOCKED,
    _CARD_BLOCKED: Denied.CARD_BLOCKED,
}
_WORDS = {denied: StatusWord(word) for word, denied in _REFUSALS.items()}


def records_of(file: ElementaryFile) -> Exchange[dict[int, bytes]]:
    """Records by their number. A linear file may have gaps where an item was never written, and more than its items."""
    found: dict[int, bytes] = {}
    for number in range(1, 0xFF):
        command = commands.read_record(number, file.sfi[0], secret=True)
        response = expect((yield command), command, commands.RECORD_NOT_FOUND)
        if response.sw.ok:
            found[number] = response.data
        elif number >= len(file.items):
            break
    return found


def pin_tries(card: PresentedCard) -> Exchange[int | None]:
    """Tries left; None where the card has no PIN set, and then none is asked for (part 5, 6.14; part 7, 5.6)."""
    yield from card.must_enter("SSSE")
    command = commands.pin_tries()
    response = yield command
    if response.sw.ok:
        card.pin_verified = True
        return None
    if response.sw == 0x6983:
        return 0
    if response.sw.tries is None:
        raise CardAnswered(command.title, response.sw)
    return response.sw.tries


def verify_pin(card: PresentedCard, pin: HolderPin) -> Exchange[None]:
    """VERIFY, once. Raises :class:`PinWrong` with the tries that are left, or :class:`PinBlocked`.

    A PIN that is not 4 to 16 digits is refused before the card is asked (CF-3345).
    """
    check_pin(pin)
    return _verify_pin(card, pin)


def _verify_pin(card: PresentedCard, pin: HolderPin) -> Exchange[None]:
    yield from card.must_enter("SSSE")
    command = verify_command(card.keys, pin)
    response = yield command
    if response.sw == 0x6983 or response.sw.tries == 0:
        raise PinBlocked()
    if response.sw.tries is not None:
        raise PinWrong(response.sw.tries)
    expect(response, command)
    card.pin_verified = True
