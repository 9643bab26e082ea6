"""A batch without its wrong rows on PostgreSQL: its boxes, its books and its return file."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardfab.store import Database
from tests.bureau_boxes import from_file_to_hand_over
from tests.bureau_place import people, quick_desk
from tests.service.postgres import PostgresService

pytestmark = pytest.mark.service


def test_a_batch_without_its_wrong_rows_from_file_to_hand_over(postgres: PostgresService, tmp_path: Path) -> None:
    database = Database(postgres.create(), beside=tmp_path / "station.db")
    database.upgrade()
    people(database)
    with quick_desk(tmp_path / "station", database) as desk:
        from_file_to_hand_over(desk, tmp_path)
