"""One slot at work: a thread that takes boxes, makes their cards in order, and accounts for each blank it touched."""

from __future__ import annotations

import enum
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from cardfab.bureau.board import Board
from cardfab.bureau.bringing import bring_in
from cardfab.bureau.faults import Concern, SlotTakenOut, SlotWentWrong, concern_of, holds_line
from cardfab.bureau.gate import Gate
from cardfab.bureau.lineview import LineRules
from cardfab.bureau.sampling import readings_of, sample_of
from cardfab.bureau.slot import SlotSpec, SlotState
from cardfab.errors import CardfabError, DeviceFault, InDoubt, Text
from cardfab.printer.driver import CardPrinter
from cardfab.production import INTERRUPTIBLE, JobState
from cardfab.production.batches import BoxState
from cardfab.station.books import doubt_job, finish, intact
from cardfab.station.bureauorders import Order
from cardfab.station.desk import Desk
from cardfab.station.devices import Devices
from cardfab.station.issue import issue
from cardfab.station.recovery import settle
from cardfab.station.work import open_work
from cardfab.store import JobRow
from cardfab.store.batches import BureauBatchRow
from cardfab.store.boxes import BoxRow, Place

_T = TypeVar("_T")
_LOG = logging.getLogger(__name__)


class Outcome(enum.Enum):
    """What became of the work on a place."""

    MADE = "made"
    SPOILED = "spoiled"
    DOUBTFUL = "doubtful"
    AGAIN = "again"
    """No blank was used; the same place goes first again."""
    LEFT = "left"
    """The place stays open, and the slot goes on behind it."""


class _Out(Exception):
    """The slot is taken out."""


class _Stopped(Exception):
    """The line was stopped while it was held: what is open is settled by the next start."""


