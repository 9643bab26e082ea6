"""A place to stand before and after every commit and every device write.

Adapters call a ``Watch`` with ``before:…`` and ``after:…`` names. Production passes nothing; the fault tests pass a
function that counts the points of one issue and then kills the process at each of them in turn.
"""

from __future__ import annotations

from collections.abc import Callable

Watch = Callable[[str], None]


def unwatched(point: str) -> None:
    """The watch that does nothing."""
