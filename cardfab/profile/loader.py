"""Profiles from TOML with ``extends``; a mistake is named as ``file:line: reason``.

This room reads no file: a :class:`ProfileSource` does, which wiring builds over the packaged profiles and the station's
own folder (the station's file of the same name wins).
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, TypeVar, cast

from pydantic import BaseModel, ValidationError

from cardfab.errors import InputRefused, Text
from cardfab.profile.keyed import ORDERED_TABLES, written_path
from cardfab.profile.lines import key_lines

Model = TypeVar("Model", bound=BaseModel)


class ProfileSource(Protocol):
    """Where profile texts come from."""

    def names(self, kind: str) -> Sequence[str]:
        """The profiles of a kind, by name."""
        ...

    def text(self, kind: str, name: str) -> str | None:
        """The TOML text of a profile, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with a profile."""

    file: str
    line: int
    reason: str
    warning: bool = False
    """Whether the profile may be used all the same."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class ProfileRefused(InputRefused):
    """A profile is missing or wrong. ``findings`` lists each thing."""

    default_code = "CF-3200"

    def __init__(self, findings: Sequence[Finding], *, do: Text | None = None) -> None:
        listed = "; ".join(map(str, findings))
        super().__init__(
            Text(f"The profile is refused: {listed}.", f"配置文件被拒绝：{listed}。"),
            do=do or Text("Correct it and run 'cardfab profile lint'.", "请修改后运行 cardfab profile lint。"),
        )
        self.findings = tuple(findings)


def load(source: ProfileSource, kind: str, name: str, model: type[Model]) -> Model:
    """The profile ``kind/name`` as its model; raises :class:`ProfileRefused`."""
    found = _kept(model, tuple((file, text) for file, text, _ in _chain(source, kind, name)))
    return cast("Model", found)


@lru_cache(maxsize=256)
def _kept(model: type[BaseModel], texts: tuple[tuple[str, str], ...]) -> BaseModel:
    """The model of these texts, the base last. Profiles do not change when they are read: a station asks for the same
    ones many times for each card.
    """
    chain = [(file, text, dict(_parsed(text, file))) for file, text in texts]
    for _, _, values in chain:
        values.pop("extends", None)
    return _valid(_merged(chain), model, texts)


def parse(values: Mapping[str, Any], model: type[Model], file: str, text: str) -> Model:
    """A model from parsed TOML; every fault with its line."""
    return _valid(values, model, [(file, text)])


def _valid(values: Mapping[str, Any], model: type[Model], texts: Sequence[tuple[str, str]]) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as wrong:
        findings = [_finding(texts, written_path(values, error["loc"]), error["msg"]) for error in wrong.errors()]
        raise ProfileRefused(findings) from None


def read_toml(text: str, file: str) -> dict[str, Any]:
    """TOML text as a mapping; raises :class:`ProfileRefused` with the line of a syntax error."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise ProfileRefused([Finding(file, toml_line(wrong, text), str(wrong))]) from None


def toml_line(wrong: tomllib.TOMLDecodeError, text: str) -> int:
    """The line of a syntax error, which Python says in words alone."""
    found = re.search(r"at line (\d+)", str(wrong))
    return int(found[1]) if found else max(1, len(text.splitlines()))  # "at end of document"


@lru_cache(maxsize=256)
def _parsed(text: str, file: str) -> Mapping[str, Any]:
    """The same, kept; nobody changes it."""
    return read_toml(text, file)


def digest(source: ProfileSource, kind: str, name: str) -> bytes:
    """SHA-256 over the merged content, so that a plan can say from which profile it was compiled."""
    return hashlib.sha256(repr(_sorted(_merged(_chain(source, kind, name)))).encode()).digest()


_Link = tuple[str, str, dict[str, Any]]


def _chain(source: ProfileSource, kind: str, name: str) -> list[_Link]:
    """The profile and all that it extends, the base last: file, text and values of each."""
    chain: list[_Link] = []
    seen: list[str] = []
    wanted: str | None = name
    while wanted is not None:
        file, text = f"{kind}/{wanted}.toml", source.text(kind, wanted)
        if text is None:
            known = ", ".join(source.names(kind)) or "none"
            raise ProfileRefused([Finding(file, 1, f"there is no such profile; known: {known}")])
        if wanted in seen:
            raise ProfileRefused([Finding(file, 1, f"'extends' goes in a circle: {' > '.join((*seen, wanted))}")])
        seen.append(wanted)
        values = dict(_parsed(text, file))
        base = values.pop("extends", None)
        chain.append((file, text, values))
        wanted = None if base is None else str(base)
    return chain


def _merged(chain: Sequence[_Link]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for _, _, values in reversed(chain):
        merged = _over(merged, values)
    return merged


def _over(base: dict[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge key by key; everything else is replaced whole."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        merged[key] = _over(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return merged


def _sorted(value: Any, *, in_order: bool = False) -> Any:
    """Tables in one order, but for those whose order is part of the layout."""
    if isinstance(value, dict):
        keys = list(value) if in_order else sorted(value)
        return [(key, _sorted(value[key], in_order=key in ORDERED_TABLES)) for key in keys]
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _finding(texts: Sequence[tuple[str, str]], place: Sequence[str | int], message: str) -> Finding:
    """Named where it is written: in the first of a profile and its bases that has most of ``place``."""
    where = ".".join(map(str, place)) or "the file"
    found = [(*_innermost(text, place), file) for file, text in texts]
    _, line, file = max(found, key=lambda one: one[0])
    return Finding(file, line, f"{where}: {message}")


def _innermost(text: str, place: Sequence[str | int]) -> tuple[int, int]:
    """How much of ``place`` is written in the text, and on which line; (0, 1) for nothing."""
    lines = key_lines(text)
    for depth in range(len(place), 0, -1):
        if line := lines.get(tuple(place[:depth])):
            return depth, line
    return 0, 1


def found_at(source: ProfileSource, kind: str, name: str, place: Sequence[str | int], reason: str) -> Finding:
    """A finding about a profile that loads, named where it is written: in the profile, or in one that it extends."""
    texts = [(file, text) for file, text, _ in _chain(source, kind, name)]
    _, line, file = max(((*_innermost(text, place), file) for file, text in texts), key=lambda one: one[0])
    return Finding(file, line, reason)


def kind_of_application(source: ProfileSource, name: str) -> str:
    """What an application says it is (``file-system``), itself or by what it extends; empty when it says nothing."""
    return str(_merged(_chain(source, "applications", name)).get("kind", ""))


def line_of(text: str, place: Sequence[str | int]) -> int:
    """The line on which the innermost key of ``place`` that can be found is written; 1 when none can."""
    return _innermost(text, place)[1]
