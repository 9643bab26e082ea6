"""The bureau's commands in processes of their own, at a station in a folder; what they said, and what became of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cardfab.bureau.books.reconcile import reconcile
from cardfab.bureau.preparing import do_shard, finish_prepare
from cardfab.cli.databases import database_at
from cardfab.cli.founding import PEOPLE
from cardfab.cli.wiring import open_desk, sign_in
from cardfab.production import JobState
from cardfab.production.batches import ShardState
from cardfab.settings import Located, read_settings
from cardfab.station.desk import Desk
from cardfab.station.record import check_record
from tests.bureau_place import batch_of, station
from tests.fault.campaign_rig import Hall, Tray
from tests.fault.test_bureau_campaign import duplicates, serial_of

BATCH = 1
PATIENCE = 120.0


@dataclass(frozen=True)
class Said:
    """How a command ended. ``value`` is its one JSON object, ``told`` what it told people."""

    exit: int
    value: dict[str, Any]
    told: str

    @property
    def code(self) -> str:
        """Of the error, empty without one."""
        return str(self.value.get("error", ""))

    def refused(self, *codes: str) -> None:
        """It ended with one of these codes, in the status of its family, in a person's words in both languages."""
        assert self.code in codes, (self.exit, self.value, self.told)
        assert self.exit == int(self.code[3])
        assert set(self.value["what"]) == set(self.value["do"]) == {"en", "zh"}
        assert f"[{self.code}]" in self.told
        assert "Traceback" not in self.told
        assert "bug" not in self.told


class Running:
    """A command at work, the leader of its own group."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._out, self._err = log.with_suffix(".out"), log.with_suffix(".err")
        with self._out.open("w") as out, self._err.open("w") as err:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
            )

    @property
    def told(self) -> str:
        """What it told people so far."""
        return self._err.read_text(encoding="utf-8")

    def children(self) -> list[int]:
        """The processes that it has started."""
        pid = self.process.pid
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def wait(self, seconds: float = PATIENCE) -> Said:
        """Its end."""
        status = self.process.wait(seconds)
        out = self._out.read_text(encoding="utf-8").strip()
        return Said(status, json.loads(out) if out else {}, self.told)

    def kill(self) -> None:
        """As when the power goes: it and its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)


@dataclass
class Programs:
    """A station. What runs still when the test ends is killed."""

    located: Located
    logs: Path
    running: list[Running] = field(default_factory=list)

    def begin(self, *words: str) -> Running:
        """Start a command."""
        main = "from cardfab.cli.main import main; main()"
        options = ["--config", str(self.located.file), "--json", "--lang", "en"]
        started = Running([sys.executable, "-c", main, *options, *words], self.logs / f"log-{len(self.running)}")
        self.running.append(started)
        return started

    def run(self, *words: str) -> Said:
        """One command to its end."""
        return self.begin(*words).wait()

    def prepare(self) -> Running:
        """Prepare the batch with two processes."""
        return self.begin("bureau", "prepare", str(BATCH), "--processes", "2")

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """The station in this process, its record opened and closed."""
        with open_desk(self.located, person=PEOPLE[0]) as desk:
            yield desk

    @contextmanager
    def looking(self) -> Iterator[Any]:
        """A look at its tables, while others work: a transaction that writes nothing."""
        database = database_at(self.located)
        try:
            with database.reading() as tx:
                yield tx
        finally:
            database.close()

    def asked(self, question: str) -> list[tuple[Any, ...]]:
        """The rows of a question to its tables."""
        database = database_at(self.located)
        try:
            with database.looking() as connection:
                return [tuple(row) for row in connection.exec_driver_sql(question)]
        finally:
            database.close()

    def shards_done(self) -> int:
        """How many shards are prepared."""
        with self.looking() as tx:
            return len(tx.shards.of(BATCH, ShardState.DONE))

    def draws(self) -> dict[int, bytes]:
        """What was drawn so far, by shard."""
        return {shard: bytes(kept) for shard, kept in self.asked(_DRAWS)}

    def made(self) -> int:
        """How many cards are done."""
        with self.looking() as tx:
            return len(tx.jobs.all(JobState.DONE))

    def until(self, what: Callable[[], bool], beside: Running | None = None) -> None:
        """Wait for it, as long as the program beside it works."""
        end = time.monotonic() + PATIENCE
        while not what():
            assert beside is None or beside.process.poll() is None, beside.told
            assert time.monotonic() < end, "it did not come to pass"
            time.sleep(0.03)

    def end(self) -> None:
        """Kill what still runs."""
        for one in self.running:
            one.kill()


