"""Which keys made which card: labels, versions and check values, by job; tokens name the cards outside."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, distinct, func, insert, select

from cardfab.store.keytables import card_key_use, key_set, key_set_member
from cardfab.store.tables import inserted_id, issued_card, job, request


@dataclass(frozen=True, slots=True)
class UsedKey:
    """A key as it was when a card was made with it."""

    label: str
    version: int
    kcv: str


@dataclass(frozen=True, slots=True)
class CardOfKey:
    """A card that was made with a key. ``token`` is that of the card, of the job where none was finished."""

    token: str
    product: str
    region: str
    state: str
    """Of the card, of the job where none was finished."""
    made_at: str


@dataclass(frozen=True, slots=True)
class CardMarks:
    """What tells the own keys of a card from those of every other."""

    token: str
    chip: str
    secret: str
    publics: tuple[str, ...]


class KeyUses:
    """The book of which keys made which card."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, job_id: int, used: Collection[UsedKey], region: str, secret: str, publics: Sequence[str]) -> None:
        """Keep the keys of a job's card, once."""
        if self._connection.scalar(_KNOWN, {"wanted": job_id}) is None:
            marks = {"secret_mark": secret, "public_marks": ",".join(publics)}
            self._connection.execute(_USED, {"job_id": job_id, "set_id": self._set(used), "region": region, **marks})

    def counts(self) -> dict[str, int]:
        """How many cards each key made, by label."""
        rows = (
            select(key_set_member.c.label, func.count(card_key_use.c.job_id))
            .join(card_key_use, card_key_use.c.set_id == key_set_member.c.set_id)
            .group_by(key_set_member.c.label)
        )
        return {label: int(count) for label, count in self._connection.execute(rows)}

    def used(self, label: str) -> tuple[UsedKey, ...]:
        """A key in each version that made a card."""
        member = key_set_member
        rows = select(distinct(member.c.label), member.c.version, member.c.kcv).where(member.c.label == label)
        return tuple(UsedKey(*found) for found in self._connection.execute(rows.order_by(member.c.version)))

    def cards(self, labels: Collection[str], region: str = "") -> tuple[CardOfKey, ...]:
        """The cards that any of these keys made, of places that begin with ``region``."""
        sets = select(key_set_member.c.set_id).where(key_set_member.c.label.in_(sorted(labels)))
        rows = _cards(
            func.coalesce(issued_card.c.token, job.c.token), request.c.product, card_key_use.c.region,
            func.coalesce(issued_card.c.state, job.c.state), func.coalesce(issued_card.c.made_at, job.c.changed_at),
        ).where(card_key_use.c.set_id.in_(sets), card_key_use.c.region.startswith(region))  # fmt: skip
        return tuple(CardOfKey(*found) for found in self._connection.execute(rows.order_by(job.c.id)))

    def marks(self) -> tuple[CardMarks, ...]:
        """The marks of every finished card, oldest first. A spoiled one shares its keys with its remake."""
        rows = _cards(
            func.coalesce(issued_card.c.token, job.c.token), job.c.chip, card_key_use.c.secret_mark,
            card_key_use.c.public_marks,
        ).where(issued_card.c.job_id.is_not(None)).order_by(job.c.id)  # fmt: skip
        found = self._connection.execute(rows)
        return tuple(CardMarks(token, chip or "", secret, _split(publics)) for token, chip, secret, publics in found)

    def _set(self, used: Collection[UsedKey]) -> int:
        members = sorted({(one.label, one.version, one.kcv) for one in used})
        digest = hashlib.sha256(repr(members).encode()).digest()
        found = self._connection.scalar(_SET, {"wanted": digest})
        if found is not None:
            return int(found)
        made = inserted_id(self._connection.execute(insert(key_set).values(digest=digest)))
        rows = [{"set_id": made, "label": label, "version": version, "kcv": kcv} for label, version, kcv in members]
        if rows:
            self._connection.execute(insert(key_set_member), rows)
        return made


# Made once: a statement that is built anew is spelled out anew for each card.
_KNOWN = select(card_key_use.c.job_id).where(card_key_use.c.job_id == bindparam("wanted"))
_USED = insert(card_key_use)
_SET = select(key_set.c.id).where(key_set.c.digest == bindparam("wanted"))


def _cards(*wanted: Any) -> Select[Any]:
    """Those columns of every card with its keys."""
    return (
        select(*wanted)
        .select_from(card_key_use)
        .join(job, job.c.id == card_key_use.c.job_id)
        .join(request, request.c.id == job.c.request_id)
        .outerjoin(issued_card, issued_card.c.job_id == job.c.id)
    )


def _split(marks: str) -> tuple[str, ...]:
    return tuple(marks.split(",")) if marks else ()
