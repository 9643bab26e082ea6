"""``cardfab bureau worker``: prepares shards of batches, here and on other machines, from the queue in PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from cardfab.bureau.workers.places import Pace, require_library, server_of, worker_name
from cardfab.cli.databases import database_at
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.session import open_door
from cardfab.cli.wiring import open_desk, prompt
from cardfab.cli.words import asker
from cardfab.errors import PartlyDone, Text, UsageRefused
from cardfab.hardening import harden
from cardfab.production import Person
from cardfab.settings import Located
from cardfab.station.access import require_usable
from cardfab.station.desk import Desk
from cardfab.station.tokens import admit

CREDENTIAL = "worker-token"
"""The token of a service, among systemd's credentials."""
_MOST = 200


def worker(
    context: typer.Context,
    name: Annotated[str | None, typer.Option("--name", help="How the books call it; else station and process.")] = None,
    drain: Annotated[bool, typer.Option("--drain", help="End when no shard is left.")] = False,
    concurrency: Annotated[
        int,
        typer.Option(
            "--concurrency", min=1, max=64, help="Shards at once; more than 1 where a key device is waited for."
        ),
    ] = 1,
    token_fd: Annotated[
        int | None, typer.Option("--token-fd", help="A file descriptor with a token; else who is signed in.")
    ] = None,
) -> None:
    """Prepare shards of batches from the queue until SIGTERM or Ctrl-C, which finish the shard in hand."""
    talk = talk_of(context)
    located = talk.located()
    called = worker_name(located.values.station.name, name, os.getpid())
    require_library()
    _require_server(located)
    harden()
    shown = read_token(token_fd)
    person = None if shown is None else _admitted(located, shown)
    ask = asker(talk.password_fd, talk.of)
    with open_desk(located, ask=prompt, ask_word=ask, person=person, tell=_teller(talk)) as desk:
        _work(talk, located, desk, called, shown, drain=drain, concurrency=concurrency)


def _work(
    talk: Talk, located: Located, base: Desk, name: str, shown: str | None, *, drain: bool, concurrency: int
) -> None:
    from cardfab.bureau.workers.running import Worker

    section = located.values.bureau
    desk = base if shown is None else replace(base, by_token=_label(base, shown))
    talk.say(f"Worker {name} takes shards.", f"工作进程 {name} 开始领取分片。")
    tally = Worker(
        desk,
        who=_who(base, shown),
        name=name,
        tell=_teller(talk),
        pace=Pace(section.worker_beat, section.worker_lost),
        concurrency=concurrency,
        drain=drain,
    ).run()
    said = Text(
        f"{tally.shards} shards done, {tally.failed} put aside.",
        f"已完成 {tally.shards} 个分片，搁置 {tally.failed} 个。",
    )
    talk.give({"worker": name, **asdict(tally)}, lambda: talk.out.print(talk.of(said), markup=False))
    if tally.failed:
        raise PartlyDone(
            Text(f"{tally.failed} tasks were put aside.", f"有 {tally.failed} 个任务被搁置。"),
            do=Text("Remove the cause, then 'cardfab bureau prepare BATCH --workers' again.",
                    "请排除原因后再次执行 cardfab bureau prepare 批次 --workers。"),
        )  # fmt: skip


def _teller(talk: Talk) -> Callable[[Text], None]:
    def tell(what: Text) -> None:
        talk.say(what.en, what.zh)

    return tell


def _require_server(located: Located) -> None:
    database = database_at(located)
    try:
        server_of(database)
    finally:
        database.close()


def _admitted(located: Located, shown: str) -> Person:
    with open_door(located) as door:
        return admit(door, shown)[0]


def _label(desk: Desk, shown: str) -> str:
    return admit(desk.entrance(), shown)[1].label


def _who(desk: Desk, shown: str | None) -> Callable[[], Person]:
    """Asked before each shard: the token's person with the duties it gives now, or who was signed in at the start."""
    door = desk.entrance()

    def by_token(shown: str) -> Person:
        return admit(door, shown)[0]

    def in_person() -> Person:
        require_usable(door, desk.person.login)
        with desk.database.reading() as tx:
            return tx.people.get(desk.person.login)

    return in_person if shown is None else lambda: by_token(shown)


def read_token(descriptor: int | None) -> str | None:
    """The token that a descriptor or systemd's credentials give; None where neither does."""
    if descriptor is not None:
        try:
            with os.fdopen(descriptor, encoding="utf-8") as file:
                return file.read(_MOST).strip()
        except (OSError, UnicodeDecodeError) as closed:
            raise UsageRefused(
                Text(f"No token can be read from descriptor {descriptor}.", f"无法从描述符 {descriptor} 读取令牌。"),
                do=Text("Give an open descriptor: --token-fd N.", "请给出已打开的描述符：--token-fd N。"),
            ) from closed
    with suppress(KeyError, FileNotFoundError):
        return (Path(os.environ["CREDENTIALS_DIRECTORY"]) / CREDENTIAL).read_text(encoding="utf-8").strip()
    return None


__all__ = [
    "CREDENTIAL",
    "read_token",
    "worker",
]
