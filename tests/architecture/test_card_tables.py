"""The tables of docs/card.md are those of the profiles, and the check that says so can tell when they are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.tools import tool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    return tool("card_tables")


def test_the_page_shows_what_the_profiles_say() -> None:
    command = [sys.executable, "tools/card_tables.py", "--check"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_every_file_and_key_has_its_row(tables: ModuleType) -> None:
    files, keys = tables.files(), tables.keys()
    for directory in tables.application("ssc-v2").directories:
        for file in directory.files:
            assert f"| `{file.name}` | {file.name_zh}, {file.name_en} |" in files
            for item in file.items:
                assert f"`{item.key}` {item.name_en} " in files
        for name, key in directory.keys.items():
            assert f"| `{name}` | `{key.label}` | {key.id.hex().upper()}" in keys


def test_an_old_table_is_found(tables: ModuleType) -> None:
    text = (ROOT / tables.PAGE).read_text("utf-8")
    assert tables.with_tables(text) == text
    old = text.replace("PIN and RK1DF04", "PIN or RK1DF04", 1)
    assert old != text
    assert tables.with_tables(old) == text
    with pytest.raises(ValueError, match="table 'keys'"):
        tables.with_tables(text.replace("<!-- /table keys -->", ""))
