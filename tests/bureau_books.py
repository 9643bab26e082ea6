"""A real station with a small batch brought to a line, and what may happen to its cards: each act as a line does it."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from cardfab.audit import AuditEvent
from cardfab.cli.wiring import profile_source
from cardfab.crypto import password
from cardfab.face.fonts import FontBook
from cardfab.keys import SoftKeyStore
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.records import PreparedRecord
from cardfab.prepare.request import IssuanceRequest
from cardfab.production import JobEvent, JobState, Person, Place, Role, StockMovement
from cardfab.production.batches import BatchState, BoxState
from cardfab.station import books
from cardfab.station.desk import Desk
from cardfab.station.vault import holder_index, number_index, seal_card, seal_request
from cardfab.station.work import Work
from cardfab.store import Database, JobRow, Move, RequestRow
from cardfab.store.batches import BureauBatchRow, BureauRowRow
from cardfab.store.boxes import SlotRow
from cardfab.store.bulk import put
from cardfab.store.bureautables import bureau_card, bureau_fault
from tests.people import WORDS, Clock, Typed, door

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
PRODUCT, STOCK = "bureau-sm2", "training-ssc2"
PEOPLE = {
    "li": Role.OPERATOR, "zhao": Role.SUPERVISOR, "wang": Role.SUPERVISOR,
}  # fmt: skip
_CHIP_ID = PreparedRecord("SSSE", b"\xef\x05", 1, b"\x01", bytes.fromhex("440199D156000005" + "00" * 8), "", "", "")


def request_of(place: int, name: str = "") -> IssuanceRequest:
    """A holder who does not exist."""
    return IssuanceRequest(
        request_id=f"Q{place:05d}", social_security_number=f"4401991951090{place:05d}", name=name or f"测试{place}",
        sex="1", ethnicity="01", birth_date=date(1951, 9, 2), birthplace="", region="440199", category="loss-reissue",
        card_class="1", household_type="", household_address="", phone="", employer="", marital_status="",
        employment_status="", identity_category="", bank_product=PRODUCT, photo=None, photo_name="",
        replaces_card=None, urgent=False,
    )  # fmt: skip


def card_of(place: int) -> PreparedCard:
    """What was prepared for them, as far as the books look at it."""
    request = request_of(place)
    return PreparedCard(
        request_id=request.request_id, product=PRODUCT, region="440199", card_number=f"T{place:08d}",
        pan=f"62999900{place:08d}", issue_date="2026-11-21", expiry_date="2036-11-20", records=(_CHIP_ID,),
        groupings=(), face={"name": request.name, "social_security_number": request.social_security_number}, photo=None,
    )  # fmt: skip


@cache
def _keys() -> SoftKeyStore:
    return SoftKeyStore.training(os.urandom)


@dataclass
class Bureau:
    """The station, its people's desks, and one batch."""

    folder: Path
    database: Database
    clock: Clock
    typed: Typed
    desks: dict[str, Desk]
    batch_id: int = 0
    chips: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    made: dict[str, int] = field(default_factory=lambda: {"made": 0, "spoiled": 0})
    run: int = 0

    @property
    def name(self) -> str:
        return str(self.batch_id)

    @property
    def batch(self) -> BureauBatchRow:
        with self.database.reading() as tx:
            return tx.batches.get(self.batch_id)

    def events(self, action: str) -> list[AuditEvent]:
        self.database.sequence()
        with self.database.reading() as tx:
            return [one for one in map(AuditEvent.decode, tx.audit.leaves()) if one.action == action]

    # -- a batch -------------------------------------------------------------------------------------------------------

    def take_in(self, rows: int = 10, box: int = 4, wrong: tuple[int, ...] = (), blanks: int = 100) -> None:
        """A batch that was approved and prepared, its boxes not brought yet; the blanks for it."""
        desk = self.desks["li"]
        salt, at = b"salt of the batch" * 2, desk.at()
        with self.database.transaction("batch") as tx:
            self.batch_id = tx.requests.add_batch("holders.csv", rows, salt, at=at, by="li")
            values = {
                "token": desk.token(), "issuer": "示例市社会保障卡管理中心", "reference": f"2026-{self.batch_id:04d}",
                "product": PRODUCT, "station": "station-1", "rows": rows, "file_digest": "0" * 64,
                "cover": json.dumps({}), "box_size": box, "shard_size": 100, "received_by": "li", "changed_at": at,
            }  # fmt: skip
            tx.batches.open(self.batch_id, values)
            tx.batches.put_rows(self._row(place, salt, place in wrong) for place in range(1, rows + 1))
            one = tx.batches.get(self.batch_id)
            one = tx.batches.move(one, BatchState.WAITING, at=at, wrong=len(wrong))
            one = tx.batches.move(one, BatchState.APPROVED, at=at, approved_by="zhao", second="wang", first_card=1)
            to: Connection = tx.bureau_finish._connection
            good = [place for place in range(1, rows + 1) if place not in wrong]
            put(to, bureau_card, ("batch_id", "place", "shard", "number_index", "sealed"), map(self._card, good))
            tx.batches.divide(one, at=at)
            tx.batches.move(one, BatchState.PREPARED, at=at)
            movement = StockMovement(STOCK, Place.OUTSIDE, Place.STOCK, blanks, "received")
            tx.stock.move(movement, at=at, by="zhao", station="station-1", second="wang")

    def _row(self, place: int, salt: bytes, wrong: bool) -> BureauRowRow:
        request = request_of(place)
        token = f"token-{self.batch_id}-{place}"
        return BureauRowRow(
            batch_id=self.batch_id, place=place, row=place + 1, token=token,
            request_id=f"{self.batch_id}-{request.request_id}",
            holder_index=b"" if wrong else holder_index(_keys(), request.social_security_number), product=PRODUCT,
            category=request.category, urgent=False,
            sealed=None if wrong else seal_request(_keys(), request, token, salt),
            job_id=None, left_out="wrong" if wrong else None, salt=salt,
        )  # fmt: skip

    def _card(self, place: int) -> tuple[Any, ...]:
        card, token = card_of(place), f"token-{self.batch_id}-{place}"
        row = RequestRow("", token, self.batch_id, b"", PRODUCT, "", False, b"", b"salt of the batch" * 2)
        index = number_index(_keys(), f"{self.batch_id}-{card.card_number}")
        return self.batch_id, place, 1, index, seal_card(_keys(), card, row)

    def bring(self) -> None:
        """A line begins, and every box comes to it."""
        desk = self.desks["li"]
        with self.database.transaction("bring") as tx:
            self.run = tx.boxes.begin_run(self.batch_id, "line-1", "station-1", {"slot-1": "r"}, at=desk.at(), by="li")
            if tx.batches.get(self.batch_id).state is BatchState.PREPARED:
                tx.batches.move(tx.batches.get(self.batch_id), BatchState.RUNNING, at=desk.at())
            steps = (None, JobEvent.APPROVE, JobEvent.PREPARE, JobEvent.QUEUE)
            moves = {event: Move(desk.at(), "zhao" if event is JobEvent.APPROVE else "li") for event in steps}
            for box in tx.boxes.of(self.batch_id):
                tx.boxes.bring(box, {PRODUCT: STOCK}, moves, desk.token)

    def end_run(self) -> None:
        """The line ends; its slot says what it counted, and boxes without a waiting card are full."""
        desk = self.desks["li"]
        with self.database.transaction("end") as tx:
            slot = SlotRow(
                self.run, "slot-1", "r", self.made["made"], self.made["spoiled"], 0, 0, 0.0, 0.0, "ended", None
            )
            tx.boxes.seen(self.run, at=desk.at(), held=None, slots=[slot])
            tx.boxes.end_run(self.run, "stopped", at=desk.at())
        self.made = {"made": 0, "spoiled": 0}

    # -- its cards -----------------------------------------------------------------------------------------------------

    def job(self, place: int) -> JobRow:
        """The newest job of a place."""
        with self.database.reading() as tx:
            return tx.jobs.get(tx.batches.row(self.batch_id, place).job_id or 0)

    def work(self, place: int) -> Work:
        """The job as a line has it in hand; no plan is looked at here."""
        chosen = self.desks["li"].product(PRODUCT)
        return Work(self.job(place), card_of(place), chosen, None, None)  # type: ignore[arg-type]

    def claim(self, place: int) -> None:
        """A blank leaves the stock."""
        books.claim(self.desks["li"], self.work(place), 1)

    def write(self, place: int) -> None:
        """The chip is being written."""
        desk = self.desks["li"]
        with self.database.transaction("encode") as tx:
            tx.jobs.move(self.job(place), JobEvent.ENCODE, desk.move(), chip=f"{next(self.chips):016X}")

    def verify(self, place: int) -> None:
        """Every write was answered."""
        books.encoded(self.desks["li"], self.work(place))

    def finish(self, place: int) -> None:
        """The card is made."""
        books.finish(self.desks["li"], self.work(place))
        self.made["made"] += 1

    def make(self, place: int) -> None:
        """A card from blank to box."""
        self.claim(place)
        self.write(place)
        self.verify(place)
        self.finish(place)

    def spoil(self, place: int, code: str = "CF-4100", why: str = "the chip does not answer") -> None:
        """The blank is waste."""
        books.spoil(self.desks["li"], self.job(place), code, why)
        self.made["spoiled"] += 1

    def doubt(self, place: int) -> None:
        """The work was cut off."""
        books.doubt_job(self.desks["li"], self.job(place), "found at start: the program was cut off")

    def untouched(self, place: int) -> None:
        """The blank provably never left the feeder."""
        desk = self.desks["li"]
        with self.database.transaction("untouched") as tx:
            books.untouched(desk, tx, tx.jobs.get(self.job(place).id), "the blank never left the feeder")

    def fault(self, slot: str, code: str, times: int = 1) -> None:
        """Faults of a slot."""
        with self.database.transaction("fault") as tx:
            to: Connection = tx.bureau_finish._connection
            for _ in range(times):
                values = {"run_id": self.run, "slot": slot, "code": code, "why": "w", "at": self.desks["li"].at()}
                to.execute(insert(bureau_fault).values(**values))

    def states(self) -> list[JobState]:
        """The state of every place's newest job."""
        with self.database.reading() as tx:
            return [tx.jobs.get(row.job_id or 0).state for row in tx.batches.rows_of(self.batch_id)]

    def boxes(self) -> list[BoxState]:
        with self.database.reading() as tx:
            return [box.state for box in tx.boxes.of(self.batch_id)]

    def later(self, **time: float) -> None:
        self.clock.now += timedelta(**time)


def empty(folder: Path) -> Path:
    """A database with the people and nothing else, for copies of it."""
    path = folder / "empty.db"
    database = Database(path)
    database.upgrade()
    with database.transaction("people") as tx:
        for login, role in PEOPLE.items():
            tx.people.add(Person(login, login, frozenset({role})))
            tx.people.change(login, hash=password.hash_password(bytearray(WORDS[login].encode()), os.urandom))
    database.close()
    return path


@contextmanager
def bureau(folder: Path, template: Path, fonts: FontBook | None = None, **known: Any) -> Iterator[Bureau]:
    """A real station on a Saturday afternoon, its database a copy; ``known`` of the batch in it."""
    database = Database(Path(shutil.copy(template, folder / "station.db")))
    clock, typed = Clock(NOW), Typed()
    entrance = door(database, clock, typed)
    with database.reading() as tx:
        people = {login: tx.people.get(login) for login in PEOPLE}
    desks = {
        login: Desk(
            "station-1", False, one, database, _keys(), profile_source(None), fonts or FontBook([]), clock, os.urandom,
            door=entrance,
        )
        for login, one in people.items()
    }  # fmt: skip
    yield Bureau(folder, database, clock, typed, desks, **known)
    database.close()
