"""What the tests of the keys share: vectors by id, stores with roots of one's choice, a cheap Argon2."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cardfab.keys import KeySpec, Level, SoftKeyStore, Usage, held, sealedfile
from cardfab.keys.label import STATION_KEYS
from cardfab.keys.openings import Cost
from tests.seeded import seeded

CHEAP = Cost(1, 8, 1)
VECTORS = Path(__file__).parents[2] / "vectors"


@pytest.fixture(scope="session")
def vectors() -> dict[str, dict[str, Any]]:
    """The vectors of strangers, by id."""
    return {
        entry["id"]: entry
        for entry in json.loads((VECTORS / "social-security-and-pboc.json").read_text(encoding="utf-8"))["vectors"]
    }


@pytest.fixture(scope="session")
def products() -> list[dict[str, Any]]:
    """The three consistent sample cards."""
    found: list[dict[str, Any]] = json.loads((VECTORS / "pboc-debit-products.json").read_text(encoding="utf-8"))[
        "products"
    ]
    return found


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id at its least cost: the file says its parameters itself."""
    monkeypatch.setattr(sealedfile, "COST", CHEAP)


@pytest.fixture
def random() -> Callable[[int], bytes]:
    """A source that is the same in every run: SHA-256 in counter mode."""
    return seeded(b"cardfab tests")


@pytest.fixture(scope="session")
def made_once() -> SoftKeyStore:
    """The training store that the others are copies of: its hundreds of check values are computed once."""
    return SoftKeyStore.training(secrets.token_bytes)


@pytest.fixture
def training(made_once: SoftKeyStore, random: Callable[[int], bytes]) -> SoftKeyStore:
    """A training store."""
    return SoftKeyStore(made_once._held, random)


@pytest.fixture
def store_with(random: Callable[[int], bytes]) -> Callable[..., SoftKeyStore]:
    """A store of station keys and of the roots given as (label, usage, value), of one level and algorithm."""

    def make(*roots: tuple[str, Usage, bytes], level: Level = Level.MINISTRY, algorithm: str = "3DES") -> SoftKeyStore:
        specs = [(KeySpec(label, algorithm, usage, level), value) for label, usage, value in roots]
        specs += [(spec, random(32)) for spec in STATION_KEYS]
        return SoftKeyStore({spec.label: held.hold(spec, value, training=True) for spec, value in specs}, random)

    return make
