"""Medical transactions booked before the command that moves money, so that a torn one can be settled by the card."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from cardfab.crypto.purse import Load, Purchase
from cardfab.errors import StockFault, Text
from cardfab.station.counter.presented import Presented
from cardfab.station.counter.service import Service
from cardfab.station.desk import Desk
from cardfab.store import PendingRow
from cardfab.terminal.orders import Pending, Settlement

_SEAL = "station/seal"


class Unsettled(StockFault):
    """A transaction of this card was interrupted; the card keeps the proof of its last one only."""

    default_code = "CF-7650"

    def __init__(self) -> None:
        super().__init__(
            Text("An interrupted transaction of this card is not settled.", "该卡有中断的交易尚未核实。"),
            do=Text("Settle it first: 'cardfab card recover'.", "请先核实：cardfab card recover。"),
        )


class Booking:
    """Books one transaction: call it with what is pending, then :meth:`settle`."""

    def __init__(self, here: Presented, service: Service) -> None:
        self._here, self._service = here, service
        self.pending_id: int | None = None

    def __call__(self, pending: Pending) -> None:
        """Intent: committed before the command that moves money. From here the card may be changed."""
        desk, salt = self._here.counter.desk, self._here.counter.desk.random(32)
        kind = "load" if isinstance(pending.transaction, Load) else "purchase"
        sealed = desk.keys.seal(_SEAL, salt, to_json(pending), b"pending")
        with desk.database.transaction("pending") as tx:
            row = self._service.row
            self.pending_id = tx.medical.begin(row.id, self._here.index, kind, at=desk.at(), sealed=sealed, salt=salt)
        self._service.touched = True

    def settle(self, outcome: str) -> None:
        """Outcome: what became of it."""
        if self.pending_id is not None:
            desk = self._here.counter.desk
            with desk.database.transaction("settled") as tx:
                tx.medical.settle(self.pending_id, outcome, desk.at())


def open_of(here: Presented) -> tuple[PendingRow, ...]:
    """The transactions of this card whose outcome is not known, oldest first."""
    with here.counter.desk.database.reading() as tx:
        return tuple(row for row in tx.medical.transactions(here.index) if row.outcome is None)


def require_settled(here: Presented) -> None:
    """Raise :class:`Unsettled` where one waits: a new transaction would take the proof of the old one away."""
    if open_of(here):
        raise Unsettled


def opened(desk: Desk, row: PendingRow) -> Pending:
    """The transaction of a row; raises :class:`Unsettled` when it was erased."""
    if row.salt is None:
        raise Unsettled
    return from_json(desk.keys.unseal(_SEAL, row.salt, row.sealed, b"pending"))


def to_json(pending: Pending) -> bytes:
    """A pending transaction as it is kept; amounts and counters, no key."""
    made = pending.transaction
    parts = {name: value.hex() if isinstance(value, bytes) else value for name, value in asdict(made).items()}
    content = {
        "kind": "load" if isinstance(made, Load) else "purchase",
        "code": pending.code.hex(),
        "before": pending.before,
        "version": pending.version,
        "settlement": asdict(pending.settlement) if pending.settlement else None,
        "parts": parts,
    }
    return json.dumps(content, sort_keys=True).encode()


def from_json(data: bytes) -> Pending:
    """The inverse of :func:`to_json`."""
    found = json.loads(data)
    parts: dict[str, Any] = {
        name: bytes.fromhex(value) if isinstance(value, str) else value for name, value in found["parts"].items()
    }
    made = Load(**parts) if found["kind"] == "load" else Purchase(**parts)
    settlement = Settlement(**found["settlement"]) if found["settlement"] else None
    return Pending(bytes.fromhex(found["code"]), made, found["before"], found["version"], settlement)
