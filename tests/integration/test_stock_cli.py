"""The stock book from the command line: a day from the delivery to the close."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import BLANKS, STOCK, World

TWO = ("--second", "operator", "--second-count")


@pytest.mark.proof
def test_a_day_of_the_book_from_the_command_line(station: World, tmp_path: Path) -> None:
    """The three blanks of the template lie at the machine without numbers; a carton with numbers comes."""
    cli = station.cli
    ranges = ("--range", "A001..A050")
    assert cli("stock", "receive", STOCK, *ranges, "--note", "SH-1").exit == 7
    said = cli("stock", "receive", STOCK, *ranges, "--note", "SH-1", *TWO, "50", "--json").json()
    assert (said["to"], said["count"], said["serials"]) == ("vault", "50", "A001..A050")
    assert "[CF-7110]" in cli("stock", "draw", STOCK, "10", *TWO, "9").err
    assert "A001..A010" in cli("stock", "draw", STOCK, "10", *TWO, "10").out
    assert cli("stock", "spoil", STOCK, "--range", "A002", "--reason", "bent").exit == 0
    assert cli("stock", "test", STOCK, "1", "--reason", "ribbon").exit == 0
    assert cli("stock", "return", STOCK, "--range", "A009..A010", *TWO, "2").exit == 0
    assert cli("stock", "correct", STOCK, "A001", "A003", "--second", "operator", "--reason", "seen").exit == 0
    paper = tmp_path / "destroyed.pdf"
    assert cli("stock", "destroy", STOCK, "1", "--how", "shredded", *TWO, "1", "--pdf", paper).exit == 0
    assert paper.read_bytes().startswith(b"%PDF")
    machine = str(BLANKS + 10 - 1 - 1 - 2 - 1)  # one is missing
    counted = cli("stock", "count", STOCK, "--machine", machine, "--vault", "42", "--tests", "1", "--json").json()
    assert [(one["place"], one["by"]) for one in counted["differences"]] == [("stock", -1)]
    assert cli("stock", "close").exit == 7
    why = ("--why", f"{STOCK}:machine=fell behind", "--second", "operator")
    closed = cli("stock", "close", *why, "--pdf", tmp_path / "day.pdf", "--json").json()
    assert (
        closed["stock"][0] | {"received": BLANKS + 50, "missing": 1, "closing": int(machine) + 42} == closed["stock"][0]
    )
    assert cli("stock", "spoil", STOCK, "1", "--reason", "bent").err.count("[CF-7130]") == 1
    assert cli("stock", "days", closed["day"], "--csv", tmp_path / "day.csv").exit == 0
    assert STOCK in (tmp_path / "day.csv").read_text(encoding="utf-8")
    book = cli("stock", "book", STOCK, "--json").json()["items"]
    assert [one["to"] for one in book][-1] == "missing"
    assert cli("stock", "report").exit == 0, "books and record agree"
    assert cli("stock", "open", "--reason", "a late customer").exit == 0
