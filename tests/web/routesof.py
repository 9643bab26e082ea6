"""Every route of the application, those of what is mounted in it too, with what its path needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from fastapi import FastAPI

Route = tuple[str, str]
"""Method and path."""


def routes(app: FastAPI) -> tuple[Route, ...]:
    """Every method and path that the application answers, by path."""
    return tuple(sorted(set(_walk(app.routes, "")), key=lambda one: (one[1], one[0])))


def _walk(found: Sequence[Any], before: str) -> Iterator[Route]:
    for one in found:
        path = before + getattr(one, "path", "")
        methods = getattr(one, "methods", None)
        inner = getattr(one, "routes", None) or getattr(getattr(one, "app", None), "routes", None)
        effective = getattr(one, "effective_candidates", None)
        if methods:
            yield from ((method, path) for method in methods if method not in ("HEAD", "OPTIONS"))
        elif callable(effective):
            yield from _walk(list(effective()), before)
        elif inner:
            yield from _walk(inner, path)
        else:
            yield "ANY", path


def filled(path: str, values: dict[str, str]) -> str:
    """A path with its parameters in it; raises KeyError for one that the test does not know."""
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda one: values[one[1]], path)
