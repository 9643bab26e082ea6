"""An issuer's file becomes a batch, whole or not at all; wrong and double rows are named, and two people decide.

Each test runs over SQLite here and over PostgreSQL in ``tests/service/test_postgres_bureau_take_in.py``.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from cardfab.audit import AuditEvent
from cardfab.bureau import taking
from cardfab.bureau.deciding import DecisionRefused, approve, refuse
from cardfab.bureau.rejection import write_rejected
from cardfab.bureau.removing import remove_half_taken
from cardfab.bureau.taking import BatchRefused, take_in
from cardfab.errors import CardfabError
from cardfab.prepare.finding import RequestFileRefused
from cardfab.prepare.table import COLUMNS
from cardfab.production import NotAllowed, SamePerson, StateRefused
from cardfab.production.batches import BatchState
from cardfab.station.desk import Desk
from cardfab.station.intake import import_requests
from cardfab.station.vault import holder_index, open_request
from cardfab.store.batches import BureauBatchRow, Finding
from cardfab.store.bureautables import bureau_box, bureau_shard
from cardfab.store.tables import number
from tests.bureau_place import SM2, Holders, as_person, batch_of, content, holders, quick_desk

LINE = "wrong totals: a clear refusal, nothing kept (test)"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with quick_desk(tmp_path / "station") as made:
        yield made


def found(desk: Desk, batch: BureauBatchRow) -> list[Finding]:
    with desk.database.reading() as tx:
        return list(tx.batches.findings(batch.id))


def events(desk: Desk, action: str) -> list[AuditEvent]:
    with desk.database.reading() as tx:
        said = [AuditEvent.decode(leaf) for leaf in tx.audit.leaves()]
    return [one for one in said if one.action == action]


def test_a_file_becomes_a_batch_that_waits_and_is_approved_by_two(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_AT_ONCE", 8)  # several transactions
    source = Holders(45)
    heard: list[tuple[str, int, int]] = []
    taken = take_in(
        as_person(desk, "operator"), source, source.cover(), shard_size=20, box_size=10, tell=lambda *a: heard.append(a)
    )
    assert (taken.state, taken.rows, taken.wrong, taken.received_by) == (BatchState.WAITING, 45, 0, "operator")
    assert [one for one in heard if one[1] == 45] == [("check", 45, 45), ("take in", 45, 45)]

    with desk.database.reading() as tx:
        rows = list(tx.batches.rows_of(taken.id))
    given = [row for row, _ in holders.holders(45)]
    assert [(one.place, one.row, one.request_id) for one in rows] == [
        (place, place + 1, row["request_id"]) for place, row in enumerate(given, 1)
    ]
    for one, row in zip(rows, given, strict=True):
        request = open_request(desk.keys, one.as_request())
        assert (request.name, request.social_security_number) == (row["name"], row["social_security_number"])
        assert one.holder_index == holder_index(desk.keys, row["social_security_number"])

    done = approve(as_person(desk, "supervisor"), taken.id, second=None)
    assert (done.state, done.approved_by, done.first_card, done.first_account) == ("APPROVED", "supervisor", 1, 1)
    assert done.issue_date == f"{desk.now():%Y-%m-%d}"
    with desk.database.looking() as connection:
        shards = connection.execute(select(bureau_shard.c.first, bureau_shard.c.last)).all()
        boxes = connection.execute(select(bureau_box.c.first, bureau_box.c.last)).all()
        numbers = {row.series: row.last for row in connection.execute(select(number))}
    assert shards == [(1, 20), (21, 40), (41, 45)]
    assert boxes == [(1, 10), (11, 20), (21, 30), (31, 40), (41, 45)]
    assert set(numbers.values()) == {45}
    [imported], [approved] = events(desk, "batch.import"), events(desk, "batch.approve")
    assert (imported.actor, imported.details["rows"], imported.subject) == ("operator", "45", taken.token)
    assert (approved.actor, approved.details["cards"], approved.details["boxes"]) == ("supervisor", "45", "5")


def test_the_next_batch_goes_on_with_the_numbers(desk: Desk) -> None:
    batch_of(desk, 7)
    second = batch_of(desk, 5, reference="B-2", first=7)
    assert (second.first_card, second.first_account) == (8, 8)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "totals": ({"totals": {"region": {"110199": 3}}}, "CF-3482"),
    "count": ({"rows": 13}, "CF-3482"),
    "digest": ({"sha256": "0" * 64}, "CF-3481"),
    "reference": ({"reference": "B-1", "sha256": "0" * 64}, "CF-3484"),
    "file": ({"reference": "B-3"}, "CF-3483"),
    "previous": ({"previous": "1" * 64}, "CF-3485"),
    "product": ({"product": "no-such"}, "CF-3486"),
}


@pytest.mark.shows(LINE)
def test_a_file_that_is_not_its_note_is_refused_and_nothing_is_kept(desk: Desk) -> None:
    batch_of(desk, 12)
    before = content(desk.database)
    for what, (other, code) in BAD.items():
        source = Holders(12, first=0 if what == "file" else 12)
        with pytest.raises(BatchRefused) as refused:
            take_in(desk, source, source.cover(**{"reference": "B-2", **other}))
        assert (what, refused.value.code) == (what, code)
        assert refused.value.do is not None
        assert content(desk.database) == before, what


def test_batches_of_an_issuer_may_be_chained(desk: Desk) -> None:
    first = batch_of(desk, 3)
    source = Holders(3, first=3)
    assert take_in(desk, source, source.cover("B-2", previous=first.file_digest)).rows == 3


class Broken(Holders):
    """A file that is found to be bad at its end, as a sealed one is: ``at`` says in which pass."""

    def __init__(self, rows: int, at: int, error: BaseException) -> None:
        super().__init__(rows)
        self._at, self._error, self._pass = at, error, 0

    def rows(self) -> Any:
        self._pass += 1
        yield from super().rows()
        if self._pass == self._at:
            raise self._error


def test_what_breaks_on_the_way_leaves_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_AT_ONCE", 4)
    before = content(desk.database)
    for at in (1, 2):
        for error in (RequestFileRefused(()), KeyboardInterrupt(), OSError("disk")):
            with pytest.raises(type(error)):
                take_in(desk, Broken(10, at, error), Holders(10).cover())
            after = content(desk.database)
            assert {name for name, rows in after.items() if rows != before[name]} <= {"station_life"}
    assert batch_of(desk, 10).state == "APPROVED"


def test_what_cannot_be_cleared_away_at_once_is_at_the_next_start(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_AT_ONCE", 4)
    before = content(desk.database)
    with monkeypatch.context() as dying:
        dying.setattr(taking, "remove_batch", lambda *_: 1 / 0)
        with pytest.raises(KeyboardInterrupt):
            take_in(desk, Broken(10, 2, KeyboardInterrupt()), Holders(10).cover())
    with desk.database.reading() as tx:
        [cut] = tx.batches.all(BatchState.RECEIVING)
    assert remove_half_taken(replace(desk, station="bureau-02")) == ()  # the first one counts as alive
    assert remove_half_taken(desk) == (cut.id,)
    after = content(desk.database)
    assert {name for name, rows in after.items() if rows != before[name]} == {"station_life"}
    assert len(events(desk, "batch.remove")) == 1
    assert remove_half_taken(desk) == ()


def test_a_station_that_is_dead_leaves_its_rest_to_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "remove_batch", lambda *_: 1 / 0)
    with pytest.raises(KeyboardInterrupt):
        take_in(desk, Broken(10, 2, KeyboardInterrupt()), Holders(10).cover())
    late = replace(desk, station="bureau-02", now=lambda: desk.now().replace(year=desk.now().year + 1))
    assert len(remove_half_taken(late)) == 1


# -- wrong rows --------------------------------------------------------------------------------------------------------


def test_wrong_rows_are_named_without_their_holders_and_the_batch_waits(desk: Desk, tmp_path: Path) -> None:
    batch = batch_of(desk, 120, approved=False, wrong=0.1, doubles=0.05)
    made = [(row, bad) for row, bad in holders.holders(120, wrong=0.1, doubles=0.05)]
    wrong = [place for place, (_, bad) in enumerate(made, 1) if bad]
    assert batch.wrong == len(wrong) > 8
    with desk.database.reading() as tx:
        rows = list(tx.batches.rows_of(batch.id, left_out=True))
        assert [one.place for one in rows if one.left_out] == wrong
        assert [one.place for one in tx.batches.rows_of(batch.id)] == [one.place for one in rows if not one.left_out]
    assert all(one.sealed is None and one.holder_index == b"" for one in rows if one.left_out)
    assert sorted({one.place for one in found(desk, batch)}) == wrong

    table, objects = write_rejected(desk, batch, tmp_path / "rejected.csv")
    with table.open(encoding="utf-8-sig", newline="") as file:
        told = list(csv.DictReader(file))
    assert [{**one, "row": str(one["row"])} for one in json.loads(objects.read_text())["findings"]] == told
    assert {int(one["row"]) - 1 for one in told} == set(wrong)
    assert all(one["reason_en"] and one["reason_zh"] and one["field"] in COLUMNS for one in told)
    for text in (table.read_text(), objects.read_text(), repr(content(desk.database)["bureau_finding"])):
        for row, _ in made:
            for field in ("social_security_number", "name", "household_address", "phone"):
                assert not row[field] or row[field] not in text


def test_only_a_person_lets_a_batch_with_wrong_rows_go_on(desk: Desk) -> None:
    batch = batch_of(desk, 60, approved=False, wrong=0.2, box_size=10)
    with pytest.raises(DecisionRefused) as refused:
        approve(desk, batch.id)
    assert refused.value.code == "CF-7352"
    done = approve(desk, batch.id, without_wrong_rows=True)
    with desk.database.looking() as connection:
        boxes = connection.execute(select(bureau_box.c.first, bureau_box.c.last)).all()
    with desk.database.reading() as tx:
        sizes = [len(list(tx.batches.rows_of(batch.id, first, last))) for first, last in boxes]
    assert sum(sizes) == done.cards
    assert set(sizes[:-1]) == {10}
    with pytest.raises(StateRefused):
        approve(desk, batch.id, without_wrong_rows=True)


def test_a_batch_without_a_right_row_is_refused(desk: Desk) -> None:
    batch = batch_of(desk, 3, approved=False, wrong=1.0)
    with pytest.raises(DecisionRefused) as refused:
        approve(desk, batch.id, without_wrong_rows=True)
    assert refused.value.code == "CF-7353"


def test_a_row_of_another_product_is_wrong(desk: Desk) -> None:
    source = Holders(2, lambda row, given: given.update(bank_product="debit") if row == 3 else None)
    batch = take_in(desk, source, source.cover())
    assert [(one.row, one.field) for one in found(desk, batch)] == [(3, "bank_product")]


# -- doubles -----------------------------------------------------------------------------------------------------------


def changed(desk: Desk, rows: int, change: Callable[[int, dict[str, str]], None], **more: Any) -> BureauBatchRow:
    source = Holders(rows, change, **more)
    return take_in(desk, source, source.cover("B-9"))


def same_as(first: int, **fields: str) -> Callable[[int, dict[str, str]], None]:
    """Row 3 gets these fields of the generator's row ``first``."""
    [(other, _)] = holders.holders(1, first=first)

    def change(row: int, given: dict[str, str]) -> None:
        if row == 3:
            given.update({name: other[name] for name in ("social_security_number", "birth_date", "sex")}, **fields)

    return change


