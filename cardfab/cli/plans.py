"""``cardfab plan`` and ``cardfab face``: what will be done and what will be printed, before a blank is used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli import handover
from cardfab.cli.output import Talk, talk_of
from cardfab.errors import Text, UsageRefused
from cardfab.face.preview import preview_pdf, preview_png
from cardfab.plan import DescribedCommand, PersonalisationPlan, describe
from cardfab.station.desk import Desk
from cardfab.station.work import Work, open_work

app = typer.Typer(help="Personalisation plans.", no_args_is_help=True)
app.command("export")(handover.export)
app.command("import")(handover.import_)
app.command("host-file")(handover.host_file_)
face_app = typer.Typer(help="Card faces.", no_args_is_help=True)

_PARTS = (
    ("encode", Text("ENCODE", "写卡")),
    ("verify", Text("VERIFY", "核对")),
    ("identify", Text("BEFORE PRINTING", "打印前")),
)
Id = Annotated[str, typer.Argument(metavar="ID", help="A request or a job.")]


def work_of(desk: Desk, name: str, *, print_: bool) -> Work:
    """The prepared card of a request or job."""
    with desk.database.reading() as tx:
        job = tx.jobs.find(name)
    return open_work(desk, job, print_=print_)


def described(plan: PersonalisationPlan) -> list[tuple[str, Text, list[DescribedCommand]]]:
    """The parts of a plan, each with its commands."""
    steps = {"encode": plan.encode, "verify": plan.verify, "identify": plan.identify}
    return [(name, title, list(describe(steps[name]))) for name, title in _PARTS]


def plan_lines(plan: PersonalisationPlan, language: str) -> Iterator[str]:
    """The plan as people read it: words, then bytes."""
    for _, title, commands in described(plan):
        yield f"{title.of(language)} ({len(commands)})"
        for one in commands:
            step = one.step.of(language)
            yield f"{one.number:4}  {step}" + ("" if one.command == one.step.en else f"  [{one.command}]")
            yield f"      {one.shown}"
        yield ""


def _as_json(name: str, plan: PersonalisationPlan, **more: object) -> dict[str, object]:
    parts = {
        part: [
            {"number": c.number, "step": {"en": c.step.en, "zh": c.step.zh}, "command": c.command, "apdu": c.shown}
            for c in commands
        ]
        for part, _, commands in described(plan)
    }
    return {"id": name, "product": plan.product, **parts, **more}


def _show(talk: Talk, plan: PersonalisationPlan) -> None:
    for line in plan_lines(plan, talk.language):
        talk.out.print(line, markup=False)


@app.command()
def show(context: typer.Context, name: Id) -> None:
    """Every APDU in words and bytes. Secrets are named, never shown."""
    talk = talk_of(context)
    with talk.desk() as desk:
        plan = work_of(desk, name, print_=False).plan
    talk.give(_as_json(name, plan), lambda: _show(talk, plan))


@app.command("run")
def run_(
    context: typer.Context,
    name: Id,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Go through the plan on declared answers; no chip.")
    ] = False,
) -> None:
    """Go through a plan without a card. A card is made with 'cardfab issue'."""
    talk = talk_of(context)
    if not dry_run:
        raise UsageRefused(
            Text("A plan alone is only run with --dry-run.", "方案只能用 --dry-run 演练。"),
            do=Text("To make the card: 'cardfab issue ID'.", "制卡请用 cardfab issue。"),
        )
    with talk.desk() as desk:
        plan = work_of(desk, name, print_=True).plan
    count = sum(len(commands) for _, _, commands in described(plan))

    def people() -> None:
        talk.out.print("DRY RUN", style="bold")
        _show(talk, plan)
        ends = Text(
            f"DRY RUN: {count} commands were gone through on declared answers. Nothing was sent, no card was made.",
            f"DRY RUN（演练）：按假定应答走完 {count} 条命令。未向芯片发送任何数据，未制卡。",
        )
        talk.out.print(talk.of(ends), style="bold")

    talk.give(_as_json(name, plan, dry_run=True, commands=count), people)


@face_app.command()
def preview(
    context: typer.Context,
    name: Id,
    out: Annotated[Path, typer.Option("--out", help="The folder for the pictures.")] = Path("."),
) -> None:
    """Both sides as PNG and PDF, as the printer will get them."""
    talk = talk_of(context)
    with talk.desk() as desk:
        work = work_of(desk, name, print_=True)
    if work.faces is None:
        raise UsageRefused(Text("This product is not printed.", "该产品不打印卡面。"))
    front, back = work.faces
    out.mkdir(parents=True, exist_ok=True)
    files = {
        out / f"{name}-front.png": preview_png(front, 1012, work.chosen.face.front.masks),
        out / f"{name}-back.png": preview_png(back, 1012, work.chosen.face.back.masks),
        out / f"{name}.pdf": preview_pdf(front, back, work.chosen.face),
    }
    for file, content in files.items():
        file.write_bytes(content)
    names = [str(file) for file in files]
    talk.give({"files": names}, lambda: talk.out.print("\n".join(names), markup=False))
