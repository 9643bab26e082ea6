"""A receipt printed again: what was said lies sealed with the service, and a new paper says that it is a copy."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cardfab.documents.counter import Line, Receipt, Statement
from cardfab.errors import InputRefused, Text
from cardfab.production import Act
from cardfab.station.counter.clock import here_and_now
from cardfab.station.counter.kept import from_plain, statement_from_plain
from cardfab.station.counter.service import SEAL, Counter, sealed_for
from cardfab.store import ServiceRow

FRESH = timedelta(minutes=15)
"""How long who served may print the papers of the service without their being copies."""


class NoReceiptKept(InputRefused):
    """What the receipt said is not there: erased, not ended yet, or booked by an earlier version."""

    default_code = "CF-3581"


def reprint(counter: Counter, number: str) -> Receipt:
    """The receipt ``number`` again, with who prints it now. Raises ServiceUnknown, :class:`NoReceiptKept`."""
    row, receipt = _receipt(counter, number)
    return _copy(counter, row, receipt)


def look(counter: Counter, number: str) -> tuple[Receipt, bool]:
    """What a receipt says, to be read on a screen, and whether a statement lies with it. Prints nothing."""
    row, receipt = _receipt(counter, number)
    return receipt, "statement" in _kept(counter, row, number).get("papers", {})


def first_print(counter: Counter, number: str) -> Receipt:
    """The paper of a service that has just ended, for who served; for anybody else, or later, a copy."""
    row, receipt = _receipt(counter, number)
    return receipt if _fresh(counter, row) else _copy(counter, row, receipt)


def statement_again(counter: Counter, number: str) -> Statement:
    """The statement that lies with a receipt. Raises ServiceUnknown, :class:`NoReceiptKept`."""
    row = _row(counter, number)
    found = _kept(counter, row, number).get("papers", {}).get("statement")
    if found is None:
        raise _nothing(number)
    if not _fresh(counter, row):
        _record(counter, row)
    return statement_from_plain(found)


def _copy(counter: Counter, row: ServiceRow, receipt: Receipt) -> Receipt:
    _record(counter, row)
    now = here_and_now(counter.desk)
    note = Line(Text("Printed again", "补打"), f"{now:%Y-%m-%d %H:%M}  {counter.desk.person.login}")
    made = replace(receipt.made, language=counter.language)
    return replace(receipt, made=made, lines=(*receipt.lines, note))


def _record(counter: Counter, row: ServiceRow) -> None:
    desk = counter.desk
    with desk.database.transaction("receipt printed again") as tx:
        tx.audit.append(desk.event("counter.receipt", row.token, "done", {"receipt": row.receipt}))


def _fresh(counter: Counter, row: ServiceRow) -> bool:
    mine = row.checked_by == counter.desk.person.login
    return mine and row.ended_at is not None and counter.desk.now() - datetime.fromisoformat(row.ended_at) < FRESH


def _row(counter: Counter, number: str) -> ServiceRow:
    counter.desk.must(Act.READ)
    with counter.desk.database.reading() as tx:
        return tx.services.by_receipt(number.strip().upper())


def _kept(counter: Counter, row: ServiceRow, number: str) -> dict[str, Any]:
    if row.sealed is None or row.salt is None:
        raise _nothing(number)
    found: dict[str, Any] = json.loads(counter.desk.keys.unseal(SEAL, row.salt, row.sealed, sealed_for(row)))
    return found


def _receipt(counter: Counter, number: str) -> tuple[ServiceRow, Receipt]:
    row = _row(counter, number)
    kept = _kept(counter, row, number)
    if kept.keys() == {"papers"}:  # it was cut off behind its papers
        raise _nothing(number)
    try:
        return row, from_plain(kept)
    except (KeyError, TypeError, ValueError) as other:
        raise NoReceiptKept(
            Text(f"Receipt {number} was booked by an earlier version and cannot be printed again.",
                 f"回执 {number} 由较早版本登记，不能补打。"),
            do=Text("Use the station's copy on paper.", "请使用网点留存的纸质回执。"),
        ) from other  # fmt: skip


def _nothing(number: str) -> NoReceiptKept:
    return NoReceiptKept(
        Text(f"Nothing is kept of receipt {number}: the service did not end, or it was erased.",
             f"回执 {number} 没有可补打的内容：业务未办结，或资料已清除。"),
        do=Text("'cardfab card read' shows what the card holds now.", "请用 cardfab card read 查看卡内现状。"),
    )  # fmt: skip