_DRAWS = "SELECT shard, sealed_draws FROM bureau_shard WHERE sealed_draws IS NOT NULL"


@contextmanager
def programs(located: Located, logs: Path) -> Iterator[Programs]:
    """The commands of a station; none of them outlives the test."""
    logs.mkdir()
    place = Programs(located, logs)
    try:
        yield place
    finally:
        place.end()


def approved(located: Located, rows: int, shard: int, **more: Any) -> Located:
    """The same station with an approved batch; ``more`` as :func:`batch_of`."""
    with open_desk(located, person=PEOPLE[0]) as desk:
        assert batch_of(desk, rows, shard_size=shard, **more).id == BATCH
    return located


def on_postgres(folder: Path, url: str) -> Located:
    """A station at a database of a server, which is empty yet."""
    located = station(folder)
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
    return located


def whole(place: Programs, digest: str, rows: int) -> None:
    """The batch has the digest that its draws give undisturbed, each card is there once, and the record verifies."""
    cards = place.asked("SELECT place, number_index FROM bureau_card")
    assert sorted(one[0] for one in cards) == list(range(1, rows + 1))
    assert len({bytes(one[1]) for one in cards}) == rows
    verified(place)
    assert digest == undisturbed(place)


def verified(place: Programs) -> None:
    """The record of the station is whole."""
    with place.desk() as desk:
        desk.database.flush()
        desk.database.sequence()
        with desk.database.reading() as tx:
            assert check_record(tx, None).alerts == ()


def undisturbed(place: Programs) -> str:
    """Forget every prepared card, but not what was drawn, and prepare all of it in one go; the digest."""
    with place.desk() as desk:
        with desk.database.filling() as connection:
            for forgotten in (
                "DELETE FROM bureau_card",
                "UPDATE bureau_shard SET state = 'DRAWN', digest = NULL",
                "UPDATE bureau_batch SET state = 'APPROVED', digest = NULL",
            ):
                connection.exec_driver_sql(forgotten)
        with desk.database.reading() as tx:
            shards = [one.shard for one in tx.shards.of(BATCH)]
        for shard in shards:
            do_shard(desk, BATCH, shard, "undisturbed")
        return finish_prepare(desk, BATCH)


def accounted(
    place: Programs, here: Hall, ended: Mapping[str, Any], *, cards: int, spoiled: int, sought: int = 0
) -> None:
    """Books, tables and the chips themselves agree on every blank; ``spoiled`` at most are, and no slot was lost.

    ``sought``: so many of those, at most, somebody finds among the good ones: given out a moment before a cut.
    """
    jobs = place.asked("SELECT state, chip FROM job")
    states = [state for state, _ in jobs]
    assert set(states) <= {"DONE", "SPOILED"}, states
    assert len(states) == cards
    assert states.count("SPOILED") == ended["left"] <= spoiled
    assert [slot["taken_out"] for slot in ended["slots"]] == [None] * len(here.slots)
    state_of = {serial_of(chip): state for state, chip in jobs if chip is not None}
    assert len(state_of) == sum(chip is not None for _, chip in jobs)
    with place.desk() as desk:
        found = reconcile(desk, str(BATCH))
        assert found.balanced, found.differences
        assert (found.line.good, found.line.spoiled) == (states.count("DONE"), states.count("SPOILED"))
    verified(place)
    assert len(here.blanks()) == cards
    assert duplicates(here.blanks(), good_only=False) == []
    assert here.take_out({serial for serial, state in state_of.items() if state == "SPOILED"}) <= sought
    for one in here.blanks():
        assert (one.tray is Tray.GOOD) == (state_of.get(one.serial) == "DONE"), (one.slot, one.serial, one.tray)


__all__ = [
    "BATCH",
    "PATIENCE",
    "Programs",
    "Running",
    "Said",
    "accounted",
    "approved",
    "on_postgres",
    "programs",
    "undisturbed",
    "verified",
    "whole",
]
