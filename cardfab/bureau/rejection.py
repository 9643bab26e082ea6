"""The rejection file of a batch: each wrong row by number and request id, and why; nothing of its holder.

It is written at any time and as often as is wished: what was wrong with rows is kept until the batch is erased.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from cardfab.bureau.books.handing import BatchUnfit, new_file
from cardfab.errors import InputRefused, Text
from cardfab.prepare.finding import COLUMN_NAMES
from cardfab.production.batches import BatchState
from cardfab.station.desk import Desk
from cardfab.store.batches import BureauBatchRow

_HEAD = ("row", "request_id", "field", "field_zh", "reason_en", "reason_zh")
_ENDS = (".csv", ".json")


class RejectionUnwritten(InputRefused):
    """The rejection file cannot be written where it was asked for, or something of its name is there."""

    default_code = "CF-3498"


def rejection_names(out: Path) -> tuple[Path, Path]:
    """What it is called as CSV and as JSON; ``out`` may end as one of them."""
    stem = out.with_suffix("") if out.suffix in _ENDS else out
    return stem.with_name(stem.name + ".csv"), stem.with_name(stem.name + ".json")


def free_name(beside: Path) -> Path:
    """A name for the rejection file of a file of an issuer, at which nothing is yet."""
    for number in count(1):
        out = beside.with_name(f"{beside.name}.rejected" + (f"-{number}" if number > 1 else ""))
        if not any(map(os.path.lexists, rejection_names(out))):
            break
    return out


def require_free(out: Path) -> None:
    """Raises :class:`RejectionUnwritten` where something of its names is there."""
    for one in rejection_names(out):
        if os.path.lexists(one):
            raise _taken(one)


def write_rejected(desk: Desk, batch: BureauBatchRow, out: Path) -> tuple[Path, Path]:
    """Write it as CSV and as JSON, finding by finding; both paths, as :func:`rejection_names` has them.

    Raises BatchUnfit, and :class:`RejectionUnwritten`, after which nothing of it is left.
    """
    if batch.state in (BatchState.RECEIVING, BatchState.ERASED):
        raise BatchUnfit(
            Text(
                f"Batch {batch.reference} is {batch.state.text.en}: there is nothing that names its wrong rows.",
                f"批次 {batch.reference} 状态为“{batch.state.text.zh}”，没有有误行的记录。",
            )
        )
    table, objects = rejection_names(out)
    try:
        with _ours(table, objects), new_file(table) as (rows, _), new_file(objects) as (found, _):
            _write(desk, batch, rows, found)
    except FileExistsError as there:
        raise _taken(Path(there.filename)) from None
    except OSError as error:
        raise RejectionUnwritten(
            Text(
                f"The rejection file {table} was not written: {error.strerror}.",
                f"退回文件 {table} 未能写入：{error.strerror}。",
            ),
            do=Text("Correct the path, or make room there.", "请更正路径，或腾出空间。"),
        ) from error
    return table, objects


def _write(desk: Desk, batch: BureauBatchRow, table: Callable[[bytes], None], objects: Callable[[bytes], None]) -> None:
    head = {
        "issuer": batch.issuer, "reference": batch.reference, "batch": batch.id, "sha256": batch.file_digest,
        "rows": batch.rows, "wrong": batch.wrong,
    }  # fmt: skip
    rows = csv.writer(_Utf8(table))
    table("\ufeff".encode())  # a spreadsheet knows UTF-8 by its mark
    rows.writerow(_HEAD)
    objects((json.dumps(head, ensure_ascii=False)[:-1] + ', "findings": [').encode())
    with desk.database.reading() as tx:
        for number, one in enumerate(tx.batches.findings(batch.id)):
            zh = COLUMN_NAMES[one.field].zh if one.field in COLUMN_NAMES else one.field
            values = (one.row, one.request_id, one.field, zh, one.reason.en, one.reason.zh)
            rows.writerow(values)
            objects(b",\n" if number else b"\n")
            objects(json.dumps(dict(zip(_HEAD, values, strict=True)), ensure_ascii=False).encode())
    objects(b"\n]}\n")


class _Utf8:
    """Takes text where bytes are written."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write

    def write(self, text: str) -> None:
        self._write(text.encode())


@contextmanager
def _ours(*files: Path) -> Iterator[None]:
    """Names that are taken before anything is written to them; on any error nothing is left at them."""
    ours: list[Path] = []
    try:
        for one in files:
            os.close(os.open(one, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            ours.append(one)
        yield
    except BaseException:
        for one in ours:
            one.unlink(missing_ok=True)
        raise


def _taken(file: Path) -> RejectionUnwritten:
    return RejectionUnwritten(
        Text(f"{file} is there already; nothing takes its place.", f"{file} 已存在，不予覆盖。"),
        do=Text("Give the rejection file another name.", "请为退回文件另取名称。"),
    )


__all__ = ["RejectionUnwritten", "free_name", "rejection_names", "require_free", "write_rejected"]
