"""The repositories of one transaction, so that job, stock and audit change together."""

from __future__ import annotations

from sqlalchemy import Connection

from cardfab.store.apitokens import ApiTokens
from cardfab.store.audit import AuditRecord
from cardfab.store.batches import Batches
from cardfab.store.blacklist import BlackList
from cardfab.store.boxes import Boxes
from cardfab.store.bureaubooks import BureauBooks
from cardfab.store.bureaufigures import BureauFigures
from cardfab.store.bureaufinish import BureauFinish
from cardfab.store.cards import Cards
from cardfab.store.ceremonies import Ceremonies
from cardfab.store.figures import Figures
from cardfab.store.hostqueue import HostNotes, HostOutbox
from cardfab.store.jobs import Jobs
from cardfab.store.journal import HostJournal
from cardfab.store.keyuses import KeyUses
from cardfab.store.medical import Medical
from cardfab.store.outlet import Outlet
from cardfab.store.pageacts import PageActs
from cardfab.store.people import People
from cardfab.store.replacements import Replacements
from cardfab.store.requests import Requests
from cardfab.store.restores import Restores
from cardfab.store.retention import Retention
from cardfab.store.services import Services
from cardfab.store.sessions import Sessions
from cardfab.store.shards import Shards
from cardfab.store.stations import Stations
from cardfab.store.stock import Stock
from cardfab.store.temporary import TemporaryCards


class Transaction:
    """What can be read and changed together. Ends with the ``with`` block that made it."""

    __slots__ = (
        "api", "audit", "batches", "black_list", "boxes", "bureau_books", "bureau_figures", "bureau_finish", "cards",
        "ceremonies", "figures", "host", "host_notes", "host_outbox", "jobs", "key_uses",
        "medical", "outlet", "page_acts", "people", "replacements", "requests", "restores", "retention",
        "services", "sessions", "shards", "stations", "stock", "temporary_cards",
    )  # fmt: skip

    def __init__(self, connection: Connection) -> None:
        self.api = ApiTokens(connection)
        self.figures = Figures(connection)
        self.people = People(connection)
        self.sessions = Sessions(connection)
        self.retention = Retention(connection)
        self.restores = Restores(connection)
        self.stations = Stations(connection)
        self.requests = Requests(connection)
        self.jobs = Jobs(connection)
        self.stock = Stock(connection)
        self.audit = AuditRecord(connection)
        self.temporary_cards = TemporaryCards(connection)
        self.cards = Cards(connection)
        self.services = Services(connection)
        self.black_list = BlackList(connection)
        self.medical = Medical(connection)
        self.replacements = Replacements(connection)
        self.host = HostJournal(connection)
        self.host_outbox = HostOutbox(connection)
        self.host_notes = HostNotes(connection)
        self.ceremonies = Ceremonies(connection)
        self.key_uses = KeyUses(connection)
        self.outlet = Outlet(connection)
        self.page_acts = PageActs(connection)
        self.batches = Batches(connection)
        self.shards = Shards(connection)
        self.boxes = Boxes(connection)
        self.bureau_books = BureauBooks(connection)
        self.bureau_figures = BureauFigures(connection)
        self.bureau_finish = BureauFinish(connection)
