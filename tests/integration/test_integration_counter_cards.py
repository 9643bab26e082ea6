"""Cards of other stations and generations, and the commands."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cardfab.documents import holder_sheet_pdf
from cardfab.production import Act
from cardfab.profile.access import alternatives
from cardfab.profile.shares import ShareRules
from cardfab.resources import data_folder
from cardfab.simulator.cardfile import load_chip, save_chip
from cardfab.simulator.chip import make_blank
from cardfab.station.counter import medical
from cardfab.station.counter.finding import CardNotFound, card_of_holder
from cardfab.station.counter.medical import Bill
from cardfab.station.counter.pins import change_pin, reset_pin
from cardfab.station.counter.presented import AnotherChip, Presented
from cardfab.station.counter.reading import Read, read, settlement, sheet, verify
from cardfab.station.counter.updating import update
from cardfab.terminal.settlement import Bill as HospitalBill
from tests.counter_place import HOSPITAL, KIND, NEW, PIN, TODAY, Place, other_card
from tests.integration.conftest import cardfab

PROFILES = data_folder("profiles")


@pytest.mark.proof
def test_a_card_of_another_station_is_served_as_far_as_the_keys_allow(place: Place, template: Path) -> None:
    folder = place.folder.parent / "elsewhere"
    shutil.copytree(template, folder)
    other = Place(folder, place.file, None, place.number)
    with other.card() as here:
        assert here.subject.row is None
        assert verify(here)[0].good
        change_pin(here, other.holder(), PIN, NEW)
        update(here, other.holder(), {"DF03/EF05/60": "20261122"})
        done = medical.load(here, other.holder(), NEW, 700)
    assert done.values["balance"] == 700
    assert other.services() == [("pin-change", "done", None), ("update", "done", None), ("load", "done", None)]
    with other.counter() as counter, pytest.raises(CardNotFound):
        card_of_holder(counter.desk, other.number)


@pytest.mark.parametrize(
    "kind",
    [{"version": "1.0"}, {"version": "2.0", "algorithm": "SM4"}, {"version": "3.0"}],
    ids=lambda k: "-".join(k.values()),
)
def test_cards_of_every_generation_are_served(place: Place, kind: dict[str, Any]) -> None:
    with other_card(place, **kind).card() as here:
        assert here.subject.social_security_number == place.number
        assert verify(here)[0].good
        change_pin(here, place.holder(), PIN, NEW)
        medical.load(here, place.holder(), NEW, 500)
        medical.purchase(here, place.holder(), NEW, Bill(100, 0, 0, HOSPITAL, "S1"))
        reset_pin(here, place.holder(), PIN)
        assert medical.account(here, PIN).balance.account == 400


def _everything_was_tried(here: Presented, found: Read, *, pin: bool) -> None:
    """Each file of the card was read, or it is told why not: this station holds every key."""
    files = {f"{each.name}/{file.name}": file for each in here.card.application.directories for file in each.files}
    assert {one.address for one in found.reading.files} == set(files)
    expected = {}
    for address, file in files.items():
        ways = alternatives(file.read)
        if file.category == "reserved":
            expected[address] = "ABSENT"
        elif not pin and all("PIN" in way for way in ways):
            expected[address] = "PIN"
    assert {address: why.name for address, why in found.reading.denied.items()} == expected
    assert {"DF04/EF06", "DF04/EF08"} <= set(expected) or pin


@pytest.mark.proof
@pytest.mark.shows("card read: everything the rights allow, settlement, the part of a bill the holder pays (proof)")
def test_what_a_hospital_sees_and_what_the_holder_pays(place: Place) -> None:
    place.activated()
    rules = ShareRules.model_validate(
        tomllib.loads((PROFILES / "shares" / "training.toml").read_text(encoding="utf-8"))
    )
    with place.card() as here:
        update(here, place.holder(), {KIND: "31000000", "DF04/EF05/84": rules.region, "DF04/EF05/8C": "11"})
        without = read(here)
        _everything_was_tried(here, without, pin=False)
        found = read(here, PIN)
        _everything_was_tried(here, found, pin=True)
        bill = HospitalBill(1_000_000, 5_000, HOSPITAL, rules.region, TODAY.date())
        settled = settlement(here, found, rules, bill)
        assert settled.parts is not None
        assert settled.parts.pooled + settled.parts.account + settled.parts.cash == 1_005_000
        assert settled.view.off_site is False
        paper = sheet(here, found, settled)
        assert paper.settlement is not None
        assert paper.settlement.share is not None
        assert paper.settlement.share.holder_pays == settled.parts.account + settled.parts.cash
        assert holder_sheet_pdf(paper, here.counter.desk.fonts)[:5] == b"%PDF-"


def test_a_number_on_another_chip_is_a_copy(place: Place) -> None:
    chip = load_chip(place.file)
    cells = dict(chip.memory.cells)
    copy = make_blank(serial=9)
    copy.memory.cells = copy.memory.cells | {
        name: cells[name] for name in cells if name.startswith(("ef/DDF1/EF05/07", "ef/DDF1/EF06"))
    }
    save_chip(copy, place.folder / "copy.card")
    place.file = place.folder / "copy.card"
    with pytest.raises(AnotherChip), place.card():
        pass


def run(place: Place, monkeypatch: pytest.MonkeyPatch, lines: str, *words: str) -> Any:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(lines))
    said = cardfab("--config", place.folder / "cardfab.toml", "--json", "card", *words)
    return said.exit, said.json()


@pytest.mark.proof
def test_the_commands_say_one_object_each(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reader = ("--reader", f"file:{place.file}")
    paper, receipt = tmp_path / "statement.pdf", tmp_path / "receipt.pdf"

    def ask(lines: str, *words: str) -> Any:
        return run(place, monkeypatch, lines, *words)

    person, secret = f"{place.number}\n", f"{PIN}\n"
    assert ask(person + secret, "activate", *reader)[0] == 0
    status, value = ask(person + secret, "statement", str(paper), "--receipt", str(receipt), *reader)
    assert (status, value["cleared"]) == (0, True)
    assert paper.read_bytes()[:5] == receipt.read_bytes()[:5] == b"%PDF-"
    status, value = ask(secret, "read", "--pin", *reader)
    assert (status, value["account"]["balance"], value["state"]) == (0, 12_345, "ACTIVATED")
    status, value = ask("", "verify", *reader)
    assert (status, value["good"]) == (0, True)
    status, value = ask(person + "777777\n", "load", "1", *reader)
    assert (status, value["error"]) == (4, "CF-4510")
    status, value = ask(person, "load", "1,5", *reader)
    assert (status, value["error"]) == (2, "CF-2234")
    status, value = ask(person + "yes\n0000\n", "lost")
    assert (status, value["error"]) == (2, "CF-2230")
    status, value = ask("", "due")
    assert (status, value) == (0, {"cards": [], "replacements": []})


def test_a_pin_by_descriptor(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pins = tmp_path / "pins"
    pins.write_text(f"{PIN}\n{NEW}\n", encoding="ascii")
    with pins.open() as given:
        words = ("pin-change", "--reader", f"file:{place.file}", "--pin-fd", str(given.fileno()))
        status, value = run(place, monkeypatch, f"{place.number}\n", *words)
    assert (status, value["service"]) == (0, "pin-change")
    with place.card() as here:
        change_pin(here, place.holder(), NEW, PIN)


def test_every_act_of_the_counter_has_its_duty() -> None:
    from cardfab.station.counter.kinds import Kind

    acts = {kind.act for kind in Kind}
    assert acts <= set(Act)
    assert all(kind.text.en and kind.text.zh for kind in Kind)


@contextmanager
def started(*words: str | Path) -> Iterator[str]:
    """A program of the house beside this one; the address that it prints."""
    command = [sys.executable, "-c", "from cardfab.cli.main import main; main()", "simulate", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as running:
        assert running.stdout is not None
        yield running.stdout.readline().strip()
        running.terminate()


@pytest.mark.proof
def test_card_and_host_as_programs_of_their_own(place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    books = tmp_path / "host.json"
    with (
        started("host", "--file", books, "--play", "activate=silent-after:1") as host,
        started("card", "--file", place.file, "--port", "0") as reader,
    ):
        settings = place.folder / "cardfab.toml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(text.replace('host = "simulated"', f'host = "{host}"'), encoding="utf-8")
        status, value = run(place, monkeypatch, f"{place.number}\n{PIN}\n", "activate", "--reader", reader)
        assert (status, value["balance"]) == (0, 12_345)
        status, value = run(place, monkeypatch, f"{PIN}\n", "balance", "--reader", reader)
        assert (status, value["balance"]) == (0, 12_345)
    [card] = json.loads(books.read_text(encoding="utf-8"))["cards"].values()
    assert (card["activated"], card["balance"]) == (True, 12_345)
    assert place.balance() == 12_345  # the file has what the other program's card was told
