"""A batch with faults injected at 2 %: chips dead, dying and slow, jams, the line killed, the database restarted.

Two judges that know nothing of each other: the reconciliation of the books, and a count over the tables and over what
the chips of the hall hold themselves. ``CARDFAB_CAMPAIGN`` is the number of cards; 10,000 are run by hand.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from cardfab.bureau.books.reconcile import Reconciliation, reconcile
from cardfab.bureau.books.remakes import approve, ask
from cardfab.cli.databases import database_at
from cardfab.cli.founding import PEOPLE, found_training_station
from cardfab.cli.wiring import open_desk, sign_in
from cardfab.settings import Located, read_settings
from cardfab.station.desk import Desk
from cardfab.station.record import check_record
from cardfab.station.stockroom import receive
from tests.bureau_place import batch_of
from tests.fault.campaign_rig import Blank, Fault, Faults, Hall, Tray, hall
from tests.service.postgres import PostgresService

pytestmark = [pytest.mark.proof, pytest.mark.service]

CARDS = int(os.environ.get("CARDFAB_CAMPAIGN", "100"))
SLOTS, BOX = 8, 10
FAULTS = Faults(seed=9, of=50)
FIGURES = os.environ.get("CARDFAB_CAMPAIGN_FIGURES", "")
STOCK = "training-ssc2"
BLANKS = CARDS + CARDS // 5 + 20
PATIENCE = 120 + CARDS


@dataclass(frozen=True)
class Bureau:
    """The station, its server, and one batch."""

    located: Located
    server: PostgresService
    url: str
    batch: int

    def command(self, *words: str) -> list[str]:
        main = "from cardfab.cli.main import main; main()"
        return [sys.executable, "-c", main, "--config", str(self.located.file), "--json", *words]

    def sql(self, question: str, **values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(question, values).fetchall()

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        with open_desk(self.located, person=PEOPLE[0]) as desk:
            yield desk

    def jobs(self) -> Counter[str]:
        """Jobs of the batch by state, from the tables alone."""
        asked = """SELECT job.state, count(*) FROM job JOIN bureau_row r ON r.request_id = job.request_id
                   WHERE r.batch_id = %(batch)s GROUP BY 1"""
        return Counter({str(state): int(str(count)) for state, count in self.sql(asked, batch=self.batch)})

    def prepared(self) -> int:
        asked = "SELECT count(*) FROM bureau_shard WHERE batch_id = %(batch)s AND state = 'DONE'"
        return int(str(self.sql(asked, batch=self.batch)[0][0]))


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[Bureau]:
    """A batch that is approved, on a server of its own, which is restarted."""
    located = found_training_station(tmp_path / "station", "bureau-01")
    with PostgresService() as server:
        url = server.create()
        text = located.file.read_text(encoding="utf-8").replace('"station.db"', f'"{url}"')
        located.file.write_text(text, encoding="utf-8")
        located = read_settings((located.file,))
        database = database_at(located)
        database.upgrade()
        with database.transaction("people") as tx:
            for person in PEOPLE:
                tx.people.add(person)
        database.close()
        sign_in(located, PEOPLE[0].login)
        with open_desk(located, person=PEOPLE[0]) as desk:
            batch = batch_of(desk, CARDS, shard_size=max(2, CARDS // 12), box_size=BOX)
            receive(desk, STOCK, BLANKS)
        yield Bureau(located, server, url, batch.id)


def kill(process: subprocess.Popen[str]) -> None:
    """As when the machine loses power: the process and its children."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)


def begin(place: Bureau, log: Path, *words: str) -> subprocess.Popen[str]:
    with log.open("a") as out:
        return subprocess.Popen(
            place.command(*words), stdin=subprocess.DEVNULL, stdout=out, stderr=out, text=True, start_new_session=True
        )


