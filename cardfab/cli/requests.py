"""``cardfab request``: files in, requests listed, shown, approved."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.output import Talk, talk_of
from cardfab.errors import InputRefused, StockFault, Text
from cardfab.prepare.gb11643 import masked
from cardfab.prepare.importer import RequestFileRefused
from cardfab.station.intake import approve, import_requests
from cardfab.station.vault import open_request

app = typer.Typer(help="Issuance requests.", no_args_is_help=True)


def read_photos(folder: Path, name: str) -> bytes | None:
    """A photo named in a request file, beside that file."""
    file = folder / name
    return file.read_bytes() if file.is_file() else None


@app.command("import")
def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSON lines; photos are named relative to it.")],
) -> None:
    """Take in a request file: all of it, or nothing and every bad row with its reasons (exit 3)."""
    talk = talk_of(context)
    if not file.is_file():
        raise InputRefused(Text(f"There is no file {file}.", f"没有文件 {file}。"), code="CF-3300")
    form = "jsonl" if file.suffix in (".jsonl", ".ndjson", ".json") else "csv"
    with talk.desk() as desk:
        try:
            ids = import_requests(
                desk,
                file.read_bytes(),
                source=file.name,
                form="jsonl" if form == "jsonl" else "csv",
                photos=lambda name: read_photos(file.parent, name),
            )
        except RequestFileRefused as refused:
            show_findings(talk, file.name, refused)
            raise
    talk.give(
        {"imported": list(ids)},
        lambda: talk.out.print(
            talk.of(
                Text(f"Imported {len(ids)} requests from {file.name}.", f"已从 {file.name} 导入 {len(ids)} 份申请。")
            )
        ),
    )


def show_findings(talk: Talk, name: str, refused: RequestFileRefused) -> None:
    """Every bad row: row, field, reason."""
    if talk.json:
        rows = [
            {"row": f.row, "field": f.field, "reason": {"en": f.reason.en, "zh": f.reason.zh}} for f in refused.rows
        ]
        talk.more |= {"refused": name, "rows": rows}
        return
    columns = (Text("row", "行"), Text("field", "字段"), Text("reason", "原因"))
    shown = [(str(finding.row), talk.of(finding.column), talk.of(finding.reason)) for finding in refused.rows]
    talk.table(columns, shown, empty=Text("no findings", "无"))


@app.command("list")
def list_(context: typer.Context) -> None:
    """Every request with the state of its newest job."""
    talk = talk_of(context)
    with talk.desk() as desk, desk.database.reading() as tx:
        rows = [(row, tx.jobs.of_request(row.id)) for row in tx.requests.all()]
    values = [
        {"id": r.id, "product": r.product, "category": r.category, "urgent": r.urgent, "job": j.id, "state": j.state}
        for r, j in rows
    ]
    columns = (
        Text("request", "申请"),
        Text("product", "产品"),
        Text("category", "类别"),
        Text("urgent", "急需"),
        Text("job", "作业"),
        Text("state", "状态"),
    )
    shown = [
        (r.id, r.product, r.category, talk.of(Text("yes", "是")) if r.urgent else "", str(j.id), str(j.state))
        for r, j in rows
    ]
    talk.give(values, lambda: talk.table(columns, shown, empty=Text("There are no requests.", "没有申请。")))


@app.command()
def show(context: typer.Context, request_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """One request; numbers are masked."""
    talk = talk_of(context)
    with talk.desk() as desk:
        with desk.database.reading() as tx:
            row = tx.requests.get(request_id)
            job = tx.jobs.of_request(request_id)
        request = open_request(desk.keys, row)
    value = {
        "id": row.id,
        "name": request.name,
        "social_security_number": masked(request.social_security_number),
        "category": request.category,
        "product": request.bank_product,
        "urgent": request.urgent,
        "replaces_card": bool(request.replaces_card),
        "photo": request.photo is not None,
        "job": job.id,
        "state": job.state,
    }
    columns = (Text("field", "字段"), Text("value", "值"))
    yes, no = talk.of(Text("yes", "是")), talk.of(Text("no", "否"))
    rows = [(name, (no, yes)[part] if isinstance(part, bool) else str(part)) for name, part in value.items()]
    talk.give(value, lambda: talk.table(columns, rows, empty=Text("", "")))


@app.command()
def report(
    context: typer.Context,
    batch: Annotated[
        int | None, typer.Argument(metavar="BATCH", help="Its number; without one all are listed.")
    ] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="Also as paper, to be signed by two.")] = None,
) -> None:
    """What became of the requests of an imported file; exit 7 where jobs and stock disagree."""
    talk = talk_of(context)
    if batch is None:
        return _batches(talk)
    from cardfab.documents.batch import batch_report_pdf
    from cardfab.station.batchpaper import batch_report

    with talk.desk() as desk:
        found = batch_report(desk, batch, "zh" if talk.language == "zh" else "en")
        if pdf is not None:
            pdf.write_bytes(batch_report_pdf(found, desk.fonts))
    made, in_doubt, spoiled, waiting, cancelled = found.parts
    figures = {
        "requests": (found.rows, Text("requests", "申请")),
        "approved": (found.approved, Text("approved", "已审批")),
        "made": (made, Text("made", "成卡")),
        "in_doubt": (in_doubt, Text("in doubt or in work", "存疑、在制")),
        "spoiled": (spoiled, Text("spoiled, not remade", "废卡未重制")),
        "waiting": (waiting, Text("waiting", "待制")),
        "cancelled": (cancelled, Text("cancelled", "取消")),
        "remakes": (found.remakes, Text("made again", "重制")),
        "blanks_used": (found.blanks.used, Text("blanks used", "领用空白卡")),
        "blanks_spoiled": (found.blanks.spoiled, Text("blanks spoiled", "废卡")),
        "handed_over": (found.handed_over, Text("handed over", "已发放")),
    }
    value = {"batch": batch, "source": found.source, **{name: number for name, (number, _) in figures.items()}}
    columns = (Text("batch", "批次"), Text(f"{batch}, {found.source}", f"{batch}，{found.source}"))
    rows = [(talk.of(words), str(number)) for number, words in figures.values()]
    talk.give(value | {"balanced": found.balanced}, lambda: talk.table(columns, rows, empty=Text("", "")))
    if not found.balanced:
        raise StockFault(
            Text(
                f"The jobs of batch {batch} and the movements of stock disagree.",
                f"批次 {batch} 的作业状态与库存流水不符。",
            ),
            do=Text("Stop issuing and count the cards.", "请停止制卡并清点。"),
            code="CF-7200",
        )
    return None


def _batches(talk: Talk) -> None:
    with talk.desk() as desk, desk.database.reading() as tx:
        found = tx.requests.batches()
    value = [asdict(one) for one in found]
    columns = (
        Text("batch", "批次"),
        Text("requests", "申请"),
        Text("imported", "导入时间"),
        Text("by", "经办"),
        Text("file", "文件"),
    )
    rows = [(str(one.id), str(one.rows), one.imported_at, one.imported_by, one.source) for one in found]
    talk.give(value, lambda: talk.table(columns, rows, empty=Text("Nothing was imported yet.", "尚未导入。")))


@app.command("approve")
def approve_(context: typer.Context, request_ids: Annotated[list[str], typer.Argument(metavar="ID")]) -> None:
    """Approve requests and prepare their cards."""
    talk = talk_of(context)
    with talk.desk() as desk:
        jobs = approve(desk, request_ids)
    talk.give(
        [{"request": job.request_id, "job": job.id, "state": job.state} for job in jobs],
        lambda: talk.out.print(
            talk.of(Text(f"Approved and prepared: {len(jobs)}.", f"已审批并完成数据准备：{len(jobs)}。"))
        ),
    )
