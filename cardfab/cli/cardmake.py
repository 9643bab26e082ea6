"""``cardfab card make``: a chip of the factory becomes a blank. What it needs is asked of the chip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.counterdesk import devices as devices_by_hand
from cardfab.cli.output import Talk, talk_of
from cardfab.cli.tray import TRAY
from cardfab.cli.wiring import open_desk, sole_worker
from cardfab.errors import Text, UsageRefused
from cardfab.plan import DescribedCommand, describe
from cardfab.plan.stages import historical_of
from cardfab.profile.card import Stage
from cardfab.settings import Located
from cardfab.station.desk import Desk, ProductSet
from cardfab.station.making import (
    Begun,
    MadeBlank,
    activation_steps,
    check_steps,
    look,
    make_blank,
    structure_steps,
)

_STAGES: dict[str, tuple[Stage, ...]] = {
    "activation": ("activation",),
    "pre-personalisation": ("pre-personalisation",),
    "all": ("activation", "pre-personalisation"),
}
_PARTS = {
    "activation": Text("ACTIVATION", "COS 激活"),
    "structure": Text("PRE-PERSONALISATION", "预个人化"),
    "check": Text("CHECK", "核对"),
}

_PART_OF = {"activation": "activation", "pre-personalisation": "structure"}

Product = Annotated[str, typer.Option("--product", help="The product whose blanks are made.")]
Reader = Annotated[
    str | None,
    typer.Option(
        "--reader",
        help="pcsc:NAME, tcp://HOST:PORT; in training file:PATH, simulated (make: a new chip; state: the newest card).",
    ),
]


def make(
    context: typer.Context,
    product: Product,
    region: Annotated[str, typer.Option("--region", help="The city of the blank, six digits.")],
    stage: Annotated[str, typer.Option("--stage", help="activation, pre-personalisation or all.")] = "all",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a chip that was begun.")] = False,
    erase: Annotated[bool, typer.Option("--erase", help="Take everything off it and begin again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show every command; no chip.")] = False,
    reader: Reader = None,
) -> None:
    """Make a blank of a chip: activation, directories, files, keys. A person's data comes with 'cardfab issue'."""
    talk = talk_of(context)
    stages, begun = _asked(stage, resume, erase)
    if not (len(region) == 6 and region.isascii() and region.isdigit()):
        raise UsageRefused(
            Text("--region takes six digits.", "--region 须为 6 位数字。"),
            do=Text("Give the city of the blank, as 440199.", "请填写空白卡所属城市，如 440199。"),
        )
    located = talk.located()
    with sole_worker(located), open_desk(located) as desk:
        chosen = desk.product(product)
        _require_stages(chosen, stages)
        if dry_run:
            _show_dry(talk, _described(chosen, stages, region), product)
            return
        name = _by_hand(located, desk, chosen, reader)
        with devices_by_hand(located, desk, name) as found, talk.progress() as card:
            made = make_blank(desk, found, chosen, region, stages=stages, begun=begun, on_stage=card(chosen.card.name))
    talk.give(_as_json(made) | {"reader": name}, lambda: _show(talk, made, name))


def state(context: typer.Context, product: Product, reader: Reader = None) -> None:
    """Say how far a chip has come, as it tells itself. Reads only."""
    talk = talk_of(context)
    located = talk.located()
    with sole_worker(located), open_desk(located) as desk:
        chosen = desk.product(product)
        with devices_by_hand(located, desk, reader) as found, found.chip() as chip:
            looked = look(desk, chosen, chip)
    entries = {
        fid.hex().upper(): {
            "keys": one.keys, "files": one.files, "pin": one.pin, "master": one.master, "replaced": one.replaced,
            "ended": one.ended,
        }
        for fid, one in (looked.progress.directories or {}).items()
    }  # fmt: skip
    said = Text(looked.state.value, looked.state.zh)

    def people() -> None:
        talk.out.print(talk.of(said), style="bold")
        columns = (Text("directory", "目录"), Text("keys", "密钥"), Text("files", "文件"), Text("ended", "已结束"))
        rows = [(fid, str(one["keys"]), str(one["files"]), "+" if one["ended"] else "") for fid, one in entries.items()]
        if rows:
            talk.table(columns, rows, empty=Text("", ""))

    talk.give({"state": looked.state.value, "directories": entries}, people)


def _asked(stage: str, resume: bool, erase: bool) -> tuple[tuple[Stage, ...], Begun]:
    if stage not in _STAGES:
        raise UsageRefused(
            Text(f"--stage is one of {', '.join(_STAGES)}.", f"--stage 可为 {'、'.join(_STAGES)}。"),
            do=Text("A person's data is written by 'cardfab issue'.", "个人数据由 cardfab issue 写入。"),
        )
    if resume and erase:
        raise UsageRefused(
            Text("Either --resume or --erase.", "--resume 与 --erase 只能选一。"),
            do=Text("Leave one of them out.", "请去掉其中一项。"),
        )
    return _STAGES[stage], "resume" if resume else "erase" if erase else "refuse"


