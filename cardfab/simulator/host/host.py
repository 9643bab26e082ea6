"""The operations of the training host."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from cardfab.simulator.host import making
from cardfab.simulator.host.books import Books, Record
from cardfab.simulator.host.mood import GARBLED, SILENT_AFTER, SILENT_BEFORE, WRONG_NAME, Mood

_READS = frozenset({"person", "check", "status", "account", "black_list", "offsite"})
_LEVELS = {"temporary": "temporary loss", "formal": "formal loss", "release": "normal", "cancel": "cancelled"}


No = making.No


class TrainingHost:
    """Answers one line with one line, or with nothing (None) where the mood is silence."""

    def __init__(self, books: Books | None = None, mood: Mood | None = None) -> None:
        self.books = books or Books()
        self.mood = mood or Mood()
        self.heard: list[str] = []
        """Every operation that was asked, oldest first: for a test that counts."""
        self._lock = threading.Lock()

    def receive(self, line: bytes) -> bytes | None:
        """The answer to a line."""
        with self._lock:
            return self._receive(line)

    def _receive(self, line: bytes) -> bytes | None:
        try:
            asked = json.loads(line)
            request_id, operation, fields = str(asked["request_id"]), str(asked["operation"]), dict(asked["fields"])
        except (ValueError, KeyError, TypeError):
            return _line({"request_id": "", "outcome": "refused", "code": "format"})
        answer = self._played(request_id, operation, "", fields)
        if answer is None:
            return None
        return b"\xff?\n" if answer.get("garbled") else _line(answer)

    def ask(self, request_id: str, operation: str, fields: Record, *, step: str = "") -> Record | None:
        """The books' answer in the host's mood; None is silence, ``garbled`` wants an answer that cannot be read.

        ``step`` is the one message of an operation of several; an empty ``request_id`` is none.
        """
        with self._lock:
            return self._played(request_id, operation, step, fields)

    def _played(self, request_id: str, operation: str, step: str, fields: Record) -> Record | None:
        self.heard.append(step or operation)
        if self.mood.seconds:
            time.sleep(self.mood.seconds)
        played = self.mood.play(operation, step)
        if played == SILENT_BEFORE:
            return None
        if self.mood.is_refusal(played):
            return {"request_id": request_id, "outcome": "refused", "code": played, "raw": f"T-{played}"}
        answer = self._answer(request_id, step or operation, fields)
        if self.mood.fails_after in (operation, step) and answer["outcome"] == "done":
            self.mood.failing = True
        if played == SILENT_AFTER:
            return None
        if played == WRONG_NAME and answer["outcome"] == "done":
            answer = {**answer, "answer": {**answer["answer"], "name": "别人"}}
        return {**answer, "garbled": True} if played == GARBLED else answer

    def _answer(self, request_id: str, operation: str, fields: Record) -> Record:
        if request_id and (known := self.books.answered.get(request_id)) is not None:
            return {**known, "again": True}
        operations: dict[str, Callable[[Record], Record]] = {
            "person": self._person, "check": self._check, "apply": self._apply, "status": self._status,
            "loss": self._loss, "reserve": self._reserve, "complete": self._complete, "activate": self._activate,
            "account": self._account, "move_balance": self._move_balance, "black_list": self._black_list,
            "offsite": self._offsite,
            "transaction": self._transaction, "chip_auth": self._chip_auth, "certificate": self._certificate,
            **{name: partial(step, self.books) for name, step in making.STEPS.items()},
        }  # fmt: skip
        head: Record = {"request_id": request_id, "again": False}
        try:
            if operation not in operations:
                raise No("not_supported")
            answer = {**head, "outcome": "done", "answer": operations[operation](fields)}
        except making.No as no:
            return {**head, "outcome": "refused", "code": str(no), "raw": f"T-{no}"}
        except KeyError:
            return {**head, "outcome": "refused", "code": "field_missing", "raw": "T-field"}
        if operation not in _READS and request_id:
            self.books.answered[request_id] = answer
            self.books.keep()
        return answer

    def _known(self, fields: Record) -> Record:
        card = self.books.card(str(fields["card_number"]))
        if card is None:
            raise No("not_found")
        return card

    def _person(self, fields: Record) -> Record:
        person = self.books.people.get(str(fields["number"]))
        if person is None:
            raise No("not_found")
        if fields.get("name") not in (None, "", person["name"]):
            raise No("name_mismatch")
        if person["dead"]:
            raise No("dead")
        cards = self.books.cards_of(str(fields["number"]))
        return {"name": person["name"], "cards": [{"card_number": n, "state": c["state"]} for n, c in cards.items()]}

    def _check(self, fields: Record) -> Record:
        person = self.books.people.get(str(fields["number"]))
        if person is not None and person["dead"]:
            raise No("dead")
        if str(fields["number"]) in self.books.applications:
            raise No("duplicate")
        if fields.get("kind") == "replace" and self._known(fields)["state"] == "normal" and fields["reason"] == "loss":
            raise No("state_conflict")  # loss is reported first
        return {"allowed": True, "fee": 0}

    def _apply(self, fields: Record) -> Record:
        number = str(fields["number"])
        if number in self.books.applications:
            raise No("duplicate")
        self.books.person(number, str(fields["name"]))
        name = f"A{len(self.books.answered) + len(self.books.applications) + 1:06d}"
        kept = {one: fields[one] for one in ("photo", "bank", "kind", "household_address") if fields.get(one)}
        self.books.applications[number] = {
            **kept, "application": name, "old_card": str(fields.get("card_number", "")), "name": str(fields["name"]),
        }  # fmt: skip
        return {"application": name}

    def _status(self, fields: Record) -> Record:
        application = self.books.applications.get(str(fields.get("number", "")), {})
        card = self.books.card(str(fields.get("card_number", "")))
        failed = self.books.people.get(str(fields.get("number", "")), {}).get("failed", ())
        if card is None and not application and not failed:
            raise No("not_found")
        answer: Record = {"application": str(application.get("application", ""))}
        if fields.get("blank"):
            answer["failure"] = fields["blank"] in failed
        if application:
            answer |= {one: application[one] for one in ("batch", "card_number") if application.get(one)}
        if card is not None:
            answer["handed_over"] = bool(card.get("handed_over"))
            answer |= {"state": card["state"], "activated": card["activated"], "moved": card["moved"]}
            answer["transaction"] = any(one["name"] == fields.get("transaction") for one in card["records"])
        return answer

    def _loss(self, fields: Record) -> Record:
        card, level = self._known(fields), str(fields["level"])
        if level not in _LEVELS:
            raise No("field_bad")
        wanted = _LEVELS[level]
        if card["state"] == wanted:
            raise No("already")
        if card["state"] == "cancelled" or (level == "temporary" and card["state"] == "formal loss"):
            raise No("state_conflict")
        card["state"] = wanted
        card["listed"] = level != "release"
        return {"state": wanted}

    def _reserve(self, fields: Record) -> Record:
        return making.reserve(self.books, fields)

    def _complete(self, fields: Record) -> Record:
        number, holder = str(fields["card_number"]), str(fields["number"])
        if fields.get("result") == "failure":
            return making.failed(self.books, fields)
        if number in self.books.cards:
            raise No("already")
        self.books.person(holder, str(fields["name"]))
        application = self.books.applications.pop(holder, None)
        card: Record = {
            "holder": holder, "state": "normal", "activated": False, "listed": False, "balance": 0, "own": 0,
            "pooled": 0, "year": 0, "records": [], "moved": -1, "replaces": "",
        }  # fmt: skip
        old = self.books.card(application["old_card"]) if application else None
        if application is not None and old is not None:
            card |= {"replaces": application["old_card"]}
            old["state"] = "cancelled"
        self.books.cards[number] = card
        return {"state": "normal"}

    def _activate(self, fields: Record) -> Record:
        card = self._known(fields)
        if fields.get("kind") == "hand-over":
            if card.get("handed_over"):
                raise No("already")
            card["handed_over"] = True
            return {"state": "handed over"}
        if card["activated"]:
            raise No("already")
        if card["state"] != "normal":
            raise No("state_conflict")
        card["activated"] = True
        return {"state": "activated"}

    def _account(self, fields: Record) -> Record:
        card = self._known(fields)
        return {name: card[name] for name in ("balance", "own", "pooled", "year", "records")}

    def _move_balance(self, fields: Record) -> Record:
        card = self._known(fields)
        if card["moved"] >= 0:
            raise No("already")
        person = self.books.people[card["holder"]]
        old = self.books.card(card["replaces"])
        amount = person["old_account"] + (old["balance"] if old is not None else 0)
        person["old_account"] = 0
        if old is not None:
            card |= {name: old[name] for name in ("own", "pooled", "year", "records")}
            old["balance"] = 0
        card["moved"] = amount
        return {"amount": amount}

    def _transaction(self, fields: Record) -> Record:
        card, name = self._known(fields), str(fields["transaction"])
        if any(one["name"] == name for one in card["records"]):
            raise No("already")
        kept = {part: fields[part] for part in ("kind", "sequence", "time", "account", "own", "pooled")}
        card["records"].append({"name": name, **kept})
        card["balance"] += kept["account"] if kept["kind"] == "load" else -kept["account"]
        if kept["kind"] == "purchase":
            year = int(str(kept["time"])[:4])
            if year != card["year"]:
                card |= {"year": year, "own": 0, "pooled": 0}
            card["own"] += kept["own"]
            card["pooled"] += kept["pooled"]
        return {"balance": card["balance"]}

    def _chip_auth(self, fields: Record) -> Record:
        return making.chip_auth(fields)

    def _certificate(self, fields: Record) -> Record:
        return making.certificate(self.books, fields)

    def _black_list(self, fields: Record) -> Record:
        return {"listed": bool(self._known(fields)["listed"])}

    def _offsite(self, fields: Record) -> Record:
        person: dict[str, Any] = self.books.people.get(str(fields["number"]), {"offsite": True})
        if not person["offsite"]:
            raise No("not_allowed")
        return {"approved": True}


def _line(answer: Record) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode() + b"\n"
