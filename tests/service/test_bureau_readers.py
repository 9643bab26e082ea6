"""A line of many readers at full speed, beside what its chips alone allow; and real PC/SC slots on two hosts."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from cardfab.cli.benchline import PRODUCT, LineOrder, measure, prepared_batch, run_lines
from cardfab.cli.databases import database_at
from cardfab.cli.founding import PEOPLE, found_training_station
from cardfab.cli.simulatedreaders import Told, Wanted, simulated_readers
from cardfab.cli.wiring import open_desk
from cardfab.production import JobState
from cardfab.production.batches import BatchState
from cardfab.settings import Located, read_settings
from tests.service.postgres import PostgresService

pytestmark = [pytest.mark.service, pytest.mark.proof]
READERS, CARDS = 32, 3
MOST = 4.0
"""Seconds of chip and wire that a card may take."""
FLOOR = 0.15
"""Of the chips' rate: five slots at once. A line whose slots waited for each other would come to 1/32. How near it
comes to 1 the processor says (``cardfab bench line``, docs/bureau.md); a machine of tests may be slow and shared."""
HOSTS, SLOTS, BLANKS = 2, 16, 2


@pytest.mark.shows("a line of 32 simulated readers with real chip timing: its rate, host CPU a card (proof)")
def test_32_readers_are_kept_busy_at_the_same_time(record_property: Any) -> None:
    found = measure(READERS, CARDS, "training", lines=4)
    for name, value in asdict(found).items():
        record_property(name, value)
    assert (found.readers, found.cards) == (READERS, READERS * CARDS)
    assert 3.0 < found.chip_seconds <= MOST
    assert found.ratio >= FLOOR
    assert found.host_ms > 0
    assert found.full_at > 1


@pytest.mark.shows("16 PC/SC slots by vpcd, and 32 on two hosts with one PostgreSQL (proof)")
def test_two_hosts_of_16_slots_share_a_batch(postgres: PostgresService, services_module: Any, tmp_path: Path) -> None:
    located = _on_postgres(tmp_path / "station", postgres.create())
    with open_desk(located, person=PEOPLE[0]) as desk:
        batch = prepared_batch(desk, HOSTS * SLOTS, box_size=1)
        stock = desk.product(PRODUCT).product.stock
    told = Told()
    with ExitStack() as stack:
        hosts = [stack.enter_context(services_module.PcscService(SLOTS // 2)) for _ in range(HOSTS)]
        assert [len(one.slots) for one in hosts] == [SLOTS] * HOSTS
        wanted = [
            Wanted(SLOTS, BLANKS, "none", stock, 1 + number * SLOTS * BLANKS,
                   tuple((one.vpcd_host, port) for _, port in one.slots))
            for number, one in enumerate(hosts)
        ]  # fmt: skip
        at = stack.enter_context(simulated_readers(wanted, told))
        run_lines([
            LineOrder(
                located.file, f"host-{number}", batch,
                tuple(
                    (f"pcsc:{name}", inserter)
                    for (name, _), inserter in zip(one.slots, at.inserters[number * SLOTS :], strict=False)
                ),
                one.environment,
            )
            for number, one in enumerate(hosts)
        ])  # fmt: skip
    with open_desk(located, person=PEOPLE[0]) as desk, desk.database.reading() as tx:
        jobs = tx.jobs.all()
        assert tx.batches.get(batch).state is BatchState.MADE
    assert [one.state for one in jobs] == [JobState.DONE] * (HOSTS * SLOTS)
    assert len({one.chip for one in jobs}) == HOSTS * SLOTS
    of_host = [sum(one.station == f"host-{number}" for one in jobs) for number in range(HOSTS)]
    assert sum(of_host) == HOSTS * SLOTS
    assert min(of_host) > 0  # a slot that was ready early may have made two
    used = {(int(one.chip[-8:]) - 1) // BLANKS for one in jobs if one.chip}
    assert len(used) > SLOTS  # more slots than one service has
    assert sum(one.good for one in told.cards) == HOSTS * SLOTS
    assert all(one.apdus > 100 for one in told.cards)  # over PC/SC: the slots have no other reader


def _on_postgres(folder: Path, url: str) -> Located:
    """A training station whose books are there."""
    found_training_station(folder)
    file = folder / "cardfab.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('"station.db"', f'"{url}"'), encoding="utf-8")
    located = read_settings((file,))
    database = database_at(located)
    database.upgrade()
    with database.transaction("people") as tx:
        for person in PEOPLE:
            tx.people.add(person)
    database.close()
    return located
