"""Which stations of this database live."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, insert, select, update

from cardfab.store.stationtables import station_life

# Made once: a statement that is built anew is spelled out anew for each step of a card.
_LIVES = update(station_life).where(station_life.c.station == bindparam("name")).values(until=bindparam("moment"))


class Stations:
    """The stations that work on this database."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def live(self, station: str, until: str) -> None:
        """The station is at work, and counts as alive until then (ISO 8601)."""
        if self._connection.execute(_LIVES, {"name": station, "moment": until}).rowcount == 0:
            self._connection.execute(insert(station_life).values(station=station, until=until))

    def until(self, station: str) -> str | None:
        """Until when a station counts as alive; None where it was never seen."""
        return self._connection.scalar(select(station_life.c.until).where(station_life.c.station == station))

    def all(self) -> tuple[tuple[str, str], ...]:
        """Every station that was seen here, with until when it counts as alive."""
        rows = select(station_life.c.station, station_life.c.until).order_by(station_life.c.station)
        return tuple((row.station, row.until) for row in self._connection.execute(rows))
