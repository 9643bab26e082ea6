"""The PIN of the certificate application of a third-generation card, kept the same as that of the card.

The application has a PIN and tries of its own, and knows nothing of the card's. Who changes or resets the one sets the
other behind it: under the old PIN (845E 01 81), or under the manager's (845E 02 81) where the old one is not known or
is not the application's any more.
"""

from __future__ import annotations

from typing import Protocol

from cardfab.apdu import pki as commands
from cardfab.apdu.link import CardAnswered, Exchange
from cardfab.apdu.pki import PkiPin
from cardfab.errors import Text
from cardfab.keys import KeyOfAnotherRegion, KeyUnknown, Level, Sealed
from cardfab.profile.card import Pki
from cardfab.terminal.card import PresentedCard
from cardfab.terminal.pins import HolderPin, check_pin, for_keys
from cardfab.terminal.reason import Denied, RightMissing

_BLOCKED = 0x6983


class PkiKeys(Protocol):
    """What a counter asks of its key store. ``pki_reset`` raises KeyUnknown, or KeyOfAnotherRegion."""

    def holder_pin(self, pin: str | Sealed, /, *, new: str | Sealed | None = None) -> PkiPin:
        """A PIN as the holder entered it, and the one it is to become."""

    def pki_reset(self, label: str, region: str, historical: bytes, /, *, new: str | Sealed) -> PkiPin:
        """The manager's PIN of the card in the reader, with the user's PIN that it is to set."""


def manager(card: PresentedCard, pki: Pki, keys: PkiKeys, new: HolderPin) -> PkiPin:
    """What sets the application's PIN without the old one. Sends nothing; raises :class:`RightMissing`."""
    what = Text("The PIN of the certificates was not set", "证书应用密码未设置")
    try:
        return keys.pki_reset(pki.manager, card.region, card.historical, new=for_keys(new))
    except KeyUnknown:
        raise RightMissing(what, Denied.NO_KEY) from None
    except KeyOfAnotherRegion as other:
        why = Denied.OTHER_PROVINCE if other.level is Level.PROVINCE else Denied.OTHER_CITY
        raise RightMissing(what, why) from None


def set_pki_pin(
    card: PresentedCard, pki: Pki, keys: PkiKeys, new: HolderPin, *, old: HolderPin | None = None
) -> Exchange[bool]:
    """Make ``new`` the application's PIN and prove it; False where the card has no such application.

    With ``old`` the holder changes it, unless that is not its PIN (any more); else the manager sets it. Raises
    :class:`RightMissing` where the manager's PIN is needed and not held. Rights in other applications are lost.
    """
    check_pin(new)
    return _set(card, pki, keys, for_keys(new), None if old is None else for_keys(old))


def _set(card: PresentedCard, pki: Pki, keys: PkiKeys, new: str | Sealed, old: str | Sealed | None) -> Exchange[bool]:
    card.directory, card.proved, card.pin_verified = "", set(), False
    if not (yield from commands.enter(pki.ddf, pki.adf)):
        return False
    if old is None or not (yield from _changed(keys.holder_pin(old, new=new))):
        authority = manager(card, pki, keys, new)
        yield from commands.verify(authority, commands.MANAGER, name="prove the manager PIN")
        yield from commands.reset_user_pin(authority)
    yield from commands.verify(keys.holder_pin(new), commands.USER, name="prove the holder's PIN (PKI)")
    return True


def _changed(pin: PkiPin) -> Exchange[bool]:
    """Changed by the holder; False where the old PIN is not the application's, or has no try left."""
    try:
        yield from commands.verify(pin, commands.USER, name="prove the holder's PIN (PKI)")
    except CardAnswered as answered:
        if answered.sw.tries is None and answered.sw != _BLOCKED:
            raise
        return False
    yield from commands.change_user_pin(pin)
    return True
