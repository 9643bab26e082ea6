"""The modules of cardfab as files and as imported, for tests of the house as a whole."""

from __future__ import annotations

import ast
import importlib
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "cardfab"


@dataclass(frozen=True, slots=True)
class Source:
    """One module: its dotted name, its file, its syntax tree."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def room(self) -> str:
        """The part below ``cardfab``: ``keys`` of ``cardfab.keys.soft``; the module itself at the top."""
        return [*self.name.split("."), ""][1]


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.fixture(scope="session")
def sources() -> tuple[Source, ...]:
    """Every module of the package."""
    files = sorted(path for path in PACKAGE.rglob("*.py") if "_data" not in path.parts)
    return tuple(Source(_name(path), path, ast.parse(path.read_text(encoding="utf-8"))) for path in files)


@pytest.fixture(scope="session")
def modules(sources: tuple[Source, ...]) -> dict[str, ModuleType]:
    """Every module, imported; migrations are Alembic's to run, and ``__main__`` is a program."""
    return {
        source.name: importlib.import_module(source.name)
        for source in sources
        if ".migrations" not in source.name and not source.name.endswith("__main__")
    }
