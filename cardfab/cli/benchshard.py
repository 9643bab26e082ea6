"""The part of ``cardfab bench dataprep`` for shards: rows a second and core from a sealed request to a sealed card.

In it: the draws, opening the request, card keys, certificates, records, JSON, seal, index, digest: in the lots that a
shard is prepared in. Not in it: the database. The floor is that of the card's cryptography, as for one card.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from cardfab.bureau.drawing import draw, pack, unpack
from cardfab.bureau.lot import Lot, Row
from cardfab.keys import KeyStore
from cardfab.keys.pool import IccPool
from cardfab.prepare.items import ItemBook
from cardfab.prepare.records import expiry_date
from cardfab.prepare.request import IssuanceRequest
from cardfab.profile.application import FileApplication
from cardfab.profile.card import CardProfile
from cardfab.profile.codes import CodeTables
from cardfab.profile.face import FaceTemplate
from cardfab.profile.financial import FinancialApplication
from cardfab.profile.loader import ProfileSource, load
from cardfab.profile.product import Product
from cardfab.station.assembling import Making
from cardfab.station.desk import ProductSet
from cardfab.station.vault import open_requests, seal_request

_TODAY = date(2026, 1, 1)
KINDS = {
    "SM2, shard": "pboc-debit-sm2",
    "RSA from the pool, shard": "pboc-debit-contact-rsa",
    "symmetric only, shard": "pboc-debit-contact",
}
"""What is measured, and the application of it."""


@dataclass(slots=True)
class _Shelf:
    """One pooled key, given as often as it is asked for: what is measured is its use."""

    key: bytes

    def put(self, kind: str, sealed: bytes) -> None:
        self.key = sealed

    def take(self, kind: str) -> bytes:
        return self.key

    def take_many(self, kind: str, count: int) -> list[bytes]:
        return [self.key] * count

    def count(self, kind: str) -> int:
        return 1


def shard_works(
    source: ProfileSource, keys: Any, pooled: Callable[[int, int], bytes], rows: int
) -> dict[str, Callable[[], object]]:
    """A lot of ``rows`` cards of each kind, to be measured; ``keys`` a training bank's store."""
    return {name: _work(source, keys, pooled, application, rows) for name, application in KINDS.items()}


def _work(
    source: ProfileSource, keys: KeyStore, pooled: Callable[[int, int], bytes], application: str, rows: int
) -> Callable[[], object]:
    product = load(source, "products", "bureau-sm2", Product)
    files = load(source, "applications", product.files, FileApplication)
    chosen = ProductSet(
        product=product,
        card=load(source, "cards", product.card, CardProfile),
        files=files,
        financial=load(source, "applications", application, FinancialApplication),
        face=load(source, "faces", product.face, FaceTemplate),
    )
    book = ItemBook(files, load(source, "codes", "training", CodeTables))
    making = Making(chosen, book, _TODAY, expiry_date(_TODAY, product.validity_years))
    lot = Lot.of(making, bytes(32), "service-clear")
    size = lot.draws.rsa
    pool = None if size is None else IccPool(_Shelf(pooled(*size)), keys)  # type: ignore[arg-type]
    tokens = [f"{place:032x}" for place in range(rows)]
    sealed = [seal_request(keys, _request(place), token, lot.salt) for place, token in enumerate(tokens)]

    def work() -> object:
        drawn = unpack(pack(draw(keys, pool, lot.draws, range(1, rows + 1))))
        requests = open_requests(keys, sealed, tokens, lot.salt)
        return list(lot.made(keys, [Row(*one) for one in _numbered(requests, tokens, drawn)]))

    return work


def _numbered(requests: Sequence[IssuanceRequest], tokens: Sequence[str], drawn: Sequence[Any]) -> Any:
    places = range(1, len(tokens) + 1)
    return zip(requests, tokens, places, places, drawn, strict=True)


def _request(place: int) -> IssuanceRequest:
    """Nobody's request."""
    return IssuanceRequest(
        request_id=f"B{place:09d}", social_security_number="440199199001010010", name="样卡", sex="1", ethnicity="01",
        birth_date=date(1990, 1, 1), birthplace="440199", region="440199", category="new-enrolment", card_class="1",
        household_type="10", household_address="示例市丁区示例路1号", phone="13800000000", employer="示例机械厂",
        marital_status="1", employment_status="1", identity_category="10", bank_product="bureau-sm2", photo=None,
        photo_name="", replaces_card=None, urgent=False,
    )  # fmt: skip


def seconds_each(work: Callable[[], object], rows: int, rounds: int) -> float:
    """Processor seconds a row, the best of some rounds."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        work()
        best = min(best, (time.process_time() - start) / rows)
    return best


__all__ = ["KINDS", "seconds_each", "shard_works"]
