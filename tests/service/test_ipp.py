"""The IPP driver against Debian's ippeveprinter and cupsd, which nobody here wrote; their programs decode the page."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cardfab.printer.driver import Ribbon
from cardfab.printer.fault import Fault, PrinterFault
from cardfab.printer.ipp import IppPrinter, IppSettings
from cardfab.printer.raster import PrintSide
from cardfab.profile.loader import load
from cardfab.profile.printer import IppProfile
from cardfab.resources import ProfileFolders, data_folder
from tests.service.printservices import ippeveprinter

pytestmark = pytest.mark.service

SETTINGS = replace(
    load(ProfileFolders((data_folder("profiles"),)), "printers", "ipp-card", IppProfile).settings(), poll=0.1
)
COPY = 'cp "$1" "$HOME/printed.$$.pwg"; mv "$HOME/printed.$$.pwg" "$HOME/printed-$(ls $HOME | grep -c ^printed-).pwg"'
LINE = "the IPP path: ippeveprinter and a private cupsd, with a jam, an empty tray, a cancel (test)"


def sides() -> tuple[PrintSide, PrintSide]:
    """Two sides that no turning or mirroring leaves alike."""
    w, h = SETTINGS.width, SETTINGS.height
    colour = np.full((h, w, 3), 255, dtype=np.uint8)
    colour[: h // 2, : w // 3] = (200, 30, 40)
    colour[:, -20:] = np.linspace(0, 255, h, dtype=np.uint8)[:, None, None]
    black = np.zeros((h, w), dtype=np.bool_)
    black[h - 60 : h - 40, 100:300] = True
    bare = np.zeros((h, w), dtype=np.bool_)
    back = np.full((h, w, 3), 255, dtype=np.uint8)
    back[10:40, 10:90] = (0, 90, 160)
    return PrintSide(colour, black, bare), PrintSide(back, bare, bare)


def pages(file: Path, folder: Path) -> list[np.ndarray]:
    """The pages of a PWG file as CUPS's own filter and poppler see them: an independent reading."""
    pdf = folder / "seen.pdf"
    environment = {
        **os.environ, "CONTENT_TYPE": "image/pwg-raster", "FINAL_CONTENT_TYPE": "application/pdf", "PPD": "",
        "OUTFORMAT": "pdf",
    }  # fmt: skip
    with file.open("rb") as raster, pdf.open("wb") as out:
        subprocess.run(
            ["/usr/lib/cups/filter/rastertopdf", "1", "cardfab", "card", "1", ""],
            stdin=raster, stdout=out, stderr=subprocess.DEVNULL, env=environment, check=True, timeout=60,
        )  # fmt: skip
    subprocess.run(["pdftoppm", "-r", "300", str(pdf), str(folder / "seen")], check=True, timeout=60)
    from PIL import Image

    return [np.asarray(Image.open(name).convert("RGB")) for name in sorted(folder.glob("seen-*.ppm"))]


@pytest.fixture
def printer_at(tmp_path: Path) -> Iterator[Callable[[str], IppPrinter]]:
    """Starts a printer whose command is that script."""
    started = []

    def start(script: str, settings: IppSettings = SETTINGS) -> IppPrinter:
        context = ippeveprinter(tmp_path, script)
        port = context.__enter__()
        started.append(context)
        return IppPrinter(f"ipp://127.0.0.1:{port}/ipp/print", settings)

    yield start
    for context in started:
        context.__exit__(None, None, None)


@pytest.mark.proof
@pytest.mark.shows(LINE)
def test_both_sides_arrive_dot_for_dot(printer_at: Callable[[str], IppPrinter], tmp_path: Path) -> None:
    printer = printer_at(COPY)
    assert printer.identify().model
    assert printer.status().faults == ()
    front, back = sides()
    printer.print_sides(front, back)
    (file,) = tmp_path.glob("printed-*.pwg")
    seen = pages(file, tmp_path)
    assert len(seen) == 2
    for side, page in zip((front, back), seen, strict=True):
        expected = side.colour.copy()
        expected[side.black] = 0
        turned = np.rot90(expected, -1)
        height, width = (min(a, b) for a, b in zip(turned.shape[:2], page.shape[:2], strict=True))
        assert abs(page.shape[0] - turned.shape[0]) <= 2
        assert abs(page.shape[1] - turned.shape[1]) <= 2
        # poppler places the page on a whole number of points: edges of a dot may blend, areas may not.
        off = np.abs(page[:height, :width].astype(int) - turned[:height, :width].astype(int)).max(axis=2) > 40
        assert off.mean() < 0.01


@pytest.mark.shows(LINE)
@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("media-jam", Fault.JAM),
        ("media-empty", Fault.FEEDER_EMPTY),
        ("cover-open", Fault.COVER_OPEN),
        ("marker-supply-empty", Fault.RIBBON_ENDED),
    ],
)
def test_a_fault_in_the_middle_of_a_job_is_said_and_the_job_does_not_print_later(
    printer_at: Callable[[str], IppPrinter], said: str, fault: Fault
) -> None:
    printer = printer_at(f'echo "STATE: +{said}-error" >&2; sleep 30; cp "$1" "$HOME/printed-late.pwg"')
    with pytest.raises(PrinterFault) as stopped:
        printer.print_sides(sides()[0])
    assert stopped.value.fault is fault
    status = printer.status()
    assert fault in status.faults
    assert status.ribbon is (Ribbon.ENDED if fault is Fault.RIBBON_ENDED else Ribbon.UNKNOWN)


@pytest.mark.proof
@pytest.mark.shows(LINE)
def test_a_job_that_somebody_cancels_at_the_printer_is_no_print(printer_at: Callable[[str], IppPrinter]) -> None:
    printer = printer_at("sleep 4")
    port = printer._port

    def cancel() -> None:
        time.sleep(1.0)
        subprocess.run(
            ["ipptool", f"ipp://127.0.0.1:{port}/ipp/print", "cancel-current-job.test"],
            capture_output=True, timeout=20, check=False,
        )  # fmt: skip

    cancelling = threading.Thread(target=cancel)
    cancelling.start()
    with pytest.raises(PrinterFault) as stopped:
        printer.print_sides(sides()[0])
    cancelling.join()
    assert stopped.value.fault is Fault.REFUSED
    assert "cancel" in str(stopped.value)


@pytest.mark.proof
def test_a_job_that_takes_too_long_is_taken_back(printer_at: Callable[..., IppPrinter]) -> None:
    printer = printer_at("sleep 30", replace(SETTINGS, job_timeout=1.0))
    with pytest.raises(PrinterFault) as stopped:
        printer.print_sides(sides()[0])
    assert stopped.value.fault is Fault.NO_ANSWER


def test_a_program_that_fails_is_a_refusal(printer_at: Callable[[str], IppPrinter]) -> None:
    with pytest.raises(PrinterFault) as stopped:
        printer_at("exit 1").print_sides(sides()[0])
    assert stopped.value.fault is Fault.REFUSED
