"""What is wrong with a face template before any card is drawn by it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cardfab.errors import Text
from cardfab.profile.face import (
    CARD_HEIGHT_MM,
    CARD_WIDTH_MM,
    LANGUAGES,
    FaceSide,
    FaceTemplate,
    FixedText,
    Language,
    Mask,
    Rect,
    TextField,
)

from .artwork import SPECIMEN, specimen_mark
from .barcode import code_dots
from .canvas import EVOLIS, MM_PER_POINT
from .fonts import FontBook
from .ink import fixed_line, start_of
from .layout import fit, shaped
from .refusal import FaceRefused

EDGE_MM = 1.0
"""Nothing of a holder comes nearer to the edge of the card: a card moves in the printer."""
_ABOVE, _BELOW = 0.88, 0.12  # of an em, over and under the baseline (Noto CJK's ideographic em box)
_VISIBLE = 0.75  # of the SPECIMEN mark must be left when the masks are cut out


@dataclass(frozen=True, slots=True)
class FaceFinding:
    """``where`` is the path of the value in the template (``front.fields.0``), ``what`` the fault and the remedy."""

    where: str
    what: Text


def lint_face(template: FaceTemplate, fonts: FontBook) -> tuple[FaceFinding, ...]:
    """Every fault: text or photo off the card, on a mask or on one another, samples that do not fit, missing glyphs."""
    return tuple(
        finding
        for name, side in (("front", template.front), ("back", template.back))
        for finding in _lint_side(name, side, fonts)
    )


def _lint_side(name: str, side: FaceSide, fonts: FontBook) -> Iterator[FaceFinding]:
    places: list[tuple[str, Rect]] = []
    for number, text in enumerate(side.texts):
        where = f"{name}.texts.{number}"
        boxes = [found for language in LANGUAGES for found in _lint_text(where, text, language, fonts)]
        yield from (found for found in dict.fromkeys(boxes) if isinstance(found, FaceFinding))
        # The wider of the two languages; one that is there on some cards only may take turns with another.
        widest = max((box for box in boxes if isinstance(box, Rect)), key=lambda box: box.width, default=None)
        if widest is not None:
            places.append((where if text.when is None else f"{where}?", widest))
    for at, field in enumerate(side.fields):
        where = f"{name}.fields.{at}"
        places.append((where if field.when is None else f"{where}?", field_box(field)))
        for language in LANGUAGES[:1] if field.form != "date" else LANGUAGES:
            try:
                fit(fonts, field, shaped(field, field.sample, language))
            except FaceRefused as refused:
                yield FaceFinding(where, _whole(refused))
    for at, code in enumerate(side.codes):
        where = f"{name}.codes.{at}"
        places.append((where if code.when is None else f"{where}?", code))
        try:
            code_dots(code, code.sample, EVOLIS)
        except FaceRefused as refused:
            yield FaceFinding(where, _whole(refused))
    for what, slot in (("photo", side.photo), ("ghost", side.ghost)):
        if slot is not None:
            places.append((f"{name}.{what}", slot))
    yield from _crowding(places, side.masks)
    if not fonts.check(SPECIMEN):
        yield from _specimen(name, side, fonts)


def _lint_text(where: str, text: FixedText, language: Language, fonts: FontBook) -> Iterator[FaceFinding | Rect]:
    said = text.said(language)
    try:
        lost = fonts.check(said, text.font) if fonts.has(text.font) else ()
        if lost:
            yield _no_glyph(where, lost)
        else:
            yield _text_box(text, said, fonts)
    except FaceRefused as refused:
        yield FaceFinding(where, _whole(refused))


def _whole(refused: FaceRefused) -> Text:
    do = refused.do or Text("", "")
    return Text(f"{refused.what.en} {do.en}".strip(), f"{refused.what.zh}{do.zh}")


def field_box(field: TextField) -> Rect:
    """All that a field may cover at its full size with all its lines."""
    em = field.size * MM_PER_POINT
    return Rect(
        x=start_of(field.x, field.width, field.align),
        y=field.y - _ABOVE * em,
        width=field.width,
        height=em + (field.lines - 1) * field.leading,
    )


def _text_box(text: FixedText, said: str, fonts: FontBook) -> Rect:
    size, _, width = fixed_line(text, fonts.glyphs(said, text.font))
    em = size * MM_PER_POINT
    return Rect(x=start_of(text.x, width, text.align), y=text.y - _ABOVE * em, width=width, height=em)


def _crowding(places: list[tuple[str, Rect]], masks: tuple[Mask, ...]) -> Iterator[FaceFinding]:
    """A place whose name ends in ``?`` is printed under a condition: two of them may share their room."""
    for at, (named, box) in enumerate(places):
        where = named.rstrip("?")
        if min(box.x, box.y) < EDGE_MM or box.right > CARD_WIDTH_MM - EDGE_MM or box.bottom > CARD_HEIGHT_MM - EDGE_MM:
            yield FaceFinding(
                where,
                Text(
                    f"It comes nearer than {EDGE_MM:g} mm to the edge of the card ({_span(box)}). Move it inwards.",
                    f"距卡片边缘不足 {EDGE_MM:g} mm（{_span(box)}）。请向内移动。",
                ),
            )
        for mask in masks:
            if box.overlaps(mask):
                yield FaceFinding(
                    where,
                    Text(
                        f"It lies on the {mask.kind} ({_span(box)} on {_span(mask)}). Move it away.",
                        f"与 {mask.kind} 区域重叠（{_span(box)} 与 {_span(mask)}）。请移开。",
                    ),
                )
        for other, neighbour in places[at + 1 :]:
            if box.overlaps(neighbour) and not (named.endswith("?") and other.endswith("?")):
                yield FaceFinding(
                    where,
                    Text(
                        f"It lies on {other.rstrip('?')} ({_span(box)} on {_span(neighbour)}). Move one of them.",
                        f"与 {other.rstrip('?')} 重叠（{_span(box)} 与 {_span(neighbour)}）。请移动其中一个。",
                    ),
                )


def _specimen(name: str, side: FaceSide, fonts: FontBook) -> Iterator[FaceFinding]:
    mark = specimen_mark(side.specimen, EVOLIS, fonts)
    # As much as the same mark has in the middle of a bare card.
    middle = side.specimen.model_copy(update={"x": CARD_WIDTH_MM / 2, "y": CARD_HEIGHT_MM / 2, "angle": 0.0})
    whole = float(specimen_mark(middle, EVOLIS, fonts).sum())
    for mask in side.masks:
        if "colour" in mask.layers:
            mark[EVOLIS.window(mask)] = 0
    for code in side.codes:
        mark[EVOLIS.window(code)] = 0
    if float(mark.sum()) < _VISIBLE * whole:
        yield FaceFinding(
            f"{name}.specimen",
            Text(
                f"Less than {_VISIBLE:.0%} of {SPECIMEN} would be seen. Move it to the open part of the face.",
                f"卡面上能看到的“{SPECIMEN}”不足 {_VISIBLE:.0%}。请移到空白处。",
            ),
        )


def _no_glyph(where: str, lost: tuple[str, ...]) -> FaceFinding:
    codes = ", ".join(f"U+{ord(each):04X}" for each in lost)
    return FaceFinding(
        where, Text(f"No font can draw {codes}. Write it otherwise.", f"没有字体能显示 {codes}。请改写。")
    )


def _span(box: Rect) -> str:
    return f"x {box.x:.2f}–{box.right:.2f}, y {box.y:.2f}–{box.bottom:.2f} mm"
