"""An issuer's file becomes a batch, whole or not at all; wrong and double rows are named, and two people decide.

Each test runs over SQLite here and over PostgreSQL in ``tests/service/test_postgres_bureau_take_in.py``.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from cardfab.audit import AuditEvent
from cardfab.bureau import taking
from cardfab.bureau.bringing import bring_in
from cardfab.bureau.deciding import DecisionRefused, approve, refuse
from cardfab.bureau.files import Signer, open_source
from cardfab.bureau.issuers import SignerRefused
from cardfab.bureau.rejection import write_rejected
from cardfab.bureau.removing import remove_half_taken
from cardfab.bureau.taking import BatchRefused, take_in
from cardfab.errors import CardfabError
from cardfab.prepare.finding import RequestFileRefused
from cardfab.prepare.table import COLUMNS
from cardfab.production import JobState, NotAllowed, SamePerson, StateRefused
from cardfab.production.batches import BatchState
from cardfab.profile.layout import Layout
from cardfab.profile.loader import load
from cardfab.station import bureauview
from cardfab.station.desk import Desk
from cardfab.station.intake import import_requests
from cardfab.station.vault import holder_index, open_request
from cardfab.store.batches import BureauBatchRow, Finding, SeveralBatches
from cardfab.store.bureautables import bureau_box, bureau_shard
from cardfab.store.requests import BatchUnknown
from cardfab.store.tables import job, number
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


# -- whose signature counts --------------------------------------------------------------------------------------------

OURS, THEIRS = Signer("issuer", "1", "a" * 64), Signer("another issuer", "2", "b" * 64)


class SignedHolders(Holders):
    """A file that was signed."""

    def __init__(self, rows: int, signer: Signer | None, **more: Any) -> None:
        super().__init__(rows, **more)
        self.signer = signer  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("signer", "issuer", "code"),
    [
        (THEIRS, "示例发卡机构", "CF-3495"),
        (OURS, "示例发卡机构 ", "CF-3496"),
        (None, "示例发卡机构", "CF-3497"),
    ],
    ids=["of another issuer", "for an issuer that is not listed", "none"],
)
def test_only_an_issuers_own_signature_takes_a_file_in_as_his(
    desk: Desk, signer: Signer | None, issuer: str, code: str
) -> None:
    before = content(desk.database)
    source = SignedHolders(2, signer)
    with pytest.raises(SignerRefused) as refused:
        take_in(desk, source, source.cover(issuer=issuer), issuers={"示例发卡机构": ("a" * 64,), "x": ("b" * 64,)})
    assert (refused.value.code, refused.value.do is not None) == (code, True)
    assert content(desk.database) == before


def test_who_signed_a_batch_is_on_record_and_is_said(desk: Desk) -> None:
    source = SignedHolders(2, OURS)
    signed = take_in(desk, source, source.cover(), issuers={holders.ISSUER: ("a" * 64,)})
    plain = take_in(desk, Holders(2, first=2), Holders(2, first=2).cover("B-2"))
    assert (signed.signer, plain.signer) == (f"issuer, SHA-256 {'a' * 64}", "")
    first, second = events(desk, "batch.import")
    assert (first.details["signer"], first.details["certificate"]) == ("issuer", "a" * 64)
    assert "signer" not in second.details
    for batch in (signed, plain):
        assert bureauview.view(desk.database, str(batch.id), desk.now()).value()["signer"] == batch.signer


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


def test_a_row_of_wrong_form_is_one_row_and_refuses_no_totals(desk: Desk, tmp_path: Path) -> None:
    """Two keys are missing of one, a word is none in another; the note counts both of them."""
    rows = [row for row, _ in holders.holders(4)]
    regions = Counter(row["region"] for row in rows)
    someone = rows[2]["name"] + rows[2]["phone"]
    del rows[1]["name"], rows[1]["phone"]
    rows[2][someone] = "x"
    file = tmp_path / "h.jsonl"
    file.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    note = Holders(4).cover(sha256=digest, totals={"region": dict(regions)})
    batch = take_in(desk, open_source(file, load(desk.profiles, "layouts", "generic-jsonl", Layout)), note)
    assert (batch.rows, batch.wrong) == (4, 2)
    with desk.database.reading() as tx:
        kept = list(tx.batches.rows_of(batch.id, left_out=True))
    assert [(one.place, one.row, one.left_out) for one in kept] == [
        (1, 1, None), (2, 2, "wrong"), (3, 3, "wrong"), (4, 4, None),
    ]  # fmt: skip
    assert [(one.place, one.row, one.field) for one in found(desk, batch)] == [
        (2, 2, "name"), (2, 2, "phone"), (3, 3, "'***'"),
    ]  # fmt: skip
    write_rejected(desk, batch, tmp_path / "r")
    for text in (*(one.read_text() for one in tmp_path.glob("r.*")), repr(content(desk.database))):
        assert someone not in text


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


def again(desk: Desk, reference: str, rows: int) -> BureauBatchRow:
    """The first holders once more, from another issuer and under other request ids."""
    other = Holders(rows, lambda _, given: given.update(request_id=f"{reference}-{given['request_id'][-4:]}"))
    return take_in(desk, other, other.cover(reference, issuer="another issuer"))


def test_a_holder_waits_for_a_card_until_it_is_made_or_its_batch_is_closed(desk: Desk) -> None:
    """One whose card was spoiled or called off gets another; one that was given up gets none."""
    first = batch_of(desk, 4, prepared=True)
    with desk.database.transaction("brought") as tx:
        for box in tx.boxes.of(first.id):
            bring_in(desk, tx, first, box)
        for place, state in ((1, JobState.SPOILED), (2, JobState.CANCELLED), (3, JobState.DONE), (4, JobState.SPOILED)):
            its_job = job.c.id == tx.batches.row(first.id, place).job_id
            tx.batches._connection.execute(update(job).where(its_job).values(state=state))
        tx.bureau_finish.give_up(first.id, 4, None, "lost", by="supervisor", second=None, at=desk.at())
    second = again(desk, "R2", 4)
    assert [(one.row, one.field) for one in found(desk, second)] == [
        (2, "social_security_number"),
        (3, "social_security_number"),
    ]
    refuse(desk, second.id, why="test")
    with desk.database.transaction("closed") as tx:
        tx.batches.change(first.id, state=BatchState.CLOSED)
    assert again(desk, "R3", 4).wrong == 0


@pytest.mark.parametrize("approved", [False, True], ids=["at once", "after its approval"])
def test_a_file_that_was_refused_may_come_again_erased_or_not(desk: Desk, approved: bool) -> None:
    """No card was made of it; one that was erased after its cards were made is known for good."""
    first = batch_of(desk, 2, approved=approved)
    refuse(desk, first.id, why="test")
    with desk.database.transaction("erased") as tx:
        tx.bureau_finish.erase(first.id)
        tx.batches.move(tx.batches.get(first.id), BatchState.ERASED, at=desk.at())
    made = batch_of(desk, 2, reference="B-2")
    with desk.database.transaction("erased") as tx:
        tx.batches.change(made.id, state=BatchState.ERASED)
    with pytest.raises(BatchRefused) as refused:
        batch_of(desk, 2, reference="B-3")
    assert refused.value.code == "CF-3483"


@pytest.mark.parametrize("without", [False, True], ids=["whole", "without wrong rows"])
def test_what_became_a_double_while_the_batch_waited_is_found_by_the_approval(desk: Desk, without: bool) -> None:
    """Whoever decided on the wrong rows has not seen this one."""
    batch = batch_of(desk, 3, approved=False)
    row, _ = next(holders.holders(1))
    row["request_id"] = "S1-000000001"
    import_requests(desk, json.dumps(row).encode(), source="one", form="jsonl", photos=lambda _: None)
    with pytest.raises(DecisionRefused) as refused:
        approve(desk, batch.id, without_wrong_rows=without)
    assert refused.value.code == "CF-7356"
    with desk.database.reading() as tx:
        assert (tx.batches.get(batch.id).state, tx.batches.get(batch.id).wrong) == (BatchState.WAITING, 1)
    assert [(one.row, one.field) for one in found(desk, batch)] == [(2, "social_security_number")]
    assert events(desk, "batch.approve") == []
    assert approve(desk, batch.id, without_wrong_rows=True).cards == 2


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


def test_a_name_that_may_mean_two_batches_means_none(desk: Desk) -> None:
    """A reference is one issuer's; what is decided by it must not fall on another issuer's batch."""
    ours = batch_of(desk, 1, reference="R-1", approved=False)
    source = Holders(1, first=1)
    theirs = take_in(desk, source, source.cover("R-1", issuer="another issuer"))
    source = Holders(1, first=2)
    third = take_in(desk, source, source.cover(str(ours.id), issuer="another issuer"))
    with desk.database.reading() as tx:
        for said, two in (("R-1", (ours, theirs)), (str(ours.id), (ours, third))):
            for ask in (tx.batches.find, tx.bureau_figures.named, lambda one: bureauview.find(tx, one)):
                with pytest.raises(SeveralBatches) as refused:
                    ask(said)
                assert all(f"{one.id} ({one.issuer}, {one.reference})" in refused.value.what.en for one in two)
                assert refused.value.do is not None
                assert f"number:{two[1].id}" in refused.value.do.zh
        for one in (ours, theirs, third):
            assert tx.batches.find(f"number:{one.id}") == one
            assert bureauview.find(tx, f"number:{one.id}").id == one.id
        for none in ("number:99", "number:R-1", "number:"):
            with pytest.raises(BatchUnknown):
                tx.batches.find(none)
