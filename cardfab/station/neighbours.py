"""Several stations on one database: who lives, and what becomes of a job whose station is gone.

A job in work belongs to the station that claimed its blank; nobody else touches it while that station lives. A station
says so with every step of a card. When it has not for long, a supervisor at another one may put its jobs in doubt: then
the card is looked for, and counted as spoiled where it is not found. A card is never made again on a guess.
"""

from __future__ import annotations

from cardfab.errors import StockFault, Text
from cardfab.production import INTERRUPTIBLE, Act
from cardfab.station.alive import moment
from cardfab.station.books import doubt_job
from cardfab.station.desk import Desk
from cardfab.store import JobRow, Transaction


class StationLives(StockFault):
    """The job is in the hands of a station that lives, or of this one."""

    default_code = "CF-7371"


def left_alone(desk: Desk) -> tuple[JobRow, ...]:
    """Jobs in work at other stations that have not said for long that they live."""
    with desk.database.reading() as tx:
        held = tx.jobs.all(*INTERRUPTIBLE)
        return tuple(job for job in held if not job.is_of(desk.station) and _gone(desk, tx, job))


def give_up(desk: Desk, job_id: int, why: str) -> JobRow:
    """Put a job in doubt whose station is gone. Raises :class:`StationLives`, NotAllowed, JobUnknown."""
    desk.must(Act.STOCK)  # a supervisor: in the end a blank is counted
    with desk.database.reading() as tx:
        job = tx.jobs.get(job_id)
        gone = job.state in INTERRUPTIBLE and not job.is_of(desk.station) and _gone(desk, tx, job)
    if not gone:
        raise StationLives(
            Text(
                f"Job {job_id} is not in work at a station that is gone.",
                f"作业 {job_id} 不在已失联制卡点的在制作业之列。",
            ),
            do=Text("'cardfab job list' shows whose it is.", "请用 cardfab job list 查看其归属。"),
        )
    return doubt_job(desk, job, f"station {job.station} is gone: {why}")


def _gone(desk: Desk, tx: Transaction, job: JobRow) -> bool:
    until = tx.stations.until(job.station or "")
    return until is None or until < moment(desk)
