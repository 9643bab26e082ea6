"""The commands that end a batch, from its books to its erasure, as people and programs meet them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from cardfab.cli import wiring
from cardfab.cli.main import run
from cardfab.cli.output import Talk
from cardfab.crypto import password
from cardfab.face.fonts import FontBook
from tests.bureau_books import Bureau, bureau, empty


class Program:
    """The program at the desk of one person after another."""

    def __init__(self, place: Bureau, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.place, self._patch, self._capsys = place, patch, capsys
        patch.setattr(Talk, "located", lambda talk: None)
        patch.setattr(wiring, "sole_worker", lambda located: nullcontext())

    def __call__(self, login: str, *words: str | Path, exit: int = 0) -> Any:
        """What the command answers as JSON; its exit status is as told."""
        desk = self.place.desks[login]
        self._patch.setattr(Talk, "desk", lambda talk: nullcontext(desk))
        status = run(["--json", "bureau", *map(str, words)])
        said = self._capsys.readouterr()
        assert status == exit, said
        return json.loads(said.out)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bureau]:
    monkeypatch.setattr(password, "_KIB", 64)
    monkeypatch.setenv("LANG", "C.UTF-8")
    with bureau(tmp_path, empty(tmp_path), FontBook([Path("/usr/share/fonts")])) as one:
        one.take_in(4, box=2)
        one.bring()
        for at in (1, 2):
            one.make(at)
        for at in (3, 4):
            one.claim(at)
            one.write(at)
            one.spoil(at)
        yield one


@pytest.mark.proof
def test_from_the_books_to_the_erasure(
    place: Bureau, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say, name, here = Program(place, monkeypatch, capsys), place.name, place.folder
    said = say("li", "reconcile", name, "--csv", here / "books.csv")
    assert (said["balanced"], said["equation"]["spoiled"], said["places"]["spoiled"]) == (True, 2, 2)
    assert [one["place"] for one in said["named"]] == [3, 4]
    assert (here / "books.csv").read_text("utf-8-sig").count("named,") == 2
    assert say("li", "close", name, exit=7)["error"] == "CF-7400"
    assert say("zhao", "close", name, exit=7)["error"] == "CF-7375"
    assert [one["place"] for one in say("li", "remake", "list", name)["waiting"]] == [3, 4]
    assert say("li", "remake", "ask", name, "3")["places"] == [3]
    assert say("zhao", "remake", "approve", name, exit=7)["error"] == "CF-7374"
    [new] = say("zhao", "remake", "approve", name, "--second", "wang")["jobs"]
    assert new["remake_of"] == 3
    given = say("zhao", "remake", "give-up", name, "4", "--why", "withdrawn", "--second", "wang")
    assert given == {"place": 4, "reason": "withdrawn"}
    assert say("zhao", "return", name, "--out", here / "back.csv", exit=7)["error"] == "CF-7376"
    place.make(3)
    place.end_run()
    assert say("zhao", "ship", name, "--csv", here / "ship.csv")["cards"] == 3
    said = say("li", "reconcile", name, "--second", "zhao", "--pdf", here / "books.pdf")
    assert (said["signed"], said["open"]) == (True, [])
    assert (here / "books.pdf").read_bytes().startswith(b"%PDF-")
    assert say("zhao", "close", name)["state"] == "CLOSED"
    said = say("zhao", "return", name, "--out", here / "back.csv", "--layout", "henan")
    assert (said["cards"], said["failed"]) == (3, 1)
    counted = ("--counted", "2", "--second-count", "2")
    assert say("zhao", "destroyed", name, "--second", "wang", *counted)["count"] == 2
    erased = say("zhao", "erase", name, "--second", "wang", "--out", here / "erased.txt")["erased"]
    assert erased == {"request": 4, "prepared card": 5, "card": 3}
    assert (here / "erased.txt").read_text("utf-8").count("\n— ") == 1
    assert say("li", "reconcile", name)["balanced"]


def test_books_that_disagree_are_status_7(
    place: Bureau, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say = Program(place, monkeypatch, capsys)
    with place.database.transaction("by hand") as tx:
        tx.bureau_finish._connection.exec_driver_sql(
            "DELETE FROM stock_movement WHERE job_id = 1 AND target = 'issued'"
        )
    said = say("li", "reconcile", place.name, exit=7)
    assert (said["error"], said["balanced"]) == ("CF-7381", False)
    assert said["differences"][0] == {
        "where": "box 1", "what": "good cards: jobs against the stock", "expected": 2, "found": 1, "blocks": True,
    }  # fmt: skip
