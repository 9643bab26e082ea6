"""Passwords from people: at the terminal with the echo off, or from a file descriptor, one a line, in the order asked.

Never an argument, never the environment, never plain standard input. They come in a buffer that its reader wipes.
"""

from __future__ import annotations

import os
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from cardfab.errors import Text, UsageRefused

_MOST = 1024
_TERMINAL = "/dev/tty"


@dataclass(frozen=True, slots=True)
class Words:
    """Asks for passwords. ``fd`` is the descriptor of ``--password-fd``."""

    fd: int | None
    say: Callable[[Text], str]
    """A text in the language of this run."""

    def __call__(self, login: str, *, new: bool = False) -> bytearray:
        """The password of a login; a ``new`` one is asked for twice at the terminal."""
        if self.fd is not None:
            return self._line(self.fd)
        what = (
            Text(f"new password of {login}", f"{login} 的新口令")
            if new
            else Text(f"password of {login}", f"{login} 的口令")
        )
        word = _at_terminal(self.say(what))
        if new:
            again = _at_terminal(self.say(Text("again", "再次输入")))
            equal = again == word
            wipe(again)
            if not equal:
                wipe(word)
                raise UsageRefused(
                    Text("The two passwords differ.", "两次输入的口令不一致。"),
                    do=Text("Nothing was changed: run the command again.", "未作任何改动，请重新办理。"),
                    code="CF-2250",
                )
        return word

    def _line(self, fd: int) -> bytearray:
        try:
            return _read_line(fd)
        except OSError as closed:
            raise UsageRefused(
                Text(f"No password can be read from descriptor {fd}.", f"无法从描述符 {fd} 读取口令。"),
                do=Text("Give an open descriptor: --password-fd N.", "请给出已打开的描述符：--password-fd N。"),
                code="CF-2251",
            ) from closed


def asker(fd: int | None, say: Callable[[Text], str]) -> Words | None:
    """Who asks; None where there is neither a descriptor nor a terminal."""
    if fd is None and not _has_terminal():
        return None
    return Words(fd, say)


def must_ask(fd: int | None, say: Callable[[Text], str], what: Text, code: str) -> Words:
    """The same; raises UsageRefused with that code where nobody can be asked for ``what``."""
    if (ask := asker(fd, say)) is None:
        raise UsageRefused(
            Text(f"Nobody here can be asked for {what.en}.", f"此处无人可输入{what.zh}。"),
            do=Text("Use a terminal, or --password-fd N.", "请使用终端，或用 --password-fd N。"),
            code=code,
        )
    return ask


@contextmanager
def unechoed(terminal: int) -> Iterator[None]:
    """What is typed is not shown; what was typed before is thrown away."""
    before = termios.tcgetattr(terminal)
    silent = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
    termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)
    try:
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def wipe(word: bytearray) -> None:
    """Overwrite with zeros."""
    word[:] = bytes(len(word))


def _read_line(fd: int) -> bytearray:
    """A line without its end, read byte by byte: what follows is for the next question."""
    line = bytearray()
    while len(line) <= _MOST and (one := os.read(fd, 1)) not in (b"", b"\n"):
        line += one
    if line.endswith(b"\r"):
        line.pop()
    return line


def _has_terminal() -> bool:
    try:
        os.close(os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _at_terminal(what: str) -> bytearray:
    handle = os.open(_TERMINAL, os.O_RDWR | os.O_NOCTTY)
    try:
        with unechoed(handle):
            os.write(handle, f"{what}: ".encode())
            word = _read_line(handle)
        os.write(handle, b"\n")
        return word
    finally:
        os.close(handle)