def _require_stages(chosen: ProductSet, stages: Sequence[Stage]) -> None:
    if missing := [one for one in stages if one not in chosen.card.stages]:
        raise UsageRefused(
            Text(
                f"A station does not do {', '.join(missing)} for the card '{chosen.card.name}'.",
                f"卡片“{chosen.card.name}”的 {'、'.join(missing)} 不在本制卡点进行。",
            ),
            do=Text("'stages' of the card profile says which it does.", "见卡片配置中的 stages。"),
            code="CF-2140",
        )


def _by_hand(located: Located, desk: Desk, chosen: ProductSet, reader: str | None) -> str:
    """The reader; for ``simulated`` a new training chip, which is kept with the other training cards."""
    name = reader or located.values.devices.reader
    return f"file:{_new_chip(located, desk, chosen)}" if name == "simulated" and desk.training else name


def _new_chip(located: Located, desk: Desk, chosen: ProductSet) -> Path:
    from cardfab.simulator.cardfile import save_chip
    from cardfab.simulator.chip import CARDS, make_card

    stock = chosen.product.stock
    if stock not in CARDS:
        raise UsageRefused(
            Text(f"There is no training chip '{stock}'.", f"没有训练芯片“{stock}”。"),
            do=Text("Name a real reader: --reader pcsc:NAME.", "请指定真实读卡器：--reader pcsc:名称。"),
            code="CF-2141",
        )
    with desk.database.transaction("training chip") as tx:
        number = tx.jobs.next_number("training-chip", 1)
    # Named by a number of its own: chips of the factory all say the same serial.
    file = located.path(TRAY) / f"chip-{number:04d}.card"
    file.parent.mkdir(mode=0o700, exist_ok=True)
    save_chip(make_card(stock, number), file)
    return file


def _described(chosen: ProductSet, stages: Sequence[Stage], region: str) -> dict[str, list[DescribedCommand]]:
    parts: dict[str, list[DescribedCommand]] = {}
    if "activation" in stages and chosen.card.activation is not None:
        historical = historical_of(chosen.card.activation.maker, region, 0)
        parts["activation"] = list(describe(activation_steps(chosen, historical)))
    if "pre-personalisation" in stages:
        parts["structure"] = list(describe(structure_steps(chosen)))
        parts["check"] = list(describe(check_steps(chosen)))
    return parts


def _show_dry(talk: Talk, parts: dict[str, list[DescribedCommand]], product: str) -> None:
    count = sum(map(len, parts.values()))

    def people() -> None:
        talk.out.print("DRY RUN", style="bold")
        for name, commands in parts.items():
            talk.out.print(f"{talk.of(_PARTS[name])} ({len(commands)})")
            for one in commands:
                talk.out.print(f"{one.number:4}  {talk.of(one.step)}\n      {one.shown}", markup=False)
        ends = Text(
            f"DRY RUN: {count} commands were gone through on declared answers. Nothing was sent.",
            f"DRY RUN（演练）：按假定应答走完 {count} 条命令。未向芯片发送任何数据。",
        )
        talk.out.print(talk.of(ends), style="bold")

    listed = {
        name: [{"number": c.number, "step": {"en": c.step.en, "zh": c.step.zh}, "apdu": c.shown} for c in commands]
        for name, commands in parts.items()
    }
    talk.give({"product": product, "dry_run": True, "commands": count, **listed}, people)


def _as_json(made: MadeBlank) -> dict[str, object]:
    return {
        "found": made.found.value,
        "state": made.state.value,
        "stages": list(made.done),
        "erased": made.erased,
        "chip": made.serial,
        "region": made.region,
    }


def _show(talk: Talk, made: MadeBlank, reader: str) -> None:
    rows = [
        (talk.of(Text("found", "原状态")), talk.of(Text(made.found.value, made.found.zh))),
        (talk.of(Text("now", "现状态")), talk.of(Text(made.state.value, made.state.zh))),
        (
            talk.of(Text("done", "已完成")),
            ("、" if talk.language == "zh" else ", ").join(talk.of(_PARTS[_PART_OF[one]]) for one in made.done) or "—",
        ),
        (talk.of(Text("chip", "芯片")), made.serial),
        (talk.of(Text("reader", "读卡器")), reader),
    ]
    talk.table((Text("item", "项目"), Text("value", "内容")), rows, empty=Text("", ""))
    talk.say(
        f"A person's data: 'cardfab issue ID --no-print --reader {reader}'.",
        f"写入个人数据：cardfab issue 申请号 --no-print --reader {reader}。",
    )
