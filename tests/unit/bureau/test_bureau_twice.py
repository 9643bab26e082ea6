"""What was done with a batch is not done again: who tries hears that it is so already, since when and by whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cardfab.bureau.books.erasing import erase
from cardfab.bureau.books.reconcile import MailersLeft, NotClosed, close, reconcile, sign, signatures
from cardfab.bureau.books.returning import return_file
from cardfab.bureau.books.shipping import NothingToShip, ship
from cardfab.bureau.deciding import approve, refuse
from cardfab.errors import CardfabError, Text
from cardfab.production.batches import BatchState
from tests.bureau_books import Bureau, bureau, empty


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Bureau]:
    with bureau(tmp_path, empty(tmp_path)) as one:
        yield one


def made(place: Bureau) -> Bureau:
    """A batch of one box, all of whose cards are made."""
    place.take_in(2, box=2)
    place.bring()
    place.make(1)
    place.make(2)
    place.end_run()
    return place


def closed(place: Bureau) -> Bureau:
    made(place)
    sign(place.desks["li"], reconcile(place.desks["li"], place.name), "zhao")
    close(place.desks["zhao"], place.name, without_mailers=True)
    return place


def what(refused: pytest.ExceptionInfo[CardfabError]) -> Text:
    assert refused.value.exit_status == 7
    return refused.value.what


def test_a_batch_is_approved_once(place: Bureau) -> None:
    place.take_in(2)
    wang = place.desks["wang"]
    with pytest.raises(CardfabError) as refused:
        approve(wang, place.batch_id, second="zhao")
    assert what(refused).en.endswith(", by zhao and wang; it is prepared.")
    assert "由 zhao、wang 审核通过" in what(refused).zh
    with place.database.transaction("as if nobody had prepared it") as tx:
        tx.batches.change(place.batch_id, state=BatchState.APPROVED)
    with pytest.raises(CardfabError) as refused:
        approve(wang, place.batch_id, second="zhao")
    assert (
        what(refused).en == f"Batch {place.batch_id} is approved already, since 2026-11-21 08:00 UTC, by zhao and wang."
    )


def test_a_batch_is_refused_once_and_not_when_its_cards_were_begun(place: Bureau) -> None:
    made(place)
    with pytest.raises(CardfabError) as refused:
        refuse(place.desks["wang"], place.batch_id, why="too late")
    assert what(refused).en == f"Batch {place.batch_id} is in production: it cannot become refused."
    place.take_in(2)
    refuse(place.desks["wang"], place.batch_id, why="wrong file")
    for act in (lambda: refuse(place.desks["zhao"], place.batch_id, why="again"),
                lambda: approve(place.desks["zhao"], place.batch_id),
                lambda: close(place.desks["zhao"], place.name)):  # fmt: skip
        with pytest.raises(CardfabError) as refused:
            act()
        assert "is refused" in what(refused).en
        assert "since 2026-11-21 08:00 UTC, by wang" in what(refused).en


def test_a_batch_is_closed_and_erased_once(place: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    closed(place)
    with pytest.raises(CardfabError) as refused:
        close(place.desks["wang"], place.name)
    assert what(refused).en == f"Batch {place.batch_id} is closed already, since 2026-11-21 08:00 UTC, by zhao."
    with pytest.raises(CardfabError) as refused:
        approve(place.desks["wang"], place.batch_id, second="zhao")
    assert what(refused).en.endswith(", by zhao and wang; it is closed.")
    [event] = place.events("bureau.close")
    assert (event.actor, event.details["good"]) == ("zhao", "2")
    return_file(place.desks["zhao"], place.name, place.folder / "back.json", "json")
    erase(place.desks["zhao"], place.name, "wang")
    with pytest.raises(CardfabError) as refused:
        erase(place.desks["wang"], place.name, "zhao")
    assert what(refused).en.endswith("is erased already, since 2026-11-21 08:00 UTC, by zhao and wang.")


def test_boxes_that_all_left_are_not_said_to_be_unready(place: Bureau) -> None:
    made(place)
    ship(place.desks["wang"], place.name)
    with pytest.raises(NothingToShip) as refused:
        ship(place.desks["zhao"], place.name)
    assert refused.value.code == "CF-7382"
    assert what(refused).en == (
        f"Every box of batch {place.batch.reference} (1) was shipped already, the last on 2026-11-21 08:00 UTC by wang."
    )


def test_a_batch_is_not_closed_before_its_mailers_are_printed_unless_somebody_says_so(place: Bureau) -> None:
    made(place)
    sign(place.desks["li"], reconcile(place.desks["li"], place.name), "zhao")
    with place.database.transaction("one was printed") as tx:
        tx.jobs.next_number(f"mailer:{place.job(2).id}", 1)
    zhao = place.desks["zhao"]
    with pytest.raises(MailersLeft) as refused:
        close(zhao, place.name)
    assert what(refused).en.startswith("1 finished cards of batch ")
    assert refused.value.do is not None
    assert f"'cardfab bureau mailers {place.batch_id}'" in refused.value.do.en
    assert place.batch.state is not BatchState.CLOSED
    assert close(zhao, place.name, without_mailers=True).state is BatchState.CLOSED
    assert [event.details["without_mailer"] for event in place.events("bureau.close")] == ["1"]


def test_books_that_differ_are_not_closed_though_two_people_signed_them(place: Bureau) -> None:
    made(place)
    with place.database.transaction("by hand") as tx:
        tx.bureau_finish._connection.exec_driver_sql(
            "DELETE FROM stock_movement WHERE job_id = 1 AND target = 'issued'"
        )
    found = reconcile(place.desks["li"], place.name)
    sign(place.desks["li"], found, "zhao")
    assert [(one.by, one.second) for one in signatures(place.desks["li"], found)] == [("li", "zhao")]
    with pytest.raises(NotClosed, match="differences"):
        close(place.desks["zhao"], place.name, without_mailers=True)
