"""Boxes of a batch approved without its wrong rows: what is said of them is where the cards are."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from cardfab.bureau.books import papers, remakes
from cardfab.bureau.books.reconcile import Reconciliation, reconcile, sign
from cardfab.bureau.books.returning import return_file
from cardfab.bureau.books.shipping import ship
from cardfab.crypto import password
from cardfab.documents.counter import Language
from cardfab.errors import Text
from cardfab.face.fonts import FontBook
from cardfab.production.batches import BoxState
from cardfab.station import books
from cardfab.store.batches import Finding
from cardfab.store.bureautables import bureau_row
from tests.bureau_books import Bureau, bureau, empty
from tests.bureau_boxes import from_file_to_hand_over
from tests.bureau_place import bureau as training
from tests.unit.documents.counter_samples import lines_of

pytestmark = pytest.mark.usefixtures("_cheap")


@pytest.fixture(scope="module")
def _cheap() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(password, "_KIB", 64)
        yield


@pytest.fixture(scope="module")
def shared(_cheap: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty(tmp_path_factory.mktemp("boxes"))


@pytest.fixture
def place(shared: Path, tmp_path: Path) -> Iterator[Bureau]:
    with bureau(tmp_path, shared) as one:
        yield one


def test_a_batch_without_its_wrong_rows_from_file_to_hand_over(tmp_path: Path) -> None:
    with training(tmp_path / "station") as desk:
        from_file_to_hand_over(desk, tmp_path)


@pytest.mark.parametrize("wrong", [(), (1,), (3,), (8,), (2, 3, 4), (1, 7, 8), (5, 6, 7, 8), (1, 2, 3, 4, 5, 6, 7)])
def test_every_row_is_in_a_box_and_every_card_where_it_is_said_to_be(place: Bureau, wrong: tuple[int, ...]) -> None:
    place.take_in(8, box=3, wrong=wrong)
    place.bring()
    good = [at for at in range(1, 9) if at not in wrong]
    for at in good:
        place.make(at)
    place.end_run()
    found = _balanced(place)
    inside = [[at for at in good if one.box.first <= at <= one.box.last] for one in found.boxes]
    assert inside == [good[at : at + 3] for at in range(0, len(good), 3)]
    assert [one.places.made for one in found.boxes] == [len(one) for one in inside]
    assert found.boxes[-1].box.last == 8, "what is left out after the last card belongs to its box"
    told = {at: f"{box}-{position}" for box, some in enumerate(inside, 1) for position, at in enumerate(some, 1)}
    assert _packing(place) == told
    sign(place.desks["li"], found, "zhao")
    ship(place.desks["zhao"], place.name)
    assert set(place.boxes()) == {BoxState.SHIPPED}


def test_a_place_given_up_keeps_its_position(place: Bureau) -> None:
    """Where the other cards lie was decided at the approval."""
    place.take_in(6, box=3, wrong=(2,))
    place.bring()
    for at in (1, 4, 5, 6):
        place.make(at)
    remakes.give_up(place.desks["zhao"], place.name, 3, "wrong", "wang")
    place.end_run()
    _balanced(place)
    assert _packing(place) == {1: "1-1", 4: "1-3", 5: "2-1", 6: "2-2"}


def test_boxes_leave_round_one_that_is_not_ready(place: Bureau) -> None:
    place.take_in(7, box=2, wrong=(2,))
    place.bring()
    for at in (1, 3, 5, 6, 7):
        place.make(at)
    place.claim(4)
    place.spoil(4)
    parcels = ship(place.desks["zhao"], place.name).parcels
    told = [(one.box, one.first, one.last, one.cards, one.empty) for one in parcels]
    assert told == [(1, 1, 3, 2, 1), (3, 6, 7, 2, 0)]
    assert place.boxes() == [BoxState.SHIPPED, BoxState.WAITING, BoxState.SHIPPED]


def test_what_was_wrong_first_is_told_in_the_language_of_the_layout(place: Bureau) -> None:
    place.take_in(4, box=2, wrong=(2, 4))
    with place.database.transaction("findings") as tx:
        tx.batches.put_findings(place.batch_id, [
            Finding(4, 5, "", "", Text("The row has 3 columns.", "该行有 3 列。")),
            Finding(2, 3, "1-Q00002", "sex", Text("No such code.", "无此代码。")),
            Finding(2, 3, "1-Q00002", "name", Text("Missing.", "缺失。")),
        ])  # fmt: skip
    place.bring()
    place.make(1)
    remakes.give_up(place.desks["zhao"], place.name, 3, "the holder has moved", "wang")
    reasons = {}
    for layout, column in (("json", "reason"), ("henan", "失败原因"), ("jilin", "失败原因")):
        out = place.folder / f"back-{layout}"
        return_file(place.desks["zhao"], place.name, out, layout)
        if layout == "json":
            rows = [json.loads(one) for one in out.read_text("utf-8").splitlines()]
        else:
            rows = list(csv.DictReader(out.read_text("gb18030").splitlines()[1:]))
        reasons[layout] = [one.get(column, "") for one in rows]
    assert reasons["json"] == ["", "sex: No such code.", "the holder has moved", "The row has 3 columns."]
    assert reasons["henan"] == reasons["jilin"] == ["", "sex：无此代码。", "the holder has moved", "该行有 3 列。"]


@pytest.mark.parametrize(("language", "words"), [("en", "sex: No such code."), ("zh", "sex：无此代码。")])
def test_the_report_says_in_its_language_what_was_wrong(place: Bureau, language: Language, words: str) -> None:
    place.take_in(3, box=2, wrong=(2,))
    with place.database.transaction("findings") as tx:
        tx.batches.put_findings(place.batch_id, [Finding(2, 3, "", "sex", Text("No such code.", "无此代码。"))])
    desk = replace(place.desks["li"], fonts=FontBook([Path("/usr/share/fonts")]))
    found = reconcile(desk, place.name)
    assert words in " ".join(lines_of(papers.reconciliation_paper(desk, found, language)[1]))
    assert [one["why"] for one in papers.reconciliation_values(found)["named"]] == ["sex: No such code."]


def test_a_card_made_by_another_way_counts_for_its_place(place: Bureau) -> None:
    """The newest job of the request is the place's, whatever the row says."""
    place.take_in(3, box=3)
    place.bring()
    place.make(1)
    place.make(2)
    place.claim(3)
    place.spoil(3)
    spoiled = place.job(3)
    books.remake(place.desks["zhao"], spoiled)
    with place.database.transaction("newest") as tx:
        [job] = [one for one in tx.jobs.all() if one.remake_of == spoiled.id]
        row = update(bureau_row).where(bureau_row.c.place == 3)
        tx.bureau_finish._connection.execute(row.values(job_id=job.id))
    place.make(3)
    with place.database.transaction("as it was booked") as tx:
        tx.bureau_finish._connection.execute(row.values(job_id=spoiled.id))
    place.end_run()
    found = _balanced(place)
    assert (found.places.made, found.places.spoiled, found.open) == (3, 0, ())
    assert remakes.remake_list(place.desks["zhao"], place.name)[1] == ()
    with pytest.raises(remakes.NotForRemake):
        remakes.give_up(place.desks["zhao"], place.name, 3, "why", "wang")
    assert _packing(place) == {1: "1-1", 2: "1-2", 3: "1-3"}


