"""Commits whose answer was lost: kept by the name that the database knows them by, and asked for when it is back.

The name lies in a file beside the station, so that the next start finds out what became of a commit that a process
did not live to hear of.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from cardfab.audit import AuditEvent
from cardfab.errors import InDoubt, Text
from cardfab.store.engines import StoreEngine


class CommitInDoubt(InDoubt):
    """The connection broke while a change was being kept, and the database cannot be asked."""

    default_code = "CF-9700"

    def __init__(self, name: str) -> None:
        super().__init__(
            Text(
                f"The connection to the database broke while '{name}' was being kept; whether it was, is not known.",
                f"保存“{name}”时与数据库的连接中断，结果未知。",
            ),
            do=Text(
                "Bring the database back; the next start finds out what became of it. Do not repeat the act.",
                "请恢复数据库，下次启动时将查明结果；切勿重复操作。",
            ),
        )


class Doubts:
    """The doubts of this process, and those that lie beside the station."""

    def __init__(self, kind: StoreEngine) -> None:
        self._kind = kind
        self._open: tuple[str, str, Sequence[AuditEvent]] | None = None

    def keep(self, mark: str, name: str, due: Sequence[AuditEvent]) -> None:
        """A commit is in doubt; ``due`` are the events that went along with it."""
        self._open = mark, name, due
        beside = self._kind.beside
        with suppress(OSError):  # the person is told in any case
            beside.with_name(f"{beside.name}-doubt-{mark}").write_text(json.dumps({"name": name}), encoding="utf-8")

    def settle(self) -> Sequence[AuditEvent]:
        """The events that the commit in doubt took along, where it was kept. Raises :class:`CommitInDoubt` still."""
        if self._open is None:
            return ()
        mark, name, due = self._open
        became = self._kind.became(mark)
        if became is None:
            raise CommitInDoubt(name)
        self._open = None
        return due if became == "kept" else ()

    def settled(self) -> tuple[tuple[str, bool], ...]:
        """What lies beside the station and is known now, each told once: (name, whether it was kept)."""
        found: list[tuple[str, bool]] = []
        beside = self._kind.beside
        for file in sorted(beside.parent.glob(f"{beside.name}-doubt-*")):
            became = self._kind.became(file.name.rpartition("-")[2])
            if became is not None:
                said: Any = json.loads(file.read_text(encoding="utf-8"))
                found.append((str(said["name"]), became == "kept"))
                file.unlink(missing_ok=True)
        return tuple(found)
