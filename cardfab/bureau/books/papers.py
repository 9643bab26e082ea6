"""The papers of a batch from its books, each signed by the station; the reconciliation as JSON and CSV too."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from itertools import groupby
from typing import IO, Any

from cardfab.bureau.books.destroying import Destroyed
from cardfab.bureau.books.equation import Line as Equation
from cardfab.bureau.books.reconcile import BoxLine, ProcessLine, Reconciliation
from cardfab.bureau.books.shipping import Shipment
from cardfab.documents.charts import MOST_KINDS, Bar
from cardfab.documents.counter import Language, Line, Made, Words
from cardfab.documents.destruction import DestroyedCard, Destruction, destruction_pdf
from cardfab.documents.reconciliation import (
    BatchPaper,
    DifferenceLine,
    EquationLine,
    NamedLine,
    batch_paper_pdf,
)
from cardfab.documents.shippinglist import BoxLine as ParcelLine
from cardfab.documents.shippinglist import ShippingList, shipping_list_pdf
from cardfab.documents.signing import sign_pdf
from cardfab.documents.wording import NOTHING
from cardfab.errors import Text
from cardfab.production import JobState, Place
from cardfab.station.bureauview import words_of
from cardfab.station.counter.clock import here_and_now, in_china
from cardfab.station.desk import Desk
from cardfab.station.signing import document_signer
from cardfab.store.bureaubooks import HourSum, NamedRow, SlotFaults

_AT = "%Y-%m-%d %H:%M"
_LEFT_OUT = Text("left out", "不制")
_OTHER = Text("other reasons", "其他原因")
_OUTSIDE = Text("outside a run", "运行之外")
_SAMPLES = {"": Text("not checked", "待检"), "good": Text("good", "合格"), "spoiled": Text("spoiled", "作废")}
_LEGEND = 60
"""Characters of a reason in a legend."""
_CHARTED = 48
"""Hours in one chart; of a longer batch several hours are one bar."""


def reconciliation_paper(
    desk: Desk, found: Reconciliation, language: Language, signed: str = "", second: str = ""
) -> tuple[str, bytes]:
    """The signed report: its number, the file. ``signed``: the digest that two people stand for."""
    made = _made(desk, "PD", found.batch.id, language)
    batch = found.batch
    product = desk.product(batch.product).product
    about = [
        Line(Text("Issuer", "发卡机构"), batch.issuer, strong=True),
        Line(Text("Batch", "批次"), f"{batch.reference} ({batch.id})", note=batch.source),
        Line(Text("Product", "产品"), Text(product.title_en, product.title_zh)),
        Line(Text("State", "状态"), batch.state.text),
        Line(Text("Remakes", "重制"), Text(f"{found.remakes_made} made again of {found.remakes_asked} asked for, "
                                         f"{found.given_up} places given up",
                                         f"申请 {found.remakes_asked}，已重制 {found.remakes_made}，"
                                         f"放弃 {found.given_up} 个位置")),
        Line(Text("Samples", "抽检"), _samples(found)),
    ]  # fmt: skip
    if signed:
        about.append(Line(Text("Signed", "签署"), f"{desk.person.login}, {second}", note=f"SHA-256 {signed}"))
    bars, kinds = _faults(found.faults, found.fault_words)
    paper = BatchPaper(
        made=made,
        about=about,
        balanced=found.balanced,
        open=found.open,
        places=(found.places.rows, *found.places.parts),
        whole=_line(batch.reference, found.line),
        processes=[_process(one) for one in found.processes],
        boxes=list(_boxes(found.boxes)),
        differences=[
            DifferenceLine(one.where, one.what, one.expected, one.found, not one.blocks) for one in found.differences
        ],
        hours=_hours(found.hours),
        faults=bars,
        kinds=kinds,
        named=[_named(one) for one in found.named],
    )
    return made.number, _signed(desk, batch_paper_pdf(paper, desk.fonts), made, "批次核对报告 Batch reconciliation")


def reconciliation_values(found: Reconciliation) -> dict[str, Any]:
    """The same for a program; every card and place by name."""
    return {
        "batch": found.batch.id,
        "reference": found.batch.reference,
        "issuer": found.batch.issuer,
        "state": str(found.batch.state),
        "balanced": found.balanced,
        "open": [one.en for one in found.open],
        "digest": found.digest,
        "places": asdict(found.places) | {"given_up": found.given_up},
        "equation": asdict(found.line) | {"difference": found.line.difference},
        "cards": asdict(found.cards),
        "remakes": {"asked": found.remakes_asked, "made": found.remakes_made},
        "samples": dict(found.samples),
        "processes": [
            asdict(one.line)
            | {"difference": one.line.difference}
            | ({} if one.run is None else {"run": one.run.id, "line": one.run.line, "station": one.run.station})
            | {"counted": {"made": one.made, "spoiled": one.spoiled}}
            for one in found.processes
        ],
        "boxes": [
            {"box": one.box.box, "first": one.box.first, "last": one.box.last, "state": str(one.box.state)}
            | {"places": asdict(one.places), "equation": asdict(one.line) | {"difference": one.line.difference}}
            for one in found.boxes
        ],
        "differences": [
            {"where": one.where.en, "what": one.what.en, "expected": one.expected, "found": one.found,
             "blocks": one.blocks}
            for one in found.differences
        ],
        "hours": [asdict(one) for one in found.hours],
        "faults": [asdict(one) for one in found.faults],
        "named": [asdict(one) | {"why": words_of(one.why).en} for one in found.named],
    }  # fmt: skip


def reconciliation_csv(found: Reconciliation, out: IO[str]) -> None:
    """Every figure and every name, a line each: what it is of, what it is, its value or words."""
    writer = csv.writer(out)
    writer.writerow(["of", "what", "value", "place", "request", "job", "state", "reason", "by", "at", "again"])
    batch = found.batch
    for name, value in (asdict(found.places) | {"given_up": found.given_up}).items():
        writer.writerow(["places", name, value])
    for of, line in (
        ("batch", found.line),
        *((f"run {one.run.id}" if one.run else "outside", one.line) for one in found.processes),
        *((f"box {one.box.box}", one.line) for one in found.boxes),
    ):
        for name, value in (asdict(line) | {"difference": line.difference}).items():
            writer.writerow([of, name, value])
    for each in found.differences:
        writer.writerow(["difference", f"{each.where.en}: {each.what.en}", f"{each.found} for {each.expected}"])
    for one in found.named:
        job, why, again = one.job_id or "", words_of(one.why).en, one.again or ""
        writer.writerow(
            ["named", batch.reference, "", one.place, one.request_id, job, one.state, why, one.by, one.at, again]
        )


def shipping_paper(desk: Desk, one: Shipment, language: Language, *, copy: bool = False) -> tuple[str, bytes]:
    """The signed list of a shipment: its number, the file."""
    at = in_china(one.at)
    number = f"FH{at:%Y%m%d%H%M%S}-{one.batch.id}"
    made = Made(number, desk.station, one.by, at, language, specimen=desk.training, copy=copy)
    product = desk.product(one.batch.product).product
    title = Text(product.title_en, product.title_zh).of(language)
    boxes = [ParcelLine(each.box, each.first, each.last, each.cards, each.empty) for each in one.parcels]
    paper = ShippingList(made, one.receiver, one.batch.reference, title, boxes)
    return made.number, _signed(desk, shipping_list_pdf(paper, desk.fonts), made, "发货清单 Shipping list")


def destruction_certificate(desk: Desk, one: Destroyed, language: Language, *, copy: bool = False) -> bytes:
    """The signed certificate of a destruction, every card by name."""
    at = in_china(one.at)
    made = Made(one.number, desk.station, one.by, at, language, specimen=desk.training, copy=copy)
    cards = [DestroyedCard(each.place, each.job_id or 0, each.chip or "", each.why) for each in one.cards]
    paper = Destruction(
        made, one.stock, Place.SPOILED.text, len(cards), one.numbers, one.how, f"{at:{_AT}}", one.by, one.witness,
        one.batch.reference, cards,
    )  # fmt: skip
    return _signed(desk, destruction_pdf(paper, desk.fonts), made, "卡片销毁记录 Destruction of cards")


# -- parts -------------------------------------------------------------------------------------------------------------


def _made(desk: Desk, kind: str, batch: int, language: Language) -> Made:
    now = here_and_now(desk)
    number = f"{kind}{now:%Y%m%d%H%M%S}-{batch}"
    return Made(number, desk.station, desk.person.login, now, language, specimen=desk.training)


def _signed(desk: Desk, pdf: bytes, made: Made, what: str) -> bytes:
    name = f"{desk.station} {desk.person.login if made.copy else made.operator}"
    when = here_and_now(desk) if made.copy else made.at
    return sign_pdf(pdf, document_signer(desk), when=when, reason=f"{what} {made.number}", name=name)


def _line(name: Words, line: Equation, more: Words = "") -> EquationLine:
    return EquationLine(name, (*line.figures(), line.difference), more)


def _process(one: ProcessLine) -> EquationLine:
    if one.run is None:
        return _line(_OUTSIDE, one.line)
    begun = f"{in_china(one.run.begun_at):%m-%d %H:%M}"
    return _line(f"{one.run.line} #{one.run.id}, {begun}", one.line, f"{one.made:,} / {one.spoiled:,}")


def _boxes(boxes: Iterable[BoxLine]) -> Iterator[EquationLine]:
    """Boxes as lines; those that went straight and follow one another as one."""
    for (straight, _), some in groupby(
        boxes, key=lambda one: (_straight(one), one.box.box if not _straight(one) else 0)
    ):
        held = list(some)
        first, last = held[0].box, held[-1].box
        line = sum((one.line for one in held), start=Equation())
        name = str(first.box) if first is last or not straight else f"{first.box}-{last.box}"
        yield _line(name, line, f"{first.first:,}-{last.last:,}")


def _straight(one: BoxLine) -> bool:
    return one.places.made == one.places.rows == one.line.good == one.line.issued


def _samples(found: Reconciliation) -> Words:
    whole = sum(found.samples.values())
    if not whole:
        return ""
    told = [(_SAMPLES.get(name, Text(name, name)), count) for name, count in sorted(found.samples.items())]
    en, zh = ", ".join(f"{name.en} {count}" for name, count in told), "，".join(f"{name.zh} {n}" for name, n in told)
    return Text(f"{whole} ({en})", f"{whole}（{zh}）")


def _hours(hours: tuple[HourSum, ...]) -> list[Bar]:
    """A bar an hour, in China's time; of a long batch a bar for several."""
    many = max(1, -(-len(hours) // _CHARTED))
    bars: list[Bar] = []
    day = ""
    for start in range(0, len(hours), many):
        some = hours[start : start + many]
        at = in_china(f"{some[0].hour}:00:00+00:00")
        today = f"{at:%m-%d}"
        made, spoiled = sum(one.made for one in some), sum(one.spoiled for one in some)
        bars.append(Bar(f"{at:%H}:00", (made, spoiled), today if today != day else ""))
        day = today
    return bars


def _faults(faults: tuple[SlotFaults, ...], words: Mapping[str, Text]) -> tuple[list[Bar], list[Words]]:
    """A bar a slot; its parts are the most frequent codes, then all others."""
    totals: dict[str, int] = {}
    for one in faults:
        totals[one.code] = totals.get(one.code, 0) + one.count
    ranked = sorted(totals, key=lambda code: (-totals[code], code))
    shown = ranked if len(ranked) <= MOST_KINDS else ranked[: MOST_KINDS - 1]
    kinds: list[Words] = [_kind(code, words.get(code, Text(NOTHING, NOTHING)), totals[code]) for code in shown]
    if shown != ranked:
        kinds.append(_OTHER)
    bars = []
    for slot, some in groupby(faults, key=lambda one: one.slot):
        counts = {one.code: one.count for one in some}
        parts = [counts.pop(code, 0) for code in shown]
        bars.append(Bar(slot, (*parts, *([sum(counts.values())] if shown != ranked else []))))
    return bars, kinds


def _kind(code: str, words: Text, count: int) -> Text:
    return Text(f"{code} {_short(words.en)} ({count:,})", f"{code} {_short(words.zh)} ({count:,})")


def _short(words: str) -> str:
    return words if len(words) <= _LEGEND else f"{words[: _LEGEND - 1]}…"


def _named(one: NamedRow) -> NamedLine:
    state = _LEFT_OUT if one.state == "left out" else JobState(one.state).text
    at = f"{in_china(one.at):%m-%d %H:%M}"
    return NamedLine(
        one.place, one.request_id, str(one.job_id or ""), state, words_of(one.why) if one.why else "", one.by, at,
        str(one.again or ""),
    )  # fmt: skip


__all__ = [
    "destruction_certificate",
    "reconciliation_csv",
    "reconciliation_paper",
    "reconciliation_values",
    "shipping_paper",
]
