"""Tables of the issuer host: what waits to be told, and what an adapter must remember between two messages."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table

from cardfab.store.tables import metadata

host_outbox = Table(
    "host_outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    # A keyed index of the operation and what it is about: the same act waits once.
    Column("key", LargeBinary, nullable=False, unique=True),
    # A keyed index of the card: what is told of one card keeps its order.
    Column("subject", LargeBinary, nullable=False, index=True),
    Column("token", String, nullable=False, unique=True),
    Column("operation", String, nullable=False),
    Column("state", String, nullable=False, index=True),
    Column("queued_at", String, nullable=False),
    Column("queued_by", String, ForeignKey("person.login"), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("tried_at", String),
    Column("code", String),
    Column("ended_at", String),
    Column("sealed", LargeBinary, nullable=False),
    Column("salt", LargeBinary),
)

host_note = Table(
    "host_note",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", LargeBinary, nullable=False, unique=True),
    # When it was written last: from then on counts how long it is kept.
    Column("ended_at", String),
    Column("sealed", LargeBinary, nullable=False),
    Column("salt", LargeBinary),
)
