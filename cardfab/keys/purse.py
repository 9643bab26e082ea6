"""Keys of one card's medical account behind the store's door: they compute what goes out and check what comes in.

What a card must have computed is compared inside, in constant time, and never given out.
"""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.crypto import Algorithm, same
from cardfab.crypto.purse import Load, Purchase, load_mac1, load_mac2, purchase_mac1, purchase_mac2, tac
from cardfab.keys.secret import Secret


@dataclass(frozen=True, slots=True)
class SoftLoadPurse:
    """Fulfils :class:`~cardfab.keys.store.LoadPurse`."""

    algorithm: Algorithm
    value: Secret

    def offers(self, load: Load, mac1: bytes) -> bool:
        return same(load_mac1(self.algorithm, self.value.view(), load), mac1)

    def credit(self, load: Load) -> bytes:
        return load_mac2(self.algorithm, self.value.view(), load)

    def __repr__(self) -> str:
        return f"<load key of a card, {self.algorithm.value}>"


@dataclass(frozen=True, slots=True)
class SoftPurchasePurse:
    """Fulfils :class:`~cardfab.keys.store.PurchasePurse`."""

    algorithm: Algorithm
    value: Secret

    def debit(self, purchase: Purchase) -> bytes:
        return purchase_mac1(self.algorithm, self.value.view(), purchase)

    def paid(self, purchase: Purchase, mac2: bytes) -> bool:
        return same(purchase_mac2(self.algorithm, self.value.view(), purchase), mac2)

    def __repr__(self) -> str:
        return f"<purchase key of a card, {self.algorithm.value}>"


@dataclass(frozen=True, slots=True)
class SoftTacKey:
    """Fulfils :class:`~cardfab.keys.store.TacKey`."""

    algorithm: Algorithm
    value: Secret

    def certifies(self, transaction: Load | Purchase, code: bytes) -> bool:
        return same(tac(self.algorithm, self.value.view(), transaction), code)

    def __repr__(self) -> str:
        return f"<TAC key of a card, {self.algorithm.value}>"
