"""One PIN for the holder of a third-generation card: what the card got, its certificate application gets too.

The card's own PIN is set first. When the application does not get it, the service is booked as in doubt; the next
change or reset of the PIN, or ``card recover``, makes them the same again.
"""

from __future__ import annotations

from cardfab.errors import CardRefused, DeviceFault, InDoubt, KeyFault, Text
from cardfab.profile.card import Pki
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.presented import Presented
from cardfab.station.counter.service import Service
from cardfab.store import ServiceRow
from cardfab.terminal.pins import HolderPin
from cardfab.terminal.pki import manager, set_pki_pin

TORN = "CF-9320"
_LATER = Text(
    "Present the card again: 'cardfab card recover' makes both PINs the same.",
    "请重新放卡，用 cardfab card recover 使两个密码一致。",
)
_SETTING = (Kind.PIN_CHANGE, Kind.PIN_RESET)


def certified(here: Presented) -> bool:
    """Whether the card has a certificate application, with the same PIN in it."""
    return _pki_of(here) is not None


def require_manager(here: Presented, new: HolderPin) -> None:
    """Raise RightMissing where the application's PIN could not be set without the old one. Nothing is sent."""
    pki = _pki_of(here)
    if pki is not None:
        manager(here.card, pki, here.counter.desk.keys, new)


def same_for_certificates(here: Presented, service: Service, new: HolderPin, *, old: HolderPin | None = None) -> None:
    """Give the certificate application the card's new PIN. Raises InDoubt where it did not get it."""
    pki = _pki_of(here)
    if pki is None:
        return
    try:
        there = here.run(set_pki_pin(here.card, pki, here.counter.desk.keys, new, old=old))
    except (CardRefused, DeviceFault, KeyFault) as fault:
        raise InDoubt(
            Text(
                f"{fault.what.en} The card has the new PIN; its certificate application may still have the old one.",
                f"{fault.what.zh}卡密码已生效，证书应用可能仍为原密码。",
            ),
            do=fault.do if isinstance(fault, KeyFault) else _LATER,
            code=TORN,
        ) from fault
    if there:
        service.say("PIN of the certificates", "证书应用密码", Text("the same", "与卡密码相同"))
        service.values["certificates"] = "same PIN"


def repair(here: Presented, service: Service, pin: HolderPin) -> bool:
    """Where the last change of the PIN was cut off: give the application the PIN that the card has, just proved."""
    if not _cut_off(here, service):
        return False
    same_for_certificates(here, service, pin)
    return True


def _cut_off(here: Presented, service: Service) -> bool:
    with here.counter.desk.database.reading() as tx:
        rows = tx.services.of_card(here.index)
    earlier = [row for row in rows if row.id < service.row.id and _tells(row)]
    return bool(earlier) and earlier[-1].outcome != "done"


def _tells(row: ServiceRow) -> bool:
    """Whether the two PINs may be the same or not because of this service."""
    if row.service in _SETTING:
        return row.outcome != "refused"
    return row.service == Kind.RECOVER and (row.outcome == "done" or row.reason == TORN)


def _pki_of(here: Presented) -> Pki | None:
    """The names and labels of the card's certificate application: of its product, else of the first that has one."""
    if here.identity.generation[0] != "3":
        return None
    desk = here.counter.desk
    known = sorted(desk.codes().bank_product)
    row = here.subject.row
    names = known if row is None else [row.product, *known]
    return next((pki for name in names if (pki := desk.product(name).card.pki) is not None), None)
