"""Tables of access and of erasure: what a login is proved by, who is signed in, who looked at it, what was erased."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table, text

from cardfab.store.tables import metadata

access = Table(
    "access",
    metadata,
    Column("login", String, ForeignKey("person.login"), primary_key=True),
    # Argon2id as a PHC string; NULL: no password, which only a training station takes.
    Column("hash", String),
    Column("set_at", String),
    # 1: somebody else set it; the person sets their own before anything else.
    Column("once", Integer, nullable=False, server_default=text("0")),
    Column("failed", Integer, nullable=False, server_default=text("0")),
    Column("locked_until", String),
    Column("disabled_at", String),
    Column("last_login", String),
)

session = Table(
    "session",
    metadata,
    # One session a person: the login is the key.
    Column("login", String, ForeignKey("person.login"), primary_key=True),
    Column("token_hash", LargeBinary, nullable=False, unique=True),
    Column("begun_at", String, nullable=False),
    Column("last_at", String, nullable=False),
    Column("origin", String, nullable=False),
    # The machine's boot in which the person was proved last.
    Column("boot", String, nullable=False),
)

access_review = Table(
    "access_review",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("by", String, ForeignKey("person.login"), nullable=False),
    Column("people", Integer, nullable=False),
)

erasure = Table(
    "erasure",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", String, nullable=False, unique=True),
    Column("at", String, nullable=False),
    Column("by", String, ForeignKey("person.login"), nullable=False),
    Column("approved_by", String, ForeignKey("person.login"), nullable=False),
    # The signed record: counts and digests only.
    Column("record", LargeBinary, nullable=False),
)
