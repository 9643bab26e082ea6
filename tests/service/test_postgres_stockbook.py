"""The stock book on PostgreSQL: the same schema, the same refusal of a number in two places, the same days."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from cardfab.production import Person, Place, Role, StockMovement
from cardfab.production.serials import listed, serial_ranges
from cardfab.store import Database
from cardfab.store.stockbooktables import stock_serial
from cardfab.store.stockdays import Closing, DayClosed
from tests.service.postgres import PostgresService

pytestmark = pytest.mark.service
NOW = "2026-11-21T08:00:00.000+00:00"


@pytest.mark.proof
def test_the_stock_book_on_a_server(postgres: PostgresService, tmp_path: Path) -> None:
    database = Database(postgres.create(), beside=tmp_path / "station.db")
    try:
        database.upgrade()
        with database.transaction("people") as tx:
            tx.people.add(Person("li", "li", frozenset({Role.SUPERVISOR})))
        with database.transaction("cards") as tx:
            came = StockMovement("blank", Place.OUTSIDE, Place.VAULT, 100, "received", serial_ranges(["A001..A100"]))
            tx.stock.move(came, at=NOW, by="li")
            drawn = tx.stock.move(StockMovement("blank", Place.VAULT, Place.STOCK, 10, "drawn"), at=NOW, by="li")
            assert listed(drawn.serials) == "A001..A010"
            assert listed(tx.stock.serials.at("blank", Place.VAULT)) == "A011..A100"
        values = {"stock": "blank", "place": "vault", "prefix": "A", "digits": 3, "first": 5, "last": 500}
        with pytest.raises(IntegrityError, match="one place"), database.transaction("twice") as tx:
            tx.stock._connection.execute(insert(stock_serial).values(**values))
        with database.transaction("close") as tx:
            day = tx.stock.days.open()
            assert day is not None
            line = tx.stock.days.line("blank", day.id)
            assert (line.received, line.vault, line.machine, line.balanced) == (100, 90, 10, True)
            tx.stock.days.close(day.id, Closing("RJ1", [line], {"blank": {Place.STOCK: 10}}, []), at=NOW, by="li")
        with pytest.raises(DayClosed), database.transaction("late") as tx:
            tx.stock.move(StockMovement("blank", Place.STOCK, Place.SPOILED, 1, "bent"), at=NOW, by="li")
        with database.reading() as tx:
            ((kept, counted),) = tx.stock.days.lines(tx.stock.days.get("2026-11-21").id)
            assert (kept, counted) == (line, {Place.STOCK: 10})
    finally:
        database.close()
