"""Modules: short, documented, typed, without assertions, and with every public name in their ``__all__``."""

from __future__ import annotations

import ast
import inspect
import re
from types import ModuleType
from typing import Any

import pytest

import cardfab
from cardfab.simulator import chip

Source = Any
LONGEST = 500
TOP = "cardfab"


def test_no_module_is_long(sources: tuple[Source, ...]) -> None:
    lengths = {source.name: len(source.path.read_text(encoding="utf-8").splitlines()) for source in sources}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_every_module_says_what_it_is(sources: tuple[Source, ...]) -> None:
    assert [source.name for source in sources if not ast.get_docstring(source.tree)] == []


def test_nothing_is_left_to_be_done(sources: tuple[Source, ...]) -> None:
    for source in sources:
        text = source.path.read_text(encoding="utf-8")
        assert not re.search(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplementedError)\b", text), source.name
        assert not any(isinstance(node, ast.Assert) for node in ast.walk(source.tree)), source.name


def test_every_function_is_typed(sources: tuple[Source, ...]) -> None:
    bare = []
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                named = [one for one in arguments if one.arg not in ("self", "cls")]
                if node.returns is None or any(one.annotation is None for one in named):
                    bare.append(f"{source.name}.{node.name}")
    assert [name for name in bare if ".migrations." not in name] == []


def _with_all(modules: dict[str, ModuleType]) -> dict[str, ModuleType]:
    return {name: module for name, module in modules.items() if hasattr(module, "__all__")}


def test_every_name_of_every_all_is_there(modules: dict[str, ModuleType]) -> None:
    found = _with_all(modules)
    assert TOP in found
    for name, module in found.items():
        listed = module.__all__
        assert len(set(listed)) == len(listed), name
        assert [one for one in listed if not hasattr(module, one)] == [], name
        star: dict[str, object] = {}
        exec(f"from {name} import *", star)  # noqa: S102 - the statement is the thing under test
        assert set(listed) <= set(star), name


def _defined(source: Source) -> set[str]:
    """Public names that the module itself binds at its top level."""
    found: set[str] = set()
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                found |= {part.id for part in ast.walk(target) if isinstance(part, ast.Name)}
    return {name for name in found if not name.startswith("_")}


def _gathered(source: Source) -> set[str]:
    """Public names that a package takes from its own modules."""
    return {
        alias.asname or alias.name
        for node in source.tree.body
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(source.name)
        for alias in node.names
        if not alias.name.startswith("_")
    }


def test_every_all_is_complete(sources: tuple[Source, ...], modules: dict[str, ModuleType]) -> None:
    """What a module defines, or a package gathers, is in its ``__all__``: nothing is public by accident."""
    by_name = {source.name: source for source in sources}
    missing = {}
    for name, module in _with_all(modules).items():
        source = by_name[name]
        public = _defined(source) | (_gathered(source) if source.path.name == "__init__.py" else set())
        if left_out := public - set(module.__all__):
            missing[name] = left_out
    assert missing == {}


def test_packages_that_gather_names_list_them(sources: tuple[Source, ...], modules: dict[str, ModuleType]) -> None:
    for source in sources:
        if source.path.name == "__init__.py" and source.name in modules and _gathered(source):
            assert hasattr(modules[source.name], "__all__"), source.name


@pytest.mark.parametrize("module", [cardfab, chip], ids=lambda module: module.__name__)
def test_names_are_gathered_where_people_look(module: ModuleType) -> None:
    for name in module.__all__:
        assert inspect.getdoc(getattr(module, name)), name
