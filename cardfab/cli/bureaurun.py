"""``cardfab bureau run``, ``pause``, ``resume``, ``stop``: a line at work on a batch, and what it is ordered."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from cardfab.bureau.line import BureauLine, LineSaid, RunEnd
from cardfab.cli.bureauprepare import OneProcess, in_token
from cardfab.cli.bureauslots import rules_of, slots_of
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.wiring import open_desk, sole_worker
from cardfab.cli.words import asker
from cardfab.errors import PartlyDone, Text
from cardfab.profile.line import read_line
from cardfab.settings import Located
from cardfab.station.bureauorders import NOBODY_HEARS, Order, heard, order

Batch = Annotated[str, typer.Argument(metavar="BATCH", help="The batch's number, or the issuer's reference.")]


def run(
    context: typer.Context,
    batch: Batch,
    line: Annotated[Path, typer.Option("--line", help="The line's description (TOML).")],
    slots: Annotated[int | None, typer.Option("--slots", min=1, help="Only its first so many slots.")] = None,
) -> None:
    """Make the cards of a prepared batch on a line; Ctrl-C finishes the cards in work."""
    talk = talk_of(context)
    located = talk.located()
    described = read_line(line.read_text(encoding="utf-8"), line.name)
    ask = asker(talk.password_fd, talk.of)

    def tell(said: LineSaid) -> None:
        where = f"{said.slot}: " if said.slot else ""
        talk.say(f"{where}{said.what.en}", f"{where}{said.what.zh}")

    with (
        sole_worker(located),
        open_desk(located, ask_word=ask, tell=lambda advice: talk.say(advice.en, advice.zh)) as desk,
    ):
        with desk.database.reading() as tx:
            found = tx.batches.find(batch)
        chosen = slots_of(desk, described, found.product)[:slots]
        _require_one_thread(located, len(chosen))
        made = BureauLine(desk, chosen, rules_of(described), tell=tell)
        with _term_as_interrupt():
            ended = made.run(found.id)
    talk.give(value_of(ended), lambda: _show(talk, ended))
    if ended.how in _PARTLY:
        en, zh, code = _PARTLY[ended.how]
        raise PartlyDone(
            Text(f"{en} {ended.left} places have no card yet.", f"{zh}尚有 {ended.left} 个位置未制成。"),
            do=_what_next(ended),
            code=code,
        )


def _require_one_thread(located: Located, slots: int) -> None:
    """A token's module is called by one thread at a time only, and each slot is a thread."""
    if in_token(located) and slots > 1:
        raise OneProcess(
            Text("A token serves one slot.", "一个密码设备会话只能用于一个工位。"),
            do=Text(
                "Put the key service in front of it ([keystore] service), or run with --slots 1.",
                "请通过密钥服务使用该设备（[keystore] service），或使用 --slots 1。",
            ),
        )


@contextmanager
def _term_as_interrupt() -> Iterator[None]:
    """A service is ended by SIGTERM as a person ends it by Ctrl-C: cards in work are finished."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _what_next(ended: RunEnd) -> Text:
    """Where the places are named and what becomes of them; of slots that were taken out, why."""
    batch = ended.now.batch_id
    if ended.how == "no slot left":
        return Text(
            f"'cardfab bureau status {batch}' says why each was; then run the line again.",
            f"cardfab bureau status {batch} 可查看各工位停用原因；处理后请重新运行产线。",
        )
    return Text(
        f"'cardfab bureau reconcile {batch}' names each place. In doubt: 'cardfab job resolve JOB'. "
        f"Spoiled: 'cardfab bureau remake ask {batch}'.",
        f"cardfab bureau reconcile {batch} 逐一列出位置。存疑：cardfab job resolve 作业号；"
        f"废卡：cardfab bureau remake ask {batch}。",
    )


_PARTLY = {
    "open": ("This line can make no more of the batch now.", "本产线目前无法继续制作该批次。", "CF-8300"),
    "no slot left": ("Every slot was taken out.", "全部工位均已停用。", "CF-8301"),
}


def value_of(ended: RunEnd) -> dict[str, Any]:
    """How a run ended, for programs."""
    now = ended.now
    slots = [
        {**asdict(one), "taken_out": None if one.taken_out is None else asdict(one.taken_out)} for one in now.slots
    ]
    return {
        "run": now.run_id, "batch": now.batch_id, "line": now.line, "how": ended.how, "left": ended.left,
        "made": now.made, "spoiled": now.spoiled, "doubtful": now.doubtful, "faults": now.faults, "slots": slots,
    }  # fmt: skip


def _show(talk: Talk, ended: RunEnd) -> None:
    columns = (
        Text("slot", "工位"), Text("made", "成卡"), Text("spoiled", "废卡"), Text("in doubt", "存疑"),
        Text("faults", "故障"), Text("seconds a card", "秒/张"), Text("state", "状态"),
    )  # fmt: skip
    rows = []
    for one in ended.now.slots:
        used = one.made + one.spoiled + one.doubtful
        state = Text(one.state.value, one.state.zh) if one.taken_out is None else one.taken_out
        a_card = f"{one.busy / used:.1f}" if used else ""
        counts = (one.made, one.spoiled, one.doubtful, one.faults)
        rows.append((one.name, *map(str, counts), a_card, talk.of(state)))
    talk.table(columns, rows, empty=Text("", ""))


def pause(context: typer.Context, batch: Batch) -> None:
    """Let the lines of a batch finish the cards in work and wait."""
    _ordered(context, batch, Order.PAUSE)


def resume(context: typer.Context, batch: Batch) -> None:
    """Let paused lines go on."""
    _ordered(context, batch, Order.GO_ON)


def stop(
    context: typer.Context,
    batch: Batch,
    after_box: Annotated[bool, typer.Option("--after-box", help="Finish the boxes in work first.")] = False,
) -> None:
    """Let the lines of a batch finish the cards in work and end."""
    _ordered(context, batch, Order.STOP_AFTER_BOX if after_box else Order.STOP)


def _ordered(context: typer.Context, batch: str, wanted: Order) -> None:
    talk = talk_of(context)
    with talk.desk() as desk:
        batch_id = order(desk, batch, wanted)
        hears = heard(desk, batch_id)
    said = Text(
        f"Ordered of the lines of batch {batch_id}: {wanted.text.en}.{'' if hears else f' {NOBODY_HEARS.en}'}",
        f"已向批次 {batch_id} 的产线下达：{wanted.text.zh}。{'' if hears else NOBODY_HEARS.zh}",
    )
    value = {"batch": batch_id, "ordered": wanted.value, "heard": hears}
    talk.give(value, lambda: talk.out.print(talk.of(said), markup=False))


__all__ = ["Batch", "pause", "resume", "run", "stop", "value_of"]