def test_a_holder_or_an_id_of_another_batch_is_a_double(desk: Desk) -> None:
    batch_of(desk, 4)
    batch = changed(desk, 4, same_as(2), first=4)
    assert [(one.row, one.field) for one in found(desk, batch)] == [(3, "social_security_number")]

    other = Holders(4, lambda row, given: given.update(request_id="H1-000000001") if row == 5 else None, first=8)
    batch = take_in(desk, other, other.cover("B-10"))
    assert [(one.row, one.field) for one in found(desk, batch)] == [(5, "request_id")]


def test_what_was_refused_is_no_double(desk: Desk) -> None:
    first = batch_of(desk, 4, approved=False)
    refuse(desk, first.id, why="test")
    assert batch_of(desk, 4, reference="B-2").wrong == 0


def test_a_request_of_a_station_is_a_double_in_work_and_with_its_card(desk: Desk, station_request: str) -> None:
    with desk.database.reading() as tx:
        request = open_request(desk.keys, tx.requests.get(station_request))

    def change(row: int, given: dict[str, str]) -> None:
        if row == 2:
            given["request_id"] = station_request
        if row == 3:
            number_ = request.social_security_number
            given.update(social_security_number=number_, birth_date=number_[6:14], sex=request.sex)

    batch = changed(desk, 3, change)
    assert [(one.row, one.field) for one in found(desk, batch)] == [(2, "request_id"), (3, "social_security_number")]


