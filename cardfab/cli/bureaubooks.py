"""``cardfab bureau``: a batch reconciled, remade, handed over, closed and erased."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cardfab.cli.output import Talk, talk_of
from cardfab.errors import StockFault, Text

if TYPE_CHECKING:
    from cardfab.bureau.books.reconcile import Reconciliation
    from cardfab.documents.counter import Language
    from cardfab.store.bureaufinish import HandoverRow

Batch = Annotated[str, typer.Argument(metavar="BATCH", help="Its number here, or the issuer's own.")]
Pdf = Annotated[Path | None, typer.Option("--pdf", help="Also as paper.")]
Csv = Annotated[Path | None, typer.Option("--csv", help="Also as a table.")]
Second = Annotated[str | None, typer.Option("--second", help="Login of the second person.")]
Witness = Annotated[str, typer.Option("--second", help="Login of the second person, who signs it off.")]

remake_app = typer.Typer(help="Spoiled cards made again, by one who asks and two who approve.", no_args_is_help=True)


class Disagrees(StockFault):
    """Two books of a batch do not say the same."""

    default_code = "CF-7381"


def reconcile(context: typer.Context, batch: Batch, pdf: Pdf = None, csv: Csv = None, second: Second = None) -> None:
    """What became of every row and every blank; with --second two people sign it. Exit 7 where books disagree."""
    from cardfab.bureau.books import papers
    from cardfab.bureau.books.reconcile import reconcile as reconciled
    from cardfab.bureau.books.reconcile import sign, signatures

    talk = talk_of(context)
    with talk.desk() as desk:
        found = reconciled(desk, batch)
        signed = "" if second is None else sign(desk, found, second)
        if pdf is not None:
            pdf.write_bytes(papers.reconciliation_paper(desk, found, language_of(talk), signed, second or "")[1])
        if csv is not None:
            with csv.open("w", encoding="utf-8-sig", newline="") as out:
                papers.reconciliation_csv(found, out)
        by = signatures(desk, found)
    value = papers.reconciliation_values(found) | {
        "signed": bool(by), "signatures": [{"by": one.by, "second": one.second, "at": one.at} for one in by],
    }  # fmt: skip
    talk.give(value, lambda: _show(talk, found, by))
    if not found.balanced:
        raise Disagrees(
            Text(
                f"Books of batch {found.batch.reference} disagree: {_first(found).en}.",
                f"批次 {found.batch.reference} 账目不符：{_first(found).zh}。",
            ),
            do=Text(
                "Stop the line, count the cards, call the auditor. '--pdf' and '--csv' name everything.",
                "请停线、清点卡片并通知审计员；--pdf 和 --csv 列出全部明细。",
            ),
        )


def _first(found: Reconciliation) -> Text:
    one = next(each for each in found.differences if each.blocks)
    return Text(
        f"{one.where.en}, {one.what.en}: {one.found} for {one.expected}",
        f"{one.where.zh}，{one.what.zh}：应为 {one.expected}，实为 {one.found}",
    )


_PLACES = {
    "rows": Text("rows", "行数"), "made": Text("made", "成卡"), "in_doubt": Text("in doubt", "存疑"),
    "in_work": Text("in work", "在制"), "spoiled": Text("spoiled, not made again", "废卡未重制"),
    "waiting": Text("waiting", "待制"), "left_out": Text("left out", "不制"),
}  # fmt: skip
_EQUATION = {
    "issued": Text("blanks issued", "领用空白卡"), "good": Text("good", "成卡"), "spoiled": Text("spoiled", "废卡"),
    "tested": Text("test", "测试"), "returned": Text("returned", "退回"), "handed_over": Text("in work", "在制"),
    "in_doubt": Text("in doubt", "存疑"),
}  # fmt: skip


def _show(talk: Talk, found: Reconciliation, by: tuple[HandoverRow, ...]) -> None:
    from cardfab.production import JobState
    from cardfab.station.bureauview import words_of

    head = found.batch.reference
    places, line = asdict(found.places), asdict(found.line)
    rows = [(talk.of(words), f"{places[name]:,}") for name, words in _PLACES.items()]
    rows += [("", "")]
    rows += [(talk.of(words), f"{line[name]:,}") for name, words in _EQUATION.items()]
    rows += [(talk.of(Text("difference", "差异")), f"{found.line.difference:,}")]
    talk.table((Text("batch", "批次"), Text(head, head)), rows, empty=Text("", ""))
    if found.named:
        columns = (
            Text("place", "位置"), Text("request", "申请"), Text("job", "作业"), Text("state", "状态"),
            Text("by", "经办"), Text("again", "重制"), Text("reason", "原因"),
        )  # fmt: skip
        left_out = talk.of(Text("left out", "不制"))
        listed = [
            (
                str(one.place), one.request_id, str(one.job_id or ""),
                left_out if one.state == "left out" else talk.of(JobState(one.state).text), one.by,
                str(one.again or ""), talk.of(words_of(one.why)),
            )
            for one in found.named
        ]  # fmt: skip
        talk.table(columns, listed, empty=Text("", ""))
    for each in found.differences:
        en = f"{each.where.en}, {each.what.en}: {each.found} for {each.expected}"
        zh = f"{each.where.zh}，{each.what.zh}：应为 {each.expected}，实为 {each.found}"
        talk.out.print(talk.of(Text(en, zh)), style="red" if each.blocks else "yellow")
    for words in found.open:
        talk.say(f"Open: {words.en}.", f"未结：{words.zh}。", "yellow")
    for one in by:
        who = [each for each in (one.by, one.second) if each]
        at = f"{one.at[:16].replace('T', ' ')} UTC"
        said = Text(
            f"Signed by {' and '.join(who)}, {at}, digest {one.digest}.",
            f"{'、'.join(who)} 已于 {at} 签署，摘要 {one.digest}。",
        )
        talk.out.print(talk.of(said))
    if not by:
        talk.out.print(talk.of(Text("Nobody signed these figures.", "当前结果尚未签署。")))


@remake_app.command("list")
def list_(context: typer.Context, batch: Batch) -> None:
    """Remakes asked for and decided, and spoiled places that nobody asked for yet."""
    from cardfab.bureau.books.remakes import remake_list

    talk = talk_of(context)
    with talk.desk() as desk:
        rows, waiting = remake_list(desk, batch)
    columns = (
        Text("place", "位置"), Text("job", "作业"), Text("asked by", "申请人"), Text("approved by", "批准人"),
        Text("second", "第二批准人"), Text("made by job", "重制作业"),
    )  # fmt: skip
    shown = [
        (
            str(one.place), str(one.job_id), one.asked_by, one.approved_by or "", one.second or "",
            str(one.new_job_id or ""),
        )
        for one in rows
    ]  # fmt: skip
    shown += [(str(place), str(job), "", "", "", "") for place, job in waiting]
    value = {
        "remakes": [asdict(one) for one in rows],
        "waiting": [{"place": place, "job": job} for place, job in waiting],
    }
    empty = Text("No card of the batch was spoiled.", "该批次没有废卡。")
    talk.give(value, lambda: talk.table(columns, shown, empty=empty))


@remake_app.command("ask")
def ask_(
    context: typer.Context,
    batch: Batch,
    places: Annotated[list[int] | None, typer.Argument(metavar="[PLACE]...", help="Else all that wait.")] = None,
) -> None:
    """Ask that spoiled cards be made again."""
    from cardfab.bureau.books.remakes import ask

    talk = talk_of(context)
    with talk.desk() as desk:
        asked = ask(desk, batch, places or ())
    said = Text(f"Asked for: {len(asked)}. Two others approve them.", f"已申请重制 {len(asked)} 张，须由另两人批准。")
    talk.give({"places": list(asked)}, lambda: talk.out.print(talk.of(said)))


@remake_app.command("approve")
def approve_(context: typer.Context, batch: Batch, second: Second = None) -> None:
    """Have what was asked for made again; the line takes it up."""
    from cardfab.bureau.books.remakes import approve

    talk = talk_of(context)
    with talk.desk() as desk:
        made = approve(desk, batch, second)
    said = Text(f"Queued again: {len(made)}.", f"已批准重制 {len(made)} 张，已排队。")
    value = {"jobs": [{"job": one.id, "remake_of": one.remake_of, "request": one.request_id} for one in made]}
    talk.give(value, lambda: talk.out.print(talk.of(said)))


@remake_app.command("give-up")
def give_up_(
    context: typer.Context,
    batch: Batch,
    place: Annotated[int, typer.Argument(metavar="PLACE")],
    why: Annotated[str, typer.Option("--why", help="Why no card is made; the issuer reads it in the return file.")],
    second: Second = None,
) -> None:
    """No card is made of a place after all."""
    from cardfab.bureau.books.remakes import give_up

    talk = talk_of(context)
    with talk.desk() as desk:
        give_up(desk, batch, place, why, second)
    said = Text(f"Place {place} is given up.", f"位置 {place} 已放弃制卡。")
    talk.give({"place": place, "reason": why}, lambda: talk.out.print(talk.of(said)))


def return_(
    context: typer.Context,
    batch: Batch,
    out: Annotated[Path, typer.Option("--out", help="The file; in clear, its signature goes beside it, named .p7s.")],
    layout: Annotated[str, typer.Option("--layout", help="The issuer's form: a profile under returns/.")] = "json",
    to: Annotated[
        Path | None,
        typer.Option("--for", metavar="CERT", help="Encrypt it for this certificate of the issuer, signed inside."),
    ] = None,
) -> None:
    """Write the return file: every row with its card or its reason; encrypted with --for."""
    from cardfab.bureau.books.returning import return_file
    from cardfab.bureau.files import read_addressee
    from cardfab.cli.record import read_file

    talk = talk_of(context)
    with talk.desk() as desk:
        addressee = None if to is None else read_addressee(read_file(to), desk.now())
        found, made, failed = return_file(desk, batch, out, layout, addressee)
    said = Text(f"{out}: {made} cards, {failed} rows without one.", f"{out}：成卡 {made} 张，未成卡 {failed} 行。")
    value = {"batch": found.id, "file": str(out), "layout": layout, "cards": made, "failed": failed}
    if addressee is None:
        whose = Text("It is in clear; --for encrypts it.", "文件为明文；可用 --for 加密。")
    else:
        value["recipient"] = addressee.fingerprint
        whose = Text(
            f"Encrypted for {addressee.subject}, SHA-256 {addressee.fingerprint}.",
            f"已为 {addressee.subject} 加密，证书 SHA-256 {addressee.fingerprint}。",
        )
    talk.give(value, lambda: talk.out.print(f"{talk.of(said)}\n{talk.of(whose)}"))


def mailers(
    context: typer.Context,
    batch: Batch,
    printer: Annotated[
        str | None, typer.Option("--printer", help="socket://HOST:PORT or a device such as /dev/usb/lp0.")
    ] = None,
) -> None:
    """Print the PIN mailers that are not printed yet; PINs go to the printer and nowhere else."""
    from cardfab.bureau.books.mailers import print_mailers
    from cardfab.cli.pin import mailer_address, mailer_printer

    talk = talk_of(context)
    address = mailer_address(talk, printer)
    with talk.desk() as desk, mailer_printer(address) as send:
        count = print_mailers(desk, batch, send)
    said = Text(f"Mailers printed: {count}.", f"已打印密码信封 {count} 份。")
    talk.give({"mailers": count}, lambda: talk.out.print(talk.of(said)))


def close(
    context: typer.Context,
    batch: Batch,
    without_mailers: Annotated[
        bool, typer.Option("--without-mailers", help="Though finished cards have no PIN mailer.")
    ] = False,
) -> None:
    """Close a batch of which nothing is open, as two people signed it."""
    from cardfab.bureau.books.erasing import erase_by
    from cardfab.bureau.books.reconcile import close as closed

    talk = talk_of(context)
    with talk.desk() as desk:
        one = closed(desk, batch, without_mailers=without_mailers)
        by = erase_by(desk, one)
    said = Text(
        f"Batch {one.reference} is closed; its personal data is erased by {by}.",
        f"批次 {one.reference} 已结批；个人数据最迟于 {by} 清除。",
    )
    value = {"batch": one.id, "state": str(one.state), "erase_by": str(by)}
    talk.give(value, lambda: talk.out.print(talk.of(said)))


def erase(
    context: typer.Context,
    batch: Batch,
    second: Witness,
    out: Annotated[Path | None, typer.Option("--out", help="Write the signed record here.")] = None,
) -> None:
    """Erase the personal data of a closed or refused batch, for good; the signed record has counts and digests."""
    from cardfab.bureau.books.erasing import erase as erased
    from cardfab.cli.wiring import sole_worker

    talk = talk_of(context)
    with sole_worker(talk.located()), talk.desk() as desk:
        one = erased(desk, batch, second)
    if out is not None:
        out.write_bytes(one.record)
    counts = {kind: each.count for kind, each in one.sums.items()}
    said = Text(
        f"Erased: {sum(counts.values())} sealed values of batch {one.batch.reference}.",
        f"已清除批次 {one.batch.reference} 的 {sum(counts.values())} 项密封数据。",
    )
    talk.give(
        {"batch": one.batch.id, "erased": counts, "record": one.record.decode()}, lambda: talk.out.print(talk.of(said))
    )


def language_of(talk: Talk) -> Language:
    """The language of papers."""
    return "zh" if talk.language == "zh" else "en"
