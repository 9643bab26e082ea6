"""``cardfab bureau prepare``: the cards of an approved batch are prepared, shard by shard, on this machine.

``--processes N``: how many processes work. They are forked from this one, which has opened the key store, and lock
their memory again; with a key service each has a connection of its own, which needs no word. A token serves one process
(PKCS#11: a session is of the process that opened it), so that several want the key service in front of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from cardfab.bureau.crew import do_shards
from cardfab.bureau.preparing import draw_shard, finish_prepare, require_approved
from cardfab.cli.databases import database_at
from cardfab.cli.output import talk_of
from cardfab.cli.wiring import chip_pool, station_keys
from cardfab.errors import DeviceFault, KeyFault, Text
from cardfab.hardening import harden
from cardfab.keys.auditing import AuditedKeyStore, StationKeys
from cardfab.production import Act
from cardfab.production.batches import BatchState, ShardState
from cardfab.settings import Located
from cardfab.station.desk import AUDIT_KEY, Desk
from cardfab.station.keyrecord import KeyRecord
from cardfab.store import CommitInDoubt


class OneProcess(KeyFault):
    """A token's session belongs to one process."""

    default_code = "CF-6422"


class PrepareBroken(DeviceFault):
    """The database was lost while something of a batch was being kept."""

    default_code = "CF-5743"


@contextmanager
def _safe_again(batch: str) -> Iterator[None]:
    """Whatever became of the commit whose answer was lost: what is done twice here is done once."""
    try:
        yield
    except CommitInDoubt as doubt:
        raise PrepareBroken(
            Text(
                f"The database broke off while a shard of batch {batch} was being kept; whether it was, is not known.",
                f"保存批次 {batch} 的分片时与数据库的连接中断，结果未知。",
            ),
            do=Text(
                "Bring the database back, then prepare again: what is done stays, and nothing is made twice.",
                "请恢复数据库后重新准备；已完成的部分保留，不会重复制作。",
            ),
        ) from doubt


def prepare(
    context: typer.Context,
    batch: Annotated[str, typer.Argument(help="The batch: its number here, or the issuer's reference.")],
    processes: Annotated[
        int | None, typer.Option("--processes", min=1, max=256, help="Processes; else one a core, with a token one.")
    ] = None,
    draw: Annotated[bool, typer.Option("--draw", help="Draw what is random, and prepare nothing yet.")] = False,
    workers: Annotated[
        bool, typer.Option("--workers", help="Leave it to 'cardfab bureau worker' processes, here or elsewhere.")
    ] = False,
) -> None:
    """Prepare the cards of an approved batch; what was done before stays, and it goes on from there."""
    talk = talk_of(context)
    located = talk.located()
    harden()
    with talk.desk() as desk, _safe_again(batch):
        desk.must(Act.BATCH)
        with desk.database.reading() as tx:
            found = tx.batches.find(batch)
            require_approved(found)
            shards = tx.shards.of(found.id)
        if workers:
            from cardfab.bureau.workers import defer  # it wants a library that others do without

            deferred = defer(desk, found.id)
            talk.give(asdict(deferred), lambda: talk.say("Left to the workers.", "已交由工作进程处理。"))
            return
        if draw:
            for one in shards:
                draw_shard(desk, found.id, one.shard)
            drawn = {"batch": found.id, "shards": len(shards), "drawn": len(shards)}
            talk.give(
                drawn, lambda: talk.say(f"{len(shards)} shards drawn.", f"已抽取 {len(shards)} 个分片的随机数据。")
            )
            return
        left = [one.shard for one in shards if one.state is not ShardState.DONE]
        count = _processes(located, processes)

        def tell(done: int, of: int) -> None:
            if talk.err.is_terminal:
                talk.say(f"{done} of {of} shards.", f"{done}/{of} 个分片。")

        lost = do_shards(desk, found.id, left, processes=count, desk_of=_desk_of(located), tell=tell)
        digest = finish_prepare(desk, found.id)
    if lost:
        talk.say(
            f"{lost} processes were lost; the others did their shards.",
            f"有 {lost} 个进程中断，其分片已由其他进程完成。",
        )
    value = {"batch": found.id, "shards": len(shards), "prepared": len(left), "lost": lost, "digest": digest}
    before = found.state is not BatchState.APPROVED
    talk.give(value, lambda: talk.out.print(talk.of(_said(value, before=before)), markup=False))


def _said(value: dict[str, Any], *, before: bool) -> Text:
    if before:
        return Text(
            f"Batch {value['batch']} was prepared already: {value['shards']} shards. Digest {value['digest']}.",
            f"批次 {value['batch']} 数据此前已准备：共 {value['shards']} 个分片。摘要 {value['digest']}。",
        )
    return Text(
        f"Batch {value['batch']} is prepared: {value['shards']} shards, {value['prepared']} of them now. "
        f"Digest {value['digest']}.",
        f"批次 {value['batch']} 数据已准备：共 {value['shards']} 个分片，本次 {value['prepared']} 个。"
        f"摘要 {value['digest']}。",
    )


def _processes(located: Located, asked: int | None) -> int:
    """How many; raises :class:`OneProcess` where a token is asked to serve several."""
    token = in_token(located)
    if token and asked is not None and asked > 1:
        raise OneProcess(
            Text("A token serves one process.", "一个密码设备会话只能用于一个进程。"),
            do=Text(
                "Put the key service in front of it ([keystore] service), or leave out --processes.",
                "请通过密钥服务使用该设备（[keystore] service），或省略 --processes。",
            ),
        )
    return asked or (1 if token else os.cpu_count() or 1)


def in_token(located: Located) -> bool:
    """Whether this very process holds a session with a token."""
    section = located.values.keystore
    return bool(section.token) and not section.service


def _desk_of(located: Located) -> Callable[[Desk], Any]:
    """What a forked process works with: its own connections, and its own line to a key service."""

    @contextmanager
    def own(desk: Desk) -> Iterator[Desk]:
        database = database_at(located)
        database.sequences_inside = desk.database.sequences_inside
        keys = AuditedKeyStore(_keys(located, desk), KeyRecord(database, lambda *said: mine.event(*said), _SILENT))
        mine = replace(desk, database=database, keys=keys, pool=chip_pool(located, keys))
        try:
            yield mine
        finally:
            with suppress(Exception):  # it is counted at the next end of work
                keys.flush()
                database.flush()
            database.close()

    return own


_SILENT = frozenset({AUDIT_KEY})


def _keys(located: Located, desk: Desk) -> StationKeys:
    if located.values.keystore.service:
        return station_keys(located, lambda _: "")
    if not isinstance(desk.keys, AuditedKeyStore):
        raise TypeError("a station's keys are on record")
    return desk.keys.inner


__all__ = ["OneProcess", "PrepareBroken", "in_token", "prepare"]
