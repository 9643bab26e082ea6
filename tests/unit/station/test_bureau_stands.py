"""A line that is paused or held is shown as such, without an end; an order that nobody hears is said to be one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from cardfab.cli.bureaushow import plain_line
from cardfab.production import Person, Role
from cardfab.station.bureauview import BatchView, view, works
from cardfab.store import Database
from cardfab.store.bureautables import bureau_batch, bureau_run, bureau_slot
from tests.bureau_seen import fill

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NO_BLANKS = '{"code": "CF-7100", "en": "No blanks are left.", "zh": "没有空白卡。"}'


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(tmp_path / "station.db")
    made.upgrade()
    with made.transaction("people") as tx:
        for login in ("operator", "supervisor"):
            tx.people.add(Person(login, login, frozenset({Role.OPERATOR})))
    fill(made, NOW)
    return made


def seen(database: Database, *, ordered: str = "", held: str | None = None, slots: str | None = None) -> BatchView:
    """The batch when its line stands so; every slot that is not taken out, with ``slots``."""
    with database.transaction("a moment") as tx:
        to: Connection = tx.bureau_figures._connection
        to.execute(update(bureau_batch).values(ordered=ordered))
        to.execute(update(bureau_run).values(held=held))
        if slots:
            to.execute(update(bureau_slot).where(bureau_slot.c.taken_out.is_(None)).values(state=slots))
    return view(database, "1", NOW)


def states(one: BatchView) -> list[str]:
    return [slot.state for slot in one.slots]


def test_a_paused_line_is_shown_as_paused_when_its_cards_in_work_are_finished(database: Database) -> None:
    working = seen(database, ordered="pause")
    assert states(working) == ["works", "works", "works", "out"]
    assert (working.stands, working.making.end) == ("", None)
    paused = seen(database, ordered="pause", slots="waiting")
    assert states(paused) == ["paused", "paused", "paused", "out"]
    assert (paused.stands, paused.making.end, paused.value()["stands"]) == ("paused", None, "paused")
    assert plain_line(paused, "en").endswith("; paused")
    assert plain_line(paused, "zh").endswith("；已暂停")


def test_a_held_line_is_shown_as_held(database: Database) -> None:
    held = seen(database, held=NO_BLANKS, slots="waiting")
    assert states(held) == ["held", "held", "held", "out"]
    assert (held.stands, held.making.end) == ("held", None)
    free = seen(database, slots="waiting")
    assert states(free) == ["free", "free", "free", "out"]
    assert free.stands == ""
    assert free.making.end is not None


def test_a_line_works_on_a_batch_while_it_is_heard_of(database: Database) -> None:
    with database.reading() as tx:
        assert works(tx, 1, NOW)
        assert not works(tx, 1, NOW + timedelta(minutes=2))
