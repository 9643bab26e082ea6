"""A stage that is cut off at any command is gone on with, or erased and begun again: the same blank each time."""

from __future__ import annotations

import copy
import random
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from cardfab.apdu.dialect import CosDialect
from cardfab.apdu.link import CardGone, Link, drive, link_to
from cardfab.apdu.message import historical_bytes
from cardfab.apdu.progress import Made, Progress, ask_progress
from cardfab.keys import SoftKeyStore
from cardfab.plan import Run, Step, carry_out
from cardfab.plan.files import Filing
from cardfab.plan.stages import compile_activation, compile_check, historical_of
from cardfab.plan.structure import compile_erase, compile_structure
from cardfab.profile.application import FileApplication
from cardfab.profile.card import CardProfile
from cardfab.profile.dialect import DialectProfile
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder
from cardfab.simulator.chip import TrainingChip, make_raw_chip

SOURCE = ProfileFolders((data_folder("profiles"),))
REGION = "440199"
KINDS = [("t514", "3DES"), ("t514", "SM4"), ("fmcos", "3DES"), ("fmcos", "SM4")]
TRANSPORT = {"t514": "transport/T514", "fmcos": "transport/FMCOS"}
MAKER = bytes.fromhex("0087BF10028649")


@dataclass
class Cut:
    """A chip as a connection: the power fails before command ``at`` (from 1); a copy of it is kept before each."""

    chip: TrainingChip
    at: int = 0
    keep: bool = False
    sent: int = 0
    copies: list[TrainingChip] = field(default_factory=list)

    def transmit(self, apdu: bytes, /) -> bytes:
        self.sent += 1
        if self.sent == self.at:
            raise CardGone
        if self.keep:
            self.copies.append(copy.deepcopy(self.chip))
        return self.chip.transmit(apdu)

    def atr(self) -> bytes:
        return self.chip.atr

    def reset(self) -> bytes:
        self.chip.power_off()
        return self.chip.power_on()

    def close(self) -> None:
        self.chip.power_off()


@dataclass(frozen=True)
class Maker:
    """Makes blanks of one kind of chip."""

    name: str
    algorithm: str
    files: FileApplication
    card: CardProfile
    dialect: CosDialect
    keys: SoftKeyStore

    def fresh(self, **more: object) -> TrainingChip:
        """Always the same one, whatever it draws."""
        settings = {"serial": 5, "region": REGION, "algorithm": self.algorithm, "entropy": random.Random(5).randbytes}
        return make_raw_chip(self.name, **settings, **more)  # type: ignore[arg-type]

    def link(self, chip: TrainingChip) -> Link:
        """To the chip after its power was off and on."""
        connection = Cut(chip)
        connection.reset()
        return link_to(connection)

    def run(self, chip: TrainingChip) -> Run:
        return Run(self.keys, historical_bytes(chip.atr), secrets.token_bytes, region=REGION)

    def progress(self, chip: TrainingChip, link: Link) -> Progress:
        environment = self.files.directory("SSSE").aid
        return drive(ask_progress(self.dialect, historical_bytes(chip.atr), environment), link)

    def structure(self, progress: Progress | None = None, transport: str | None = None) -> tuple[Step, ...]:
        return compile_structure(
            self.files,
            self.dialect,
            algorithm=self.algorithm,
            first_pin="ss/PIN",
            progress=progress,
            transport=transport,
        )

    def resume(self, chip: TrainingChip) -> None:
        link = self.link(chip)
        progress = self.progress(chip, link)
        if progress.made is not Made.STRUCTURE_ENDED:
            carry_out(self.structure(progress), link, self.run(chip))

    def check(self, chip: TrainingChip) -> None:
        link = self.link(chip)
        assert self.progress(chip, link).made is Made.STRUCTURE_ENDED
        run = self.run(chip)
        carry_out(compile_check(Filing(self.files, self.card)), link, run)
        assert run.region == REGION

    def cuts(self) -> Iterator[tuple[int, TrainingChip]]:
        """The chip as it was before each command of its making, and after the last one."""
        connection = Cut(self.fresh(), keep=True)
        connection.reset()
        carry_out(self.structure(), link_to(connection), self.run(connection.chip))
        yield from enumerate([*connection.copies, connection.chip])


@pytest.fixture(scope="module")
def keys() -> SoftKeyStore:
    return SoftKeyStore.training(secrets.token_bytes)


@pytest.fixture
def maker(keys: SoftKeyStore) -> Callable[..., Maker]:
    def make(name: str, algorithm: str) -> Maker:
        return Maker(
            name,
            algorithm,
            load(SOURCE, "applications", "ssc-v2", FileApplication),
            load(SOURCE, "cards", "training-ssc2", CardProfile).model_copy(update={"algorithm": algorithm}),
            load(SOURCE, "dialects", f"cos-{name}", DialectProfile).dialect(),
            keys,
        )

    return make


def _held(chip: TrainingChip) -> dict[str, bytes]:
    return dict(chip.memory.cells)


def _every(cuts: Iterator[tuple[int, TrainingChip]], step: int) -> Iterator[tuple[int, TrainingChip]]:
    return ((at, chip) for at, chip in cuts if at % step == 0)


