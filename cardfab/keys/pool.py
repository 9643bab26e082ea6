"""RSA keys of chips, made ahead: each sealed by the key service, counted, used once.

Where the sealed keys lie is a shelf's affair (:class:`cardfab.station.shelf.FolderShelf`): it gives each away once. A
process that dies between taking a key and using it has lost that key, and never used one twice. A training station
whose pool is empty makes the key while the card waits, and says so; any other refuses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cardfab.errors import KeyFault, Text
from cardfab.keys.issuerkeys import Filling, IccKey


class PoolEmpty(KeyFault):
    """No key of that size is left."""

    default_code = "CF-6410"

    def __init__(self, bits: int, exponent: int) -> None:
        kind = kind_of(bits, exponent)
        super().__init__(
            Text(f"No chip key of kind {kind} is left in the pool.", f"密钥池中已没有 {kind} 芯片密钥。"),
            do=making_advice(bits, exponent),
        )


class Shelf(Protocol):
    """Keeps sealed keys by kind. Whole or not at all, whatever happens to the process or the power."""

    def put(self, kind: str, sealed: bytes) -> None:
        """Keep one; it is there once this returns."""
        ...

    def take(self, kind: str) -> bytes | None:
        """One that nobody gets again, or None."""
        ...

    def take_many(self, kind: str, count: int) -> list[bytes]:
        """As many as ``count`` that nobody gets again, fewer where there are not so many."""
        ...

    def count(self, kind: str) -> int:
        """How many are left."""
        ...


class PoolKeys(Protocol):
    """The part of the key store that makes and opens what lies on the shelf."""

    def make_for_pool(self, bits: int, exponent: int) -> bytes:
        """A new key, sealed."""
        ...

    def icc_from_pool(self, sealed: bytes, filling: Filling = "always80") -> IccKey:
        """What a chip gets of it."""
        ...


@dataclass(frozen=True, slots=True)
class IccPool:
    """The keys on a shelf, by size and public exponent.

    ``on_the_spot`` is told when a key has to be made while a card waits; None: a card is refused instead.
    """

    shelf: Shelf
    keys: PoolKeys
    on_the_spot: Callable[[Text], None] | None = None

    def count(self, bits: int, exponent: int) -> int:
        """How many are left."""
        return self.shelf.count(kind_of(bits, exponent))

    def fill(self, bits: int, exponent: int, wanted: int) -> int:
        """Make keys until ``wanted`` are there; gives how many were made."""
        kind, made = kind_of(bits, exponent), 0
        while self.shelf.count(kind) < wanted:
            self.shelf.put(kind, self.keys.make_for_pool(bits, exponent))
            made += 1
        return made

    def take(self, bits: int, exponent: int, filling: Filling = "always80") -> IccKey:
        """A key that nobody else gets; raises :class:`PoolEmpty`."""
        sealed = self.shelf.take(kind_of(bits, exponent)) or self._made(bits, exponent)
        return self.keys.icc_from_pool(sealed, filling)

    def draw(self, bits: int, exponent: int, count: int) -> list[bytes]:
        """So many keys that nobody else gets, sealed as they lay there; raises :class:`PoolEmpty`, and gives back then.

        Whoever gets them keeps them, and has each opened for one card.
        """
        drawn = self.shelf.take_many(kind_of(bits, exponent), count)
        try:
            while len(drawn) < count:
                drawn.append(self._made(bits, exponent))
        except PoolEmpty:
            self.give_back(bits, exponent, drawn)
            raise
        return drawn

    def give_back(self, bits: int, exponent: int, sealed: Sequence[bytes]) -> None:
        """Keys that were drawn and that certainly no card has."""
        for one in sealed:
            self.shelf.put(kind_of(bits, exponent), one)

    def _made(self, bits: int, exponent: int) -> bytes:
        """One that is made while a card waits; raises :class:`PoolEmpty` where that may not be."""
        if self.on_the_spot is None:
            raise PoolEmpty(bits, exponent)
        self.on_the_spot(making_advice(bits, exponent))
        return self.keys.make_for_pool(bits, exponent)


def making_advice(bits: int, exponent: int) -> Text:
    """How keys of that size are made ahead."""
    command = f"cardfab keys pool --bits {bits} --exponent {exponent} --fill 100"
    return Text(f"Make chip keys ahead: '{command}'.", f"请预生成芯片密钥：{command}。")


def kind_of(bits: int, exponent: int) -> str:
    """The name of a kind of key: ``rsa-1024-3``."""
    return f"rsa-{bits}-{exponent}"
