"""Medical transactions told to the issuer host, so that it can say of a lost card what the card cannot.

Off line first: a host that does not answer keeps nobody waiting, and is told with the next transaction of the card.
"""

from __future__ import annotations

from cardfab.crypto.purse import Load
from cardfab.errors import CardfabError
from cardfab.station.counter.outbox import about, report_completed, status_of
from cardfab.station.counter.pending import opened
from cardfab.station.counter.presented import Presented
from cardfab.station.host import Fields, Operation
from cardfab.store import PendingRow


def report_transactions(here: Presented) -> bool | None:
    """Tell the host every transaction of this card it has not taken; None without a host, False if it is silent."""
    host, desk = here.counter.host, here.counter.desk
    if host is None:
        return None
    with desk.database.reading() as tx:
        rows = [row for row in tx.medical.transactions(here.index) if row.outcome == "done" and row.salt is not None]
    try:
        report_completed(host, here.subject)
        for row in rows:
            name = f"{desk.station}:{row.id}"
            host.change(
                Operation.TRANSACTION,
                f"{about(here.subject)}:{name}",
                {**status_of(here.subject), "transaction": name, **_fields(here, row)},
                {**status_of(here.subject), "transaction": name},
                lambda said: said if said.get("transaction") else None,
            )
    except CardfabError:
        return False
    return True


def _fields(here: Presented, row: PendingRow) -> Fields:
    pending = opened(here.counter.desk, row)
    made = pending.transaction
    head: dict[str, str | int] = {"kind": row.kind, "sequence": made.sequence + 1, "time": made.time.hex()}
    if isinstance(made, Load):
        return head | {"account": made.amount, "own": 0, "pooled": 0}
    return head | {"account": made.account, "own": made.own, "pooled": made.pooled}
