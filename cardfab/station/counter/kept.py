"""What a receipt said, as it lies sealed with its service. Numbers are masked before they are kept, as on the paper."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cardfab.documents import hidden
from cardfab.documents.counter import Change, DocumentSeen, Holder, Line, Made, Receipt, Words
from cardfab.errors import Text


def to_plain(receipt: Receipt) -> dict[str, Any]:
    """A receipt as JSON takes it."""
    made, holder, seen = receipt.made, receipt.holder, receipt.document
    return {
        "made": [made.number, made.station, made.operator, made.at.isoformat(), made.language, made.specimen],
        "service": _put(receipt.service),
        "holder": [
            holder.name,
            hidden(holder.social_security_number),
            hidden(holder.card_number),
            _put(holder.region),
        ],
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
    number, station, operator, at, language, specimen = kept["made"]
    name, social_security_number, card_number, region = kept["holder"]
    seen = kept["document"]
    return Receipt(
        made=Made(number, station, operator, datetime.fromisoformat(at), language, specimen=specimen),
        service=_text(kept["service"]),
        holder=Holder(name, social_security_number, card_number, _words(region)),
        outcome=_text(kept["outcome"]),
        done=kept["done"],
        document=None if seen is None else DocumentSeen(_text(seen[0]), seen[1], seen[2]),
        lines=tuple(Line(_text(one[0]), _words(one[1]), one[2], _words(one[3])) for one in kept["lines"]),
        changes=tuple(Change(_text(one[0]), _maybe(one[1]), _maybe(one[2])) for one in kept["changes"]),
        next_steps=tuple(_text(one) for one in kept["next"]),
        approved_by=kept["approved_by"],
    )


def _put(words: Words | None) -> list[str] | str | None:
    return [words.en, words.zh] if isinstance(words, Text) else words


def _text(kept: Any) -> Text:
    en, zh = kept
    return Text(en, zh)


def _words(kept: Any) -> Words:
    return str(kept) if isinstance(kept, str) else _text(kept)


def _maybe(kept: Any) -> Words | None:
    return None if kept is None else _words(kept)
