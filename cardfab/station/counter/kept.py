"""What a receipt said, as it lies sealed with its service. Numbers are masked before they are kept, as on the paper."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cardfab.documents import hidden
from cardfab.documents.counter import (
    Change,
    DocumentSeen,
    Holder,
    Line,
    Made,
    Receipt,
    Statement,
    Transaction,
    Words,
)
from cardfab.errors import Text


def to_plain(receipt: Receipt) -> dict[str, Any]:
    """A receipt as JSON takes it."""
    seen = receipt.document
    return {
        "made": _made(receipt.made),
        "service": _put(receipt.service),
        "holder": _holder(receipt.holder),
        "outcome": _put(receipt.outcome),
        "done": receipt.done,
        "document": None if seen is None else [_put(seen.kind), seen.last_digits, seen.bearer],
        "lines": [[_put(one.label), _put(one.value), one.strong, _put(one.note)] for one in receipt.lines],
        "changes": [[_put(one.label), _put(one.old), _put(one.new)] for one in receipt.changes],
        "next": [_put(one) for one in receipt.next_steps],
        "approved_by": receipt.approved_by,
    }


def from_plain(kept: dict[str, Any]) -> Receipt:
    """The inverse of :func:`to_plain`; raises KeyError, TypeError or ValueError where another program wrote it."""
    seen = kept["document"]
    return Receipt(
        made=_made_of(kept["made"]),
        service=_text(kept["service"]),
        holder=_holder_of(kept["holder"]),
        outcome=_text(kept["outcome"]),
        done=kept["done"],
        document=None if seen is None else DocumentSeen(_text(seen[0]), seen[1], seen[2]),
        lines=tuple(Line(_text(one[0]), _words(one[1]), one[2], _words(one[3])) for one in kept["lines"]),
        changes=tuple(Change(_text(one[0]), _maybe(one[1]), _maybe(one[2])) for one in kept["changes"]),
        next_steps=tuple(_text(one) for one in kept["next"]),
        approved_by=kept["approved_by"],
    )


def statement_to_plain(statement: Statement) -> dict[str, Any]:
    """A statement as JSON takes it."""
    numbers = ("balance", "own", "pooled", "year", "count", "limit", "cleared", "year_begins")
    return {
        "made": _made(statement.made),
        "holder": _holder(statement.holder),
        "numbers": {name: getattr(statement, name) for name in numbers},
        "transactions": [
            [one.sequence, one.kind, one.at and one.at.isoformat(), one.terminal, one.account, one.own, one.pooled]
            for one in statement.transactions
        ],
    }


def statement_from_plain(kept: dict[str, Any]) -> Statement:
    """The inverse of :func:`statement_to_plain`."""
    numbers = dict(kept["numbers"])
    begins = numbers.pop("year_begins")
    return Statement(
        made=_made_of(kept["made"]),
        holder=_holder_of(kept["holder"]),
        transactions=tuple(
            Transaction(number, kind, at and datetime.fromisoformat(at), *rest)
            for number, kind, at, *rest in kept["transactions"]
        ),
        year_begins=None if begins is None else (begins[0], begins[1]),
        **numbers,
    )


def _made(made: Made) -> list[object]:
    return [made.number, made.station, made.operator, made.at.isoformat(), made.language, made.specimen]


def _made_of(kept: Any) -> Made:
    number, station, operator, at, language, specimen = kept
    return Made(number, station, operator, datetime.fromisoformat(at), language, specimen=specimen)


def _holder(holder: Holder) -> list[object]:
    return [holder.name, hidden(holder.social_security_number), hidden(holder.card_number), _put(holder.region)]


def _holder_of(kept: Any) -> Holder:
    name, social_security_number, card_number, region = kept
    return Holder(name, social_security_number, card_number, _words(region))


def _put(words: Words | None) -> list[str] | str | None:
    return [words.en, words.zh] if isinstance(words, Text) else words


def _text(kept: Any) -> Text:
    en, zh = kept
    return Text(en, zh)


def _words(kept: Any) -> Words:
    return str(kept) if isinstance(kept, str) else _text(kept)


def _maybe(kept: Any) -> Words | None:
    return None if kept is None else _words(kept)
