"""Cards as the station hands them out: imported, approved, made and printed on a rig, with a value in every item."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cardfab.cli import wiring
from cardfab.cli.founding import found_training_station
from cardfab.errors import InputRefused
from cardfab.prepare.items import ItemBook
from cardfab.resources import data_folder
from cardfab.settings import read_settings
from cardfab.simulator.chip import TrainingChip, make_blank, make_raw_chip
from cardfab.simulator.chip.blank import Dialect
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.rig import Rig
from cardfab.station.desk import Desk
from cardfab.station.intake import approve, import_requests
from cardfab.station.issue import issue
from cardfab.station.stockroom import receive
from tests.social import CipherName, Examined
from tests.ssc_values import good_value

REQUEST = "R2026112100016-whole"
REGION = "110199"
"""The region of the holder; a blank of it is wanted."""
CYCLIC = {"DF02/EF07": "occupation", "DF02/EF16": "policy", "DF04/EF15": "category"}
"""Files whose second record is given too."""


@dataclass(frozen=True)
class Papers:
    """What the station knows of a card that it made: its chip and the values of the request."""

    chip: TrainingChip
    values: dict[str, str]
    cipher: CipherName
    region: str
    version: str = "2.0"

    def copy(self) -> Examined:
        """The card again, as it was handed out, with a power supply of its own."""
        chip = TrainingChip(Memory(dict(self.chip.memory.cells)))
        return self.examined(chip)

    def examined(self, chip: TrainingChip | None = None) -> Examined:
        """The card in this process."""
        held = chip or self.chip
        found = Examined(held.transmit, held.power_on, self.cipher, self.region, self.version, self.values)
        found.reset()
        return found


def every_value(book: ItemBook) -> dict[str, str]:
    """A good value for each item that the station writes when it is asked to."""
    found: dict[str, str] = {}
    for place in book.addresses():
        value = good_value(place, book.codes)
        with suppress(InputRefused):
            book.check_input(place.address, value)
            found[place.address] = value
    for file in CYCLIC:  # a second record, so that the order of two can be seen
        found |= {one.replace(file, f"{file}:2"): value for one, value in found.items() if one.startswith(f"{file}/")}
    return found


def changed_line(text: str, old: str, new: str) -> str:
    """The text with the one line ``old`` replaced."""
    lines = text.splitlines()
    assert lines.count(old) == 1, old
    return "\n".join(new if line == old else line for line in lines) + "\n"


def issued(
    folder: Path,
    chip: TrainingChip,
    *,
    cipher: CipherName = "3DES",
    version: str = "2.0",
    lines: Mapping[str, tuple[tuple[str, str], ...]] | None = None,
) -> Papers:
    """One card from a fresh station in ``folder``. ``lines`` are the changes in its copies of packaged profiles."""
    found_training_station(folder)
    for name, changes in (lines or {}).items():
        copy = folder / "profiles" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = data_folder("profiles").joinpath(name).read_text(encoding="utf-8")
        for old, new in changes:
            text = changed_line(text, old, new)
        copy.write_text(text, encoding="utf-8")
    located = read_settings((folder / "cardfab.toml",))
    with wiring.open_desk(located) as desk, Rig([chip]) as rig:
        product = desk.product("debit")
        values = every_value(ItemBook(product.files, desk.codes()))
        row = _ordered(desk, values)
        receive(desk, product.product.stock, 1)
        reader, printer = f"tcp://127.0.0.1:{rig.reader_port}", f"socket://127.0.0.1:{rig.printer_port}"
        with wiring.open_devices(desk, wiring.Bench(reader, printer, "evolis-ymcko")) as devices:
            made = issue(desk, devices, REQUEST)
        assert all(one.equal for one in made.compared)
        assert rig.output[-1].chip is chip
    return Papers(chip, {**_holder(row), **values}, cipher, REGION, version)


def _ordered(desk: Desk, values: dict[str, str]) -> dict[str, str]:
    examples = data_folder("examples")
    text = (examples / "requests.csv").read_text(encoding="utf-8")
    row = next(csv.DictReader(io.StringIO(text)))
    assert row["region"] == REGION
    line = json.dumps({**row, "request_id": REQUEST, "items": values}, ensure_ascii=False).encode()
    photo = (examples / row["photo"]).read_bytes()
    import_requests(desk, line, source="whole.jsonl", form="jsonl", photos=lambda _: photo)
    approve(desk, [REQUEST])
    return row


def _holder(row: dict[str, str]) -> dict[str, str]:
    """The columns of the request by where they lie on the card: LD/T 32 part 6, tables 1 and 2."""
    return {
        "SSSE/EF05/02": row["card_class"],
        "SSSE/EF06/08": row["social_security_number"],
        "SSSE/EF06/0A": row["sex"],
        "SSSE/EF06/0B": row["ethnicity"],
        "SSSE/EF06/0C": row["birthplace"],
        "SSSE/EF06/0D": row["birth_date"],
        "DF01/EF05/20": row["household_type"],
        "DF01/EF05/21": row["household_address"],
        "DF01/EF06/28": row["phone"],
        "DF01/EF07/29": row["employment_status"],
        "DF01/EF08/2B": row["marital_status"],
    }


ONE_LINE = ('algorithm = "3DES"', 'algorithm = "SM4"')
"""What a card profile of 3DES cards and one of SM4 cards differ in."""


def of_blank(folder: Path, cipher: CipherName, serial: int = 31) -> Papers:
    """A card of the packaged product from a pre-made blank; for SM4, with the one line of its card profile changed."""
    lines = {"cards/training-ssc2.toml": (ONE_LINE,)} if cipher == "SM4" else {}
    blank = make_blank(serial=serial, region=REGION, version="2.0", algorithm=cipher)
    return issued(folder, blank, cipher=cipher, lines=lines)


def of_third_generation(folder: Path, serial: int = 31) -> Papers:
    """A 3.0 card: SM4, the holder's data under RKSSSE, certificates."""
    lines = {
        "products/debit.toml": (
            ('card = "training-ssc2"', 'card = "training-ssc3"'),
            ('files = "ssc-v2"', 'files = "ssc-v3"'),
            ('stock = "training-ssc2"', 'stock = "training-ssc3"'),
        )
    }
    blank = make_blank(serial=serial, region=REGION, version="3.0")
    return issued(folder, blank, cipher="SM4", version="3.0", lines=lines)


def of_new_chip(folder: Path, dialect: Dialect, cipher: CipherName) -> Papers:
    """All three stages by this station: activation, structure and keys, the person's data."""
    lines: dict[str, tuple[tuple[str, str], ...]] = {
        "products/debit.toml": (
            ('card = "training-ssc2"', f'card = "training-{dialect}"'),
            ('stock = "training-ssc2"', f'stock = "new-{dialect}"'),
        )
    }
    if cipher == "SM4":
        lines["cards/training-ssc2.toml"] = (ONE_LINE,)
    chip = make_raw_chip(dialect, region=REGION, algorithm=cipher, activated=False)
    assert chip.power_on()[4:] == bytes(13)
    return issued(folder, chip, cipher=cipher, lines=lines)
