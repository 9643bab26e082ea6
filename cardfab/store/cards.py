"""Issued cards through their life. A state moves by the table of ``production``, by compare-and-set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, insert, select, update

from cardfab.errors import InputRefused, Text
from cardfab.production import CardState, StateRefused, card_after
from cardfab.store.jobs import JobRow, Move
from cardfab.store.tables import issued_card


class CardUnknown(InputRefused):
    """This station has not issued such a card."""

    default_code = "CF-3150"


@dataclass(frozen=True, slots=True)
class CardRow:
    """One issued card. ``sealed`` is None for a card made before lives were kept: its job says who it is for."""

    job_id: int
    number_index: bytes
    chip: str
    state: CardState
    made_at: str
    token: str
    holder_index: bytes
    product: str
    activate_until: str | None
    expires_on: str | None
    handed_over_at: str | None
    activated_at: str | None
    changed_at: str | None
    changed_by: str | None
    sealed: bytes | None
    salt: bytes | None


@dataclass(frozen=True, slots=True)
class CardLife:
    """What is kept of a card when it is made. Days are ISO 8601."""

    token: str
    holder_index: bytes
    product: str
    activate_until: str
    expires_on: str
    sealed: bytes
    salt: bytes


_STAMPS = {CardState.HANDED_OVER: "handed_over_at", CardState.ACTIVATED: "activated_at"}


class Cards:
    """The cards this station made."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def made(self, one: JobRow, life: CardLife, move: Move) -> None:
        """Keep the card that a finished job made."""
        values = {name: getattr(life, name) for name in CardLife.__slots__}
        values |= {
            "job_id": one.id, "number_index": one.card_number_index, "chip": one.chip, "state": CardState.MADE,
            "made_at": move.at, "changed_at": move.at, "changed_by": move.by,
        }  # fmt: skip
        self._connection.execute(_MADE, values)

    def all(self, *states: CardState) -> tuple[CardRow, ...]:
        """Cards in some states (all without any), oldest first."""
        rows = select(issued_card).order_by(issued_card.c.job_id)
        if states:
            rows = rows.where(issued_card.c.state.in_(states))
        return tuple(_row(found) for found in self._connection.execute(rows))

    def get(self, job_id: int) -> CardRow:
        """The card of a job; raises :class:`CardUnknown`."""
        found = self._one(_BY_JOB, {"wanted": job_id})
        if found is None:
            raise CardUnknown(
                Text(f"Job {job_id} has made no card.", f"作业 {job_id} 没有制成的卡。"),
                do=Text("'cardfab job show' says what became of it.", "请用 cardfab job show 查看。"),
            )
        return found

    def by_number(self, number_index: bytes) -> CardRow | None:
        """The card of a number, None where another station issued it."""
        return self._one(select(issued_card).where(issued_card.c.number_index == number_index))

    def of_holder(self, holder_index: bytes) -> tuple[CardRow, ...]:
        """All cards of one holder, oldest first."""
        rows = select(issued_card).where(issued_card.c.holder_index == holder_index).order_by(issued_card.c.job_id)
        return tuple(_row(found) for found in self._connection.execute(rows))

    def move(self, one: CardRow, target: CardState, move: Move, **columns: Any) -> CardRow:
        """Take a card to another state. Raises :class:`StateRefused` when the table or another program forbids it."""
        values = {"state": card_after(one.state, target), "changed_at": move.at, "changed_by": move.by, **columns}
        if target in _STAMPS:
            values.setdefault(_STAMPS[target], move.at)
        changed = self._connection.execute(
            update(issued_card)
            .where(issued_card.c.job_id == one.job_id, issued_card.c.state == one.state)
            .values(**values)
        )
        if changed.rowcount != 1:
            raise StateRefused(
                Text(f"The card of job {one.job_id} was changed by another program.",
                     f"作业 {one.job_id} 的卡已被其他程序改动。")
            )  # fmt: skip
        return self.get(one.job_id)

    def erase(self, job_id: int) -> None:
        """Destroy the salt: who the card was for is not read again."""
        self._connection.execute(update(issued_card).where(issued_card.c.job_id == job_id).values(salt=None))

    def _one(self, wanted: Select[Any], values: Mapping[str, object] | None = None) -> CardRow | None:
        found = self._connection.execute(wanted, values).one_or_none()
        return None if found is None else _row(found)


# Made once: a statement that is built anew is spelled out anew for each card.
_MADE = insert(issued_card)
_BY_JOB = select(issued_card).where(issued_card.c.job_id == bindparam("wanted"))


def _row(found: Row[Any]) -> CardRow:
    values = dict(found._mapping)
    return CardRow(**{**values, "state": CardState(values["state"])})
