"""A card with a value in every item: given by address, written by the station, read off the chip."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from cardfab.errors import InputRefused
from cardfab.prepare.importer import RequestFileRefused
from cardfab.prepare.items import ItemBook
from cardfab.simulator.chip import TrainingChip, make_blank
from cardfab.simulator.rig import Rig
from cardfab.station.intake import approve, import_requests
from tests.integration.conftest import EXAMPLES, World
from tests.ssc_values import good_value

REQUEST = "R2026112100016-whole"
USED_MODE = "DF04/EF05/8F"


@dataclass(frozen=True)
class Whole:
    """The chip of the card, the values that the request gave, and the book to read it with."""

    chip: TrainingChip
    items: dict[str, str]
    book: ItemBook

    def read(self, df: str, ef: str) -> dict[str, str]:
        """A file as it lies in the chip."""
        held = self.chip.inspect()[f"{'DDF1' if df == 'SSSE' else df}/{ef}"]
        records = {number: bytes.fromhex(value) for number, value in enumerate(held.values(), 1)}
        return self.book.decode_file(f"{df}/{ef}", records)


def _line(items: dict[str, str], **changes: str) -> bytes:
    row = next(csv.DictReader(io.StringIO((EXAMPLES / "requests.csv").read_text(encoding="utf-8"))))
    return json.dumps({**row, "request_id": REQUEST, **changes, "items": items}, ensure_ascii=False).encode()


def _give(world: World, line: bytes) -> None:
    with world.desk() as desk:
        photos = (EXAMPLES / "photos" / "p01.jpg").read_bytes()
        import_requests(desk, line, source="whole.jsonl", form="jsonl", photos=lambda _: photos)


def _addressed(book: ItemBook) -> dict[str, str]:
    """A value for every item that takes one by address."""
    found = {}
    for place in book.addresses():
        value = good_value(place, book.codes)
        with suppress(InputRefused):
            book.check_input(place.address, value)
            found[place.address] = value
    return found


@pytest.fixture(scope="module")
def whole(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    folder = tmp_path_factory.mktemp("items") / "station"
    shutil.copytree(template, folder)
    product = folder / "profiles" / "products" / "debit.toml"
    product.parent.mkdir()
    packaged = EXAMPLES.parent / "profiles" / "products" / "debit.toml"
    text = packaged.read_text(encoding="utf-8")
    product.write_text(f'{text}\n[items]\n"{USED_MODE}" = "2"\n\n[chip_photo]\ndpi = 300\n', encoding="utf-8")
    with Rig([make_blank(serial=771)]) as rig:
        world = World(folder, rig)
        with world.desk() as desk:
            book = ItemBook(desk.product("debit").files, desk.codes())
        items = _addressed(book)
        del items[USED_MODE]
        _give(world, _line(items))
        with world.desk() as desk:
            approve(desk, [REQUEST])
        said = world.cli("issue", REQUEST, *world.devices())
        assert said.exit == 0, said.text
        chip = rig.output[-1].chip
        assert isinstance(chip, TrainingChip)
        yield Whole(chip, items, book)


@pytest.mark.proof
def test_every_value_is_on_the_chip(whole: Whole) -> None:
    files = {tuple(address.split("/")[:2]) for address in whole.items}
    assert len(files) > 25
    for df, ef in files:
        read = whole.read(df, ef)
        for address, value in whole.items.items():
            if address.startswith(f"{df}/{ef}"):
                whole_file = address.count("/") == 1  # the rest of a transparent file is 00
                assert read[address] == (value.ljust(len(read[address]), "0") if whole_file else value), address


@pytest.mark.proof
def test_a_value_of_the_product_is_on_the_chip(whole: Whole) -> None:
    assert whole.read("DF04", "EF05")[USED_MODE] == "2"


@pytest.mark.proof
def test_the_portrait_is_in_the_chip(whole: Whole) -> None:
    raw = bytes.fromhex(whole.read("SSSE", "EF08")["SSSE/EF08"])
    assert len(raw) == 4096
    assert raw.startswith(b"\xff\xd8")
    assert raw.rstrip(b"\0").endswith(b"\xff\xd9")


@pytest.mark.proof
def test_nobody_wrote_the_log_of_the_account(whole: Whole) -> None:
    assert whole.chip.inspect()["DF04/EF08"] == {}


@pytest.mark.proof
@pytest.mark.shows("a record longer than its item is refused before a card is touched, with the item's name (proof)")
def test_a_wrong_value_reaches_no_card(world: World) -> None:
    with pytest.raises(RequestFileRefused) as refused:
        _give(world, _line({"DF01/EF06/23": "街" * 41, "DF03/EF05/60": "20260230"}))
    assert [finding.field for finding in refused.value.rows] == ["DF01/EF06/23", "DF03/EF05/60"]
    assert "DF01/EF06/23 (residence address)" in refused.value.rows[0].reason.en
    world.balanced(remaining=3)


@pytest.mark.proof
@pytest.mark.shows("a region the profile does not serve is refused before a card is touched (proof)")
def test_a_region_that_the_product_does_not_serve(world: World) -> None:
    product = world.folder / "profiles" / "products" / "debit.toml"
    product.parent.mkdir()
    text = (EXAMPLES.parent / "profiles" / "products" / "debit.toml").read_text(encoding="utf-8")
    lines = ['regions = ["64"]' if line.startswith("regions") else line for line in text.splitlines()]
    product.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(RequestFileRefused) as refused:
        _give(world, _line({}))
    assert "is not a region that the product debit serves" in refused.value.rows[0].reason.en
    world.balanced(remaining=3)
