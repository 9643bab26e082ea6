"""Tables of papers: the certificate of the key that signs them."""

from __future__ import annotations

from sqlalchemy import Column, LargeBinary, String, Table

from cardfab.store.tables import metadata

document_certificate = Table(
    "document_certificate",
    metadata,
    Column("public", LargeBinary, primary_key=True),
    Column("certificate", LargeBinary, nullable=False),
    Column("kept_at", String, nullable=False),
)
