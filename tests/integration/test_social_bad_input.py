"""What may not stand on a card is refused before one is touched: exit 3, the item by name, in English and Chinese.

Every training chip of this process tells what it is sent. An import sends nothing at all. At the counter the card in
the reader is identified by reading and no more, and its memory stays as it was.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cardfab.prepare.finding import COLUMN_NAMES
from cardfab.prepare.table import COLUMNS
from cardfab.resources import data_folder
from cardfab.simulator.cardfile import load_chip, save_chip
from cardfab.simulator.chip import TrainingChip, make_blank
from tests.integration.conftest import PLAIN, World, cardfab
from tests.issued import changed_line

EXAMPLES = data_folder("examples")
REQUEST = "R2026112100017-bad"
WORDS = {"en": 0, "zh": 1}
Sent = list[bytes]

# What the request says, and what its item is called in both languages.
BAD: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "a name of 51 bytes": ({"name": "王" * 25 + "a"}, ("name", "姓名")),
    "an unknown ethnic group": ({"ethnicity": "57"}, ("ethnic", "民族")),
    "an ethnic group in words": ({"ethnicity": "汉族"}, ("ethnic", "民族")),
    "born on a day that is none": ({"birth_date": "19650229"}, ("birth", "出生日期")),
    "a date of an item that is none": (
        {"items": {"DF03/EF05/60": "20260231"}}, ("last unemployment registration date", "失业登记日期"),
    ),
    "a date of a cyclic record that is none": (
        {"items": {"DF02/EF07/start": "20261301"}}, ("job start date", "就业起始日期"),
    ),
    "an unknown region": ({"region": "440000"}, ("region", "地区")),
    "a record longer than its item": (
        {"items": {"DF01/EF06/23": "街" * 41}}, ("residence address", "常住所在地地址"),
    ),
    "an inner item longer than it may be": (
        {"items": {"DF01/EF15/40:2/59": "校" * 21}}, ("school of graduation", "毕业学校名称"),
    ),
}  # fmt: skip


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Every APDU that any chip of this process gets."""
    heard: Sent = []
    transmit = TrainingChip.transmit

    def listening(chip: TrainingChip, apdu: bytes) -> bytes:
        heard.append(bytes(apdu))
        return transmit(chip, apdu)

    monkeypatch.setattr(TrainingChip, "transmit", listening)
    return heard


def request_file(folder: Path, changes: dict[str, Any]) -> Path:
    row = next(csv.DictReader(io.StringIO((EXAMPLES / "requests.csv").read_text(encoding="utf-8"))))
    shutil.copy(EXAMPLES / row["photo"], folder / "portrait.jpg")
    file = folder / "requests.jsonl"
    line = {**row, "request_id": REQUEST, "photo": "portrait.jpg", **changes}
    file.write_text(json.dumps(line, ensure_ascii=False), encoding="utf-8")
    return file


def refused(world: World, sent: Sent, changes: dict[str, Any], language: str) -> str:
    """What the program says of the request. It takes nothing and touches nothing."""
    before = [dict(chip.memory.cells) for chip in world.chips()]
    said = world.cli("--lang", language, "request", "import", request_file(world.folder, changes))
    assert said.exit == 3, said.text
    assert sent == []
    assert world.rig is not None
    assert world.rig.reader.apdus == 0
    assert [chip.memory.cells for chip in world.chips()] == before
    assert world.cli("request", "show", REQUEST).exit != 0
    world.balanced(remaining=3)
    return said.text


@pytest.mark.shows("bad input by import: refused before a card is touched, with the item's name (test)")
@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("case", BAD)
def test_an_import(world: World, sent: Sent, case: str, language: str) -> None:
    changes, names = BAD[case]
    assert names[WORDS[language]] in refused(world, sent, changes, language)


@pytest.mark.shows("a region that the profile does not serve is refused, with the item's name (test)")
@pytest.mark.parametrize("language", WORDS)
def test_a_region_the_profile_does_not_serve(world: World, sent: Sent, language: str) -> None:
    packaged = (data_folder("profiles") / "products" / "debit.toml").read_text(encoding="utf-8")
    old = next(line for line in packaged.splitlines() if line.startswith("regions = "))
    product = world.folder / "profiles" / "products" / "debit.toml"
    product.parent.mkdir()
    product.write_text(changed_line(packaged, old, 'regions = ["44", "65"]'), encoding="utf-8")
    said = refused(world, sent, {}, language)
    assert ("110199 is not a region that the product debit serves", "110199")[WORDS[language]] in said
    assert ("region", "地区")[WORDS[language]] in said


