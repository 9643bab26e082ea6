"""Tables of the command line: nothing is cut off, however narrow the terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cardfab.cli.output import Talk
from cardfab.errors import Text

COLUMNS = (Text("login", "登录名"), Text("name", "姓名"), Text("roles", "角色"), Text("state", "状态"))
ROWS = (
    ("administrator", "Administrator 管理员", "administrator", "no password"),
    ("trainee", "Trainee 学员", "administrator, auditor, key-custodian, operator, supervisor", "no password"),
)


def shown(width: int, *, terminal: bool) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None, soft_wrap=True)
    Talk(out=console).table(COLUMNS, ROWS, empty=Text("", ""), wide=2)
    return out.getvalue().splitlines()


def test_into_a_pipe_a_row_is_a_line() -> None:
    lines = shown(80, terminal=False)
    assert len(lines) == 3
    for row, line in zip(ROWS, lines[1:], strict=True):
        assert all(cell in line for cell in row)


@pytest.mark.parametrize("width", [80, 60, 40])
def test_on_a_terminal_what_does_not_fit_wraps_and_nothing_is_lost(width: int) -> None:
    letters = "".join("".join(line.split()) for line in shown(width, terminal=True))
    kept = sorted("".join("".join(cell.split()) for row in (tuple(c.en for c in COLUMNS), *ROWS) for cell in row))
    assert sorted(letters) == kept


def test_where_there_is_room_only_the_wide_column_wraps() -> None:
    lines = shown(80, terminal=True)
    assert all(any(row[0] in line and row[1] in line and row[3] in line for line in lines) for row in ROWS)
