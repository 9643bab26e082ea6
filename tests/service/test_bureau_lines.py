"""Several lines on one PostgreSQL: claims are exclusive, and a restart of the server costs no card its place."""

from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from cardfab.bureau.line import BureauLine, RunEnd, SlotSpec
from cardfab.cli.bureauslots import TrainingMachine, serials
from cardfab.production import JobState
from cardfab.production.batches import BatchState, BoxState
from cardfab.station.record import check_record
from cardfab.station.stockroom import receive
from tests.line_place import STOCK, Bureau, desk_at, found, keys, put_batch
from tests.service.postgres import PostgresService

pytestmark = [pytest.mark.service, pytest.mark.proof]
ROWS, BOX = 24, 3
LINES = ("line-01", "line-02")


@pytest.fixture
def place(postgres: PostgresService, tmp_path: Path) -> Iterator[tuple[str, Bureau]]:
    """A prepared batch on a database of its own."""
    url = postgres.create()
    desk = desk_at(url, tmp_path / "books.db", station="books")
    found(desk)
    batch = put_batch(desk, ROWS, box_size=BOX)
    receive(desk, STOCK, ROWS + 10)
    yield url, Bureau(desk, batch, [])
    desk.database.close()


def line_at(url: str, folder: str, station: str, batch: int, slots: int = 2) -> RunEnd:
    """A line of its own station at work on the batch, to the end."""
    desk = desk_at(url, Path(folder) / f"{station}.db", station=station)
    machines = [TrainingMachine(STOCK, serials(desk)) for _ in range(slots)]
    specs = [
        SlotSpec(f"{number:02d}", lambda machine=machine: nullcontext(machine.devices()))  # type: ignore[misc]
        for number, machine in enumerate(machines, 1)
    ]
    try:
        return BureauLine(desk, specs, tick=0.2, patience=0.5).run(batch)
    finally:
        desk.database.close()


def whole(here: Bureau) -> None:
    """Every place has one card, no chip was used twice, the books and the record add up."""
    assert set(here.states()) == {JobState.DONE}
    account = here.account()
    assert account.balanced
    assert (account.issued, account.in_doubt) == (ROWS, 0)
    assert here.chips_used_once()
    here.desk.database.flush()
    here.desk.database.sequence()
    with here.desk.database.reading() as tx:
        assert tx.batches.get(here.batch).state is BatchState.MADE
        assert {one.state for one in tx.boxes.of(here.batch)} == {BoxState.FULL}
        assert check_record(tx, None).alerts == ()


@pytest.mark.shows("two lines in processes of their own on one database: every box has one of them (proof)")
def test_two_lines_share_a_batch_and_no_box(place: tuple[str, Bureau], tmp_path: Path) -> None:
    url, here = place
    keys()  # before the fork: certified once
    here.desk.database.close()
    fork = multiprocessing.get_context("fork")
    lines = [fork.Process(target=line_at, args=(url, str(tmp_path), name, here.batch)) for name in LINES]
    for one in lines:
        one.start()
    for one in lines:
        one.join(300)
    assert [one.exitcode for one in lines] == [0, 0]
    whole(here)
    with here.desk.database.reading() as tx:
        stations = {job.request_id: job.station for job in tx.jobs.all()}
        boxes, runs = tx.boxes.of(here.batch), {one.id: one.station for one in tx.boxes.runs(here.batch)}
        of_box = [
            {stations[one.request_id] for one in tx.boxes.places(here.batch, box.first, box.last)} for box in boxes
        ]
    assert set(stations.values()) == set(LINES)
    assert of_box == [{runs[box.run_id or 0]} for box in boxes]


@pytest.mark.shows("a restart of the database in the middle of a run: the line waits and goes on (proof)")
def test_a_restart_of_the_server_holds_the_line_for_a_while(
    place: tuple[str, Bureau], postgres: PostgresService, tmp_path: Path
) -> None:
    url, here = place
    ends: list[RunEnd] = []
    running = threading.Thread(target=lambda: ends.append(line_at(url, str(tmp_path), "line-01", here.batch)))
    running.start()
    for _ in range(2):
        before = done(here)
        until = time.monotonic() + 120
        while done(here) < before + 4:
            assert time.monotonic() < until
            time.sleep(0.02)
        postgres.stop()
        time.sleep(1.0)
        postgres.start()
    running.join(300)
    [end] = ends
    assert end.now.faults == 0
    account = here.account()
    assert account.balanced
    assert here.chips_used_once()
    states = here.states()
    assert states.count(JobState.DONE) + states.count(JobState.SPOILED) == ROWS
    assert (account.issued, account.spoiled, account.in_doubt) == (
        states.count(JobState.DONE), states.count(JobState.SPOILED), 0,
    )  # fmt: skip
    assert account.spoiled <= 4  # two slots, two restarts: a chip that was being written
    assert any(said.code == "CF-5701" for said in end.now.said)


def done(here: Bureau) -> int:
    return here.states().count(JobState.DONE)
