"""Cases at the counter, papers seen, looks at cards, certificates given, cards void at the host, cards given out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Connection, Row, Table, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from cardfab.errors import InputRefused, StockFault, Text
from cardfab.production import JobState
from cardfab.store.outlettables import (
    card_given,
    card_look,
    card_void,
    certificate_given,
    outlet_case,
    paper_seen,
)
from cardfab.store.requests import RequestRow
from cardfab.store.tables import batch, job, request

Ended = Literal["given", "left", "cancelled"]
Verdict = Literal["good", "bad"]
VoidState = Literal["waiting", "done", "no host"]


class CaseUnknown(InputRefused):
    """No such case."""

    default_code = "CF-3304"


class CaseTaken(StockFault):
    """Somebody else has it in hand."""

    default_code = "CF-7320"


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One holder's case. ``typed``, ``picture``, ``portrait`` are sealed."""

    id: int
    token: str
    request_id: str | None
    holder_index: bytes
    category: str | None
    bearer: str
    station: str
    taken_by: str
    taken_at: str
    sitting: str
    ended_at: str | None
    ended_how: str | None
    typed: bytes | None = field(repr=False)
    picture: bytes | None = field(repr=False)
    portrait: bytes | None = field(repr=False)
    salt: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A paper that was looked at."""

    paper: str
    bearer: str
    seen_at: str
    seen_by: str


@dataclass(frozen=True, slots=True)
class LookRow:
    """How a card was found."""

    job_id: int
    verdict: Verdict
    reason: str | None
    seen_at: str
    seen_by: str
    second: str | None


@dataclass(frozen=True, slots=True)
class CertificateRow:
    """A certificate that an authority gave for a job's chip."""

    job_id: int
    serial: str
    usage: str
    given_at: str
    revoked_at: str | None
    tries: int
    code: str | None


@dataclass(frozen=True, slots=True)
class VoidRow:
    """A spoiled card as the host knows it."""

    job_id: int
    state: VoidState
    tries: int
    tried_at: str
    code: str | None


@dataclass(frozen=True, slots=True)
class GivenRow:
    """A card that was given out, and the receipt for it."""

    job_id: int
    receipt: str
    bearer: str
    given_at: str
    given_by: str
    signed_at: str | None
    signed_by: str | None


