"""``cardfab card doubt``: services whose outcome is not known, what to do with each, and the end of a doubt."""

from __future__ import annotations

from typing import Annotated

import typer

from cardfab.cli.counterdesk import at_counter
from cardfab.cli.output import talk_of
from cardfab.errors import Text
from cardfab.production import Act
from cardfab.station.counter.advice import advice
from cardfab.station.counter.clock import in_china
from cardfab.station.counter.doubts import in_doubt, settle_doubt
from cardfab.station.counter.kinds import Kind


def doubt(
    context: typer.Context,
    settled: Annotated[
        str | None,
        typer.Option("--settled", metavar="RECEIPT", help="This one was looked into; nothing is left to do."),
    ] = None,
) -> None:
    """Services that were cut off or had no answer, and what to do with each. No card is needed."""
    talk = talk_of(context)
    with at_counter(talk) as (counter, _):
        counter.desk.must(Act.READ)
        if settled is not None:
            settle_doubt(counter.desk, settled)
        found = in_doubt(counter.desk)
    values = [
        {"receipt": row.receipt, "service": row.service, "begun": row.begun_at, "by": row.checked_by,
         "reason": row.reason, "do": advice(Kind(row.service)).en}
        for row in found
    ]  # fmt: skip
    columns = (
        Text("receipt", "回执"), Text("service", "业务"), Text("begun", "开始时间"), Text("by", "经办人"),
        Text("what to do", "如何处理"),
    )  # fmt: skip
    rows = [
        (row.receipt, talk.of(Kind(row.service).text), f"{in_china(row.begun_at):%Y-%m-%d %H:%M}", row.checked_by,
         talk.of(advice(Kind(row.service))))
        for row in found
    ]  # fmt: skip
    talk.give(values, lambda: talk.table(columns, rows, empty=Text("No service is in doubt.", "没有存疑业务。")))


__all__ = ["doubt"]
