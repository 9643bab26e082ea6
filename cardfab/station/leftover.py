"""Key uses that died with their program: in doubt, and said so by the next one that finds itself alone at the station.

Whose program lives cannot be seen from the record, so this is done only while no other program of the station does
(:func:`cardfab.cli.sole.among`).
"""

from __future__ import annotations

from typing import Final

from cardfab.audit import account
from cardfab.station.counter.cutoff import CUT_OFF, readable
from cardfab.station.desk import Desk
from cardfab.station.keyrecord import ACTION

_MARK: Final = "key uses"
"""Up to which event of the record no use of this station is left open."""
_LONGEST: Final = 100_000
"""So many events are looked through where there is no mark yet."""
_WORTH: Final = 500
"""So many new ones are worth a new mark."""


def end_key_uses(desk: Desk) -> int:
    """Put an outcome behind every key use of this station that has none; how many. Nobody else of it may live."""
    with desk.database.reading() as tx:
        if tx.audit.waiting():  # an outcome may be among them; the next start sees it
            return 0
        size, mark = tx.audit.tree().size, tx.audit.known(desk.station, _MARK)
        begin = max(0, size - _LONGEST) if mark is None else int(mark)
        leaves = [one.leaf for one in tx.audit.stored(begin) if b'"action":"key.use"' in one.leaf]
    uses = [event for event in readable(leaves) if event.station == desk.station]
    left = [one.event for one in account(uses).in_doubt]
    if left or size - begin > _WORTH:
        with desk.database.transaction("key uses cut off") as tx:
            for use in left:
                why = {"code": CUT_OFF, "why": "the program was cut off"}
                tx.audit.append(desk.event(ACTION, use.subject, "failed", {**use.details, **why}))
            tx.audit.learn(desk.station, _MARK, str(size))
    return len(left)


__all__ = ["end_key_uses"]
