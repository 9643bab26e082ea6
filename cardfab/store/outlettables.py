"""Tables of the outlet: cases at the counter, papers that were looked at, looks at cards, what is to be taken back."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, UniqueConstraint, text

from cardfab.store.tables import metadata

outlet_case = Table(
    "outlet_case",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("token", String, nullable=False, unique=True),
    # NULL until what the holder asks for is a request.
    Column("request_id", String, ForeignKey("request.id")),
    Column("holder_index", LargeBinary, nullable=False, index=True),
    Column("category", String),
    Column("bearer", String, nullable=False),
    Column("station", String, nullable=False),
    Column("taken_by", String, ForeignKey("person.login"), nullable=False),
    Column("taken_at", String, nullable=False),
    # In which sitting the holder was identified; in another one they are identified again.
    Column("sitting", String, nullable=False),
    Column("ended_at", String),
    Column("ended_how", String),
    # Sealed, and emptied when the case has become a request or has ended: what was typed, the camera's picture, the
    # portrait cut from it.
    Column("typed", LargeBinary),
    Column("picture", LargeBinary),
    Column("portrait", LargeBinary),
    Column("salt", LargeBinary, nullable=False),
)
# A request is in one person's hands at a time, whichever station took it.
Index(
    "uq_outlet_case_open",
    outlet_case.c.request_id,
    unique=True,
    sqlite_where=text("ended_at IS NULL"),
    postgresql_where=text("ended_at IS NULL"),
)

paper_seen = Table(
    "paper_seen",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("case_id", Integer, ForeignKey("outlet_case.id"), nullable=False, index=True),
    Column("paper", String, nullable=False),
    Column("bearer", String, nullable=False),
    # A keyed index of what stands on it, where that was entered: no copy is kept, and no other trace of it.
    Column("document_index", LargeBinary),
    Column("seen_at", String, nullable=False),
    Column("seen_by", String, ForeignKey("person.login"), nullable=False),
    UniqueConstraint("case_id", "paper"),
)

card_look = Table(
    "card_look",
    metadata,
    # How a person found the card of a job; a card is looked at once.
    Column("job_id", Integer, ForeignKey("job.id"), primary_key=True),
    Column("verdict", String, nullable=False),
    Column("reason", String),
    Column("seen_at", String, nullable=False),
    Column("seen_by", String, ForeignKey("person.login"), nullable=False),
    Column("second", String, ForeignKey("person.login")),
)

certificate_given = Table(
    "certificate_given",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job_id", Integer, ForeignKey("job.id"), nullable=False, index=True),
    # The certificate's serial in hex, kept before the certificate goes to the chip.
    Column("serial", String, nullable=False, unique=True),
    Column("usage", String, nullable=False),
    Column("given_at", String, nullable=False),
    Column("revoked_at", String),
    Column("tries", Integer, nullable=False),
    Column("code", String),
)

card_void = Table(
    "card_void",
    metadata,
    # The card of a spoiled job, told to the host as failed and cancelled.
    Column("job_id", Integer, ForeignKey("job.id"), primary_key=True),
    Column("state", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("tried_at", String, nullable=False),
    Column("code", String),
)

card_given = Table(
    "card_given",
    metadata,
    Column("job_id", Integer, ForeignKey("job.id"), primary_key=True),
    Column("receipt", String, nullable=False),
    Column("bearer", String, nullable=False),
    Column("given_at", String, nullable=False),
    Column("given_by", String, ForeignKey("person.login"), nullable=False),
    # When the receipt came back signed; the card leaves the counter after it.
    Column("signed_at", String),
    Column("signed_by", String, ForeignKey("person.login")),
)
