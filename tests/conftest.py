"""What every test shares: hypothesis judges by examples, not by the clock; what was not run is said."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")

_GIVEN = {"captures": "CAPTURES"}
"""Marker of tests over files that may not be in this repository, and the variable that says where they are."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs files that nobody gave: neither passed nor skipped, and said in the report."""
    missing = [mark for mark, variable in _GIVEN.items() if not os.environ.get(variable)]
    left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in missing)]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say it where proofs are run."""
    if config.option.markexpr == "proof":
        for mark, variable in _GIVEN.items():
            if not os.environ.get(variable):
                terminalreporter.write_line(f"NOT RUN: {mark}; give their folder: make proof {variable}=DIR")
