"""Every row of ``ssc-files-v2.json`` on an issued card: written by its key, read back, refused by every other key.

The 3DES card and the SM4 card come out of the same profiles by the same way; their card profiles differ in one line.
The reserved files of DF01 are made on the blanks of this test alone, so that their rows are here too.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

import pytest

from cardfab.resources import data_folder
from cardfab.simulator.chip import make_blank
from tests.issued import ONE_LINE, REGION, Papers, issued
from tests.social import CLOSED, KEYS, NO_RECORD, OK, PIN, CipherName, Examined, Key, Row, rows

CARD_PROFILE = "cards/training-ssc2.toml"
RESERVED = "DF01\n" + "".join(
    f"  EF{fid:02X} transparent:128 FREE UK{key}DF01\n" for fid, key in zip(range(0x16, 0x1B), "789AB", strict=True)
)


@dataclass(frozen=True)
class Station:
    """The folder of a station and the card that it made."""

    folder: Path
    papers: Papers


@pytest.fixture(scope="module")
def stations(tmp_path_factory: pytest.TempPathFactory) -> dict[CipherName, Station]:
    made: dict[CipherName, Station] = {}
    ciphers: tuple[CipherName, ...] = ("3DES", "SM4")
    for cipher in ciphers:
        folder = tmp_path_factory.mktemp("rows") / "station"
        blank = make_blank(serial=41, region=REGION, version="2.0", algorithm=cipher, extension=RESERVED)
        lines = {CARD_PROFILE: (ONE_LINE,) if cipher == "SM4" else ()}
        made[cipher] = Station(folder, issued(folder, blank, cipher=cipher, lines=lines))
    return made


@pytest.fixture(params=["3DES", "SM4"])
def card(request: pytest.FixtureRequest, stations: dict[str, Station]) -> Examined:
    return stations[request.param].papers.copy()


@pytest.mark.proof
@pytest.mark.shows("3DES and SM4 cards both, from the same profiles by one changed line (proof)")
def test_one_line_makes_the_other_cipher(stations: dict[CipherName, Station]) -> None:
    texts = {
        cipher: {
            str(file.relative_to(one.folder)): file.read_text(encoding="utf-8").splitlines()
            for file in sorted((one.folder / "profiles").rglob("*.toml"))
        }
        for cipher, one in stations.items()
    }
    ours, theirs = texts["3DES"], texts["SM4"]
    assert list(ours) == list(theirs) == [f"profiles/{CARD_PROFILE}"]
    packaged = (data_folder("profiles") / CARD_PROFILE).read_text(encoding="utf-8").splitlines()
    assert ours[f"profiles/{CARD_PROFILE}"] == packaged
    changed = [
        line for line in difflib.unified_diff(packaged, theirs[f"profiles/{CARD_PROFILE}"], n=0)
        if line[0] in "+-" and line[:3] not in ("+++", "---")
    ]  # fmt: skip
    assert changed == ["-" + ONE_LINE[0], "+" + ONE_LINE[1]]
    for cipher, one in stations.items():
        found = one.papers.copy()
        found.enter("SSSE")
        assert found.internal(bytes(8))
        assert found.cipher == cipher
        found.prove(KEYS["SSSE"]["UKSSSE"])
    keys = [one.papers.copy().key(KEYS["DF04"]["UK1"]) for one in stations.values()]
    assert keys[0] != keys[1]


def _numbers(of: Row) -> range:
    return range(1, 2 if of.cyclic or of.transparent else of.count + 1)


def _write(card: Examined, of: Row, seed: int) -> None:
    for number in _numbers(of):
        assert card.write(of, of.sample(number, seed), number) == OK, f"{of.name} record {number}"


def _must_hold(card: Examined, of: Row, seed: int) -> None:
    for number in _numbers(of):
        data, sw = card.read(of, number)
        assert sw == OK, f"{of.name} record {number}: {sw:04X}"
        assert data == of.sample(number, seed), f"{of.name} record {number}"


def _refused(card: Examined, of: Row, why: str) -> None:
    for number in _numbers(of):
        sw = card.write(of, of.sample(number, 99), number)
        assert sw == CLOSED, f"{of.name} record {number} by {why}: {sw:04X}"


def _others(of: Row) -> list[Key]:
    """Every key that can be proved here, but the one that writes the file; those of the environment are global."""
    here = [*KEYS[of.df].values(), *(KEYS["SSSE"].values() if of.df != "SSSE" else ())]
    return [key for key in here if key.external and key != of.written_by]


@pytest.mark.shows("a test per row of ssc-files-v2.json: written, read back, refused by every other key (test)")
@pytest.mark.parametrize("of", rows(), ids=lambda of: of.name)
class TestRow:
    def test_written_and_read_back(self, card: Examined, of: Row) -> None:
        if of.written_by is None:  # the log of the account: the card writes it
            card.enter(of.df)
            assert card.verify() == OK
            before = card.records(of)
            card.load(100, "20261122080000")
            card.purchase(1, 2, 3, "20261122080100")
            assert card.records(of)[2:] == before
            assert {len(record) for record in card.records(of)} == {of.length}
            return
        for version in range(1, of.written_by.groups + 1):
            card.anew(of.df)
            card.prove(of.written_by, version)
            _write(card, of, version)
        for way in of.ways:
            card.reset()
            card.enter(of.df)
            card.satisfy(of, way)
            _must_hold(card, of, of.written_by.groups)

    def test_refused_without_its_key(self, card: Examined, of: Row) -> None:
        card.enter(of.df)
        _refused(card, of, "nobody")
        assert card.verify() == OK
        _refused(card, of, "PIN")

    def test_refused_with_each_other_key(self, card: Examined, of: Row) -> None:
        for key in _others(of):
            card.anew(of.df)
            card.prove(key)
            _refused(card, of, key.right)
        card.reset()
        card.enter(of.df)
        card.satisfy(of, of.ways[0])
        for number in _numbers(of):
            assert card.read(of, number)[0] != of.sample(number, 99)

    def test_a_key_of_another_directory_is_of_no_use_here(self, card: Examined, of: Row) -> None:
        for other in KEYS:
            if other not in (of.df, "SSSE"):
                card.enter(other)
                for key in KEYS[other].values():
                    if key.external:
                        card.prove(key)
                card.enter(of.df)
                _refused(card, of, f"every key of {other}")

    def test_read_by_who_may_and_nobody_else(self, card: Examined, of: Row) -> None:
        if of.ways == [set()]:
            card.enter(of.df)
            assert card.read(of)[1] in (OK, NO_RECORD)
            return
        card.enter(of.df)
        assert card.read(of)[1] == CLOSED
        openers = set().union(*(way for way in of.ways if len(way) == 1))
        for key in [*KEYS[of.df].values(), *(KEYS["SSSE"].values() if of.df != "SSSE" else ())]:
            if key.external:
                card.anew(of.df)
                card.prove(key)
                sw = card.read(of)[1]
                assert sw in ((OK, NO_RECORD) if key.right in openers else (CLOSED,)), f"{of.name} by {key.right}"
        card.anew(of.df)
        assert card.verify() == OK
        assert card.read(of)[1] in ((OK, NO_RECORD) if PIN in openers else (CLOSED,))