@pytest.fixture
def station_request(desk: Desk) -> str:
    """The id of a request that a station has taken in."""
    row, _ = next(holders.holders(1, first=500))
    rows = ["request_id", *(name for name in COLUMNS if name != "request_id")]
    data = ",".join(rows) + "\n" + ",".join(row[name] for name in rows) + "\n"
    [request_id] = import_requests(desk, data.encode(), source="one.csv", form="csv", photos=lambda _: None)
    return request_id


def test_a_station_takes_no_request_of_a_batch(desk: Desk) -> None:
    batch_of(desk, 1, approved=False, first=500)
    row, _ = next(holders.holders(1, first=500))
    with pytest.raises(RequestFileRefused) as refused:
        import_requests(desk, json.dumps(row).encode(), source="one", form="jsonl", photos=lambda _: None)
    assert [finding.field for finding in refused.value.rows] == ["request_id"]


# -- who decides -------------------------------------------------------------------------------------------------------


def test_who_takes_in_and_who_decides_are_different_duties(desk: Desk) -> None:
    source = Holders(2)
    for login in ("supervisor", "auditor", "custodian", "administrator"):
        with pytest.raises(NotAllowed):
            take_in(as_person(desk, login), source, source.cover())
    batch = take_in(as_person(desk, "operator"), source, source.cover())
    for login in ("operator", "auditor"):
        with pytest.raises(NotAllowed):
            approve(as_person(desk, login), batch.id)
        with pytest.raises(NotAllowed):
            refuse(as_person(desk, login), batch.id, why="x")


