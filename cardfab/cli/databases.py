"""The station's database, as its settings name it."""

from __future__ import annotations

from cardfab.settings import Located
from cardfab.store import Database
from cardfab.watch import Watch, unwatched

_BESIDE = "station.db"
"""By whose name notes lie in the folder of a station whose database is elsewhere."""


def database_at(located: Located, *, watch: Watch = unwatched) -> Database:
    """A file of the station's folder, or a PostgreSQL database; raises DatabaseRefused for a wrong address."""
    name = located.values.database
    if name.startswith("postgresql://"):
        return Database(name, beside=located.path(_BESIDE), watch=watch)
    return Database(located.path(name), watch=watch)
