"""Tables, migrations and repositories. The only room that imports SQLAlchemy and Alembic."""

from cardfab.store.blacklist import ListedRow
from cardfab.store.cards import CardLife, CardRow, CardUnknown
from cardfab.store.database import (
    Database,
    DatabaseAway,
    DatabaseBusy,
    DatabaseFull,
    RecordChanged,
    RecordUnwritten,
)
from cardfab.store.doubt import CommitInDoubt
from cardfab.store.engines import DatabaseRefused
from cardfab.store.hostqueue import OutboxRow
from cardfab.store.jobs import HistoryRow, JobRow, Jobs, JobUnknown, Move
from cardfab.store.journal import HostOutcome, JournalRow
from cardfab.store.medical import CountRow, PendingRow
from cardfab.store.outlet import CaseRow, CaseTaken, CaseUnknown, CertificateRow, Ended, GivenRow, LookRow, PaperRow
from cardfab.store.replacements import ReplacementRow
from cardfab.store.requests import BatchRow, BatchUnknown, RequestRow, Requests, RequestUnknown
from cardfab.store.services import ServiceOutcome, ServiceRow, ServiceUnknown
from cardfab.store.stock import StockEmpty
from cardfab.store.transaction import Transaction

__all__ = [
    "BatchRow",
    "BatchUnknown",
    "CardLife",
    "CardRow",
    "CardUnknown",
    "CaseRow",
    "CaseTaken",
    "CaseUnknown",
    "CertificateRow",
    "CommitInDoubt",
    "CountRow",
    "Database",
    "DatabaseAway",
    "DatabaseBusy",
    "DatabaseFull",
    "DatabaseRefused",
    "Ended",
    "GivenRow",
    "HistoryRow",
    "HostOutcome",
    "JobRow",
    "JobUnknown",
    "Jobs",
    "JournalRow",
    "ListedRow",
    "LookRow",
    "Move",
    "OutboxRow",
    "PaperRow",
    "PendingRow",
    "RecordChanged",
    "RecordUnwritten",
    "ReplacementRow",
    "RequestRow",
    "RequestUnknown",
    "Requests",
    "ServiceOutcome",
    "ServiceRow",
    "ServiceUnknown",
    "StockEmpty",
    "Transaction",
]
