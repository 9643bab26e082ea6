"""The pages of batches: progress, slots, faults, boxes, remakes; what is ordered of lines, once and by who may."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, update

from cardfab.production.batches import BatchState
from cardfab.store.bureautables import bureau_slot
from cardfab.web.floor import Floor
from tests.bureau_seen import REFERENCE, fill
from tests.web.browser import Browser


@pytest.fixture
def batch(floor: Floor) -> int:
    """A batch at work at the station."""
    return fill(floor.base.database, datetime.now(UTC))


@pytest.mark.proof
def test_a_batch_shows_how_far_it_is_and_lines_are_told_once(floor: Floor, batch: int, operator: Browser) -> None:
    assert "/bureau" in operator.get("/").text
    assert REFERENCE in operator.get("/bureau").text
    text = operator.get(f"/bureau/{batch}").text
    for said in ("24 / 39", "96.0 %", "1 of 2 checked", "Three faults one after another. [CF-5400]", "slot-3",
                 "pcsc:Reader 04 00", "The chip does not answer.", "waits for two", "21–30", "an hour"):  # fmt: skip
        assert said in text, said
    once = operator.hidden("once")
    answer = operator.post(f"/bureau/{batch}/order", once=once, order="pause")
    assert "Ordered: pause." in operator.follow(answer).text
    with floor.base.database.reading() as tx:
        assert tx.batches.get(batch).ordered == "pause"
    assert operator.post(f"/bureau/{batch}/order", once=once, order="stop").headers["location"] == f"/bureau/{batch}"
    with floor.base.database.reading() as tx:
        assert tx.batches.get(batch).ordered == "pause", "the same form twice is one order"
    assert 'value="go_on"' in operator.get(f"/bureau/{batch}").text
    part = operator.get(f"/bureau/{batch}/live").text
    assert "<html" not in part
    assert 'id="live"' in part
    assert operator.post(f"/bureau/{batch}/order", order="faster").status_code == 422
    chinese = Browser(floor, "zh").sign_in("operator")
    assert "<td>CF-4101</td><td>芯片无应答。</td>" in chinese.get(f"/bureau/{batch}").text
    assert "没有批次 77" in chinese.get("/bureau/77").text


@pytest.mark.proof
def test_who_only_looks_is_offered_no_order_and_a_waiting_batch_takes_none(floor: Floor, supervisor: Browser) -> None:
    batch = fill(floor.base.database, datetime.now(UTC), rows=160)
    waiting = fill(floor.base.database, datetime.now(UTC), state=BatchState.PREPARED, reference="second")
    text = supervisor.get(f"/bureau/{batch}").text
    assert " / 159" in text
    assert 'name="order"' not in text
    assert "Page 1 of 2" in supervisor.get("/jobs").text, "a page of jobs holds a hundred"
    jobs = supervisor.get("/jobs?page=2").text
    assert "Page 2 of 2" in jobs
    assert f"/jobs/{1_000_000 * batch + 2}" in jobs
    assert supervisor.post(f"/bureau/{batch}/order", order="stop").status_code == 403
    operator = Browser(floor).sign_in("operator")
    assert 'name="order"' not in operator.get(f"/bureau/{waiting}").text
    refused = operator.post(f"/bureau/{waiting}/order", order="stop")
    assert "no line works on it" in refused.text
    assert 'name="order"' in operator.get(f"/bureau/{batch}").text


def test_a_paused_line_is_shown_as_paused_and_without_an_end(floor: Floor, batch: int, operator: Browser) -> None:
    with floor.base.database.transaction("a pause") as tx:
        tx.batches.change(batch, ordered="pause")
        to: Connection = tx.bureau_figures._connection
        to.execute(update(bureau_slot).where(bureau_slot.c.taken_out.is_(None)).values(state="waiting"))
    text = operator.get(f"/bureau/{batch}/live").text
    assert "<dt>Rate</dt><dd>paused</dd>" in text
    assert "at work" not in text
    chinese = Browser(floor, "zh").sign_in("operator")
    assert "<dd>已暂停</dd>" in chinese.get(f"/bureau/{batch}/live").text
