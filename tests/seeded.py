"""Random bytes that are the same in every run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator


def seeded(label: bytes) -> Callable[[int], bytes]:
    """A source like ``secrets.token_bytes``: SHA-256 of the label in counter mode."""
    made = _stream(label)
    return lambda count: bytes(next(made) for _ in range(count))


def _stream(label: bytes) -> Iterator[int]:
    counter = 0
    while True:
        yield from hashlib.sha256(label + counter.to_bytes(8, "big")).digest()
        counter += 1