def _resumed(maker: Maker, step: int) -> int:
    whole = maker.fresh()
    whole.power_on()
    carry_out(maker.structure(), link_to(Cut(whole)), maker.run(whole))
    wanted, tried = _held(whole), 0
    for at, chip in _every(maker.cuts(), step):
        maker.resume(chip)
        assert _held(chip) == wanted, f"cut before command {at + 1}"
        tried += 1
    maker.check(whole)
    return tried


@pytest.mark.proof
@pytest.mark.parametrize(("name", "algorithm"), KINDS)
def test_a_structure_that_was_cut_off_is_gone_on_with(maker: Callable[..., Maker], name: str, algorithm: str) -> None:
    assert _resumed(maker(name, algorithm), 37) > 10


@pytest.mark.proof
@pytest.mark.shows("A stage that was interrupted can be resumed or erased and begun again (proof)")
@pytest.mark.parametrize(("name", "algorithm"), KINDS)
def test_a_structure_that_was_cut_off_at_any_command_is_gone_on_with(
    maker: Callable[..., Maker], name: str, algorithm: str
) -> None:
    """Every command with 3DES, every fourth with SM4, whose structure is the same."""
    step = 1 if algorithm == "3DES" else 4
    assert _resumed(maker(name, algorithm), step) > 400 / step


@pytest.mark.proof
@pytest.mark.parametrize(("name", "algorithm"), KINDS)
def test_a_structure_that_was_cut_off_at_any_command_is_erased(
    maker: Callable[..., Maker], name: str, algorithm: str
) -> None:
    """What is left is a chip as it was activated, its transport key in force; and it becomes a blank."""
    kind = maker(name, algorithm)
    empty, chip = _held(kind.fresh()), kind.fresh()
    for at, chip in _every(kind.cuts(), 11):
        link = kind.link(chip)
        if kind.progress(chip, link).made is not Made.STRUCTURE_BEGUN:
            continue
        carry_out(compile_erase(kind.dialect, algorithm=algorithm), link, kind.run(chip))
        assert _held(chip) == empty, f"cut before command {at + 1}"
    link = kind.link(chip)
    assert kind.progress(chip, link).made in (Made.ACTIVATED, Made.STRUCTURE_ENDED)


@pytest.mark.proof
@pytest.mark.parametrize(("name", "algorithm"), KINDS)
def test_an_erased_chip_becomes_a_blank(maker: Callable[..., Maker], name: str, algorithm: str) -> None:
    kind = maker(name, algorithm)
    chip = next(chip for at, chip in kind.cuts() if at == 200)
    link = kind.link(chip)
    carry_out(compile_erase(kind.dialect, algorithm=algorithm), link, kind.run(chip))
    link = kind.link(chip)
    assert kind.progress(chip, link).made is Made.ACTIVATED
    carry_out(kind.structure(), link, kind.run(chip))
    kind.check(chip)


@pytest.mark.proof
@pytest.mark.parametrize(("name", "algorithm"), KINDS)
def test_an_activation_that_was_cut_off_at_any_command_is_gone_on_with(
    maker: Callable[..., Maker], name: str, algorithm: str
) -> None:
    """Before and after each command: what was set cannot be set again, and that it is ours the transport key shows."""
    kind = maker(name, algorithm)
    wanted = historical_of(MAKER, REGION, 7)

    def steps(done: int) -> tuple[Step, ...]:
        return compile_activation(
            kind.dialect,
            transport=TRANSPORT[name],
            maker=MAKER,
            historical=wanted,
            algorithm=algorithm,
            done=done,
        )

    for at in range(1, len(steps(0)) + 1):
        chip = kind.fresh(activated=False)
        connection = Cut(chip, at)
        connection.reset()
        with pytest.raises(CardGone):
            carry_out(steps(0), link_to(connection), kind.run(chip))
        link = kind.link(chip)
        progress = kind.progress(chip, link)
        assert (progress.made, progress.activated) == (Made.NOTHING, at - 1)
        carry_out(steps(progress.activated), link, kind.run(chip))
        link = kind.link(chip)
        assert historical_bytes(chip.atr) == wanted
        assert kind.progress(chip, link).made is Made.ACTIVATED
        carry_out(kind.structure(transport=TRANSPORT[name])[:1], link, kind.run(chip))


@pytest.mark.proof
def test_another_structure_is_not_gone_on_with(maker: Callable[..., Maker]) -> None:
    """A chip that has more than the profile says is nobody's: erase it."""
    from cardfab.plan import StructureRefused

    kind = maker("t514", "3DES")
    chip = next(chip for at, chip in kind.cuts() if at == 150)
    link = kind.link(chip)
    progress = kind.progress(chip, link)
    first = kind.files.directories[0].model_copy(update={"files": kind.files.directories[0].files[:1]})
    smaller = kind.files.model_copy(update={"directories": (first, *kind.files.directories[1:])})
    with pytest.raises(StructureRefused, match="SSSE") as refused:
        compile_structure(smaller, kind.dialect, progress=progress)
    assert "Erase" in str(refused.value.do)
