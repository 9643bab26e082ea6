"""A guided talk at the terminal, line by line. What must not be seen is read unechoed, into a buffer to wipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

from cardfab.cli.output import Talk
from cardfab.cli.words import unechoed
from cardfab.errors import Text, UsageRefused

ReadLine = Callable[[bool, Callable[[], None]], bytearray]
"""A line without its end; True: unseen. The prompt is shown once nothing typed can be seen any more. Raises
KeyboardInterrupt at the end of the input."""
_YES = frozenset({"y", "yes", "是", "对"})


class NoTerminal(UsageRefused):
    """A component is typed by a person at this terminal, never piped in."""

    default_code = "CF-2170"


@dataclass(frozen=True, slots=True)
class Dialog:
    """Says and asks in the run's language, on standard error; the result of the run goes to standard output."""

    talk: Talk
    line: ReadLine

    def say(self, words: Text) -> None:
        """A line for the people there, also with ``--quiet``: they must know what to do."""
        self.talk.err.print(self.talk.of(words), markup=False, soft_wrap=True)

    def ask(self, words: Text) -> str:
        """One line, without the spaces round it."""
        return self.line(False, lambda: self._prompt(words)).decode("utf-8", "replace").strip()

    def hidden(self, words: Text) -> bytearray:
        """One line, unseen. Who asked wipes it."""
        typed = self.line(True, lambda: self._prompt(words))
        self.talk.err.print()
        return typed

    def yes(self, words: Text) -> bool:
        """Whether the answer is yes; anything else is no."""
        question = Text(f"{words.en} (yes/no)", f"{words.zh}（是/否）")
        return self.ask(question).casefold() in _YES

    def _prompt(self, words: Text) -> None:
        self.talk.err.print(self.talk.of(words) + ": ", end="", markup=False, soft_wrap=True)


def terminal_line(*, piped: bool) -> ReadLine:
    """Lines of standard input; without ``piped`` what is unseen must come from a terminal."""
    fd = sys.stdin.fileno()

    def line(hidden: bool, prompt: Callable[[], None]) -> bytearray:
        if not hidden or (piped and not os.isatty(fd)):
            prompt()
            return _read(fd)
        if not os.isatty(fd):
            raise NoTerminal(
                Text("Components are typed at a terminal.", "分量须在终端上录入。"),
                do=Text("Run the command at the keyboard of this machine.", "请在本机键盘上运行该命令。"),
            )
        with unechoed(fd):
            prompt()
            return _read(fd)

    return line


def _read(fd: int) -> bytearray:
    """Byte by byte: nothing that was typed stays in a buffer of the library."""
    line = bytearray()
    while byte := os.read(fd, 1):
        if byte == b"\n":
            return line
        line += byte
    if line:
        return line
    raise KeyboardInterrupt
