"""``cardfab audit`` and ``cardfab keys``: the record that verifies elsewhere, and keys by label, never by value."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cardfab.audit import AuditEvent, account, verify_export
from cardfab.cli.output import talk_of
from cardfab.cli.wiring import open_keys, prompt
from cardfab.errors import InputRefused, Text
from cardfab.station.record import export_record

app = typer.Typer(help="The tamper-evident record.", no_args_is_help=True)
keys_app = typer.Typer(help="Keys by label; no command prints a key.", no_args_is_help=True)


@app.command()
def show(
    context: typer.Context,
    last: Annotated[int, typer.Option("--last", min=1, help="How many events.")] = 50,
) -> None:
    """The newest events."""
    talk = talk_of(context)
    with talk.desk() as desk, desk.database.reading() as tx:
        events = [AuditEvent.decode(leaf) for leaf in tx.audit.leaves()][-last:]
    values = [
        {
            "time": event.time.isoformat(),
            "actor": event.actor,
            "station": event.station,
            "action": event.action,
            "subject": event.subject,
            "outcome": event.outcome,
            "details": dict(event.details),
        }
        for event in events
    ]
    columns = (
        Text("time", "时间"),
        Text("person", "人员"),
        Text("action", "动作"),
        Text("outcome", "结果"),
        Text("details", "细目"),
    )
    rows = [
        (
            f"{e.time:%Y-%m-%d %H:%M:%S}",
            e.actor,
            e.action,
            e.outcome,
            " ".join(f"{k}={v}" for k, v in e.details.items()),
        )
        for e in events
    ]
    talk.give(values, lambda: talk.table(columns, rows, empty=Text("The record is empty.", "记录为空。")))


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
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    trust: Annotated[
        list[Path] | None, typer.Option("--trust", help="A file with trusted public keys, one a line; may be repeated.")
    ] = None,
) -> None:
    """Verify an export with nothing but the file and the trusted keys; no database is opened."""
    talk = talk_of(context)
    for needed in (file, *(trust or ())):
        if not needed.is_file():
            raise InputRefused(Text(f"There is no file {needed}.", f"没有文件 {needed}。"), code="CF-3300")
    keys = (
        None
        if trust is None
        else [line for one in trust for line in one.read_text(encoding="utf-8", errors="replace").split()]
    )
    report = verify_export(file.read_bytes(), keys)
    accounts = account(report.export.events())
    value = {
        "origin": report.origin,
        "events": report.events,
        "root": report.root.hex(),
        "checkpoints": report.checkpoints,
        "signed_at": report.time.isoformat() if report.time else None,
        "keys": list(report.keys),
        "on_faith": list(report.on_faith),
        "in_doubt": len(accounts.in_doubt),
        "stock": [asdict(one) for one in accounts.stock],
        "findings": [finding.en for finding in (*report.findings, *accounts.findings)],
    }

    def people() -> None:
        talk.out.print(
            talk.of(
                Text(
                    f"The record of {report.origin} is whole: {report.events} events, "
                    f"{report.checkpoints} checkpoints, "
                    f"signed until {report.time:%Y-%m-%d %H:%M:%S} UTC.",
                    f"{report.origin} 的记录完整：{report.events} 条事件，{report.checkpoints} 个检查点，"
                    f"签名截至 {report.time:%Y-%m-%d %H:%M:%S} UTC。",
                )
            )
        )
        for key in report.on_faith:
            talk.out.print(
                talk.of(
                    Text(f"Taken on faith, name it with --trust: {key}", f"未经确认的公钥（请用 --trust 指定）：{key}")
                ),
                markup=False,
            )
        for one in accounts.stock:
            parts = f"{one.issued} + {one.spoiled} + {one.in_doubt} + {one.remaining}"
            talk.out.print(f"{one.stock}: {one.opening} = {parts}", markup=False)
        for finding in (*report.findings, *accounts.findings):
            talk.out.print(talk.of(finding), markup=False)

    talk.give(value, people)


@keys_app.command("list")
def list_(context: typer.Context) -> None:
    """Every key with its purpose, level and check value."""
    talk = talk_of(context)
    infos = open_keys(talk.located(), prompt).infos()
    columns = (
        Text("label", "标签"),
        Text("algorithm", "算法"),
        Text("use", "用途"),
        Text("level", "层级"),
        Text("version", "版本"),
        Text("check value", "校验值"),
        Text("kind", "类型"),
    )
    kinds = {True: Text("TRAINING", "训练"), False: Text("production", "生产")}
    rows = [
        (i.label, i.algorithm, str(i.usage), str(i.level), str(i.version), i.kcv, talk.of(kinds[i.training]))
        for i in infos
    ]
    talk.give(
        [asdict(i) for i in infos],
        lambda: talk.table(columns, rows, empty=Text("There are no keys.", "没有密钥。"), wide=2),
    )


@keys_app.command()
def kcv(context: typer.Context, label: Annotated[str, typer.Argument(metavar="LABEL")]) -> None:
    """The check value of one key."""
    talk = talk_of(context)
    info = open_keys(talk.located(), prompt).info(label)
    talk.give({"label": label, "kcv": info.kcv}, lambda: talk.out.print(info.kcv))
