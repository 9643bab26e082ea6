"""Some rows of a shard at once: from requests, numbers and draws to sealed cards with their digests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cardfab.bureau.content import card_digest, signed_records
from cardfab.bureau.drawing import Drawn
from cardfab.keys import KeyStore
from cardfab.keys.custody import Custody
from cardfab.keys.issuerkeys import IccKey
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.financial.asking import all_answered
from cardfab.prepare.financial.prepare import Draws, draws_of, preparing_financial
from cardfab.prepare.request import IssuanceRequest
from cardfab.station.assembling import Making
from cardfab.station.vault import number_indexes, seal_cards

_WRITTEN = 100
"""Cards that are written out and sealed together: what memory holds of a lot in full."""


@dataclass(frozen=True, slots=True)
class Row:
    """What a card is made of: the request, the token that its seal is bound to, serial and account, the draws."""

    request: IssuanceRequest = field(repr=False)
    token: str
    serial: int
    sequence: int
    drawn: Drawn = field(repr=False)


@dataclass(frozen=True, slots=True)
class Made:
    """A card, as the database keeps it and as its digest."""

    card: PreparedCard = field(repr=False)
    sealed: bytes = field(repr=False)
    number_index: bytes = field(repr=False)
    digest: bytes


@dataclass(frozen=True, slots=True)
class Lot:
    """What the cards of a batch have in common."""

    making: Making
    salt: bytes = field(repr=False)
    custody: Custody
    draws: Draws
    signed: frozenset[str]

    @classmethod
    def of(cls, making: Making, salt: bytes, custody: Custody) -> Lot:
        """Of a product on a day."""
        financial = making.chosen.financial
        return cls(making, salt, custody, draws_of(financial), signed_records(financial))

    def made(self, keys: KeyStore, rows: Sequence[Row]) -> Iterator[Made]:
        """The cards of these rows, in order; the bank side of the first is judged by every rule.

        The bank's keys are asked once for all; what comes of it is written out some cards at a time.
        """
        making, financial = self.making, self.making.chosen.financial
        begun = [making.begin(row.request, row.serial, row.sequence) for row in rows]
        chips = self._chip_keys(keys, [row.drawn for row in rows])
        works = [
            preparing_financial(financial, one.data, pin=row.drawn.pin, given=given, custody=self.custody)
            for one, row, given in zip(begun, rows, chips, strict=True)
        ]
        banks = all_answered(works, keys)
        making.judge(keys, banks[0])
        indexes = number_indexes(keys, [one.issue.card_number for one in begun])
        del chips, works
        for at in range(0, len(rows), _WRITTEN):
            some = slice(at, at + _WRITTEN)
            cards = [making.card(one, bank) for one, bank in zip(begun[some], banks[some], strict=True)]
            yield from self._written(keys, cards, rows[some], indexes[some])

    def _written(
        self, keys: KeyStore, cards: Sequence[PreparedCard], rows: Sequence[Row], indexes: Sequence[bytes]
    ) -> Iterator[Made]:
        plains = [card.to_json_bytes() for card in cards]
        sealed = seal_cards(keys, plains, [row.token for row in rows], self.salt)
        digests = (
            card_digest(card, plain, self.signed, row.drawn)
            for card, plain, row in zip(cards, plains, rows, strict=True)
        )
        return (Made(*one) for one in zip(cards, sealed, indexes, digests, strict=True))

    def _chip_keys(self, keys: KeyStore, drawn: Sequence[Drawn]) -> list[Mapping[str, IccKey]]:
        found: list[dict[str, IccKey]] = [{} if one.sm2 is None else {"SM2": one.sm2} for one in drawn]
        pooled = [place for place, one in enumerate(drawn) if one.rsa]
        if pooled:
            opened = keys.icc_from_pool_many([drawn[place].rsa for place in pooled], self.draws.rsa_filling)
            for place, key in zip(pooled, opened, strict=True):
                found[place]["RSA"] = key
        return list(found)


__all__ = ["Lot", "Made", "Row"]
