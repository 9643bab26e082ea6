"""Treatment elsewhere, for the record: the approval sign and the designated institutions, written and withdrawn.

The sign is the fourth of the eight digits of item 81 (V2.0, 8.5.1.1, table 43); institutions are items 83, 86 and 89.
"""

from __future__ import annotations

from collections.abc import Sequence

from cardfab.errors import CardRefused, InputRefused, Text
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.medical import enter_pin
from cardfab.station.counter.outbox import about, status_of
from cardfab.station.counter.pinentry import Given
from cardfab.station.counter.presented import Presented
from cardfab.station.counter.service import Served, Service, Shown, served, serving
from cardfab.station.counter.updating import check_items, write_items
from cardfab.station.host import Operation
from cardfab.terminal.reason import RightMissing

KIND = "DF04/EF05/81"
INSTITUTIONS = ("DF04/EF05/83", "DF04/EF05/86", "DF04/EF05/89")
_SIGN = 3


class NoInsurance(CardRefused):
    """The card says nothing of a medical insurance."""

    default_code = "CF-4630"


def approve(here: Presented, shown: Shown, institutions: Sequence[str], *, pin: Given | None = None) -> Served:
    """Write the approval, and institutions into the places that are free; a host is asked first."""
    with serving(here.counter, Kind.OFFSITE, here.subject, shown) as service:
        here.require_served()
        values = _now(here, pin)
        items = {KIND: _signed(values, "1")}
        free = [place for place in INSTITUTIONS if not values.get(place)]
        new = [code for code in institutions if code not in values.values()]
        if len(new) > len(free):
            raise InputRefused(
                Text(f"The card has room for {len(free)} more institutions, {len(new)} were named.",
                     f"卡内还可写入 {len(free)} 家定点机构，所列为 {len(new)} 家。"),
                do=Text("Withdraw one first: 'offsite withdraw --institution CODE'.",
                        "请先撤销一家：offsite withdraw --institution 代码。"),
                code="CF-3577",
            )  # fmt: skip
        items |= dict(zip(free, new, strict=False))
        check_items(here, items)
        host = here.counter.host
        if host is not None:
            host.read(Operation.OFFSITE, about(here.subject), status_of(here.subject))
        _write(here, service, items, pin, Text("Approved and written to the card.", "已备案并写入卡内。"))
    return served(here.counter, service)


def withdraw(here: Presented, shown: Shown, institutions: Sequence[str], *, pin: Given | None = None) -> Served:
    """Take the approval back, and the institutions named."""
    with serving(here.counter, Kind.OFFSITE, here.subject, shown) as service:
        values = _now(here, pin)
        places = {values.get(place): place for place in INSTITUTIONS if values.get(place)}
        unknown = [code for code in institutions if code not in places]
        if unknown:
            raise InputRefused(
                Text(f"The card does not name the institution {unknown[0]}.", f"卡内没有定点机构 {unknown[0]}。"),
                do=Text(
                    f"It names {', '.join(filter(None, places)) or 'none'}.",
                    f"卡内现有：{'、'.join(filter(None, places)) or '无'}。",
                ),
                code="CF-3578",
            )
        items = {KIND: _signed(values, "0")} | {places[code]: "" for code in institutions}
        _write(here, service, items, pin, Text("Withdrawn; the card says so.", "已撤销备案并写入卡内。"))
    return served(here.counter, service)


def _now(here: Presented, pin: Given | None) -> dict[str, str]:
    if pin is not None:
        enter_pin(here, pin)
    reading = here.read(only=("DF04/EF05",))
    denied = reading.denied.get("DF04/EF05")
    if denied is not None:
        raise RightMissing(Text("The medical insurance file is not readable", "医疗保险基本信息无法读取"), denied)
    return reading.values


def _signed(values: dict[str, str], sign: str) -> str:
    kind = values.get(KIND, "")
    if len(kind) != 8:
        raise NoInsurance(
            Text("The card has no medical insurance on record.", "卡内没有医疗保险险种信息。"),
            do=Text(
                "Write it first: 'cardfab card update --item DF04/EF05/81=31000000'.",
                "请先写入险种：cardfab card update --item DF04/EF05/81=31000000。",
            ),
        )
    return kind[:_SIGN] + sign + kind[_SIGN + 1 :]


def _write(here: Presented, service: Service, items: dict[str, str], pin: Given | None, outcome: Text) -> None:
    write_items(here, service, items, pin=pin)
    service.values["approved"] = items[KIND][_SIGN] == "1"
    service.outcome = outcome
