"""Killed before and after every commit and every device write of an issue, none sampled; settled at the next start.

The first run counts the points; then each is a world of its own: a station and a printer with three blanks, an issue
that is killed there (SIGKILL), recovery, and the books beside what physically lies in hopper, tray and reject box.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from cardfab.production import JobState
from cardfab.simulator.printer.card import Card
from cardfab.station.record import check_record
from cardfab.store import Database
from tests.fault.conftest import BLANKS, World

SHARDS = 4
WHOLE = list("ymcko")


def printed_whole(card: Card) -> bool:
    """Whether a person would call the print good."""
    return card.front.printed == WHOLE and card.back.printed == WHOLE and not card.ruined


def look(world: World) -> str:
    """What a person sees on the last card in the tray."""
    tray = world.rig.output
    return "good" if tray and printed_whole(tray[-1]) else "bad"


def check_books(world: World, where: str) -> None:
    """The equation holds at any moment, and no blank is uncounted."""
    account, _ = world.books()
    assert account.opening == BLANKS, where
    assert account.issued + account.spoiled + account.in_doubt + account.remaining == account.opening, where
    assert account.balanced, where


def check_record_whole(world: World, where: str) -> None:
    """No leaf was lost or put out of its place by whoever died, and what waits is given its place by the next."""
    database = Database(world.station / "station.db")
    try:
        database.flush()
        database.sequence()
        with database.reading() as tx:
            checked = check_record(tx, None)
            assert (checked.alerts, tx.audit.waiting()) == ((), 0), where
    finally:
        database.close()


def check_settled(world: World, where: str) -> None:
    """Nothing in doubt any more, and the books say what lies where."""
    account, jobs = world.books()
    assert account.in_doubt == 0, where
    check_record_whole(world, where)
    assert account.remaining == len(world.rig.hopper), where
    assert account.issued + account.spoiled == len(world.rig.output) + len(world.rig.rejected), where
    assert world.rig.inside is None, where
    done = [job for job in jobs if job.state is JobState.DONE]
    assert account.issued == len(done) <= 1, where


def recover(world: World, where: str) -> None:
    """The next start; where only an eye can tell, the person looks."""
    said = world.order("resolve")
    check_books(world, where)
    if world.state() is JobState.IN_DOUBT:
        said = world.order("resolve", eye=look(world))
    assert "error" not in said, f"{where}: {world.log}"
    check_settled(world, where)


FINISHED: set[tuple[object, ...]] = set()


def kind_of(world: World) -> tuple[object, ...]:
    """What the next issue finds: jobs and stock in the books, blanks and cards in the machine."""
    account, jobs = world.books()
    counted = tuple(sorted(world.rig.count().items()))
    return tuple((job.state, job.doubt_from, job.printed) for job in jobs), account, counted


def finish(world: World, where: str) -> None:
    """The request still gets its card, one and no more: made once from every kind of world that recovery leaves."""
    if world.state() is not JobState.DONE:
        if (kind := kind_of(world)) in FINISHED:
            return
        FINISHED.add(kind)
        assert world.state() in (JobState.QUEUED, JobState.SPOILED), f"{where}: {world.log}"
        said = world.order("issue")
        assert said.get("ended") == "DONE", f"{where}: {said} {world.log}"
    check_settled(world, where)
    whole = [card for card in world.rig.output if printed_whole(card)]
    assert len(whole) == 1, where
    assert whole[0].ink_on_contacts == 0, where


_ALIKE = ("commit:key.use ", "commit:sequence")
_WRITTEN, _TO_WRITE = ("after:chip:", "after:printer:"), ("before:chip:", "before:printer:")


def stands(points: list[str]) -> list[int]:
    """The points that are stood at, from 1: all, but of the commits that only write the record one of a kind a state.

    The intent of a key use touches neither job nor stock nor card, and placing leaves moves them from one table to
    another; between two commits of the job they are all alike. The first of each kind in each state is stood at, before
    and after it; for the rest the same code would be killed in the same state of the world again. So it would before a
    device write that directly follows another one: whoever dies there leaves what is left after that one.
    """
    stood: list[int] = []
    seen: set[str] = set()
    for number, (last, name) in enumerate(pairwise(["", *points]), start=1):
        if last.startswith(_WRITTEN) and name.startswith(_TO_WRITE):
            continue
        rest = name.partition(":")[2]
        if not rest.startswith(_ALIKE):
            if rest.startswith("commit:"):
                seen.clear()  # the job has moved on: another state
            stood.append(number)
        elif name not in seen:
            seen.add(name)
            stood.append(number)
    return stood


def points_of(new_world: Callable[..., World]) -> list[str]:
    """The first run, uncut: its points by name."""
    said = new_world().order("issue")
    assert said["ended"] == "DONE"
    names: list[str] = said["points"]
    return names


@pytest.mark.proof
@pytest.mark.shows(
    "killed before and after every commit and device write: opening = issued + spoiled + in doubt + remaining (proof)"
)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_killed_at_every_point_of_an_issue(shard: int, new_world: Callable[..., World]) -> None:
    points = points_of(new_world)
    for kind in ("commit", "printer", "chip"):
        before = [name for name in points if name.startswith(f"before:{kind}:")]
        assert len(before) == len([name for name in points if name.startswith(f"after:{kind}:")]) > 0
    for number in stands(points)[shard::SHARDS]:
        where = f"point {number} of {len(points)}: {points[number - 1]}"
        world = new_world()
        said = world.order("issue", kill_at=number)
        assert said == {"killed": 9}, f"{where}: {said}"
        check_books(world, where)
        recover(world, where)
        finish(world, where)


RECOVERY_CASES = {
    "CLAIMED": "after:printer:Sis",
    "ENCODING": "before:chip:STORE DATA",
    "VERIFYING": "after:commit:encoded",
    "PRINTING": "before:printer:Dbc;m",
}


@pytest.mark.proof
@pytest.mark.shows("killed at any moment, also while settling (proof)")
@pytest.mark.parametrize("interrupted", RECOVERY_CASES)
def test_killed_at_every_point_of_the_recovery_too(interrupted: str, new_world: Callable[..., World]) -> None:
    point = RECOVERY_CASES[interrupted]
    points = points_of(new_world)
    first = points.index(point) + 1

    def cut_world() -> World:
        world = new_world()
        assert world.order("issue", kill_at=first) == {"killed": 9}
        assert world.state() == interrupted
        return world

    settling: list[str] = cut_world().order("resolve")["points"]
    for number in stands(settling):
        where = f"{interrupted}, then recovery point {number} of {len(settling)}: {settling[number - 1]}"
        world = cut_world()
        assert world.order("resolve", kill_at=number) == {"killed": 9}, where
        check_books(world, where)
        recover(world, where)
        finish(world, where)


@pytest.mark.proof
def test_one_kill_in_every_state(new_world: Callable[..., World]) -> None:
    """The short form for every change: one kill in each state that only a living process may hold."""
    points = points_of(new_world)
    for interrupted, point in RECOVERY_CASES.items():
        world = new_world()
        said: dict[str, Any] = world.order("issue", kill_at=points.index(point) + 1)
        assert said == {"killed": 9}
        assert world.state() == interrupted
        check_books(world, interrupted)
        recover(world, interrupted)
        finish(world, interrupted)


def test_every_kind_of_record_commit_is_stood_at_in_every_state() -> None:
    key, other, job = "commit:key.use card_key", "commit:key.use channel", "commit:encode"
    run = [key, key, other, job, key, "commit:sequence", "commit:sequence", "chip:SELECT", key, job]
    points = [f"{side}:{name}" for name in run for side in ("before", "after")]
    stood = [points[number - 1] for number in stands(points)]
    assert [name for name in stood if name.startswith("before:")] == [
        f"before:{name}" for name in (key, other, job, key, "commit:sequence", "chip:SELECT", job)
    ]
    assert len(stood) % 2 == 0
    writes = ["before:chip:A", "after:chip:A", "before:chip:B", "after:chip:B", "before:commit:encode"]
    assert stands(writes) == [1, 2, 4, 5]
