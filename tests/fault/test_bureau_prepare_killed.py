"""``bureau prepare`` whose parent is killed, and PostgreSQL restarting under a preparation and under a take-in."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from cardfab.production.batches import BatchState
from tests.bureau_place import holders, station
from tests.fault.bureau_programs import Programs, approved, on_postgres, programs, verified, whole
from tests.service.postgres import PostgresService, postgres

__all__ = ["postgres"]
pytestmark = pytest.mark.proof
CARDS, SHARD = 240, 30
SHARDS = CARDS // SHARD
AWAY = ("CF-5701", "CF-5743")
"""Not reached; broken off while something was being kept."""


def parent_killed(place: Programs) -> None:
    """The parent alone: its children end by themselves, and the next start goes on with what is left."""
    first = place.prepare()
    place.until(lambda: place.shards_done() > 0, first)
    children = first.children()
    assert len(children) == 2
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait(20)
    before = place.shards_done()
    place.until(lambda: not any(lives(one) for one in children))
    after = place.shards_done()
    assert before <= after <= before + len(children)  # the shard in hand of each
    assert after < SHARDS
    drawn = place.draws()
    said = place.prepare().wait()
    assert (said.exit, said.value["prepared"], said.value["lost"]) == (0, SHARDS - after, 0)
    assert drawn.items() <= place.draws().items()
    whole(place, said.value["digest"], CARDS)


def lives(process: int) -> bool:
    """Whether it is there, and no corpse that nobody has buried."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


LINE = "the parent of the processes that prepare is killed: none stays, and the next start ends the batch (proof)"


@pytest.mark.shows(LINE)
def test_the_parent_of_a_preparation_is_killed(tmp_path: Path) -> None:
    with programs(approved(station(tmp_path / "st"), CARDS, SHARD), tmp_path / "log") as place:
        parent_killed(place)


@pytest.mark.service
@pytest.mark.shows(LINE)
def test_the_same_on_postgresql(tmp_path: Path, postgres: PostgresService) -> None:
    with programs(on_postgres(tmp_path / "st", postgres.create()), tmp_path / "log") as place:
        approved(place.located, CARDS, SHARD)
        parent_killed(place)


@pytest.mark.service
@pytest.mark.shows(
    "PostgreSQL restarts while a batch is prepared: said in words, what is done stays, the digest is that of an "
    "undisturbed one (proof)"
)
def test_postgresql_restarts_while_a_batch_is_prepared(tmp_path: Path, postgres: PostgresService) -> None:
    with programs(on_postgres(tmp_path / "st", postgres.create()), tmp_path / "log") as place:
        approved(place.located, CARDS, SHARD)
        first = place.prepare()
        place.until(lambda: place.shards_done() > 0, first)
        postgres.stop()
        try:
            first.wait().refused(*AWAY)
            place.prepare().wait().refused(*AWAY)  # it does not come back by itself
        finally:
            postgres.start()
        done, drawn = place.shards_done(), place.draws()
        assert 0 < done < SHARDS
        second = place.prepare()
        place.until(lambda: place.shards_done() > done, second)
        postgres.stop()
        postgres.start()
        said = second.wait()
        if said.exit:  # it met the server while that was away; a short absence may be met by nobody
            said.refused(*AWAY)
            said = place.prepare().wait()
        assert said.exit == 0, said
        assert drawn.items() <= place.draws().items()
        whole(place, said.value["digest"], CARDS)


ROWS = 4500
KEPT = "SELECT place, request_id, product, category, left_out FROM bureau_row ORDER BY 1"


@pytest.mark.service
@pytest.mark.shows(
    "PostgreSQL restarts while a file is taken in: nothing half kept, and the next import takes it in (proof)"
)
def test_postgresql_restarts_while_a_file_is_taken_in(tmp_path: Path, postgres: PostgresService) -> None:
    file = tmp_path / "holders.csv"
    holders.make(file, ROWS)
    words = ("bureau", "import", str(file), "--cover", f"{file}.cover.toml")
    given = [row for row, _ in holders.holders(ROWS)]
    expected = [(n, row["request_id"], row["bank_product"], row["category"], None) for n, row in enumerate(given, 1)]
    with programs(on_postgres(tmp_path / "st", postgres.create()), tmp_path / "log") as place:
        first = place.begin(*words)
        place.until(lambda: bool(place.asked("SELECT place FROM bureau_row LIMIT 1")), first)
        postgres.stop()
        try:
            first.wait().refused("CF-5701")
        finally:
            postgres.start()
        assert place.asked("SELECT state FROM bureau_batch") == [(BatchState.RECEIVING,)]
        assert len(place.asked("SELECT place FROM bureau_row")) < ROWS
        said = place.run(*words)
        assert (said.exit, said.value["rows"], said.value["wrong"]) == (0, ROWS, 0), said
        assert place.asked("SELECT state FROM bureau_batch") == [(BatchState.WAITING,)]
        assert place.asked(KEPT) == expected
        verified(place)
