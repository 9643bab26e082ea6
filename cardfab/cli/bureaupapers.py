"""``cardfab bureau ship, destroyed, copy``: what leaves the bureau, its list or certificate, and that again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cardfab.cli.bureaubooks import Batch, Witness, language_of
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.paths import to_be_written
from cardfab.errors import CardfabError, PartlyDone, Text, UsageRefused
from cardfab.store.batches import BureauBatchRow

if TYPE_CHECKING:
    from cardfab.bureau.books.destroying import Destroyed
    from cardfab.bureau.books.shipping import Shipment
    from cardfab.station.desk import Desk

Pdf = Annotated[Path | None, typer.Option("--pdf", help="Also as paper.", callback=to_be_written)]
Csv = Annotated[Path | None, typer.Option("--csv", help="Also as a table.", callback=to_be_written)]
_KINDS = {"shipping": Text("shipping list", "发货清单"), "destruction": Text("certificate of destruction", "销毁记录")}
_COLUMNS = {
    "box": Text("box", "盒号"), "place": Text("place", "位置"), "job": Text("job", "作业"),
    "chip": Text("chip", "芯片号"), "first": Text("first place", "起始位置"), "last": Text("last place", "末位置"),
    "cards": Text("cards", "卡片张数"), "empty": Text("without card", "空位"),
}  # fmt: skip


class PaperMissing(PartlyDone):
    """It is booked, and its paper was not written."""

    default_code = "CF-8382"


def ship(context: typer.Context, batch: Batch, pdf: Pdf = None, csv: Csv = None) -> None:
    """Book the boxes that are ready as shipped, and write their list."""
    from cardfab.bureau.books.shipping import ship as shipped

    talk = talk_of(context)
    with talk.desk() as desk:
        _require_signer(desk, pdf)
        one = shipped(desk, batch)
        missing = _unwritten(one.batch, lambda: _list_of(talk, desk, one, pdf, csv))
    said = Text(
        f"{len(one.parcels)} boxes ({one.boxes}) with {one.cards} cards for {one.receiver}.",
        f"{len(one.parcels)} 盒（{one.boxes}）、{one.cards} 张卡，接收单位 {one.receiver}。",
    )
    value = {"batch": one.batch.id, "receiver": one.receiver, "boxes": _boxes(one)}
    _told(talk, value | {"cards": one.cards}, said, missing)


def destroyed(
    context: typer.Context,
    batch: Batch,
    second: Witness,
    second_count: Annotated[int, typer.Option("--second-count", min=0, help="What the second person counted.")],
    counted: Annotated[int, typer.Option("--counted", min=0, help="What you counted.")],
    how: Annotated[str, typer.Option("--how", help="How they were destroyed: shredded, punched, ...")] = "shredded",
    pdf: Pdf = None,
) -> None:
    """The spoiled cards of a batch are destroyed before a witness, who counts too."""
    from cardfab.bureau.books.destroying import destroy
    from cardfab.station.stockbook.moving import Counts

    talk = talk_of(context)
    with talk.desk() as desk:
        _require_signer(desk, pdf)
        one = destroy(desk, batch, Counts(counted, second, second_count), how)
        missing = _unwritten(one.batch, lambda: _certificate_of(talk, desk, one, pdf))
    said = Text(
        f"{len(one.cards)} cards destroyed, no. {one.number}.", f"已销毁 {len(one.cards)} 张，编号 {one.number}。"
    )
    value = {"paper": one.number, "count": len(one.cards), "stock": one.stock, "cards": _cards(one)}
    _told(talk, value, said, missing)


def copy(
    context: typer.Context,
    batch: Batch,
    number: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="Which; without it all are listed.")] = None,
    pdf: Pdf = None,
    csv: Csv = None,
) -> None:
    """A shipping list or a certificate of destruction once more, marked as a copy."""
    from cardfab.bureau.books.copies import again
    from cardfab.bureau.books.shipping import Shipment

    talk = talk_of(context)
    if number is None:
        _list(talk, batch)
        return
    with talk.desk() as desk:
        one = again(desk, batch, number)
        if isinstance(one, Shipment):
            items = _boxes(one)
            _list_of(talk, desk, one, pdf, csv, copy=True)
        else:
            items = _cards(one)
            if csv is not None:
                raise UsageRefused(
                    Text("A certificate of destruction is no table.", "销毁记录不能输出为表格。"),
                    do=Text("Give --pdf, or --json.", "请用 --pdf 或 --json。"),
                    code="CF-2483",
                )
            _certificate_of(talk, desk, one, pdf, copy=True)
    columns = [_COLUMNS[name] for name in (items[0] if items else ())]
    rows = [tuple("" if value is None else str(value) for value in each.values()) for each in items]
    talk.give({"number": number, "items": items}, lambda: talk.table(columns, rows, empty=Text("", "")))


def _list(talk: Talk, batch: str) -> None:
    from cardfab.bureau.books.copies import handed_over

    with talk.desk() as desk:
        _, found = handed_over(desk, batch)
    columns = (
        Text("number", "编号"), Text("what", "内容"), Text("which", "范围"), Text("cards", "卡数"),
        Text("by", "经办"), Text("second", "第二人"), Text("at", "时间"),
    )  # fmt: skip
    rows = [
        (str(one.id), talk.of(_KINDS[one.kind]), one.file, str(one.count), one.by, one.second or "", one.at[:16])
        for one in found
    ]
    empty = Text("Nothing was shipped or destroyed yet.", "尚未发货或销毁。")
    talk.give({"papers": [asdict(one) for one in found]}, lambda: talk.table(columns, rows, empty=empty))


def _require_signer(desk: Desk, pdf: Path | None) -> None:
    """A paper that nobody could sign is refused before anything is booked."""
    from cardfab.station.signing import document_signer

    if pdf is not None:
        document_signer(desk)


def _list_of(talk: Talk, desk: Desk, one: Shipment, pdf: Path | None, csv: Path | None, *, copy: bool = False) -> None:
    from cardfab.bureau.books.papers import shipping_paper

    if pdf is not None:
        pdf.write_bytes(shipping_paper(desk, one, language_of(talk), copy=copy)[1])
    if csv is not None:
        csv.write_text(one.csv(), encoding="utf-8", newline="")


def _certificate_of(talk: Talk, desk: Desk, one: Destroyed, pdf: Path | None, *, copy: bool = False) -> None:
    from cardfab.bureau.books.papers import destruction_certificate

    if pdf is not None:
        pdf.write_bytes(destruction_certificate(desk, one, language_of(talk), copy=copy))


def _unwritten(batch: BureauBatchRow, write: Callable[[], None]) -> PaperMissing | None:
    """Write the papers of what is booked; what to tell where that fails, for it must not be booked again."""
    try:
        write()
    except (OSError, CardfabError) as why:
        words = f"{getattr(why, 'filename', None) or ''} {getattr(why, 'strerror', None) or why}".strip()
        said = why.what if isinstance(why, CardfabError) else Text(f"{words}.", f"{words}。")
        return PaperMissing(
            Text(f"It is booked, but its paper was not written: {said.en}", f"已入账，但文书未生成：{said.zh}"),
            do=Text(f"'cardfab bureau copy {batch.id}' lists it, and writes it again.",
                    f"cardfab bureau copy {batch.id} 可列出并重新生成。"),
        )  # fmt: skip
    return None


def _told(talk: Talk, value: dict[str, Any], said: Text, missing: PaperMissing | None) -> None:
    talk.give(value, lambda: talk.out.print(talk.of(said)))
    if missing is not None:
        raise missing


def _boxes(one: Shipment) -> Sequence[Mapping[str, Any]]:
    return [asdict(each) for each in one.parcels]


def _cards(one: Destroyed) -> Sequence[Mapping[str, Any]]:
    return [{"place": each.place, "job": each.job_id, "chip": each.chip} for each in one.cards]


__all__ = ["Csv", "PaperMissing", "Pdf", "copy", "destroyed", "ship"]
