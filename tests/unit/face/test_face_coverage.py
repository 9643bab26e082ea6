"""docs/fonts.md says what the fonts of this machine can draw of GB 18030-2022."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from cardfab.face import FontBook
from tests.golden_faces import ROOT


@pytest.mark.shows("coverage of GB 18030-2022 by the fonts that set-up installs, gaps listed (proof)")
@pytest.mark.proof
def test_the_page_is_what_the_fonts_give() -> None:
    subprocess.run([sys.executable, "tools/font_coverage.py", "--check"], cwd=ROOT, check=True)


def test_the_gaps_of_the_page_are_gaps_and_their_neighbours_are_drawn(fonts: FontBook) -> None:
    gaps = re.findall(r"U\+([0-9A-F]+)-([0-9A-F]+)", (ROOT / "docs/fonts.md").read_text("utf-8").split("## Gaps")[1])
    assert gaps
    for first, last in gaps:
        assert fonts.check(chr(int(first, 16)))
        assert fonts.check(chr(int(last, 16)))
        assert not fonts.check(chr(int(first, 16) - 1))
