"""``cardfab bureau import, approve, refuse, rejected, list``: an issuer's file becomes a batch; people decide on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cardfab.bureau.cover import read_cover
from cardfab.bureau.files import Recipient, Source, Trust, open_source, read_recipient, read_trust
from cardfab.bureau.rejection import RejectionUnwritten, free_name, require_free, write_rejected
from cardfab.bureau.taking import BOX, SHARD, Tell, approve, refuse, remove_half_taken, take_in
from cardfab.cli.bureaushow import signed
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.requests import read_photos, show_findings
from cardfab.cli.sole import sole
from cardfab.cli.wiring import StationBusy
from cardfab.cli.words import must_ask, wipe
from cardfab.errors import InputRefused, PartlyDone, Text, UsageRefused
from cardfab.prepare.finding import RequestFileRefused
from cardfab.profile.layout import Layout
from cardfab.profile.loader import load
from cardfab.settings import Located
from cardfab.station.desk import Desk
from cardfab.store.batches import BureauBatchRow

_WORD = Text("the word of the bureau's key", "中心密钥口令")
_REST = 48
"""Digits of a signer's fingerprint that a list leaves out: sixteen tell certificates apart."""
_SEALED = (".p7m", ".p7", ".cms")
_STEPS = {
    "check": Text("checking the file", "核验文件"),
    "take in": Text("taking in", "接收"),
    "compare": Text("looking for doubles", "查重"),
}


class RejectionMissing(PartlyDone):
    """What was to be done with the batch is done, but the file that names its wrong rows was not written."""

    default_code = "CF-8481"


_OUT = typer.Option("--rejected", metavar="FILE", help="Where wrong rows are named: FILE.csv and FILE.json.")


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The issuer's file.")],
    cover: Annotated[Path, typer.Option("--cover", metavar="NOTE", help="Its cover note, TOML or JSON.")],
    layout: Annotated[
        str | None,
        typer.Option("--layout", metavar="NAME", help="How the issuer writes rows; else by the file's name."),
    ] = None,
    cms: Annotated[bool, typer.Option("--cms", help="Encrypted for this bureau and signed (RFC 5652).")] = False,
    rejected: Annotated[Path | None, _OUT] = None,
    photos: Annotated[
        Path | None, typer.Option("--photos", metavar="FOLDER", help="Where photos are; else beside the file.")
    ] = None,
    shard: Annotated[int, typer.Option("--shard", min=1, help="Rows that are prepared together.")] = SHARD,
    box: Annotated[int, typer.Option("--box", min=1, help="Cards of a box.")] = BOX,
) -> None:
    """Take an issuer's file in as a batch: whole, or not at all (exit 3). With wrong rows it waits (exit 8)."""
    talk = talk_of(context)
    located = talk.located()
    note = read_cover(cover)
    if rejected is not None:
        require_free(rejected)
    recipient, trust = _sealing(talk, located) if cms else (None, None)
    folder = photos or file.parent
    with _alone(located), talk.desk() as desk, _progress(talk) as tell:
        remove_half_taken(desk)
        try:
            batch = take_in(
                desk,
                _source(desk, file, layout, recipient, trust),
                note,
                photos=lambda name: read_photos(folder, name),
                shard_size=shard,
                box_size=box,
                issuers=located.values.bureau.issuers,
                tell=tell,
            )
        except RequestFileRefused as refused:
            show_findings(talk, file.name, refused)
            raise
        written, missing = _rejected(desk, batch, lambda: rejected or free_name(file))
    value = told(batch) | ({"rejected": [str(one) for one in written]} if written else {})
    talk.give(value, lambda: _show_taken(talk, batch))
    if missing:
        raise _without_file(
            missing,
            batch,
            f"{batch.wrong} of {batch.rows} rows are wrong. The batch waits.",
            f"{batch.rows} 行中有 {batch.wrong} 行有误。该批次待审核。",
        )
    if written:
        raise PartlyDone(
            Text(
                f"{batch.wrong} of {batch.rows} rows are wrong; {written[0]} names them. The batch waits.",
                f"{batch.rows} 行中有 {batch.wrong} 行有误，详见 {written[0]}。该批次待审核。",
            ),
            do=Text(
                f"'cardfab bureau approve {batch.id} --without-wrong-rows --second LOGIN', or "
                f"'cardfab bureau refuse {batch.id} --why REASON'.",
                f"请执行 cardfab bureau approve {batch.id} --without-wrong-rows --second 登录名，"
                f"或 cardfab bureau refuse {batch.id} --why 原因。",
            ),
            code="CF-8480",
        )


