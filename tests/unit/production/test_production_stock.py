"""The equation: opening = issued + spoiled + in doubt + remaining."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.production import Place, StockAccount, StockMovement, account, balances

MOVES = st.lists(st.tuples(st.sampled_from(Place), st.sampled_from(Place), st.integers(1, 1000)))


def test_an_account() -> None:
    moves = [
        (Place.OUTSIDE, Place.STOCK, 100),
        (Place.STOCK, Place.IN_WORK, 7),
        (Place.IN_WORK, Place.ISSUED, 4),
        (Place.IN_WORK, Place.SPOILED, 2),
        (Place.IN_WORK, Place.STOCK, 1),
        (Place.STOCK, Place.OUTSIDE, 10),
    ]
    assert account("blank", moves) == StockAccount("blank", 90, issued=4, spoiled=2, in_doubt=0, remaining=84)
    assert account("blank", moves[:2]) == StockAccount("blank", 100, issued=0, spoiled=0, in_doubt=7, remaining=93)
    assert account("none", ()) == StockAccount("none", 0, 0, 0, 0, 0)


@settings(deadline=None)
@given(moves=MOVES)
def test_movements_alone_cannot_lose_a_blank(moves: list[tuple[Place, Place, int]]) -> None:
    one = account("blank", moves)
    elsewhere = one.vault + one.tested + one.missing + one.destroyed
    assert one.opening == one.issued + one.spoiled + one.in_doubt + one.remaining + elsewhere
    assert one.balanced == (min(one.parts) >= 0)


@settings(deadline=None)
@given(moves=MOVES, seed=st.randoms())
def test_the_order_of_movements_does_not_matter(moves: list[tuple[Place, Place, int]], seed: object) -> None:
    mixed = list(moves)
    seed.shuffle(mixed)  # type: ignore[attr-defined]
    assert account("blank", moves) == account("blank", mixed)


def test_an_account_that_does_not_balance() -> None:
    good = StockAccount("blank", 10, issued=4, spoiled=2, in_doubt=1, remaining=3)
    assert good.balanced
    for field in ("opening", "issued", "spoiled", "in_doubt", "remaining"):
        assert not replace(good, **{field: getattr(good, field) + 1}).balanced
    assert not replace(good, issued=-1, remaining=8).balanced
    assert balances({"a": good, "b": good})
    assert not balances({"a": good, "b": replace(good, opening=11)})
    assert balances({})


def test_what_the_audit_record_keeps_of_a_movement() -> None:
    movement = StockMovement("blank", Place.STOCK, Place.IN_WORK, 3, "claim")
    assert movement.details() == {"stock": "blank", "from": "stock", "to": "in-doubt", "count": "3"}
