"""``cardfab stock``: cards in, every movement, the equation, the close of the day."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli import stockacts, stockday
from cardfab.cli.output import talk_of
from cardfab.cli.stockacts import Count, Counted, Ranges, Second, SecondCount, Stock, counts, named, say
from cardfab.errors import StockFault, Text
from cardfab.production import Place
from cardfab.station.stockbook import acts
from cardfab.station.stockbook.views import must_see_book, today
from cardfab.station.stockroom import accounts, off_the_record, receive

_COLUMNS = (
    Text("stock", "库存"),
    Text("opening", "期初"),
    Text("issued", "成卡"),
    Text("spoiled", "废卡"),
    Text("in doubt", "存疑"),
    Text("remaining", "剩余"),
)
_MORE = (Text("vault", "库房"), Text("tests", "测试"), Text("missing", "盘亏"), Text("destroyed", "销毁"))
"""Columns of places that not every station has cards in."""
app = typer.Typer(help="Blank, finished and spoiled cards.", no_args_is_help=True)


@app.command("receive")
def receive_(
    context: typer.Context,
    stock: Stock,
    count: Count = None,
    ranges: Ranges = None,
    note: Annotated[
        str | None, typer.Option("--note", help="Number of the delivery note: it goes to the vault.")
    ] = None,
    machine: Annotated[
        bool, typer.Option("--machine", help="With --note: to the machine, where there is no vault.")
    ] = False,
    second: Second = None,
    second_count: SecondCount = None,
    counted: Counted = None,
) -> None:
    """Book a delivery that two counted; without --note, in training, cards that were loaded into the machine."""
    talk = talk_of(context)
    with talk.desk() as desk:
        wanted = named(desk, stock, count, ranges)
        if note is not None or second is not None or ranges or not desk.training:
            counting = counts(wanted, counted, second, second_count)
            to = Place.STOCK if machine else Place.VAULT
            say(talk, acts.receive_goods(desk, wanted, counting, note or "", to=to))
            return
        now = receive(desk, stock, wanted.count)
    en, zh = f"{stock}: {now.remaining} blanks in stock.", f"{stock}：库存空白卡 {now.remaining} 张。"
    talk.give(asdict(now), lambda: talk.out.print(talk.of(Text(en, zh))))


@app.command()
def report(
    context: typer.Context,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Also as paper, with the jobs of the day.")] = None,
) -> None:
    """opening = issued + spoiled + in doubt + remaining + ..., for every kind of card; exit 7 where not."""
    talk = talk_of(context)
    with talk.desk() as desk:
        must_see_book(desk)
        found, differ = accounts(desk), off_the_record(desk)
        late = today(desk).warning
        if pdf is not None:
            from cardfab.documents.report import stock_report_pdf
            from cardfab.station.stockpaper import stock_report

            pdf.write_bytes(stock_report_pdf(stock_report(desk, "zh" if talk.language == "zh" else "en"), desk.fonts))
    more = [
        place for place, part in enumerate(zip(*(one.parts for one in found), strict=True)) if place > 3 and any(part)
    ]
    columns = [*_COLUMNS, *(_MORE[place - 4] for place in more)]
    rows = [
        (one.stock, *map(str, (one.opening, *one.parts[:4], *(one.parts[place] for place in more)))) for one in found
    ]
    empty = Text("No blanks were ever received.", "尚未登记空白卡。")
    talk.give([asdict(one) for one in found], lambda: talk.table(columns, rows, empty=empty))
    if late is not None:
        talk.say(late.en, late.zh)
    if not all(one.balanced for one in found):
        raise StockFault(
            Text("The stock does not balance.", "库存不平。"),
            do=Text("Stop issuing and count the cards.", "请停止制卡并清点。"),
            code="CF-7200",
        )
    if differ:
        raise StockFault(
            Text(
                f"The books of {', '.join(differ)} differ from the record: they were changed by hand.",
                f"{'、'.join(differ)} 的台账与审计记录不符：台账曾被直接修改。",
            ),
            do=Text("Stop issuing, count the cards, and call the auditor.", "请停止制卡，清点卡片并通知审计员。"),
            code="CF-7201",
        )


stockacts.add_to(app)
stockday.add_to(app)
