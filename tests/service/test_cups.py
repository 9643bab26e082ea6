"""A private cupsd between us and a printer: a driverless queue, and a raw one that feeds the training printer."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cardfab.printer.evolis_wire import command
from cardfab.printer.fault import Fault, PrinterFault
from cardfab.printer.ipp import IppPrinter
from cardfab.printer.raster import separate
from cardfab.simulator.chip import make_blank
from cardfab.simulator.rig import Rig
from tests.service.printservices import cups, ippeveprinter
from tests.service.test_ipp import COPY, SETTINGS, sides

pytestmark = pytest.mark.service

LINE = "the IPP path through a private cupsd; the raw TCP queue of cupsd feeding our simulator unchanged (test)"


def admin(port: int, *words: str) -> None:
    """One of CUPS's own commands on that service."""
    program, *rest = words
    subprocess.run([program, "-h", f"127.0.0.1:{port}", *rest], check=True, capture_output=True, timeout=60)


@pytest.mark.proof
@pytest.mark.shows(LINE)
def test_a_face_goes_through_a_driverless_queue(tmp_path: Path) -> None:
    for name in ("printer", "cups"):
        (tmp_path / name).mkdir()
    with ippeveprinter(tmp_path / "printer", COPY) as behind, cups(tmp_path / "cups") as port:
        admin(port, "lpadmin", "-p", "card", "-E", "-m", "everywhere", "-v", f"ipp://127.0.0.1:{behind}/ipp/print")
        queue = IppPrinter(f"ipp://127.0.0.1:{port}/printers/card", replace(SETTINGS, job_timeout=60.0))
        queue.print_sides(*sides())
        until = time.monotonic() + 20
        while not (arrived := list((tmp_path / "printer").glob("printed-*.pwg"))):
            assert time.monotonic() < until, (tmp_path / "cups" / "log" / "error").read_text()
            time.sleep(0.1)
        seen = pages_of(arrived[0].read_bytes())
    assert len(seen) == 2
    for side, page in zip(sides(), seen, strict=True):
        expected = side.colour.copy()
        expected[side.black] = 0
        turned = np.rot90(expected, -1)
        assert page.shape == turned.shape
        off = np.abs(page.astype(int) - turned.astype(int)).max(axis=2) > 40
        assert off.mean() < 0.02  # CUPS draws it anew: edges may blend


def pages_of(data: bytes) -> list[np.ndarray]:
    """The pages of Apple Raster, which CUPS chooses here: runs of lines, each of runs of pixels, as in PWG Raster."""
    assert data.startswith(b"UNIRAST\x00")
    pages, at = [], 12
    while at < len(data):
        bits, (width, height) = data[at], np.frombuffer(data, ">u4", 2, at + 12)
        at, size, lines = at + 32, bits // 8, bytearray()
        while len(lines) < width * height * size:
            repeat, line, at = data[at] + 1, bytearray(), at + 1
            while len(line) < width * size:
                count, at = data[at], at + 1
                if count == 128:  # white to the end of the line
                    line += b"\xff" * (width * size - len(line))
                elif count < 128:
                    line += data[at : at + size] * (count + 1)
                    at += size
                else:
                    line += data[at : at + (257 - count) * size]
                    at += (257 - count) * size
            lines += line * repeat
        pages.append(np.frombuffer(bytes(lines), np.uint8).reshape(height, width, size))
    return pages


@pytest.mark.shows(LINE)
def test_a_queue_that_is_stopped_says_so_before_anything_is_sent(tmp_path: Path) -> None:
    with cups(tmp_path) as port:
        admin(port, "lpadmin", "-p", "raw", "-E", "-m", "raw", "-v", "socket://127.0.0.1:9")
        admin(port, "cupsdisable", "raw")
        with pytest.raises(PrinterFault) as stopped:
            IppPrinter(f"ipp://127.0.0.1:{port}/printers/raw", SETTINGS).print_sides(sides()[0])
        assert stopped.value.fault is Fault.REFUSED
        with pytest.raises(PrinterFault) as missing:
            IppPrinter(f"ipp://127.0.0.1:{port}/printers/none", SETTINGS).prepare()
        assert missing.value.fault is Fault.REFUSED


@pytest.mark.shows(LINE)
def test_the_raw_queue_brings_every_byte_to_the_training_printer(tmp_path: Path) -> None:
    """As the vendor's spooler would: a whole job in one file, no answer read; a card comes out with both colours."""
    from cardfab.printer.evolis_wire import bitmap
    from cardfab.printer.raster import PrintSide

    h, w = 648, 1016
    colour = np.full((h, w, 3), 255, dtype=np.uint8)
    colour[100:200, 100:300] = (255, 0, 0)
    black = np.zeros((h, w), dtype=np.bool_)
    black[300:320, 200:500] = True
    planes = separate(PrintSide(colour, black, np.ones((h, w), dtype=np.bool_)))
    job = b"".join(
        [
            *(command(text) for text in ("Pem;2", "Pr;ymcko", "Ss", "Sr")),
            *(
                bitmap(p, 128 if p in "ymc" else 2, planes.coded(p, compressed=True), compressed=True, padding=64)
                for p in "ymcko"
            ),
            command("Se"),
            bytes(32),
        ]
    )
    file = tmp_path / "job.bin"
    file.write_bytes(job)
    (tmp_path / "cups").mkdir()
    with Rig([make_blank(serial=1)]) as rig, cups(tmp_path / "cups") as port:
        admin(port, "lpadmin", "-p", "raw", "-E", "-m", "raw", "-v", f"socket://127.0.0.1:{rig.printer_port}")
        admin(port, "lp", "-d", "raw", "-o", "raw", str(file))
        until = time.monotonic() + 30
        while not rig.output:
            assert time.monotonic() < until, (tmp_path / "cups" / "log" / "error").read_text()
            time.sleep(0.1)
        (card,) = rig.output
    assert card.front.printed == list("ymcko")
    seen = np.asarray(card.compose("front").convert("RGB"))
    assert seen.shape[:2] == (h, w)
    assert tuple(seen[150, 200]) == (255, 0, 0)
    assert tuple(seen[310, 300]) == (0, 0, 0)
    assert tuple(seen[500, 800]) == (255, 255, 255)
