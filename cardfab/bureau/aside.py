"""Sealed cards of a shard, put aside until its one transaction: memory does not grow with the shard.

They lie in a file without a name beside the database, which is gone with the process that made it, however it ends. In
it is what the database will hold, sealed under the salt of the batch; when the salt is erased it is of no use either.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import IO

from cardfab.errors import InputRefused, Text
from cardfab.store.shards import CardRow

_HEAD = struct.Struct(">QIIHI")


class NoRoom(InputRefused):
    """The disk does not take what is put aside."""

    default_code = "CF-3493"

    def __init__(self) -> None:
        super().__init__(
            Text(
                "The folder of the database has no room for a shard's cards.", "数据库所在目录空间不足，无法暂存分片。"
            ),
            do=Text("Make room, then prepare again: what is done stays.", "请腾出空间后重新准备；已完成的部分保留。"),
        )


class Aside:
    """Cards in, and out again in the same order, once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Aside:
        try:
            self._file = TemporaryFile(dir=self._folder)
        except OSError as error:
            raise NoRoom from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with suppress(OSError):  # what found no room is tried once more by closing
                self._file.close()

    def add(self, card: CardRow) -> None:
        """Raises :class:`NoRoom`."""
        sealed = card.sealed or b""
        head = _HEAD.pack(card.batch_id, card.place, card.shard, len(card.number_index), len(sealed))
        try:
            self._open().write(head + card.number_index + sealed)
        except OSError as error:
            raise NoRoom from error

    def cards(self) -> Iterator[CardRow]:
        """What was added, one by one; raises :class:`NoRoom` for what was not written yet."""
        file = self._open()
        try:
            file.seek(0)
        except OSError as error:
            raise NoRoom from error
        while head := file.read(_HEAD.size):
            batch_id, place, shard, index, sealed = _HEAD.unpack(head)
            yield CardRow(batch_id, place, shard, file.read(index), file.read(sealed))

    def _open(self) -> IO[bytes]:
        if self._file is None:
            raise RuntimeError("use it in a with block")
        return self._file


__all__ = ["Aside", "NoRoom"]
