"""The rejection file of a batch: each wrong row by number and request id, and why; nothing of its holder."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from cardfab.prepare.finding import COLUMN_NAMES
from cardfab.station.desk import Desk
from cardfab.store.batches import BureauBatchRow

_HEAD = ("row", "request_id", "field", "field_zh", "reason_en", "reason_zh")


def write_rejected(desk: Desk, batch: BureauBatchRow, file: Path) -> tuple[Path, Path]:
    """Write it as CSV to ``file`` and as JSON beside it, finding by finding; both paths."""
    beside = file.with_suffix(".json")
    head = {
        "issuer": batch.issuer, "reference": batch.reference, "batch": batch.id, "sha256": batch.file_digest,
        "rows": batch.rows, "wrong": batch.wrong,
    }  # fmt: skip
    with (
        desk.database.reading() as tx,
        file.open("w", encoding="utf-8-sig", newline="") as table,  # a spreadsheet knows UTF-8 by its mark
        beside.open("w", encoding="utf-8") as objects,
    ):
        rows = csv.writer(table)
        rows.writerow(_HEAD)
        objects.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "findings": [')
        for number, one in enumerate(tx.batches.findings(batch.id)):
            zh = COLUMN_NAMES[one.field].zh if one.field in COLUMN_NAMES else one.field
            values = (one.row, one.request_id, one.field, zh, one.reason.en, one.reason.zh)
            rows.writerow(values)
            objects.write(",\n" if number else "\n")
            objects.write(json.dumps(dict(zip(_HEAD, values, strict=True)), ensure_ascii=False))
        objects.write("\n]}\n")
    return file, beside


__all__ = ["write_rejected"]
