"""Tables of papers: the certificate of the key that signs them, temporary cards as they were made."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, LargeBinary, String, Table

from cardfab.store.tables import metadata

document_certificate = Table(
    "document_certificate",
    metadata,
    Column("public", LargeBinary, primary_key=True),
    Column("certificate", LargeBinary, nullable=False),
    Column("kept_at", String, nullable=False),
)

temporary_paper = Table(
    "temporary_paper",
    metadata,
    Column("paper", String, ForeignKey("temporary_card.number"), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)
