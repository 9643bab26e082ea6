"""What is sealed and whom it is about, table by table: when it is finished, and how it is erased.

Erased is: the sealed bytes are gone from their row, and so is the salt without which they open nowhere else. What must
stay for service has no entry that is due: the life of a card until its end, a listing that holds, a replacement and a
transaction that are not done, a question to the host that was not answered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, delete, func, insert, select, update

from cardfab.production import CardState, JobState
from cardfab.store.bureautables import bureau_batch
from cardfab.store.hosttables import host_note, host_outbox
from cardfab.store.papertables import temporary_paper
from cardfab.store.peopletables import erasure
from cardfab.store.tables import (
    batch,
    black_list,
    card_service,
    host_journal,
    issued_card,
    job,
    medical_pending,
    replacement,
    request,
    temporary_card,
)

_FINISHED = (JobState.DONE, JobState.SPOILED, JobState.CANCELLED)
_ENDED = (CardState.REPLACED, CardState.EXPIRED, CardState.BLOCKED, CardState.DESTROYED)


@dataclass(frozen=True, slots=True)
class Kept:
    """A table with a salt of its own in each row. ``ended`` is when a row was finished, NULL while it is not."""

    table: Table
    ended: Column[Any]
    only: ColumnElement[bool] | None = None
    also: Mapping[str, Any] = field(default_factory=dict)
    """Indexes that lead to the person and serve nobody afterwards."""


KEPT: dict[str, Kept] = {
    "card": Kept(issued_card, issued_card.c.changed_at, issued_card.c.state.in_(_ENDED), {"holder_index": None}),
    "service": Kept(card_service, card_service.c.ended_at, None, {"holder_index": None, "document_index": b""}),
    "listing": Kept(black_list, black_list.c.ended_at),
    "transaction": Kept(medical_pending, medical_pending.c.settled_at),
    "replacement": Kept(replacement, replacement.c.done_on),
    "host": Kept(host_journal, host_journal.c.answered_at),
    "outbox": Kept(host_outbox, host_outbox.c.ended_at),
    "note": Kept(host_note, host_note.c.ended_at),
}

BY_BATCH = (
    "batch.salt", "request.sealed", "job.sealed_card", "temporary_paper.sealed",
    "bureau_row.sealed", "bureau_shard.sealed_draws", "bureau_card.sealed",
)  # fmt: skip
"""Sealed under the salt of their batch: erased request by request, the rest of the batch sealed anew."""
BY_CASE = ("outlet_case.portrait", "outlet_case.salt")
"""Emptied when the case at the counter ends (:meth:`cardfab.store.outlet.Outlet.end_case`): nothing waits."""

_BUREAU = select(bureau_batch.c.id)
"""Batches of the bureau are erased as wholes, when they are closed (:mod:`cardfab.bureau.books.erasing`)."""


@dataclass(frozen=True, slots=True)
class Sum:
    """How much of a kind, and the digest of its sealed bytes in the order of their rows."""

    count: int
    digest: str


def sum_of(sealed: Iterable[bytes]) -> Sum:
    """The sum over sealed values."""
    digest, count = hashlib.sha256(), 0
    for count, one in enumerate(sealed, 1):  # noqa: B007 - the last count is the sum
        digest.update(hashlib.sha256(one).digest())
    return Sum(count, digest.hexdigest())


@dataclass(frozen=True, slots=True)
class Bundle:
    """A batch of which requests are due. ``living`` are sealed anew under another salt: (request, its jobs)."""

    batch_id: int
    salt: bytes
    due: tuple[tuple[str, bytes], ...]
    living: tuple[tuple[str, str, bytes], ...]
    """(id, token, sealed)"""


class Retention:
    """What is due, and its erasure."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def due(self, kind: str, before: str) -> Sequence[tuple[Any, bytes]]:
        """Rows of a kind that were finished before a moment: (key, sealed)."""
        kept = KEPT[kind]
        [key] = kept.table.primary_key.columns
        wanted = select(key, kept.table.c.sealed).where(kept.table.c.salt.is_not(None), kept.ended < before)
        if kept.only is not None:
            wanted = wanted.where(kept.only)
        return [(row[0], row[1] or b"") for row in self._connection.execute(wanted.order_by(key))]

    def erase(self, kind: str, keys: Iterable[Any]) -> None:
        """Erase rows of a kind."""
        kept = KEPT[kind]
        [key] = kept.table.primary_key.columns
        for one in keys:
            values = {"sealed": b"", "salt": None, **kept.also}
            self._connection.execute(update(kept.table).where(key == one).values(**values))

    def due_requests(self, before: Mapping[str, str]) -> Sequence[str]:
        """Ids of requests whose jobs are all finished, the last one before the moment of their product."""
        ended = select(job.c.request_id, func.max(job.c.changed_at).label("at")).group_by(job.c.request_id).subquery()
        working = select(job.c.request_id).where(job.c.state.not_in(_FINISHED))
        wanted = (
            select(request.c.id, request.c.product, ended.c.at)
            .join(ended, ended.c.request_id == request.c.id)
            .where(request.c.sealed != b"", request.c.id.not_in(working), request.c.batch_id.not_in(_BUREAU))
            .order_by(request.c.id)
        )
        first = min(before.values(), default="")
        return [row.id for row in self._connection.execute(wanted) if row.at < before.get(row.product, first)]

    def bundles(self, ids: Sequence[str]) -> tuple[Bundle, ...]:
        """The batches that requests belong to, with what lives on in them."""
        due = frozenset(ids)
        salts = select(batch.c.id, batch.c.salt).where(batch.c.salt.is_not(None), batch.c.id.not_in(_BUREAU))
        found = []
        for row in self._connection.execute(salts.order_by(batch.c.id)).all():
            wanted = select(request.c.id, request.c.token, request.c.sealed).where(
                request.c.batch_id == row.id, request.c.sealed != b""
            )
            held = [(one.id, one.token, one.sealed) for one in self._connection.execute(wanted.order_by(request.c.id))]
            gone = tuple((one[0], one[2]) for one in held if one[0] in due)
            if gone or not held:
                found.append(Bundle(row.id, row.salt, gone, tuple(one for one in held if one[0] not in due)))
        return tuple(found)

    def cards(self, request_id: str) -> Sequence[tuple[int, bytes]]:
        """The prepared cards of a request: (job, sealed)."""
        wanted = select(job.c.id, job.c.sealed_card).where(job.c.request_id == request_id, job.c.sealed_card != b"")
        return [(row.id, row.sealed_card) for row in self._connection.execute(wanted.order_by(job.c.id))]

    def papers(self, request_id: str) -> Sequence[tuple[str, bytes]]:
        """The temporary cards kept of a request: (number, sealed)."""
        wanted = select(temporary_paper.c.paper, temporary_paper.c.sealed).where(
            temporary_paper.c.paper.in_(_numbers(request_id))
        )
        return [(row.paper, row.sealed) for row in self._connection.execute(wanted.order_by(temporary_paper.c.paper))]

    def keep_papers(self, papers: Iterable[tuple[str, bytes]]) -> None:
        """Keep papers as they are sealed under the batch's new salt."""
        for number, sealed in papers:
            one = update(temporary_paper).where(temporary_paper.c.paper == number)
            self._connection.execute(one.values(sealed=sealed))

    def erase_request(self, request_id: str) -> None:
        """Erase a request, what was prepared of it, and its papers."""
        self._connection.execute(delete(temporary_paper).where(temporary_paper.c.paper.in_(_numbers(request_id))))
        values = {"sealed": b"", "holder_index": b""}
        self._connection.execute(update(request).where(request.c.id == request_id).values(**values))
        prepared = (job.c.request_id == request_id) & job.c.sealed_card.is_not(None)
        self._connection.execute(update(job).where(prepared).values(sealed_card=b""))

    def reseal(self, request_id: str, sealed: bytes, cards: Iterable[tuple[int, bytes]]) -> None:
        """Keep a request and its prepared cards as they are sealed under the batch's new salt."""
        self._connection.execute(update(request).where(request.c.id == request_id).values(sealed=sealed))
        for job_id, card in cards:
            self._connection.execute(update(job).where(job.c.id == job_id).values(sealed_card=card))

    def set_salt(self, batch_id: int, salt: bytes | None) -> None:
        """The batch's new salt; None where nothing of it lives on."""
        self._connection.execute(update(batch).where(batch.c.id == batch_id).values(salt=salt))

    def keep(self, *, token: str, at: str, by: str, approved_by: str, record: bytes) -> None:
        """Keep the signed record of an erasure."""
        values = {"token": token, "at": at, "by": by, "approved_by": approved_by, "record": record}
        self._connection.execute(insert(erasure).values(**values))

    def records(self) -> Sequence[bytes]:
        """Every signed record, oldest first."""
        return self._connection.scalars(select(erasure.c.record).order_by(erasure.c.id)).all()


def _numbers(request_id: str) -> Select[tuple[str]]:
    """The numbers of a request's temporary cards."""
    return select(temporary_card.c.number).where(temporary_card.c.request_id == request_id)
