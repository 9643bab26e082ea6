"""Who acts now: in a process that serves many, a key's use is recorded under the person whose request it is for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LOGIN: ContextVar[str | None] = ContextVar("acting", default=None)


@contextmanager
def acting(login: str) -> Iterator[None]:
    """In this block the person of that login acts."""
    before = _LOGIN.set(login)
    try:
        yield
    finally:
        _LOGIN.reset(before)


def act_as(login: str) -> None:
    """From here on, in this context, the person of that login acts: for one who serves a single request in it."""
    _LOGIN.set(login)


def who() -> str | None:
    """The login of who acts; None where nobody said."""
    return _LOGIN.get()
