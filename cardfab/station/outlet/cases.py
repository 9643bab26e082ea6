"""A case: one holder at the counter, in one person's hands, from the identity card to the signed receipt.

What was typed and photographed lies sealed with the case until it has become a request, and is deleted then. Somebody
else, or the same person after signing in again, identifies the holder anew before going on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

from cardfab.audit import milliseconds
from cardfab.errors import InputRefused, StockFault, Text
from cardfab.prepare.request import IssuanceRequest
from cardfab.production import Act, Document, JobState, identity
from cardfab.station.desk import Desk
from cardfab.station.vault import holder_index, open_request
from cardfab.store import CaseRow, CaseTaken, Ended, JobRow, RequestRow, Transaction

_SEAL = "station/seal"
WAITING = (JobState.REQUESTED, JobState.APPROVED, JobState.QUEUED)
"""States of jobs that the queue offers."""


class NotIdentified(StockFault):
    """The holder is to be identified before the case goes on."""

    default_code = "CF-7321"

    def __init__(self) -> None:
        super().__init__(
            Text("Identify the holder again before you go on.", "继续办理前，请重新核验持卡人证件。"),
            do=Text("Scan or type the number of the identity card.", "请扫描或输入证件号码。"),
        )


class NothingWaits(InputRefused):
    """The queue is empty."""

    default_code = "CF-3305"


@dataclass(frozen=True, slots=True)
class Case:
    """A case with what belongs to it. ``repr`` shows nothing of the holder."""

    row: CaseRow
    typed: Mapping[str, str]
    """What was typed, by request field; ``number`` is the holder's."""
    request: RequestRow | None = None
    job: JobRow | None = None

    @property
    def token(self) -> str:
        """By which the pages name it."""
        return self.row.token

    def __repr__(self) -> str:
        return f"Case({self.row.id})"


def _clean_number(number: str) -> str:
    """A citizen number as scanned or typed; raises DocumentRefused."""
    return identity(Document.ID_CARD, number).number


def find_case(desk: Desk, number: str, sitting: str) -> Case:
    """The holder's open case, taken over, or a new one; the newest unmade request of the holder comes along.

    Raises DocumentRefused, and CaseTaken while somebody else of the outlet has the holder's request in hand.
    """
    desk.must(Act.ISSUE)
    number = _clean_number(number)
    index = holder_index(desk.keys, number)
    with desk.database.transaction("case") as tx:
        for row in tx.outlet.open_cases(of_holder=index):
            if row.station != desk.station:
                raise _elsewhere(row)
            row = tx.outlet.change_case(row, taken_by=desk.person.login, sitting=sitting, taken_at=desk.at())
            tx.audit.append(desk.event("case.resume", row.token, "done", {}))
            return _opened(desk, tx, row)
        waiting = _unmade(tx, index)
        row = _take(desk, tx, index, sitting, waiting, {"number": number} if waiting is None else {})
        return _opened(desk, tx, row)


def take_next(desk: Desk, sitting: str, once: str = "") -> Case:
    """The request that waits longest, urgent ones first; nobody else gets it. Raises :class:`NothingWaits`.

    ``once`` names the act: the same key by the same person is the same case.
    """
    desk.must(Act.ISSUE)
    token = sha256(f"{desk.person.login}:{once}".encode()).hexdigest()[:32] if once else None
    with desk.database.transaction("take") as tx:
        if token is not None and (same := tx.outlet.known_case(token)) is not None:
            return _opened(desk, tx, same)
        waiting = tx.outlet.next_request(WAITING)
        if waiting is None:
            raise NothingWaits(
                Text("No request waits.", "没有待办申请。"),
                do=Text("Begin with the holder's identity card.", "请按持卡人证件号码办理。"),
            )
        # The request says whose it is; that they stand here is seen with the papers.
        row = _take(desk, tx, waiting.holder_index, sitting, waiting, {}, token)
        return _opened(desk, tx, row)


def take_request(desk: Desk, request_id: str, sitting: str) -> Case:
    """One request of the queue. Raises CaseTaken, RequestUnknown."""
    desk.must(Act.ISSUE)
    with desk.database.transaction("take") as tx:
        row = tx.requests.get(request_id)
        return _opened(desk, tx, _take(desk, tx, row.holder_index, sitting, row, {}))


def open_case(desk: Desk, token: str, sitting: str) -> Case:
    """A case in this person's hands. Raises CaseUnknown, CaseTaken, :class:`NotIdentified`."""
    with desk.database.reading() as tx:
        row = tx.outlet.case(token)
        if row.ended_at is None and row.taken_by != desk.person.login:
            raise _elsewhere(row)
        if row.sitting != sitting:
            raise NotIdentified
        return _opened(desk, tx, row)


def holder_number(desk: Desk, case: Case) -> str:
    """The holder's number: of the request, else as it was typed."""
    return case.typed["number"] if case.request is None else request_of(desk, case).social_security_number


