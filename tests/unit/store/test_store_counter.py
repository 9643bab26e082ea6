"""What the counter keeps: lives of cards, services, black list, counts, replacements, the host's journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine
from sqlalchemy.exc import IntegrityError

from cardfab.production import CardState, StateRefused
from cardfab.store import CardLife, CardRow, CardUnknown, Database, JobRow, Move, ServiceUnknown, Transaction
from cardfab.store import database as database_module

NewJob = Callable[..., JobRow]
LIFE = CardLife("t1", b"holder", "debit", "2027-05-21", "2036-11-21", b"sealed", b"salt")


def _made(tx: Transaction, new_job: NewJob, name: str, moved: Move, life: CardLife = LIFE) -> CardRow:
    job = replace(new_job(tx, name), card_number_index=f"number {name}".encode(), chip=f"chip {name}")
    tx.cards.made(job, life, moved)
    return tx.cards.get(job.id)


def test_a_card_through_its_life(database: Database, new_job: NewJob, moved: Move) -> None:
    with database.transaction("life") as tx:
        card = _made(tx, new_job, "R1", moved)
        assert (card.state, card.made_at, card.activate_until) == (CardState.MADE, moved.at, "2027-05-21")
        assert tx.cards.by_number(b"number R1") == card
        assert tx.cards.by_number(b"another") is None
        assert tx.cards.of_holder(b"holder") == (card,)
        later = Move("later", "wang")
        card = tx.cards.move(card, CardState.HANDED_OVER, later)
        card = tx.cards.move(card, CardState.ACTIVATED, later)
        assert (card.handed_over_at, card.activated_at, card.changed_by) == ("later", "later", "wang")
        assert tx.cards.all(CardState.ACTIVATED) == (card,)
        assert tx.cards.all(CardState.MADE) == ()
        tx.cards.erase(card.job_id)
        assert tx.cards.get(card.job_id).salt is None
        with pytest.raises(CardUnknown):
            tx.cards.get(99)


def test_the_table_and_other_programs_are_obeyed(database: Database, new_job: NewJob, moved: Move) -> None:
    with database.transaction("life") as tx:
        card = _made(tx, new_job, "R1", moved)
        with pytest.raises(StateRefused, match="MADE cannot become ACTIVATED"):
            tx.cards.move(card, CardState.ACTIVATED, moved)
        tx.cards.move(card, CardState.LOST, moved)
        with pytest.raises(StateRefused, match="another program"):
            tx.cards.move(card, CardState.HANDED_OVER, moved)


def test_a_number_and_a_chip_are_one_card(database: Database, new_job: NewJob, moved: Move) -> None:
    with database.transaction("first") as tx:
        card = _made(tx, new_job, "R1", moved)
        job = new_job(tx, "R2")
    for number, chip in ((card.number_index, "c2"), (b"other", card.chip)):
        same = replace(job, card_number_index=number, chip=chip)
        with pytest.raises(IntegrityError), database.transaction("again") as tx:
            tx.cards.made(same, replace(LIFE, token="t2"), moved)


def test_a_service_is_booked_before_and_after(database: Database) -> None:
    with database.transaction("service") as tx:
        row = tx.services.begin(
            token="s1", receipt="HZ1", service="pin-change", card_index=b"card", holder_index=b"holder",
            document="id-card", document_index=b"document", relation="", checked_by="li", approved_by=None,
            begun_at="then",
        )  # fmt: skip
        assert (row.outcome, row.ended_at) == ("begun", None)
        tx.services.end(row.id, "refused", "now", reason="CF-4600")
        found = tx.services.by_receipt("HZ1")
        assert (found.outcome, found.ended_at, found.reason) == ("refused", "now", "CF-4600")
        assert tx.services.of_card(b"card") == tx.services.all() == (found,)
        assert tx.services.of_card(b"card", service="load") == ()
        with pytest.raises(ServiceUnknown):
            tx.services.by_receipt("HZ2")


def test_the_outcome_of_a_service_is_changed_once(database: Database) -> None:
    with database.transaction("service") as tx:
        row = tx.services.begin(
            token="s1", receipt="HZ1", service="update", card_index=b"card", holder_index=None, document="id-card",
            document_index=b"document", relation="", checked_by="li", approved_by=None, begun_at="then",
        )  # fmt: skip
        assert tx.services.with_outcome("begun") == (row,)
        assert tx.services.move(row.id, "begun", "doubt", ended_at="now", reason="CF-9330")
        assert not tx.services.move(row.id, "begun", "doubt", ended_at="later", reason="CF-9330")
        [found] = tx.services.with_outcome("doubt")
        assert (found.ended_at, found.reason) == ("now", "CF-9330")
        assert tx.services.with_outcome("begun") == ()
        assert tx.services.with_outcome("doubt", newest=1) == (found,)
        assert tx.services.with_outcome("doubt", newest=0) == ()


def test_a_service_needs_its_people(database: Database) -> None:
    with pytest.raises(IntegrityError), database.transaction("service") as tx:
        tx.services.begin(
            token="s1", receipt="HZ1", service="block", card_index=b"c", holder_index=None, document="id-card",
            document_index=b"d", relation="", checked_by="nobody", approved_by=None, begun_at="then",
        )  # fmt: skip


def test_the_black_list(database: Database) -> None:
    with database.transaction("list") as tx:
        assert tx.black_list.add(b"card", "lost", at="now", by="li", sealed=b"s", salt=b"x")
        assert not tx.black_list.add(b"card", "lost", at="now", by="li", sealed=b"s", salt=b"x")
        listed = tx.black_list.get(b"card")
        assert listed is not None
        assert tx.black_list.all() == (listed,)
        assert tx.black_list.end(b"card", at="later", by="wang")
        assert not tx.black_list.end(b"card", at="later", by="wang")
        assert tx.black_list.get(b"card") is None
        assert tx.black_list.add(b"card", "lost", at="again", by="li", sealed=b"s", salt=b"x")


def test_the_count(database: Database) -> None:
    with database.transaction("count") as tx:
        assert tx.medical.get(b"card") is None
        tx.medical.clear(b"card", 2, 40, at="now", by="li")
        tx.medical.clear(b"card", 3, 61, at="later", by="wang")
        found = tx.medical.get(b"card")
        assert found is not None
        assert (found.loads, found.purchases, found.cleared_by) == (3, 61, "wang")


def test_replacements_by_the_day_they_are_due(database: Database, new_job: NewJob) -> None:
    with database.transaction("order") as tx:
        for name, due in (("R1", "2026-11-30"), ("R2", "2026-11-28")):
            new_job(tx, name)
            tx.replacements.order(
                token=name, old_index=b"old " + name.encode(), old_job_id=None, request_id=name, reason="loss",
                ordered_on="2026-11-21", due_on=due, ordered_by="li", sealed=None, salt=None,
            )  # fmt: skip
        assert [one.request_id for one in tx.replacements.open()] == ["R2", "R1"]
        tx.replacements.done("R2", "2026-11-27")
        assert tx.replacements.open_for(b"old R2") is None
        assert tx.replacements.open_for(b"old R1") is not None
        assert [one.request_id for one in tx.replacements.open()] == ["R1"]


def test_the_journal_of_the_host(database: Database) -> None:
    with database.transaction("host") as tx:
        row = tx.host.ask("uuid-1", "loss", b"key", "token", at="then", by="li")
        assert (row.outcome, row.tries) == ("asked", 1)
        assert tx.host.open() == (row,)
        row = tx.host.answer(row, "unknown", at="now", code="timeout")
        assert tx.host.open() == (row,)
        row = tx.host.ask_again(row, at="later", by="wang")
        row = tx.host.answer(row, "done", at="later", sealed=b"s", salt=b"x")
        assert (row.request_id, row.tries, tx.host.newest(b"key"), tx.host.open()) == ("uuid-1", 2, row, ())
        assert tx.host.newest(b"other") is None


def test_a_card_of_the_version_before_is_found_after_the_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.upgrade(database_module._config(connection), "0001")
    engine.dispose()
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("INSERT INTO person VALUES ('li', 'L', 'operator')")
        raw.execute("INSERT INTO batch VALUES (1, 'f', 1, x'00', 'then', 'li')")
        raw.execute("INSERT INTO request VALUES ('R1', 'rt', 1, x'AA', 'debit', 'loss-reissue', 0, x'00')")
        raw.execute(
            "INSERT INTO job (id, token, request_id, state, stock, made_by, changed_at) "
            "VALUES (1, 'jt', 'R1', 'DONE', 'blank', 'li', 'then')"
        )
        raw.execute("INSERT INTO issued_card VALUES (1, x'BB', 'chip', 'MADE', '2026-11-21T08:00:00.000+00:00')")
    database = Database(path)
    database.upgrade()
    with database.reading() as tx:
        card = tx.cards.by_number(b"\xbb")
        assert card is not None
        assert (card.token, card.holder_index, card.product) == ("jt", b"\xaa", "debit")
        assert (card.activate_until, card.sealed, card.state) == (None, None, CardState.MADE)
    database.close()
