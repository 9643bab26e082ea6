"""One service from its beginning to its receipt: duty, identity check, intent before the card, outcome after it.

Every service is booked with the document that was shown and who compared it, also when it is refused: by the card, by
a rule, or because the document is not the holder's. The audit record holds neither a name nor a number.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from cardfab.audit import Outcome
from cardfab.documents.counter import Change, DocumentSeen, Holder, Language, Line, Made, Receipt
from cardfab.errors import CardfabError, DeviceFault, InDoubt, StockFault, Text
from cardfab.keys.auditing import about
from cardfab.production import Act, Identity, Person, require_holder
from cardfab.station.counter.advice import advice
from cardfab.station.counter.clock import here_and_now
from cardfab.station.counter.cutoff import CUT_OFF
from cardfab.station.counter.holding import held
from cardfab.station.counter.kept import to_plain
from cardfab.station.counter.kinds import Kind
from cardfab.station.desk import Desk
from cardfab.station.hostdesk import HostAbsent, HostDesk
from cardfab.station.lives import rules_of
from cardfab.station.people import second_person
from cardfab.station.vault import holder_index, number_index
from cardfab.store import CardRow, ServiceOutcome, ServiceRow

SEAL = "station/seal"
_INDEX = "station/index"


class SecondNeeded(StockFault):
    """Another person of the outlet has to approve this."""

    default_code = "CF-7610"


@dataclass(frozen=True, slots=True)
class Counter:
    """A desk that serves holders. ``host`` is None where the station has no issuer host."""

    desk: Desk
    host: HostDesk | None = None
    language: Language = "zh"
    terminal: str = "000000000001"
    """The number of this terminal, 12 digits, in every medical transaction."""

    def require_host(self) -> HostDesk:
        """The host; raises HostAbsent."""
        if self.host is None:
            raise HostAbsent
        return self.host


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose card is served: from the card itself, or from the books when it is not there. ``repr`` shows nothing."""

    card_number: str = field(repr=False)
    social_security_number: str = field(repr=False)
    name: str = field(repr=False)
    region: str = ""
    row: CardRow | None = None
    """None: another station issued it."""

    def holder(self) -> Holder:
        """As a paper names it."""
        return Holder(self.name, self.social_security_number, self.card_number, self.region)


@dataclass(frozen=True, slots=True)
class Shown:
    """The identity check, and the second person where one approves. ``second`` is a login of this station."""

    identity: Identity
    second: str | None = None


@dataclass(slots=True)
class Service:
    """A service under way: what goes onto its receipt, and how it is booked."""

    kind: Kind
    row: ServiceRow
    subject: Subject
    shown: Shown
    lines: list[Line] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    next_steps: list[Text] = field(default_factory=list)
    values: dict[str, object] = field(default_factory=dict)
    """For a program: what ``--json`` says beside the receipt's number."""
    outcome: Text = field(default_factory=lambda: Text("done", "办理成功"))
    audit: dict[str, str] = field(default_factory=dict)
    """More details for the audit record: nothing of the person."""
    papers: dict[str, Any] = field(default_factory=dict)
    """Other papers of the service, as JSON takes them; they lie sealed with its receipt."""
    touched: bool = False
    """Whether a command that changes the card may have been sent."""

    def say(self, en: str, zh: str, value: Text | str, *, strong: bool = False) -> None:
        """A line on the receipt."""
        self.lines.append(Line(Text(en, zh), value, strong))

    def next(self, en: str, zh: str) -> None:
        """What the holder has to know or do now."""
        self.next_steps.append(Text(en, zh))


@dataclass(frozen=True, slots=True)
class Served:
    """A service that is done: its receipt, and what a program is told."""

    receipt: Receipt
    values: dict[str, object]


def _approver(desk: Desk, login: str | None, *, needed: bool, other: bool) -> Person | None:
    """The second person, who may approve services. Raises :class:`SecondNeeded`, SamePerson, NotAllowed, PersonUnknown.

    In training the person signed in may approve alone where the profile asks for a supervisor only.
    """
    if login is not None:
        return second_person(desk, login)
    if needed and (other or not desk.training or not desk.person.may(Act.WITNESS)):
        missing = SecondNeeded(
            Text("A second person has to approve this service.", "此业务须由第二人复核。"),
            do=Text("Name the supervisor who approves: --second LOGIN.", "请指明复核主管：--second 用户名。"),
        )
        desk.refused(missing, act=Act.WITNESS)
        raise missing
    return desk.person if needed else None


@contextmanager
def serving(counter: Counter, kind: Kind, subject: Subject, shown: Shown, *, second: bool = False) -> Iterator[Service]:
    """Book a service, check the holder, let it be done, book what came of it.

    Raises NotAllowed and :class:`SecondNeeded` before anything is booked; NotTheHolder, and whatever the service
    raises, after it was booked as refused. A fault of a device after the card was touched is InDoubt. What is cut off
    with the program stays begun, held by nobody, until the next start finds it (:mod:`.cutoff`).
    """
    desk = counter.desk
    desk.must(kind.act)
    rules = rules_of(desk, subject.row.product if subject.row else None)
    other = rules.second_person == "another supervisor"
    second_needed = second or kind.second
    approver = _approver(desk, shown.second, needed=second_needed, other=other)
    token = desk.token()
    with held(desk, token):
        yield from _under_way(counter, _begin(counter, token, kind, subject, shown, approver), approver)


