"""How a batch ends: remakes, places given up, what is handed over, the erasure of what is sealed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from sqlalchemy import Connection, Select, String, and_, cast, delete, func, insert, literal, select, update

from cardfab.errors import Text
from cardfab.production import JobState
from cardfab.production.batches import BoxState
from cardfab.store.bureautables import (
    bureau_box,
    bureau_card,
    bureau_finding,
    bureau_given_up,
    bureau_handover,
    bureau_remake,
    bureau_row,
    bureau_shard,
)
from cardfab.store.papertables import temporary_paper
from cardfab.store.places import first_findings, newest_job
from cardfab.store.tables import batch, issued_card, job, number, request, temporary_card

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class RemakeRow:
    """A spoiled card that is to be made again."""

    job_id: int
    batch_id: int
    place: int
    asked_by: str
    asked_at: str
    approved_by: str | None
    second: str | None
    new_job_id: int | None
    at: str | None


@dataclass(frozen=True, slots=True)
class HandoverRow:
    """Something that left the bureau, or was signed."""

    id: int
    batch_id: int
    kind: str
    file: str
    count: int
    digest: str
    by: str
    second: str | None
    at: str
    recipient: str | None


@dataclass(frozen=True, slots=True)
class ReturnRow:
    """A place as the return file tells of it; what is sealed is opened by who has the keys.

    ``given_up``: its row was good, so it has a position in its box. ``wrong``: the first thing that was wrong with it.
    """

    place: int
    request_id: str
    row_token: str
    row_sealed: bytes | None
    left_out: str | None
    job_id: int | None
    state: str | None
    reason: str | None
    chip: str | None
    request_token: str | None
    sealed: bytes | None
    sealed_card: bytes | None
    made_at: str | None
    salt: bytes | None
    given_up: bool
    box: int = 0
    wrong: Text | None = None


class BureauFinish:
    """How a batch ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # -- remakes ---------------------------------------------------------------------------------------------------

    def place_of(self, request_id: str) -> tuple[int, int] | None:
        """The batch and the place whose card the jobs of a request are; None where it is of no batch."""
        rows = select(bureau_row.c.batch_id, bureau_row.c.place)
        rows = rows.where(bureau_row.c.request_id == request_id, bureau_row.c.job_id.is_not(None))
        found = self._connection.execute(rows).first()
        return None if found is None else (int(found.batch_id), int(found.place))

    def to_remake(self, batch_id: int) -> tuple[tuple[int, int], ...]:
        """Places whose card was spoiled and is neither asked for again nor given up: (place, job)."""
        asked = select(bureau_remake.c.job_id).where(bureau_remake.c.batch_id == batch_id)
        rows = (
            select(bureau_row.c.place, job.c.id)
            .join(job, newest_job())
            .where(
                bureau_row.c.batch_id == batch_id,
                bureau_row.c.left_out.is_(None),
                job.c.state == JobState.SPOILED,
                job.c.id.not_in(asked),
            )
            .order_by(bureau_row.c.place)
        )
        return tuple((int(place), int(job_id)) for place, job_id in self._connection.execute(rows))

    def ask(self, batch_id: int, wanted: Sequence[tuple[int, int]], *, by: str, at: str) -> None:
        """Ask for (place, job) to be made again; the database refuses a job that was asked for before."""
        for place, job_id in wanted:
            values = {"job_id": job_id, "batch_id": batch_id, "place": place, "asked_by": by, "asked_at": at}
            self._connection.execute(insert(bureau_remake).values(**values))

    def remakes(self, batch_id: int, *, waiting: bool = False) -> tuple[RemakeRow, ...]:
        """Remakes by place; only those not decided with ``waiting``."""
        rows = select(*(bureau_remake.c[one.name] for one in fields(RemakeRow)))
        rows = rows.where(bureau_remake.c.batch_id == batch_id)
        if waiting:
            rows = rows.where(bureau_remake.c.at.is_(None))
        rows = rows.order_by(bureau_remake.c.place, bureau_remake.c.job_id)
        return tuple(RemakeRow(*found) for found in self._connection.execute(rows))

    def remade(self, one: RemakeRow, new_job_id: int, *, by: str, second: str | None, at: str) -> bool:
        """The card of a place is made by another job from now on; False where that was decided before."""
        done = self._connection.execute(
            update(bureau_remake)
            .where(bureau_remake.c.job_id == one.job_id, bureau_remake.c.at.is_(None))
            .values(approved_by=by, second=second, new_job_id=new_job_id, at=at)
        )
        if done.rowcount != 1:
            return False
        place = and_(bureau_row.c.batch_id == one.batch_id, bureau_row.c.place == one.place)
        self._connection.execute(update(bureau_row).where(place).values(job_id=new_job_id))
        return True

    def give_up(
        self, batch_id: int, place: int, job_id: int | None, why: str, *, by: str, second: str | None, at: str
    ) -> None:
        """No card is made of a place after all; what it is about stays sealed for the return file."""
        values = {"batch_id": batch_id, "place": place, "job_id": job_id, "why": why, "by": by}
        self._connection.execute(insert(bureau_given_up).values(**values, second=second, at=at))
        row = and_(bureau_row.c.batch_id == batch_id, bureau_row.c.place == place)
        self._connection.execute(update(bureau_row).where(row).values(left_out=why))
        waiting = and_(bureau_remake.c.batch_id == batch_id, bureau_remake.c.place == place)
        decided = update(bureau_remake).where(waiting, bureau_remake.c.at.is_(None))
        self._connection.execute(decided.values(approved_by=by, second=second, at=at))

    def given_up(self, batch_id: int) -> int:
        """Places that were given up."""
        rows = select(func.count()).select_from(bureau_given_up).where(bureau_given_up.c.batch_id == batch_id)
        return int(self._connection.scalar(rows) or 0)

    # -- handing over ----------------------------------------------------------------------------------------------

    def returned(self, batch_id: int, after: int = 0, limit: int = _AT_ONCE) -> tuple[ReturnRow, ...]:
        """Places after one, in order, each with what is told of it."""
        row, given = bureau_row.c, bureau_given_up.c
        rows: Select[Any] = (
            select(
                row.place, row.request_id, row.token, row.sealed, row.left_out, job.c.id, job.c.state, job.c.reason,
                job.c.chip, request.c.token, request.c.sealed, job.c.sealed_card, issued_card.c.made_at, batch.c.salt,
                given.place.is_not(None),
            )
            .select_from(
                bureau_row.join(batch, batch.c.id == row.batch_id)
                .outerjoin(job, newest_job())
                .outerjoin(request, request.c.id == job.c.request_id)
                .outerjoin(issued_card, issued_card.c.job_id == job.c.id)
                .outerjoin(bureau_given_up, and_(given.batch_id == row.batch_id, given.place == row.place))
            )
            .where(row.batch_id == batch_id, row.place > after)
            .order_by(row.place)
            .limit(limit)
        )  # fmt: skip
        some = [ReturnRow(*found) for found in self._connection.execute(rows)]
        if not some:
            return ()
        first, last = some[0].place, some[-1].place
        wrong = self._wrong(batch_id, first, last) if any(one.left_out for one in some) else {}
        boxes = self._boxes(batch_id, first, last)
        return tuple(replace(one, box=boxes.get(one.place, 0), wrong=wrong.get(one.place)) for one in some)

    def _boxes(self, batch_id: int, first: int, last: int) -> dict[int, int]:
        """The box of each of some places."""
        box = bureau_box.c
        rows = select(box.box, box.first, box.last).where(box.batch_id == batch_id)
        found = self._connection.execute(rows.where(box.first <= last, box.last >= first))
        return {place: int(one.box) for one in found for place in range(max(first, one.first), min(last, one.last) + 1)}

    def _wrong(self, batch_id: int, first: int, last: int) -> dict[int, Text]:
        """What was wrong first with each of some rows."""
        known = first_findings(batch_id, bureau_finding.c.place.between(first, last))
        return {one.place: Text(one.en, one.zh) for one in self._connection.execute(select(known))}

    def without_mailer(self, batch_id: int, after: int = 0, limit: int = _AT_ONCE) -> tuple[tuple[int, int], ...]:
        """Finished cards whose PIN mailer was never printed: (place, job)."""
        rows = _unmailed(batch_id, bureau_row.c.place, job.c.id).where(bureau_row.c.place > after)
        rows = rows.order_by(bureau_row.c.place).limit(limit)
        return tuple((int(place), int(job_id)) for place, job_id in self._connection.execute(rows))

    def mailers_left(self, batch_id: int) -> int:
        """How many those are."""
        return int(self._connection.scalar(_unmailed(batch_id, func.count())) or 0)

    def ship(self, batch_id: int, boxes: Sequence[int], *, at: str) -> None:
        """Boxes leave the bureau."""
        for box in boxes:
            one = and_(bureau_box.c.batch_id == batch_id, bureau_box.c.box == box)
            self._connection.execute(update(bureau_box).where(one).values(state=BoxState.SHIPPED, changed_at=at))

    def hand_over(
        self, batch_id: int, kind: str, file: str, count: int, digest: str, *, by: str, second: str | None, at: str,
        recipient: str | None = None,
    ) -> None:  # fmt: skip
        """Something left the bureau, or was signed; ``recipient``: SHA-256 of the certificate it is encrypted for."""
        values = {"batch_id": batch_id, "kind": kind, "file": file, "count": count, "digest": digest}
        values |= {"by": by, "second": second, "at": at, "recipient": recipient}
        self._connection.execute(insert(bureau_handover).values(**values))

    def handovers(self, batch_id: int, *kinds: str) -> tuple[HandoverRow, ...]:
        """What left the bureau, oldest first; of some kinds only where they are named."""
        rows = select(*(bureau_handover.c[one.name] for one in fields(HandoverRow)))
        rows = rows.where(bureau_handover.c.batch_id == batch_id)
        if kinds:
            rows = rows.where(bureau_handover.c.kind.in_(kinds))
        return tuple(HandoverRow(*found) for found in self._connection.execute(rows.order_by(bureau_handover.c.id)))

    # -- erasing ---------------------------------------------------------------------------------------------------

    def sealed(self, batch_id: int) -> Iterator[tuple[str, Iterator[bytes]]]:
        """Every kind of sealed value that the batch holds, each in the order of its rows, read as it is asked for."""
        for kind, wanted in _sealed(batch_id).items():
            found = self._connection.execution_options(yield_per=_AT_ONCE).scalars(wanted)
            yield kind, (bytes(one) for one in found)

    def erase(self, batch_id: int) -> None:
        """Destroy the salt of the batch, everything sealed under it, the indexes that lead to its holders, and what was
        wrong with its rows.
        """
        run = self._connection.execute
        of_batch = select(request.c.id).where(request.c.batch_id == batch_id)
        jobs = select(job.c.id).where(job.c.request_id.in_(of_batch))
        papers = select(temporary_card.c.number).where(temporary_card.c.request_id.in_(of_batch))
        run(update(batch).where(batch.c.id == batch_id).values(salt=None))
        run(delete(temporary_paper).where(temporary_paper.c.paper.in_(papers)))
        run(update(job).where(job.c.request_id.in_(of_batch), job.c.sealed_card.is_not(None)).values(sealed_card=b""))
        card = {"sealed": b"", "salt": None, "holder_index": None}
        run(update(issued_card).where(issued_card.c.job_id.in_(jobs)).values(**card))
        run(update(request).where(request.c.batch_id == batch_id).values(sealed=b"", holder_index=b""))
        run(update(bureau_row).where(bureau_row.c.batch_id == batch_id).values(sealed=None, holder_index=b""))
        run(update(bureau_card).where(bureau_card.c.batch_id == batch_id).values(sealed=None))
        run(update(bureau_shard).where(bureau_shard.c.batch_id == batch_id).values(sealed_draws=None))
        run(delete(bureau_finding).where(bureau_finding.c.batch_id == batch_id))


