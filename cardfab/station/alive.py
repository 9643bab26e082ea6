"""A station says that it lives, with every step of a card: its work is nobody else's for so long."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from cardfab.audit import milliseconds
from cardfab.station.desk import Desk
from cardfab.store import Transaction

LIFE: Final = timedelta(minutes=5)
"""So long a station counts as alive after it said so: longer than any step of a card takes."""


def alive(desk: Desk, tx: Transaction) -> None:
    """Say that this station lives, along with what it does."""
    tx.stations.live(desk.station, moment(desk, LIFE))


def moment(desk: Desk, after: timedelta = timedelta(0)) -> str:
    """Now, or after a while, as the tables keep it."""
    return milliseconds(desk.now() + after).isoformat(timespec="milliseconds")
