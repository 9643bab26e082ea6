"""The template station, and outlets that are copies of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.hands import chromium
from tests.browser.outlet import Outlet, ServiceWorker, copied, found

NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A station with its people and nothing else."""
    folder = tmp_path_factory.mktemp("outlet") / "station"
    found(folder)
    return folder


@pytest.fixture(scope="session")
def worker() -> Iterator[ServiceWorker]:
    """Who starts the services."""
    started = ServiceWorker()
    yield started
    started.end()


@pytest.fixture
def new_outlet(founded: Path, worker: ServiceWorker, tmp_path: Path) -> Iterator[Callable[..., Outlet]]:
    """Makes outlets; all their processes are ended with the test."""
    running: list[Outlet] = []

    def make(serials: Sequence[int], wrong: Sequence[int] = (), *, host: bool = True) -> Outlet:
        outlet = Outlet(copied(founded, tmp_path / f"outlet-{next(NUMBERS)}"), worker, serials, wrong)
        running.append(outlet)
        outlet.begin(host=host)
        return outlet

    yield make
    for outlet in running:
        outlet.end()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Closed with its module: Playwright runs an event loop in this thread, and no other test wants one there."""
    with chromium() as opened:
        yield opened
