"""A training station behind its pages, and browsers without a screen that sign in to it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardfab.cli.founding import found_training_station
from cardfab.cli.output import Talk
from cardfab.cli.serving import fill, open_floor
from cardfab.settings import Located, read_settings
from cardfab.web.floor import Floor
from tests.web.browser import Browser


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training station with the examples imported, approved, and 20 blanks: made once, copied for each test."""
    folder = tmp_path_factory.mktemp("founded") / "station"
    fill(found_training_station(folder, "outlet-1"), approved=6)
    return folder


@pytest.fixture
def located(founded: Path, tmp_path: Path) -> Located:
    """The settings of a station of the test's own."""
    shutil.copytree(founded, tmp_path / "station")
    return read_settings((tmp_path / "station" / "cardfab.toml",))


@pytest.fixture
def floor(located: Located) -> Iterator[Floor]:
    """The station joined for its pages, its line at work."""
    with open_floor(located, Talk(language="en"), names=("testserver",)) as joined:
        yield joined


@pytest.fixture(scope="module")
def shared(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser at a station that the tests of a module share: for what changes nothing."""
    folder = tmp_path_factory.mktemp("shared") / "station"
    shutil.copytree(founded, folder)
    with open_floor(read_settings((folder / "cardfab.toml",)), Talk(language="en"), names=("testserver",)) as joined:
        yield Browser(joined)


@pytest.fixture
def nobody(floor: Floor) -> Browser:
    """A browser in which nobody is signed in."""
    return Browser(floor)


@pytest.fixture
def trainee(floor: Floor) -> Browser:
    """A browser of the trainee, who has every role."""
    return Browser(floor).sign_in("trainee")


@pytest.fixture
def operator(floor: Floor) -> Browser:
    """A browser of an operator."""
    return Browser(floor).sign_in("operator")


@pytest.fixture
def supervisor(floor: Floor) -> Browser:
    """A browser of a supervisor."""
    return Browser(floor).sign_in("supervisor")
