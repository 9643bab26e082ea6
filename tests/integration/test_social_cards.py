"""Cards made in three stages, and cards of the third generation, pass the same general test; defective ones do not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cardfab.simulator.chip import TrainingChip, layout
from cardfab.simulator.chip.memory import Memory
from tests.acceptance import ACCEPTANCE
from tests.issued import Papers, of_blank, of_new_chip, of_third_generation

MADE: dict[str, Callable[..., Papers]] = {
    "T514 3DES": lambda folder: of_new_chip(folder, "t514", "3DES"),
    "T514 SM4": lambda folder: of_new_chip(folder, "t514", "SM4"),
    "FMCOS 3DES": lambda folder: of_new_chip(folder, "fmcos", "3DES"),
    "FMCOS SM4": lambda folder: of_new_chip(folder, "fmcos", "SM4"),
    "pre-made 3.0": of_third_generation,
}


@pytest.fixture(scope="module", params=MADE)
def papers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return MADE[request.param](tmp_path_factory.mktemp("made") / "station")


@pytest.mark.proof
@pytest.mark.shows("a card of all three stages passes the acceptance list, both dialects, both ciphers (proof)")
@pytest.mark.parametrize("item", ACCEPTANCE)
def test_the_ministrys_general_test(papers: Papers, item: str) -> None:
    ACCEPTANCE[item](papers.copy())


# Whether the list sees anything: a card with one defect each


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return of_blank(tmp_path_factory.mktemp("good") / "station", "3DES")


def cell(name: str, change: Callable[[bytes], bytes | None]) -> Callable[[TrainingChip], None]:
    def spoil(chip: TrainingChip) -> None:
        value = change(chip.memory.cells.get(name, b""))
        if value is None:
            del chip.memory.cells[name]
        else:
            chip.memory.cells[name] = value

    return spoil


def same_as(name: str, other: str) -> Callable[[TrainingChip], None]:
    def spoil(chip: TrainingChip) -> None:
        chip.memory.cells[name] = chip.memory.cells[other]

    return spoil


def file(directory: int, fid: int, **changes: Any) -> Callable[[TrainingChip], None]:
    """Another condition or form of a file; without changes it is not there."""

    def spoil(chip: TrainingChip) -> None:
        tree = chip._social.tree
        kept = [
            replace(one, **changes) if one.fid == fid else one
            for one in tree[directory].files
            if one.fid != fid or changes
        ]
        tree[directory] = replace(tree[directory], files=tuple(kept))

    return spoil


def open_to(text: str) -> layout.Access:
    return layout.condition(text)


_ATR = cell("os/historical", lambda old: old[:7] + b"\x65\x01" + old[9:])
DEFECTS: dict[str, Callable[[TrainingChip], None]] = {
    "the PIN": cell("tries/PIN/left", lambda _: b"\x03"),
    "the ATR": _ATR,
    "keys come": cell("key/DDF1/IRK", lambda old: old[8:] + old[:8]),
    "city code": cell("ef/DDF1/EF05/03", lambda _: bytes.fromhex("0304392E3930")),
    "the directories": file(layout.SSSE, 0xEF08),
    "records of linear": cell("ef/DF01/EF05/03", lambda old: old + b"\0"),
    "B-TLV": cell("ef/DF01/EF15/02", lambda old: old[:2] + b"\x58" + old[3:]),
    "cyclic": file(0xDF02, 0xEF07, space=3 * (0x55 + 2)),
    "the files of the environment": cell("ef/DDF1/EF06/08", lambda _: bytes.fromhex("B00101")),
    "tag 60": cell("ef/DF02/EF06/07", lambda _: bytes.fromhex("600420260101")),
    "writing without": file(0xDF01, 0xEF07, write=open_to("FREE")),
    "an update key opens": file(0xDF01, 0xEF07, write=open_to("UK2DF01|UK1DF01")),
    "a file that asks": file(0xDF03, 0xEF16, read=open_to("FREE")),
    "authenticating the update key": file(0xDF04, 0xEF15, read=open_to("PIN|RK1DF04|UK2DF04")),
    "the key for reading": same_as("key/DF03/RK2DF03", "key/DF03/UK1DF03"),
    "conditions with": file(0xDF04, 0xEF06, read=open_to("PIN|RK1DF04")),
    "all national": cell("key/DF07/RK3DF07", lambda _: None),
    "keys of several": same_as("key/DF01/UK2DF01/v3", "key/DF01/UK2DF01/v2"),
    "transactions": file(0xDF04, 0xEF08, write=open_to("UK2DF04")),
    "the id of IRK": same_as("key/DDF1/IRK/v2", "key/DDF1/IRK"),
    "a purchase of nothing": same_as("key/DF04/DPKDF04/v3", "key/DF04/DPKDF04/v2"),
}


@pytest.mark.proof
def test_every_item_has_its_defect() -> None:
    assert [next(item for item in ACCEPTANCE if item.startswith(start)) for start in DEFECTS] == list(ACCEPTANCE)


@pytest.mark.proof
@pytest.mark.parametrize("start", DEFECTS)
def test_a_defect_is_seen(good: Papers, start: str) -> None:
    chip = TrainingChip(Memory(dict(good.chip.memory.cells)))
    DEFECTS[start](chip)
    item = next(item for item in ACCEPTANCE if item.startswith(start))
    with pytest.raises(AssertionError):
        ACCEPTANCE[item](good.examined(chip))
