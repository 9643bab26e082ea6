"""Two stations in processes of their own on one database, and the same request taken by both at the same moment."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cardfab.cli.databases import database_at
from cardfab.cli.founding import PEOPLE, found_training_station
from cardfab.cli.wiring import open_desk, sign_in
from cardfab.production import JobEvent, JobState, StateRefused
from cardfab.resources import data_folder
from cardfab.settings import Located, read_settings
from cardfab.station import neighbours
from cardfab.station.books import claim
from cardfab.station.desk import Desk
from cardfab.station.devices import Devices
from cardfab.station.intake import approve, import_requests
from cardfab.station.record import check_record
from cardfab.station.recovery import Eye, find_interrupted, settle
from cardfab.station.stockroom import receive
from cardfab.station.work import Work, open_work
from cardfab.store import Database, Move, RequestRow
from tests.service.postgres import PostgresService
from tests.service.race_worker import race
from tests.service.softhsm import cardfab

pytestmark = pytest.mark.service
ROUNDS = 1000
EXAMPLES = data_folder("examples")
STOCK = "training-ssc2"
REQUESTS = ("R2026112100013", "R2026112100015", "R2026112100002")
KINDS = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A station; the others have its keys."""
    folder = tmp_path_factory.mktemp("first") / "outlet-1"
    found_training_station(folder, "outlet-1", chip_keys=4)
    return folder


@contextmanager
def two(first: Path, folder: Path, where: str) -> Iterator[tuple[Located, Located]]:
    """Both stations, on a database with people and three approved requests."""
    made = []
    for name in ("outlet-1", "outlet-2"):
        shutil.copytree(first, folder / name)
        settings = folder / name / "cardfab.toml"
        text = settings.read_text(encoding="utf-8").replace('"station.db"', f'"{where}"').replace("outlet-1", name)
        settings.write_text(text + '\n[audit]\nrecord = "outlets"\n', encoding="utf-8")
        (folder / name / "station.db").unlink()
        made.append(read_settings((settings,)))
    database = database_at(made[0])
    database.upgrade()
    with database.transaction("people") as tx:
        for person in PEOPLE:
            tx.people.add(person)
    database.close()
    with open_desk(made[0], person=PEOPLE[0]) as desk:
        import_requests(
            desk, (EXAMPLES / "requests.csv").read_bytes(), source="requests.csv", form="csv",
            photos=lambda name: (EXAMPLES / name).read_bytes(),
        )  # fmt: skip
        approve(desk, REQUESTS)
        receive(desk, STOCK, ROUNDS + 10)
    for located, login in zip(made, ("trainee", "operator"), strict=True):
        sign_in(located, login)
    yield made[0], made[1]


@pytest.fixture
def where(request: pytest.FixtureRequest, postgres: PostgresService, tmp_path: Path) -> str:
    return postgres.create() if request.param == "postgresql" else str(tmp_path / "both.db")


def queued(database: Database, count: int) -> list[int]:
    """That many more jobs, ready to be taken."""
    at = "2026-11-22T08:00:00.000+00:00"
    ids = []
    with database.transaction("orders") as tx:
        batch = tx.requests.add_batch("race", count, b"salt", at=at, by="trainee")
        for number in range(count):
            name = f"RACE{number}"
            tx.requests.add([RequestRow(name, f"rt{number}", batch, b"h", "debit", "first", False, b"s", b"salt")])
            job = tx.jobs.create(f"jt{number}", name, STOCK, Move(at, "trainee"))
            for event in (JobEvent.APPROVE, JobEvent.PREPARE, JobEvent.QUEUE):
                job = tx.jobs.move(job, event, Move(at, "trainee"))
            ids.append(job.id)
    return ids


LINE = "Two stations, one database, the same request taken at the same moment 1,000 times: one card each time (proof)"


