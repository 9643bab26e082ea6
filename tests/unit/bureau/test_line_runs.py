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
from sqlalchemy import update

from cardfab.apdu.link import CardConnection, CardGone
from cardfab.bureau.line import BatchNotReady, BureauLine, NoSlots, RunEnd
from cardfab.bureau.lineview import LineRules
from cardfab.bureau.slot import SlotSpec, SlotState
from cardfab.cli.bureauslots import TrainingMachine
from cardfab.errors import CardfabError, Text
from cardfab.keys.away import KeysAway
from cardfab.printer.driver import CardPosition
from cardfab.printer.fault import Fault, PrinterFault
from cardfab.production import JobState
from cardfab.production.batches import BatchState, BoxState
from cardfab.simulator.chip import TrainingChip, make_card
from cardfab.station.books import remake, spoil
from cardfab.station.bureauorders import Order
from cardfab.station.bureauorders import order as ordered_of
from cardfab.station.bureauview import text_of, view, words_of
from cardfab.station.devices import Devices
from cardfab.station.stockroom import receive
from cardfab.store import CommitInDoubt, DatabaseAway, DatabaseFull
from cardfab.store.bureautables import bureau_box, bureau_row
from cardfab.watch import Watch, unwatched
from tests.chips import ChipConnection
from tests.line_place import PRODUCT, STOCK, Bureau, Slot, bureau, desk_at

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
    assert {(one.rule, one.outcome, one.by) for one in samples} == {("first of the box", "good", "trainee")}
    assert [one.at for one in samples] >= [ends[0], ends[BOX]]
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


def test_a_line_says_what_it_begins_and_whether_there_are_blanks_for_it(place: Callable[..., Bureau]) -> None:
    here = place(Slot("s1"), blanks=ROWS - 1)
    line = here.line()
    line.order(Order.STOP)
    _, begins, blanks = [one.what for one in line.run(1).now.said]
    assert begins.en == f"Line line begins; slots: 1, places: {ROWS}. Watch it with 'cardfab bureau status 1 --watch'."
    assert blanks.en.startswith(f"The stock {STOCK} has {ROWS - 1} blanks for {ROWS} places")
    assert "尚缺 1 张" in blanks.zh
    here.desk.database.close()


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
        ("before:commit:done", KeysAway(), 0),
        ("before:commit:encode", DatabaseFull(), 1),
        ("before:commit:done", DatabaseFull(), 0),
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


class Jamming(TrainingMachine):
    """A machine that goes silent, with the card in it, before that is read back; mended when told."""

    def __init__(self, slot: Slot) -> None:
        super().__init__(STOCK, slot.serials, made=slot.made.append, spoiled=slot.spoiled.append)
        self.jams, self.broken, self._connections = True, False, 0

    def mend(self) -> None:
        self.jams = self.broken = False

    def _connected(self) -> CardConnection:
        self._connections += 1
        self.broken = self.broken or (self.jams and self._connections == 2)
        if self.broken:
            raise CardGone
        return super()._connected()

    def prepare(self) -> CardPosition:
        if self.broken:
            raise PrinterFault(Fault.WARMING)
        return super().prepare()

    def reject(self) -> bool:
        if self.broken:
            raise PrinterFault(Fault.WARMING)
        return super().reject()


@pytest.mark.proof
def test_a_doubt_is_settled_by_the_machine_that_has_the_card_whoever_had_its_box_since(
    place: Callable[..., Bureau],
) -> None:
    first, second = Slot("s1"), Slot("s2")
    first.machine = jamming = Jamming(first)
    here = place(first)
    rules = LineRules(faults_in_a_row=1)
    end = here.line(rules).run(1)
    assert (end.how, here.states()) == ("no slot left", [S.IN_DOUBT, S.QUEUED, None])
    with here.desk.database.reading() as tx:
        [job] = tx.jobs.all(S.IN_DOUBT)
    assert (job.slot, jamming.chip is not None) == ("s1", True)
    here.slots = [second]
    end = here.line(rules).run(1)
    assert (end.how, end.left, here.states()) == ("open", 1, [S.IN_DOUBT, S.DONE, S.DONE])
    [told] = [one.what for one in end.now.said if "In doubt at slot s1" in one.what.en]
    assert f"jobs {job.id}." in told.en
    assert f"作业 {job.id} 在工位 s1 存疑" in told.zh
    jamming.mend()
    here.slots = [first, second]
    end = here.line(rules).run(1)
    assert (end.how, here.account().spoiled, first.spoiled, second.spoiled) == ("made", 0, [], [])
    assert (len(first.made), len(second.made)) == (1, ROWS - 1)
    closed(here, end, BatchState.MADE)


