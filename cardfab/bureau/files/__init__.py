"""Batch files of issuers: CSV, JSON lines, fixed width, spreadsheet and XML, plain or signed and encrypted as CMS."""

from cardfab.bureau.files.addressee import Addressee, read_addressee
from cardfab.bureau.files.recipient import Recipient, Signer, Trust, read_recipient, read_trust
from cardfab.bureau.files.refusal import FileRefused, KeyFileRefused
from cardfab.bureau.files.source import Counted, Source, open_source

__all__ = [
    "Addressee",
    "Counted",
    "FileRefused",
    "KeyFileRefused",
    "Recipient",
    "Signer",
    "Source",
    "Trust",
    "open_source",
    "read_addressee",
    "read_recipient",
    "read_trust",
]
