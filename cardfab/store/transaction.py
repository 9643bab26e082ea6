"""The repositories of one transaction, so that job, stock and audit change together."""

from __future__ import annotations

from sqlalchemy import Connection

from cardfab.store.audit import AuditRecord
from cardfab.store.jobs import Jobs
from cardfab.store.people import People
from cardfab.store.requests import Requests
from cardfab.store.stock import Stock
from cardfab.store.temporary import TemporaryCards


class Transaction:
    """What can be read and changed together. Ends with the ``with`` block that made it."""

    __slots__ = ("audit", "jobs", "people", "requests", "stock", "temporary_cards")

    def __init__(self, connection: Connection) -> None:
        self.people = People(connection)
        self.requests = Requests(connection)
        self.jobs = Jobs(connection)
        self.stock = Stock(connection)
        self.audit = AuditRecord(connection)
        self.temporary_cards = TemporaryCards(connection)
