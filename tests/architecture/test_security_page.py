"""docs/security.md beside the test tree: a requirement has a test named after it, or a line "the operator must"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "security.md"
IDS = (
    *(f"K{number}" for number in range(1, 19)),
    *(f"D{number}" for number in range(1, 6)),
    "L1", "L2", "A1", "A2", "A3", "R1", "R2", "R3",
)  # fmt: skip
_NAMED = re.compile(r"test((?:_[KDLAR]\d{1,2})+)_\w+")
_CITED = re.compile(r"`([\w/]+\.py)`: ((?:`\w+`(?:, )?)+)")


def _functions() -> Iterator[tuple[str, str]]:
    """(file below ``tests``, name) of every test function that pytest collects here; classes hold none."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield path.relative_to(ROOT / "tests").as_posix(), node.name


def _ids_of(name: str) -> list[str]:
    found = _NAMED.fullmatch(name)
    return found[1].split("_")[1:] if found else []


@pytest.fixture(scope="module")
def tests() -> set[tuple[str, str]]:
    return set(_functions())


@pytest.fixture(scope="module")
def rows() -> dict[str, list[str]]:
    """The cells of the table by requirement."""
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if re.match(r"\| [A-Z]\d+ \|", line)]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert all(len(one) == 5 for one in cells)
    assert len({one[0] for one in cells}) == len(cells), "one row each"
    return {one[0]: one[1:] for one in cells}


@pytest.mark.shows("Every requirement of the list as a test named after it, or a line in docs/security.md (test)")
def test_every_requirement_has_a_test_or_says_what_the_operator_must_do(
    rows: dict[str, list[str]], tests: set[tuple[str, str]]
) -> None:
    assert tuple(rows) == IDS
    tested = {one for _, name in tests for one in _ids_of(name)}
    for one in IDS:
        requirement, how, named, operator = rows[one]
        assert requirement, one
        assert how, one
        must = re.match(r"the operator must \w+", operator)
        assert must or not operator, f"{one}: neither empty nor what the operator must do"
        assert one in tested or must, f"{one}: no test is named after it, and nobody must do it"
        assert bool(named) == (one in tested), f"{one}: the page and the tests disagree whether there is a test"


def test_no_test_on_the_page_is_invented(rows: dict[str, list[str]], tests: set[tuple[str, str]]) -> None:
    for one, (_, _, named, _) in rows.items():
        cited = [(file, name) for file, names in _CITED.findall(named) for name in re.findall(r"`(\w+)`", names)]
        assert named.count("`test_") == len(cited), f"{one}: a name without its file"
        for each in cited:
            assert each in tests, each
            assert one in _ids_of(each[1]), f"{each[1]} is not named after {one}"


def test_no_test_is_named_after_a_requirement_that_is_none(tests: set[tuple[str, str]]) -> None:
    named = {one for _, name in tests for one in _ids_of(name)}
    assert len(named) > 20
    assert named <= set(IDS)


def test_a_test_of_a_requirement_is_never_left_out() -> None:
    """No skip, no expected failure, no condition beside a test that the page counts on."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and _ids_of(node.name):
                marks = " ".join(ast.unparse(one) for one in node.decorator_list)
                assert "skip" not in marks, node.name
                assert "xfail" not in marks, node.name
