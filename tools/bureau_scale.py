"""What a batch costs as it grows: time, processor, memory and disk of taking it in and preparing it, as JSON and graph.

    python tools/bureau_scale.py measure figures.json --rows 1000 10000 100000 --folder /tmp/scale
    python tools/bureau_scale.py draw figures.json docs/pictures/bureau/prepare.svg

Each size is a new training station in ``--folder``, a file of synthetic holders, and the program as a person runs it:
import, approve, prepare. Memory is the sum of PSS over the program and its children, looked at five times a second, so
that a page which several share is counted once. What makes RSA keys ahead is not in the time of the preparation.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

TOOLS = Path(__file__).resolve().parent
PROGRAM = str(Path(sys.executable).with_name("cardfab"))
_LOOK = 0.2


class Run(NamedTuple):
    """One program that ended: wall and processor seconds, the highest sum of PSS (MB), how many processes at once."""

    seconds: float
    processor: float
    memory: float
    processes: int


def watched(command: Sequence[str]) -> Run:
    """Run a program to its end, watching it and its children; raises CalledProcessError."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    memory, most = 0, 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            family = list(_family(process.pid))
            memory, most = max(memory, sum(map(_pss, family))), max(most, len(family))
            time.sleep(_LOOK)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Run(round(time.monotonic() - start, 2), round(processor, 2), round(memory / 1024, 1), most)


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return
    for child in text.split():
        yield from _family(int(child))


