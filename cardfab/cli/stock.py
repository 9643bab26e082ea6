"""``cardfab stock``: blanks in, and the equation of the day."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.output import talk_of
from cardfab.errors import StockFault, Text
from cardfab.station.stockroom import accounts, off_the_record, receive

app = typer.Typer(help="Blank, finished and spoiled cards.", no_args_is_help=True)


@app.command("receive")
def receive_(
    context: typer.Context,
    stock: Annotated[str, typer.Argument(metavar="STOCK", help="The kind of blank, as the product profile names it.")],
    count: Annotated[int, typer.Argument(metavar="COUNT", min=1, help="How many were loaded.")],
) -> None:
    """Book blanks that came in."""
    talk = talk_of(context)
    with talk.desk() as desk:
        now = receive(desk, stock, count)
    en, zh = f"{stock}: {now.remaining} blanks in stock.", f"{stock}：库存空白卡 {now.remaining} 张。"
    talk.give(asdict(now), lambda: talk.out.print(talk.of(Text(en, zh))))


@app.command()
def report(
    context: typer.Context,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Also as paper, with the jobs of the day.")] = None,
) -> None:
    """opening = issued + spoiled + in doubt + remaining, for every kind of blank; exit 7 where it does not hold."""
    talk = talk_of(context)
    with talk.desk() as desk:
        found, differ = accounts(desk), off_the_record(desk)
        if pdf is not None:
            from cardfab.documents.report import stock_report_pdf
            from cardfab.station.stockpaper import stock_report

            pdf.write_bytes(stock_report_pdf(stock_report(desk, "zh" if talk.language == "zh" else "en"), desk.fonts))
    columns = (
        Text("stock", "库存"),
        Text("opening", "期初"),
        Text("issued", "成卡"),
        Text("spoiled", "废卡"),
        Text("in doubt", "存疑"),
        Text("remaining", "剩余"),
    )
    rows = [(a.stock, *map(str, (a.opening, a.issued, a.spoiled, a.in_doubt, a.remaining))) for a in found]
    empty = Text("No blanks were ever received.", "尚未登记空白卡。")
    talk.give([asdict(one) for one in found], lambda: talk.table(columns, rows, empty=empty))
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
