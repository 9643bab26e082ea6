"""``cardfab audit``: the record read, exported, and verified here or anywhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from cardfab.audit import AuditEvent, AuditRefused, account, verify_export
from cardfab.cli.options import spread
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.recording import surroundings
from cardfab.errors import InputRefused, Text, UsageRefused
from cardfab.station.record import check_record, export_record
from cardfab.store import Transaction

app = typer.Typer(help="The tamper-evident record.", no_args_is_help=True)

Trust = Annotated[
    list[Path] | None, typer.Option("--trust", help="A file with trusted public keys, one a line; may be repeated.")
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events; all of what is given must hold."""

    key: Annotated[str | None, typer.Option("--key", metavar="LABEL", help="Uses of this key.")] = None
    card: Annotated[
        str | None, typer.Option("--card", metavar="TOKEN", help="About this job or card, by its random token.")
    ] = None
    job: Annotated[int | None, typer.Option("--job", metavar="N", help="About this job.")] = None
    person: Annotated[str | None, typer.Option("--person", metavar="LOGIN", help="By this person.")] = None
    action: Annotated[
        str | None, typer.Option("--action", metavar="NAME", help="This action, or all that begin so: 'card'.")
    ] = None
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From this day or moment on: 2026-11-21[T08:00], UTC.")
    ] = None
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Until this moment, or the end of this day.")
    ] = None

    def judge(self, tx: Transaction) -> Callable[[AuditEvent], bool]:
        """Whether an event is wanted."""
        token = None if self.job is None else tx.jobs.get(self.job).token
        since, until = _moment(self.since, end=False), _moment(self.until, end=True)

        def wanted(event: AuditEvent) -> bool:
            return (
                (self.key is None or self.key in _labels(event))
                and (self.card is None or event.subject == self.card)
                and (self.job is None or event.subject == token or event.details.get("job") == str(self.job))
                and (self.person is None or event.actor == self.person)
                and (self.action is None or f"{event.action}.".startswith(f"{self.action}."))
                and (since is None or event.time >= since)
                and (until is None or event.time <= until)
            )

        return wanted


@app.command()
@spread
def show(
    context: typer.Context,
    wanted: Wanted,
    last: Annotated[int, typer.Option("--last", min=1, help="How many events, the newest.")] = 50,
) -> None:
    """The newest events, all or those of a key, a card, a job, a person, an action, a time."""
    talk = talk_of(context)
    with talk.desk() as desk:
        asked = {name: str(value) for name, value in asdict(wanted).items() if value is not None}
        desk.database.sequence(patient=False)  # what waits is shown too; that it was looked at is the next event
        desk.database.note(desk.event("audit.show", desk.token(), "done", asked))
        with desk.database.reading() as tx:
            judge = wanted.judge(tx)
            every = enumerate(map(AuditEvent.decode, tx.audit.leaves()))
            events = [(number, event) for number, event in every if judge(event)][-last:]
    columns = (
        Text("no.", "序号"),
        Text("time (UTC)", "时间（UTC）"),
        Text("person", "人员"),
        Text("action", "动作"),
        Text("outcome", "结果"),
        Text("about", "对象"),
        Text("details", "细目"),
    )
    rows = [
        (
            str(number),
            f"{e.time:%Y-%m-%d %H:%M:%S}",
            e.actor,
            e.action,
            talk.of(_OUTCOMES[e.outcome]),
            e.subject[:8],
            " ".join(f"{k}={v}" for k, v in e.details.items()),
        )
        for number, e in events
    ]
    talk.give(
        [_value(number, event) for number, event in events],
        lambda: talk.table(columns, rows, empty=Text("There is no such event.", "没有这样的记录。")),
    )


_OUTCOMES = {
    "intent": Text("intent", "意图"),
    "done": Text("done", "完成"),
    "refused": Text("REFUSED", "拒绝"),
    "failed": Text("FAILED", "失败"),
}


def _value(number: int, event: AuditEvent) -> dict[str, Any]:
    return {
        "event": number,
        "time": event.time.isoformat(),
        "actor": event.actor,
        "station": event.station,
        "action": event.action,
        "subject": event.subject,
        "outcome": event.outcome,
        "details": dict(event.details),
    }


def _labels(event: AuditEvent) -> Sequence[str]:
    """The keys that an event speaks of: those of one use, or of the counts at a closing."""
    counted = [one.split(" ")[0] for one in event.details.get("uses", "").split(", ")]
    return [*event.details.get("label", "").split(","), *counted]


