"""No sealed column is forgotten when personal data is erased."""

from __future__ import annotations

from cardfab.store import tables
from cardfab.store.retention import BY_BATCH, BY_CASE, KEPT, sum_of

WORDS = ("sealed", "salt", "photo", "portrait", "pdf")


def test_every_sealed_column_is_erased_some_day() -> None:
    """A table that seals something is erased by its own salt, its batch or its case; there is no fourth kind."""
    found = {
        f"{table.name}.{column.name}"
        for table in tables.metadata.tables.values()
        for column in table.columns
        if any(word in column.name for word in WORDS)
    }
    erased = {f"{kept.table.name}.{name}" for kept in KEPT.values() for name in ("sealed", "salt")}
    assert found == erased | set(BY_BATCH) | set(BY_CASE)


def test_a_sum_is_of_every_value_in_its_order() -> None:
    assert sum_of([]).count == 0
    both, other = sum_of([b"a", b"b"]), sum_of([b"b", b"a"])
    assert (both.count, other.count) == (2, 2)
    assert len({both.digest, other.digest, sum_of([b"ab"]).digest}) == 3
