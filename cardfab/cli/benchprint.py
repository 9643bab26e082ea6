"""``cardfab bench print``: from a prepared card to the last byte of its last panel, and the bytes against raw panels.

Both sides, drawn, separated, packed: what the printer would wait for, in processor time of one core: a
busy machine tells the same. No line is in it; a real line adds its own time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Annotated

import numpy as np
import typer

from cardfab.cli.output import talk_of
from cardfab.cli.wiring import font_book, profile_source
from cardfab.errors import Text
from cardfab.face.canvas import Canvas
from cardfab.face.ground import ground_of
from cardfab.face.render import render_side
from cardfab.printer.matica_wire import panel as matica_panel
from cardfab.printer.pwg import pwg_raster
from cardfab.printer.raster import COLOUR_PANELS, PrintSide, ink_levels, separate
from cardfab.profile.face import FaceTemplate
from cardfab.profile.loader import load
from cardfab.profile.printer import EvolisProfile, Family, IppProfile, MaticaProfile, PrinterProfile
from cardfab.resources import data_folder
from cardfab.settings import FontsSection

PRINTERS = ("evolis-ymcko", "matica-xid8600", "ipp-card")
AIM_MS = 250.0
"""Warm, on one core: a printer never waits for us."""
_FULL = 255


@dataclass(frozen=True, slots=True)
class PrintFigure:
    """One printer: milliseconds a card (both sides), bytes sent and what its panels are when nothing is packed."""

    printer: str
    cold: float
    warm: float
    draw: float
    """The part of ``warm`` that drawing takes; the rest is separation and packing."""
    sent: int
    raw: int

    @property
    def share(self) -> float:
        return round(self.sent / self.raw, 3)


Coder = Callable[[tuple[PrintSide, PrintSide]], tuple[int, int]]
"""Both sides -> bytes sent, bytes of the raw panels."""


def measure(printer: str, face: str, rounds: int) -> PrintFigure:
    """Cold once (fonts opened, ground drawn), then the median of ``rounds`` other holders on the same ground."""
    source = profile_source(None)
    profile = load(source, "printers", printer, PrinterProfile).printer
    template = load(source, "faces", face, FaceTemplate)
    canvas = Canvas(profile.canvas.width, profile.canvas.height, profile.canvas.dpi)
    code = _coder(profile)
    photos = [file.read_bytes() for file in sorted((data_folder("examples") / "photos").glob("p0*.jpg"))]
    ground_of.cache_clear()
    fonts = font_book(FontsSection().dirs)

    def card(number: int) -> tuple[float, float, int, int]:
        begin = time.process_time()
        values, photo = _values(number), photos[number % len(photos)]
        front, back = (
            render_side(side, values, photo, fonts, canvas=canvas, language=template.language)
            for side in (template.front, template.back)
        )
        drawn = time.process_time()
        sent, raw = code((front, back))
        return (time.process_time() - begin) * 1e3, (drawn - begin) * 1e3, sent, raw

    cold, *_ = card(0)
    warm = [card(number) for number in range(1, rounds + 1)]
    return PrintFigure(
        printer=printer,
        cold=round(cold, 1),
        warm=round(median(one[0] for one in warm), 1),
        draw=round(median(one[1] for one in warm), 1),
        sent=round(median(one[2] for one in warm)),
        raw=warm[0][3],
    )


_NAMES = ("欧阳㛃", "王䶮", "古丽巴哈尔·阿卜力米提", "李玥", "次仁卓玛")


def _values(number: int) -> Mapping[str, str]:
    """A holder whose words differ from the last one's."""
    return {
        "name": _NAMES[number % len(_NAMES)],
        "social_security_number": f"4401991951090{number % 10000:04}5",
        "card_number": f"B{60662000 + number % 1000:08}",
        "issued_on": "2026-11-21",
        "valid_until": "2036-11-21",
        "sex": "12"[number % 2],
        "bank_name": "示例银行（培训）",
        "pan": f"62000099000000{number % 100000:05}",
    }


def _coder(profile: Family) -> Coder:
    match profile:
        case EvolisProfile():
            return lambda sides: _evolis(profile, sides)
        case MaticaProfile():
            return lambda sides: _matica(profile, sides)
        case IppProfile():
            return lambda sides: _ipp(profile, sides)


def _evolis(profile: EvolisProfile, sides: tuple[PrintSide, PrintSide]) -> tuple[int, int]:
    """The data fields of every panel of both sides, as the ribbon of the profile has them."""
    settings = profile.settings()
    sent = raw = 0
    for side, names in zip(sides, (settings.front_panels, settings.back_panels), strict=True):
        panels = separate(side, levels=settings.levels, tone=settings.tone, black_panel="k" in names)
        sent += sum(len(panels.coded(name, compressed=settings.compressed)) for name in names)
        dots = settings.width * settings.height
        raw += sum(dots * 7 // 8 if name in COLOUR_PANELS else dots // 8 for name in names)
    return sent, raw


def _matica(profile: MaticaProfile, sides: tuple[PrintSide, PrintSide]) -> tuple[int, int]:
    """Panel messages as the line carries them, one byte a dot: the language has no packing."""
    settings = profile.settings()
    sent = raw = 0
    for side, names in zip(sides, (settings.front_panels, settings.back_panels), strict=True):
        for name in names:
            if name in COLOUR_PANELS:
                tone = settings.tone[COLOUR_PANELS.index(name)]
                plane = ink_levels(side, name, tone, _FULL, black_panel="k" in names)
            else:
                plane = np.where(side.black if name == "k" else ~side.overlay, np.uint8(_FULL), np.uint8(0))
            dots = (plane[::-1, ::-1] if settings.half_turn else plane).tobytes()
            raw += len(dots)
            sent += len(matica_panel(0, dots))
    return sent, raw


def _ipp(profile: IppProfile, sides: tuple[PrintSide, PrintSide]) -> tuple[int, int]:
    """One PWG raster file of both sides in RGB."""
    settings = profile.settings()
    pages = []
    for side in sides:
        page = side.colour.copy()
        page[side.black] = 0
        pages.append(np.ascontiguousarray(np.rot90(page, -1)))
    return len(pwg_raster(pages, settings.media, settings.dpi, duplex=True)), sum(page.nbytes for page in pages)


def print_(
    context: typer.Context,
    face: Annotated[str, typer.Option("--face", help="The face template.")] = "ssc2",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Warm cards a printer.")] = 15,
) -> None:
    """Milliseconds from request to last panel byte for one card, cold and warm; bytes sent against the raw panels."""
    talk = talk_of(context)
    figures = [measure(name, face, rounds) for name in PRINTERS]
    value = {
        "face": face,
        "aim_ms": AIM_MS,
        "figures": [{**asdict(one), "share": one.share, "aim_met": one.warm <= AIM_MS} for one in figures],
    }
    rows = [
        (
            one.printer,
            f"{one.cold:.0f}",
            f"{one.warm:.0f}",
            f"{one.draw:.0f}",
            f"{one.sent}",
            f"{one.raw}",
            f"{one.share:.3f}",
        )
        for one in figures
    ]
    columns = (
        Text("printer", "打印机"),
        Text("cold ms", "首张毫秒"),
        Text("warm ms", "其后毫秒"),
        Text("of it drawing", "其中绘制"),
        Text("bytes sent", "发送字节"),
        Text("raw panels", "原始字节"),
        Text("share", "比例"),
    )
    talk.give(value, lambda: talk.table(columns, rows, empty=Text("", "")))
