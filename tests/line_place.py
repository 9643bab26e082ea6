"""A small bureau for tests of lines: a prepared batch put straight into the tables, machines of training chips."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cardfab.audit import AuditEvent
from cardfab.bureau.line import BureauLine, SlotSpec
from cardfab.bureau.lineview import LineRules
from cardfab.cli.banking import training_store
from cardfab.cli.bureauslots import TrainingMachine
from cardfab.cli.founding import PEOPLE
from cardfab.face.fonts import FontBook
from cardfab.keys import SoftKeyStore
from cardfab.keys.auditing import AuditedKeyStore
from cardfab.prepare.request import IssuanceRequest
from cardfab.production import JobState, StockAccount
from cardfab.production.batches import BatchState
from cardfab.profile.loader import ProfileSource
from cardfab.resources import ProfileFolders, data_folder
from cardfab.simulator.chip import TrainingChip
from cardfab.station.desk import AUDIT_KEY, Desk
from cardfab.station.devices import Devices
from cardfab.station.keyrecord import KeyRecord
from cardfab.station.preparing import make_card
from cardfab.station.stockroom import receive
from cardfab.station.vault import holder_index, number_index, seal_card, seal_request
from cardfab.store import Database, RequestRow
from cardfab.store.batches import BureauRowRow
from cardfab.store.shards import CardRow
from cardfab.watch import Watch, unwatched
from tests.seeded import seeded

PRODUCT = "bureau-sm2"
STOCK = "training-ssc2"
SERIALS = itertools.count(1)


@cache
def keys() -> SoftKeyStore:
    """The training keys, certified once for all tests."""
    return training_store()


def request_of(place: int, product: str = PRODUCT) -> IssuanceRequest:
    """A holder that nobody is."""
    return IssuanceRequest(
        request_id=f"LINE{place:06d}", social_security_number=f"99000019800101{place:04d}", name="样卡持卡人", sex="1",
        ethnicity="01", birth_date=datetime(1980, 1, 1, tzinfo=UTC).date(), birthplace="110199", region="110199",
        category="first", card_class="1", household_type="1", household_address="样例路1号", phone="13900000000",
        employer="", marital_status="1", employment_status="1", identity_category="1", bank_product=product, photo=None,
        photo_name="", replaces_card=None, urgent=False,
    )  # fmt: skip


def desk_at(
    where: Path | str, beside: Path, *, station: str = "line-01", watch: Watch = unwatched, random: str = ""
) -> Desk:
    """The bureau's desk on a database, the trainee at it."""
    database = Database(where, beside=beside, watch=watch)
    record = KeyRecord(database, lambda *said: desk.event(*said), frozenset({AUDIT_KEY}))
    label = (random or f"{station}{next(SERIALS)}").encode()
    desk = Desk(
        station=station, training=True, person=PEOPLE[0], database=database, keys=AuditedKeyStore(keys(), record),
        profiles=profiles(), fonts=FontBook([]), now=lambda: datetime.now(UTC), random=seeded(label),
        record="line",
    )  # fmt: skip
    return desk


@cache
def profiles() -> ProfileSource:
    return ProfileFolders((data_folder("profiles"),))


def found(desk: Desk) -> None:
    """The schema and the people."""
    desk.database.upgrade()
    with desk.database.transaction("people") as tx:
        for person in PEOPLE:
            tx.people.add(person)


