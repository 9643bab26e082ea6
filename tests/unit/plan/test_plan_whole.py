"""Every file of the application: written, read back under its own rights, and each right got once a directory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeAlias

import pytest

from cardfab.keys import SoftKeyStore
from cardfab.plan import PersonalisationPlan, Run, carry_out, compile_plan, describe, require_equal
from cardfab.plan.filing import AddRecord, ExpectBinary, NotReadBack, VerifyPin, WriteBinary
from cardfab.plan.steps import Authenticate, Expect, Select, UpdateRecord
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.records import PreparedBinary, PreparedRecord
from cardfab.profile.application import ElementaryFile, FileApplication
from cardfab.profile.card import CardProfile
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder

Bench = Any
Planned: TypeAlias = tuple[PreparedCard, PersonalisationPlan]
SOURCE = ProfileFolders((data_folder("profiles"),))
KINDS = [("2.0", "3DES"), ("2.0", "SM4"), ("3.0", "SM4"), ("3.0", "3DES")]
VERSIONS = {"2.0": "ssc-v2", "3.0": "ssc-v3"}


def _value(length: int, seed: int) -> bytes:
    return bytes((seed + place) % 250 + 1 for place in range(length))


def _records(df: str, file: ElementaryFile, seed: int) -> Iterator[PreparedRecord]:
    """Something in every item; of a cyclic file three records, the newest last."""
    about: dict[str, Any] = {"df": df, "fid": file.fid, "name_en": file.name_en, "name_zh": file.name_zh}
    if file.structure == "cyclic":
        for number in range(3):
            value = _value(file.record_length, seed + number)
            yield PreparedRecord(record_number=0, tag=b"", value=value, source=None, **about)
        return
    for number, item in enumerate(file.items, 1):
        if item.written_by == "personalisation":
            inner = b"".join(one.tag + bytes([one.length]) + _value(one.length, seed) for one in item.items)
            value = inner or _value(item.length, seed + number)
            yield PreparedRecord(record_number=number, tag=item.tag, value=value, source=item.source, **about)


@pytest.fixture
def whole(card: PreparedCard) -> Callable[[FileApplication], PreparedCard]:
    """A card with something in every file that anybody may write."""

    def make(files: FileApplication) -> PreparedCard:
        kept = {(one.df, one.fid, one.tag): one for one in card.records if one.df == "SSSE"}
        records, binaries = [], []
        for seed, directory in enumerate(files.directories):
            for file in directory.files:
                if file.write == "FORBIDDEN" or file.category == "reserved":
                    continue
                if file.size is not None:
                    data = _value(file.size, seed)
                    binaries.append(PreparedBinary(directory.name, file.fid, data, file.name_en, file.name_zh, None))
                    continue
                for one in _records(directory.name, file, 7 * seed):
                    records.append(kept.get((one.df, one.fid, one.tag), one))
        return replace(card, records=tuple(records), binaries=tuple(binaries))

    return make


@pytest.fixture
def planned(profiles: Any, whole: Callable[..., PreparedCard]) -> Callable[..., Planned]:
    def make(version: str, algorithm: str, **more: Any) -> tuple[PreparedCard, PersonalisationPlan]:
        files = load(SOURCE, "applications", VERSIONS[version], FileApplication)
        kind: CardProfile = profiles.card.model_copy(update={"algorithm": algorithm, **more})
        card = whole(files)
        return card, compile_plan(card, kind, files, profiles.financial)

    return make


@pytest.mark.shows("3DES and SM4 cards both, from the same profiles by one changed line (test)")
@pytest.mark.parametrize("key_version", [None, 1, 2, 3])
@pytest.mark.parametrize(("version", "algorithm"), KINDS)
def test_every_file_is_written_and_read_back(
    planned: Callable[..., Planned],
    bench: Callable[..., Bench],
    run_on: Callable[..., Run],
    version: str,
    algorithm: str,
    key_version: int | None,
) -> None:
    card, plan = planned(version, algorithm, key_version=key_version)
    blank = bench(region=card.region, version=version, algorithm=algorithm)
    carry_out(plan.encode, blank, run_on(blank))
    blank.power_on()
    run = carry_out(plan.verify, blank, run_on(blank))
    require_equal(run.compared)
    read = [step for step in plan.verify if isinstance(step, Expect | ExpectBinary)]
    items = len(card.records) + len(card.binaries)
    assert len(read) > items
    kinds = {type(step) for step in plan.encode}
    assert kinds >= {UpdateRecord, WriteBinary, AddRecord}
    assert not any(isinstance(step, NotReadBack) for step in plan.verify)
    blank.power_on()
    assert carry_out(plan.identify, blank, run_on(blank)).captured


def test_each_right_is_got_once_a_directory(
    planned: Callable[..., Planned],
) -> None:
    """Reading takes one key a directory, more where several keys read, and the PIN once."""
    _, plan = planned("2.0", "3DES")
    for part in (plan.encode, plan.verify):
        for directory in _by_directory(part):
            rights = [(step.label, type(step)) for step in directory if isinstance(step, Authenticate | VerifyPin)]
            assert len(rights) == len(set(rights))
    written = [step.label for step in plan.encode if isinstance(step, Authenticate)]
    assert len(written) == len(set(written)) == 26
    read = [step.label for step in plan.verify if isinstance(step, Authenticate)]
    assert read == ["ss/RKSSSE", "ss/DF01/RK1", "ss/DF02/RK1", "ss/DF03/RK2", "ss/DF03/RK1", "ss/DF04/RK1",
                    "ss/DF07/RK1", "ss/DF07/RK2", "ss/DF07/RK3"]  # fmt: skip
    assert sum(isinstance(step, VerifyPin) for step in plan.verify) == 1


def _by_directory(steps: tuple[Any, ...]) -> Iterator[list[Any]]:
    part: list[Any] = []
    for step in steps:
        if isinstance(step, Select):
            yield part
            part = []
        part.append(step)
    yield part


def test_what_the_pin_alone_opens_is_left_out_where_it_is_not_known(
    planned: Callable[..., Planned],
    bench: Callable[..., Bench],
    run_on: Callable[..., Run],
) -> None:
    card, plan = planned("2.0", "3DES", first_pin=None)
    (note,) = [step for step in plan.verify if isinstance(step, NotReadBack)]
    assert note.title.en.startswith("DF04/EF06")
    blank = bench(region=card.region)
    carry_out(plan.encode, blank, run_on(blank))
    blank.power_on()
    run = carry_out(plan.verify, blank, run_on(blank))
    require_equal(run.compared)
    assert not any("DF04/EF06" in one.title.en for one in run.compared)


def test_what_is_described_is_what_is_sent(
    planned: Callable[..., Planned],
    bench: Callable[..., Bench],
    run_on: Callable[..., Run],
) -> None:
    card, plan = planned("3.0", "SM4", key_version=3)
    blank = bench(region=card.region, version="3.0")
    carry_out(plan.encode, blank, run_on(blank))
    for part in (plan.verify, plan.identify):
        blank.power_on()
        carry_out(part, blank, run_on(blank))
        told = [one for one in describe(part) if one.number]
        assert len(told) == len(blank.sent)
        for one, command in zip(told, blank.sent, strict=True):
            shown = re.sub(r"<[^<>]*?(\d+) bytes>", lambda found: f"[0-9A-F]{{{2 * int(found[1])}}}", one.shown)
            assert re.fullmatch(shown.replace(" ", ""), command.to_bytes().hex().upper()), one.shown
    assert "123456" not in " ".join(one.shown for one in describe(plan.verify) if "PIN" in one.step.en)


def test_a_large_file_goes_in_blocks(planned: Callable[..., Planned], keys: SoftKeyStore) -> None:
    """The first block by short identifier, the rest where the file is current; the last as long as what is left."""
    _, plan = planned("2.0", "3DES")
    (photo,) = [step for step in plan.encode if isinstance(step, WriteBinary) and len(step.content) == 4096]
    shown = [one.shown for one in describe((photo,))]
    assert [one[:8] for one in shown[:3]] == ["00D68800", "00D600F0", "00D601E0"]
    assert len(shown) == 18
    assert shown[-1].startswith("00D60FF0 10 ")
    assert photo.sfi == 8
