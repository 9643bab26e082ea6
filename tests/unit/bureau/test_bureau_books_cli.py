"""The commands that end a batch, from its books to its erasure, as people and programs meet them."""

from __future__ import annotations

import errno
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
from cardfab.keys import KeyUnknown, SoftKeyStore
from tests.bureau_books import Bureau, bureau, empty
from tests.issuer_files import party


class Program:
    """The program at the desk of one person after another."""

    def __init__(self, place: Bureau, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.place, self._patch, self._capsys = place, patch, capsys
        patch.setattr(Talk, "located", lambda talk: None)
        patch.setattr(wiring, "sole_worker", lambda located: nullcontext())

    def __call__(self, login: str, *words: str | int | Path, exit: int = 0) -> Any:
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
    assert say("li", "reconcile", name)["signatures"] == [{**said["signatures"][0], "by": "li", "second": "zhao"}]
    assert say("li", "reconcile", name)["signed"]
    left = say("zhao", "close", name, exit=7)
    assert (left["error"], left["what"]["en"].split(" of ")[0]) == ("CF-7383", "3 finished cards")
    assert say("zhao", "close", name, "--without-mailers")["state"] == "CLOSED"
    assert say("zhao", "close", name, exit=7)["error"] == "CF-7357"
    said = say("zhao", "return", name, "--out", here / "back.csv", "--layout", "henan")
    assert (said["cards"], said["failed"]) == (3, 1)
    counted = ("--counted", "2", "--second-count", "2")
    assert say("zhao", "destroyed", name, "--second", "wang", *counted)["count"] == 2
    erased = say("zhao", "erase", name, "--second", "wang", "--out", here / "erased.txt")["erased"]
    assert erased == {"request": 4, "prepared card": 5, "card": 3}
    assert (here / "erased.txt").read_text("utf-8").count("\n— ") == 1
    assert say("li", "reconcile", name)["balanced"]


def test_a_return_file_for_a_certificate(
    place: Bureau, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whom it cannot be encrypted for is refused before anything is written, in both languages."""
    say, name, here = Program(place, monkeypatch, capsys), place.name, place.folder
    for at in (3, 4):
        say("zhao", "remake", "give-up", name, at, "--why", "withdrawn", "--second", "wang")
    place.end_run()
    good = party("issuer", "rsa", since=-900)
    for certificate, code in (
        (b"nothing", "CF-3653"),
        (party("issuer", "rsa1024").certificate, "CF-3653"),
        (party("issuer", "P-384", since=-900, days=-600).certificate, "CF-3654"),
        (party("issuer", "P-384", since=600, days=900).certificate, "CF-3654"),
        (party("issuer", "P-384", since=-900, usage="signs").certificate, "CF-3655"),
    ):
        (here / "issuer.crt").write_bytes(certificate)
        said = say("zhao", "return", name, "--out", here / "back.p7m", "--for", here / "issuer.crt", exit=3)
        assert said["error"] == code
        assert said["do"]
    assert say("zhao", "return", name, "--out", here / "back.p7m", "--for", here / "none", exit=3)["error"] == "CF-3300"
    assert list(here.glob("back*")) == []
    assert place.events("bureau.return") == []
    (here / "issuer.crt").write_bytes(good.certificate)
    said = say("zhao", "return", name, "--out", here / "back.p7m", "--for", here / "issuer.crt")
    assert (said["cards"], said["failed"]) == (2, 2)
    [event] = place.events("bureau.return")
    assert event.details["recipient"] == said["recipient"]
    assert [one.name for one in here.glob("back*")] == ["back.p7m"]


def test_a_signature_is_said_as_long_as_it_is_of_these_figures(
    place: Bureau, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say, name = Program(place, monkeypatch, capsys), place.name
    before = say("li", "reconcile", name)
    assert (before["signed"], before["signatures"]) == (False, [])
    assert say("li", "reconcile", name, "--second", "zhao")["signed"]
    again = say("li", "reconcile", name)
    assert (again["signed"], again["signatures"][0]["second"]) == (True, "zhao")
    assert run(["bureau", "reconcile", name]) == 0
    said = capsys.readouterr().out
    assert f"Signed by li and zhao, 2026-11-21 08:00 UTC, digest {again['digest']}." in said
    assert say("zhao", "remake", "give-up", name, "4", "--why", "withdrawn", "--second", "wang")["place"] == 4
    after = say("li", "reconcile", name)
    assert (after["signed"], after["signatures"]) == (False, [])
    assert run(["--lang", "zh", "bureau", "reconcile", name]) == 0
    assert "当前结果尚未签署。" in capsys.readouterr().out


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


def test_nothing_is_booked_whose_paper_could_not_be_made(
    place: Bureau, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say, name, here = Program(place, monkeypatch, capsys), place.name, place.folder
    counted = ("--second", "wang", "--counted", "2", "--second-count", "2")
    assert say("zhao", "ship", name, "--pdf", here / "none" / "x.pdf", exit=2)["error"] == "CF-2237"
    with monkeypatch.context() as patch:
        patch.setattr(SoftKeyStore, "public", missing)
        assert say("zhao", "ship", name, "--pdf", here / "x.pdf", exit=6)["error"] == "CF-6501"
        assert say("zhao", "destroyed", name, *counted, "--pdf", here / "x.pdf", exit=6)["error"] == "CF-6501"
    assert place.events("bureau.shipping") == place.events("bureau.destruction") == []


def missing(keys: SoftKeyStore, label: str) -> bytes:
    raise KeyUnknown(label)


def test_a_paper_that_was_not_written_is_had_again(
    place: Bureau, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    say, name, here = Program(place, monkeypatch, capsys), place.name, place.folder
    counted = ("--second", "wang", "--counted", "2", "--second-count", "2")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        said = say("zhao", "ship", name, "--pdf", here / "x.pdf", exit=8)
        assert (said["error"], [one["box"] for one in said["boxes"]]) == ("CF-8382", [1])
        assert say("zhao", "destroyed", name, *counted, "--pdf", here / "x.pdf", exit=8)["error"] == "CF-8382"
    first, second = say("zhao", "copy", name)["papers"]
    assert [(one["kind"], one["count"], one["file"]) for one in (first, second)] == [
        ("shipping", 2, "1"),
        ("destruction", 2, "XH2026000001"),
    ]
    said = say("zhao", "copy", name, first["id"], "--pdf", here / "a.pdf", "--csv", here / "a.csv")
    assert [(one["box"], one["cards"]) for one in said["items"]] == [(1, 2)]
    assert (here / "a.csv").read_text("utf-8-sig").count(",1,1,2,2,0") == 1
    assert [one["job"] for one in say("zhao", "copy", name, second["id"], "--pdf", here / "b.pdf")["items"]] == [3, 4]
    assert all((here / file).read_bytes().startswith(b"%PDF-") for file in ("a.pdf", "b.pdf"))
    assert say("zhao", "copy", name, second["id"], "--csv", here / "b.csv", exit=2)["error"] == "CF-2483"
    assert say("zhao", "copy", name, "99", exit=7)["error"] == "CF-7392"


def full(path: Path, data: bytes) -> int:
    raise OSError(errno.ENOSPC, "No space left on device", str(path))