def _moment(text: str | None, *, end: bool) -> datetime | None:
    if text is None:
        return None
    try:
        if len(text) == len("2026-11-21"):
            day = datetime.combine(date.fromisoformat(text), datetime.max.time() if end else datetime.min.time())
            return day.replace(tzinfo=UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageRefused(
            Text(f"'{text}' is no time.", f"“{text}”不是时间。"),
            do=Text("Write 2026-11-21 or 2026-11-21T08:00.", "请写为 2026-11-21 或 2026-11-21T08:00。"),
            code="CF-2140",
        ) from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


@app.command()
def export(context: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Write the whole record, signed to its end, as one file that verifies without this station."""
    talk = talk_of(context)
    with talk.desk() as desk:
        data = export_record(desk)
        key = str(desk.audit_key())
    file.write_bytes(data)
    en = f"{file}: {len(data)} bytes. The station's public key, to be kept elsewhere:\n{key}"
    zh = f"{file}：{len(data)} 字节。本站公钥（请另行保存）：\n{key}"
    talk.give({"file": str(file), "key": key}, lambda: talk.out.print(talk.of(Text(en, zh)), markup=False))


@app.command()
def verify(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="An export; else this station's record.")
    ] = None,
    trust: Trust = None,
    witnessed: Annotated[
        list[Path] | None,
        typer.Option("--witnessed", help="A checkpoint that was kept outside; may be repeated."),
    ] = None,
) -> None:
    """Verify an export with nothing but the file, the trusted keys and checkpoints kept outside; no database is opened.

    Without FILE: this station's record is computed again and held against its checkpoints, here and outside.
    """
    talk = talk_of(context)
    outside = [read_file(one) for one in witnessed or ()]
    if file is None:
        _verify_here(talk, outside)
        return
    report = verify_export(read_file(file), None if trust is None else trusted(trust), witnessed=outside)
    accounts = account(report.export.events())
    value = {
        "origin": report.origin,
        "events": report.events,
        "root": report.root.hex(),
        "checkpoints": report.checkpoints,
        "witnessed": report.witnessed,
        "signed_at": report.time.isoformat() if report.time else None,
        "keys": list(report.keys),
        "on_faith": list(report.on_faith),
        "in_doubt": len(accounts.in_doubt),
        "stock": [asdict(one) for one in accounts.stock],
        "findings": [finding.en for finding in (*report.findings, *accounts.findings)],
    }
    whole = Text(
        f"The record of {report.origin} is whole: {report.events} events, {report.checkpoints} checkpoints, "
        f"signed until {report.time:%Y-%m-%d %H:%M:%S} UTC.",
        f"{report.origin} 的记录完整：{report.events} 条事件，{report.checkpoints} 个检查点，"
        f"签名截至 {report.time:%Y-%m-%d %H:%M:%S} UTC。",
    )
    continues = Text(
        f"It continues {report.witnessed} checkpoints kept outside.", f"与 {report.witnessed} 个外部检查点一致。"
    )

    def people() -> None:
        talk.out.print(talk.of(whole))
        if report.witnessed:
            talk.out.print(talk.of(continues))
        for key in report.on_faith:
            faith = Text(f"Taken on faith, name it with --trust: {key}", f"未经确认的公钥（请用 --trust 指定）：{key}")
            talk.out.print(talk.of(faith), markup=False)
        for one in accounts.stock:
            parts = f"{one.issued} + {one.spoiled} + {one.in_doubt} + {one.remaining}"
            more = (one.returned, one.tested, one.missing, one.destroyed)
            parts += "".join(f" + {part}" for part in more) if any(more) else ""
            talk.out.print(f"{one.stock}: {one.opening} = {parts}", markup=False)
        for finding in (*report.findings, *accounts.findings):
            talk.out.print(talk.of(finding), markup=False)

    talk.give(value, people)


def _verify_here(talk: Talk, outside: Sequence[bytes]) -> None:
    with talk.desk() as desk:
        place = surroundings(talk.located()).outside
        kept = [*outside, *([] if place is None else place.all())]
        desk.database.sequence(desk.signed, patient=False)
        with desk.database.reading() as tx:
            checked = check_record(tx, desk.audit_key(), kept)
        if checked.alerts:
            raise AuditRefused(
                Text(" ".join(one.en for one in checked.alerts), "".join(one.zh for one in checked.alerts)),
                code="CF-3518",
                do=Text("Stop issuing, and keep the database as it is.", "请停止制卡，并原样保留数据库。"),
            )
    words = Text(
        f"The record is whole: {checked.size} events, held against {len(kept)} checkpoints from outside.",
        f"记录完整：{checked.size} 条事件，已与 {len(kept)} 个外部检查点比对。",
    )
    value = {"events": checked.size, "witnessed": len(kept), "alerts": []}
    talk.give(value, lambda: talk.out.print(talk.of(words)))


def trusted(files: Sequence[Path]) -> list[str]:
    """The verifier keys in files, one a line."""
    return [line for one in files for line in read_file(one).decode("utf-8", errors="replace").split()]


def read_file(file: Path) -> bytes:
    """A file that was named; raises InputRefused (CF-3300) where it is not there or cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise InputRefused(
            Text(f"{file} cannot be read: {why}.", f"无法读取 {file}：{why}。"),
            do=Text("Check the path.", "请检查路径。"),
            code="CF-3300",
        ) from None
