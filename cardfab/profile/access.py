"""Access conditions as the tables of the card print them, and the one reader of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

FREE = "FREE"
FORBIDDEN = "FORBIDDEN"
"""Nobody from outside: only the card operating system itself writes the file."""
PIN = "PIN"

Access = Annotated[str, Field(pattern=r"^[A-Z0-9]+([|&][A-Z0-9]+)*$")]
"""``FREE``, ``FORBIDDEN``, or names of keys and ``PIN`` joined by ``|`` (or) and ``&`` (and), as printed."""


def alternatives(condition: str) -> tuple[frozenset[str], ...]:
    """The condition as alternatives, each a set of rights that must all be there; ``&`` binds closer than ``|``.

    ``FREE`` has one alternative that asks for nothing, ``FORBIDDEN`` none. The order is that of the text.
    """
    if condition == FREE:
        return (frozenset(),)
    if condition == FORBIDDEN:
        return ()
    return tuple(frozenset(part.split("&")) for part in condition.split("|"))


def rights(condition: str) -> frozenset[str]:
    """Every key name, and ``PIN``, that the condition speaks of."""
    return frozenset().union(*alternatives(condition))
