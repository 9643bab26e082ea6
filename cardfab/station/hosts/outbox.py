"""What may wait while the host is away: kept, told in the order of each card, until the host has answered.

May wait: that a card was made or spoiled, that it was handed over, a transaction the card made off line. What gives a
number, a right or a state (application, card number, loss, activation, keys, certificates) may not: it is refused by a
sentence that says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cardfab.audit import milliseconds
from cardfab.errors import CardfabError, StockFault, Text
from cardfab.production import Act
from cardfab.station.desk import Desk
from cardfab.station.host import Fields, HostCode, IssuerHost, Operation
from cardfab.station.hostdesk import HostDesk, HostInDoubt, HostRefused, HostSilent
from cardfab.store import OutboxRow, Transaction

_SEAL = "station/seal"
_INDEX = "station/index"
HAND_OVER = "hand-over"
"""The ``kind`` of an activation that only says who has got the card."""


class MayNotWait(StockFault):
    """Only a host that answers can do this."""

    default_code = "CF-7710"

    def __init__(self, operation: Operation) -> None:
        words = operation.text
        super().__init__(
            Text(f"{words.en[0].upper()}{words.en[1:]} cannot wait for the host.", f"{words.zh}不能离线办理。"),
            do=Text("Do it when the issuer host answers.", "请待发卡主机恢复应答后办理。"),
        )


class ToldNothing(StockFault):
    """There is no such entry that waits."""

    default_code = "CF-7711"

    def __init__(self) -> None:
        super().__init__(
            Text("No such message waits for the host.", "待发主机的消息中没有这一条。"),
            do=Text("Look at the list again.", "请重新查看列表。"),
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What became of it. ``none``: the station has no host to tell. ``again``: the host knew it before."""

    outcome: Literal["done", "waiting", "none"]
    again: bool = False

    @property
    def waiting(self) -> bool:
        """Whether it lies in the outbox."""
        return self.outcome == "waiting"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that waits, for the page: nothing of the holder."""

    id: int
    operation: Operation
    state: Literal["waiting", "done", "refused"]
    since: str
    by: str
    tries: int
    tried_at: str | None
    code: str | None
    age: timedelta


@dataclass(frozen=True, slots=True)
class Queue:
    """The outbox as the page shows it, oldest first."""

    entries: tuple[Entry, ...]

    @property
    def age(self) -> timedelta:
        """How long the oldest has waited."""
        return max((one.age for one in self.entries), default=timedelta())

    @property
    def waiting(self) -> int:
        """How many wait for the host."""
        return sum(one.state == "waiting" for one in self.entries)

    @property
    def refused(self) -> int:
        """How many the host refused: somebody has to settle them."""
        return sum(one.state == "refused" for one in self.entries)


@dataclass(frozen=True, slots=True)
class Drained:
    """What one round brought."""

    done: int
    refused: int
    waiting: int


def age_words(age: timedelta) -> Text:
    """How long, in the unit that says something."""
    minutes = int(age.total_seconds()) // 60
    if minutes < 120:
        return Text(f"{minutes} min", f"{minutes} 分钟")
    if minutes < 2880:
        return Text(f"{minutes // 60} hours", f"{minutes // 60} 小时")
    return Text(f"{minutes // 1440} days", f"{minutes // 1440} 天")


def may_wait(operation: Operation, fields: Fields) -> bool:
    """Whether this may be told later."""
    if operation is Operation.ACTIVATE:
        return fields.get("kind") == HAND_OVER
    return operation in (Operation.COMPLETE, Operation.TRANSACTION)


def tell(desk: Desk, host: HostDesk | IssuerHost | None, operation: Operation, about: str, fields: Fields) -> Told:
    """Tell the host something that may wait, after what already waits of the same card.

    ``about`` names the act (``card:NUMBER`` for a card that was made): the same about is told once. ``fields`` has
    ``card_number``, ``number`` and ``name``. Raises :class:`MayNotWait`, HostRefused.
    """
    if not may_wait(operation, fields):
        raise MayNotWait(operation)
    if host is None:
        return Told("none")
    line = host if isinstance(host, HostDesk) else HostDesk(desk, host)
    with desk.database.transaction("host outbox") as tx:
        row = tx.host_outbox.about(_key(desk, operation, about)) or _queued(desk, tx, operation, about, fields)
        before = tx.host_outbox.before(row)
    if row.state == "done":
        return Told("done", again=True)
    for one in before:
        if not _sent(line, one):
            return Told("waiting")
    try:
        return Told("done", again=_send(line, row))
    except (HostSilent, HostInDoubt):
        return Told("waiting")


def drain(desk: Desk, host: HostDesk | IssuerHost | None, only: int | None = None) -> Drained:
    """Tell the host what waits, card by card; ``only`` names one entry, which draws along what is before it.

    What the host refused is asked again only by its id. A silent host ends the round. Raises :class:`ToldNothing`.
    """
    desk.must(Act.READ)
    with desk.database.reading() as tx:
        rows = tx.host_outbox.open()
    if only is not None:
        wanted = next((row for row in rows if row.id == only), None)
        if wanted is None:
            raise ToldNothing
        rows = tuple(row for row in rows if row.subject == wanted.subject and row.id <= only)
    line = host if isinstance(host, HostDesk) or host is None else HostDesk(desk, host)
    done, stopped = 0, set[bytes]()
    for row in rows:
        if line is None:
            break
        if row.subject in stopped or (row.state == "refused" and row.id != only):
            stopped.add(row.subject)
            continue
        try:
            _send(line, row)
            done += 1
        except HostRefused:
            stopped.add(row.subject)
        except (HostSilent, HostInDoubt):
            break
    left = queue(desk)
    return Drained(done, left.refused, left.waiting)


def queue(desk: Desk) -> Queue:
    """What waits, and what was refused."""
    now = milliseconds(desk.now())
    with desk.database.reading() as tx:
        rows = tx.host_outbox.open()
    return Queue(tuple(_entry(row, now) for row in rows))


def settle(desk: Desk, entry: int, reason: str) -> None:
    """Take a refused entry off the list: it was settled otherwise. Raises :class:`ToldNothing`, NotAllowed."""
    desk.must(Act.WITNESS)
    reason = " ".join(reason.split())
    if not reason:
        raise StockFault(
            Text("Taking a message off the list needs a reason.", "将消息移出列表须说明原因。"),
            do=Text("Say how it was settled.", "请说明核实结果。"),
            code="CF-7712",
        )
    with desk.database.transaction("host outbox") as tx:
        row = next((one for one in tx.host_outbox.open() if one.id == entry and one.state == "refused"), None)
        if row is None:
            raise ToldNothing
        tx.host_outbox.done(row, at=desk.at(), code=row.code)
        details = {"operation": row.operation, "code": row.code or "", "reason": reason}
        tx.audit.append(desk.event("host.settle", row.token, "done", details))


def _queued(desk: Desk, tx: Transaction, operation: Operation, about: str, fields: Fields) -> OutboxRow:
    salt, token = desk.random(32), desk.token()
    plain = json.dumps({"about": about, "fields": dict(fields)}, ensure_ascii=False).encode()
    subject = str(fields.get("card_number") or about)
    row = tx.host_outbox.put(
        key=_key(desk, operation, about),
        subject=desk.keys.index(_INDEX, f"outbox:{subject}".encode()),
        token=token,
        operation=operation,
        at=desk.at(),
        by=desk.person.login,
        sealed=desk.keys.seal(_SEAL, salt, plain, f"outbox:{token}".encode()),
        salt=salt,
    )
    tx.audit.append(desk.event("host.queue", token, "done", {"operation": operation}))
    return row


def _sent(line: HostDesk, row: OutboxRow) -> bool:
    try:
        _send(line, row)
    except CardfabError:
        return False
    return True


def _send(line: HostDesk, row: OutboxRow) -> bool:
    """Send one entry and book what came of it; whether the host knew it. Raises what the host's silence raises."""
    desk, operation = line.desk, Operation(row.operation)
    if row.salt is None:
        raise ToldNothing
    kept = json.loads(desk.keys.unseal(_SEAL, row.salt, row.sealed, f"outbox:{row.token}".encode()))
    fields: Fields = kept["fields"]
    try:
        done = line.change(
            operation, kept["about"], fields, _status(fields), lambda said: _shown(operation, fields, said)
        )
    except HostRefused as refused:
        if refused.host_code is HostCode.NOT_SUPPORTED:  # this host has no such step: there is nothing to tell
            with desk.database.transaction("host outbox") as tx:
                tx.host_outbox.done(row, at=desk.at(), code=refused.host_code)
            return False
        with desk.database.transaction("host outbox") as tx:
            tx.host_outbox.refused(row, at=desk.at(), code=refused.host_code)
        raise
    except CardfabError as silent:
        with desk.database.transaction("host outbox") as tx:
            tx.host_outbox.tried(row, at=desk.at(), code=silent.code)
        raise
    with desk.database.transaction("host outbox") as tx:
        tx.host_outbox.done(row, at=desk.at())
    return done.again


def _status(fields: Fields) -> Fields:
    named = ("number", "name", "card_number", "transaction", "blank")
    return {name: fields[name] for name in named if name in fields}


def _shown(operation: Operation, fields: Fields, said: Fields) -> Fields | None:
    """What the status says of an entry whose answer was lost."""
    if operation is Operation.TRANSACTION:
        return said if said.get("transaction") else None
    if operation is Operation.ACTIVATE:
        return said if said.get("handed_over") else None
    if fields.get("result") == "failure":
        return said if said.get("failure") else None
    return said if said.get("state") else None


def _entry(row: OutboxRow, now: datetime) -> Entry:
    age = max(now - datetime.fromisoformat(row.queued_at), timedelta())
    return Entry(
        row.id,
        Operation(row.operation),
        row.state,
        row.queued_at,
        row.queued_by,
        row.tries,
        row.tried_at,
        row.code,
        age,
    )


def _key(desk: Desk, operation: Operation, about: str) -> bytes:
    return desk.keys.index(_INDEX, f"host:{operation}:{about}".encode())