def test_every_column_has_a_name() -> None:
    assert tuple(COLUMN_NAMES) == COLUMNS


@pytest.mark.proof
def test_a_name_of_50_bytes_is_a_name(world: World, sent: Sent) -> None:
    """It fills both items to the last byte: 30 and 20 (LD/T 32 part 6, item 4E)."""
    name = "王" * 25
    file = request_file(world.folder, {"name": name})
    assert world.cli("request", "import", file).exit == 0
    assert sent == []
    assert world.cli("request", "approve", REQUEST).exit == 0
    said = world.cli("issue", REQUEST, *world.devices())
    assert said.exit == 0, said.text
    chip = world.tray().chip
    assert isinstance(chip, TrainingChip)
    holder = chip.inspect()["DDF1/EF06"]
    both = bytes.fromhex(holder["02"])[2:] + bytes.fromhex(holder["03"])[2:]
    assert both == name.encode("gb18030")


# At the counter


def only_looked(sent: Sent) -> bool:
    """The card was identified and no more: SELECT, READ RECORD, and VERIFY without data, which asks for the tries."""
    return all(apdu[1] in (0xA4, 0xB2) or apdu.hex().startswith("0020000000") or len(apdu) == 4 for apdu in sent)


@pytest.fixture(scope="module")
def made(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A station with a card that it made, ``one.card``."""
    from cardfab.simulator.rig import Rig

    folder = tmp_path_factory.mktemp("bad") / "station"
    shutil.copytree(template, folder)
    chip = make_blank(serial=4713)
    with Rig([chip]) as rig:
        world = World(folder, rig)
        said = world.cli("issue", PLAIN, *world.devices())
        assert said.exit == 0, said.text
    save_chip(chip, folder / "one.card")
    return folder


@pytest.fixture
def counter(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The program at a counter with the card in its reader; ``lines`` are what is typed."""
    folder = tmp_path / "station"
    shutil.copytree(made, folder)
    card = folder / "one.card"
    number = bytes.fromhex(load_chip(card).inspect()["DDF1/EF06"]["01"])[2:].decode("ascii")

    def ask(lines: str, language: str, *words: str) -> Any:
        before = load_chip(card).memory.cells
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{number}\n{lines}"))
        said = cardfab(
            "--config", folder / "cardfab.toml", "--lang", language, "card", *words, "--reader", f"file:{card}"
        )
        assert load_chip(card).memory.cells == before
        return said

    return ask


ITEMS: dict[str, tuple[str, tuple[str, str]]] = {
    "a date that is none": ("DF03/EF05/60=20260231", ("last unemployment registration date", "失业登记日期")),
    "a record longer than its item": ("DF01/EF06/23=" + "街" * 41, ("residence address", "常住所在地地址")),
    "an unknown ethnic group": ("SSSE/EF06/0B=57", ("ethnic group", "民族")),
    "a region that is none": ("DF01/EF06/24=44019", ("residence region code", "常住所在地行政区划代码")),
    "an amount that is none": ("DF03/EF07/71=ABC", ("71", "71")),
}


@pytest.mark.shows("bad input at the counter: refused before a card is touched, with the item's name (test)")
@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("case", ITEMS)
def test_an_update(counter: Callable[..., Any], sent: Sent, case: str, language: str) -> None:
    item, names = ITEMS[case]
    said = counter("", language, "update", "--item", item)
    assert said.exit == 3, said.text
    assert names[WORDS[language]] in said.text
    assert only_looked(sent), [apdu.hex() for apdu in sent]


@pytest.mark.shows("a PIN of 3 or 17 digits: refused before a card is touched, named, in two languages (test)")
@pytest.mark.parametrize("language", WORDS)
@pytest.mark.parametrize("digits", ["123", "12345678901234567"])
@pytest.mark.parametrize("command", ["pin-change", "pin-change old", "pin-reset", "activate", "load", "read"])
def test_a_pin(counter: Callable[..., Any], sent: Sent, command: str, digits: str, language: str) -> None:
    word, *old = command.split()
    lines = {"pin-change": f"123456\n{digits}\n"}.get(word, f"{digits}\n")
    more = {"load": ("1.00",), "read": ("--pin",)}.get(word, ())
    said = counter(f"{digits}\n123456\n" if old else lines, language, word, *more)
    assert said.exit == 3, said.text
    assert ("PIN", "密码")[WORDS[language]] in said.text
    assert digits not in said.text
    assert only_looked(sent), [apdu.hex() for apdu in sent]