@pytest.mark.proof
@pytest.mark.shows(LINE)
@pytest.mark.parametrize("where", KINDS, indirect=True)
def test_the_same_request_at_the_same_moment_a_thousand_times(where: str, first: Path, tmp_path: Path) -> None:
    with two(first, tmp_path, where) as (one, other):
        database = database_at(one)
        jobs = queued(database, ROUNDS)
        spawn = multiprocessing.get_context("spawn")
        with spawn.Manager() as manager:
            barrier, won = spawn.Barrier(2), [manager.list(), manager.list()]
            stations = [
                spawn.Process(target=race, args=(str(place.folder), jobs, barrier, mine))
                for place, mine in zip((one, other), won, strict=True)
            ]
            for station in stations:
                station.start()
            for station in stations:
                station.join(400)
            assert [station.exitcode for station in stations] == [0, 0]
            wins = [set(mine) for mine in won]
        assert wins[0] | wins[1] == set(jobs)
        assert wins[0] & wins[1] == set()
        assert min(len(mine) for mine in wins) > ROUNDS // 20, "one of them was always too late: nothing was shown"
        with database.reading() as tx:
            made = [card.job_id for card in tx.cards.all()]
            assert sorted(made) == jobs
            for job in jobs:
                taken = [row for row in tx.jobs.history(job) if row.event == str(JobEvent.CLAIM)]
                assert len(taken) == 1
                assert tx.jobs.get(job).station == ("outlet-1" if job in wins[0] else "outlet-2")
            books = tx.stock.account(STOCK)
            assert (books.issued, books.remaining, books.in_doubt, books.spoiled) == (ROUNDS, 10, 0, 0)
        _whole(one)
        _real_cards(one, other)
        database.close()


def _whole(located: Located) -> None:
    """One record of both stations, whole."""
    with open_desk(located, person=PEOPLE[0]) as desk:
        desk.database.flush()
        desk.database.sequence(desk.signed)
        with desk.database.reading() as tx:
            assert check_record(tx, desk.audit_key()).alerts == ()


def _real_cards(one: Located, other: Located) -> None:
    """Whole issues, chip, print and all, by the program itself at both places at once."""
    for name in REQUESTS:
        running = [
            subprocess.Popen([cardfab(), "--config", str(at.file), "--json", "issue", name], stdout=subprocess.PIPE)
            for at in (one, other)
        ]
        said = [each.communicate(timeout=60)[0] for each in running]
        assert sorted(each.returncode == 0 for each in running) == [False, True], said
    with open_desk(one, person=PEOPLE[0]) as desk, desk.database.reading() as tx:
        for name in REQUESTS:
            [job] = tx.jobs.every_of(name)
            assert job.state is JobState.DONE
            assert tx.cards.get(job.id)
    _whole(other)


@pytest.mark.proof
@pytest.mark.parametrize("where", KINDS, indirect=True)
def test_a_job_belongs_to_the_station_that_took_its_blank(where: str, first: Path, tmp_path: Path) -> None:
    with (
        two(first, tmp_path, where) as (one, other),
        open_desk(one, person=PEOPLE[0]) as here,
        open_desk(other, person=PEOPLE[0]) as there,
    ):
        both = _work(here, REQUESTS[0]), _work(there, REQUESTS[0])
        held = claim(here, both[0], None).job
        with pytest.raises(StateRefused):
            claim(there, both[1], None)
        assert find_interrupted(there) == ()  # a start at the other place touches nothing of it
        assert neighbours.left_alone(there) == ()
        with pytest.raises(neighbours.StationLives):
            neighbours.give_up(there, held.id, "impatient")

        later = datetime.now(UTC) + timedelta(minutes=6)
        object.__setattr__(there, "now", lambda: later)
        assert [job.id for job in neighbours.left_alone(there)] == [held.id]
        lost = neighbours.give_up(there, held.id, "its machine burnt down")
        assert (lost.state, lost.doubt_from, lost.station) == (JobState.IN_DOUBT, JobState.CLAIMED, "outlet-1")
        by_hand = Devices(lambda: pytest.fail("no card is here"), None, False)  # type: ignore[arg-type, return-value]
        with pytest.raises(Exception, match="settled there"):
            settle(there, by_hand, lost)
        assert settle(there, by_hand, lost, Eye.BAD).job.state is JobState.SPOILED
        with there.database.reading() as tx:
            assert tx.stock.account(STOCK).spoiled == 1


def _work(desk: Desk, name: str) -> Work:
    with desk.database.reading() as tx:
        job = tx.jobs.of_request(name)
    return open_work(desk, job, print_=False)
