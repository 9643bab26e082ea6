"""``cardfab issue`` and ``cardfab job``: cards made, jobs shown, jobs in doubt settled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.counterdesk import tell_cut_off
from cardfab.cli.keystores import with_keystore
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.wiring import bench_of, open_desk, open_devices, sole_worker
from cardfab.errors import CardfabError, InDoubt, PartlyDone, Text, UsageRefused
from cardfab.production import JobState
from cardfab.station.desk import Desk
from cardfab.station.devices import Devices
from cardfab.station.issue import Issued, issue
from cardfab.station.neighbours import give_up, left_alone
from cardfab.station.recovery import Eye, Settled, find_interrupted, settle, settle_all

app = typer.Typer(help="Jobs: one card each.", no_args_is_help=True)

Reader = Annotated[str | None, typer.Option("--reader", help="pcsc:NAME, tcp://HOST:PORT or simulated.")]
Printer = Annotated[str | None, typer.Option("--printer", help="socket://HOST:PORT, a serial device or simulated.")]


@contextmanager
def at_work(
    talk: Talk,
    reader: str | None,
    printer: str | None,
    *,
    faces: Path | None = None,
    keystore: str | None = None,
    trace: Path | None = None,
    prints: bool = True,
    ids: Sequence[str] = (),
) -> Iterator[tuple[Desk, Devices]]:
    """The desk and its devices, nobody else at them. A simulated hopper has the blanks on top that ``ids`` want."""
    located = with_keystore(talk.located(), keystore)
    bench = replace(bench_of(located, reader=reader, printer=printer, faces=faces), prints=prints)
    with ExitStack() as stack:
        stack.enter_context(sole_worker(located))
        desk = stack.enter_context(open_desk(located))
        tell_cut_off(talk, desk)
        bench = replace(bench, hopper=stocks_of(desk, ids))
        if trace is not None:
            bench = replace(bench, trace=stack.enter_context(trace.open("w", encoding="utf-8")))
        yield desk, stack.enter_context(open_devices(desk, bench))


def stocks_of(desk: Desk, ids: Sequence[str]) -> tuple[str, ...]:
    """The blanks that requests or jobs are made of, in their order; what is not known is refused when it is issued."""
    found: list[str] = []
    for name in ids:
        with suppress(CardfabError), desk.database.reading() as tx:
            product = tx.requests.get(tx.jobs.find(name).request_id).product
            found.append(desk.product(product).product.stock)
    return tuple(found)


def issue_cards(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID", help="Requests or jobs.")],
    reader: Reader = None,
    printer: Printer = None,
    no_print: Annotated[
        bool, typer.Option("--no-print", help="Encode, verify and give out; the face stays as it is.")
    ] = False,
    keystore: Annotated[
        str | None, typer.Option("--keystore", help="Another sealed key store, or a token: pkcs11:...")
    ] = None,
    faces: Annotated[
        Path | None, typer.Option("--faces", help="Simulated printer: draw the finished cards here.")
    ] = None,
    trace: Annotated[Path | None, typer.Option("--trace", help="Write what went to the chip, secrets masked.")] = None,
    second: Annotated[
        str | None, typer.Option("--second", help="Login of who authorises that a spoiled card is made again.")
    ] = None,
) -> None:
    """Make cards: encode, verify, print, record."""
    talk = talk_of(context)
    with at_work(talk, reader, printer, faces=faces, keystore=keystore, trace=trace, prints=not no_print, ids=ids) as (
        desk,
        devices,
    ):
        for settled in settle_all(desk, devices):
            talk.say(f"Job {settled.job.id}: {settled.how.en}", f"作业 {settled.job.id}：{settled.how.zh}")
        done, failed = issue_each(talk, desk, devices, ids, second)
    value = {
        "issued": [{"job": one.job.id, "request": one.job.request_id, "state": one.job.state} for one in done],
        "failed": [{"id": name, "error": error.code, "what": error.what.en} for name, error in failed],
    }
    if done or len(failed) > 1:  # of one card that failed, the error alone is the answer
        talk.give(value, lambda: _show_issued(talk, done))
    if len(failed) == 1 and not done:
        raise failed[0][1]
    if failed:
        raise PartlyDone(
            Text(f"{len(done)} cards made, {len(failed)} not.", f"制成 {len(done)} 张，失败 {len(failed)} 张。"),
            do=Text("The lines above say why.", "原因见上。"),
        )


def issue_each(
    talk: Talk, desk: Desk, devices: Devices, ids: Sequence[str], second: str | None = None
) -> tuple[list[Issued], list[tuple[str, CardfabError]]]:
    """Make each card; what failed with its error. A job in doubt ends the run: the printer may hold a card."""
    done: list[Issued] = []
    failed: list[tuple[str, CardfabError]] = []
    with talk.progress() as card:
        for name in ids:
            try:
                done.append(issue(desk, devices, name, card(name), second=second))
            except CardfabError as error:
                desk.refused(error)
                failed.append((name, error))
                if len(ids) > 1:
                    talk.err.print(f"{name}: {error.sentence(talk.language)}", style="red", markup=False)
                if isinstance(error, InDoubt):
                    break
    return done, failed


def _show_issued(talk: Talk, done: Sequence[Issued]) -> None:
    columns = (Text("request", "申请"), Text("job", "作业"), Text("state", "状态"), Text("items read back", "核对项"))
    rows = [(one.job.request_id, str(one.job.id), str(one.job.state), str(len(one.compared))) for one in done]
    talk.table(columns, rows, empty=Text("No card was made.", "未制成卡片。"))


@app.command("list")
def list_(
    context: typer.Context,
    state: Annotated[JobState | None, typer.Option(help="Only jobs in this state.", case_sensitive=False)] = None,
) -> None:
    """Jobs and their states."""
    talk = talk_of(context)
    with talk.desk() as desk, desk.database.reading() as tx:
        jobs = tx.jobs.all(*([state] if state else []))
    values = [
        {"job": j.id, "request": j.request_id, "state": j.state, "remake_of": j.remake_of, "changed": j.changed_at}
        for j in jobs
    ]
    columns = (Text("job", "作业"), Text("request", "申请"), Text("state", "状态"), Text("changed", "更新时间"))
    rows = [(str(j.id), j.request_id, str(j.state), j.changed_at[:19]) for j in jobs]
    talk.give(values, lambda: talk.table(columns, rows, empty=Text("There are no jobs.", "没有作业。")))


@app.command()
def show(context: typer.Context, name: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """One job with its history."""
    talk = talk_of(context)
    with talk.desk() as desk, desk.database.reading() as tx:
        job = tx.jobs.find(name)
        history = tx.jobs.history(job.id)
    value = {
        "job": job.id,
        "request": job.request_id,
        "state": job.state,
        "interrupted_in": job.doubt_from,
        "remake_of": job.remake_of,
        "chip": job.chip,
        "reason": job.reason,
        "history": [{"at": h.at, "by": h.by, "event": h.event, "state": h.state, "note": h.note} for h in history],
    }

    def people() -> None:
        talk.out.print(
            talk.of(
                Text(
                    f"Job {job.id} of {job.request_id}: {job.state}",
                    f"申请 {job.request_id} 的作业 {job.id}：{job.state}",
                )
            )
        )
        columns = (
            Text("at", "时间"),
            Text("by", "人员"),
            Text("event", "事件"),
            Text("state", "状态"),
            Text("note", "备注"),
        )
        talk.table(columns, [(h.at[:19], h.by, h.event, h.state, h.note) for h in history], empty=Text("", ""))

    talk.give(value, people)


@app.command()
def resolve(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="ID", help="A job; without one, all that wait.")] = None,
    accept: Annotated[bool, typer.Option("--accept", help="The card was seen, and its print is whole.")] = False,
    spoil: Annotated[
        bool, typer.Option("--spoil", help="The card was seen, and it is bad: spoils 1 blank card.")
    ] = False,
    reader: Reader = None,
    printer: Printer = None,
) -> None:
    """Settle jobs in doubt: the chip is read back; a card that may have been printed needs --accept or --spoil."""
    talk = talk_of(context)
    if accept and spoil:
        raise UsageRefused(Text("Either --accept or --spoil.", "--accept 与 --spoil 只能选一个。"))
    eye = Eye.GOOD if accept else Eye.BAD if spoil else None
    if eye and name is None:
        raise UsageRefused(Text("Say which job was seen.", "请指明所查看的作业。"))
    with at_work(talk, reader, printer) as (desk, devices):
        if name is None:
            found: list[Settled] = list(settle_all(desk, devices))
        else:
            find_interrupted(desk)
            with desk.database.reading() as tx:
                job = tx.jobs.find(name)
            if eye is Eye.BAD and job in left_alone(desk):
                job = give_up(desk, job.id, "given up by a supervisor")
            found = [settle(desk, devices, job, eye)]
    values = [{"job": one.job.id, "state": one.job.state, "how": one.how.en} for one in found]
    columns = (Text("job", "作业"), Text("state", "状态"), Text("how", "处理"))
    rows = [(str(one.job.id), str(one.job.state), talk.of(one.how)) for one in found]
    talk.give(values, lambda: talk.table(columns, rows, empty=Text("Nothing is in doubt.", "没有存疑作业。")))
    waiting = [one.job.id for one in found if one.job.state is JobState.IN_DOUBT]
    if waiting:
        raise InDoubt(
            Text(
                f"Jobs that need a look at the card: {', '.join(map(str, waiting))}.",
                f"需目检的作业：{'、'.join(map(str, waiting))}。",
            ),
            do=Text(
                "'cardfab job resolve ID --accept' or '--spoil'.", "cardfab job resolve 作业号 --accept 或 --spoil。"
            ),
        )