def test_the_box_of_a_remake_waits_again(place: Bureau) -> None:
    place.take_in(7, box=2, wrong=(1, 2))
    place.bring()
    place.claim(5)
    place.spoil(5)
    with place.database.transaction("full") as tx:
        for _ in tx.boxes.of(place.batch_id):
            taken = tx.boxes.claim(place.batch_id, place.run, "slot-1", at=place.desks["li"].at())
            assert taken is not None
            tx.boxes.leave(taken, BoxState.FULL, at=place.desks["li"].at())
    remakes.ask(place.desks["li"], place.name)
    remakes.approve(place.desks["zhao"], place.name, "wang")
    assert place.boxes() == [BoxState.FULL, BoxState.WAITING, BoxState.FULL]


def _balanced(place: Bureau) -> Reconciliation:
    found = reconcile(place.desks["li"], place.name)
    assert [f"{one.where.en}: {one.what.en}" for one in found.differences] == []
    assert sum(one.places.rows for one in found.boxes) == found.places.rows == found.batch.rows
    return found


def _packing(place: Bureau) -> dict[int, str]:
    """Box and position of every card, as the return file has it."""
    out = place.folder / "back.jsonl"
    return_file(place.desks["zhao"], place.name, out)
    rows = [json.loads(one) for one in out.read_text("utf-8").splitlines()]
    case = f"{place.batch.reference}-1-"
    return {int(one["sequence"]): one["packing"].removeprefix(case) for one in rows if one["result"] == "success"}