def test_a_row_left_out_with_the_same_request_is_not_its_cards_box(place: Callable[..., Bureau]) -> None:
    slot = Slot("s1")
    slot.machine = Jamming(slot)
    here = place(slot)
    with here.desk.database.transaction("the same id again") as tx:
        same = {"request_id": tx.batches.row(1, 1).request_id, "left_out": "wrong"}
        tx.boxes._connection.execute(update(bureau_row).where(bureau_row.c.place == ROWS).values(**same))
    here.line(LineRules(faults_in_a_row=1)).run(1)
    with here.desk.database.transaction("box 2 was another slot's") as tx:
        [job] = tx.jobs.all(S.IN_DOUBT)
        assert tx.boxes.doubtful(1, here.desk.station) == ((job.id, "s1"),)
        full = {"state": BoxState.FULL, "slot": "s2"}
        tx.boxes._connection.execute(update(bureau_box).values(**full))
        assert tx.boxes.doubtful(1, here.desk.station) == ((job.id, "s1"),)
    spoil(here.desk, job, "CF-9104", "seen: the chip is dead")
    remake(here.desk, job, "supervisor")
    with here.desk.database.reading() as tx:
        assert tx.boxes.to_reopen(1) == (1,)
    here.desk.database.close()


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


class Waiting(TrainingMachine):
    """A machine that feeds a card when told, one each time: the line stands in the middle of a card till then."""

    def __init__(self, slot: Slot) -> None:
        super().__init__(STOCK, slot.serials, made=slot.made.append, spoiled=slot.spoiled.append)
        self.feeds, self.asked = threading.Semaphore(0), 0

    def feed_to_contact(self) -> None:
        self.asked += 1
        assert self.feeds.acquire(timeout=30)
        super().feed_to_contact()


@pytest.mark.proof
def test_paused_resumed_and_stopped_by_orders_from_elsewhere(place: Callable[..., Bureau]) -> None:
    slot = Slot("s1")
    slot.machine = machine = Waiting(slot)
    here = place(slot)
    line = here.line(tick=0.005)
    running, ends = run_in_thread(line)
    until(lambda: machine.asked == 1)
    ordered_of(here.desk, "1", Order.PAUSE)
    until(lambda: line.now().state == "paused")
    machine.feeds.release()
    until(lambda: line.now().made == here.out() == 1)
    time.sleep(0.05)
    assert machine.asked == 1
    ordered_of(here.desk, "1", Order.GO_ON)
    until(lambda: machine.asked == 2)
    assert line.now().state == "running"
    ordered_of(here.desk, "1", Order.STOP)
    until(lambda: line.now().state == "stopping")
    machine.feeds.release()
    running.join(60)
    [end] = ends
    assert (end.how, end.now.made, machine.asked) == ("stopped", 2, 2)
    with here.desk.database.reading() as tx:
        assert tx.batches.get(1).ordered == ""
        assert BoxState.IN_WORK not in {one.state for one in tx.boxes.of(1)}
    machine.feeds.release()
    again = here.line().run(1)
    assert (again.how, again.now.made) == ("made", ROWS - 2)
    closed(here, again, BatchState.MADE)


