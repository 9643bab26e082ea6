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
from typing import Any, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from cardfab.errors import InputRefused, Text

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

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}"


class ProfileRefused(InputRefused):
    """A profile is missing or wrong. ``findings`` lists each thing."""

    default_code = "CF-3200"

    def __init__(self, findings: Sequence[Finding]) -> None:
        listed = "; ".join(map(str, findings))
        super().__init__(
            Text(f"The profile is refused: {listed}.", f"配置文件被拒绝：{listed}。"),
            do=Text("Correct it and run 'cardfab profile lint'.", "请修改后运行 cardfab profile lint。"),
        )
        self.findings = tuple(findings)


def load(source: ProfileSource, kind: str, name: str, model: type[Model]) -> Model:
    """The profile ``kind/name`` as its model; raises :class:`ProfileRefused`."""
    return parse(_merged(source, kind, name, ()), model, f"{kind}/{name}.toml", source.text(kind, name) or "")


def parse(values: Mapping[str, Any], model: type[Model], file: str, text: str) -> Model:
    """A model from parsed TOML; every fault with its line."""
    try:
        return model.model_validate(values)
    except ValidationError as wrong:
        raise ProfileRefused([_finding(file, text, error["loc"], error["msg"]) for error in wrong.errors()]) from None


def read_toml(text: str, file: str) -> dict[str, Any]:
    """TOML text as a mapping; raises :class:`ProfileRefused` with the line of a syntax error."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        found = re.search(r"at line (\d+)", str(wrong))
        raise ProfileRefused([Finding(file, int(found[1]) if found else 1, str(wrong))]) from None


def digest(source: ProfileSource, kind: str, name: str) -> bytes:
    """SHA-256 over the merged content, so that a plan can say from which profile it was compiled."""
    return hashlib.sha256(repr(_sorted(_merged(source, kind, name, ()))).encode()).digest()


def _merged(source: ProfileSource, kind: str, name: str, seen: tuple[str, ...]) -> dict[str, Any]:
    file = f"{kind}/{name}.toml"
    text = source.text(kind, name)
    if text is None:
        known = ", ".join(source.names(kind)) or "none"
        raise ProfileRefused([Finding(file, 1, f"there is no such profile; known: {known}")])
    if name in seen:
        raise ProfileRefused([Finding(file, 1, f"'extends' goes in a circle: {' > '.join((*seen, name))}")])
    values = read_toml(text, file)
    base = values.pop("extends", None)
    if base is None:
        return values
    return _over(_merged(source, kind, str(base), (*seen, name)), values)


def _over(base: dict[str, Any], top: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge key by key; everything else is replaced whole."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        merged[key] = _over(below, value) if isinstance(value, dict) and isinstance(below, dict) else value
    return merged


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _sorted(value[key])) for key in sorted(value)]
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _finding(file: str, text: str, place: Sequence[str | int], message: str) -> Finding:
    where = ".".join(map(str, place)) or "the file"
    return Finding(file, line_of(text, place), f"{where}: {message}")


def line_of(text: str, place: Sequence[str | int]) -> int:
    """The line on which the innermost key of ``place`` that can be found is written; 1 when none can."""
    lines = text.splitlines()
    start, best = 0, 1
    for part in place:
        if isinstance(part, int):
            wanted, count = re.compile(r"^\s*(\[\[|\{)"), -1
            for number in range(start, len(lines)):
                count += bool(wanted.match(lines[number]))
                if count == part:
                    start, best = number, number + 1
                    break
            continue
        pattern = re.compile(rf"(^|[\[.{{,\s])\"?{re.escape(part)}\"?\s*(=|\]|\.)")
        for number in range(start, len(lines)):
            if pattern.search(lines[number]):
                start, best = number, number + 1
                break
    return best
