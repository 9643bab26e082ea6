"""One job with everything its acts need, opened before a blank is touched."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cardfab.face.canvas import EVOLIS, Canvas
from cardfab.plan import PersonalisationPlan
from cardfab.prepare.card import PreparedCard
from cardfab.printer.raster import PrintSide
from cardfab.station.desk import Desk, ProductSet
from cardfab.station.preparing import faces_of, plan_of
from cardfab.station.vault import open_card
from cardfab.store import JobRow


@dataclass(frozen=True, slots=True)
class Work:
    """``faces`` is None when nothing is printed."""

    job: JobRow
    card: PreparedCard
    chosen: ProductSet
    plan: PersonalisationPlan
    faces: tuple[PrintSide, PrintSide] | None


def open_work(desk: Desk, job: JobRow, *, print_: bool, canvas: Canvas = EVOLIS) -> Work:
    """The prepared card, plan and faces of a job; raises what preparation would refuse."""
    with desk.database.reading() as tx:
        row = tx.requests.get(job.request_id)
    card = open_card(desk.keys, job, row)
    chosen = desk.product(row.product)
    faces = faces_of(desk, card, chosen, canvas) if print_ and chosen.product.print else None
    return Work(job, card, chosen, plan_of(card, chosen), faces)


def current(desk: Desk, work: Work) -> Work:
    """The work with its job as the database has it now."""
    with desk.database.reading() as tx:
        return replace(work, job=tx.jobs.get(work.job.id))