def approve_(
    context: typer.Context,
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="Its number, or the issuer's reference.")],
    without_wrong_rows: Annotated[
        bool, typer.Option("--without-wrong-rows", help="Make cards of the other rows only.")
    ] = False,
    second: Annotated[
        str | None,
        typer.Option("--second", metavar="LOGIN", help="Who approves as second person, with their password."),
    ] = None,
) -> None:
    """Approve a batch: numbers are set aside, shards and boxes made. Two people, neither of whom took it in."""
    talk = talk_of(context)
    with talk.desk() as desk:
        done = approve(desk, _find(desk, batch), without_wrong_rows=without_wrong_rows, second=second)
    said = Text(f"Batch {done.id} is approved: {done.cards} cards.", f"批次 {done.id} 已审核通过：{done.cards} 张卡。")
    talk.give(told(done), lambda: _show_approved(talk, said, done))


def _show_approved(talk: Talk, said: Text, done: BureauBatchRow) -> None:
    talk.out.print(talk.of(said))
    talk.out.print(talk.of(signed(done.signer)))


def refuse_(
    context: typer.Context,
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="Its number, or the issuer's reference.")],
    why: Annotated[str, typer.Option("--why", help="The reason, for the record; without personal data.")],
    rejected: Annotated[Path | None, _OUT] = None,
) -> None:
    """Refuse a batch of which no card was begun: what it has of its holders is destroyed."""
    talk = talk_of(context)
    if rejected is not None:
        require_free(rejected)
    with talk.desk() as desk:
        done = refuse(desk, _find(desk, batch), why=why)
        out = rejected
        _, missing = (None, None) if out is None else _rejected(desk, done, lambda: out)
    said = Text(f"Batch {done.id} is refused.", f"批次 {done.id} 已拒收。")
    talk.give(told(done), lambda: talk.out.print(talk.of(said)))
    if missing:
        raise _without_file(missing, done, said.en, said.zh)


def rejected_(
    context: typer.Context,
    batch: Annotated[str, typer.Argument(metavar="BATCH", help="Its number, or the issuer's reference.")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Where wrong rows are named: FILE.csv and FILE.json.")
    ],
) -> None:
    """Write the rejection file of a batch, again or elsewhere, at any time until the batch is erased."""
    talk = talk_of(context)
    with talk.desk() as desk:
        with desk.database.reading() as tx:
            found = tx.batches.find(batch)
        written = write_rejected(desk, found, out) if found.wrong else ()
    said = (
        Text(
            f"{written[0]} and {written[1]} name the {found.wrong} wrong rows of batch {found.id}.",
            f"批次 {found.id} 的 {found.wrong} 行有误，详见 {written[0]} 与 {written[1]}。",
        )
        if written
        else Text(f"In batch {found.id} no row is wrong: no file was written.", f"批次 {found.id} 无误，未生成文件。")
    )
    talk.give(told(found) | {"rejected": [str(one) for one in written]}, lambda: talk.out.print(talk.of(said)))


def list_(context: typer.Context) -> None:
    """Every batch with its state."""
    talk = talk_of(context)
    with talk.desk() as desk, desk.database.reading() as tx:
        found = tx.batches.all()
    columns = (
        Text("batch", "批次"),
        Text("reference", "机构批次号"),
        Text("product", "产品"),
        Text("rows", "行数"),
        Text("wrong", "有误"),
        Text("state", "状态"),
        Text("issuer", "发卡机构"),
        Text("signed by", "签名者"),
    )
    rows = [
        (
            str(one.id), one.reference, one.product, str(one.rows), str(one.wrong), talk.of(one.state.text), one.issuer,
            one.signer[:-_REST] or "-",
        )
        for one in found
    ]  # fmt: skip
    talk.give([told(one) for one in found], lambda: talk.table(columns, rows, empty=Text("No batches.", "没有批次。")))


