"""Directions: the contracts of import-linter hold, they forget no room, and each adapter has its one importer."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
Source = Any

# Distribution, and the only modules that import it.
SINGLE = {
    "cryptography": ("cardfab.crypto",),
    "sqlalchemy": ("cardfab.store",),
    "alembic": ("cardfab.store",),
    "smartcard": ("cardfab.apdu.pcsc",),
    "serial": ("cardfab.printer.stream",),
    "pkcs11": ("cardfab.keys.pkcs11",),
    "pyhanko": ("cardfab.documents",),
}
SIMULATOR_MAY = {"cardfab.crypto", "cardfab.simulator", "asn1crypto", "defusedxml", "numpy", "PIL"}
# Of cardfab.crypto it takes the algorithms, not what the house builds of them.
RAW_CRYPTO = {"cardfab.crypto", "cardfab.crypto.ec", "cardfab.crypto.rsa", "cardfab.crypto.sm"}
# The adapters of docs/architecture.md: below the station, only these meet the world.
ADAPTERS = {
    "cardfab.apdu.pcsc",
    "cardfab.apdu.remote",
    "cardfab.hardening",
    "cardfab.keys.keyfile",
    "cardfab.keys.pkcs11.attach",
    "cardfab.keys.pkcs11.softhsm",
    "cardfab.keys.service.identity",
    "cardfab.keys.service.line",
    "cardfab.keys.service.server",
    "cardfab.keys.service.supervisor",
    "cardfab.printer.ipp",
    "cardfab.printer.stream",
    "cardfab.store.database",
    "cardfab.store.doubt",
    "cardfab.store.engines",
    "cardfab.store.notes",
    "cardfab.face.sfnt",
    "cardfab.face.fonts",
    "cardfab.face.outline",
    "cardfab.resources",
    "cardfab.settings",
}
WORLD = {"os", "random", "secrets", "shutil", "socket", "subprocess", "tempfile", "time", "uuid"}
LOCKS = {"Event", "Lock", "RLock"}
"""What anybody may take of ``threading``: several threads of a page share what lies below the station."""
ABOVE = {"station", "bureau", "web", "cli", "simulator"}
CLOCKS = {"now", "utcnow", "today", "monotonic", "perf_counter", "urandom", "token_bytes", "read_text", "read_bytes"}


@cache
def _imports(tree: ast.AST) -> frozenset[str]:
    return frozenset(_imported(tree))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def _within(name: str, packages: tuple[str, ...] | set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def test_the_contracts_hold() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [str(program), "--no-cache"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 broken" in done.stdout


def _contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return found


def test_the_directions_name_every_room(sources: tuple[Source, ...]) -> None:
    """A room that no layer names would be held to nothing."""
    (layers,) = [contract["layers"] for contract in _contracts() if contract["type"] == "layers"]
    named = {room.strip() for layer in layers for room in layer.replace(":", "|").split("|")}
    rooms = {f"cardfab.{source.room}" for source in sources if source.room}
    assert rooms - named == {"cardfab.simulator", "cardfab.settings", "cardfab.resources", "cardfab.hardening"}
    assert named <= rooms


@pytest.mark.parametrize("distribution", SINGLE)
def test_a_single_importer(sources: tuple[Source, ...], distribution: str) -> None:
    """As the contracts say, but for every module there is, also one that no contract lists yet."""
    importers = {source.name for source in sources if _within_any(source, distribution)}
    assert importers
    assert all(_within(name, SINGLE[distribution]) for name in importers), importers


def _within_any(source: Source, distribution: str) -> bool:
    return any(_within(name, (distribution,)) for name in _imports(source.tree))


def test_the_simulator_reads_the_specifications_by_itself(sources: tuple[Source, ...]) -> None:
    for source in sources:
        if source.room == "simulator":
            strangers = {
                name
                for name in _imports(source.tree)
                if name.split(".")[0] not in sys.stdlib_module_names and not _within(name, SIMULATOR_MAY)
            }
            assert strangers == set(), source.name
            crypto = {name for name in _imports(source.tree) if _within(name, ("cardfab.crypto",))}
            assert crypto <= RAW_CRYPTO, source.name


def test_nothing_else_imports_the_simulator(sources: tuple[Source, ...]) -> None:
    importers = {
        source.room
        for source in sources
        if any(_within(name, ("cardfab.simulator",)) for name in _imports(source.tree))
    }
    assert importers <= {"simulator", "cli"}


def _threading(tree: ast.AST) -> set[str]:
    """What a module takes of ``threading``."""
    named = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "threading"
    }
    return named | {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "threading"
        for alias in node.names
    }


def test_below_the_station_nothing_meets_the_world_but_the_adapters(sources: tuple[Source, ...]) -> None:
    """No clock, chance, socket or file but through an argument."""
    for source in sources:
        if source.room in ABOVE or source.name in ADAPTERS:
            continue
        assert WORLD & {name.split(".")[0] for name in _imports(source.tree)} == set(), source.name
        assert _threading(source.tree) <= LOCKS, source.name
        called = {
            node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
        }
        assert called & CLOCKS == set(), source.name
        opens = [
            node
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"
        ]
        assert opens == [], source.name


def test_the_adapters_are_there(modules: dict[str, object]) -> None:
    assert set(modules) >= ADAPTERS
