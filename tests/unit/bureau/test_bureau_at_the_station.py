"""What the station itself does to a card of a batch: not made again there; settled there it may end the batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cardfab.bureau.books import papers, remakes
from cardfab.bureau.books.reconcile import reconcile
from cardfab.bureau.books.returning import return_file
from cardfab.bureau.lineview import told
from cardfab.crypto import password
from cardfab.documents.counter import Language
from cardfab.errors import Text
from cardfab.face.fonts import FontBook
from cardfab.production import JobState
from cardfab.production.batches import BatchState
from cardfab.station import books
from cardfab.station.desk import Desk
from cardfab.station.issue import BureauCard, ready_job
from cardfab.station.outlet.looking import make_again
from cardfab.store import JobRow
from cardfab.store.boxes import FaultRow
from tests.bureau_books import Bureau, bureau, empty
from tests.unit.documents.counter_samples import lines_of


@pytest.fixture(autouse=True, scope="module")
def _cheap() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(password, "_KIB", 64)
        yield


@pytest.fixture(scope="module")
def shared(_cheap: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty(tmp_path_factory.mktemp("station"))


@pytest.fixture
def place(shared: Path, tmp_path: Path) -> Iterator[Bureau]:
    with bureau(tmp_path, shared) as one:
        one.take_in(3, box=2)
        one.bring()
        one.claim(2)
        one.write(2)
        yield one


@pytest.mark.parametrize("given_up", [False, True])
@pytest.mark.parametrize(
    "way",
    [
        pytest.param(lambda desk, job: ready_job(desk, str(job.id), "zhao"), id="issue"),
        pytest.param(lambda desk, job: ready_job(desk, job.request_id, "zhao"), id="issue by request"),
        pytest.param(lambda desk, job: make_again(desk, job.id, "zhao"), id="page"),
    ],
)
def test_a_spoiled_card_of_a_batch_is_not_made_again_by_the_station(
    place: Bureau, way: Callable[[Desk, JobRow], JobRow], given_up: bool
) -> None:
    place.spoil(2)
    job = place.job(2)
    if given_up:
        remakes.give_up(place.desks["zhao"], place.name, 2, "the holder moved away", "wang")
    with pytest.raises(BureauCard) as refused:
        way(place.desks["li"], job)
    error = refused.value
    assert (error.code, error.exit_status) == ("CF-7312", 7)
    assert f"batch {place.name}, place 2" in error.what.en
    assert error.do is not None
    for said in (error.do.en, error.do.zh):
        assert f"cardfab bureau remake ask {place.name} 2" in said
        assert f"cardfab bureau remake approve {place.name} --second" in said
    with place.database.reading() as tx:
        assert [one.id for one in tx.jobs.every_of(job.request_id)] == [job.id]


def test_the_remake_of_the_book_is_the_stations_too(place: Bureau) -> None:
    place.spoil(2)
    spoiled = place.job(2)
    remakes.ask(place.desks["li"], place.name)
    [new] = remakes.approve(place.desks["zhao"], place.name, "wang")
    assert make_again(place.desks["li"], spoiled.id) == new


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", ("CF-4100 芯片无应答。 (2)", "2（待检 1，合格 1）")),
        ("en", ("CF-4100 The chip does not answer. (2)", "2 (not checked 1, good 1)")),
    ],
)
def test_reasons_and_samples_are_on_paper_in_its_language(
    place: Bureau, language: Language, said: tuple[str, ...]
) -> None:
    desk = replace(place.desks["li"], fonts=FontBook([Path("/usr/share/fonts")]))
    why = told("CF-4100", Text("The chip does not answer.", "芯片无应答。"))
    with place.database.transaction("faults and samples") as tx:
        tx.boxes.add_faults([FaultRow(place.run, "slot-1", None, "CF-4100", why, desk.at())] * 2)
        for at in (2, 3):
            tx.boxes.add_sample(place.job(at).id, place.batch_id, "rate", at=desk.at())
        tx.boxes.judge_sample(place.job(2).id, "good", by="li", at=desk.at())
    found = reconcile(desk, place.name)
    paper = " ".join(lines_of(papers.reconciliation_paper(desk, found, language)[1]))
    for words in said:
        assert words in paper, paper
    assert papers.reconciliation_values(found)["samples"] == {"": 1, "good": 1}


def test_the_last_doubt_settled_at_the_station_leaves_nothing_open(place: Bureau, tmp_path: Path) -> None:
    place.verify(2)
    for at in (1, 3):
        place.make(at)
    place.doubt(2)
    place.end_run()
    desk = place.desks["li"]
    work = place.work(2)
    books.finish(desk, books.intact(desk, work))
    assert (place.job(2).state, place.batch.state) == (JobState.DONE, BatchState.RUNNING)
    batch, good, failed = return_file(place.desks["zhao"], place.name, tmp_path / "return.jsonl")
    assert (batch.state, good, failed) == (BatchState.MADE, 3, 0)
    assert place.batch.state is BatchState.MADE
