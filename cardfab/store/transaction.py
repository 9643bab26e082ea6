"""The repositories of one transaction, so that job, stock and audit change together."""

from __future__ import annotations

from functools import cached_property

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
    """What can be read and changed together. Ends with the ``with`` block that made it.

    Each repository is made when it is first asked for: an act needs two or three of them.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @cached_property
    def api(self) -> ApiTokens:
        return ApiTokens(self._connection)

    @cached_property
    def figures(self) -> Figures:
        return Figures(self._connection)

    @cached_property
    def people(self) -> People:
        return People(self._connection)

    @cached_property
    def sessions(self) -> Sessions:
        return Sessions(self._connection)

    @cached_property
    def retention(self) -> Retention:
        return Retention(self._connection)

    @cached_property
    def restores(self) -> Restores:
        return Restores(self._connection)

    @cached_property
    def stations(self) -> Stations:
        return Stations(self._connection)

    @cached_property
    def requests(self) -> Requests:
        return Requests(self._connection)

    @cached_property
    def jobs(self) -> Jobs:
        return Jobs(self._connection)

    @cached_property
    def stock(self) -> Stock:
        return Stock(self._connection)

    @cached_property
    def audit(self) -> AuditRecord:
        return AuditRecord(self._connection)

    @cached_property
    def temporary_cards(self) -> TemporaryCards:
        return TemporaryCards(self._connection)

    @cached_property
    def cards(self) -> Cards:
        return Cards(self._connection)

    @cached_property
    def services(self) -> Services:
        return Services(self._connection)

    @cached_property
    def black_list(self) -> BlackList:
        return BlackList(self._connection)

    @cached_property
    def medical(self) -> Medical:
        return Medical(self._connection)

    @cached_property
    def replacements(self) -> Replacements:
        return Replacements(self._connection)

    @cached_property
    def host(self) -> HostJournal:
        return HostJournal(self._connection)

    @cached_property
    def host_outbox(self) -> HostOutbox:
        return HostOutbox(self._connection)

    @cached_property
    def host_notes(self) -> HostNotes:
        return HostNotes(self._connection)

    @cached_property
    def ceremonies(self) -> Ceremonies:
        return Ceremonies(self._connection)

    @cached_property
    def key_uses(self) -> KeyUses:
        return KeyUses(self._connection)

    @cached_property
    def outlet(self) -> Outlet:
        return Outlet(self._connection)

    @cached_property
    def page_acts(self) -> PageActs:
        return PageActs(self._connection)

    @cached_property
    def batches(self) -> Batches:
        return Batches(self._connection)

    @cached_property
    def shards(self) -> Shards:
        return Shards(self._connection)

    @cached_property
    def boxes(self) -> Boxes:
        return Boxes(self._connection)

    @cached_property
    def bureau_books(self) -> BureauBooks:
        return BureauBooks(self._connection)

    @cached_property
    def bureau_figures(self) -> BureauFigures:
        return BureauFigures(self._connection)

    @cached_property
    def bureau_finish(self) -> BureauFinish:
        return BureauFinish(self._connection)