def _pss(pid: int) -> int:
    """Kilobytes."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:  # it ended meanwhile
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def measure(rows: int, folder: Path, *, product: str, processes: int, shard: int) -> dict[str, Any]:
    """One batch in a new station; ``folder`` is made and removed."""
    shutil.rmtree(folder, ignore_errors=True)
    station = folder / "station"
    found = (
        f"from cardfab.cli.founding import found_training_station as f; f(__import__('pathlib').Path({str(station)!r}))"
    )
    subprocess.run((sys.executable, "-c", found), check=True, stdout=subprocess.DEVNULL)
    file = folder / "holders.csv"
    holders = (sys.executable, str(TOOLS / "holders.py"), "--rows", str(rows), "--product", product, str(file))
    subprocess.run(holders, check=True, stdout=subprocess.DEVNULL)
    program = (PROGRAM, "--quiet", "--config", str(station / "cardfab.toml"))
    if product.endswith("rsa"):
        pool = (*program, "keys", "pool", "--bits", "1024", "--exponent", "3", "--fill", str(rows))
        subprocess.run(pool, check=True, stdout=subprocess.DEVNULL)
    note = str(file.with_name(f"{file.name}.cover.toml"))
    taken = watched((*program, "bureau", "import", str(file), "--cover", note, "--shard", str(shard)))
    subprocess.run((*program, "bureau", "approve", "1"), check=True, stdout=subprocess.DEVNULL)
    prepared = watched((*program, "bureau", "prepare", "1", "--processes", str(processes)))
    size = sum(one.stat().st_size for one in station.glob("station.db*"))
    shutil.rmtree(folder)
    return {
        "rows": rows,
        "product": product,
        "shard": shard,
        "processes": processes,
        "take_in": taken._asdict(),
        "prepare": prepared._asdict(),
        "database_bytes": size,
        "load": round(os.getloadavg()[0], 1),
    }


# -- the graph ---------------------------------------------------------------------------------------------------------


def draw(figures: Sequence[dict[str, Any]], file: Path) -> None:
    """Two graphs over the number of holders: processor time (both axes by powers of ten), memory against its limit."""
    from reportlab.graphics import renderSVG
    from reportlab.graphics.shapes import Drawing

    drawing = Drawing(760, 330)
    _panel(drawing, figures, 60, "Processor time, seconds", "processor", (0.0, _decade(figures)), None)
    _panel(drawing, figures, 440, "Memory (sum of PSS), MB", "memory", (0.0, 450.0), 400.0)
    file.parent.mkdir(parents=True, exist_ok=True)
    renderSVG.drawToFile(drawing, str(file))
    text = file.read_text(encoding="utf-8")
    file.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


def _decade(figures: Sequence[dict[str, Any]]) -> float:
    most = max(max(one["prepare"]["processor"], one["take_in"]["processor"]) for one in figures)
    return float(math.ceil(math.log10(most)))


_SERIES = (
    ("bureau-sm2", "prepare", "SM2: prepare", "#0b5fa5"),
    ("bureau-sm2", "take_in", "SM2: take in", "#7a7a7a"),
    ("bureau-rsa", "prepare", "RSA: prepare", "#b4540a"),
)
_WIDTH, _HEIGHT, _BASE = 270, 220, 60


def _panel(
    drawing: Any,
    figures: Sequence[dict[str, Any]],
    left: int,
    title: str,
    what: str,
    span: tuple[float, float],
    limit: float | None,
) -> None:
    from reportlab.graphics.shapes import Circle, Line, PolyLine, String
    from reportlab.lib.colors import HexColor, black, lightgrey

    sizes = sorted({one["rows"] for one in figures})
    first, last = math.log10(sizes[0]), math.log10(sizes[-1])
    by_tens = what == "processor"

    def x(rows: int) -> float:
        return left + 12 + (_WIDTH - 24) * (math.log10(rows) - first) / (last - first or 1)

    def y(value: float) -> float:
        scaled = max(0.0, math.log10(max(value, 1.0))) if by_tens else value
        return _BASE + _HEIGHT * (scaled - span[0]) / (span[1] - span[0])

    drawing.add(String(left, _BASE + _HEIGHT + 22, title, fontName="Helvetica", fontSize=11))
    marks = [10**power for power in range(int(span[1]) + 1)] if by_tens else range(0, 401, 100)
    for mark in marks:
        drawing.add(Line(left, y(mark), left + _WIDTH, y(mark), strokeColor=lightgrey, strokeWidth=0.6))
        drawing.add(String(left - 6, y(mark) - 3, f"{mark:,}", fontSize=8, textAnchor="end"))
    if limit is not None:
        drawing.add(Line(left, y(limit), left + _WIDTH, y(limit), strokeColor=HexColor("#a40000"), strokeWidth=1))
        drawing.add(String(left + 4, y(limit) + 4, "limit: 400 MB", fontSize=8, fillColor=HexColor("#a40000")))
    for rows in sizes:
        drawing.add(String(x(rows), _BASE - 14, f"{rows:,}", fontSize=8, textAnchor="middle"))
    drawing.add(String(left + _WIDTH / 2, _BASE - 28, "holders", fontSize=9, textAnchor="middle"))
    drawing.add(Line(left, _BASE, left + _WIDTH, _BASE, strokeColor=black, strokeWidth=0.8))
    for place, (product, step, name, colour) in enumerate(_SERIES):
        points = [(x(one["rows"]), y(one[step][what])) for one in figures if one["product"] == product]
        if not points:
            continue
        ink = HexColor(colour)
        if len(points) > 1:
            drawing.add(PolyLine([number for point in sorted(points) for number in point], strokeColor=ink))
        for point in points:
            drawing.add(Circle(*point, 2.5, fillColor=ink, strokeColor=ink))
        drawing.add(Circle(left + 8 + 92 * place, 16, 2.5, fillColor=ink, strokeColor=ink))
        drawing.add(String(left + 14 + 92 * place, 13, name, fontSize=8))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="What a batch of the bureau costs as it grows.")
    parser.add_argument("act", choices=("measure", "draw"))
    parser.add_argument("figures", type=Path)
    parser.add_argument("picture", type=Path, nargs="?")
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--product", default="bureau-sm2")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--shard", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, default=Path("bureau-scale"))
    given = parser.parse_args()
    kept = json.loads(given.figures.read_text(encoding="utf-8")) if given.figures.exists() else []
    if given.act == "draw":
        draw(kept, given.picture)
        return
    for rows in given.rows:
        shard = max(1, min(given.shard, rows // given.processes))
        one = measure(rows, given.folder, product=given.product, processes=given.processes, shard=shard)
        same = (rows, given.product)
        kept = [other for other in kept if (other["rows"], other["product"]) != same] + [one]
        given.figures.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        print(json.dumps(one))


if __name__ == "__main__":
    main()
