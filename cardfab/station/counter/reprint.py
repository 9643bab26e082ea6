"""A receipt printed once more: what was said lies sealed with the service, and the new paper says that it is a copy."""

from __future__ import annotations

import json
from dataclasses import replace

from cardfab.documents.counter import Line, Receipt
from cardfab.errors import InputRefused, Text
from cardfab.production import Act
from cardfab.station.counter.clock import here_and_now
from cardfab.station.counter.kept import from_plain
from cardfab.station.counter.service import SEAL, Counter, sealed_for


class NoReceiptKept(InputRefused):
    """What the receipt said is not there: erased, not ended yet, or booked by an earlier version."""

    default_code = "CF-3581"


def reprint(counter: Counter, number: str) -> Receipt:
    """The receipt ``number`` again, with who prints it now. Raises ServiceUnknown, :class:`NoReceiptKept`."""
    desk = counter.desk
    desk.must(Act.READ)
    with desk.database.reading() as tx:
        row = tx.services.by_receipt(number.strip().upper())
    if row.sealed is None or row.salt is None:
        raise NoReceiptKept(
            Text(f"Nothing is kept of receipt {number}: the service did not end, or it was erased.",
                 f"回执 {number} 没有可补打的内容：业务未办结，或资料已清除。"),
            do=Text("'cardfab card read' shows what the card holds now.", "请用 cardfab card read 查看卡内现状。"),
        )  # fmt: skip
    try:
        kept = from_plain(json.loads(desk.keys.unseal(SEAL, row.salt, row.sealed, sealed_for(row))))
    except (KeyError, TypeError, ValueError) as other:
        raise NoReceiptKept(
            Text(f"Receipt {number} was booked by an earlier version and cannot be printed again.",
                 f"回执 {number} 由较早版本登记，不能补打。"),
            do=Text("Use the station's copy on paper.", "请使用网点留存的纸质回执。"),
        ) from other  # fmt: skip
    now = here_and_now(desk)
    with desk.database.transaction("receipt printed again") as tx:
        tx.audit.append(desk.event("counter.receipt", row.token, "done", {"receipt": row.receipt}))
    note = Line(Text("Printed again", "补打"), f"{now:%Y-%m-%d %H:%M}  {desk.person.login}")
    return replace(kept, made=replace(kept.made, language=counter.language), lines=(*kept.lines, note))
