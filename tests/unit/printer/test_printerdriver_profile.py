"""The printer profiles that are shipped, and what a profile may not say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cardfab.printer.fault import Fault
from cardfab.profile.loader import ProfileRefused, load, parse, read_toml
from cardfab.profile.printer import EvolisProfile

FOLDER = Path(__file__).parents[3] / "profiles"


class Packaged:
    def names(self, kind: str) -> Sequence[str]:
        return sorted(path.stem for path in (FOLDER / kind).glob("*.toml"))

    def text(self, kind: str, name: str) -> str | None:
        path = FOLDER / kind / f"{name}.toml"
        return path.read_text(encoding="utf-8") if path.exists() else None


NAMES = [name for name in Packaged().names("printers") if name.startswith("evolis")]


@pytest.mark.parametrize("name", NAMES)
def test_each_shipped_profile_gives_settings(name: str) -> None:
    profile = load(Packaged(), "printers", name, EvolisProfile)
    settings = profile.settings()
    assert profile.name == name
    assert (settings.width, settings.height) == (1016, 648)
    assert profile.unverified
    assert settings.commands.take_over[0] == "Pem;2"
    assert settings.commands.release == ("Pem;0",)
    assert {fault for _, fault in settings.refusals} <= set(Fault)
    assert settings.frames(both_sides=False) == 1


def test_the_profiles_differ_in_their_ribbon() -> None:
    panels = {name: load(Packaged(), "printers", name, EvolisProfile).settings() for name in NAMES}
    assert {name: (s.front_panels, s.back_panels, s.frames(both_sides=True)) for name, s in panels.items()} == {
        "evolis-k": ("k", "k", 2),
        "evolis-ymcko": ("ymcko", "ymcko", 2),
        "evolis-ymckok": ("ymcko", "k", 1),
    }


@pytest.mark.parametrize(
    ("table", "key", "value", "reason"),
    [
        ("ribbon", "front", "mycko", "in that order"),
        ("ribbon", "front", "yymc", "in that order"),
        ("ribbon", "front", "", "in that order"),
        ("ribbon", "back", "yko", "all of y, m and c"),
        ("bitmap", "levels", 256, "32, 64 or 128"),
        ("tone", "cyan", [[0.0, 0.0], [0.5, 0.5]], "tone curve"),
        ("tone", "cyan", [[0.0, 0.0], [0.7, 0.5], [0.6, 0.9], [1.0, 1.0]], "tone curve"),
        ("commands", "to_contact", "Sis\r\x1bSe", "pattern"),
        ("commands", "eject", [], "at least 1"),
        ("positions", "CARD", "elsewhere", "none"),
        ("canvas", "height", 650, "multiple of 8"),
        ("unverified", "ribbon.colour", "x", "there is no value"),
        ("query", "colour", 1, "Extra inputs"),
    ],
)
def test_a_wrong_value_is_refused_with_its_reason(table: str, key: str, value: Any, reason: str) -> None:
    text = Packaged().text("printers", "evolis-ymcko") or ""
    values = read_toml(text, "p")
    values[table][key] = value
    with pytest.raises(ProfileRefused, match=reason):
        parse(values, EvolisProfile, "p", text)
