"""The holder's PIN: changed by who knows it, reset and unblocked by the document of the holder (PUK and STK).

PINs are in no row, no record and no receipt. Typed digits are checked before a card command; a PIN that the holder is
asked for (:mod:`cardfab.station.counter.pinentry`) is asked for when nothing else can refuse the service any more. On a
third-generation card the certificate application gets the same PIN.
"""

from __future__ import annotations

from cardfab.apdu.pinentry import NoPinReader, PinNotEntered
from cardfab.errors import Text
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.onepin import require_manager, same_for_certificates
from cardfab.station.counter.pinentry import Given, check_given, current_pin, new_pin
from cardfab.station.counter.presented import Presented
from cardfab.station.counter.service import Served, Shown, served, serving
from cardfab.terminal.services import change_pin as exchange_pin
from cardfab.terminal.services import reload_pin, unblock_pin


def change_pin(here: Presented, shown: Shown, old: Given, new: Given) -> Served:
    """Change the PIN. Raises InputRefused for digits that cannot be, PinWrong with the tries left, PinBlocked."""
    check_given(old)
    check_given(new)
    with serving(here.counter, Kind.PIN_CHANGE, here.subject, shown) as service:
        here.require_served()
        before, after = current_pin(here, old, "change"), new_pin(here, new, "change")
        service.touched = True
        try:
            here.run(exchange_pin(here.card, before, after))
        except (PinNotEntered, NoPinReader):
            service.touched = False  # the reader says that nothing went to the card
            raise
        same_for_certificates(here, service, after, old=before)
        service.outcome = Text("The PIN is changed.", "密码修改成功。")
        service.next("Keep the new PIN to yourself.", "请妥善保管新密码。")
    return served(here.counter, service)


def reset_pin(here: Presented, shown: Shown, new: Given) -> Served:
    """Set a new PIN by the holder's document. Raises RightMissing where the keys of the card are not held."""
    check_given(new)
    with serving(here.counter, Kind.PIN_RESET, here.subject, shown) as service:
        here.require_served()
        after = new_pin(here, new, "reset")
        require_manager(here, after)
        service.touched = True
        here.run(reload_pin(here.card, after))
        here.card.pin_verified = False  # that was the old one
        same_for_certificates(here, service, after)
        service.outcome = Text("A new PIN is set.", "密码已重置。")
        service.next("Keep the new PIN to yourself.", "请妥善保管新密码。")
    return served(here.counter, service)


def unblock(here: Presented, shown: Shown) -> Served:
    """Unblock the PIN by the holder's document; the PIN stays as it was."""
    with serving(here.counter, Kind.PIN_UNBLOCK, here.subject, shown) as service:
        here.require_served()
        service.touched = True
        here.run(unblock_pin(here.card))
        service.outcome = Text("The PIN is unblocked; it is the old one.", "密码已解锁，原密码不变。")
    return served(here.counter, service)
