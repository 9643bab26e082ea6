"""Every fault of a printer at every phase of a card, on each simulated family.

The station issues a training card over the rig; the fault breaks at its phase; then a person mends it, the station
starts again and settles, and goes on until the request has its card. What lies in hopper, tray and reject box must be
what the books say, at every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cardfab.production import JobState
from cardfab.simulator.printer import Fault, Place
from tests.fault.printer_bench import Family, Shop, Trial

PHASES: dict[Family, dict[str, tuple[str | None, int]]] = {
    "evolis": {
        "before": (None, 0),
        "feed": ("Sis", 0),
        "contact": ("power-on", 0),
        "encode": ("apdu", 40),
        "verify": ("apdu", -1),
        "to print": ("Si", 0),
        "panel y": ("Dbc", 1),
        "panel k": ("Dbc", 3),
        "panel o": ("Dbc", 4),
        "back": ("Dbc", 7),
        "end": ("Se", 0),
        "eject": ("Se", 1),
        "after": (None, -1),
    },
    "matica": {
        "before": (None, 0),
        "feed": ("04", 0),
        "contact": ("0A", 0),
        "encode": ("apdu", 40),
        "verify": ("apdu", -1),
        "to print": ("05", 0),
        "panel y": ("panel-y", 0),
        "panel k": ("panel-k", 0),
        "print": ("06", 0),
        "transfer": ("07", 0),
        "back": ("06", 1),
        "end": ("07", 1),
        "eject": ("05", 1),
        "after": (None, -1),
    },
}
"""Phase -> the event at which the fault breaks, and how many of that name pass before; -1: see `arm`."""

BOTH = (
    Fault.JAM,
    Fault.RIBBON_END,
    Fault.RIBBON_TORN,
    Fault.COVER_OPEN,
    Fault.POWER_CUT,
    Fault.CABLE_OUT,
    Fault.FEEDER_EMPTY,
    Fault.REJECT_FULL,
    Fault.NO_CONTACT,
    Fault.WRONG_OK,
    Fault.SILENCE,
)
FAULTS: dict[Family, tuple[Fault, ...]] = {"evolis": BOTH, "matica": (*BOTH, Fault.WARMING)}
WHERE: dict[Fault, tuple[str, ...]] = {
    Fault.RIBBON_END: ("before", "panel y", "panel k", "print", "back", "end", "after"),
    Fault.RIBBON_TORN: ("before", "panel y", "panel k", "panel o", "print", "back", "end"),
    Fault.FEEDER_EMPTY: ("before", "feed", "after"),
    Fault.REJECT_FULL: ("before", "encode", "after"),
    Fault.NO_CONTACT: ("feed", "contact"),
    Fault.WARMING: ("before", "feed", "to print", "print", "after"),
}
"""A fault that nothing feels at other phases is run where something does."""
TABLE = [
    (family, fault, phase)
    for family, faults in FAULTS.items()
    for fault in faults
    for phase in PHASES[family]
    if phase in WHERE.get(fault, PHASES[family])
]
BELIEVED = frozenset({"panel y", "panel k", "panel o", "back", "transfer", "end"})
"""Where a wrong OK leaves a card without a panel or a side: no answer of the printer tells, only an eye does."""
SHARDS = 2


@pytest.fixture(scope="session")
def shop(template: Path) -> Shop:
    return Shop(template)


@pytest.fixture(scope="session")
def verify_at(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> dict[Family, int]:
    """How many APDUs pass before the chip is read back, in a run where nothing breaks."""
    found: dict[Family, int] = {}
    with shop.drawn():
        for family in PHASES:
            trial = Trial(shop, family, tmp_path_factory.mktemp("clean"))
            assert trial.issue()
            trial.settle()
            trial.check_end()
            assert trial.jobs()[-1].state is JobState.DONE
            found[family] = trial.marks["verify"]
            trial.close()
    return found


@pytest.fixture
def drawn(shop: Shop) -> Iterator[Shop]:
    with shop.drawn():
        yield shop


def arm(trial: Trial, fault: Fault, phase: str, verify_at: dict[Family, int]) -> None:
    event, skip = PHASES[trial.family][phase]
    if event == "apdu" and skip < 0:
        skip = verify_at[trial.family] + 10
    trial.rig.printer.inject(fault, on=event, skip=max(0, skip))


def run(shop: Shop, folder: Path, family: Family, fault: Fault, phase: str, verify_at: dict[Family, int]) -> Trial:
    """One line of the table, from the first blank to the card."""
    trial = Trial(shop, family, folder)
    try:
        if phase != "after":
            arm(trial, fault, phase, verify_at)
        made = trial.issue()
        if phase == "after":
            arm(trial, fault, phase, verify_at)
            with trial.devices() as devices:  # whoever looks next
                try:
                    assert devices.printer is not None
                    devices.printer.prepare()
                except Exception:
                    made = True
        trial.rig.printer.mend()
        trial.settle()
        trial.go_on()
        trial.check_end(seen=fault is not Fault.WRONG_OK or phase not in BELIEVED)
        trial.check_said()
        assert made or trial.errors
        return trial
    finally:
        trial.close()


def the_table(shop: Shop, folder: Path, verify_at: dict[Family, int], lines: list[tuple[Family, Fault, str]]) -> None:
    wrong = []
    for family, fault, phase in lines:
        try:
            run(shop, folder, family, fault, phase, verify_at)
        except Exception as broken:
            wrong.append(f"{family}, {fault}, {phase}: {type(broken).__name__} {broken}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("family", "fault", "phase"),
    [("evolis", Fault.RIBBON_TORN, "panel k"), ("matica", Fault.JAM, "transfer")],
)
def test_one_fault_of_each_family(
    drawn: Shop, tmp_path: Path, verify_at: dict[Family, int], family: Family, fault: Fault, phase: str
) -> None:
    trial = run(drawn, tmp_path, family, fault, phase, verify_at)
    assert trial.errors


@pytest.mark.parametrize("family", list(PHASES))
def test_a_card_found_inside_at_start_is_rejected_and_counted(drawn: Shop, tmp_path: Path, family: Family) -> None:
    trial = Trial(drawn, family, tmp_path)
    left = trial.rig.printer.leave_inside(Place.PRINT)
    assert trial.issue(), trial.errors
    trial.settle()
    assert left in trial.rig.rejected
    assert trial.account().spoiled == 1
    trial.check_end()
    trial.close()


@pytest.mark.proof
def test_a_card_that_nobody_takes_is_drawn_back_and_settled_by_a_look(drawn: Shop, tmp_path: Path) -> None:
    trial = Trial(drawn, "evolis", tmp_path, bezel=True)
    trial.rig.printer.inject(Fault.NOT_TAKEN, on="Se", skip=1)
    assert not trial.issue()
    assert "Nobody took the card" in str(trial.errors[0])
    assert len(trial.rig.rejected) == 1
    assert trial.account().in_doubt == 1
    trial.rig.printer.machine.taker = True
    trial.settle()
    trial.go_on()
    trial.check_end()
    trial.check_said()
    trial.close()


@pytest.mark.proof
@pytest.mark.shows(
    "The fault table run on each simulator: every fault at every phase of a card; the books balance and no blank is "
    "used twice (proof)"
)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_fault_at_every_phase(drawn: Shop, tmp_path: Path, verify_at: dict[Family, int], shard: int) -> None:
    the_table(drawn, tmp_path, verify_at, TABLE[shard::SHARDS])
