"""The record goes out: one file that verifies without this station."""

from __future__ import annotations

from cardfab.audit import write_export
from cardfab.production import Act
from cardfab.station.desk import Desk


def export_record(desk: Desk) -> bytes:
    """The whole audit record, signed to its end; verified before it is returned."""
    desk.person.must(Act.EXPORT_AUDIT)
    with desk.database.transaction("export") as tx:
        tx.audit.append(desk.event("audit.export", desk.token(), "done", {}))
        desk.checkpoint(tx)
        checkpoints, leaves = list(tx.audit.checkpoints()), list(tx.audit.leaves())
    return write_export(f"cardfab/{desk.station}", [str(desk.audit_key())], checkpoints, leaves)
