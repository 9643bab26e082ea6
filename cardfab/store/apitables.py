"""Tables of the JSON interface: its tokens, and the calls that must not be done twice."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, LargeBinary, String, Table, UniqueConstraint

from cardfab.store.tables import metadata

api_token = Table(
    "api_token",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("label", String, nullable=False, unique=True),
    Column("login", String, ForeignKey("person.login"), nullable=False),
    Column("roles", String, nullable=False),
    # SHA-256 of the token, which is 32 random bytes: nothing that can be guessed.
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("begun_at", String, nullable=False),
    Column("ends_at", String, nullable=False),
    Column("added_by", String, ForeignKey("person.login"), nullable=False),
    Column("last_at", String),
    Column("revoked_at", String),
    Column("revoked_by", String, ForeignKey("person.login")),
)

api_call = Table(
    "api_call",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token_id", Integer, ForeignKey("api_token.id"), nullable=False),
    # Keyed digests: of the caller's key, and of what was asked with it.
    Column("key", LargeBinary, nullable=False),
    Column("asked", LargeBinary, nullable=False),
    Column("at", String, nullable=False),
    # NULL: begun, and nobody knows yet what came of it.
    Column("status", Integer),
    Column("answer", String),
    UniqueConstraint("token_id", "key"),
)