def told(one: BureauBatchRow) -> dict[str, Any]:
    """A batch as JSON has it."""
    return {
        "batch": one.id, "issuer": one.issuer, "reference": one.reference, "product": one.product, "state": one.state,
        "rows": one.rows, "wrong": one.wrong, "sha256": one.file_digest, "received_by": one.received_by,
        "approved_by": one.approved_by, "second": one.second, "signer": one.signer,
    }  # fmt: skip


def _find(desk: Desk, said: str) -> int:
    with desk.database.reading() as tx:
        return tx.batches.find(said).id


@contextmanager
def _alone(located: Located) -> Iterator[None]:
    """One file at a time is taken in at a station; the kernel frees the lock when its holder dies, however it dies."""
    busy = StationBusy(
        Text("Another cardfab is taking a file in at this station.", "本制卡点已有另一个 cardfab 正在接收文件。"),
        do=Text("Wait for it, or end it.", "请等待其结束，或将其终止。"),
    )
    with sole(located.path("bureau.lock"), busy):
        yield


def _sealing(talk: Talk, located: Located) -> tuple[Recipient, Trust]:
    section = located.values.bureau
    if not (section.key and section.certificate and section.trust):
        raise UsageRefused(
            Text(
                "The settings do not name the bureau's key and the issuers' certificates.",
                "配置中未指定中心密钥与发卡机构证书。",
            ),
            do=Text("Set [bureau] key, certificate and trust.", "请在配置 [bureau] 中设置 key、certificate 和 trust。"),
            code="CF-2480",
        )
    key, certificate, trust = (_read(located.path(name)) for name in (section.key, section.certificate, section.trust))
    word = must_ask(talk.password_fd, talk.of, _WORD, "CF-2481")("bureau")
    try:
        return read_recipient(key, certificate, word), read_trust(trust)
    finally:
        wipe(word)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise InputRefused(Text(f"There is no file {path}.", f"没有文件 {path}。"), code="CF-3488") from None


def _source(desk: Desk, file: Path, layout: str | None, recipient: Recipient | None, trust: Trust | None) -> Source:
    inner = Path(file.stem) if file.suffix in _SEALED else file
    by_name = "generic-jsonl" if inner.suffix in (".jsonl", ".ndjson") else "generic-csv"
    chosen = load(desk.profiles, "layouts", layout or by_name, Layout)
    return open_source(file, chosen, keys_of_bureau=recipient, trust=trust, now=desk.now())


def _rejected(
    desk: Desk, batch: BureauBatchRow, out: Callable[[], Path]
) -> tuple[tuple[Path, Path] | None, RejectionUnwritten | None]:
    """The files, None where no row is wrong; or why there are none. What became of the batch stays as it is."""
    try:
        return (write_rejected(desk, batch, out()) if batch.wrong else None), None
    except RejectionUnwritten as why:
        return None, why


def _without_file(why: RejectionUnwritten, batch: BureauBatchRow, en: str, zh: str) -> RejectionMissing:
    return RejectionMissing(
        Text(f"{en} {why.what.en}", f"{zh}{why.what.zh}"),
        do=Text(
            f"'cardfab bureau rejected {batch.id} --out FILE' writes it elsewhere.",
            f"可用 cardfab bureau rejected {batch.id} --out 文件 另行生成。",
        ),
    )


def _show_taken(talk: Talk, batch: BureauBatchRow) -> None:
    said = Text(
        f"Batch {batch.id} ({batch.reference}): {batch.rows} rows taken in; it waits for approval.",
        f"批次 {batch.id}（{batch.reference}）：已接收 {batch.rows} 行，待审核。",
    )
    talk.out.print(talk.of(said))


@contextmanager
def _progress(talk: Talk) -> Iterator[Tell]:
    """A bar on a terminal; nothing elsewhere."""
    bars = Progress(
        TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TimeRemainingColumn(),
        console=talk.err, disable=talk.quiet or talk.json or not talk.err.is_terminal,
    )  # fmt: skip
    tasks: dict[str, Any] = {}

    def tell(step: str, done: int, of: int) -> None:
        if step not in tasks:
            tasks[step] = bars.add_task(talk.of(_STEPS[step]), total=of)
        bars.update(tasks[step], completed=done)

    with bars:
        yield tell


__all__ = ["RejectionMissing", "approve_", "import_", "list_", "refuse_", "rejected_", "told"]
