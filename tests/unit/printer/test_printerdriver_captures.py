"""What the vendor's Windows driver sent, decoded by the training printer and encoded again by our driver.

The captures lie in the public repository dpavlin/Printer-EVOLIS, test.windows/, whose licence is not stated, so they
are not in this one: ``make proof CAPTURES=DIR`` runs this; without them the report says NOT RUN.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from cardfab.printer.evolis_wire import bitmap
from cardfab.printer.raster import PrintSide, separate
from cardfab.simulator.printer.coding import decode
from cardfab.simulator.printer.language import Command, Parser

NAMES = (
    "card-black", "card-black-fit", "card-gradient", "card-gradient-fit", "card-white", "card-white-fit",
    "evolis-card-curves", "evolis-card-text",
)  # fmt: skip


@pytest.mark.proof
@pytest.mark.captures
@pytest.mark.shows("captured panels decode, and our K panels of the same picture are the vendor's bytes (proof)")
@pytest.mark.parametrize("name", NAMES)
def test_the_panel_of_the_capture_comes_out_byte_for_byte(name: str) -> None:
    sent = (Path(os.environ["CAPTURES"]) / name).read_bytes()
    commands: list[Command] = list(Parser().feed(sent))
    assert all(command.sound for command in commands)
    (panel,) = [command for command in commands if command.data is not None]
    assert panel.data is not None
    assert (panel.name, panel.parameters[:2]) == ("Dbc", ("k", "2"))
    seen = decode("k", 2, panel.data, compressed=True)
    assert seen.shape == (648, 1016)
    assert set(np.unique(seen)) <= {0, 255}
    white = np.full((648, 1016, 3), 255, dtype=np.uint8)
    side = PrintSide(white, seen > 0, np.zeros((648, 1016), dtype=np.bool_))
    ours = bitmap("k", 2, separate(side).coded("k", compressed=True), compressed=True, padding=64)
    start = sent.index(b"\x1bDbc;k;2;")
    assert ours.rstrip(b"\x00") == sent[start : start + len(ours)].rstrip(b"\x00")
    assert sent[start + len(ours) :].lstrip(b"\x00").startswith(b"\x1bSe")
