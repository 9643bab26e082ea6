"""Tables, migrations and repositories. The only room that imports SQLAlchemy and Alembic."""

from cardfab.store.database import Database, DatabaseRefused
from cardfab.store.jobs import HistoryRow, JobRow, Jobs, JobUnknown, Move
from cardfab.store.requests import RequestRow, Requests, RequestUnknown
from cardfab.store.stock import StockEmpty
from cardfab.store.transaction import Transaction

__all__ = [
    "Database",
    "DatabaseRefused",
    "HistoryRow",
    "JobRow",
    "JobUnknown",
    "Jobs",
    "Move",
    "RequestRow",
    "RequestUnknown",
    "Requests",
    "StockEmpty",
    "Transaction",
]
