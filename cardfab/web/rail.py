"""The right rail that every page has: station, person, blanks left, ribbon, reader and printer."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.station.linelights import LineStatus
from cardfab.station.stockroom import accounts
from cardfab.web.floor import Floor


@dataclass(frozen=True, slots=True)
class Rail:
    """What the rail shows. ``stock``: blanks left by kind; ``blind``: somebody counts them, so they are not said."""

    status: LineStatus
    stock: tuple[tuple[str, int], ...]
    blind: bool = False


def rail_of(floor: Floor, *, blind: bool = False) -> Rail:
    """The rail now."""
    stock = () if blind else tuple((one.stock, one.remaining) for one in accounts(floor.base))
    return Rail(floor.line.status(), stock, blind)
