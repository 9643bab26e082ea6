"""``cardfab stock``: the blind count, the close of the day, the days that were closed, the book of a stock."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cardfab.cli.output import Talk, talk_of
from cardfab.cli.stockacts import Reason, Second, Stock
from cardfab.documents.counter import Language
from cardfab.errors import Text
from cardfab.production import Place
from cardfab.production.serials import SerialRange, serial_ranges
from cardfab.station.stockbook import closing, counting, papers, views

_DIFFERENCE = (
    Text("stock", "库存"), Text("place", "存放处"), Text("books", "账面数"), Text("counted", "清点数"),
    Text("by", "差额"),
)  # fmt: skip
_DAY = (Text("day", "营业日"), Text("closed", "日结时间"), Text("by", "日结人"), Text("paper", "编号"))
_BOOK = (
    Text("time", "时间"), Text("movement", "变动"), Text("cards", "张数"), Text("vault", "库房"),
    Text("machine", "机内"), Text("numbers, reason, people", "号码、事由、经办"),
)  # fmt: skip


def count(
    context: typer.Context, stock: Stock,
    machine: Annotated[int, typer.Option("--machine", min=0, help="Cards in the machine and its drawer.")],
    vault: Annotated[int, typer.Option("--vault", min=0, help="Cards in the vault.")] = 0,
    spoiled: Annotated[int, typer.Option("--spoiled", min=0, help="Cards in the box of spoiled ones.")] = 0,
    tests: Annotated[int, typer.Option("--tests", min=0, help="Test cards that are not destroyed.")] = 0,
) -> None:  # fmt: skip
    """Say what lies there; then the books say whether it agrees. A count is kept, a recount beside it."""
    talk = talk_of(context)
    places = {Place.STOCK: machine, Place.VAULT: vault, Place.SPOILED: spoiled, Place.TESTED: tests}
    with talk.desk() as desk:
        found = counting.count(desk, {stock: places})
    _show(talk, found)


def _show(talk: Talk, found: counting.Compared) -> None:
    rows = [
        (one.stock, talk.of(papers.PLACES[one.place]), str(one.expected), str(one.counted), f"{one.by:+d}")
        for one in found.differences
    ]
    value: dict[str, Any] = {
        "day": found.day.name,
        "differences": [asdict(one) | {"place": str(one.place), "by": one.by} for one in found.differences],
        "to_count": list(found.waiting),
    }
    agrees = Text("What was counted agrees with the books.", "已清点部分与账面一致。")

    def people() -> None:
        talk.table(_DIFFERENCE, rows, empty=agrees)
        if found.waiting:
            names = ", ".join(found.waiting)
            talk.out.print(talk.of(Text(f"Still to be counted: {names}.", f"尚待清点：{names}。")))

    talk.give(value, people)


def _where(words: list[str] | None, what: str) -> dict[tuple[str, Place], str]:
    """``STOCK:PLACE=TEXT`` options as a mapping."""
    names = {"machine": Place.STOCK, "vault": Place.VAULT, "spoiled": Place.SPOILED, "tests": Place.TESTED}
    found: dict[tuple[str, Place], str] = {}
    for word in words or ():
        where, equals, text = word.partition("=")
        stock, _, place = where.rpartition(":")
        if not equals or place not in names:
            raise typer.BadParameter("STOCK:machine|vault|spoiled|tests=TEXT", param_hint=what)
        found[stock, names[place]] = text
    return found


def close(
    context: typer.Context,
    why: Annotated[
        list[str] | None, typer.Option("--why", help="STOCK:PLACE=REASON of a difference; PLACE as in count.")
    ] = None,
    numbers: Annotated[
        list[str] | None, typer.Option("--numbers", help="STOCK:PLACE=first..last,... missing or too many there.")
    ] = None,
    second: Second = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="The paper of the day, to be signed by two.")] = None,
) -> None:
    """Close the day: everything is counted, each difference has a reason and a second name."""
    talk = talk_of(context)
    serials: dict[tuple[str, Place], tuple[SerialRange, ...]] = {
        where: serial_ranges(text.split(",")) for where, text in _where(numbers, "--numbers").items()
    }
    with talk.desk() as desk:
        at_stake = closing.jobs_at_stake(desk)
        day = closing.close_day(desk, _where(why, "--why"), second, serials)
        closed = views.closed_day(desk, day.name)
        if pdf is not None:
            pdf.write_bytes(papers.day_pdf(desk, day.name, _language(talk))[1])
    said = Text(f"The day {day.name} is closed: {day.paper}.", f"{day.name} 已日结，编号 {day.paper}。")

    def people() -> None:
        for number, request, state in at_stake:
            stake = Text(
                f"Job {number} ({request}) is {state.text.en}.", f"作业 {number}（{request}）：{state.text.zh}。"
            )
            talk.out.print(talk.of(stake))
        talk.out.print(talk.of(said))

    talk.give(papers.day_values(closed), people)


def open_(context: typer.Context, reason: Reason = "") -> None:
    """Begin another day although that of today is closed."""
    talk = talk_of(context)
    with talk.desk() as desk:
        day = closing.open_new(desk, reason)
    said = Text(f"The day {day.name} is open.", f"营业日 {day.name} 已开启。")
    talk.give({"day": day.name}, lambda: talk.out.print(talk.of(said)))


def days(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[DAY]", help="One day, as 2026-11-22.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Its paper.")] = None,
    table: Annotated[Path | None, typer.Option("--csv", help="Its figures for a spreadsheet.")] = None,
) -> None:
    """The days that were closed, or one of them: figures, paper, table."""
    talk = talk_of(context)
    with talk.desk() as desk:
        if name is None:
            found = views.days_of(desk)
        else:
            closed = views.closed_day(desk, name)
            found = (closed.day,)
            if pdf is not None:
                pdf.write_bytes(papers.day_pdf(desk, name, _language(talk))[1])
            if table is not None:
                table.write_text(papers.day_csv(closed), encoding="utf-8")
    rows = [(one.name, one.closed_at or "—", one.closed_by or "—", one.paper or "—") for one in found]
    value: Any = papers.day_values(closed) if name is not None else [asdict(one) | {"day": one.name} for one in found]
    empty = Text("No day was closed yet.", "尚无已日结的营业日。")
    talk.give(value, lambda: talk.table(_DAY, rows, empty=empty))


def book(
    context: typer.Context, stock: Stock,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="As paper, to be signed by two.")] = None,
) -> None:  # fmt: skip
    """Every movement of a stock, with what the vault and the machine held after it."""
    talk = talk_of(context)
    with talk.desk() as desk:
        found = views.book_of(desk, stock)
        if pdf is not None:
            pdf.write_bytes(papers.ledger_paper(desk, stock, _language(talk))[1])
    rows = [
        (one.time[5:], talk.of(one.what), str(one.row.count), str(one.vault), str(one.machine), _rest(talk, one))
        for one in found.entries
    ]
    value = [
        {"at": one.row.at, "from": one.row.source, "to": one.row.target, "count": one.row.count, "vault": one.vault,
         "machine": one.machine, "serials": one.numbers, "by": one.row.by, "second": one.row.second,
         "reason": one.row.reason, "note": one.row.note, "job": one.row.job_id}
        for one in found.entries
    ]  # fmt: skip
    empty = Text("No card was ever moved.", "尚无变动。")
    talk.give(value, lambda: talk.table(_BOOK, rows, empty=empty))


def _rest(talk: Talk, one: views.Entry) -> str:
    return " · ".join(part for part in (one.numbers, talk.of(one.why), one.people) if part)


def _language(talk: Talk) -> Language:
    return "zh" if talk.language == "zh" else "en"


def add_to(app: typer.Typer) -> None:
    """The commands of this module, in the group."""
    for command, name in ((count, "count"), (close, "close"), (open_, "open"), (days, "days"), (book, "book")):
        app.command(name)(command)
