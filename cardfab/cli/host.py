"""``cardfab host``: what waits for the issuer host, whether it answers, and with what this station names itself."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from cardfab.cli.issuerhost import issuer_of, keep_credentials, profile_of
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.wiring import prompt
from cardfab.errors import CardfabError, Text, UsageRefused
from cardfab.production import Act
from cardfab.station.host import HostCode, Operation
from cardfab.station.hostdesk import HostAbsent, HostDesk, HostRefused
from cardfab.station.hosts.outbox import Entry, age_words, drain, settle
from cardfab.station.hosts.outbox import queue as waiting
from cardfab.station.hosts.signed import HOST_KEY

app = typer.Typer(help="The issuer host: what waits for it, and whether it answers.", no_args_is_help=True)


@app.command()
def queue(context: typer.Context) -> None:
    """What waits for the host, oldest first, and what it refused."""
    talk = talk_of(context)
    with talk.desk() as desk:
        desk.must(Act.READ)
        found = waiting(desk)
    values = {"waiting": found.waiting, "refused": found.refused, "oldest_seconds": int(found.age.total_seconds())}
    entries = [
        {"id": one.id, "operation": str(one.operation), "state": one.state, "since": one.since, "by": one.by,
         "tries": one.tries, "code": one.code}
        for one in found.entries
    ]  # fmt: skip
    columns = (
        Text("no.", "编号"), Text("what", "内容"), Text("state", "状态"), Text("age", "等待"), Text("tries", "次数"),
        Text("reason", "原因"),
    )  # fmt: skip
    rows = [_row(talk, one) for one in found.entries]
    talk.give(
        {**values, "entries": entries},
        lambda: talk.table(columns, rows, empty=Text("Nothing waits for the host.", "没有待发主机的消息。")),
    )


def _row(talk: Talk, one: Entry) -> tuple[str, ...]:
    state = {"waiting": Text("waits", "待发送"), "refused": Text("refused", "被拒绝")}.get(one.state, Text("", ""))
    reason = HostCode(one.code).text if one.code in tuple(HostCode) else Text(one.code or "", one.code or "")
    said = (str(one.id), talk.of(one.operation.text), talk.of(state), talk.of(age_words(one.age)))
    return (*said, str(one.tries), talk.of(reason))


@app.command()
def send(
    context: typer.Context,
    only: Annotated[
        int | None, typer.Option("--only", help="This entry, and what is before it of the same card.")
    ] = None,
) -> None:
    """Tell the host what waits, in the order of each card."""
    talk = talk_of(context)
    located = talk.located()
    with talk.desk() as desk:
        host = issuer_of(located, desk)
        if host is None:
            raise HostAbsent
        done = drain(desk, host, only)
    values = {"done": done.done, "refused": done.refused, "waiting": done.waiting}
    talk.give(
        values,
        lambda: talk.say(
            f"{done.done} sent, {done.waiting} wait, {done.refused} refused.",
            f"已发送 {done.done} 条，待发 {done.waiting} 条，被拒绝 {done.refused} 条。",
        ),
    )


@app.command("settle")
def settle_(
    context: typer.Context,
    entry: Annotated[int, typer.Argument(metavar="NUMBER", help="A refused entry of the queue.")],
    reason: Annotated[str, typer.Option("--reason", help="How it was settled with the card centre.")],
) -> None:
    """Take a refused entry off the list; a supervisor, who says how it was settled."""
    talk = talk_of(context)
    with talk.desk() as desk:
        settle(desk, entry, reason)
    talk.give({"settled": entry}, lambda: talk.say("Taken off the list.", "已移出列表。"))


@app.command()
def status(context: typer.Context) -> None:
    """Which host this is, whether it answers, and what of its profile nobody has verified."""
    talk = talk_of(context)
    located = talk.located()
    with talk.desk() as desk:
        desk.must(Act.READ)
        host, profile = issuer_of(located, desk), profile_of(located, desk)
        answers, reason = _answers(None if host is None else HostDesk(desk, host))
        found = waiting(desk)
        key = desk.keys.public(HOST_KEY).hex() if profile and profile.family in ("json-https", "file-drop") else ""
    values = {
        "host": located.values.host, "answers": answers, "reason": reason.en, "waiting": found.waiting,
        "refused": found.refused, "profile": profile.name if profile else "", "station_key": key,
        "unverified": list(profile.unverified) if profile else [],
    }  # fmt: skip

    def show() -> None:
        talk.out.print(located.values.host, markup=False)
        talk.say(reason.en, reason.zh)
        if key:
            talk.say(f"Signing key of this station: {key}", f"本网点签名公钥：{key}")
        if profile and profile.unverified:
            listed = ", ".join(profile.unverified)
            talk.say(f"Not verified, ask the card centre: {listed}", f"尚未核实，请向卡管中心确认：{listed}")

    talk.give(values, show)


def _answers(line: HostDesk | None) -> tuple[bool, Text]:
    """Whether the host answers a question about a card that nobody has."""
    if line is None:
        return False, Text("The station has no issuer host.", "本网点未配置发卡主机。")
    nobody = {"number": "000000000000000000", "name": "-", "card_number": "000000000"}
    try:
        line.read(Operation.STATUS, "nobody", nobody)
    except HostRefused as refused:
        if refused.host_code is HostCode.CREDENTIALS:
            return False, refused.host_code.text
    except CardfabError as silent:
        return False, silent.what
    return True, Text("The host answers.", "主机应答正常。")


@app.command()
def credentials(
    context: typer.Context,
    fd: Annotated[
        int | None, typer.Option("--fd", help="A descriptor with user, password and licence, one a line.")
    ] = None,
) -> None:
    """Seal user, password and licence towards the host; they are asked for, never arguments."""
    talk = talk_of(context)
    located = talk.located()
    with talk.desk() as desk:
        desk.must(Act.SETTINGS)
        asked = (Text("user", "用户名"), Text("password", "口令"), Text("licence", "授权码"))
        words = tuple(prompt(talk.of(what)) for what in asked) if fd is None else _lines(fd)
        file = keep_credentials(located, desk, *words)
        with desk.database.transaction("credentials") as tx:
            tx.audit.append(desk.event("host.credentials", desk.token(), "done", {}))
    talk.give({"file": file.name}, lambda: talk.say("Sealed.", "已加密保存。"))


def _lines(fd: int) -> tuple[str, ...]:
    """Three lines of a descriptor; one that is missing is empty."""
    try:
        with os.fdopen(os.dup(fd), encoding="utf-8") as given:
            found = given.read(4096).splitlines()
    except (OSError, UnicodeDecodeError) as unusable:
        raise UsageRefused(
            Text(f"Nothing can be read from descriptor {fd}.", f"无法从描述符 {fd} 读取。"),
            do=Text("Give an open descriptor, or leave --fd out.", "请给出已打开的描述符，或去掉 --fd。"),
            code="CF-2280",
        ) from unusable
    return tuple((*found, "", "", "")[:3])
