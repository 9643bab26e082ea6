"""What the report of an imported batch says, from the books."""

from __future__ import annotations

from cardfab.documents.batch import BatchLine, BatchReport, Blanks
from cardfab.documents.counter import Language, Made
from cardfab.production import JobEvent
from cardfab.station.counter.clock import here_and_now, in_china
from cardfab.station.desk import Desk
from cardfab.station.stockpaper import fate_of
from cardfab.store import CardUnknown, Transaction


def batch_report(desk: Desk, batch: int, language: Language) -> BatchReport:
    """The paper of one batch. Raises BatchUnknown."""
    now = here_and_now(desk)
    with desk.database.reading() as tx:
        found = tx.requests.batch(batch)
        jobs = {row.id: tx.jobs.every_of(row.id) for row in tx.requests.of_batch(batch)}
        blanks = tx.stock.of_jobs(job.id for each in jobs.values() for job in each)
        lines = [
            BatchLine(
                request=request,
                job=each[-1].id,
                state=each[-1].state.text,
                fate=fate_of(each[-1].state),
                remakes=len(each) - 1,
                approved_by=each[-1].approved_by or "",
                made_by=_maker(tx, each[-1].id),
                handed_over=_handed_over(tx, each[-1].id),
            )
            for request, each in jobs.items()
        ]
    made = Made(
        f"PC{now:%Y%m%d%H%M%S}-{batch}", desk.station, desk.person.login, now, language, specimen=desk.training
    )  # fmt: skip
    return BatchReport(
        made,
        batch,
        found.source,
        found.rows,
        f"{in_china(found.imported_at):%Y-%m-%d %H:%M}",
        found.imported_by,
        lines,
        Blanks(-blanks.remaining, blanks.issued, blanks.spoiled, blanks.in_doubt),
    )


def _maker(tx: Transaction, job: int) -> str:
    """Who took the blank; nobody as long as none was taken."""
    return next((one.by for one in reversed(tx.jobs.history(job)) if one.event == JobEvent.CLAIM), "")


def _handed_over(tx: Transaction, job: int) -> str:
    try:
        at = tx.cards.get(job).handed_over_at
    except CardUnknown:
        return ""
    return "" if at is None else in_china(at).date().isoformat()
