"""``cardfab demo``: the whole job on what the package carries; no configuration, no hardware, no server."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cardfab.cli.founding import FIRST_PRODUCT, found_training_station
from cardfab.cli.output import Talk, program, talk_of
from cardfab.cli.plans import plan_lines
from cardfab.cli.requests import read_photos
from cardfab.cli.wiring import Bench, bench_of, open_desk, open_devices
from cardfab.errors import InputRefused, Text, UsageRefused
from cardfab.prepare.records import decode_item
from cardfab.production import Document, identity
from cardfab.profile.application import FileApplication
from cardfab.resources import data_folder
from cardfab.station.counter.service import Shown
from cardfab.station.desk import Desk
from cardfab.station.intake import approve, import_requests
from cardfab.station.issue import Issued, issue
from cardfab.station.record import export_record
from cardfab.station.stockroom import accounts, receive
from cardfab.station.temporary import applied, issue_temporary

MARK = ".cardfab-demo"


def demo(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", help="The folder for what it makes; made anew.")] = Path("demo-out"),
    count: Annotated[int, typer.Option("--count", min=1, help="How many cards.")] = 3,
    keystore: Annotated[
        str | None, typer.Option("--keystore", help="Keys in a token: 'pkcs11:' makes one of SoftHSM2's.")
    ] = None,
) -> None:
    """Make cards from the examples: faces, plans, read-back, temporary card, audit export."""
    talk = talk_of(context)
    _make_room(out)
    examples = data_folder("examples")
    located = found_training_station(out / "station", "demo", chip_keys=count, token=keystore)
    with open_desk(located) as desk:
        data = (examples / "requests.csv").read_bytes()
        ids = import_requests(
            desk, data, source="requests.csv", form="csv", photos=lambda name: read_photos(examples, name)
        )
        if count > len(ids):
            raise InputRefused(
                Text(f"The examples hold {len(ids)} requests.", f"示例仅有 {len(ids)} 份申请。"), code="CF-3340"
            )
        stock = desk.product(FIRST_PRODUCT).product.stock
        approve(desk, ids[:count])
        receive(desk, stock, count + 2)
        made = _issue(talk, desk, bench_of(located, reader=None, printer=None, faces=out / ".faces"), out, ids[:count])
        export = out / "audit-export.txt"
        export.write_bytes(export_record(desk))
        (out / "audit-key.txt").write_text(f"{desk.audit_key()}\n", encoding="utf-8")
        books = accounts(desk)[0]
    rows = [(issued, folder, folder / "temporary-card.pdf") for issued, folder in made]
    value = {
        "cards": [
            {
                "request": one.job.request_id,
                "state": one.job.state,
                "folder": str(folder),
                "items": len(one.compared),
                "temporary_card": paper.is_file(),
            }
            for one, folder, paper in rows
        ],
        "stock": {"opening": books.opening, "issued": books.issued, "spoiled": books.spoiled,
                  "in_doubt": books.in_doubt, "remaining": books.remaining},
        "audit_export": str(export),
    }  # fmt: skip
    talk.give(value, lambda: _closing(talk, rows, books.opening, books.issued, books.remaining, out))


def _make_room(out: Path) -> None:
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / MARK).exists())):
        raise UsageRefused(
            Text(f"{out} holds other files; the demo would remove them.", f"{out} 中有其他文件，演示会将其删除。"),
            do=Text("Choose another folder with --out.", "请用 --out 另选目录。"),
            code="CF-2210",
        )
    out.mkdir(parents=True, exist_ok=True)
    for old in out.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
    (out / MARK).write_text("made by 'cardfab demo'; the next demo removes what is here\n", encoding="utf-8")


def _issue(talk: Talk, desk: Desk, bench: Bench, out: Path, ids: Sequence[str]) -> list[tuple[Issued, Path]]:
    faces = out / ".faces"
    made: list[tuple[Issued, Path]] = []
    with open_devices(desk, bench) as devices, talk.progress() as card:
        for number, request_id in enumerate(ids, 1):
            folder = out / f"card-{number}-{request_id}"
            folder.mkdir()
            with desk.database.reading() as tx:
                urgent = tx.requests.get(request_id).urgent
            if urgent:
                wanted = applied(desk, request_id)
                shown = Shown(identity(Document.ID_CARD, wanted.request.social_security_number))
                (folder / "temporary-card.pdf").write_bytes(issue_temporary(desk, wanted, shown).pdf)
            issued = issue(desk, devices, request_id, card(request_id))
            for picture in sorted(faces.glob("*.png")):
                side = picture.stem.split("-", 2)[2]
                shutil.move(picture, folder / f"face-{side}.png")
            (folder / "plan.txt").write_text("\n".join(plan_lines(issued.plan, talk.language)), encoding="utf-8")
            (folder / "read-back.txt").write_text(
                read_back(issued, desk.product(issued.card.product).files, talk.language), encoding="utf-8"
            )
            made.append((issued, folder))
    shutil.rmtree(faces, ignore_errors=True)
    return made


def read_back(issued: Issued, files: FileApplication, language: str) -> str:
    """What was read back, item by item: equal or not, the bytes, and for the card's files what they say."""
    words = {True: Text("equal", "一致"), False: Text("DIFFERS", "不一致")}
    lines = []
    for place, one in enumerate(issued.compared):
        said = ""
        if place < len(issued.card.records):  # the files are read first, in the order of the records
            record = issued.card.records[place]
            said = f"  = {decode_item(files.item(record.df, record.fid, record.tag), one.found[2:])!r}"
        lines.append(f"{words[one.equal].of(language):8} {one.title.of(language)}: {one.found.hex().upper()}{said}")
    return "\n".join(lines) + "\n"


def _closing(
    talk: Talk, rows: Sequence[tuple[Issued, Path, Path]], opening: int, issued: int, remaining: int, out: Path
) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in (
        Text("request", "申请"),
        Text("state", "状态"),
        Text("read back", "核对"),
        Text("temporary card", "临时卡"),
        Text("folder", "目录"),
    ):
        table.add_column(talk.of(column), overflow="fold")
    for one, folder, paper in rows:
        equal = sum(item.equal for item in one.compared)
        table.add_row(
            one.job.request_id,
            str(one.job.state),
            f"{equal}/{len(one.compared)}",
            "PDF" if paper.is_file() else "",
            folder.name,
        )
    talk.out.print(table, soft_wrap=False)
    me = program()
    talk.out.print(
        talk.of(
            Text(
                f"Blanks: {opening} loaded, {issued} issued, {remaining} left. Everything is in {out}/.\n"
                "Check the record with:\n"
                f"  {me} audit verify {out}/audit-export.txt --trust {out}/audit-key.txt\n"
                f"Open the outlet's pages with: {me} station serve --training",
                f"空白卡：装入 {opening}，制成 {issued}，剩余 {remaining}。成果在 {out}/；核验审计记录：\n"
                f"  {me} audit verify {out}/audit-export.txt --trust {out}/audit-key.txt\n"
                f"打开网点页面：{me} station serve --training",
            )
        ),
        markup=False,
    )
