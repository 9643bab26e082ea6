"""One of two stations that take the same requests at the same moments: a process of its own."""

from __future__ import annotations

from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, cast

from cardfab.cli.founding import PEOPLE
from cardfab.cli.wiring import open_desk
from cardfab.production import JobEvent, Place, StateRefused, StockMovement
from cardfab.settings import read_settings
from cardfab.station.books import claim
from cardfab.station.desk import Desk
from cardfab.station.work import Work
from cardfab.store import CardLife, JobRow, Transaction


def race(folder: str, jobs: list[int], barrier: Barrier, won: Any) -> None:
    """Read each job, meet the other station, claim; who gets it makes the card, when all are claimed."""
    with open_desk(read_settings((Path(folder) / "cardfab.toml",)), person=PEOPLE[0]) as desk:
        mine: list[JobRow] = []
        for job_id in jobs:
            with desk.database.reading() as tx:
                job = tx.jobs.get(job_id)
            work = Work(job, cast("Any", None), cast("Any", None), cast("Any", None), None)
            barrier.wait(60)
            try:
                work = claim(desk, work, None)
            except StateRefused:
                continue
            mine.append(work.job)
        with desk.database.transaction("cards") as tx:
            for job in mine:
                _made(desk, tx, job)
        won.extend([job.id for job in mine])


def _made(desk: Desk, tx: Transaction, job: JobRow) -> None:
    """A card without a chip, in the books only."""
    job = tx.jobs.move(job, JobEvent.ENCODE, desk.move(), chip=f"chip-{desk.token()}", plan_digest=b"plan")
    job = tx.jobs.move(job, JobEvent.ENCODED, desk.move())
    job = tx.jobs.move(job, JobEvent.FINISH_UNPRINTED, desk.move(), card_number_index=f"n{job.id}".encode())
    life = CardLife(desk.token(), b"holder", "debit", "2027-05-21", "2036-11-21", b"sealed", b"salt")
    tx.cards.made(job, life, desk.move())
    movement = StockMovement(job.stock, Place.IN_WORK, Place.ISSUED, 1, "issued")
    tx.stock.move(movement, at=desk.at(), by=desk.person.login, job_id=job.id, station=desk.station)
    tx.audit.append(desk.event("stock.move", job.token, "done", movement.details()))
