"""Taking a batch in, deciding on it, refusing it: killed at every commit, it is done or was never begun."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cardfab.bureau import taking
from cardfab.bureau.deciding import approve, refuse
from cardfab.bureau.removing import remove_half_taken
from cardfab.bureau.taking import BatchRefused, take_in
from cardfab.production.batches import BatchState
from cardfab.station.desk import Desk
from cardfab.store import Database
from cardfab.watch import Watch, unwatched
from tests.bureau_place import Holders, batch_of, content, people, quick_desk
from tests.service.postgres import PostgresService, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.proof
LINE = "a take-in killed at every commit: whole or nothing (proof)"
ROWS = 10
Open = Callable[[Watch], Any]
"""Opens the one station of a round as a desk."""


@pytest.fixture(autouse=True)
def _many_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_AT_ONCE", 4)


def killed(open_: Open, act: Callable[[Desk], object], at: int) -> bool:
    """Whether a process that does this died at the n-th point of its commits."""
    child = os.fork()
    if child == 0:
        points = iter(range(1, 1000))

        def watch(name: str) -> None:
            if next(points) == at:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            with open_(watch) as desk:
                act(desk)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def on_sqlite(tmp_path: Path) -> Iterator[Open]:
    """A new station for each round."""
    for number in range(1, 1000):
        yield lambda watch, folder=tmp_path / str(number): quick_desk(folder, watch=watch)


def on_postgres(tmp_path: Path, service: PostgresService) -> Iterator[Open]:
    """The same on PostgreSQL."""
    template = service.create()
    database = Database(template, beside=tmp_path / "template.db")
    database.upgrade()
    people(database)
    database.close()
    for number in range(1, 1000):
        url = service.create(template.partition("@/")[2].partition("?")[0])
        beside = tmp_path / f"{number}.db"
        yield lambda watch, url=url, beside=beside: quick_desk(tmp_path, Database(url, beside=beside, watch=watch))


def taken(desk: Desk) -> object:
    source = Holders(ROWS)
    return take_in(desk, source, source.cover())


def sweep_take_in(stations: Iterator[Open]) -> None:
    ends: list[str] = []
    for at, open_ in enumerate(stations, 1):
        with open_(unwatched) as desk:
            before = content(desk.database)
        if not killed(open_, taken, at):
            break
        with open_(unwatched) as desk:
            remove_half_taken(desk)
            after = content(desk.database)
            if after["bureau_batch"]:
                ends.append("whole")
                with pytest.raises(BatchRefused):
                    taken(desk)
            else:
                ends.append("nothing")
                assert {name for name, rows in after.items() if rows != before[name]} <= {"station_life"}
                taken(desk)
            with desk.database.reading() as tx:
                [batch] = tx.batches.all()
                assert batch.state is BatchState.WAITING
                assert [one.place for one in tx.batches.rows_of(batch.id)] == list(range(1, ROWS + 1))
    assert len(ends) > 10
    assert ends == sorted(ends)  # "nothing" up to some commit, "whole" from there on
    assert set(ends) == {"nothing", "whole"}


def sweep_decisions(stations: Iterator[Open]) -> None:
    for act, before, after in (
        (lambda desk: approve(desk, 1), BatchState.WAITING, BatchState.APPROVED),
        (lambda desk: refuse(desk, 1, why="x"), BatchState.WAITING, BatchState.REFUSED),
    ):
        ends = []
        for at, open_ in enumerate(stations, 1):
            with open_(unwatched) as desk:
                batch_of(desk, ROWS, approved=False)
            died = killed(open_, act, at)
            with open_(unwatched) as desk:
                remove_half_taken(desk)
                with desk.database.reading() as tx:
                    one = tx.batches.get(1)
                kept = content(desk.database)
            divided = bool(kept["bureau_shard"]) and bool(kept["bureau_box"]) and bool(kept["number"])
            assert divided == (one.state is BatchState.APPROVED)
            assert len(kept["bureau_row"]) == (0 if one.state is BatchState.REFUSED else ROWS)
            assert (one.salt is None) == (one.state is BatchState.REFUSED)
            ends.append(one.state)
            if not died:
                break
        assert ends[0] is before
        assert ends[-1] is after
        assert set(ends) == {before, after}


@pytest.mark.shows(LINE)
def test_a_take_in_that_is_killed_is_whole_or_nothing(tmp_path: Path) -> None:
    sweep_take_in(on_sqlite(tmp_path))


@pytest.mark.shows(LINE)
@pytest.mark.service
def test_the_same_on_postgresql(tmp_path: Path, postgres: PostgresService) -> None:
    sweep_take_in(on_postgres(tmp_path, postgres))


def test_a_decision_that_is_killed_is_made_or_not(tmp_path: Path) -> None:
    sweep_decisions(on_sqlite(tmp_path))
