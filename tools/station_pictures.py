"""Draws every screen of the station's day anew into ``docs/pictures/station/<language>``: runs the day in a browser.

``.venv/bin/python tools/station_pictures.py [FOLDER]``
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
DAY = "tests/browser/test_browser_day.py"


def main() -> int:
    """The exit status of the day."""
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else TOP / "docs" / "pictures" / "station"
    words = [sys.executable, "-m", "pytest", "-q", "-k", "whole_day", DAY]
    return subprocess.run(words, cwd=TOP, env={**os.environ, "CARDFAB_PICTURES": str(folder)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
