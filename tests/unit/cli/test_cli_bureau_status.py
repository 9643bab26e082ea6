"""``bureau status``: a terminal of 80 columns in both languages, a line for logs, JSON lines for programs."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from cardfab.cli.bureaushow import plain_line, shown
from cardfab.cli.bureaustatus import watch_
from cardfab.cli.output import Talk
from cardfab.production import Person, Role
from cardfab.production.batches import BatchState
from cardfab.station.bureauview import BatchView, view
from cardfab.store import Database
from tests.bureau_seen import fill

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> BatchView:
    """A batch on a line of 32 slots."""
    made = Database(Path(tmp_path_factory.mktemp("bureau")) / "station.db")
    made.upgrade()
    with made.transaction("people") as tx:
        for login in ("operator", "supervisor"):
            tx.people.add(Person(login, login, frozenset({Role.OPERATOR})))
    fill(made, NOW, slots=32)
    return view(made, "1", NOW)


def printed(one: BatchView, language: str, height: int | None) -> list[str]:
    console = Console(file=io.StringIO(), width=80, highlight=False, markup=False)
    console.print(shown(one, language, height))
    file = console.file
    assert isinstance(file, io.StringIO)
    return [line.rstrip() for line in file.getvalue().splitlines()]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_terminal_of_80_columns_and_24_lines_shows_all_that_matters(found: BatchView, language: str) -> None:
    lines = printed(found, language, 24)
    assert len(lines) <= 24
    assert max(map(cell_len, lines)) <= 80
    text = "\n".join(lines)
    assert "slot-32" in text, "who was taken out is never left away"
    assert ("连续三次故障" if language == "zh" else "Three faults one after another.") in text
    assert "24 / 39" in text
    assert ("成品率" if language == "zh" else "yield") in text
    assert "CF-5400" in text
    assert ("个工位未显示" if language == "zh" else "slots more") in text
    assert len(printed(found, language, None)) > 40


def test_a_log_gets_a_line_and_a_program_an_object_each_time(
    found: BatchView, capsys: pytest.CaptureFixture[str]
) -> None:
    watch_(Talk(json=True), iter([found, found]))
    values = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["cards"]["good"] for one in values] == [24, 24]
    assert values[0]["state"] == BatchState.RUNNING
    assert values[0]["making"]["an_hour"] == pytest.approx(300)
    assert len(values[0]["slots"]) == 32
    assert "合格 24/39" in plain_line(found, "zh")
    assert "good 24 of 39" in plain_line(found, "en")
