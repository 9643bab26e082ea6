"""The fonts of this machine, read once a module."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardfab.face.fonts import FontBook


@pytest.fixture(scope="module")
def fonts() -> FontBook:
    return FontBook([Path("/usr/share/fonts")])
