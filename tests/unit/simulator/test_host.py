"""The training issuer host: what it knows, what it refuses, how it is silent; its books and its port."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from cardfab.simulator.host import Books, HostServer, Mood, TrainingHost

HOLDER = {"number": "N1", "name": "样卡", "card_number": "T00000012"}


def ask(host: TrainingHost, operation: str, request_id: str = "", **fields: Any) -> Any:
    line = {
        "request_id": request_id or f"{operation}-{len(host.heard)}", "operation": operation, "station": "s",
        "operator": "o", "at": "t", "fields": {**HOLDER, **fields},
    }  # fmt: skip
    answer = host.receive(json.dumps(line).encode() + b"\n")
    return None if answer is None else json.loads(answer)


def made(host: TrainingHost, **fields: Any) -> None:
    assert ask(host, "complete", **fields)["outcome"] == "done"


def code(host: TrainingHost, operation: str, **fields: Any) -> str:
    answer = ask(host, operation, **fields)
    return answer["code"] if answer["outcome"] == "refused" else "done"


def test_a_card_through_its_life() -> None:
    host = TrainingHost()
    assert code(host, "account") == "not_found"
    made(host)
    assert code(host, "complete") == "already"
    assert ask(host, "activate")["answer"] == {"state": "activated"}
    assert code(host, "activate") == "already"
    amount = ask(host, "move_balance")["answer"]["amount"]
    assert amount > 0
    assert code(host, "move_balance") == "already"
    paid = {"kind": "purchase", "sequence": 1, "time": "20261122093000", "account": 5, "own": 2, "pooled": 3}
    ask(host, "transaction", transaction="a", **{**paid, "kind": "load", "account": amount})
    assert ask(host, "transaction", transaction="b", **paid)["answer"] == {"balance": amount - 5}
    assert code(host, "transaction", transaction="b", **paid) == "already"
    told = ask(host, "account")["answer"]
    assert (told["balance"], told["own"], told["pooled"], told["year"]) == (amount - 5, 2, 3, 2026)
    assert ask(host, "status")["answer"]["activated"] is True
    assert ask(host, "black_list")["answer"] == {"listed": False}


def test_loss_and_replacement() -> None:
    host = TrainingHost()
    made(host)
    assert code(host, "check", kind="replace", reason="loss") == "state_conflict"
    assert code(host, "loss", level="temporary") == "done"
    assert code(host, "loss", level="formal") == "done"
    assert code(host, "loss", level="formal") == "already"
    assert code(host, "loss", level="temporary") == "state_conflict"
    assert code(host, "loss", level="odd") == "field_bad"
    assert ask(host, "black_list")["answer"] == {"listed": True}
    assert code(host, "check", kind="replace", reason="loss") == "done"
    assert code(host, "apply") == "done"
    assert code(host, "apply") == code(host, "check", kind="replace", reason="loss") == "duplicate"
    assert code(host, "reserve") == "done"
    made(host, card_number="T00000021")
    assert ask(host, "status")["answer"]["state"] == "cancelled"
    assert host.books.cards["T00000021"]["replaces"] == "T00000012"


def test_people() -> None:
    host = TrainingHost()
    assert code(host, "person") == "not_found"
    made(host)
    assert ask(host, "person")["answer"]["cards"] == [{"card_number": "T00000012", "state": "normal"}]
    assert code(host, "person", name="another") == "name_mismatch"
    host.books.people["N1"] |= {"dead": True, "offsite": False}
    assert code(host, "person") == code(host, "check") == "dead"
    assert code(host, "offsite") == "not_allowed"


def test_the_same_request_is_answered_the_same() -> None:
    host = TrainingHost()
    made(host)
    first = ask(host, "activate", "r1")
    again = ask(host, "activate", "r1")
    assert again == {**first, "again": True}


def test_what_it_plays() -> None:
    host = TrainingHost(mood=Mood.of(["loss=silent-after:1", "activate=busy", "account=silent-before"]))
    made(host)
    assert ask(host, "loss", level="formal") is None
    assert ask(host, "status")["answer"]["state"] == "formal loss"
    assert code(host, "loss", level="formal") == "already"
    assert code(host, "activate") == "busy"
    assert ask(host, "account") is None
    host.mood = Mood({"status": "garbled"})
    with pytest.raises(ValueError, match=r"codec|Expecting"):
        ask(host, "status")
    host.mood = Mood(fails_after="status")
    assert [code(host, "status"), code(host, "status")] == ["done", "busy"]
    for bad in ("loss", "=x", "loss=", "loss=busy:x"):
        with pytest.raises(ValueError, match=r"loss|=x"):
            Mood.of([bad])


@pytest.mark.parametrize("line", [b"", b"[]", b"\xff", b'{"request_id": 1}'])
def test_what_it_cannot_read_it_says(line: bytes) -> None:
    answer = TrainingHost().receive(line)
    assert answer is not None
    assert json.loads(answer)["code"] == "format"


def test_unknown_operations_and_missing_fields() -> None:
    host = TrainingHost()
    assert code(host, "fingerprints") == "not_supported"
    made(host)
    assert code(host, "loss") == "field_missing"


def test_its_books_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "host.json"
    host = TrainingHost(Books.open(file))
    made(host)
    assert file.stat().st_mode & 0o777 == 0o600
    assert TrainingHost(Books.open(file)).books.cards == host.books.cards
    file.write_text("{}")
    with pytest.raises(ValueError, match="no books"):
        Books.open(file)


def test_its_port() -> None:
    host = TrainingHost(mood=Mood({"account": "silent-after"}))
    with HostServer(host) as server:
        asked = {"request_id": "r", "operation": "complete", "fields": HOLDER}
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line, line.makefile("rwb") as both:
            both.write(json.dumps(asked).encode() + b"\n")
            both.flush()
            assert json.loads(both.readline())["outcome"] == "done"
            both.write(json.dumps({**asked, "operation": "account", "request_id": "q"}).encode() + b"\n")
            both.flush()
            assert both.readline() == b""
