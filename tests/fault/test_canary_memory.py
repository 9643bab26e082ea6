"""After the last card no key and no PIN is left in the worker nor in the key service, which live on."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.canary import Needles, in_memory, roots
from tests.fault.canary_place import REQUESTS, CanaryPlace, Process

LINE = "A canary test: planted keys, PIN and PAN are in no file and no memory"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[CanaryPlace]:
    top = tmp_path / "p"
    top.mkdir()
    found = CanaryPlace(top, ["".join(secrets.choice("0123456789") for _ in range(12)) for _ in range(4)])
    try:
        yield found
    finally:
        found.end()


def made(place: CanaryPlace, count: int, *, service: bool) -> tuple[Process, Needles]:
    """So many cards made by a worker that lives on; what must not be in it."""
    place.found(range(1, count + 1))
    # Keys of chips are made by a process that ends: numbers of Python cannot be wiped (docs/security.md).
    place.run("keys", "pool", "--bits", "1024", "--exponent", "3", "--fill", str(count))
    if service:
        place.serve()
    place.work()
    place.run("request", "import", REQUESTS, by=place.worker)
    place.run("stock", "receive", "training-ssc2", "9", by=place.worker)
    listed = json.loads(place.run("--json", "request", "list", by=place.worker).out)["items"]
    cards = [one["id"] for one in listed if one.get("region", "440199") == "440199"][:count]
    for one in cards:
        place.run("request", "approve", one, by=place.worker)
    for one in cards:
        place.run("issue", one, *place.devices(), by=place.worker)
    return place.worker, place.secrets()


def control(place: CanaryPlace, worker: Process, needles: Needles) -> None:
    """The scan finds what is there: one secret that the worker is told to keep."""
    name = next(name for name in needles.spelled if name.endswith("UDK AC, half 0"))
    worker.ask(json.dumps({"keep": min(needles.spelled[name], key=len).hex()}))
    assert set(in_memory(needles, worker.pid)) == {name}


@pytest.mark.proof
@pytest.mark.shows(f"{LINE} (proof)")
def test_a_worker_that_had_the_keys_itself_keeps_none(place: CanaryPlace) -> None:
    worker, needles = made(place, 1, service=False)
    assert in_memory(needles | Needles.of(roots()), worker.pid) == {}
    control(place, worker, needles)


@pytest.mark.proof
@pytest.mark.shows(f"{LINE} (proof)")
def test_worker_and_key_service_keep_none(place: CanaryPlace) -> None:
    """The service has its store open: its roots are in use, and the control; of the cards it keeps nothing."""
    worker, needles = made(place, 3, service=True)
    own = Needles.of(roots())
    assert in_memory(needles | own, worker.pid) == {}
    control(place, worker, needles)
    assert place.service is not None
    if os.geteuid() != 0:  # who is not root may not look, which is what the service promises
        with pytest.raises(PermissionError):
            in_memory(needles, place.key_worker())
        return
    assert in_memory(needles, place.key_worker()) == {}
    assert "root bank/KMC" in in_memory(own, place.key_worker())
    assert in_memory(needles | own, place.service.pid) == {}, "the supervisor never had any"
