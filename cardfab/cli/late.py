"""Commands that are imported when they are called, so that one command does not wait for the parts of all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:  # the library keeps these among its private parts
    from typer._click import Command, Context, HelpFormatter


@dataclass(frozen=True, slots=True)
class Late:
    """``MODULE:NAME`` within ``cardfab.cli``: a command's function, or the ``Typer`` of a group, found when called.

    ``help`` is its first sentence as the list of commands shows it; ``more`` are commands of other modules that a
    group takes in.
    """

    place: str
    help: str
    more: Mapping[str, Late] = field(default_factory=dict)

    def load(self, name: str) -> Command:
        """Import it, and make the command of it."""
        module, _, attribute = self.place.partition(":")
        found = getattr(import_module(f"cardfab.cli.{module}"), attribute)
        # One that stands in for the program's root: a group of this alone, whose only member is taken out of it.
        around = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None, add_completion=False)
        around.callback()(_nothing)
        if isinstance(found, typer.Typer):
            around.add_typer(found, name=name)
        else:
            around.command(name)(found)
        root = typer.main.get_group(around)
        command = root.commands[name]
        if self.more and isinstance(command, TyperGroup):
            command.commands = Found(self.more, command.commands)
        return command


class Found(MutableMapping[str, "Command"]):
    """Commands by name in the order of the help: those at hand, then those that are imported when asked for."""

    def __init__(self, late: Mapping[str, Late], there: Mapping[str, Command]) -> None:
        self.late, self._there = late, dict(there)
        self._names = list(dict.fromkeys([*there, *late]))

    def __getitem__(self, name: str) -> Command:
        if name not in self._there and name in self.late:
            self._there[name] = self.late[name].load(name)
        return self._there[name]

    def __setitem__(self, name: str, command: Command) -> None:
        if name not in self._names:
            self._names.append(name)
        self._there[name] = command

    def __delitem__(self, name: str) -> None:
        self._names.remove(name)
        self._there.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def late_group(table: Mapping[str, Late]) -> type[TyperGroup]:
    """A group whose commands are those of the table; its help is written from the table, without an import."""

    class LateGroup(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes)
            self.commands = Found(table, self.commands)

        def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
            width = formatter.width - 6 - max(len(name) for name in self.commands)
            rows = [(name, _cut(self._help(name), width)) for name in self.commands]
            if rows:
                with formatter.section("Commands"):
                    formatter.write_dl(rows)

        def _help(self, name: str) -> str:
            return table[name].help if name in table else self.commands[name].get_short_help_str(1000)

    return LateGroup


def _cut(words: str, width: int) -> str:
    """The words as far as they fit, cut between two of them."""
    if len(words) <= width:
        return words
    kept = words[: width - 2].rsplit(" ", 1)[0]
    return f"{kept}..."


def _nothing() -> None:
    """The group that stands in for the program's root does nothing."""
