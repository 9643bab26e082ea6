"""Tables of stations that share a database, and of what must be settled after a restore."""

from __future__ import annotations

from sqlalchemy import Column, String, Table

from cardfab.store.tables import metadata

station_life = Table(
    "station_life",
    metadata,
    # Until when the station is taken to be alive; its jobs are nobody else's so long.
    Column("station", String, primary_key=True),
    Column("until", String, nullable=False),
)

restore_check = Table(
    "restore_check",
    metadata,
    # One thing that the world must agree to before a restored station issues; open while settled_at is NULL.
    Column("thing", String, primary_key=True),
    Column("subject", String, primary_key=True),
    Column("expected", String, nullable=False),
    Column("begun_at", String, nullable=False),
    Column("settled_at", String),
    Column("settled_by", String),
    Column("found", String),
)
