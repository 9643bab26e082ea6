"""What every counter command shares: the holder's document, PINs, the card in the reader, the receipt."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from cardfab.apdu.link import CardConnection
from cardfab.cli.issuerhost import issuer_of
from cardfab.cli.output import Talk
from cardfab.cli.paths import to_be_written
from cardfab.cli.tray import TRAY, ChipInProcess, NoSuchCard, newest
from cardfab.cli.wiring import Bench, bench_of, open_devices, prompt, sole_worker
from cardfab.documents import Form, receipt_pdf
from cardfab.documents.counter import Change, Language
from cardfab.errors import Text, UsageRefused
from cardfab.prepare.pin import check_pin_digits
from cardfab.production import Document, identity
from cardfab.settings import Located
from cardfab.station.counter.advice import advice
from cardfab.station.counter.cutoff import end_cut_off
from cardfab.station.counter.doubts import in_doubt
from cardfab.station.counter.kinds import Kind
from cardfab.station.counter.pinentry import Given, PinDesk
from cardfab.station.counter.presented import Presented, present
from cardfab.station.counter.service import Counter, Served, Shown
from cardfab.station.desk import Desk
from cardfab.station.devices import Devices
from cardfab.station.hostdesk import HostDesk
from cardfab.store import ServiceRow

Reader = Annotated[
    str | None,
    typer.Option(
        "--reader", help="pcsc:NAME, tcp://HOST:PORT; in training simulated (newest card), job:ID, file:PATH."
    ),
]
DocumentKind = Annotated[
    Document,
    typer.Option(
        "--document",
        metavar="KIND",
        help=f"What the holder showed: {', '.join(Document)}; its number is asked for, never an argument.",
    ),
]


ReceiptFile = Annotated[
    Path | None, typer.Option("--receipt", help="Write the receipt as PDF here.", callback=to_be_written)
]
Paper = Annotated[
    Form, typer.Option("--paper", help="Of the receipt: a roll of 80 mm, half a page, two copies on a page.")
]
PinFd = Annotated[int | None, typer.Option("--pin-fd", help="A file descriptor with PINs, one a line, in order.")]
PinAsked = Annotated[bool, typer.Option("--pin", help="Ask for the holder's PIN.")]


@dataclass(slots=True)
class Secrets:
    """PINs and document numbers: from a file descriptor, a prompt, or lines of standard input."""

    talk: Talk
    fd: int | None = None
    _lines: list[str] | None = field(default=None, repr=False)

    def pin(self, en: str = "PIN", zh: str = "密码", *, again: bool = False) -> str:
        """A PIN; ``again`` asks a person twice. Raises UsageRefused when the two differ or none is there.

        What cannot be a PIN is refused here, InputRefused (CF-3345), whatever else would be found later.
        """
        word = self._next() if self.fd is not None else prompt(self.talk.of(Text(en, zh)))
        check_pin_digits(word)
        twice = again and self.fd is None and _terminal()
        if twice and prompt(self.talk.of(Text(f"{en}, again", f"再次输入{zh}"))) != word:
            raise UsageRefused(
                Text("The two PINs differ.", "两次输入的密码不一致。"),
                do=Text("Nothing was changed: run the command again.", "未作任何改动，请重新办理。"),
                code="CF-2231",
            )
        return word

    def entered(self, en: str = "PIN", zh: str = "密码", *, again: bool = False) -> Given:
        """A holder's PIN for a card. Typed for training; elsewhere the holder enters it at the reader or the pad.

        A descriptor (``--pin-fd``) is a program's, and is read at any station.
        """
        if self.fd is None and not self.talk.located().values.station.training:
            return PinDesk()
        return self.pin(en, zh, again=again)

    def line(self, en: str, zh: str) -> str:
        """Something that is no secret and yet no argument."""
        if not _terminal():
            return sys.stdin.readline().strip()
        return input(f"{self.talk.of(Text(en, zh))}: ").strip()

    def _next(self) -> str:
        if self._lines is None:
            try:
                with os.fdopen(os.dup(self.fd or 0), encoding="ascii") as given:
                    self._lines = given.read().splitlines()
            except (OSError, UnicodeDecodeError) as unusable:
                raise UsageRefused(
                    Text(f"No PIN can be read from descriptor {self.fd}.", f"无法从描述符 {self.fd} 读取密码。"),
                    do=Text(
                        "Give an open descriptor, or leave --pin-fd out.", "请给出已打开的描述符，或去掉 --pin-fd。"
                    ),
                    code="CF-2232",
                ) from unusable
        if not self._lines:
            raise UsageRefused(
                Text("A PIN is missing in the descriptor.", "描述符中缺少密码。"),
                do=Text("Give the PINs one a line, in the order of the help.", "请按说明的顺序给出密码，每行一个。"),
                code="CF-2233",
            )
        return self._lines.pop(0)


def _terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


@dataclass(frozen=True, slots=True)
class Serving:
    """What every service at the counter asks for and gives: the holder's document, a second person, the receipt."""

    document: DocumentKind = Document.ID_CARD
    acting_for: Annotated[str, typer.Option("--acting-for", help="Who acts for the holder: mother, son, agent ...")] = (
        ""
    )
    second: Annotated[str | None, typer.Option("--second", help="Login of the second person who approves.")] = None
    receipt: ReceiptFile = None
    paper: Paper = "roll"

    def shown(self, secrets: Secrets) -> Shown:
        """The identity check: the number of the document is asked for, as a document reader or a person types it."""
        kind = self.document
        number = secrets.line(f"number of the {kind.text.en}", f"{kind.text.zh}号码")
        return Shown(identity(kind, number, self.acting_for), self.second)

    def give(self, talk: Talk, counter: Counter, done: Served) -> None:
        """The receipt as it was asked for."""
        give(talk, counter, done, self.receipt, self.paper)


