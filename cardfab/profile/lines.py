"""On which line each key of a TOML text is written. ``tomllib`` tells values only; a mistake is named by its line."""

from __future__ import annotations

import re
from collections.abc import Iterator

Path = tuple[str | int, ...]

_TOKEN = re.compile(
    r'"{3}.*?"{3,5}|\'{3}.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\''  # strings
    r"|\#[^\n]*|\n|[\[\]{}=,.]|[^\s\[\]{}=,.#\"']+",
    re.DOTALL,
)


def key_lines(text: str) -> dict[Path, int]:
    """The first line of every key, table and array element, by its path, of a text that ``tomllib`` accepts."""
    return _Scan(text).lines


class _Scan:
    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._line = 1
        self._text = text
        self._tokens = self._scan()
        self._next = next(self._tokens)
        self._counts: dict[Path, int] = {}
        table: Path = ()
        while self._next:
            if self._next == "[":
                table = self._header()
            elif self._next == "\n":
                self._take()
            else:
                self._pair(table)

    def _scan(self) -> Iterator[str]:
        """Tokens without comments, then empty ones; ``_line`` is that of the token looked at."""
        at = 1
        for found in _TOKEN.finditer(self._text):
            if found[0][0] != "#":
                self._line = at
                yield found[0]
            at += found[0].count("\n")
        while True:
            yield ""

    def _take(self) -> str:
        taken, self._next = self._next, next(self._tokens)
        return taken

    def _note(self, path: Path, line: int) -> None:
        for end in range(1, len(path) + 1):
            self.lines.setdefault(path[:end], line)

    def _keys(self, end: str) -> Path:
        """The parts of a dotted key up to ``end``, which is taken too."""
        keys: list[str] = []
        while self._next not in (end, ""):
            part = self._take()
            if part != ".":
                keys.append(part[1:-1] if part[0] in "\"'" else part)
        self._take()
        return tuple(keys)

    def _header(self) -> Path:
        """``[a.b]`` or ``[[a.b]]``: its path, with the number of each array of tables on the way."""
        self._take()
        array = self._next == "["
        if array:
            self._take()
        line = self._line
        keys = self._keys("]")
        if array:
            self._take()
        path: Path = ()
        for place, key in enumerate(keys, 1):
            path += (key,)
            if array and place == len(keys):
                self._counts[path] = self._counts.get(path, -1) + 1
            if path in self._counts:
                path += (self._counts[path],)
        self._note(path, line)
        return path

    def _pair(self, table: Path) -> None:
        line = self._line
        path = table + self._keys("=")
        self._note(path, line)
        self._value(path)

    def _value(self, path: Path) -> None:
        if self._next == "[":
            self._items(path)
        elif self._next == "{":
            self._inline(path)
        else:
            while self._next not in ("\n", ",", "]", "}", ""):
                self._take()

    def _items(self, path: Path) -> None:
        self._take()
        number = 0
        while self._next not in ("]", ""):
            if self._next in ("\n", ","):
                self._take()
            else:
                self._note((*path, number), self._line)
                self._value((*path, number))
                number += 1
        self._take()

    def _inline(self, path: Path) -> None:
        self._take()
        while self._next not in ("}", ""):
            if self._next in ("\n", ","):
                self._take()
            else:
                self._pair(path)
        self._take()