@dataclass(slots=True)
class Worker:
    """One slot. ``doubts`` are jobs that an earlier run left in doubt at the slot of this name."""

    desk: Desk
    spec: SlotSpec
    batch: BureauBatchRow
    run_id: int
    rules: LineRules
    gate: Gate
    board: Board
    doubts: Sequence[int] = ()
    tick: float = 1.0
    _stack: ExitStack = field(default_factory=ExitStack)
    _devices: Devices | None = None
    _in_a_row: int = 0
    _last: CardfabError | None = None
    _after_fault: bool = False
    _used: bool = False
    _sampled: bool = False
    _given_out: bool = False
    _left: set[int] = field(default_factory=set)

    def run(self) -> None:
        """Work until no box is left, the line is stopped, or the slot is taken out."""
        name, state = self.spec.name, SlotState.ENDED
        try:
            for job_id in self.doubts:
                self._earlier(job_id)
            self._boxes()
        except _Out:
            state = SlotState.TAKEN_OUT
        except _Stopped:
            _LOG.warning("slot %s was stopped while the line was held", name)
        except Exception:
            _LOG.exception("slot %s ended unexpectedly", name)
            self._out(SlotWentWrong(name))
            state = SlotState.TAKEN_OUT
        finally:
            self.board.set(name, state=state, box=0, place=0)
            self.board.ends(name, released=True)
            self._close()

    # -- boxes -----------------------------------------------------------------------------------------------------

    def _boxes(self) -> None:
        while self.gate.enter(new_box=True, waits=self._idle):
            mark = self.board.begins(self.spec.name)
            claimed = self._steadily(self._claim)
            if claimed is not None:
                self._work(*claimed)
                continue
            self.board.ends(self.spec.name)
            self.board.set(self.spec.name, state=SlotState.WAITING, box=0, place=0)
            if not self.board.wait_for_box(mark, lambda: self.gate.stopping):
                return

    def _claim(self) -> tuple[BoxRow, tuple[Place, ...]] | None:
        """A box with its places, brought in, in one transaction; None where no box waits."""
        desk = self.desk
        last = self.rules.box_order == "last"
        with desk.database.transaction("box") as tx:
            box = tx.boxes.claim(self.batch.id, self.run_id, self.spec.name, at=desk.at(), last_first=last)
            if box is None:
                return None
            bring_in(desk, tx, self.batch, box)
            return box, tx.boxes.places(self.batch.id, box.first, box.last)

    def _work(self, box: BoxRow, places: Sequence[Place]) -> None:
        waiting = [one for one in places if one.state is JobState.QUEUED and one.job_id not in self._left]
        first = min((one.place for one in places), default=0)
        try:
            for place in waiting:
                while self.gate.enter(waits=self._idle):
                    self.board.set(self.spec.name, state=SlotState.WORKING, box=box.box, place=place.place)
                    made = self._place(place, first_of_box=place.place == first)
                    if made is not Outcome.AGAIN:
                        break
                else:
                    return
        finally:
            self.board.set(self.spec.name, state=SlotState.WAITING, box=0, place=0)
            self._leave(box)

    def _leave(self, box: BoxRow) -> None:
        """Full, or for another slot; a box with a card in doubt is nobody else's, and waits for the next start."""

        def leave() -> BoxState:
            with self.desk.database.transaction("box left") as tx:
                places = tx.boxes.places(self.batch.id, box.first, box.last)
                target = self._state_of(places)
                if target is not BoxState.IN_WORK:
                    tx.boxes.leave(box, target, at=self.desk.at())
                return target

        if self._steadily(leave) is BoxState.WAITING:
            self.board.freed()

    def _state_of(self, places: Sequence[Place]) -> BoxState:
        states = {one.state for one in places if one.job_id not in self._left}
        if states & (INTERRUPTIBLE | {JobState.IN_DOUBT, JobState.INSPECTED}):
            return BoxState.IN_WORK
        return BoxState.WAITING if JobState.QUEUED in states else BoxState.FULL

    # -- one card --------------------------------------------------------------------------------------------------

    def _place(self, place: Place, *, first_of_box: bool) -> Outcome:
        """One try at a place, to the end of what became of it."""
        self._sampled = False
        outcome = self._try(place.job_id or 0, place, first_of_box)
        if outcome in (Outcome.MADE, Outcome.SPOILED, Outcome.DOUBTFUL):
            self.board.add(self.spec.name, **{outcome.value: 1})
            self._used = True
        if self._sampled:
            self._judge(place.job_id or 0, outcome)
        if self._last is not None and self._in_a_row >= self.rules.faults_in_a_row:
            self._out(SlotTakenOut(self.spec.name, self._in_a_row, self._last))
            raise _Out
        return outcome

    def _try(self, job_id: int, place: Place, first_of_box: bool) -> Outcome:
        try:
            devices = self._open()
            if not self._next_card(devices):
                return Outcome.AGAIN
            with self._timed():
                self._make(devices, job_id, place, first_of_box)
        except CardfabError as error:
            return self._failed(job_id, error)
        except Exception:
            _LOG.exception("the work on job %s ended unexpectedly", job_id)
            self._in_a_row = self.rules.faults_in_a_row
            return self._failed(job_id, SlotWentWrong(self.spec.name))
        self._went_well()
        return Outcome.MADE

    def _make(self, devices: Devices, job_id: int, place: Place, first_of_box: bool) -> None:
        sample = sample_of(
            self.rules,
            self.batch.token,
            place.place,
            product=place.product,
            first_of_box=first_of_box,
            after_fault=self._after_fault,
        )
        if sample is not None:
            self._keep_sample(job_id, sample)
            self._sampled = True
        self._given_out = False
        issue(self.desk, self._noting(devices), str(job_id), readings=readings_of(self.rules, sample))

    def _noting(self, devices: Devices) -> Devices:
        """The same devices; that a card was given out is remembered while the books cannot say it."""
        if devices.printer is None:
            return devices

        def out() -> None:
            self._given_out = True

        return replace(devices, printer=cast("CardPrinter", _Noting(devices.printer, out)))

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began, computed = time.monotonic(), time.thread_time()
        try:
            yield
        finally:
            self.board.add(self.spec.name, busy=time.monotonic() - began, own=time.thread_time() - computed)

    def _went_well(self) -> None:
        self._in_a_row, self._after_fault = 0, False
        if self.gate.release():
            self.board.say("", Text("The line goes on.", "产线恢复运行。"))

    def _keep_sample(self, job_id: int, rule: str) -> None:
        desk = self.desk
        with desk.database.transaction("sample") as tx:
            tx.boxes.add_sample(job_id, self.batch.id, rule, at=desk.at())
            tx.audit.append(desk.event("card.sample", tx.jobs.get(job_id).token, "done", {"rule": rule}))

    def _judge(self, job_id: int, outcome: Outcome) -> None:
        """What came of a sample, once that is known."""
        verdict, desk = _VERDICTS.get(outcome), self.desk
        if verdict is None:
            return

        def judge() -> None:
            with desk.database.transaction("sample judged") as tx:
                tx.boxes.judge_sample(job_id, verdict, by=desk.person.login, at=desk.at())

        self._steadily(judge)

    def _next_card(self, devices: Devices) -> bool:
        """Where hands put cards in: wait until the finished one is out and another lies there; False where no card may
        be begun.
        """
        if devices.printer is not None or devices.sees_card is None:
            return True
        wanted, waited = (False, True) if self._used else (True,), False
        for there in wanted:
            while devices.sees_card() is not there:
                self.board.set(self.spec.name, state=SlotState.WAITING)
                if not self.gate.rest(0.2):
                    return False
                waited = True
            self._used = there
        if waited:  # what was ordered meanwhile, or holds the line, is for this card too
            if not self.gate.enter():
                return False
            if not devices.sees_card():  # taken out again while the line was paused
                self._used = False
                return False
        self.board.set(self.spec.name, state=SlotState.WORKING)
        return True

    # -- what went wrong -------------------------------------------------------------------------------------------

    def _failed(self, job_id: int, error: CardfabError) -> Outcome:
        """Account for the blank after an error; the line is held, or the slot has a fault more."""
        concern = concern_of(error)
        if concern is Concern.LINE:
            self._hold(error)
        elif concern is not Concern.OTHER:
            self._fault(job_id, error)
        job = self._steadily(lambda: self._job(job_id))
        if concern is not Concern.OTHER:
            job = self._told_to_the_books(job, error)
        if job.state is JobState.IN_DOUBT and concern is not Concern.OTHER:
            job = self._settled(job)
        if concern is Concern.SLOT:
            self._close()
            self.gate.rest(min(self.tick, 1.0))
        if job.state is JobState.QUEUED:
            again = concern in (Concern.LINE, Concern.SLOT)
            if not again:
                self._left.add(job_id)
            return Outcome.AGAIN if again else Outcome.LEFT
        return Outcome.LEFT if concern is Concern.OTHER else _OUTCOMES.get(job.state, Outcome.LEFT)

    def _idle(self) -> None:
        """Before the gate the slot is shown as what it is, not as at work."""
        paused = self.gate.ordered == Order.PAUSE
        self.board.set(self.spec.name, state=SlotState.WAITING if paused else SlotState.HELD)

    def _hold(self, error: CardfabError) -> None:
        why = holds_line(error) or error
        self.board.set(self.spec.name, state=SlotState.HELD)
        if self.gate.hold(why):
            do = why.do or Text("", "")
            self.board.say("", Text(f"The line is held: {why.what.en} {do.en}".rstrip(),
                                    f"产线暂停：{why.what.zh}{do.zh}"), why.code)  # fmt: skip

    def _fault(self, job_id: int | None, error: CardfabError) -> None:
        self._in_a_row, self._after_fault, self._last = self._in_a_row + 1, True, error
        self.board.fault(self.run_id, self.spec.name, job_id, error)

    def _out(self, why: CardfabError) -> None:
        self.board.set(self.spec.name, taken_out=why.what, code=why.code)
        self.board.say(self.spec.name, why.what, why.code)
        details = {"slot": self.spec.name, "code": why.code, "run": str(self.run_id)}
        with suppress(CardfabError):  # the operator is told, and the slot's row says it
            self.desk.database.note(self.desk.event("line.slot", self.batch.token, "failed", details))

    def _job(self, job_id: int) -> JobRow:
        with self.desk.database.reading() as tx:
            return tx.jobs.get(job_id)

    def _told_to_the_books(self, job: JobRow, error: CardfabError) -> JobRow:
        """What an error that ended the work has left unwritten is written as soon as that can be."""
        if self._given_out and holds_line(error) is not None:
            job = self._steadily(lambda: self._booked(job.id))
        if job.state in INTERRUPTIBLE and job.is_of(self.desk.station):
            job = self._steadily(lambda: self._doubted(job.id, error))
        return job

    def _booked(self, job_id: int) -> JobRow:
        """A card that was read back and given out while database or keys were away: only the booking is missing."""
        job = self._job(job_id)
        if JobState.VERIFYING not in (job.state, job.doubt_from):
            return job
        work = open_work(self.desk, job, print_=False)
        return finish(self.desk, intact(self.desk, work) if job.state is JobState.IN_DOUBT else work).job

    def _doubted(self, job_id: int, error: CardfabError) -> JobRow:
        """What the station could not put in doubt itself, since the database was away."""
        job = self._job(job_id)
        return doubt_job(self.desk, job, f"{error.code}: {error}") if job.state in INTERRUPTIBLE else job

    def _earlier(self, job_id: int) -> None:
        """A job that an earlier run left in doubt here: settled by what this slot's reader and printer show."""
        self.board.begins(self.spec.name)
        if not self.gate.enter():
            return
        job = self._settled(self._steadily(lambda: self._job(job_id)))
        self._judge(job_id, _OUTCOMES.get(job.state, Outcome.LEFT))
        self.board.say(
            self.spec.name,
            Text(
                f"Job {job_id} of an earlier run is {job.state.text.en}.",
                f"上次运行的作业 {job_id}：{job.state.text.zh}。",
            ),
        )

    def _settled(self, job: JobRow) -> JobRow:
        """What read-back says of a card in doubt; where the chip is silent a machine puts the card aside."""
        job_id, put_aside = job.id, False
        while job.state is JobState.IN_DOUBT and self.gate.enter():
            self._given_out = False
            try:
                with self._timed():
                    settle(self.desk, self._noting(self._open()), job)
            except CardfabError as error:
                if holds_line(error) is not None:
                    self._hold(error)
                    job = self._told_to_the_books(self._steadily(lambda: self._job(job_id)), error)
                    continue
                if not put_aside and isinstance(error, DeviceFault | InDoubt) and self._put_aside():
                    put_aside = True
                else:
                    return self._steadily(lambda: self._job(job_id))
            job = self._steadily(lambda: self._job(job_id))
        return job

    def _put_aside(self) -> bool:
        """Whether the machine moved a card to its reject box: then it is known where it lies, and it is no card."""
        if self._devices is None or self._devices.printer is None:
            return False
        try:
            self._devices.printer.prepare()
            return self._devices.printer.reject()
        except DeviceFault:
            return False

    def _steadily(self, do: Callable[[], _T]) -> _T:
        """Do it, and where database or keys are away again when they are back. What is done is safe to do twice."""
        while True:
            try:
                return do()
            except CardfabError as away:
                if holds_line(away) is None:
                    raise
                self._hold(away)
                if not self.gate.rest(min(self.tick, 1.0)):
                    raise _Stopped from away

    # -- devices ---------------------------------------------------------------------------------------------------

    def _open(self) -> Devices:
        if self._devices is None:
            self._devices = self._stack.enter_context(self.spec.open_devices())
        return self._devices

    def _close(self) -> None:
        self._devices = None
        try:
            self._stack.close()
        except CardfabError:
            _LOG.warning("the devices of slot %s could not be let go", self.spec.name)


class _Noting:
    """A printer whose every giving-out of a card is heard of."""

    def __init__(self, printer: CardPrinter, out: Callable[[], None]) -> None:
        self._printer, self._out = printer, out

    def __getattr__(self, name: str) -> Any:
        return getattr(self._printer, name)

    def eject(self) -> None:
        self._printer.eject()
        self._out()


_OUTCOMES = {JobState.DONE: Outcome.MADE, JobState.SPOILED: Outcome.SPOILED, JobState.IN_DOUBT: Outcome.DOUBTFUL}
_VERDICTS = {Outcome.MADE: "good", Outcome.SPOILED: "spoiled"}

__all__ = ["Outcome", "Worker"]
