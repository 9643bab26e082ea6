"""What the command line says, and to whom: results to standard output, people's text and progress to standard error."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cardfab.errors import CardfabError, Text
from cardfab.settings import Located, candidates, read_settings

if TYPE_CHECKING:
    from cardfab.station.desk import Desk

Row = Mapping[str, Any]
_GAP: Final = 2
_LEAST: Final = 12
"""What the column that wraps should have, so that others need not."""


def program() -> str:
    """How this program is called: its name where it is found by name, else its path."""
    here = Path(sys.argv[0])
    return "cardfab" if here.name != "cardfab" or shutil.which("cardfab") else str(here)


def system_language(environment: Mapping[str, str]) -> str:
    """``zh`` when the system's language is Chinese, else ``en``."""
    given = environment.get("LC_ALL") or environment.get("LC_MESSAGES") or environment.get("LANG") or ""
    return "zh" if given.lower().startswith("zh") else "en"


def open_desk(located: Located, **more: Any) -> AbstractContextManager[Desk]:
    """The station, opened by :mod:`cardfab.cli.wiring`; what needs none does not wait for its parts."""
    from cardfab.cli.wiring import open_desk as opened

    return opened(located, **more)


@dataclass(slots=True)
class Talk:
    """One run of the program: its options, its two streams."""

    config: Path | None = None
    json: bool = False
    quiet: bool = False
    verbose: int = 0
    language: str = "en"
    password_fd: int | None = None
    """A descriptor with passwords, one a line, in the order in which they are asked."""
    more: dict[str, Any] = field(default_factory=dict)
    """The JSON object of this run, so far: one object, also when a command ends with an error."""
    out: Console = field(default_factory=lambda: Console(highlight=False, markup=False, soft_wrap=True))
    err: Console = field(default_factory=lambda: Console(stderr=True, highlight=False, markup=False))

    def located(self) -> Located:
        """The station's settings."""
        return read_settings(candidates(self.config, os.environ, Path.cwd()))

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """The station in use by who is signed in."""
        from cardfab.cli.words import asker

        ask = asker(self.password_fd, self.of)
        with open_desk(self.located(), ask_word=ask, tell=lambda advice: self.say(advice.en, advice.zh)) as desk:
            yield desk

    def of(self, text: Text) -> str:
        """A text in this run's language."""
        return text.of(self.language)

    def say(self, en: str, zh: str, style: str = "") -> None:
        """A line for the person, on standard error, not with ``--quiet``."""
        if not self.quiet:
            self.err.print(zh if self.language == "zh" else en, style=style)

    def give(self, value: Any, show: Callable[[], None]) -> None:
        """The result: with ``--json`` kept for the one object that :meth:`end` writes, else what ``show`` prints."""
        if self.json:
            self.more |= value if isinstance(value, dict) else {"items": value}
        else:
            show()

    def end(self) -> None:
        """Write the one JSON object of this run, when there is something to say."""
        if self.json and self.more:
            sys.stdout.write(json.dumps(self.more, ensure_ascii=False) + "\n")
            self.more = {}

    def table(
        self, columns: Sequence[Text], rows: Sequence[Sequence[str]], *, empty: Text, wide: int | None = None
    ) -> None:
        """A table for people; ``empty`` is said where there is no row. Only column ``wide`` (the last) may wrap.

        On a terminal too narrow for that every column wraps, and into a pipe or file none does: nothing is cut off.
        """
        if not rows:
            self.out.print(self.of(empty))
            return
        heads = [self.of(column) for column in columns]
        widths = [max(map(cell_len, cells)) + _GAP for cells in zip(heads, *rows, strict=True)]
        wraps = len(columns) - 1 if wide is None else wide
        tight = sum(widths) - widths[wraps] + _LEAST > self.out.width
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
        for place, head in enumerate(heads):
            table.add_column(head, overflow="fold", no_wrap=place != wraps and not tight)
        for row in rows:
            table.add_row(*row)
        if not self.out.is_terminal:
            self.out.width = max(self.out.width, sum(widths))
        self.out.print(table, soft_wrap=False)

    def refused(self, error: CardfabError) -> None:
        """An error as a person reads it, and for a program in the one JSON object, beside what was done before it."""
        self.failed(error.code, error.exit_status, error.what, error.do)
        self.err.print(error.sentence(self.language), style="red", soft_wrap=True)

    def failed(self, code: str, status: int, what: Text, do: Text | None = None) -> None:
        """Put a failure into the JSON object and write it."""
        self.more |= {"error": code, "exit": status, "what": {"en": what.en, "zh": what.zh}}
        if do:
            self.more["do"] = {"en": do.en, "zh": do.zh}
        self.end()

    @contextmanager
    def progress(self) -> Iterator[Callable[[str], Callable[[str, int, int], None]]]:
        """Live bars, one a card, on a terminal; nothing elsewhere. Gives a maker of progress calls by card name."""
        bars = Progress(
            TextColumn("{task.description}"), BarColumn(24), TaskProgressColumn(), TextColumn("{task.fields[stage]}"),
            TimeElapsedColumn(), console=self.err, disable=self.quiet or self.json or not self.err.is_terminal,
        )  # fmt: skip

        def card(name: str) -> Callable[[str, int, int], None]:
            task = bars.add_task(name, total=3.0, stage="")
            done = {"feed": 0.0, "encode": 0.0, "verify": 1.0, "print": 2.0, "done": 2.0}
            done |= {"activation": 0.0, "erase": 0.0, "structure": 1.0, "check": 2.0}  # of a blank that is made

            def step(stage: str, number: int, of: int) -> None:
                if self.verbose:
                    self.say(f"{name} {STAGES[stage].en} {number}/{of}", f"{name} {STAGES[stage].zh} {number}/{of}")
                stage = "done" if stage == "print" and number == of else stage
                bars.update(task, completed=done[stage] + number / max(of, 1), stage=self.of(STAGES[stage]))

            return step

        with bars:
            yield card


STAGES = {
    "feed": Text("feeding", "送卡"),
    "activation": Text("activating", "激活"),
    "erase": Text("erasing", "擦除"),
    "structure": Text("making files and keys", "建立文件和密钥"),
    "check": Text("checking", "核对"),
    "encode": Text("encoding", "写卡"),
    "verify": Text("verifying", "核对"),
    "print": Text("printing", "打印"),
    "done": Text("done", "完成"),
}


def talk_of(context: typer.Context) -> Talk:
    """The run's options, from any command."""
    found = context.find_root().obj
    if not isinstance(found, Talk):
        raise TypeError("no options")
    return found