def test_outside_training_two_people_approve_and_neither_took_it_in(desk: Desk) -> None:
    batch = batch_of(desk, 2, approved=False)  # by the trainee, who has every role
    real = replace(desk, training=False)
    with pytest.raises(SamePerson):
        approve(real, batch.id)
    for second, error in ((None, DecisionRefused), ("supervisor", SamePerson), ("trainee", SamePerson)):
        with pytest.raises(error):
            approve(as_person(real, "supervisor"), batch.id, second=second)
    with desk.database.reading() as tx:
        assert tx.batches.get(batch.id).state is BatchState.WAITING


def test_a_second_person_is_on_record(desk: Desk) -> None:
    batch = batch_of(as_person(desk, "operator"), 2, approved=False)
    done = approve(desk, batch.id, second="supervisor")
    assert (done.approved_by, done.second) == ("trainee", "supervisor")
    assert events(desk, "batch.approve")[0].details["second"] == "supervisor"


def test_a_refused_batch_keeps_nothing_of_its_holders(desk: Desk, tmp_path: Path) -> None:
    batch = batch_of(desk, 40, wrong=0.1)
    done = refuse(desk, batch.id, why="wrong file")
    after = content(desk.database)
    assert done.state is BatchState.REFUSED
    assert done.salt is None
    assert not any(after[name] for name in ("bureau_row", "bureau_shard", "bureau_box", "bureau_card"))
    assert found(desk, done)  # what was wrong can still be told
    assert json.loads(write_rejected(desk, done, tmp_path / "r.csv")[1].read_text())["wrong"] == batch.wrong
    with pytest.raises(StateRefused):
        refuse(desk, batch.id, why="again")


def test_a_series_without_room_refuses_the_approval_whole(desk: Desk) -> None:
    batch = batch_of(desk, 5, approved=False)
    with desk.database.transaction("numbers") as tx:
        tx.jobs.take_numbers(f"card:{desk.product(SM2).product.numbers.letter}", 1, 9_999_997)
    before = content(desk.database)
    with pytest.raises(CardfabError) as refused:
        approve(desk, batch.id)
    assert refused.value.code == "CF-7355"
    assert content(desk.database) == before


def test_the_repository_finds_by_number_and_by_reference(desk: Desk) -> None:
    batch = batch_of(desk, 2, reference="77", approved=False)
    with desk.database.reading() as tx:
        assert tx.batches.find(str(batch.id)) == tx.batches.find("77") == batch
        assert tx.batches.row(batch.id, 2).place == 2
        for ask in (lambda: tx.batches.get(99), lambda: tx.batches.find("none"), lambda: tx.batches.row(batch.id, 3)):
            with pytest.raises(CardfabError) as refused:
                ask()
            assert refused.value.code == "CF-3111"
        assert tx.batches._connection.scalar(select(func.count()).select_from(bureau_box)) == 0
