"""``cardfab bureau status``: how far a batch is, once or live, from the database alone."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.live import Live

from cardfab.cli.bureaushow import plain_line, shown
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.session import open_door, person_here
from cardfab.errors import Text, UsageRefused
from cardfab.production.batches import BatchState
from cardfab.station.bureauview import BatchView, view
from cardfab.store import Database
from cardfab.store.bureaufigures import BatchHead

_ENDED = frozenset({BatchState.REFUSED, BatchState.MADE, BatchState.CLOSED, BatchState.ERASED})
_SHARE = 10
"""A look at a large batch costs the database something: a watcher rests so many times as long as the look took."""


def status(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[BATCH]", help="Its number or the issuer's reference; without it, all.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again; with --json a line each time.")] = False,
    every: Annotated[float, typer.Option("--every", help="Seconds between two looks.", min=0.2)] = 2.0,
) -> None:
    """How far a batch is: progress, rate, end, slots, faults, yield. It only reads: lines and workers go on."""
    talk = talk_of(context)
    if watch and name is None:
        raise UsageRefused(Text("Say which batch is to be watched.", "请指明要查看的批次。"))
    located = talk.located()
    with open_door(located) as door:
        person_here(located, door)
        database = door.database
        if name is None:
            with database.reading() as tx:
                heads = tx.bureau_figures.heads()
            talk.give({"batches": [_head(one) for one in heads]}, lambda: _list(talk, heads))
        elif watch:
            watch_(talk, _looks(database, name, every))
        else:
            found = view(database, name, datetime.now(UTC))
            talk.give(found.value(), lambda: talk.out.print(shown(found, talk.language), soft_wrap=False))


def _looks(database: Database, name: str, every: float) -> Iterator[BatchView]:
    """The batch again and again, until no line can change it any more."""
    while True:
        found = view(database, name, datetime.now(UTC))
        yield found
        if found.state in _ENDED and not found.alive:
            return
        time.sleep(max(every, _SHARE * found.took))


def watch_(talk: Talk, looks: Iterator[BatchView]) -> None:
    if talk.json:
        for one in looks:
            sys.stdout.write(json.dumps(one.value(), ensure_ascii=False) + "\n")
            sys.stdout.flush()
    elif talk.out.is_terminal:
        with Live(console=talk.out, auto_refresh=False, vertical_overflow="ellipsis") as live:
            for one in looks:
                live.update(shown(one, talk.language, talk.out.height), refresh=True)
    else:
        for one in looks:
            talk.out.print(plain_line(one, talk.language))


def _head(one: BatchHead) -> dict[str, object]:
    return {
        "batch": one.id, "issuer": one.issuer, "reference": one.reference, "state": one.state, "rows": one.rows,
        "wrong": one.wrong, "ordered": one.ordered, "changed": one.changed_at,
    }  # fmt: skip


def _list(talk: Talk, heads: tuple[BatchHead, ...]) -> None:
    columns = (
        Text("batch", "批次"), Text("cards", "卡数"), Text("state", "状态"), Text("changed", "更新时间"),
        Text("issuer and reference", "发卡机构及批号"),
    )  # fmt: skip
    rows = [
        (
            str(one.id), f"{one.rows:,}", talk.of(BatchState(one.state).text), one.changed_at[:16],
            f"{one.issuer} {one.reference}",
        )
        for one in heads
    ]  # fmt: skip
    talk.table(columns, rows, empty=Text("No batch was taken in yet.", "尚未接收批次。"))
