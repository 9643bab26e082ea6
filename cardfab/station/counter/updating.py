"""Items of the card's information files rewritten, by who holds the key of the file, after a look at what is there."""

from __future__ import annotations

from collections.abc import Mapping

from cardfab.errors import InputRefused, Text
from cardfab.station.counter.changes import changed_parts, label_of
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.medical import enter_pin
from cardfab.station.counter.pinentry import Given
from cardfab.station.counter.presented import Presented
from cardfab.station.counter.service import Served, Service, Shown, served, serving
from cardfab.terminal.update import update_items

_IDENTITY = ("SSSE/EF05", "SSSE/EF06/08", "SSSE/EF06/09", "SSSE/EF06/4E")


class IdentityItem(InputRefused):
    """The item says which card it is, or whose: that is not rewritten."""

    default_code = "CF-3573"


def check_items(here: Presented, items: Mapping[str, str]) -> None:
    """Raise InputRefused for an unknown address, a value against its rules, or the identity of the card."""
    if not items:
        raise InputRefused(
            Text("No item was named.", "未指定数据项。"),
            do=Text("Give --item DF03/EF05/60=20261122.", "请用 --item 指定，如 DF03/EF05/60=20261122。"),
            code="CF-3576",
        )
    for address, value in items.items():
        if address.startswith(_IDENTITY):
            raise IdentityItem(
                Text(f"{address} says whose card it is; it is not rewritten.", f"{address} 为卡片身份信息，不得改写。"),
                do=Text("Replace the card: --reason data.", "请办理信息变更换卡。"),
            )
        here.card.book.check(address, value)


def update(here: Presented, shown: Shown, items: Mapping[str, str], *, pin: Given | None = None) -> Served:
    """Write items. The old values are on the receipt where the rights allow reading them."""
    check_items(here, items)
    with serving(here.counter, Kind.UPDATE, here.subject, shown) as service:
        here.require_served()
        write_items(here, service, items, pin=pin)
        service.outcome = Text("The items are written.", "数据项已更新。")
    return served(here.counter, service)


def write_items(here: Presented, service: Service, items: Mapping[str, str], *, pin: Given | None = None) -> None:
    """Write items within a service; its changes and audit details say which."""
    files = {"/".join(address.split("/")[:2]).split(":")[0] for address in items}
    if pin is not None:
        enter_pin(here, pin)
    reading = here.read(only=files)
    before, readable = reading.values, files - set(reading.denied)
    service.audit["items"] = " ".join(sorted(items))
    service.touched = True
    here.run(update_items(here.card, dict(items)))
    book = here.card.book
    for address, value in items.items():
        old = before.get(address, "" if address.rpartition("/")[0].partition(":")[0] in readable else None)
        described = None if old is None else book.describe(address, old) if old else ""
        service.changes += changed_parts(
            label_of(book, address), described, book.describe(address, value) if value else ""
        )
    service.values["items"] = {address: {"old": before.get(address), "new": value} for address, value in items.items()}