def _unmailed(batch_id: int, *columns: Any) -> Select[Any]:
    """Of the finished cards of a batch whose PIN mailer was never printed."""
    printed = select(number.c.series).where(number.c.series == literal("mailer:") + cast(job.c.id, String))
    return (
        select(*columns)
        .select_from(bureau_row.join(job, job.c.id == bureau_row.c.job_id))
        .where(bureau_row.c.batch_id == batch_id, job.c.state == JobState.DONE, ~printed.exists())
    )


def _sealed(batch_id: int) -> dict[str, Select[Any]]:
    of_batch = job.join(request, request.c.id == job.c.request_id)
    row, card, shard = bureau_row.c, bureau_card.c, bureau_shard.c
    return {
        "request": select(request.c.sealed)
        .where(request.c.batch_id == batch_id, request.c.sealed != b"")
        .order_by(request.c.id),
        "prepared card": select(job.c.sealed_card)
        .select_from(of_batch)
        .where(request.c.batch_id == batch_id, job.c.sealed_card != b"")
        .order_by(job.c.id),
        "card": select(issued_card.c.sealed)
        .select_from(of_batch.join(issued_card, issued_card.c.job_id == job.c.id))
        .where(request.c.batch_id == batch_id, issued_card.c.sealed != b"")
        .order_by(job.c.id),
        "row": select(row.sealed).where(row.batch_id == batch_id, row.sealed.is_not(None)).order_by(row.place),
        "row card": select(card.sealed).where(card.batch_id == batch_id, card.sealed.is_not(None)).order_by(card.place),
        "draw": select(shard.sealed_draws)
        .where(shard.batch_id == batch_id, shard.sealed_draws.is_not(None))
        .order_by(shard.shard),
    }


__all__ = ["BureauFinish", "HandoverRow", "RemakeRow", "ReturnRow"]
