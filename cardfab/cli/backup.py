"""``cardfab backup`` and ``restore``: a station in one sealed file, and back, blocked until everything agrees."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cardfab.audit import AuditEvent, milliseconds
from cardfab.cli.databases import database_at
from cardfab.cli.issuerhost import issuer_of
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.recording import surroundings
from cardfab.cli.session import SESSION, signed_in
from cardfab.cli.words import must_ask
from cardfab.errors import InputRefused, Text, UsageRefused
from cardfab.production.passwords import check_password
from cardfab.settings import Located, read_settings
from cardfab.station import restoring
from cardfab.station.access import NOBODY
from cardfab.station.backup import back_up, fill, unpack
from cardfab.station.desk import Desk
from cardfab.station.host import HostCode, Operation
from cardfab.station.hostdesk import HostDesk, HostRefused
from cardfab.station.vault import open_card
from cardfab.store import JobRow


def backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where it is written; it must not be there yet.")],
) -> None:
    """Write the station into one sealed file, under a passphrase that is asked for. Work may go on meanwhile.

    Nobody needs to be signed in: who may read the folder may copy it, and what is written here is sealed.
    """
    talk = talk_of(context)
    if file.exists():
        raise InputRefused(Text(f"{file} is there already.", f"{file} 已存在。"), code="CF-3710")
    located = talk.located()
    name = located.values.station.name
    now = milliseconds(datetime.now(UTC))
    database = database_at(located)
    part = file.with_name(file.name + ".part")
    word = _word(talk, name, new=True)
    try:
        database.require_current()
        with part.open("xb") as out:
            made = back_up(
                database, located.folder, out, word, os.urandom,
                station=name, at=now.isoformat(timespec="milliseconds"), leave=_elsewhere(located),
            )  # fmt: skip
            out.flush()
            os.fsync(out.fileno())
        part.replace(file)
        details = {"size": str(made.size), "files": str(len(made.files))}
        with database.transaction("backup") as tx:
            tx.audit.append(_event(located, now, "station.backup", details))
    finally:
        word[:] = bytes(len(word))
        part.unlink(missing_ok=True)
        database.close()
    words = Text(
        f"Station {made.station} is in {file}: {len(made.files)} files, {made.size} signed events.",
        f"制卡点 {made.station} 已备份至 {file}：文件 {len(made.files)} 个，已签署事件 {made.size} 条。",
    )
    value = {"file": str(file), "station": made.station, "files": len(made.files), "events": made.size}
    talk.give(value, lambda: talk.out.print(talk.of(words)))


def restore(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The backup.")] = None,
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="An empty folder for the station.")] = None,
    at_least: Annotated[
        Path | None, typer.Option("--at-least", help="A checkpoint; an older backup is refused.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="What is still to be settled before cards are made.")] = False,
    made: Annotated[int | None, typer.Option("--made", help="A job whose card was made after the backup.")] = None,
    not_made: Annotated[int | None, typer.Option("--not-made", help="A job whose card was not made.")] = None,
    stock: Annotated[str | None, typer.Option("--stock", help="NAME=COUNT: blanks that two people counted.")] = None,
    second: Annotated[str | None, typer.Option("--second", help="Login of the second person.")] = None,
) -> None:
    """Restore a station from a backup; it makes no card until host, stock and the record kept outside agree."""
    talk = talk_of(context)
    if file is not None and folder is not None:
        _restore(talk, file, folder, None if at_least is None else at_least.read_bytes())
        return
    if file is not None or not (check or made or not_made or stock):
        raise UsageRefused(
            Text("Give a backup and an empty folder, or --check.", "请给出备份文件和空目录，或使用 --check。")
        )
    located = talk.located()
    with talk.desk() as desk:
        for job, was in ((made, True), (not_made, False)):
            if job is not None:
                restoring.say_made(desk, job, was, _second(second))
        if stock is not None:
            name, _, count = stock.rpartition("=")
            if not name or not count.isdecimal():
                raise UsageRefused(Text("--stock takes NAME=COUNT.", "--stock 的格式为 名称=数量。"))
            restoring.say_stock(desk, name, int(count), _second(second))
        still = restoring.check(desk, _host_knows(located, desk), surroundings(located).outside)
    _show(talk, still)


def _restore(talk: Talk, file: Path, folder: Path, at_least: bytes | None) -> None:
    word = _word(talk, "", new=False)
    try:
        with file.open("rb") as source:
            manifest = unpack(source, folder, word, at_least=at_least)
    finally:
        word[:] = bytes(len(word))
    located = read_settings((folder / "cardfab.toml",))
    database = database_at(located)
    now = milliseconds(datetime.now(UTC))

    def event(details: dict[str, str]) -> AuditEvent:
        return _event(located, now, "station.restore", details)

    try:
        fill(database, folder, manifest)
        restoring.begin(database, event, at=now.isoformat(timespec="milliseconds"), size=manifest.size)
        with database.reading() as tx:
            still = len(tx.restores.open())
    finally:
        database.close()
    words = Text(
        f"Station {manifest.station} of {manifest.made_at} is in {folder}. It makes no card until {still} things are "
        "settled: 'cardfab restore --check' there.",
        f"制卡点 {manifest.station}（{manifest.made_at}）已恢复至 {folder}。尚有 {still} 项待核对，核对前不得制卡："
        "请在该处运行 cardfab restore --check。",
    )
    value = {"folder": str(folder), "station": manifest.station, "made_at": manifest.made_at, "open": still}
    talk.give(value, lambda: talk.out.print(talk.of(words), markup=False))


def _event(located: Located, now: datetime, action: str, details: dict[str, str]) -> AuditEvent:
    """An event of whoever is signed in, or of nobody: a timer has no session."""
    actor = signed_in(located) if located.path(SESSION).is_file() else NOBODY
    return AuditEvent(now, actor, located.values.station.name, action, os.urandom(16).hex(), "done", details)


def _show(talk: Talk, still: tuple[Text, ...]) -> None:
    free = Text("Everything agrees: cards may be made.", "全部核对一致，可以制卡。")
    columns = (Text("still to be settled", "待核对"),)
    value = {"open": [one.en for one in still]}
    talk.give(value, lambda: talk.table(columns, [(talk.of(one),) for one in still], empty=free))


def _host_knows(located: Located, desk: Desk) -> restoring.HostKnows | None:
    host = issuer_of(located, desk)
    if host is None:
        return None
    line = HostDesk(desk, host)

    def knows(job: JobRow) -> bool:
        with desk.database.reading() as tx:
            row = tx.requests.get(job.request_id)
        card = open_card(desk.keys, job, row)
        fields = {
            "number": card.face["social_security_number"], "name": card.face["name"], "card_number": card.card_number,
        }  # fmt: skip
        try:
            return bool(line.read(Operation.STATUS, f"restore:{job.token}", fields).get("state"))
        except HostRefused as refused:
            if refused.host_code is HostCode.NOT_FOUND:
                return False
            raise

    return knows


def _elsewhere(located: Located) -> tuple[Path, ...]:
    """The database's own files, and what lies outside: it is there to outlive the station."""
    own = database_at(located)
    base = own.path
    own.close()
    outside = surroundings(located).outside
    files = tuple(base.parent.glob(f"{base.name}*"))
    return files if outside is None else (*files, outside.folder)


def _word(talk: Talk, name: str, *, new: bool) -> bytearray:
    ask = must_ask(talk.password_fd, talk.of, Text("the passphrase of the backup", "备份口令"), "CF-2202")
    word = ask("backup", new=new)
    if new:
        check_password(word, name, "")
    return word


def _second(login: str | None) -> str:
    if login is None:
        raise UsageRefused(Text("This needs a second person: --second LOGIN.", "此操作须有第二人：--second 登录名。"))
    return login
