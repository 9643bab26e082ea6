"""``cardfab retention``: what is due to be erased, and its erasure by two people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.output import Talk, talk_of
from cardfab.cli.wiring import sole_worker
from cardfab.errors import Text
from cardfab.station import retention
from cardfab.station.retention import Due

app = typer.Typer(help="Personal data of finished cards, erased in time.", no_args_is_help=True)

_KINDS = {
    "card": Text("lives of ended cards", "已终止卡片的持卡人信息"),
    "service": Text("receipts of services", "业务回执"),
    "listing": Text("ended listings", "已解除的黑名单记录"),
    "transaction": Text("settled transactions", "已结清的医保交易"),
    "replacement": Text("replacements done", "已完成的补换卡"),
    "host": Text("answers of the host", "主机应答"),
    retention.REQUEST: Text("requests", "申请"),
    retention.PREPARED: Text("prepared cards", "已准备的卡数据"),
}


@app.command()
def due(context: typer.Context) -> None:
    """What is due to be erased today. That somebody looked is recorded."""
    talk = talk_of(context)
    with talk.desk() as desk:
        found = retention.due(desk)
    talk.give(_value(found), lambda: _show(talk, found))


@app.command()
def erase(
    context: typer.Context,
    second: Annotated[str, typer.Option("--second", help="Login of the second person, who signs it off.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write the signed record here.")] = None,
) -> None:
    """Erase what is due, for good, and keep a signed record of counts and digests."""
    talk = talk_of(context)
    with sole_worker(talk.located()), talk.desk() as desk:
        done = retention.erase(desk, second)
    if out is not None:
        out.write_bytes(done.record)
    told = {**_value(done.due), "record": done.record.decode()}
    talk.give(told, lambda: _show(talk, done.due))
    talk.say("Erased, and the file is rewritten.", "已清除，数据库文件已重写。")


def _value(found: Due) -> dict[str, object]:
    return {"due": {kind: one.count for kind, one in found.sums.items()}, "days": found.days}


def _show(talk: Talk, found: Due) -> None:
    rows = [(talk.of(_KINDS[kind]), str(one.count)) for kind, one in found.sums.items()]
    empty = Text("Nothing is due.", "没有到期数据。")
    talk.table((Text("what", "内容"), Text("count", "数量")), rows, empty=empty)
