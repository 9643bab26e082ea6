"""A batch adds up whatever happens to its cards, and what does not is named; nothing open is closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from cardfab.bureau.books import remakes
from cardfab.bureau.books.reconcile import NotClosed, Reconciliation, close, reconcile, reconciled, sign
from cardfab.crypto import password
from cardfab.production import JobState, NotAllowed, SamePerson
from cardfab.production.batches import BatchState, BoxState
from tests.bureau_books import Bureau, bureau, empty

ROWS = 7


@pytest.fixture(autouse=True, scope="module")
def _cheap() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(password, "_KIB", 64)
        yield


@pytest.fixture(scope="module")
def shared(_cheap: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return empty(tmp_path_factory.mktemp("books"))


@pytest.fixture
def place(shared: Path, tmp_path: Path) -> Iterator[Bureau]:
    with bureau(tmp_path, shared) as one:
        yield one


def found(one: Bureau, login: str = "li") -> Reconciliation:
    return reconcile(one.desks[login], one.name)


ENDS: dict[str, Callable[[Bureau, int], None]] = {
    "made": Bureau.make,
    "spoiled while feeding": lambda one, at: (one.claim(at), one.spoil(at, "CF-5100")),  # type: ignore[dict-item]
    "spoiled": lambda one, at: (one.claim(at), one.write(at), one.spoil(at)),  # type: ignore[dict-item]
    "not fed": lambda one, at: (one.claim(at), one.untouched(at)),  # type: ignore[dict-item]
    "doubt": lambda one, at: (one.claim(at), one.write(at), one.doubt(at)),  # type: ignore[dict-item]
    "left in work": lambda one, at: (one.claim(at), one.write(at)),  # type: ignore[dict-item]
    "nothing": lambda one, at: None,
}


def act(one: Bureau, what: str, at: int) -> None:
    """One thing that happens to a place, where it can."""
    state = one.job(at).state
    if state is JobState.QUEUED:
        ENDS[what](one, at)
    elif state is JobState.IN_DOUBT:
        one.spoil(at, "CF-9101", "cut off while encoding")
    elif state is JobState.ENCODING:
        one.verify(at)
        one.finish(at)
    elif state is JobState.SPOILED and what != "nothing":
        remakes.ask(one.desks["li"], one.name, [at])
        remakes.approve(one.desks["zhao"], one.name, "wang")


def equation(one: Reconciliation) -> None:
    """The equation holds of the batch, of every box and of every process, and nothing is counted twice."""
    for line in (one.line, *(box.line for box in one.boxes), *(each.line for each in one.processes)):
        assert line.difference == 0
        assert min(line.figures()) >= 0
    assert sum((box.line for box in one.boxes), start=type(one.line)()) == one.line
    assert sum(each.line.good for each in one.processes) == one.line.good
    assert sum(each.line.spoiled for each in one.processes) == one.line.spoiled
    assert one.processes[-1].line.handed_over == one.line.handed_over + one.line.in_doubt
    assert sum(one.places.parts) == one.places.rows == ROWS
    assert [each for each in one.differences if each.blocks] == []


def named(one: Bureau, said: Reconciliation) -> None:
    """Every spoiled and doubtful card, each blank in work and each row left out is named, once, with who and when."""
    with one.database.reading() as tx:
        jobs = [job for job in tx.jobs.all() if job.state is JobState.SPOILED or job.state in ("IN_DOUBT", "ENCODING")]
        out = [row.place for row in tx.batches.rows_of(one.batch_id, left_out=True) if row.left_out]
    assert sorted(each.job_id or 0 for each in said.named if each.state != "left out") == [job.id for job in jobs]
    assert [each.place for each in said.named if each.state == "left out"] == out
    assert all(each.by and each.at for each in said.named)
    assert all(each.why for each in said.named if each.state in ("SPOILED", "IN_DOUBT", "left out"))


def story(one: Bureau, steps: list[tuple[str, int]], again: int) -> None:
    """Things happen to places, with a new run before step ``again``; then what is open is ended, and it is closed."""
    one.take_in(ROWS, box=3, wrong=(4,))
    one.bring()
    for number, (what, at) in enumerate(steps):
        if number == again:
            one.end_run()
            one.later(minutes=1)
            one.bring()
        act(one, what, at)
    said = found(one)
    equation(said)
    named(one, said)
    for at in (1, 2, 3, 5, 6, 7):
        while one.job(at).state not in (JobState.DONE, JobState.SPOILED):
            act(one, "made", at)
        if one.job(at).state is JobState.SPOILED:
            remakes.give_up(one.desks["zhao"], one.name, at, "no time left", "wang")
    one.end_run()
    said = found(one)
    equation(said)
    assert said.open == ()
    assert said.places.left_out == said.given_up + 1
    sign(one.desks["li"], said, "zhao")
    assert close(one.desks["zhao"], one.name, without_mailers=True).state is BatchState.CLOSED


@pytest.mark.proof
def test_a_history_with_everything_in_it_adds_up(place: Bureau) -> None:
    steps = [
        ("made", 1),
        ("spoiled", 2),
        ("doubt", 3),
        ("spoiled", 2),
        ("not fed", 5),
        ("left in work", 6),
        ("made", 2),
    ]
    story(place, [*steps, ("spoiled while feeding", 7)], again=5)


@pytest.mark.proof
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.sampled_from(sorted(ENDS)), st.sampled_from([1, 2, 3, 5, 6, 7])), max_size=14),
    again=st.integers(0, 14),
)
@pytest.mark.shows("good + spoiled + in doubt adds up to the blanks used (proof)")
def test_any_history_adds_up(shared: Path, tmp_path: Path, steps: list[tuple[str, int]], again: int) -> None:
    """Spoiled, doubtful, made again, cut off and begun again: it adds up at every stop, and the end is closed."""
    for file in tmp_path.glob("station.db*"):
        file.unlink()
    with bureau(tmp_path, shared) as one:
        story(one, steps, again)


BEHIND = {
    "UPDATE stock_movement SET target = 'spoiled' WHERE target = 'issued' AND job_id = 1": "good cards",
    "DELETE FROM stock_movement WHERE source = 'stock' AND job_id = 1": "blanks that came",
    "UPDATE stock_movement SET count = 2 WHERE target = 'spoiled' AND job_id = 2": "spoiled cards",
    "UPDATE job SET state = 'SPOILED' WHERE id = 1": "good cards",
    "UPDATE issued_card SET job_id = 3 WHERE job_id = 1; DELETE FROM issued_card": "finished cards in the cards' book",
    "DELETE FROM bureau_card WHERE place = 7; DELETE FROM bureau_row WHERE place = 7": "rows of the file",
    "UPDATE bureau_box SET last = last - 1 WHERE box = 1": "places of the box",
}


@pytest.mark.shows("good + spoiled + in doubt adds up to the blanks used (test)")
def test_a_count_changed_behind_its_back_is_named(place: Bureau) -> None:
    place.take_in(ROWS, box=3)
    place.bring()
    place.make(1)
    place.claim(2)
    place.spoil(2)
    batch = place.batch
    for change, what in BEHIND.items():
        with place.database.reading() as tx:  # what is changed inside is rolled back
            assert reconciled(tx, batch).balanced
            for one in change.split(";"):
                tx.bureau_finish._connection.execute(text(one))
            said = reconciled(tx, batch)
        assert not said.balanced, change
        assert what in " ".join(one.what.en for one in said.differences), change
        assert any("differences" in one.en for one in said.open), "it is not closed"


def test_what_a_killed_line_did_not_count_is_named_and_blocks_nothing(place: Bureau) -> None:
    place.take_in(ROWS, box=3)
    place.bring()
    place.make(1)
    place.make(2)
    place.made["made"] = 1
    place.end_run()
    said = found(place)
    assert said.balanced
    [one] = said.differences
    assert (one.expected, one.found, one.blocks) == (2, 1, False)
    assert "slots counted" in one.what.en


@pytest.mark.proof
def test_a_process_carries_over_what_the_last_one_left(place: Bureau) -> None:
    place.take_in(ROWS, box=3)
    place.bring()
    place.claim(1)
    place.write(1)
    place.doubt(1)
    place.end_run()
    place.later(hours=1)
    place.bring()
    place.spoil(1, "CF-9101")
    place.make(2)
    first, second = found(place).processes
    assert (first.line.issued, first.line.handed_over) == (1, 1)
    assert (second.line.carried, second.line.issued, second.line.good, second.line.spoiled) == (1, 1, 1, 1)
    assert second.line.handed_over == second.line.difference == 0


@pytest.mark.proof
def test_doubt_and_what_is_not_made_keep_it_open(place: Bureau) -> None:
    place.take_in(3, box=3)
    place.bring()
    place.make(1)
    place.claim(2)
    place.write(2)
    place.doubt(2)
    said = found(place)
    assert said.balanced
    assert [one.en.split(":")[0] for one in said.open] == ["1 in doubt", "1 not made yet"]
    sign(place.desks["li"], said, "zhao")
    with pytest.raises(NotClosed, match="1 in doubt"):
        close(place.desks["zhao"], place.name)


@pytest.mark.proof
def test_it_is_closed_as_it_was_signed_and_not_otherwise(place: Bureau) -> None:
    place.take_in(2, box=2)
    place.bring()
    place.make(1)
    place.make(2)
    place.end_run()
    with pytest.raises(NotClosed, match="not signed"):
        close(place.desks["zhao"], place.name)
    said = found(place)
    with pytest.raises(SamePerson):
        sign(place.desks["li"], said, "li")
    digest = sign(place.desks["li"], said, "zhao")
    [event] = place.events("bureau.reconciliation")
    assert (event.actor, event.details["second"], event.details["digest"]) == ("li", "zhao", digest)
    assert [event.details[name] for name in ("good", "spoiled", "count")] == ["2", "0", "2"]
    with pytest.raises(NotAllowed):
        close(place.desks["li"], place.name)
    close(place.desks["zhao"], place.name, without_mailers=True)
    assert place.batch.state is BatchState.CLOSED


@pytest.mark.proof
def test_a_remake_is_asked_by_one_and_approved_by_two_others(place: Bureau) -> None:
    place.take_in(4, box=2)
    place.bring()
    for at in (1, 2):
        place.claim(at)
        place.write(at)
        place.spoil(at)
    place.make(3)
    place.make(4)
    li, zhao, wang = (place.desks[login] for login in ("li", "zhao", "wang"))
    with pytest.raises(NotAllowed):
        remakes.ask(zhao, place.name)
    with pytest.raises(remakes.NotForRemake, match="3"):
        remakes.ask(li, place.name, [1, 3])
    assert remakes.ask(li, place.name) == (1, 2)
    assert remakes.ask(li, place.name) == ()
    with pytest.raises(NotAllowed):
        remakes.approve(li, place.name, "zhao")
    with pytest.raises(remakes.RemakeAlone):
        remakes.approve(zhao, place.name)
    for second in ("zhao", "li"):
        with pytest.raises((SamePerson, NotAllowed)):
            remakes.approve(zhao, place.name, second)
    with place.database.transaction("full") as tx:
        for box in tx.boxes.of(place.batch_id):
            tx.boxes.claim(place.batch_id, place.run, "slot-1", at=li.at())
            tx.boxes.leave(tx.boxes.of(place.batch_id)[box.box - 1], BoxState.FULL, at=li.at())
    spoiled = [place.job(at).id for at in (1, 2)]
    new = remakes.approve(zhao, place.name, "wang")
    assert [one.remake_of for one in new] == spoiled
    assert [place.job(at).id for at in (1, 2)] == [one.id for one in new], "for the same places"
    assert {one.state for one in new} == {JobState.QUEUED}
    assert place.boxes() == [BoxState.WAITING, BoxState.FULL]
    assert remakes.approve(zhao, place.name, "wang") == (), "never twice for one job"
    assert remakes.ask(li, place.name) == ()
    assert remakes.approve(wang, place.name, "zhao") == ()
    rows, waiting = remakes.remake_list(zhao, place.name)
    assert [(one.asked_by, one.approved_by, one.second) for one in rows] == [("li", "zhao", "wang")] * 2
    assert waiting == ()
    assert {one.again for one in found(place).named} == {one.id for one in new}


@pytest.mark.proof
def test_a_place_is_given_up_with_a_reason(place: Bureau) -> None:
    place.take_in(3, box=3)
    place.bring()
    place.make(1)
    place.claim(2)
    place.spoil(2)
    zhao = place.desks["zhao"]
    with pytest.raises(remakes.NotForRemake):
        remakes.give_up(zhao, place.name, 1, "why not", "wang")
    remakes.ask(place.desks["li"], place.name)
    remakes.give_up(zhao, place.name, 2, "the holder has died", "wang")
    assert place.batch.state is BatchState.RUNNING
    remakes.give_up(zhao, place.name, 3, "the issuer took it back", "wang")
    assert place.batch.state is BatchState.MADE, "nothing is left to be made"
    said = found(place)
    assert (said.places.made, said.places.left_out, said.given_up) == (1, 2, 2)
    out = {one.place: (one.why, one.by) for one in said.named if one.state == "left out"}
    assert out == {2: ("the holder has died", "zhao"), 3: ("the issuer took it back", "zhao")}
    assert remakes.approve(zhao, place.name, "wang") == ()
    assert len(place.events("bureau.give-up")) == 2
