"""``cardfab stock``: the movements that people make, two of them where the vault gives or takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli.output import Talk, talk_of
from cardfab.errors import Text
from cardfab.production import Place, StockMovement
from cardfab.production.serials import listed, serial_range, serial_ranges
from cardfab.station.desk import Desk
from cardfab.station.stockbook import acts
from cardfab.station.stockbook.moving import Counts, Goods, goods

Stock = Annotated[str, typer.Argument(metavar="STOCK", help="The kind of card; cards made ahead: STOCK/premade.")]
Count = Annotated[int | None, typer.Argument(metavar="[COUNT]", min=1, help="How many; not needed with --range.")]
Ranges = Annotated[
    list[str] | None, typer.Option("--range", help="Printed numbers, first..last; may be given several times.")
]
Second = Annotated[str | None, typer.Option("--second", help="Login of the second person, who counts too.")]
SecondCount = Annotated[int | None, typer.Option("--second-count", min=0, help="What the second person counted.")]
Counted = Annotated[int | None, typer.Option("--counted", min=0, help="What you counted; else the number given.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, in a few words.")]


def named(desk: Desk, stock: str, count: int | None, ranges: list[str] | None) -> Goods:
    """The cards as the command line names them."""
    return goods(desk, stock, count, serial_ranges(ranges or ()))


def counts(wanted: Goods, counted: int | None, second: str | None, theirs: int | None) -> Counts:
    """What the two counted."""
    return Counts(wanted.count if counted is None else counted, second, theirs)


def say(talk: Talk, moved: StockMovement) -> None:
    """What was booked."""
    numbers = f" ({listed(moved.serials)})" if moved.serials else ""
    source, target = moved.source.text, moved.target.text
    said = Text(
        f"{moved.stock}: {moved.count} from {source.en} to {target.en}{numbers}.",
        f"{moved.stock}：{moved.count} 张，{source.zh} → {target.zh}{numbers}。",
    )
    talk.give(moved.details() | {"reason": moved.reason}, lambda: talk.out.print(talk.of(said)))


def draw(
    context: typer.Context, stock: Stock, count: Count = None, ranges: Ranges = None, second: Second = None,
    second_count: SecondCount = None, counted: Counted = None,
) -> None:  # fmt: skip
    """From the vault to the machine; two count, the lowest numbers go first."""
    talk = talk_of(context)
    with talk.desk() as desk:
        wanted = named(desk, stock, count, ranges)
        say(talk, acts.draw(desk, wanted, counts(wanted, counted, second, second_count)))


def return_(
    context: typer.Context, stock: Stock, count: Count = None, ranges: Ranges = None, second: Second = None,
    second_count: SecondCount = None, counted: Counted = None,
    to: Annotated[str, typer.Option("--to", help="vault or supplier.")] = "vault",
    reason: Reason = "", note: Annotated[str, typer.Option("--note", help="Number of the paper.")] = "",
) -> None:  # fmt: skip
    """From the machine to the vault, or from the vault to the supplier with a reason; two count."""
    if to not in ("vault", "supplier"):
        raise typer.BadParameter("vault or supplier", param_hint="--to")
    talk = talk_of(context)
    with talk.desk() as desk:
        wanted = named(desk, stock, count, ranges)
        counting = counts(wanted, counted, second, second_count)
        if to == "vault":
            say(talk, acts.put_back(desk, wanted, counting))
        else:
            say(talk, acts.send_back(desk, wanted, counting, reason, note))


def find(
    context: typer.Context, stock: Stock, count: Count = None, ranges: Ranges = None, second: Second = None,
    second_count: SecondCount = None, counted: Counted = None, reason: Reason = "",
) -> None:  # fmt: skip
    """Cards that are in no book were found: to the machine's; two count."""
    talk = talk_of(context)
    with talk.desk() as desk:
        wanted = named(desk, stock, count, ranges)
        say(talk, acts.find(desk, wanted, counts(wanted, counted, second, second_count), reason))


Alone = Callable[[Desk, Goods, str], StockMovement]


def _alone(
    act: Alone, context: typer.Context, stock: str, count: int | None, ranges: list[str] | None, why: str
) -> None:
    talk = talk_of(context)
    with talk.desk() as desk:
        say(talk, act(desk, named(desk, stock, count, ranges), why))


def spoil(
    context: typer.Context, stock: Stock, count: Count = None, ranges: Ranges = None, reason: Reason = ""
) -> None:
    """Cards at the machine are no good, without a job."""
    _alone(acts.spoil, context, stock, count, ranges, reason)


def use_up(
    context: typer.Context, stock: Stock, count: Count = None, ranges: Ranges = None, reason: Reason = ""
) -> None:
    """Cards at the machine were used up by a test; they count as used."""
    _alone(acts.use_up, context, stock, count, ranges, reason)


def issue(
    context: typer.Context, stock: Stock, count: Count = None, ranges: Ranges = None, reason: Reason = ""
) -> None:
    """A card that was made ahead goes to its holder."""
    _alone(acts.hand_out, context, stock, count, ranges, reason)


def destroy(
    context: typer.Context, stock: Stock, count: Count = None, ranges: Ranges = None, second: Second = None,
    second_count: SecondCount = None, counted: Counted = None,
    how: Annotated[str, typer.Option("--how", help="How they were destroyed: shredded, punched, ...")] = "",
    tests: Annotated[bool, typer.Option("--tests", help="Test cards, not spoiled ones.")] = False,
    pdf: Annotated[Path | None, typer.Option("--pdf", help="The record, to be signed by both.")] = None,
) -> None:  # fmt: skip
    """Spoiled cards are destroyed before a witness, who counts too."""
    talk = talk_of(context)
    with talk.desk() as desk:
        wanted = named(desk, stock, count, ranges)
        source = Place.TESTED if tests else Place.SPOILED
        number = acts.destroy(desk, wanted, counts(wanted, counted, second, second_count), how, source=source)
        if pdf is not None:
            from cardfab.station.stockbook.papers import destruction_paper

            pdf.write_bytes(destruction_paper(desk, number, "zh" if talk.language == "zh" else "en"))
    said = Text(
        f"{stock}: {wanted.count} cards destroyed, no. {number}.", f"{stock}：已销毁 {wanted.count} 张，编号 {number}。"
    )
    talk.give({"stock": stock, "count": wanted.count, "paper": number}, lambda: talk.out.print(talk.of(said)))


def correct(
    context: typer.Context, stock: Stock,
    booked: Annotated[str, typer.Argument(metavar="BOOKED", help="The number in the books.")],
    seen: Annotated[str, typer.Argument(metavar="SEEN", help="The number on the card.")],
    second: Second = None, reason: Reason = "",
) -> None:  # fmt: skip
    """A card bears another number than the order of the hopper says: the two change places in the books."""
    talk = talk_of(context)
    with talk.desk() as desk:
        acts.correct(desk, stock, serial_range(booked), serial_range(seen), second, reason)
    said = Text(f"{stock}: {seen} in the place of {booked}.", f"{stock}：{booked} 更正为 {seen}。")
    talk.give({"stock": stock, "booked": booked, "seen": seen}, lambda: talk.out.print(talk.of(said)))


def add_to(app: typer.Typer) -> None:
    """The commands of this module, in the group."""
    for command, name in (
        (draw, "draw"), (return_, "return"), (spoil, "spoil"), (use_up, "test"), (issue, "issue"),
        (destroy, "destroy"), (find, "find"), (correct, "correct"),
    ):  # fmt: skip
        app.command(name)(command)