class Outlet:
    """What the outlet keeps beside jobs and cards."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # -- cases ---------------------------------------------------------------------------------------------------------

    def take(
        self, token: str, holder_index: bytes, station: str, *, sitting: str, at: str, by: str, salt: bytes,
        request_id: str | None = None, category: str | None = None,
    ) -> CaseRow:  # fmt: skip
        """Open a case. Raises :class:`CaseTaken` where the request is in somebody's hands already."""
        values = {
            "token": token, "request_id": request_id, "holder_index": holder_index, "category": category,
            "bearer": "holder", "station": station, "taken_by": by, "taken_at": at, "salt": salt,
            "sitting": sitting,
        }  # fmt: skip
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(outlet_case).values(**values))
        except IntegrityError as taken:
            raise _taken(request_id) from taken
        return self.case(token)

    def case(self, token: str) -> CaseRow:
        """A case by its token; raises :class:`CaseUnknown`."""
        found = self._connection.execute(select(outlet_case).where(outlet_case.c.token == token)).one_or_none()
        if found is None:
            raise CaseUnknown(
                Text("There is no such case.", "没有该笔业务。"),
                do=Text("Begin again by the holder's number.", "请按证件号码重新查找。"),
            )
        return CaseRow(**found._mapping)

    def known_case(self, token: str) -> CaseRow | None:
        """A case by its token, if there is one."""
        found = self._connection.execute(select(outlet_case).where(outlet_case.c.token == token)).one_or_none()
        return None if found is None else CaseRow(**found._mapping)

    def open_case_of(self, request_id: str) -> CaseRow | None:
        """Who has a request in hand."""
        where = (outlet_case.c.request_id == request_id, outlet_case.c.ended_at.is_(None))
        found = self._connection.execute(select(outlet_case).where(*where)).one_or_none()
        return None if found is None else CaseRow(**found._mapping)

    def last_case_of(self, request_id: str) -> CaseRow | None:
        """The newest case of a request, ended or not."""
        rows = select(outlet_case).where(outlet_case.c.request_id == request_id).order_by(outlet_case.c.id.desc())
        found = self._connection.execute(rows.limit(1)).one_or_none()
        return None if found is None else CaseRow(**found._mapping)

    def open_cases(self, *, of_holder: bytes | None = None, by: str | None = None) -> tuple[CaseRow, ...]:
        """Cases that have not ended, oldest first."""
        rows = select(outlet_case).where(outlet_case.c.ended_at.is_(None)).order_by(outlet_case.c.id)
        if of_holder is not None:
            rows = rows.where(outlet_case.c.holder_index == of_holder)
        if by is not None:
            rows = rows.where(outlet_case.c.taken_by == by)
        return tuple(CaseRow(**found._mapping) for found in self._connection.execute(rows))

    def change_case(self, one: CaseRow, **columns: Any) -> CaseRow:
        """Change an open case that is still in the same hands; raises :class:`CaseTaken`."""
        where = (
            outlet_case.c.id == one.id,
            outlet_case.c.ended_at.is_(None),
            outlet_case.c.taken_by == one.taken_by,
        )
        try:
            with self._connection.begin_nested():
                changed = self._connection.execute(update(outlet_case).where(*where).values(**columns))
        except IntegrityError as taken:
            raise _taken(columns.get("request_id")) from taken
        if changed.rowcount != 1:
            raise _taken(one.request_id)
        return self.case(one.token)

    def end_case(self, one: CaseRow, how: Ended, *, at: str) -> None:
        """Let a case go; what was typed and photographed in it is deleted. An ended case stays as it is."""
        self._connection.execute(
            update(outlet_case)
            .where(outlet_case.c.id == one.id, outlet_case.c.ended_at.is_(None))
            .values(ended_at=at, ended_how=how, typed=None, picture=None, portrait=None, salt=b"")
        )

    def next_request(self, states: tuple[JobState, ...], products: tuple[str, ...] = ()) -> RequestRow | None:
        """The request whose job waits longest in one of these states and is in nobody's hands, urgent ones first."""
        held = select(outlet_case.c.id).where(
            outlet_case.c.request_id == request.c.id, outlet_case.c.ended_at.is_(None)
        )
        rows = (
            select(request, batch.c.salt)
            .join(batch, batch.c.id == request.c.batch_id)
            .join(job, job.c.request_id == request.c.id)
            .where(job.c.state.in_(states), ~exists(held))
            .order_by(request.c.urgent.desc(), job.c.id)
            .limit(1)
        )
        if products:
            rows = rows.where(request.c.product.in_(products))
        found = self._connection.execute(rows).one_or_none()
        if found is None:
            return None
        values = dict(found._mapping)
        return RequestRow(**{**values, "urgent": bool(values["urgent"])})

    # -- papers --------------------------------------------------------------------------------------------------------

    def saw_paper(
        self, case_id: int, paper: str, bearer: str, *, at: str, by: str, document_index: bytes | None = None
    ) -> None:
        """Keep that a paper was looked at; once a case, the first look stands."""
        where = (paper_seen.c.case_id == case_id, paper_seen.c.paper == paper)
        if self._connection.execute(select(paper_seen.c.id).where(*where)).one_or_none() is None:
            values = {
                "case_id": case_id, "paper": paper, "bearer": bearer, "document_index": document_index,
                "seen_at": at, "seen_by": by,
            }  # fmt: skip
            self._connection.execute(insert(paper_seen).values(**values))

    def papers_of(self, case_id: int) -> tuple[PaperRow, ...]:
        """The papers that were looked at in a case."""
        wanted = [paper_seen.c[name] for name in PaperRow.__slots__]
        rows = select(*wanted).where(paper_seen.c.case_id == case_id).order_by(paper_seen.c.id)
        return tuple(PaperRow(*found) for found in self._connection.execute(rows))

    # -- looks at cards ------------------------------------------------------------------------------------------------

    def looked(self, row: LookRow) -> None:
        """Keep how a card was found."""
        self._connection.execute(insert(card_look).values(**{name: getattr(row, name) for name in LookRow.__slots__}))

    def look_of(self, job_id: int) -> LookRow | None:
        """How the card of a job was found; None where nobody looked at it at the page."""
        found = self._one(card_look, job_id)
        return None if found is None else LookRow(**found._mapping)

    # -- what is taken back --------------------------------------------------------------------------------------------

    def certificate(self, job_id: int, serial: str, usage: str, *, at: str) -> None:
        """Keep that a certificate was given."""
        values = {"job_id": job_id, "serial": serial, "usage": usage, "given_at": at, "tries": 0}
        self._connection.execute(insert(certificate_given).values(**values))

    def certificates_of(self, job_id: int) -> tuple[CertificateRow, ...]:
        """Every certificate that was given for a job."""
        return self._certificates(certificate_given.c.job_id == job_id)

    def to_revoke(self) -> tuple[CertificateRow, ...]:
        """Certificates of spoiled cards that the authority has not revoked yet."""
        spoiled = select(job.c.id).where(job.c.state == JobState.SPOILED)
        return self._certificates(certificate_given.c.job_id.in_(spoiled), certificate_given.c.revoked_at.is_(None))

    def revoke_tried(self, serial: str, *, revoked_at: str | None, code: str | None) -> None:
        """Keep what a try to have a certificate revoked came to."""
        self._connection.execute(
            update(certificate_given)
            .where(certificate_given.c.serial == serial)
            .values(revoked_at=revoked_at, code=code, tries=certificate_given.c.tries + 1)
        )

    def to_void(self) -> tuple[int, ...]:
        """Spoiled jobs that touched a chip and that the host does not know as void yet."""
        known = select(card_void.c.job_id).where(card_void.c.state != "waiting")
        rows = (
            select(job.c.id)
            .where(job.c.state == JobState.SPOILED, job.c.chip.is_not(None), job.c.id.not_in(known))
            .order_by(job.c.id)
        )
        return tuple(int(found) for found in self._connection.scalars(rows))

    def void(self, job_id: int, state: VoidState, *, at: str, code: str | None = None) -> None:
        """Keep what a try to tell the host came to."""
        before = self.void_of(job_id)
        values = {"state": state, "tried_at": at, "code": code, "tries": 1 if before is None else before.tries + 1}
        if before is None:
            self._connection.execute(insert(card_void).values(job_id=job_id, **values))
        else:
            self._connection.execute(update(card_void).where(card_void.c.job_id == job_id).values(**values))

    def void_of(self, job_id: int) -> VoidRow | None:
        """What the host knows of a spoiled card."""
        found = self._one(card_void, job_id)
        return None if found is None else VoidRow(**found._mapping)

    # -- cards given out -----------------------------------------------------------------------------------------------

    def given(self, job_id: int, receipt: str, bearer: str, *, at: str, by: str) -> None:
        """Keep that a card was given out against a receipt."""
        values = {"job_id": job_id, "receipt": receipt, "bearer": bearer, "given_at": at, "given_by": by}
        self._connection.execute(insert(card_given).values(**values))

    def signed(self, job_id: int, *, at: str, by: str) -> None:
        """Keep that the receipt came back signed; the first time stands."""
        self._connection.execute(
            update(card_given)
            .where(card_given.c.job_id == job_id, card_given.c.signed_at.is_(None))
            .values(signed_at=at, signed_by=by)
        )

    def given_of(self, job_id: int) -> GivenRow | None:
        """How the card of a job was given out."""
        found = self._one(card_given, job_id)
        return None if found is None else GivenRow(**found._mapping)

    def waiting_at_counter(self) -> int:
        """How many cards were looked at, are good, and were not given out."""
        given = select(card_given.c.job_id)
        looked = select(card_look.c.job_id)
        where = (job.c.state == JobState.DONE, job.c.id.in_(looked), job.c.id.not_in(given))
        return self._connection.scalar(select(func.count()).select_from(job).where(*where)) or 0

    def _one(self, table: Table, job_id: int) -> Row[Any] | None:
        return self._connection.execute(select(table).where(table.c.job_id == job_id)).one_or_none()

    def _certificates(self, *where: Any) -> tuple[CertificateRow, ...]:
        wanted = [certificate_given.c[name] for name in CertificateRow.__slots__]
        rows = select(*wanted).where(*where).order_by(certificate_given.c.id)
        return tuple(CertificateRow(*found) for found in self._connection.execute(rows))


def _taken(request_id: str | None) -> CaseTaken:
    what = f"Request {request_id}" if request_id else "This case"
    return CaseTaken(
        Text(
            f"{what} is in somebody else's hands.",
            f"{f'申请 {request_id}' if request_id else '该笔业务'}正由他人办理。",
        ),
        do=Text("Take the next one.", "请办理下一笔。"),
    )


__all__ = [
    "CaseRow",
    "CaseTaken",
    "CaseUnknown",
    "CertificateRow",
    "Ended",
    "GivenRow",
    "LookRow",
    "Outlet",
    "PaperRow",
    "Verdict",
    "VoidRow",
    "VoidState",
]
