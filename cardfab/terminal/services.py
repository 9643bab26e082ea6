"""What a counter does to a card itself: PIN, application block, card block (LD/T 32 part 5, 6; part 7, 13).

Whoever orders these has checked the holder's document and recorded it; here is the card's side only.
"""

from __future__ import annotations

from cardfab.apdu import commands
from cardfab.apdu.line import maced, send_protected, take_challenge
from cardfab.apdu.link import Exchange, expect
from cardfab.apdu.message import CommandApdu
from cardfab.errors import Text
from cardfab.keys import Sealed
from cardfab.profile.application import DedicatedFile
from cardfab.terminal.card import PresentedCard
from cardfab.terminal.pins import HolderPin, change_command, check_pin, for_keys
from cardfab.terminal.reason import Denied, PinBlocked, PinWrong, RightMissing


def change_pin(card: PresentedCard, old: HolderPin, new: HolderPin) -> Exchange[None]:
    """CHANGE PIN by the holder. Raises PinWrong, PinBlocked; a PIN that is none is refused before (CF-3345)."""
    check_pin(old)
    check_pin(new)
    return _change_pin(card, old, new)


def _change_pin(card: PresentedCard, old: HolderPin, new: HolderPin) -> Exchange[None]:
    yield from card.must_enter("SSSE")
    command = change_command(card.keys, old, new)
    response = yield command
    if response.sw == 0x6983 or response.sw.tries == 0:
        raise PinBlocked()
    if response.sw.tries is not None:
        raise PinWrong(response.sw.tries)
    expect(response, command)


def unblock_pin(card: PresentedCard) -> Exchange[None]:
    """Set the tries back; the PIN stays. PUK is proved, the MAC is under STK. Raises :class:`RightMissing`."""
    what = Text("The PIN was not unblocked", "密码未解锁")
    return _maintained(card, "SSSE", "PUK", commands.unblock_pin(), what)


def reload_pin(card: PresentedCard, new: HolderPin) -> Exchange[None]:
    """A new PIN, tries set back. PUK is proved, the PIN goes encrypted under STK. Raises :class:`RightMissing`.

    A sealed one is enciphered where the keys are; no reader can encipher one that is entered there (NoPinReader).
    """
    check_pin(new)
    pin = for_keys(new)
    what = Text("The PIN was not set", "密码未重置")
    if isinstance(pin, Sealed):
        return _maintained(card, "SSSE", "PUK", commands.reload_sealed(), what, pin)
    return _maintained(card, "SSSE", "PUK", commands.reload_pin(pin), what)


def block_application(card: PresentedCard, directory: str) -> Exchange[None]:
    """APPLICATION BLOCK of a directory, for ever. Its own LK is proved where it has one, else BK of SSSE."""
    what = Text(f"{directory} was not blocked", f"未锁定 {directory}")
    key = _lock_key(card.application.directory(directory)) or "BK"
    return _maintained(card, directory, key, commands.block_application(), what)


def block_card(card: PresentedCard) -> Exchange[None]:
    """CARD BLOCK, for ever; the card then answers 6A81 to everything. BK is proved, the MAC is under STK."""
    return _maintained(card, "SSSE", "BK", commands.block_card(), Text("The card was not blocked", "未锁定卡片"))


def _lock_key(directory: DedicatedFile) -> str | None:
    name = f"LK{directory.name}"
    return name if name in directory.keys else None


def _line_key(directory: DedicatedFile) -> str:
    return next(name for name, key in directory.keys.items() if key.use == "line")


def _maintained(
    card: PresentedCard, name: str, authority: str, command: CommandApdu, what: Text, pin: Sealed | None = None
) -> Exchange[None]:
    """Prove ``authority``, then send the command under the line key of the directory. Nothing is sent without both."""
    directory = card.application.directory(name)
    owner = directory if authority in directory.keys else card.application.directory("SSSE")
    line = _line_key(directory)
    for holder, key in ((owner, authority), (directory, line)):
        found = card.key(holder, key)
        if isinstance(found, Denied):
            raise RightMissing(what, found)
    return _send(card, owner, authority, directory, line, command, pin)


def _send(
    card: PresentedCard,
    owner: DedicatedFile,
    authority: str,
    directory: DedicatedFile,
    line: str,
    command: CommandApdu,
    pin: Sealed | None,
) -> Exchange[None]:
    # An authority of SSSE is a global key (b7 of its id is 0, part 5, table 14) and is proved inside the application:
    # selecting another application would forget it (part 7, 6.6).
    yield from card.must_enter(directory.name)
    yield from card.prove(authority, owner)
    label = card.label(directory.keys[line])
    key = card.keys.card_key(label, card.region, card.historical)
    if pin is None:
        yield from send_protected(command, key, encrypted=True)
    else:
        challenge = yield from take_challenge()
        under = card.keys.pin_under(label, card.region, card.historical, pin, challenge)
        sent = maced(command, key, challenge, under)
        expect((yield sent), sent)
    card.directory, card.proved = "", set()