@contextmanager
def at_counter(talk: Talk) -> Iterator[tuple[Counter, Located]]:
    """The counter of this station, with its host; no card. What was cut off here is found first, and told."""
    located = talk.located()
    with talk.desk() as desk:
        tell_cut_off(talk, desk)
        yield counter_of(talk, located, desk), located


def tell_cut_off(talk: Talk, desk: Desk) -> None:
    """Book services that were cut off at this station in doubt, and say what to do with each."""
    for row in end_cut_off(desk):
        _tell(talk, row, Text("was cut off; what became of it is not known", "中断，结果未知"))


def _tell(talk: Talk, row: ServiceRow, how: Text) -> None:
    kind = Kind(row.service)
    do = advice(kind)
    talk.say(
        f"The service {row.receipt} ({kind.text.en}) {how.en}. {do.en}",
        f"业务 {row.receipt}（{kind.text.zh}）{how.zh}。{do.zh}",
        "yellow",
    )


@contextmanager
def with_card(talk: Talk, reader: str | None) -> Iterator[Presented]:
    """The counter with the card that lies in the reader; nobody else moves cards meanwhile."""
    with (
        at_counter(talk) as (counter, located),
        sole_worker(located),
        devices(located, counter.desk, reader) as found,
        found.chip() as chip,
    ):
        here = present(counter, chip)
        for row in in_doubt(counter.desk, here.index):
            _tell(talk, row, Text("is in doubt", "存疑"))
        yield here


def counter_of(talk: Talk, located: Located, desk: Desk) -> Counter:
    """The counter; raises UsageRefused for a simulated host at a station that is not for training."""
    host = issuer_of(located, desk)
    language: Language = "zh" if talk.language == "zh" else "en"
    terminal = located.values.terminal
    return Counter(desk, None if host is None else HostDesk(desk, host), language, terminal)


@contextmanager
def devices(located: Located, desk: Desk, reader: str | None, *, contactless: bool = False) -> Iterator[Devices]:
    """A reader by hand: no printer takes part. ``contactless``: a training card lies on the antenna."""
    name = reader or located.values.devices.counter or located.values.devices.reader
    kind, _, rest = name.partition(":")
    if name == "simulated" or kind in ("job", "file"):
        if not desk.training:
            raise UsageRefused(
                Text("Simulated cards are for a training station.", "模拟卡仅用于训练制卡点。"),
                do=Text("Name a reader: --reader pcsc:NAME.", "请指定读卡器：--reader pcsc:名称。"),
                code="CF-2112",
            )
        file = _card_file(located, desk, kind, rest)

        def connect() -> CardConnection:
            return ChipInProcess(file, contactless=contactless)

        yield Devices(connect, None)
        return
    bench: Bench = bench_of(located, reader=name, printer="none")
    with open_devices(desk, bench) as found:
        yield found


def _card_file(located: Located, desk: Desk, kind: str, rest: str) -> Path:
    if kind == "file":
        return Path(rest)
    if kind == "job":
        with desk.database.reading() as tx:
            job = tx.jobs.find(rest)
        if job.chip is None:
            raise NoSuchCard(
                Text(f"Job {job.id} has made no card yet.", f"作业 {job.id} 尚未制成卡。"),
                do=Text("'cardfab job list' shows the finished ones.", "cardfab job list 可查看已制成的作业。"),
            )
        return located.path(TRAY) / f"{job.chip}.card"
    return newest(located.path(TRAY))


def give(talk: Talk, counter: Counter, done: Served, file: Path | None, paper: Form = "roll") -> None:
    """The receipt: lines for people, one object for a program, a PDF where one was asked for."""
    receipt = done.receipt
    values = dict(done.values)
    if file is not None:
        try:
            file.write_bytes(receipt_pdf(receipt, counter.desk.fonts, form=paper))
            values["file"] = str(file)
        except OSError:  # the service is done; that must be heard first
            again = f"cardfab card receipt {receipt.made.number} FILE"
            talk.say(
                f"The service is done, but {file} was not written. Print the receipt with '{again}'.",
                f"业务已办理，但未能写入 {file}。请用 {again} 补打回执。",
                "red",
            )

    def show() -> None:
        talk.out.print(talk.of(receipt.outcome), style="bold")
        rows = [(talk.of(line.label), _said(talk, line.value)) for line in receipt.lines]
        rows += [(talk.of(one.label), _changed(talk, one)) for one in receipt.changes]
        rows.append((talk.of(Text("receipt", "回执")), receipt.made.number))
        talk.table((Text("item", "项目"), Text("value", "内容")), rows, empty=Text("", ""))
        for step in receipt.next_steps:
            talk.say(step.en, step.zh)

    talk.give(values, show)


def _changed(talk: Talk, one: Change) -> str:
    old = talk.of(Text("(not readable)", "（不可读）")) if one.old is None else _said(talk, one.old)
    new = _said(talk, one.new)
    return talk.of(Text(f"{new} (as before)", f"{new}（未变）")) if old == new else f"{old} → {new}"


def _said(talk: Talk, words: Text | str | None) -> str:
    return "—" if not words else (talk.of(words) or "—") if isinstance(words, Text) else words
