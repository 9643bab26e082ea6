"""What every test of the face shares: the system's fonts (fonts-noto-cjk, fonts-hanazono), the training face."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from cardfab.face import FontBook
from cardfab.profile.face import FaceTemplate

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def fonts() -> FontBook:
    book = FontBook([Path("/usr/share/fonts")])
    assert book.missing == (), "install fonts-noto-cjk and fonts-hanazono"
    return book


@pytest.fixture(scope="session")
def template() -> FaceTemplate:
    return FaceTemplate.model_validate(tomllib.loads((ROOT / "profiles/faces/ssc2.toml").read_text("utf-8")))


@pytest.fixture(scope="session")
def photos() -> Path:
    return ROOT / "examples/photos"


@pytest.fixture(scope="session")
def photo(photos: Path) -> bytes:
    return (photos / "p01.jpg").read_bytes()


@pytest.fixture
def values() -> dict[str, str]:
    return {
        "name": "欧阳㛃",
        "social_security_number": "440199195109028085",
        "card_number": "B60662735",
        "issued_on": "2026-11-21",
        "bank_name": "示例银行（培训）",
        "pan": "6200009900000000017",
    }
