"""What the tests of profiles share: the packaged ones, and a source that is a dictionary."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pytest

from cardfab.profile.loader import ProfileSource
from cardfab.resources import ProfileFolders, data_folder


@dataclass(frozen=True)
class Texts:
    """Profiles of any kind by name."""

    texts: Mapping[str, str]

    def names(self, kind: str) -> Sequence[str]:
        return tuple(sorted(self.texts))

    def text(self, kind: str, name: str) -> str | None:
        return self.texts.get(name)


@pytest.fixture(scope="session")
def packaged() -> ProfileFolders:
    return ProfileFolders((data_folder("profiles"),))


@pytest.fixture
def texts() -> Callable[..., ProfileSource]:
    """A source of the profiles given by name."""
    return lambda **given: Texts(given)