def put_batch(desk: Desk, rows: int, *, box_size: int = 4, reference: str = "B-1", first: int = 1) -> int:
    """A prepared batch of so many rows with its boxes; its number."""
    chosen = desk.product(PRODUCT)
    salt, at = desk.random(32), desk.at()
    made = []
    for place in range(1, rows + 1):
        request, token = request_of(first + place - 1), desk.token()
        index = holder_index(desk.keys, request.social_security_number)
        row = RequestRow(request.request_id, token, 0, index, PRODUCT, request.category, False, b"", salt)
        card = make_card(desk, request, chosen, first + place - 1, first + place - 1)
        sealed = seal_request(desk.keys, request, token, salt)
        made.append((place, row, sealed, number_index(desk.keys, card.card_number), seal_card(desk.keys, card, row)))
    with desk.database.transaction("batch") as tx:
        batch = tx.requests.add_batch("test", rows, salt, at=at, by="operator")
        values = {
            "token": desk.token(), "issuer": "issuer", "reference": reference, "product": PRODUCT, "rows": rows,
            "station": desk.station, "file_digest": desk.token(), "cover": "{}", "box_size": box_size,
            "shard_size": rows, "received_by": "operator", "approved_by": "supervisor", "changed_at": at,
        }  # fmt: skip
        tx.batches.open(batch, values)
        tx.batches.put_rows(
            BureauRowRow(
                batch_id=batch, place=place, row=place, request_id=row.id, token=row.token,
                holder_index=row.holder_index, product=row.product, category=row.category, urgent=False, sealed=sealed,
                job_id=None, left_out=None, salt=None,
            )
            for place, row, sealed, _, _ in made
        )  # fmt: skip
        tx.shards.put_cards(CardRow(batch, place, 1, index, sealed) for place, _, _, index, sealed in made)
        tx.batches.divide(tx.batches.get(batch), at=at)
        tx.shards.keep_draws(batch, 1, b"")
        tx.shards.done(batch, 1, "0" * 64, worker="test", at=at, cost=0.0)
        for state in (BatchState.WAITING, BatchState.APPROVED, BatchState.PREPARED):
            tx.batches.move(tx.batches.get(batch), state, at=at)
    return batch


@dataclass
class Slot:
    """One machine of the test with what came out of it. ``chips`` may change a fed chip before it is read."""

    name: str
    serials: Iterator[int] = field(default_factory=lambda: SERIALS)
    wrap: Callable[[Devices], Devices] = lambda devices: devices
    made: list[TrainingChip] = field(default_factory=list)
    spoiled: list[TrainingChip] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machine = TrainingMachine(STOCK, self.serials, made=self.made.append, spoiled=self.spoiled.append)

    def spec(self, watch: Watch = unwatched) -> SlotSpec:
        return SlotSpec(self.name, lambda: nullcontext(self.wrap(self.machine.devices(watch))), "simulated")


@dataclass
class Bureau:
    """A desk, a batch, and slots."""

    desk: Desk
    batch: int
    slots: list[Slot]

    def line(self, rules: LineRules | None = None, **more: object) -> BureauLine:
        specs = [one.spec() for one in self.slots]
        given = {"tick": 0.05, "patience": 0.05, **more}
        return BureauLine(self.desk, specs, rules, **given)  # type: ignore[arg-type]

    def states(self) -> list[JobState | None]:
        """The state of the newest job of each place, in order."""
        with self.desk.database.reading() as tx:
            return [one.state for one in tx.boxes.places(self.batch, 1, 10**9)]

    def account(self) -> StockAccount:
        with self.desk.database.reading() as tx:
            return tx.stock.account(STOCK)

    def events(self, action: str) -> list[AuditEvent]:
        self.desk.database.sequence()
        with self.desk.database.reading() as tx:
            return [one for one in map(AuditEvent.decode, tx.audit.leaves()) if one.action == action]

    def out(self) -> int:
        """Cards that the machines gave out."""
        return sum(len(one.made) for one in self.slots)

    def chips_used_once(self) -> bool:
        with self.desk.database.reading() as tx:
            chips = [job.chip for job in tx.jobs.all() if job.chip is not None]
        return len(set(chips)) == len(chips)


def bureau(folder: Path, rows: int, *, slots: int = 2, box_size: int = 4, blanks: int | None = None) -> Bureau:
    """A bureau of its own in a folder, on SQLite."""
    desk = desk_at(folder / "station.db", folder / "station.db")
    found(desk)
    batch = put_batch(desk, rows, box_size=box_size)
    if blanks is None or blanks:
        receive(desk, STOCK, rows + 10 if blanks is None else blanks)
    return Bureau(desk, batch, [Slot(f"s{number}") for number in range(1, slots + 1)])


def acting(desk: Desk, **changed: object) -> Desk:
    """The same desk in other hands."""
    return replace(desk, **changed)  # type: ignore[arg-type]


def count(states: Iterable[JobState | None]) -> Mapping[JobState | None, int]:
    """How many places in which state."""
    listed = list(states)
    return {one: listed.count(one) for one in set(listed)}
