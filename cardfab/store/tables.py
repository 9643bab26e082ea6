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
    Column("request_id", String, ForeignKey("request.id"), nullable=False, index=True),
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
    # Whose hands the blank is in, from the claim on. NULL: nobody's, or from before there were several stations.
    Column("station", String),
    # The slot of a line there that has it in hand; NULL: no slot's.
    Column("slot", String),
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
    # NULL in the columns below: a card made before they were there; its job and request say the same.
    Column("token", String, unique=True),
    Column("holder_index", LargeBinary, index=True),
    Column("product", String),
    Column("activate_until", String, index=True),
    Column("expires_on", String),
    Column("handed_over_at", String),
    Column("activated_at", String),
    Column("changed_at", String),
    Column("changed_by", String, ForeignKey("person.login")),
    # Who the card is for, for as long as it is served; destroying the salt erases it.
    Column("sealed", LargeBinary),
    Column("salt", LargeBinary),
)

card_service = Table(
    "card_service",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", String, nullable=False, unique=True),
    Column("receipt", String, nullable=False, unique=True),
    Column("service", String, nullable=False),
    # By the card's number and the holder's: a card of another station has no row among the issued ones.
    Column("card_index", LargeBinary, nullable=False, index=True),
    Column("holder_index", LargeBinary, index=True),
    Column("document", String, nullable=False),
    Column("document_index", LargeBinary, nullable=False),
    Column("relation", String, nullable=False),
    Column("checked_by", String, ForeignKey("person.login"), nullable=False),
    Column("approved_by", String, ForeignKey("person.login")),
    Column("begun_at", String, nullable=False),
    Column("ended_at", String),
    Column("outcome", String, nullable=False),
    Column("reason", String),
    # The receipt as it was given out, so that it can be printed again.
    Column("sealed", LargeBinary),
    Column("salt", LargeBinary),
)

black_list = Table(
    "black_list",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("card_index", LargeBinary, nullable=False),
    Column("reason", String, nullable=False),
    Column("listed_at", String, nullable=False),
    Column("listed_by", String, ForeignKey("person.login"), nullable=False),
    Column("ended_at", String),
    Column("ended_by", String, ForeignKey("person.login")),
    Column("sealed", LargeBinary, nullable=False),
    Column("salt", LargeBinary),
)
Index(
    "uq_black_list_open",
    black_list.c.card_index,
    unique=True,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)

medical_count = Table(
    "medical_count",
    metadata,
    Column("card_index", LargeBinary, primary_key=True),
    # The card's own numbers of its newest transactions when the count was cleared last; -1: there was none.
    Column("loads", Integer, nullable=False),
    Column("purchases", Integer, nullable=False),
    Column("cleared_at", String, nullable=False),
    Column("cleared_by", String, ForeignKey("person.login"), nullable=False),
)

medical_pending = Table(
    "medical_pending",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("service_id", Integer, ForeignKey("card_service.id"), nullable=False, index=True),
    Column("card_index", LargeBinary, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("begun_at", String, nullable=False),
    Column("settled_at", String),
    Column("outcome", String),
    # What is needed to ask the card for the proof of the transaction, written before the command that moves money.
    Column("sealed", LargeBinary, nullable=False),
    Column("salt", LargeBinary),
)

replacement = Table(
    "replacement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", String, nullable=False, unique=True),
    Column("old_index", LargeBinary, nullable=False, index=True),
    Column("old_job_id", Integer, ForeignKey("job.id")),
    Column("request_id", String, ForeignKey("request.id"), nullable=False, unique=True),
    Column("reason", String, nullable=False),
    Column("ordered_on", String, nullable=False),
    Column("due_on", String, nullable=False, index=True),
    Column("ordered_by", String, ForeignKey("person.login"), nullable=False),
    Column("done_on", String),
    # What the host said of the old card: balance in fen, yearly totals, records.
    Column("sealed", LargeBinary),
    Column("salt", LargeBinary),
)

host_journal = Table(
    "host_journal",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("request_id", String, nullable=False, unique=True),
    Column("operation", String, nullable=False),
    # A keyed index of what the operation is about: the same act on the same card is found again by it.
    Column("key", LargeBinary, nullable=False, index=True),
    Column("subject", String, nullable=False),
    Column("asked_at", String, nullable=False),
    Column("asked_by", String, ForeignKey("person.login"), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("outcome", String, nullable=False),
    Column("code", String),
    Column("answered_at", String),
    Column("sealed", LargeBinary),
    Column("salt", LargeBinary),
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
    Column("station", String),
    # NULL in the columns below: a movement of before the stock book.
    Column("second", String, ForeignKey("person.login")),
    Column("note", String),
    Column("day_id", Integer, ForeignKey("stock_day.id"), index=True),
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
    Column("state", String, nullable=False, server_default="ISSUED"),
    Column("token", String),
    Column("issued_at", String),
    Column("document", String),
    Column("document_index", LargeBinary),
    Column("relation", String),
    Column("extends", String, ForeignKey("temporary_card.number")),
    Column("changed_at", String),
    Column("changed_by", String, ForeignKey("person.login")),
    Column("approved_by", String, ForeignKey("person.login")),
    Column("reason", String),
)

audit_leaf = Table(
    "audit_leaf",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("leaf", LargeBinary, nullable=False),
    # SHA-256(00 | leaf), kept from when it got its index: a leaf that was changed since is named by its place.
    Column("hash", LargeBinary, nullable=False),
)

audit_pending = Table(
    "audit_pending",
    metadata,
    # Leaves as they were committed. Nobody waits here for anybody: the sequencer alone touches the tree.
    Column("id", Integer, primary_key=True),
    Column("station", String, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
)

audit_known = Table(
    "audit_known",
    metadata,
    # What the record said last of a thing that may change between two starts: settings, profiles, schema.
    Column("station", String, primary_key=True),
    Column("thing", String, primary_key=True),
    Column("digest", String, nullable=False),
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
