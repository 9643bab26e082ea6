"""``cardfab card``: everything the counter does with one card in a reader."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cardfab.cli import cardaccount, carddoubt, cardlife, cardmake, cardpin, cardwrite
from cardfab.cli.cardemv import EmvOptions, verify_emv
from cardfab.cli.cardview import identity_value, read_value, show_reading
from cardfab.cli.counterdesk import Paper, PinAsked, PinFd, Reader, Secrets, at_counter, with_card
from cardfab.cli.gp import card_app
from cardfab.cli.options import spread
from cardfab.cli.output import talk_of
from cardfab.documents import holder_sheet_pdf, receipt_pdf
from cardfab.errors import CardRefused, InputRefused, Text, UsageRefused
from cardfab.prepare.spoken import fen
from cardfab.profile.shares import ShareRules
from cardfab.station.counter import reading
from cardfab.station.counter.clock import here_and_now
from cardfab.station.counter.kinds import state_words
from cardfab.station.counter.reprint import reprint
from cardfab.terminal.settlement import Bill

app = card_app
for name, command in (
    ("make", cardmake.make),
    ("state", cardmake.state),
    ("pin-change", cardpin.pin_change),
    ("pin-reset", cardpin.pin_reset),
    ("pin-unblock", cardpin.pin_unblock),
    ("activate", cardlife.activate),
    ("release", cardlife.release),
    ("due", cardlife.due),
    ("lost", cardlife.lost),
    ("found", cardlife.found),
    ("replace", cardlife.replace),
    ("block", cardlife.block),
    ("black-list", cardlife.black_list),
    ("update", cardwrite.update),
    ("load", cardaccount.load),
    ("purchase", cardaccount.purchase),
    ("balance", cardaccount.balance),
    ("statement", cardaccount.statement),
    ("start-day", cardaccount.start_day),
    ("recover", cardaccount.recover),
    ("proof", cardaccount.recover),
    ("doubt", carddoubt.doubt),
):
    app.command(name)(command)
app.add_typer(cardwrite.offsite, name="offsite")


@app.command()
def read(
    context: typer.Context,
    pin: PinAsked = False,
    settlement: Annotated[bool, typer.Option("--settlement", help="What a hospital's terminal needs.")] = False,
    rules: Annotated[Path | None, typer.Option("--rules", help="The region's share rules, to divide a bill.")] = None,
    bill: Annotated[str | None, typer.Option("--bill", help="Yuan within the scope of the pooled fund.")] = None,
    uncovered: Annotated[str, typer.Option("--uncovered", help="Yuan outside it.")] = "0",
    institution: Annotated[str, typer.Option("--institution", help="Code of the institution of the bill.")] = "",
    region: Annotated[str | None, typer.Option("--at", help="Its region; else the insured one.")] = None,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="Write the holder's sheet as PDF here.")] = None,
    reader: Reader = None,
    pin_fd: PinFd = None,
) -> None:
    """Everything on the card that the terminal's keys, and with --pin the holder, allow; in words."""
    talk = talk_of(context)
    if bill is not None and rules is None:
        raise UsageRefused(
            Text("A bill is divided by the rules of a region.", "计算账单须有统筹区分担规则。"),
            do=Text("Give them: --rules FILE.", "请用 --rules 指定规则文件。"),
            code="CF-2236",
        )
    share_rules = None if rules is None else _rules(rules)
    covered, outside = (None if bill is None else fen(bill)), fen(uncovered)
    with with_card(talk, reader) as here:
        word = Secrets(talk, pin_fd).entered() if pin or pin_fd is not None else None
        found = reading.read(here, word)
        settled = None
        if settlement or share_rules is not None:
            day = here_and_now(here.counter.desk).date()
            asked = None
            if covered is not None:
                where = region or found.reading.values.get("DF04/EF05/84", "")
                asked = Bill(covered, outside, institution, where, day)
            settled = reading.settlement(here, found, share_rules, asked)
        paper = reading.sheet(here, found, settled) if sheet is not None else None
        fonts = here.counter.desk.fonts
        value = read_value(here, found, settled)
        if sheet is not None and paper is not None:
            sheet.write_bytes(holder_sheet_pdf(paper, fonts))
            value["file"] = str(sheet)
        today, standing = here_and_now(here.counter.desk).date(), reading.standing_of(here, found)
    talk.give(value, lambda: show_reading(talk, found, settled, today, standing))


@app.command()
def receipt(
    context: typer.Context,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Of the receipt, as HZ202611220001.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The PDF.")],
    paper: Paper = "roll",
) -> None:
    """Print a receipt again; the new paper says so. No card is needed."""
    talk = talk_of(context)
    with at_counter(talk) as (counter, _):
        again = reprint(counter, number)
        file.write_bytes(receipt_pdf(again, counter.desk.fonts, form=paper))
    value = {"receipt": again.made.number, "done": again.done, "file": str(file)}
    talk.give(value, lambda: talk.out.print(str(file)))


@app.command()
@spread
def verify(context: typer.Context, emv: EmvOptions, reader: Reader = None, pin_fd: PinFd = None) -> None:
    """Whether the card may stand for its holder: genuineness, codes, validity, region, black list; exit 4 if not.

    With --emv: whether its bank application works, proved by a whole transaction.
    """
    talk = talk_of(context)
    if emv.emv:
        verify_emv(talk, emv, reader, pin_fd)
        return
    with with_card(talk, reader) as here:
        found, at_host = reading.verify(here)
        state = here.subject.row.state if here.subject.row else None
    value = {
        **identity_value(found.identity),
        "good": found.good,
        "state": None if state is None else str(state),
        "host_black_list": at_host,
        "checks": [
            {"check": one.name, "outcome": one.outcome, "text": {"en": one.text.en, "zh": one.text.zh}}
            for one in found.checks
        ],
    }
    marks = {
        "passed": Text("passed", "通过"),
        "failed": Text("FAILED", "未通过"),
        "not checked": Text("not checked", "未查"),
    }
    rows = [(talk.of(one.name.text), talk.of(marks[one.outcome]), talk.of(one.text)) for one in found.checks]
    if state is not None:
        rows.append((talk.of(Text("state in the books", "本网点登记状态")), "", talk.of(state_words(state))))
    columns = (Text("check", "检查"), Text("outcome", "结果"), Text("why", "说明"))

    def show() -> None:
        talk.table(columns, rows, empty=Text("", ""))
        if found.good:
            talk.out.print(talk.of(Text("The card is good.", "核验通过。")), style="bold")

    talk.give(value, show)
    if not found.good:
        raise CardRefused(
            Text("The card does not stand for its holder.", "该卡不能作为持卡人凭证。"),
            do=Text("The checks above say why.", "原因见上。"),
            code="CF-4640",
        )


def _rules(file: Path) -> ShareRules:
    import tomllib

    from pydantic import ValidationError

    try:
        return ShareRules.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as wrong:
        reasons = [str(wrong)]
    except ValidationError as wrong:
        reasons = [f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in wrong.errors()]
    told = "; ".join(reasons[:3])
    more = len(reasons) - 3
    raise InputRefused(
        Text(
            f"{file} holds no share rules: {told}{f'; and {more} more' if more > 0 else ''}.",
            f"{file} 不是有效的分担规则：{told}{f'；另有 {more} 处' if more > 0 else ''}。",
        ),
        do=Text("profiles/shares/training.toml shows the form.", "格式见 profiles/shares/training.toml。"),
        code="CF-3161",
    )