def request_of(desk: Desk, case: Case) -> IssuanceRequest:
    """The request of a case that has one."""
    if case.request is None:
        raise InputRefused(
            Text("This case is no request yet.", "该笔业务尚未形成申请。"),
            do=Text("Complete the holder's data.", "请先补全持卡人信息。"),
            code="CF-3306",
        )
    return open_request(desk.keys, case.request)


def keep_typed(desk: Desk, case: Case, typed: Mapping[str, str]) -> Case:
    """Keep what was typed, sealed."""
    sealed = seal_part(desk, case.row, "typed", json.dumps(dict(typed), ensure_ascii=False).encode())
    return change(desk, case, typed=sealed)


def change(desk: Desk, case: Case, **columns: object) -> Case:
    """Change the case in the books."""
    with desk.database.transaction("case") as tx:
        return _opened(desk, tx, tx.outlet.change_case(case.row, **columns))


def let_go(desk: Desk, case: Case, how: Ended = "left") -> None:
    """End a case; what its request became stays."""
    with desk.database.transaction("case") as tx:
        tx.outlet.end_case(case.row, how, at=desk.at())
        tx.audit.append(desk.event("case.end", case.token, "done", {"how": how}))


def sweep_cases(desk: Desk) -> int:
    """End what was begun and never went on, as long ago as the policy says; how many."""
    limit = (milliseconds(desk.now()) - timedelta(days=desk.policy().most_days)).isoformat(timespec="milliseconds")
    ended = 0
    with desk.database.transaction("case") as tx:
        for row in tx.outlet.open_cases():
            if row.taken_at < limit:
                tx.outlet.end_case(row, "left", at=desk.at())
                ended += 1
    return ended


def seal_part(desk: Desk, row: CaseRow, part: str, plain: bytes) -> bytes:
    """One sealed part of a case."""
    return desk.keys.seal(_SEAL, row.salt, plain, f"case:{row.token}:{part}".encode())


def open_part(desk: Desk, row: CaseRow, part: str, sealed: bytes) -> bytes:
    """What :func:`seal_part` sealed."""
    return desk.keys.unseal(_SEAL, row.salt, sealed, f"case:{row.token}:{part}".encode())


def _take(
    desk: Desk,
    tx: Transaction,
    index: bytes,
    sitting: str,
    waiting: RequestRow | None,
    typed: Mapping[str, str],
    token: str | None = None,
) -> CaseRow:
    token = token or desk.token()
    row = tx.outlet.take(
        token,
        index,
        desk.station,
        sitting=sitting,
        at=desk.at(),
        by=desk.person.login,
        salt=desk.random(32),
        request_id=None if waiting is None else waiting.id,
        category=None if waiting is None else waiting.category,
    )
    if typed:
        sealed = seal_part(desk, row, "typed", json.dumps(dict(typed), ensure_ascii=False).encode())
        row = tx.outlet.change_case(row, typed=sealed)
    details = {} if waiting is None else {"job": str(tx.jobs.of_request(waiting.id).id)}
    tx.audit.append(desk.event("case.take", token, "done", details))
    return row


def _unmade(tx: Transaction, index: bytes) -> RequestRow | None:
    """The newest request of a holder whose card has not been given out yet."""
    for row in sorted(tx.requests.of_holder(index), key=lambda one: tx.jobs.of_request(one.id).id, reverse=True):
        job = tx.jobs.of_request(row.id)
        given = tx.outlet.given_of(job.id)
        if row.salt is not None and job.state is not JobState.CANCELLED:
            if job.state is not JobState.DONE:
                return row
            card = tx.cards.get(job.id)
            if given is None and card.handed_over_at is None and card.activated_at is None:
                return row
    return None


def _opened(desk: Desk, tx: Transaction, row: CaseRow) -> Case:
    typed = {} if row.typed is None else json.loads(open_part(desk, row, "typed", row.typed))
    if row.request_id is None:
        return Case(row, typed)
    return replace(Case(row, typed), request=tx.requests.get(row.request_id), job=tx.jobs.of_request(row.request_id))


def _elsewhere(row: CaseRow) -> CaseTaken:
    return CaseTaken(
        Text(f"'{row.taken_by}' has this holder's case in hand.", f"该持卡人的业务正由“{row.taken_by}”办理。"),
        do=Text(
            "Ask them to end it, or find the holder by number to take it over.", "请由其办结，或按证件号码接手办理。"
        ),
        code="CF-7322",
    )


__all__ = [
    "WAITING",
    "Case",
    "NotIdentified",
    "NothingWaits",
    "change",
    "find_case",
    "holder_number",
    "keep_typed",
    "let_go",
    "open_case",
    "open_part",
    "request_of",
    "seal_part",
    "sweep_cases",
    "take_next",
    "take_request",
]
