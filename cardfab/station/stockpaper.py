"""What the stock report on paper says, from the books."""

from __future__ import annotations

from cardfab.documents.counter import Language, Made
from cardfab.documents.report import Fate, JobLine, StockLine, StockReport
from cardfab.production import IN_WORK, JobState, StockAccount
from cardfab.station.counter.clock import here_and_now, in_china
from cardfab.station.desk import Desk


def fate_of(state: JobState) -> Fate:
    """What a state means for the papers."""
    ended: dict[JobState, Fate] = {
        JobState.DONE: "made", JobState.SPOILED: "spoiled", JobState.CANCELLED: "cancelled"
    }  # fmt: skip
    return ended.get(state, "work" if state in IN_WORK else "waiting")


def _line(one: StockAccount) -> StockLine:
    figures = (one.opening, one.issued, one.spoiled, one.in_doubt, one.remaining)
    return StockLine(one.stock, *figures, elsewhere=one.vault + one.tested + one.missing + one.destroyed)


def stock_report(desk: Desk, language: Language) -> StockReport:
    """The paper of the day: every account, and the jobs that were moved today."""
    now = here_and_now(desk)
    with desk.database.reading() as tx:
        found = tx.stock.accounts()
        moved = [
            (one, tx.jobs.history(one.id)[-1].by)
            for one in tx.jobs.all()
            if in_china(one.changed_at).date() == now.date()
        ]
    made = Made(
        f"KC{now:%Y%m%d%H%M%S}", desk.station, desk.person.login, now, language, specimen=desk.training
    )  # fmt: skip
    return StockReport(
        made,
        [_line(one) for one in found],
        [
            JobLine(
                one.id, one.request_id, one.state.text, fate_of(one.state), by, one.approved_by or "", one.reason or ""
            )
            for one, by in moved
        ],
        all(one.balanced for one in found),
    )
