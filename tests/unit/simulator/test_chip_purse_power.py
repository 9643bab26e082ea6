"""A power cut at every write, and before every byte that is written, of a load and of a purchase; and of a record.

After each cut the card is switched on as by a terminal: balance, log and proof are those of before or of after.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from cardfab.simulator.chip import TrainingChip, make_blank
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.word import PowerCut
from tests.unit.simulator.purse_terminal import DF04, Till, till

if TYPE_CHECKING:
    from conftest import Host

pytestmark = pytest.mark.shows("a power cut inside a load or purchase: balance, log and proof agree (test)")
KINDS = pytest.mark.parametrize("kind", ["load", "purchase"])
Cells = dict[str, bytes]
STEP = 17  # of the byte cuts in the short form


@dataclass
class Scene:
    """A card with some history, and the APDU that is cut: the second of its transaction."""

    cells: Cells
    kind: str
    make_host: Callable[..., Host]

    def begin(self) -> tuple[Till, str]:
        """A till at the card in this state, and the APDU."""
        chip = TrainingChip(Memory(dict(self.cells)), lambda n: bytes(range(n)))
        chip.power_on()
        host = self.make_host(serial=1)
        host.chip = chip
        one = till(host)
        if self.kind == "load":
            return one, one.credit(one.begin_load(40), 40, "20270102030405")
        sums = (10).to_bytes(4) + (2).to_bytes(4) + (3).to_bytes(4)
        return one, one.debit(one.begin_purchase(10, 2, 3), sums, "20270102030405")

    def after(self) -> tuple[object, ...]:
        one, apdu = self.begin()
        one.host.ok(apdu)
        return state(one)


def state(one: Till) -> tuple[object, ...]:
    """What the terminal can see: balance, totals, log, and the proof of either kind with the last number."""
    proofs = []
    for kind in ("31", "32"):
        for number in range(4):
            answer, sw = one.host.raw(bytes.fromhex(f"B02E00{kind}02{number:04X}08"))
            proofs.append(answer.hex() if sw == 0x9000 else f"{sw:04X}")
    return one.balance(), one.totals(), tuple(one.log()), tuple(proofs)


@pytest.fixture
def scene(make_host: Callable[..., Host]) -> Callable[[str], Scene]:
    def make(kind: str) -> Scene:
        one = till(make_host(serial=1))
        one.load(100)
        one.buy(5, 6, 7)
        return Scene(dict(one.host.chip.memory.cells), kind, make_host)

    return make


def settled(one: Till) -> tuple[object, ...]:
    """What the terminal finds when it puts the card in again."""
    one.host.chip.power_on()
    till(one.host)
    return state(one)


@KINDS
def test_a_cut_at_every_write(scene: Callable[[str], Scene], kind: str) -> None:
    of = scene(kind)
    before, after = state(of.begin()[0]), of.after()
    assert before[0] == 95
    assert before != after
    one, apdu = of.begin()
    one.host.chip.tear_after = 1000
    one.host.ok(apdu)
    writes = 1000 - (one.host.chip.tear_after or 0)
    assert writes == 1  # amounts, proof and log go with one write
    seen = set()
    for keeps in (False, True):
        one, apdu = of.begin()
        one.host.chip.memory.tear_keeps = keeps
        one.host.chip.tear_after = 1
        assert one.host.chip.transmit(bytes.fromhex(apdu)) == b""
        seen.add(settled(one))
    assert seen == {before, after}


def bytes_written(of: Scene) -> int:
    one, apdu = of.begin()
    one.host.chip.tear_byte = 100_000
    one.host.ok(apdu)
    return 100_000 - (one.host.chip.tear_byte or 0)


def cut_before_byte(of: Scene, n: int, before: tuple[object, ...], after: tuple[object, ...]) -> bool:
    """Cut, switch on, look; whether the transaction took place. It is carried out again where it did not."""
    one, apdu = of.begin()
    one.host.chip.tear_byte = n
    assert one.host.chip.transmit(bytes.fromhex(apdu)) == b""
    found = settled(one)
    assert found in (before, after), n
    one.host.chip.power_on()
    assert state(till(one.host)) == found  # settled for good
    if found == before:
        assert one.balance() == 95
    return found == after


@KINDS
def test_a_cut_before_a_byte(scene: Callable[[str], Scene], kind: str) -> None:
    of = scene(kind)
    before, after = state(of.begin()[0]), of.after()
    count = bytes_written(of)
    assert count > 200
    took = [cut_before_byte(of, n, before, after) for n in {1, 2, *range(1, count + 1, STEP), count}]
    assert set(took) == {False, True}


@pytest.mark.proof
@pytest.mark.shows("a power cut before every byte of a load or purchase: balance, log and proof agree (proof)")
@KINDS
def test_a_cut_before_every_byte(scene: Callable[[str], Scene], kind: str) -> None:
    of = scene(kind)
    before, after = state(of.begin()[0]), of.after()
    took = [cut_before_byte(of, n, before, after) for n in range(1, bytes_written(of) + 1)]
    assert took == sorted(took)  # up to the mark the journal is dropped, from then on it is carried out
    assert set(took) == {False, True}


@KINDS
def test_a_cut_at_every_apdu(scene: Callable[[str], Scene], kind: str) -> None:
    """Switched off between any two commands nothing has happened, after the last one everything has."""
    of = scene(kind)
    before, after = state(of.begin()[0]), of.after()
    one, _ = of.begin()
    assert settled(one) == before  # after the first command
    one, apdu = of.begin()
    one.host.chip.transmit(bytes.fromhex(apdu))  # its answer is never seen
    assert settled(one) == after
    one.host.ok(DF04)
    log = one.log()[0]
    kept = one.host.ok(f"B02E00{log[4:6]}02{log[:4]}08")  # what the terminal lacks comes from the proof
    assert len(kept) == 16


def test_a_record_is_old_or_new_at_every_byte(make_host: Callable[..., Host]) -> None:
    blank = make_blank(serial=1)
    for n in range(1, 60):
        chip = TrainingChip(Memory(dict(blank.memory.cells)))
        chip.power_on()
        host = make_host(serial=1)
        host.chip = chip
        host.ok("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
        host.authenticate(0x04, "ss/UKSSSE")
        chip.tear_byte = n
        answer = chip.transmit(bytes.fromhex("00DC032C0603043399AA77"))
        chip.tear_byte = None
        chip.power_on()
        found = chip.inspect()["DDF1/EF05"]["03"]
        assert found in ("0304322E3030", "03043399AA77")
        assert answer == b"" or found == "03043399AA77"
        if answer:
            assert n > 20
            break
    else:
        pytest.fail("the write never ended")


@pytest.mark.parametrize("n", range(1, 40))
def test_memory_drops_half_a_journal_and_carries_out_a_whole_one(n: int) -> None:
    memory = Memory({"a": b"old", "b": b"gone", "c": b"longer than new"})
    changes: dict[str, bytes | None] = {"a": b"new!", "b": None, "c": b"short", "d": b""}
    memory.tear_byte = n
    cut = False
    try:
        memory.write(changes)
    except PowerCut:
        cut = True
    assert memory.tear_byte is None or not cut
    memory.tear_byte = None
    memory.recover()
    done = {"a": b"new!", "c": b"short", "d": b""}
    assert memory.cells in ({"a": b"old", "b": b"gone", "c": b"longer than new"}, done)
    assert cut or memory.cells == done
    memory.recover()
    assert (memory.journal, memory.whole) == (b"", False)
