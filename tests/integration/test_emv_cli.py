"""``cardfab card verify --emv`` on a training station: in words, as JSON, with its exit statuses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cardfab.cli.founding import found_training_station
from cardfab.simulator.cardfile import save_chip
from tests.integration.conftest import Said, cardfab
from tests.made_cards import PIN, application, changed_tags, personalise

PIN_LIST = {"8E": "000000000000000041031E031F00"}


class Station:
    """A training station with one card, whose product is named since the books do not know it."""

    def __init__(self, folder: Path, name: str = "pboc-debit-dual-sm2", **tags: str) -> None:
        self.config = folder / "station" / "cardfab.toml"
        found_training_station(folder / "station", "emv-01")
        self.card = folder / "one.card"
        found = application(name)
        save_chip(personalise(changed_tags(found, tags) if tags else found).chip, self.card)

    def verify(self, *more: str, product: str = "debit-dual-sm2", json: bool = True) -> Said:
        words = ["--json"] if json else []
        return cardfab(
            "--config", self.config, *words, "card", "verify", "--emv", "--reader", f"file:{self.card}",
            "--product", product, *more,
        )  # fmt: skip


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return Station(tmp_path)


def _outcome(value: dict[str, Any], check: str) -> str:
    found = [one["outcome"] for one in value["checks"] if one["check"] == check]
    return "failed" if "failed" in found else found[0]


@pytest.mark.proof
def test_a_purchase_load_and_tap(station: Station) -> None:
    bought = station.verify("--online", "--amount", "12.50")
    assert bought.exit == 0, bought.text
    assert bought.json()["result"] == "approved on line"
    loaded = station.verify("--online", "--kind", "load", "--amount", "30", "--sm").json()
    assert (loaded["balance"], loaded["algorithm"]) == (3000, "SM2")
    tapped = station.verify("--kind", "ecash", "--amount", "5", "--contactless").json()
    assert (tapped["result"], tapped["balance"]) == ("approved off line", 2500)
    assert _outcome(tapped, "fdda") == "passed"
    declined = station.verify("--online", "--decline")
    assert (declined.exit, declined.json()["result"]) == (0, "declined on line")


@pytest.mark.proof
def test_a_report_in_words_names_check_and_tag(station: Station) -> None:
    said = station.verify("--online", json=False)
    assert said.exit == 0
    assert "issuer certificate" in said.out
    assert "9F46" in said.out
    alone = station.verify(json=False)
    assert alone.exit == 0
    assert "no issuer's host answered" in alone.out


@pytest.mark.proof
def test_the_pin_on_the_chip_by_a_descriptor(tmp_path: Path) -> None:
    station = Station(tmp_path, **PIN_LIST)
    for pin, exit_ in ((PIN, 0), ("111111", 4)):
        reading, writing = os.pipe()
        os.write(writing, f"{pin}\n".encode())
        os.close(writing)
        said = station.verify("--online", "--chip-pin", "--pin-fd", str(reading))
        os.close(reading)
        assert said.exit == exit_
        value = said.json()
        assert _outcome(value, "offline-pin") == ("failed" if exit_ else "passed")
        assert pin not in said.text
    assert value["error"] == "CF-4650"


@pytest.mark.proof
def test_a_blocked_pin_is_unblocked_by_script(tmp_path: Path) -> None:
    station = Station(tmp_path, **PIN_LIST)

    def enter(pin: str, *more: str) -> dict[str, Any]:
        reading, writing = os.pipe()
        os.write(writing, f"{pin}\n".encode())
        os.close(writing)
        said = station.verify("--online", "--chip-pin", "--pin-fd", str(reading), *more)
        os.close(reading)
        found: dict[str, Any] = said.json()
        return found

    for _ in range(3):
        enter("111111")
    assert _outcome(enter(PIN, "--script", "pin-unblock"), "scripts") == "passed"
    assert _outcome(enter(PIN), "offline-pin") == "passed"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--decline"], "CF-2240"),
        (["--script", "block"], "CF-2240"),
        (["--online", "--script", "erase"], "CF-2241"),
        (["--amount", "a lot"], "CF-2234"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_the_card(station: Station, options: list[str], code: str) -> None:
    before = station.card.read_bytes()
    said = station.verify(*options)
    assert (said.exit, said.json()["error"]) == (2, code)
    assert station.card.read_bytes() == before


def test_a_card_that_the_books_do_not_know_wants_its_product(station: Station) -> None:
    words = ("--config", station.config, "--json", "card", "verify", "--emv", "--reader", f"file:{station.card}")
    assert cardfab(*words, "--online").json()["error"] == "CF-2242"
    assert cardfab(*words).exit == 0
