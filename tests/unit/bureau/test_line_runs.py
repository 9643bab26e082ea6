"""A line on a batch of six cards: order, faults, holds, orders, what is left open and made again."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from cardfab.apdu.link import CardConnection, CardGone
from cardfab.bureau.line import BatchNotReady, BureauLine, NoSlots, RunEnd
from cardfab.bureau.lineview import LineRules
from cardfab.bureau.slot import SlotSpec, SlotState
from cardfab.errors import CardfabError
from cardfab.keys.away import KeysAway
from cardfab.production import JobState
from cardfab.production.batches import BatchState, BoxState
from cardfab.simulator.chip import TrainingChip, make_card
from cardfab.station.books import remake, spoil
from cardfab.station.bureauorders import Order
from cardfab.station.bureauorders import order as ordered_of
from cardfab.station.devices import Devices
from cardfab.station.stockroom import receive
from cardfab.store import CommitInDoubt, DatabaseAway
from cardfab.watch import Watch, unwatched
from tests.chips import ChipConnection
from tests.line_place import STOCK, Bureau, Slot, bureau, desk_at

S = JobState
ROWS, BOX = 3, 2


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("line")
    made = bureau(folder, ROWS, box_size=BOX, blanks=0)
    made.desk.database.close()
    return folder / "station.db"


@pytest.fixture
def place(template: Path, tmp_path: Path) -> Callable[..., Bureau]:
    """Makes a bureau on a copy of the one that was made; ``blanks`` are received."""

    def make(*slots: Slot, blanks: int = 20, watch: Watch = unwatched) -> Bureau:
        shutil.copy(template, tmp_path / "station.db")
        desk = desk_at(tmp_path / "station.db", tmp_path / "station.db", watch=watch)
        if blanks:
            receive(desk, STOCK, blanks)
        return Bureau(desk, 1, list(slots) or [Slot("s1"), Slot("s2")])

    return make


class Broken:
    """A connection whose chip answers no more after so many commands."""

    def __init__(self, inner: CardConnection, left: int) -> None:
        self._inner, self._left = inner, left

    def atr(self) -> bytes:
        return self._inner.atr()

    def reset(self) -> bytes:
        return self._inner.reset()

    def close(self) -> None:
        self._inner.close()

    def transmit(self, apdu: bytes, /) -> bytes:
        if self._left == 0:
            raise CardGone
        self._left -= 1
        return self._inner.transmit(apdu)


class Faulty:
    """Changes the devices of a slot: which of its cards, from 1, die after how many commands; dead for good."""

    def __init__(self, slot: Slot, dies: Callable[[int], int | None]) -> None:
        self.slot, self._dies = slot, dies

    def __call__(self, devices: Devices) -> Devices:
        connect = devices.connect

        def broken() -> CardConnection:
            fed = len(self.slot.made) + len(self.slot.spoiled) + 1
            after = self._dies(fed)
            if after is None:
                return connect()
            if after == 0:
                raise CardGone
            return Broken(connect(), after)

        return replace(devices, connect=broken)


def faulty(name: str, dies: Callable[[int], int | None]) -> Slot:
    slot = Slot(name)
    slot.wrap = Faulty(slot, dies)
    return slot


def counted(powered: list[int]) -> Callable[[Devices], Devices]:
    """Counts how often a chip is powered."""

    def wrap(devices: Devices) -> Devices:
        def connect() -> CardConnection:
            powered[0] += 1
            return devices.connect()

        return replace(devices, connect=connect)

    return wrap


def closed(one: Bureau, end: RunEnd, state: BatchState) -> None:
    """What holds after every run: the books add up, no chip was used twice, the tables say what the run says."""
    account = one.account()
    assert account.balanced
    assert one.chips_used_once()
    states = one.states()
    assert end.left == ROWS - states.count(S.DONE)
    assert account.issued == states.count(S.DONE) == one.out()
    with one.desk.database.reading() as tx:
        assert tx.batches.get(1).state is state
        [*_, run] = tx.boxes.runs(1)
        assert run.how == end.how
        assert (run.ended_at, run.held) == (run.seen_at, None)
        rows = tx.boxes.slots(run.id)
    assert [(row.slot, row.made, row.spoiled, row.doubtful, row.faults) for row in rows] == [
        (slot.name, slot.made, slot.spoiled, slot.doubtful, slot.faults) for slot in end.now.slots
    ]
    one.desk.database.close()


@pytest.mark.proof
def test_every_card_is_made_in_the_order_of_its_box(place: Callable[..., Bureau]) -> None:
    here, powered = place(), [0]
    for slot in here.slots:
        slot.wrap = counted(powered)
    end = here.line(LineRules(sample_first=True)).run(1)
    assert (end.how, end.left, end.now.made, end.now.state) == ("made", 0, ROWS, "ended")
    with here.desk.database.reading() as tx:
        boxes = tx.boxes.of(1)
        places = tx.boxes.places(1, 1, ROWS)
        ends = [tx.jobs.history(one.job_id or 0)[-1].at for one in places]
        jobs = [tx.jobs.get(one.job_id or 0) for one in places]
        first = tx.jobs.history(jobs[0].id)
        samples = tx.boxes.samples(1)
    for box in boxes:
        assert box.state is BoxState.FULL
        assert ends[box.first - 1 : box.last] == sorted(ends[box.first - 1 : box.last])
    assert {job.approved_by for job in jobs} == {"supervisor"}
    assert [(one.event, one.by) for one in first[:4]] == [
        ("request", "operator"), ("approve", "supervisor"), ("prepare", "trainee"), ("queue", "trainee"),
    ]  # fmt: skip
    assert [one.job_id for one in samples] == sorted([jobs[0].id, jobs[BOX].id])
    assert {one.rule for one in samples} == {"first of the box"}
    assert powered == [2 * ROWS + len(samples)]  # to write, to read back, and a sample once more
    assert len(here.events("batch.box")) == 2
    assert [one.outcome for one in here.events("line.run")] == ["intent", "done"]
    closed(here, end, BatchState.MADE)


def test_a_dead_chip_spoils_its_place_alone_and_the_remake_fills_it(place: Callable[..., Bureau]) -> None:
    slot = Slot("s1")
    dies = [2]
    slot.wrap = Faulty(slot, lambda fed: 30 if fed in dies else None)
    here = place(slot)
    end = here.line().run(1)
    assert (end.how, end.left) == ("open", 1)
    assert here.states() == [S.DONE, S.SPOILED, *[S.DONE] * (ROWS - 2)]
    assert (end.now.made, end.now.spoiled, end.now.faults, len(slot.spoiled)) == (ROWS - 1, 1, 1, 1)
    with here.desk.database.reading() as tx:
        [fault] = tx.boxes.faults(1)
        job = tx.jobs.get(fault.job_id or 0)
        assert (fault.slot, job.state) == ("s1", S.SPOILED)
    remake(here.desk, job, "supervisor")
    dies.clear()
    again = here.line().run(1)
    assert (again.how, again.left, again.now.made) == ("made", 0, 1)
    closed(here, again, BatchState.MADE)


@pytest.mark.proof
def test_a_slot_with_repeated_faults_is_taken_out_and_another_takes_its_box(place: Callable[..., Bureau]) -> None:
    here = place(faulty("bad", lambda fed: 0), Slot("good"))
    end = here.line(LineRules(faults_in_a_row=2)).run(1)
    bad, good = end.now.slots
    assert (bad.state, bad.faults, bad.made, bad.code) == (SlotState.TAKEN_OUT, 2, 0, "CF-5740")
    assert (good.state, good.faults) == (SlotState.ENDED, 0)
    assert good.made == ROWS - bad.spoiled == here.states().count(S.DONE)
    with here.desk.database.reading() as tx:
        kept = tx.boxes.slots(end.now.run_id)[0]
        assert len(tx.boxes.faults(1)) == 2
        assert {one.state for one in tx.boxes.of(1)} == {BoxState.FULL}
    assert json.loads(kept.taken_out or "")["code"] == "CF-5740"
    assert any(said.code == "CF-5740" for said in end.now.said)
    assert [one.details["slot"] for one in here.events("line.slot")] == ["bad"]
    closed(here, end, BatchState.RUNNING)


@pytest.mark.proof
def test_without_a_slot_left_the_run_ends_and_says_so(place: Callable[..., Bureau]) -> None:
    here = place(faulty("bad", lambda fed: 0))
    end = here.line(LineRules(faults_in_a_row=1)).run(1)
    assert (end.how, end.now.made) == ("no slot left", 0)
    closed(here, end, BatchState.RUNNING)


@pytest.mark.proof
def test_an_empty_stock_holds_the_line_until_blanks_are_received(place: Callable[..., Bureau]) -> None:
    here, said = place(Slot("s1"), blanks=0), threading.Event()
    line = here.line(tell=lambda told: said.set() if told.code == "CF-7100" else None)
    ends: list[RunEnd] = []
    running = threading.Thread(target=lambda: ends.append(line.run(1)))
    running.start()
    assert said.wait(20)
    now = line.now()
    assert (now.state, now.made, now.slots[0].faults) == ("held", 0, 0)
    assert now.why is not None
    receive(here.desk, STOCK, ROWS)
    running.join(60)
    assert (ends[0].how, ends[0].now.faults) == ("made", 0)
    closed(here, ends[0], BatchState.MADE)


class Once:
    """Raises at a point of the watch, the first time."""

    def __init__(self, point: str, error: BaseException) -> None:
        self._point, self._error, self.done = point, error, False

    def __call__(self, name: str) -> None:
        if name == self._point and not self.done:
            self.done = True
            raise self._error


@pytest.mark.proof
@pytest.mark.shows("the batch goes on from where it was when database or keys were away for a moment (proof)")
@pytest.mark.parametrize(
    ("point", "error", "spoiled"),
    [
        ("before:commit:box", DatabaseAway(), 0),
        ("before:commit:claim", DatabaseAway(), 0),
        ("before:commit:encode", DatabaseAway(), 1),
        ("after:commit:encoded", CommitInDoubt("encoded"), 0),
        ("before:commit:done", DatabaseAway(), 0),
        ("after:commit:done", CommitInDoubt("done"), 0),
        ("before:commit:key.use ahead", KeysAway(), 1),
    ],
)
def test_database_or_keys_away_for_a_moment_hold_the_line_and_cost_a_blank_at_most(
    place: Callable[..., Bureau], point: str, error: CardfabError, spoiled: int
) -> None:
    once = Once(point, error)
    here = place(Slot("s1"), watch=once)
    end = here.line(tick=0.01).run(1)
    assert once.done
    assert (end.now.faults, end.now.doubtful) == (0, 0)
    account = here.account()
    assert account.balanced
    assert account.in_doubt == 0
    assert account.spoiled == spoiled
    assert here.states().count(S.DONE) == ROWS - spoiled == account.issued
    assert here.chips_used_once()
    assert any(said.code == error.code for said in end.now.said)
    here.desk.database.close()


class Cut(BaseException):
    """The program ends here, as if it had been killed."""


@pytest.mark.proof
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_card_that_still_lies_in_its_reader_is_settled_by_reading_it_back(place: Callable[..., Bureau]) -> None:
    once = Once("after:commit:encoded", Cut())
    here = place(Slot("s1"), watch=once)
    cut = here.line().run(1)
    assert (cut.how, here.states()[0]) == ("open", S.VERIFYING)
    assert here.slots[0].machine.chip is not None
    end = here.line().run(1)
    assert (end.how, end.now.spoiled, here.account().spoiled) == ("made", 0, 0)
    assert here.states() == [S.DONE] * ROWS
    closed(here, end, BatchState.MADE)


def run_in_thread(line: BureauLine) -> tuple[threading.Thread, list[RunEnd]]:
    ends: list[RunEnd] = []
    running = threading.Thread(target=lambda: ends.append(line.run(1)))
    running.start()
    return running, ends


def until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.proof
def test_paused_resumed_and_stopped_by_orders_from_elsewhere(place: Callable[..., Bureau]) -> None:
    here = place(Slot("s1"))
    line = here.line(tick=0.005)
    running, ends = run_in_thread(line)
    until(lambda: line.now().made >= 1)
    ordered_of(here.desk, "1", Order.PAUSE)
    until(lambda: line.now().state == "paused")
    until(lambda: line.now().slots[0].made == here.out())
    ordered_of(here.desk, "1", Order.GO_ON)
    until(lambda: line.now().state == "running")
    ordered_of(here.desk, "1", Order.STOP)
    running.join(60)
    [end] = ends
    assert end.how == "stopped"
    assert 1 <= end.now.made < ROWS
    with here.desk.database.reading() as tx:
        assert tx.batches.get(1).ordered == ""
        assert BoxState.IN_WORK not in {one.state for one in tx.boxes.of(1)}
    again = here.line().run(1)
    assert (again.how, again.now.made) == ("made", ROWS - end.now.made)
    closed(here, again, BatchState.MADE)


@pytest.mark.proof
def test_stopped_after_the_box_in_work(place: Callable[..., Bureau]) -> None:
    here, powered = place(Slot("s1")), [0]
    here.slots[0].wrap = counted(powered)
    line = here.line(LineRules(read_back="samples"))
    running, ends = run_in_thread(line)
    until(lambda: line.now().slots[0].place == 1)
    line.order(Order.STOP_AFTER_BOX)
    running.join(60)
    assert (ends[0].how, here.states()) == ("stopped", [S.DONE] * BOX + [None] * (ROWS - BOX))
    assert powered == [BOX]  # nothing was a sample, so nothing was read back
    closed(here, ends[0], BatchState.RUNNING)


class Hand:
    """Somebody who takes a card out when it was worked on and puts the next one in; ``dead``: the one that dies."""

    def __init__(self, dead: int = 0) -> None:
        self.dead, self.count, self.takes = dead, 0, 0
        self.chip: TrainingChip | None = None
        self._powered = False

    def sees_card(self) -> bool:
        if self.chip is None:
            self.count += 1
            self.chip, self._powered = make_card(STOCK, 9000 + self.count), False
            return True
        if self._powered:
            self.chip, self.takes = None, self.takes + 1
            return False
        return True

    def connect(self) -> CardConnection:
        assert self.chip is not None
        self._powered = True
        self.chip.power_on()
        if self.count == self.dead:
            return Broken(ChipConnection(self.chip), 30)
        return ChipConnection(self.chip)

    def slot(self) -> SlotSpec:
        devices = Devices(self.connect, None, prints=False, sees_card=self.sees_card)
        return SlotSpec("hand", lambda: nullcontext(devices), "by hand")


@pytest.mark.proof
def test_where_hands_put_cards_in_the_slot_waits_for_the_next_and_a_dead_chip_stays_in_doubt(
    place: Callable[..., Bureau],
) -> None:
    here, hand = place(), Hand(dead=2)
    end = BureauLine(here.desk, [hand.slot()], tick=0.05).run(1)
    assert (end.how, end.left, end.now.made, end.now.doubtful) == ("open", 1, ROWS - 1, 1)
    assert here.states() == [S.DONE, S.IN_DOUBT, S.DONE]
    assert (hand.count, hand.takes) == (ROWS, ROWS - 1)
    with here.desk.database.reading() as tx:
        assert [one.state for one in tx.boxes.of(1)] == [BoxState.IN_WORK, BoxState.FULL]
        [job] = tx.jobs.all(S.IN_DOUBT)
    spoil(here.desk, job, "CF-9104", "seen: the chip is dead")
    remake(here.desk, job, "supervisor")
    hand.dead = 0
    again = BureauLine(here.desk, [hand.slot()], tick=0.05).run(1)
    assert (again.how, again.now.made, here.states()) == ("made", 1, [S.DONE] * ROWS)
    account = here.account()
    assert (account.balanced, account.issued, account.spoiled) == (True, ROWS, 1)
    here.desk.database.close()


def test_what_cannot_begin_is_refused(place: Callable[..., Bureau]) -> None:
    here = place(Slot("s1"))
    with pytest.raises(NoSlots):
        BureauLine(here.desk, [])
    with here.desk.database.transaction("refuse") as tx:
        tx.batches.move(tx.batches.get(1), BatchState.REFUSED, at=here.desk.at())
    with pytest.raises(BatchNotReady):
        here.line().run(1)
    here.desk.database.close()
