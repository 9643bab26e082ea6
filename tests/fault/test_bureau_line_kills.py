"""A line killed before and after every commit of a card; the next start goes on, and no place is made twice.

The machine with its chips dies with the process, so the card in it is gone: the books must say so. What it gave out or
rejected before is kept in a file.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from cardfab.bureau.line import BureauLine, SlotSpec
from cardfab.cli.bureauslots import TrainingMachine, serials
from cardfab.production import INTERRUPTIBLE, JobState
from cardfab.production.batches import BatchState
from cardfab.simulator.chip import TrainingChip
from cardfab.station.books import remake
from tests.fault.issue_worker import Points
from tests.fault.test_fault_every_kill import stands
from tests.line_place import PRODUCT, STOCK, Bureau, bureau, desk_at

BLANKS = 5
SHARDS = 2


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One prepared card in one box, and blanks."""
    folder = tmp_path_factory.mktemp("line")
    made = bureau(folder, 1, box_size=1, blanks=BLANKS)
    made.desk.product(PRODUCT)
    made.desk.database.close()
    return folder / "station.db"


class World:
    """A station in a folder; ``out`` is what its machines gave out or rejected, whatever became of the processes."""

    def __init__(self, template: Path, folder: Path) -> None:
        folder.mkdir()
        shutil.copy(template, folder / "station.db")
        self.database, self.cards = folder / "station.db", folder / "cards"
        self.cards.touch()

    def run(self, kill_at: int | None = None) -> dict[str, Any]:
        """A run of the line in a process of its own; ``killed`` where it died by its own hand."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            answer: dict[str, Any]
            try:
                answer = self._run(kill_at)
            except BaseException as broken:
                answer = {"broken": repr(broken)}
            with os.fdopen(write, "w") as out:
                json.dump(answer, out)
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as back:
            said = back.read()
        _, status = os.waitpid(child, 0)
        found: dict[str, Any] = {"killed": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else json.loads(said)
        assert "broken" not in found, found
        return found

    def _run(self, kill_at: int | None) -> dict[str, Any]:
        points = Points(kill_at)
        desk = desk_at(self.database, self.database, watch=points, random=str(os.getpid()))
        machine = TrainingMachine(STOCK, serials(desk), made=self._kept("made"), spoiled=self._kept("spoiled"))
        slot = SlotSpec("s1", lambda: nullcontext(machine.devices()))
        end = BureauLine(desk, [slot], tick=60, patience=0.01).run(1)
        return {"how": end.how, "left": end.left, "points": points.names}

    def _kept(self, what: str) -> Any:
        def keep(chip: TrainingChip) -> None:
            with self.cards.open("a") as out:
                out.write(f"{what}\n")

        return keep

    def out(self, what: str) -> int:
        return self.cards.read_text().split().count(what)

    def look(self) -> Bureau:
        return Bureau(desk_at(self.database, self.database), 1, [])


@pytest.fixture
def worlds(template: Path, tmp_path: Path) -> Iterator[World]:
    """One after another, as many as are wanted."""
    return (World(template, tmp_path / str(number)) for number in range(10_000))


def books(world: World, where: str) -> tuple[JobState | None, int]:
    """After any kill: every blank is somewhere. The state of the place, and how many of its jobs are done."""
    here = world.look()
    try:
        account = here.account()
        assert account.balanced, where
        assert account.opening == BLANKS, where
        with here.desk.database.reading() as tx:
            jobs = tx.jobs.all()
        done = sum(job.state is JobState.DONE for job in jobs)
        assert account.issued == done <= 1, where
        assert account.in_doubt == sum(job.state in INTERRUPTIBLE | {JobState.IN_DOUBT} for job in jobs), where
        assert here.chips_used_once(), where
        return here.states()[0], done
    finally:
        here.desk.database.close()


@pytest.mark.proof
@pytest.mark.shows("a line killed at every commit of a card: goes on from where it was, no place made twice (proof)")
@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_at_every_commit_of_a_card(shard: int, worlds: Iterator[World]) -> None:
    whole = next(worlds).run()
    points: list[str] = whole["points"]
    assert (whole["how"], whole["left"]) == ("made", 0)
    commits = {name.partition(":")[2] for name in points if name.startswith("before:")}
    assert {"commit:line begun", "commit:box", "commit:claim", "commit:done", "commit:line ended"} <= commits
    for number in stands(points)[shard::SHARDS]:
        where, world = f"point {number} of {len(points)}: {points[number - 1]}", next(worlds)
        assert world.run(kill_at=number) == {"killed": signal.SIGKILL}, where
        books(world, where)
        again = world.run()
        state, done = books(world, where)
        assert state in (JobState.DONE, JobState.SPOILED), where
        assert again["left"] == 1 - done, where
        if state is JobState.SPOILED:
            here = world.look()
            with here.desk.database.reading() as tx:
                [spoiled] = tx.jobs.all(JobState.SPOILED)
            remake(here.desk, spoiled, "supervisor")
            here.desk.database.close()
            assert world.run()["how"] == "made", where
            state, done = books(world, where)
        assert (state, done) == (JobState.DONE, 1), where
        assert 1 <= world.out("made") <= 2, where
        here = world.look()
        with here.desk.database.reading() as tx:
            assert tx.batches.get(1).state is BatchState.MADE, where
            assert all(one.ended_at is not None for one in tx.boxes.runs(1)), where
        account = here.account()
        assert account.in_doubt == 0, where
        assert account.remaining == BLANKS - account.issued - account.spoiled, where
        here.desk.database.close()
