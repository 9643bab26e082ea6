"""Options that several commands share, written once: a dataclass whose fields are the options."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any, get_type_hints


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """The command as Typer takes it: its one parameter of a dataclass type becomes an option a field, at the end.

    The fields are ``Annotated`` with their ``typer.Option`` and have defaults.
    """
    own = inspect.signature(command, eval_str=True).parameters
    [(taken, shared)] = [(one.name, one.annotation) for one in own.values() if is_dataclass(one.annotation)]
    group: Callable[..., object] = own[taken].annotation
    hints = get_type_hints(shared, include_extras=True)
    names = [one.name for one in fields(shared)]

    @wraps(command)
    def run(*arguments: Any, **given: Any) -> None:
        spent = {name: given.pop(name) for name in names}
        command(*arguments, **given, **{taken: group(**spent)})

    kept = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own.values() if one.name != taken]
    added = [
        inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name])
        for one in fields(shared)
    ]
    parameters = [*kept, *added]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run
