"""A training station with a batch of synthetic holders, as far as a test needs it: taken in, approved, prepared."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from cardfab.bureau.cover import CoverNote
from cardfab.bureau.taking import approve, take_in
from cardfab.cli.banking import training_store
from cardfab.cli.founding import PEOPLE, found_training_station
from cardfab.cli.wiring import open_desk, profile_source
from cardfab.face.fonts import FontBook
from cardfab.keys import SoftKeyStore
from cardfab.prepare.finding import WrongRow
from cardfab.prepare.table import Row
from cardfab.settings import Located, read_settings
from cardfab.station.desk import Desk
from cardfab.store import Database
from cardfab.store.batches import BureauBatchRow
from cardfab.store.tables import metadata
from cardfab.watch import Watch, unwatched
from tests.tools import tool

SM2, RSA = "bureau-sm2", "bureau-rsa"
holders = tool("holders")


class Holders:
    """Synthetic holders as a file that lies nowhere: rows by the generator, the digest of what they hold."""

    signer = None

    def __init__(self, rows: int, change: Callable[[int, dict[str, str]], None] | None = None, **more: Any) -> None:
        self.path = Path("holders.csv")
        self._rows, self._change, self._more = rows, change, more
        self._digest = b""

    @property
    def digest(self) -> bytes:
        return self._digest

    def rows(self) -> Iterator[Row | WrongRow]:
        """Rows from 2 on, as a CSV file counts them; ``change`` may change a row of them."""
        digest = hashlib.sha256()
        for number, (row, _) in enumerate(holders.holders(self._rows, **self._more), 2):
            if self._change is not None:
                self._change(number, row)
            digest.update(repr(row).encode())
            yield number, row
        self._digest = digest.digest()

    def cover(self, reference: str = "B-1", **other: Any) -> CoverNote:
        """The right note."""
        for _ in self.rows():
            pass
        values: dict[str, Any] = {"issuer": holders.ISSUER, "reference": reference, "product": SM2}
        values |= {"rows": self._rows, "sha256": self.digest.hex()}
        if "product" in self._more:
            values["product"] = self._more["product"]
        return CoverNote(**{**values, **other})


@cache
def _founded() -> Path:
    """A training station, founded once for all tests of a process."""
    folder = Path(mkdtemp(prefix="bureau-")) / "station"
    found_training_station(folder, "bureau-01")
    return folder


def station(folder: Path) -> Located:
    """A training station of the test's own; ``folder`` is made."""
    shutil.copytree(_founded(), folder)
    return read_settings((folder / "cardfab.toml",))


@contextmanager
def bureau(folder: Path, **more: Any) -> Iterator[Desk]:
    """The desk of such a station; the trainee is at it, who has every role. ``more`` as :func:`open_desk`."""
    located = read_settings((folder / "cardfab.toml",)) if folder.exists() else station(folder)
    with open_desk(located, **more) as desk:
        yield desk


def as_person(desk: Desk, login: str) -> Desk:
    """The same desk with somebody else at it: operator, supervisor, auditor, ..."""
    return replace(desk, person=next(one for one in PEOPLE if one.login == login))


def batch_of(
    desk: Desk,
    rows: int,
    *,
    reference: str = "B-1",
    approved: bool = True,
    prepared: bool = False,
    shard_size: int = 10_000,
    box_size: int = 200,
    **more: Any,
) -> BureauBatchRow:
    """A batch of synthetic holders; ``more`` as the generator has it (seed, first, product, wrong, doubles).

    Wrong rows are left out at the approval.
    """
    source = Holders(rows, **more)
    batch = take_in(desk, source, source.cover(reference), shard_size=shard_size, box_size=box_size)
    if approved or prepared:
        batch = approve(desk, batch.id, without_wrong_rows=True)
    if prepared:
        from cardfab.bureau.preparing import do_shard, draw_shard, finish_prepare

        for shard in range(1, -(-rows // shard_size) + 1):
            draw_shard(desk, batch.id, shard)
            do_shard(desk, batch.id, shard, "test")
        finish_prepare(desk, batch.id)
        with desk.database.reading() as tx:
            batch = tx.batches.get(batch.id)
    return batch


@contextmanager
def quick_desk(folder: Path, database: Database | None = None, *, watch: Watch = unwatched) -> Iterator[Desk]:
    """The trainee's desk of a station made at once: published keys, no record of its opening.

    ``database`` may be any with people in it; else it is a file in ``folder``, made where there is none.
    """
    if database is None:
        file = folder / "station.db"
        if not file.exists():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_founded() / "station.db", file)
        database = Database(file, watch=watch)
    try:
        yield Desk(
            station="bureau-01",
            training=True,
            person=PEOPLE[0],
            database=database,
            keys=_keys(),
            profiles=profile_source(None),
            fonts=FontBook([]),
            now=lambda: datetime.now(UTC),
            random=os.urandom,
        )
    finally:
        database.close()


@cache
def _keys() -> SoftKeyStore:
    return training_store()


def people(database: Database) -> None:
    """The people of a training station."""
    with database.transaction("people") as tx:
        for person in PEOPLE:
            tx.people.add(person)


def content(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table but the audit record's: what was kept."""
    with database.looking() as connection:
        return {
            table.name: sorted(map(tuple, connection.exec_driver_sql(f'SELECT * FROM "{table.name}"')), key=repr)  # noqa: S608
            for table in metadata.sorted_tables
            if not table.name.startswith("audit_")
        }