def _under_way(counter: Counter, service: Service, approver: Person | None) -> Iterator[Service]:
    desk, subject, shown = counter.desk, service.subject, service.shown
    try:
        require_holder(
            shown.identity, subject.social_security_number, here_and_now(desk).date(), second=approver is not None
        )
        with about(service.row.token):
            yield service
    except DeviceFault as fault:
        if not service.touched:
            _end(counter, service, "refused", fault)
            raise
        _end(counter, service, "doubt", fault)
        raise InDoubt(
            Text(
                f"The service {service.row.receipt} was interrupted: {fault.what.en} The card may have been changed.",
                f"业务 {service.row.receipt} 中断：{fault.what.zh}卡片可能已被改动。",
            ),
            do=Text(
                "Present the card again and read it; a medical transaction is settled by 'cardfab card recover'.",
                "请重新放卡并读取核对；医保交易用 cardfab card recover 核实。",
            ),
            code="CF-9300",
        ) from fault
    except InDoubt as doubt:
        _end(counter, service, "doubt", doubt)
        raise
    except CardfabError as refused:
        _end(counter, service, "refused", refused)
        raise
    except BaseException:  # Ctrl-C, or a defect: nobody knows how far it went
        with suppress(Exception):  # where this cannot be kept, it is found later as any other that was cut off
            _end(counter, service, "doubt", _cut_off(service))
        raise
    _end(counter, service, "done", None)


def _cut_off(service: Service) -> InDoubt:
    return InDoubt(
        Text(
            f"The service {service.row.receipt} was cut off; what became of it is not known.",
            f"业务 {service.row.receipt} 中断，结果未知。",
        ),
        do=advice(service.kind),
        code=CUT_OFF,
    )


def served(counter: Counter, service: Service) -> Served:
    """The receipt of a service that is done."""
    told = {"receipt": service.row.receipt, "service": str(service.kind), **service.values}
    return Served(receipt_of(counter, service), told)


def made_here(counter: Counter, number: str) -> Made:
    """Who makes the paper ``number``, where and when."""
    desk = counter.desk
    at = here_and_now(desk)
    return Made(number, desk.station, desk.person.login, at, counter.language, specimen=desk.training)


def receipt_of(counter: Counter, service: Service, why: CardfabError | None = None) -> Receipt:
    """The paper of a service; ``why`` it was not done."""
    shown = service.shown.identity
    return Receipt(
        made=made_here(counter, service.row.receipt),
        service=service.kind.text,
        holder=service.subject.holder(),
        outcome=service.outcome if why is None else why.what,
        done=why is None,
        document=DocumentSeen(shown.document.text, shown.last_digits, shown.relation),
        lines=tuple(service.lines),
        changes=tuple(service.changes),
        next_steps=tuple(service.next_steps),
        approved_by=service.row.approved_by or "",
    )


def keep_papers(counter: Counter, service: Service) -> None:
    """Put the papers of a service that is under way where a power cut does not take them."""
    salt = counter.desk.random(32)
    sealed = _sealed(counter.desk, service.row, salt, {"papers": service.papers})
    with counter.desk.database.transaction(f"{service.kind} papers") as tx:
        tx.services.keep(service.row.id, sealed, salt)


def _sealed(desk: Desk, row: ServiceRow, salt: bytes, told: dict[str, Any]) -> bytes:
    return desk.keys.seal(SEAL, salt, json.dumps(told, ensure_ascii=False).encode(), sealed_for(row))


def sealed_for(row: ServiceRow) -> bytes:
    """What the sealed part of a service is bound to."""
    return f"service:{row.token}".encode()


def _begin(
    counter: Counter, token: str, kind: Kind, subject: Subject, shown: Shown, approver: Person | None
) -> Service:
    desk, identity = counter.desk, shown.identity
    now = here_and_now(desk)
    with desk.database.transaction(f"{kind} begun") as tx:
        receipt = f"HZ{now:%Y%m%d}{tx.jobs.next_number(f'receipt:{now:%Y%m%d}', 1):04d}"
        row = tx.services.begin(
            token=token,
            receipt=receipt,
            service=kind,
            card_index=number_index(desk.keys, subject.card_number),
            holder_index=holder_index(desk.keys, subject.social_security_number)
            if subject.social_security_number
            else None,
            document=identity.document,
            document_index=desk.keys.index(_INDEX, f"document:{identity.document}:{identity.number}".encode()),
            relation=identity.relation,
            checked_by=desk.person.login,
            approved_by=approver.login if approver else None,
            begun_at=desk.at(),
        )
        details = {
            "receipt": receipt,
            "document": str(identity.document),
            "agent": str(bool(identity.relation)).lower(),
        }
        if approver:
            details["approved_by"] = approver.login
        if subject.row:
            details["job"] = str(subject.row.job_id)
        tx.audit.append(desk.event(f"counter.{kind}", row.token, "intent", details))
    return Service(kind, row, subject, shown)


_OUTCOMES: dict[ServiceOutcome, Outcome] = {"done": "done", "refused": "refused", "doubt": "failed"}


def _end(counter: Counter, service: Service, outcome: ServiceOutcome, why: CardfabError | None) -> None:
    desk, row = counter.desk, service.row
    details = {"receipt": row.receipt, **service.audit}
    salt = desk.random(32)
    told = to_plain(receipt_of(counter, service, why))
    sealed = _sealed(desk, row, salt, told | ({"papers": service.papers} if service.papers else {}))
    if why is not None:
        details["code"] = why.code
    with desk.database.transaction(f"{service.kind} ended") as tx:
        tx.services.end(row.id, outcome, desk.at(), reason=why.code if why else None, sealed=sealed, salt=salt)
        tx.audit.append(desk.event(f"counter.{service.kind}", row.token, _OUTCOMES[outcome], details))
        desk.checkpoint(tx)
