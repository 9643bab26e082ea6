"""Rows of a batch that would make a card a second time: found by the database, over every batch and every station."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from cardfab.errors import Text
from cardfab.station.desk import Desk
from cardfab.store import Transaction
from cardfab.store.batches import WRONG, Finding

_AT_ONCE = 1000

KNOWN: Final = Text("A request with this id was taken in before.", "该申请编号此前已接收。")
IN_WORK: Final = Text(
    "A card of this holder is being made already, or is ordered in another batch.",
    "该持卡人的卡正在制作，或已列入其他批次。",
)
HAS_CARD: Final = Text(
    "This holder has a card in use, and the category replaces none.", "该持卡人已有在用卡，而该类别不补换旧卡。"
)


def find_doubles(desk: Desk, batch_id: int, tell: Callable[[int], None]) -> None:
    """Mark as wrong what is in the batch twice, or known from elsewhere; ``tell`` hears how many were found so far."""
    with desk.database.transaction("batch compared") as tx:
        tx.batches.tell_planner()
    replacing = _replacing(desk)
    # One question after the other: what the first has marked is not asked about again.
    questions: tuple[Callable[[Transaction], Iterable[Finding]], ...] = (
        lambda tx: _twice(tx, batch_id, "request_id"),
        lambda tx: _found(tx.batches.known(batch_id), "request_id", KNOWN),
        lambda tx: _twice(tx, batch_id, "holder_index"),
        lambda tx: _found(tx.batches.holders_in_work(batch_id), "social_security_number", IN_WORK),
        lambda tx: _found(tx.batches.holders_with_card(batch_id, replacing), "social_security_number", HAS_CARD),
    )
    done = 0
    for ask in questions:
        with desk.database.reading() as tx:
            some: list[Finding] = []
            for one in ask(tx):
                some.append(one)
                if len(some) == _AT_ONCE:
                    done += _mark(desk, batch_id, some)
                    tell(done)
            done += _mark(desk, batch_id, some)


def any_late(desk: Desk, tx: Transaction, batch_id: int) -> bool:
    """Whether a card of a holder in the batch was begun or made elsewhere since :func:`find_doubles` looked."""
    return any(
        next(late, None) is not None
        for late in (
            tx.batches.holders_in_work(batch_id),
            tx.batches.holders_with_card(batch_id, _replacing(desk)),
        )
    )


def _replacing(desk: Desk) -> list[str]:
    return [name for name, category in desk.codes().category.items() if category.replaces_card]


def _twice(tx: Transaction, batch_id: int, column: str) -> Iterator[Finding]:
    for place, row, request_id, first in tx.batches.twice(batch_id, column):
        if column == "request_id":
            why = Text(f"This id stands in row {first} already.", f"该编号已在第 {first} 行出现。")
            yield Finding(place, row, request_id, "request_id", why)
        else:
            why = Text(f"This holder is in row {first} already.", f"该持卡人已在第 {first} 行出现。")
            yield Finding(place, row, request_id, "social_security_number", why)


def _found(rows: Iterable[tuple[int, int, str]], field: str, why: Text) -> Iterator[Finding]:
    for place, row, request_id in rows:
        yield Finding(place, row, request_id, field, why)


def _mark(desk: Desk, batch_id: int, some: list[Finding]) -> int:
    """Keep what was found, and leave the rows out; how many. The list is empty afterwards."""
    found = len(some)
    if some:
        with desk.database.transaction("batch doubles") as tx:
            tx.batches.put_findings(batch_id, some)
            tx.batches.leave_out(batch_id, [one.place for one in some], WRONG)
        some.clear()
    return found


__all__ = ["HAS_CARD", "IN_WORK", "KNOWN", "any_late", "find_doubles"]
