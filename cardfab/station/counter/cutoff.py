"""Services that were cut off by a death of the program or of the machine: found, and booked as what they are, in doubt.

A service is over when it is begun in the books and nobody holds it. Whose it is says its intent in the record: what
another station of the same database has begun is that station's, at work or not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from cardfab.audit import AuditEvent, AuditRefused
from cardfab.station.counter.holding import is_held, let_go
from cardfab.station.desk import Desk
from cardfab.store import ServiceRow

CUT_OFF: Final = "CF-9330"
"""Why such a service is in doubt."""
_SPAN, _WIDER = 2000, 8
_CLOCKS: Final = timedelta(days=1)
"""So far the clocks of stations that share a record are apart at most."""


def end_cut_off(desk: Desk) -> tuple[ServiceRow, ...]:
    """Book every service of this station in doubt that nobody holds any more; these. At any time, work or not."""
    with desk.database.reading() as tx:
        begun = tx.services.with_outcome("begun")
    left = [row for row in begun if not is_held(desk, row.token)]
    if not left:
        return ()
    desk.database.sequence(patient=False)  # an intent may still wait for its place
    here = _begun_here(desk, left)
    return tuple(row for row in left if row.token in here and _ended(desk, row))


def _ended(desk: Desk, row: ServiceRow) -> bool:
    """Whether it was this call that ended it: it may have come to its own end meanwhile."""
    with desk.database.transaction("service cut off") as tx:
        if not tx.services.move(row.id, "begun", "doubt", ended_at=desk.at(), reason=CUT_OFF):
            return False
        details = {"receipt": row.receipt, "code": CUT_OFF, "why": "the program was cut off"}
        tx.audit.append(desk.event(f"counter.{row.service}", row.token, "failed", details))
        desk.checkpoint(tx)
    let_go(desk, row.token)
    return True


def _begun_here(desk: Desk, rows: Sequence[ServiceRow]) -> Collection[str]:
    """The tokens whose intent is of this station. The record is read from its end, no further back than is needed."""
    since = min(datetime.fromisoformat(row.begun_at) for row in rows) - _CLOCKS
    wanted, stations, span = {row.token for row in rows}, dict[str, str](), _SPAN
    with desk.database.reading() as tx:
        size = tx.audit.tree().size
        while True:
            leaves = [one.leaf for one in tx.audit.stored(max(0, size - span))]
            for event in readable(leaf for leaf in leaves if b'"action":"counter.' in leaf):
                if event.subject in wanted:
                    stations.setdefault(event.subject, event.station)
            oldest = next(readable(leaves), None)
            if span >= size or stations.keys() == wanted or (oldest is not None and oldest.time < since):
                return {token for token, station in stations.items() if station == desk.station}
            span *= _WIDER


def readable(leaves: Iterable[bytes]) -> Iterator[AuditEvent]:
    """The events of leaves; one that was changed is passed over here, and named where the record is checked."""
    for leaf in leaves:
        with suppress(AuditRefused):
            yield AuditEvent.decode(leaf)


__all__ = ["CUT_OFF", "end_cut_off", "readable"]
