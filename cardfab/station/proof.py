"""What a printer does that makes no card: a proof of a face, a test face, its cleaning. Each is on record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cardfab.errors import CardfabError, DeviceFault, Text, UsageRefused
from cardfab.face.canvas import Canvas
from cardfab.face.proof import marked_as_proof, trial_face
from cardfab.printer.driver import CardPosition, CardPrinter, Cleans, Ribbon
from cardfab.production import Act, Place, StockMovement
from cardfab.station.counter.clock import here_and_now
from cardfab.station.desk import Desk
from cardfab.station.issue import CardInside
from cardfab.station.work import open_work


class RibbonInside(DeviceFault):
    """A cleaning with the ribbon in would soil it."""

    default_code = "CF-5301"


@dataclass(frozen=True, slots=True)
class Machine:
    """A printer, the dots it takes, its profile's name. ``feeds``: it takes cards from a hopper."""

    printer: CardPrinter
    canvas: Canvas
    name: str
    feeds: bool


def print_proof(desk: Desk, machine: Machine, name: str) -> str:
    """Print the face of a job or request as a proof, which says so on both edges; the request's id.

    A card that was made is not printed by this: the state table has no way from an unprinted card to a printed one.
    """
    desk.must(Act.ISSUE)
    if machine.feeds:
        raise UsageRefused(
            Text("A proof goes to a printer that takes no blanks.", "校样须由不使用空白卡的打印机打印。"),
            do=Text(
                "Name an IPP printer: '--printer ipp://HOST/PATH'.", "请指定 IPP 打印机：--printer ipp://主机/路径。"
            ),
            code="CF-2122",
        )
    with desk.database.reading() as tx:
        job = tx.jobs.find(name)
    work = open_work(desk, job, print_=True, canvas=machine.canvas)
    if work.faces is None:
        raise UsageRefused(
            Text("This product is not printed.", "该产品不打印卡面。"),
            do=Text("Its profile says so: 'print'.", "由产品配置的 print 决定。"),
            code="CF-2126",
        )
    front, back = (marked_as_proof(side, machine.canvas, desk.fonts) for side in work.faces)
    with _on_record(desk, "face.proof", job.token, job=str(job.id), printer=machine.name):
        machine.printer.print_sides(front, back)
    return job.request_id


def print_test(desk: Desk, machine: Machine, stock: str | None) -> None:
    """Print a test face. ``stock``: what lies in the hopper; the blank that is used is a test card, and booked so."""
    desk.must(Act.ISSUE)
    words = f"{machine.name}  {desk.station}  {desk.person.login}  {here_and_now(desk):%Y-%m-%d %H:%M}"
    face = trial_face(machine.canvas, desk.fonts, words)
    printer = machine.printer
    if not machine.feeds:
        with _on_record(desk, "printer.test", desk.token(), printer=machine.name):
            printer.print_sides(face)
        return
    _require_empty(printer)
    fed = printer.cards_fed()
    with _on_record(desk, "printer.test", desk.token(), printer=machine.name, card=stock or "white"):
        if stock is not None:  # before anything moves: a blank that may have left the hopper is none any more
            _book(desk, StockMovement(stock, Place.STOCK, Place.TESTED, 1, "printer test"))
        try:
            printer.feed_to_contact()
        except DeviceFault:
            if stock is not None and fed is not None and _stayed(printer, fed):
                _book(desk, StockMovement(stock, Place.TESTED, Place.STOCK, 1, "printer test, not fed"))
            raise
        printer.print_sides(face)
        if stock is None:
            printer.eject()
        else:
            printer.reject()
        printer.release()


def clean(desk: Desk, machine: Machine) -> None:
    """Run the printer's cleaning cycle. Raises UsageRefused where it has none, :class:`RibbonInside`, CardInside."""
    desk.must(Act.ISSUE)
    printer = machine.printer
    if not isinstance(printer, Cleans):
        raise UsageRefused(
            Text(
                f"A printer of profile {machine.name} has no cleaning command.",
                f"配置 {machine.name} 的打印机没有清洁命令。",
            ),
            do=Text("Clean it as its manual says.", "请按打印机说明书进行清洁。"),
            code="CF-2123",
        )
    _require_empty(printer)
    if printer.status().ribbon in (Ribbon.PRESENT, Ribbon.ENDED):
        raise RibbonInside(
            Text("The ribbon is still in the printer; cleaning would soil it.", "色带仍在机内，清洁会污染色带。"),
            do=Text(
                "Take the ribbon out, put the cleaning card in, and begin again.",
                "请取出色带，放入清洁卡后重新执行。",
            ),
        )
    with _on_record(desk, "printer.clean", desk.token(), printer=machine.name):
        printer.clean()
        printer.release()


@contextmanager
def _on_record(desk: Desk, action: str, subject: str, **details: str) -> Iterator[None]:
    """The intent before the block, what came of it after."""
    desk.database.note(desk.event(action, subject, "intent", details))
    try:
        yield
    except CardfabError as why:
        desk.database.note(desk.event(action, subject, "failed", {**details, "code": why.code}))
        why.recorded = True
        raise
    desk.database.note(desk.event(action, subject, "done", details))


def _require_empty(printer: CardPrinter) -> None:
    if printer.prepare() is not CardPosition.NONE:
        raise CardInside(
            Text("A card lies in the printer already.", "打印机内已有一张卡。"),
            do=Text(
                "Settle the job in doubt with 'cardfab job resolve', or take the card out and count the blanks.",
                "请用 cardfab job resolve 核实存疑作业，或取出该卡并清点空白卡。",
            ),
        )


def _stayed(printer: CardPrinter, fed: int) -> bool:
    return printer.position() is CardPosition.NONE and printer.cards_fed() == fed


def _book(desk: Desk, movement: StockMovement) -> None:
    with desk.database.transaction("printer test") as tx:
        movement = tx.stock.move(movement, at=desk.at(), by=desk.person.login)
        tx.audit.append(desk.event("stock.move", desk.token(), "done", movement.details()))
