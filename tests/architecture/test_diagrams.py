"""The diagrams in the docs are those of the state tables, and the check that says so can tell when they are not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.tools import tool

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def diagrams() -> ModuleType:
    return tool("diagrams")


def test_the_docs_show_what_the_code_says() -> None:
    command = [sys.executable, "tools/diagrams.py", "--check"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_every_move_of_a_job_is_an_arrow(diagrams: ModuleType) -> None:
    drawn: str = diagrams.job()
    for state, moves in diagrams.JOB_TABLE.items():
        for after in moves.values():
            assert f"    {state} --> {after}: " in drawn
        if not moves:
            assert f"    {state} --> [*]\n" in drawn


def test_an_old_diagram_is_found(diagrams: ModuleType, tmp_path: Path) -> None:
    for page in set(diagrams.NAMES.values()):
        (tmp_path / page).parent.mkdir(exist_ok=True)
        (tmp_path / page).write_text((ROOT / page).read_text("utf-8"), "utf-8")
    assert diagrams.outdated(tmp_path) == {}
    page = tmp_path / "docs/architecture.md"
    text = page.read_text("utf-8")
    page.write_text(text.replace("QUEUED --> CLAIMED", "QUEUED --> ENCODING", 1), "utf-8")
    assert diagrams.outdated(tmp_path) == {"docs/architecture.md": text}
    page.write_text(text.replace("<!-- /diagram card -->", ""), "utf-8")
    with pytest.raises(ValueError, match="diagram 'card'"):
        diagrams.outdated(tmp_path)
