"""The tables. Personal data is in ``sealed`` columns only; it is found by keyed indexes; audit tokens are random."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    CursorResult,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

person = Table(
    "person",
    metadata,
    Column("login", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("roles", String, nullable=False),
)

batch = Table(
    "batch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String, nullable=False),
    Column("rows", Integer, nullable=False),
    # Destroying the salt erases every sealed value of the batch.
    Column("salt", LargeBinary, nullable=True),
    Column("imported_at", String, nullable=False),
    Column("imported_by", String, ForeignKey("person.login"), nullable=False),
)

request = Table(
    "request",
    metadata,
    Column("id", String, primary_key=True),
    Column("token", String, nullable=False, unique=True),
    Column("batch_id", Integer, ForeignKey("batch.id"), nullable=False),
    Column("holder_index", LargeBinary, nullable=False, index=True),
    Column("product", String, nullable=False),
    Column("category", String, nullable=False),
    Column("urgent", Integer, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

job = Table(
    "job",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", String, nullable=False, unique=True),
    Column("request_id", String, ForeignKey("request.id"), nullable=False),
    Column("remake_of", Integer, ForeignKey("job.id")),
    Column("state", String, nullable=False),
    Column("doubt_from", String),
    Column("stock", String, nullable=False),
    Column("sealed_card", LargeBinary),
    Column("card_number_index", LargeBinary),
    Column("plan_digest", LargeBinary),
    Column("chip", String),
    Column("feed_counter", Integer),
    Column("printed", Integer, nullable=False, server_default=text("0")),
    Column("reason", String),
    Column("made_by", String, ForeignKey("person.login"), nullable=False),
    Column("approved_by", String, ForeignKey("person.login")),
    Column("changed_at", String, nullable=False),
    # A chip is bound to one job for ever, spoiled or not: a blank that was touched is never a blank again.
    UniqueConstraint("chip"),
)
Index(
    "uq_job_request_open",
    job.c.request_id,
    unique=True,
    sqlite_where=text("state NOT IN ('SPOILED', 'CANCELLED')"),
    postgresql_where=text("state NOT IN ('SPOILED', 'CANCELLED')"),
)

issued_card = Table(
    "issued_card",
    metadata,
    Column("job_id", Integer, ForeignKey("job.id"), primary_key=True),
    Column("number_index", LargeBinary, nullable=False, unique=True),
    Column("chip", String, nullable=False, unique=True),
    Column("state", String, nullable=False),
    Column("made_at", String, nullable=False),
)

number = Table(
    "number",
    metadata,
    Column("series", String, primary_key=True),
    Column("last", Integer, nullable=False),
)

stock_movement = Table(
    "stock_movement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("stock", String, nullable=False, index=True),
    Column("source", String, nullable=False),
    Column("target", String, nullable=False),
    Column("count", Integer, nullable=False),
    Column("job_id", Integer, ForeignKey("job.id")),
    Column("reason", String, nullable=False),
    Column("moved_by", String, ForeignKey("person.login"), nullable=False),
    Column("moved_at", String, nullable=False),
    CheckConstraint("count > 0", name="positive"),
)

job_history = Table(
    "job_history",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", Integer, ForeignKey("job.id"), nullable=False, index=True),
    Column("at", String, nullable=False),
    Column("by", String, nullable=False),
    Column("event", String, nullable=False),
    Column("state", String, nullable=False),
    Column("note", String, nullable=False),
)

temporary_card = Table(
    "temporary_card",
    metadata,
    Column("number", String, primary_key=True),
    Column("request_id", String, ForeignKey("request.id"), nullable=False, index=True),
    Column("valid_from", String, nullable=False),
    Column("valid_until", String, nullable=False),
    Column("issued_by", String, ForeignKey("person.login"), nullable=False),
)

audit_leaf = Table(
    "audit_leaf",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary, nullable=False),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("size", Integer, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
)

audit_tree = Table(
    "audit_tree",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("size", Integer, nullable=False),
    # The compact range of the tree: what appending needs, so that a long record costs no more than a short one.
    Column("hashes", LargeBinary, nullable=False),
    CheckConstraint("id = 1", name="single"),
)


def inserted_id(result: CursorResult[Any]) -> int:
    """The integer key that an insert was given."""
    key = result.inserted_primary_key
    if key is None:
        raise LookupError("the insert gave no key")
    return int(key[0])