def prepare(place: Bureau, log: Path) -> None:
    """Prepared by two processes, which are killed in the middle once; what was done stays."""
    words = ("bureau", "prepare", str(place.batch), "--processes", "2")
    first = begin(place, log, *words)
    until = time.monotonic() + PATIENCE
    while place.prepared() < 3:
        assert first.poll() is None, log.read_text()
        assert time.monotonic() < until
        time.sleep(0.25)
    kill(first)
    again = begin(place, log, *words)
    assert again.wait(PATIENCE) == 0, log.read_text()


def run(place: Bureau, log: Path, line: Path, *, kills: int, restarts: int) -> int:
    """The line to its end, killed and its database restarted on the way; the exit status of the last start."""
    done = place.jobs()["DONE"]
    steps = [done + (CARDS - done) * number // (kills + restarts + 1) for number in range(1, kills + restarts + 1)]
    words = ("bureau", "run", str(place.batch), "--line", str(line))
    process = begin(place, log, *words)
    for number, step in enumerate(steps):
        until = time.monotonic() + PATIENCE
        while process.poll() is None and place.jobs()["DONE"] < step:
            assert time.monotonic() < until, log.read_text()[-3000:]
            time.sleep(0.25)
        if process.poll() is not None:
            break
        if number % 2:
            place.server.stop()  # as if it lost power
            time.sleep(0.5)
            place.server.start()
        else:
            kill(process)
            accounted(place)
            process = begin(place, log, *words)
    return process.wait(PATIENCE)


def accounted(place: Bureau) -> None:
    """Every blank that left the stock has a job that says where it is: at any moment, also that of a kill."""
    jobs = place.jobs()
    used = sum(count for state, count in jobs.items() if state not in ("QUEUED", "CANCELLED"))
    asked = "SELECT sum(CASE WHEN source = 'stock' THEN count ELSE -count END) FROM stock_movement"
    asked += " WHERE 'stock' IN (source, target) AND job_id IS NOT NULL"
    assert int(str(place.sql(asked)[0][0] or 0)) == used, jobs


@pytest.mark.shows(
    "10,000 cards of a batch with faults injected at 2 % (chips dead, chips slow, jams, worker and database restarts): "
    "good + spoiled + in doubt adds up to the blanks used, no card number, chip serial or key used twice, and the "
    "report names every one (proof: 100 of the 10,000)"
)
def test_every_blank_of_a_batch_with_faults_is_accounted_for(bureau: Bureau, tmp_path: Path) -> None:
    log, begun = tmp_path / "log", time.monotonic()
    prepare(bureau, log)
    prepared = time.monotonic()
    with hall(tmp_path, SLOTS, FAULTS) as here:
        run(bureau, log, here.line, kills=3, restarts=2)
        made = time.monotonic()
        first = judged(bureau, here)
        assert duplicates(here.blanks(), good_only=False) == []  # nothing was made again yet
        with bureau.desk() as desk:
            ask(desk, str(bureau.batch))
            again = len(approve(desk, str(bureau.batch)))
        run(bureau, log, here.line, kills=0, restarts=0)
        last = judged(bureau, here)
        assert duplicates(here.blanks(), good_only=True) == []
        faults = Counter(str(one.fault) for one in here.blanks() if one.fault)
        there = here.trays()
        if there.total() > len(Fault) * FAULTS.of + SLOTS:
            assert set(faults) == {str(one) for one in Fault}
    ended = time.monotonic()
    if FIGURES:
        seconds = {"prepare": prepared - begun, "first run": made - prepared, "all": ended - begun}
        told = {"cards": CARDS, "slots": SLOTS, "seconds": seconds, "first": first, "last": last, "remade": again,
                "faults": faults, "trays": {str(tray): count for tray, count in there.items()}}  # fmt: skip
        Path(FIGURES).write_text(json.dumps(told, indent=1), encoding="utf-8")


def judged(place: Bureau, here: Hall) -> dict[str, int]:
    """The books as the reconciliation has them, and the tables and the hall as they are counted here: they agree."""
    accounted(place)
    with place.desk() as desk:
        found = reconcile(desk, str(place.batch))
        desk.database.flush()
        desk.database.sequence()
        with desk.database.reading() as tx:
            assert check_record(tx, None).alerts == ()
    jobs = place.jobs()
    used = jobs["DONE"] + jobs["SPOILED"] + jobs["IN_DOUBT"]
    assert jobs.total() == used + jobs["QUEUED"] + jobs["CANCELLED"], jobs  # nothing is at work any more
    assert found.balanced, found.differences
    assert (found.line.good, found.line.spoiled, found.line.in_doubt) == (
        jobs["DONE"], jobs["SPOILED"], jobs["IN_DOUBT"],
    )  # fmt: skip
    sought = here.take_out(named(place, found))  # cards that went out a moment before a cut count as spoiled
    trays(place, here, jobs)
    numbers(place)
    return {"good": jobs["DONE"], "spoiled": jobs["SPOILED"], "in doubt": jobs["IN_DOUBT"], "used": used,
            "waiting": jobs["QUEUED"], "named": len(found.named), "sought among the good": sought}  # fmt: skip


def named(place: Bureau, found: Reconciliation) -> set[int]:
    """Every job that did not go straight is in the report by its number; the serials of the spoiled chips it names."""
    asked = """SELECT job.id FROM job JOIN bureau_row r ON r.request_id = job.request_id
               WHERE r.batch_id = %(batch)s AND job.state IN ('SPOILED', 'IN_DOUBT')"""
    wanted = {row[0] for row in place.sql(asked, batch=place.batch)}
    assert wanted <= {one.job_id for one in found.named}
    return {serial_of(one.chip) for one in found.named if one.chip and one.state == "SPOILED"}


def serial_of(chip: object) -> int:
    """The serial number of a training chip, of the historical bytes by which the books know it."""
    return int(str(chip)[-8:])


def trays(place: Bureau, here: Hall, jobs: Counter[str]) -> None:
    """Each chip lies where its job says; one in doubt may lie anywhere."""
    rows = place.sql("SELECT chip, state FROM job WHERE chip IS NOT NULL")
    state_of = {serial_of(chip): str(state) for chip, state in rows}
    assert len(state_of) == len(rows), "two jobs of one chip"
    blanks = here.blanks()
    for one in blanks:
        state = state_of.get(one.serial)
        if one.tray is Tray.GOOD:
            assert state in ("DONE", "IN_DOUBT"), one
        else:
            assert state in ("SPOILED", "IN_DOUBT", None), one
    good = [one for one in blanks if one.tray is Tray.GOOD]
    assert jobs["DONE"] <= len(good) <= jobs["DONE"] + jobs["IN_DOUBT"]
    assert jobs["DONE"] + jobs["SPOILED"] <= len(blanks) <= jobs["DONE"] + jobs["SPOILED"] + jobs["IN_DOUBT"]
    assert all(one.number and one.keys for one in good)
    if not jobs["IN_DOUBT"]:
        assert len(good) == jobs["DONE"]


def numbers(place: Bureau) -> None:
    """No number of a card and no chip twice in the tables."""
    cards = place.sql("SELECT number_index, count(*) FROM issued_card GROUP BY 1 HAVING count(*) > 1")
    places = place.sql("SELECT number_index, count(*) FROM bureau_card GROUP BY 1 HAVING count(*) > 1")
    assert not cards + places


def duplicates(blanks: list[Blank], *, good_only: bool) -> list[tuple[str, object]]:
    """Serials, card numbers and keys that two chips hold, as the chips tell themselves."""
    seen: Counter[tuple[str, object]] = Counter()
    for one in blanks:
        if good_only and one.tray is not Tray.GOOD:
            continue
        seen[("serial", one.serial)] += 1
        if one.number:
            seen[("card number", one.number)] += 1
        seen.update((name, digest) for name, digest in one.keys.items())
    return [what for what, count in seen.items() if count > 1]