def test_a_slot_of_a_paused_line_is_not_shown_as_at_work(place: Callable[..., Bureau]) -> None:
    slot = Slot("s1")
    slot.machine = machine = Waiting(slot)
    here = place(slot)
    line = here.line(tick=0.005)
    running, ends = run_in_thread(line)
    until(lambda: machine.asked == 1)
    assert line.now().slots[0].state is SlotState.WORKING
    ordered_of(here.desk, "1", Order.PAUSE)
    until(lambda: line.now().state == "paused")
    assert line.now().slots[0].state is SlotState.WORKING  # the card in hand is finished
    machine.feeds.release()
    until(lambda: line.now().slots[0].state is SlotState.WAITING)
    assert line.now().made == here.out() == 1
    ordered_of(here.desk, "1", Order.GO_ON)
    machine.feeds.release(ROWS)
    running.join(60)
    closed(here, ends[0], BatchState.MADE)


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


class SlowHand(Hand):
    """The same, who puts a card in when told, and may take it out again unworked."""

    def __init__(self) -> None:
        super().__init__()
        self.puts, self.looks = threading.Event(), 0

    def sees_card(self) -> bool:
        self.looks += 1
        return super().sees_card() if self.chip is not None or self.puts.is_set() else False


@pytest.mark.proof
def test_a_card_put_in_while_the_line_is_paused_waits_for_its_end(place: Callable[..., Bureau]) -> None:
    here, hand = place(), SlowHand()
    line = BureauLine(here.desk, [hand.slot()], tick=0.01)
    running, ends = run_in_thread(line)
    until(lambda: hand.looks > 0)
    ordered_of(here.desk, "1", Order.PAUSE)
    until(lambda: line.now().state == "paused")
    hand.puts.set()
    until(lambda: hand.count == 1)
    looks = hand.looks
    running.join(1)
    assert (here.states()[0], hand.looks - looks) == (S.QUEUED, 0)
    assert here.account().remaining == 20
    hand.chip = None  # and is taken out again
    hand.puts.clear()
    ordered_of(here.desk, "1", Order.GO_ON)
    until(lambda: hand.looks > looks + 1)
    assert here.states()[0] is S.QUEUED
    hand.puts.set()
    running.join(60)
    assert (ends[0].how, ends[0].now.faults, here.states(), hand.takes) == ("made", 0, [S.DONE] * ROWS, ROWS - 1)
    here.desk.database.close()


def test_a_card_put_in_after_a_stop_is_not_begun(place: Callable[..., Bureau]) -> None:
    here, hand = place(), SlowHand()
    line = BureauLine(here.desk, [hand.slot()], tick=0.01)
    running, ends = run_in_thread(line)
    until(lambda: hand.looks > 0)
    ordered_of(here.desk, "1", Order.PAUSE)
    until(lambda: line.now().state == "paused")
    hand.puts.set()
    until(lambda: hand.count == 1)
    line.order(Order.STOP)
    running.join(60)
    assert (ends[0].how, ends[0].now.made, here.states()[0]) == ("stopped", 0, S.QUEUED)
    here.desk.database.close()


def test_reasons_are_kept_in_both_languages_and_a_spoiled_sample_is_told(place: Callable[..., Bureau]) -> None:
    slot = Slot("s1")
    slot.wrap = Faulty(slot, lambda fed: 30 if fed == 2 else None)
    here = place(slot)
    here.line(LineRules(sample_products=frozenset({PRODUCT}))).run(1)
    with here.desk.database.reading() as tx:
        [fault] = tx.boxes.faults(1)
        samples = [one.outcome for one in tx.boxes.samples(1)]
        spoiled = tx.jobs.get(fault.job_id or 0)
    assert samples == ["good", "spoiled", "good"]
    assert spoiled.state is S.SPOILED
    words = words_of(fault.why)
    assert (words.en.startswith(f"Job {spoiled.id} was interrupted"), f"作业 {spoiled.id}" in words.zh) == (True, True)
    assert text_of(fault.why) == Text(f"{words.en} [{fault.code}]", f"{words.zh} [{fault.code}]")
    seen = view(here.desk.database, "1", here.desk.now())
    assert [one["why"] for one in seen.value()["faults"]] == [words.en]
    assert seen.samples == {"good": 2, "spoiled": 1}
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
