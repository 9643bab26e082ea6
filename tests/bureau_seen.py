"""A batch in the middle of its work, as rows in a station's database: for what shows it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Integer, LargeBinary, Table, insert

from cardfab.production.batches import BatchState
from cardfab.store import Database
from cardfab.store.bureautables import (
    bureau_batch,
    bureau_box,
    bureau_fault,
    bureau_remake,
    bureau_row,
    bureau_run,
    bureau_sample,
    bureau_shard,
    bureau_slot,
)
from cardfab.store.tables import batch, job, request

REFERENCE = "2026-0301"
SILENT = '{"code": "CF-4101", "en": "The chip does not answer.", "zh": "芯片无应答。"}'
TAKEN_OUT = '{"code": "CF-5400", "en": "Three faults one after another.", "zh": "连续三次故障。"}'


def fill(
    database: Database,
    now: datetime,
    *,
    rows: int = 40,
    box: int = 10,
    slots: int = 4,
    state: BatchState = BatchState.RUNNING,
    reference: str = REFERENCE,
) -> int:
    """A batch of which three quarters are brought to a line: its number.

    Of those, counted by place: every 20th spoiled, every 19th in doubt, the last few at work, the rest good.
    """
    at, begun = _at(now), _at(now - timedelta(minutes=5))
    with database.transaction("a batch of a test") as tx:
        to: Connection = tx.bureau_figures._connection
        batch_id = int(to.execute(insert(batch).values(
            source="holders.csv.p7m", rows=rows, salt=b"salt", imported_at=begun, imported_by="operator",
        )).inserted_primary_key[0])  # fmt: skip
        _put(to, bureau_batch, [{
            "id": batch_id, "token": f"t{batch_id}", "issuer": "County Bank", "reference": reference, "state": state,
            "rows": rows, "wrong": 1, "box_size": box, "shard_size": box, "received_by": "operator",
            "approved_by": "supervisor", "changed_at": begun, "cover": "{}",
        }])  # fmt: skip
        brought = 0 if state in (BatchState.WAITING, BatchState.APPROVED, BatchState.PREPARED) else rows * 3 // 4
        first_job = 1_000_000 * batch_id
        _put(to, request, [
            {"id": f"{batch_id}-{place}", "token": f"r{batch_id}-{place}", "batch_id": batch_id, "product": "p",
             "holder_index": b"%d" % place, "category": "c", "urgent": 0, "sealed": b""}
            for place in range(1, rows + 1)
        ])  # fmt: skip
        jobs = [
            {"id": first_job + place, "token": f"j{first_job + place}", "request_id": f"{batch_id}-{place}",
             "state": state_of(place, brought), "stock": "training-ssc2", "made_by": "operator", "changed_at": at}
            for place in range(2, brought + 1)
        ]  # fmt: skip
        if jobs:
            _put(to, job, jobs)
        _put(to, bureau_row, [
            {"batch_id": batch_id, "place": place, "request_id": f"{batch_id}-{place}", "token": f"w{batch_id}-{place}",
             "holder_index": b"%d" % place, "product": "p", "category": "c", "urgent": 0,
             "job_id": first_job + place if 1 < place <= brought else None,
             "left_out": "the row was wrong" if place == 1 else None}
            for place in range(1, rows + 1)
        ])  # fmt: skip
        done = state is not BatchState.APPROVED
        firsts = list(enumerate(range(1, rows + 1, box), 1))
        _put(to, bureau_shard, [
            {"batch_id": batch_id, "shard": number, "first": first, "last": min(first + box - 1, rows),
             "state": "DONE" if done or number == 1 else "WAITING", "cost": 0.5 if done or number == 1 else None,
             "ended_at": at if done or number == 1 else None, "digest": "00"}
            for number, first in firsts
        ])  # fmt: skip
        if brought:
            _line(to, batch_id, first_job, brought, slots, begun, at)
        run = batch_id if brought else None
        _put(to, bureau_box, [
            {"batch_id": batch_id, "box": number, "first": first, "last": min(first + box - 1, rows),
             "state": "WAITING" if first > brought else "FULL" if first + box <= brought else "IN_WORK",
             "run_id": None if first > brought else run, "changed_at": at,
             "slot": None if first > brought else f"slot-{number % slots + 1}"}
            for number, first in firsts
        ])  # fmt: skip
    return batch_id


def state_of(place: int, brought: int) -> str:
    """What became of a place."""
    if place > brought - 3:
        return "ENCODING"
    return "SPOILED" if place % 20 == 0 else "IN_DOUBT" if place % 19 == 0 else "DONE"


def _line(to: Connection, batch_id: int, first_job: int, brought: int, slots: int, begun: str, at: str) -> None:
    _put(to, bureau_run, [{
        "id": batch_id, "batch_id": batch_id, "line": "hall-2", "station": "outlet-1", "begun_by": "operator",
        "begun_at": begun, "seen_at": at,
    }])  # fmt: skip
    _put(to, bureau_slot, [
        {"run_id": batch_id, "slot": f"slot-{number}", "reader": f"pcsc:Reader {number:02} 00", "made": 5 + number,
         "spoiled": int(number == 2), "doubtful": int(number == 3), "faults": 4 if number == slots else number % 2,
         "busy": 24.0 + number, "state": "taken out" if number == slots else "working",
         "taken_out": TAKEN_OUT if number == slots else None}
        for number in range(1, slots + 1)
    ])  # fmt: skip
    _put(to, bureau_fault, [
        {"run_id": batch_id, "slot": f"slot-{slots if code == 'CF-5400' else 1}", "job_id": None, "code": code,
         "why": why, "at": at}
        for code, why in [("CF-5400", "The reader found no chip.")] * 4 + [("CF-4101", SILENT)] * 2
    ])  # fmt: skip
    if brought >= 20:
        _put(to, bureau_sample, [
            {"job_id": first_job + 3, "batch_id": batch_id, "rule": "rate", "outcome": "good", "at": at},
            {"job_id": first_job + 13, "batch_id": batch_id, "rule": "rate", "outcome": None, "at": at},
        ])  # fmt: skip
        _put(to, bureau_remake, [{
            "job_id": first_job + 20, "batch_id": batch_id, "place": 20, "asked_by": "operator", "asked_at": at,
        }])  # fmt: skip


def _put(to: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Rows with the values given, and something in every other column that wants a value."""
    for given in rows:
        for column in table.columns:
            if column.name not in (*given, "id") and not column.nullable and column.server_default is None:
                kind = column.type
                given[column.name] = 0 if isinstance(kind, Integer) else b"" if isinstance(kind, LargeBinary) else "-"
    to.execute(insert(table), rows)


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")
