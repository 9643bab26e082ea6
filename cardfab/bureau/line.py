"""A line: N slots, each a thread with a reader of its own, that make the cards of one batch box by box.

The thread that runs it looks at the orders and notes how the line stands, at most once a second; a card costs the line
nothing but what it costs a station. Run it while no other program of this station moves cards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from typing import Final

from cardfab.bureau.board import Board
from cardfab.bureau.faults import AWAY
from cardfab.bureau.gate import Gate
from cardfab.bureau.lineview import LineNow, LineRules, LineSaid, RunEnd, told
from cardfab.bureau.slot import SlotNow, SlotSpec, SlotState
from cardfab.bureau.worker import Worker
from cardfab.errors import DeviceFault, StockFault, Text
from cardfab.production import Act, JobState
from cardfab.production.batches import BatchState, BoxState
from cardfab.station.alive import alive, moment
from cardfab.station.bureauorders import Order
from cardfab.station.desk import Desk, ProductSet
from cardfab.station.people import require_not_maker
from cardfab.station.recovery import find_interrupted
from cardfab.station.restoring import require_settled
from cardfab.store import Transaction
from cardfab.store.batches import BureauBatchRow
from cardfab.store.boxes import SlotRow

_RUNS: Final = (BatchState.PREPARED, BatchState.RUNNING, BatchState.MADE)
_SILENT: Final = timedelta(minutes=10)
"""A line that was not seen for so long is gone; its boxes are for others. No card of it can be made twice all the same:
a job is claimed once."""
_LOOK_AGAIN: Final = 300
"""Ticks between two looks for boxes that wait again: of lines that are gone, or with a card to be made again."""


class BatchNotReady(StockFault):
    """The batch is in a state from which no card of it is made."""

    default_code = "CF-7360"


class NoSlots(DeviceFault):
    """A line without a slot."""

    default_code = "CF-5742"


@dataclass(frozen=True, slots=True)
class LineDesk(Desk):
    """A desk that reads each product's profiles once: they do not change under a line that runs."""

    products: dict[str, ProductSet] = field(default_factory=dict)

    def product(self, name: str) -> ProductSet:
        """As at any desk."""
        if name not in self.products:
            self.products[name] = Desk.product(self, name)
        return self.products[name]


class BureauLine:
    """Make it, and :meth:`run` a batch on it; :meth:`now` from any thread."""

    def __init__(
        self,
        base: Desk,
        slots: Sequence[SlotSpec],
        rules: LineRules | None = None,
        *,
        tick: float = 1.0,
        patience: float = 5.0,
        tell: Callable[[LineSaid], None] = lambda _: None,
    ) -> None:
        """``tick``: seconds between two looks at the orders, and between two notes in the database. ``patience``:
        seconds until a line that is held tries again. ``tell`` hears what the operator is told, in the thread of who
        says it.
        """
        if not slots:
            raise NoSlots(
                Text("The line has no slot.", "产线没有工位。"),
                do=Text("Name at least one in the line's file.", "请在产线文件中至少指定一个工位。"),
            )
        self._desk = LineDesk(**{one.name: getattr(base, one.name) for one in fields(Desk)})
        self._slots = {one.name: one for one in slots}
        self._rules = rules or LineRules()
        self._tick = tick
        self._gate = Gate(patience)
        self._board = Board({one.name: one.reader for one in slots}, self._desk.at, tell)
        self._state, self._run_id, self._batch_id = "starting", 0, 0

    def run(self, batch_id: int) -> RunEnd:
        """Make every card of a prepared batch that can be made; returns when none is left, or when stopped.

        Raises :class:`BatchNotReady`, BatchUnknown, NotAllowed, RestoreUnsettled, SamePerson, and whatever the
        database has to say before the line begins; later it waits for it.
        """
        batch, doubts = self._begin(batch_id)
        workers = [
            Worker(
                replace(self._desk, slot=name), spec, batch, self._run_id, self._rules, self._gate, self._board,
                doubts.get(name, ()), self._tick,
            )
            for name, spec in self._slots.items()
        ]  # fmt: skip
        threads = [threading.Thread(target=one.run, name=f"slot {one.spec.name}", daemon=True) for one in workers]
        self._state = "running"
        for thread in threads:
            thread.start()
        try:
            self._watch(threads)
        except BaseException:
            self._gate.order(Order.STOP)  # cards in work are finished
            for thread in threads:
                thread.join()
            self._end(batch)
            raise
        return self._end(batch)

    def order(self, ordered: Order) -> None:
        """What a person at this line orders, at once; what is ordered from elsewhere stands in the database."""
        if self._gate.order(ordered):
            self._board.say("", _SAYS[ordered])

    def now(self) -> LineNow:
        """The line at this moment."""
        held, ordered, state = self._gate.held, self._gate.ordered, self._state
        if state == "running":
            state = "held" if held else state
            state = {Order.GO_ON: state, Order.PAUSE: "paused"}.get(ordered, "stopping")
        return LineNow(
            self._run_id, self._batch_id, self._rules.name, state, ordered, self._desk.at(),
            self._board.slots(), self._board.said(), None if held is None else held.what,
        )  # fmt: skip

    # -- begin, watch, end -----------------------------------------------------------------------------------------

    def _begin(self, batch_id: int) -> tuple[BureauBatchRow, dict[str | None, list[int]]]:
        desk = self._desk
        for act in (Act.BATCH, Act.ISSUE, Act.RESOLVE):
            desk.must(act)
        with desk.database.reading() as tx:
            self._require(tx, tx.batches.get(batch_id))
            again = tx.boxes.to_reopen(batch_id)
            opening = self._opening(tx, tx.batches.get(batch_id))
        find_interrupted(desk)
        with desk.database.transaction("line begun") as tx:
            batch = tx.batches.get(batch_id)  # another line may have begun since
            self._require(tx, batch)
            for old in tx.boxes.open_runs(desk.station):  # nobody else runs a line here: they were cut off
                tx.boxes.end_run(old.id, "cut off", at=desk.at())
            doubts: dict[str | None, list[int]] = {}
            for job_id, slot in tx.boxes.doubtful(batch.id, desk.station):
                doubts.setdefault(slot, []).append(job_id)
            self._free(tx, batch)
            tx.boxes.reopen(batch.id, again, at=desk.at())
            if not self._others(tx, batch):
                tx.batches.change(batch.id, ordered="")
            if batch.state is not BatchState.RUNNING:
                batch = tx.batches.move(batch, BatchState.RUNNING, at=desk.at())
            readers = {one.name: one.reader for one in self._slots.values()}
            begun = {"at": desk.at(), "by": desk.person.login}
            self._run_id = tx.boxes.begin_run(batch.id, self._rules.name, desk.station, readers, **begun)
            alive(desk, tx)
            details = {"line": self._rules.name, "run": str(self._run_id), "slots": str(len(readers)),
                       "read_back": self._rules.read_back}  # fmt: skip
            tx.audit.append(desk.event("line.run", batch.token, "intent", details))
        self._batch_id = batch.id
        for words in opening:
            self._board.say("", words)
        for elsewhere in (one for one in doubts if one not in self._slots):
            self._board.say("", _elsewhere(elsewhere, doubts[elsewhere]))
        return batch, doubts

    def _opening(self, tx: Transaction, batch: BureauBatchRow) -> list[Text]:
        """What is to be done with how many slots, and whether there are blanks for it: nobody has to count them."""
        count = tx.boxes.count(batch.id)
        left = sum(count.values()) - count.get(JobState.DONE, 0)
        name, slots = self._rules.name, len(self._slots)
        watch = f"cardfab bureau status {batch.id} --watch"
        said = [Text(f"Line {name} begins; slots: {slots}, places: {left}. Watch it with '{watch}'.",
                     f"产线 {name} 开始：{slots} 个工位，{left} 个位置。可用 {watch} 查看。")]  # fmt: skip
        stock = self._desk.product(batch.product).product.stock
        blanks = tx.stock.account(stock).remaining
        if blanks < left:
            said.append(
                Text(f"The stock {stock} has {blanks} blanks for {left} places: the line is held when they are gone.",
                     f"库存 {stock} 有空白卡 {blanks} 张，尚缺 {left - blanks} 张；用完后产线暂停等待。")
            )  # fmt: skip
        return said

    def _require(self, tx: Transaction, batch: BureauBatchRow) -> None:
        """Raise unless cards of the batch may be made, and by this person."""
        require_settled(tx)
        if batch.state not in _RUNS:
            raise BatchNotReady(
                Text(f"Batch {batch.id} is {batch.state.text.en}; cards are made of a prepared one.",
                     f"批次 {batch.id} 状态为“{batch.state.text.zh}”，须为已准备数据方可制卡。"),
                do=Text("'cardfab bureau status' shows what it waits for.", "可用 cardfab bureau status 查看。"),
            )  # fmt: skip
        if not self._desk.training:  # who approved it, and became an operator since
            require_not_maker(self._desk, Act.ISSUE, batch.approved_by)

    def _free(self, tx: Transaction, batch: BureauBatchRow) -> int:
        """Boxes of lines that are no more wait again."""
        silent = moment(self._desk, -_SILENT)
        gone = [one.id for one in tx.boxes.runs(batch.id) if one.ended_at is not None or one.seen_at < silent]
        return tx.boxes.free(batch.id, gone, at=self._desk.at())

    def _others(self, tx: Transaction, batch: BureauBatchRow) -> bool:
        """Whether another line is at this batch."""
        silent = moment(self._desk, -_SILENT)
        runs = tx.boxes.runs(batch.id)
        return any(one.ended_at is None and one.seen_at >= silent and one.id != self._run_id for one in runs)

    def _watch(self, threads: Sequence[threading.Thread]) -> None:
        ticks = 0
        while any(one.is_alive() for one in threads):
            next((one for one in threads if one.is_alive()), threads[0]).join(self._tick)
            ticks += 1
            self._note(look_again=ticks % _LOOK_AGAIN == 0)

    def _note(self, *, look_again: bool = False) -> None:
        """One short transaction: how the line stands; and what people order is heard."""
        desk, freed = self._desk, 0
        faults, held = self._board.faults(), self._gate.held
        again: tuple[int, ...] = ()
        try:
            if look_again:
                with desk.database.reading() as tx:
                    again = tx.boxes.to_reopen(self._batch_id)
            with desk.database.transaction("line") as tx:
                batch = tx.batches.get(self._batch_id)
                tx.boxes.seen(
                    self._run_id,
                    at=desk.at(),
                    held=None if held is None else told(held.code, held.what),
                    slots=[_row(self._run_id, one) for one in self._board.slots()],
                )
                tx.boxes.add_faults(faults)
                alive(desk, tx)
                if look_again:
                    freed = self._free(tx, batch) + tx.boxes.reopen(batch.id, again, at=desk.at())
        except AWAY:  # the slots say so; it is written when the database is back
            return
        self._board.kept(len(faults))
        if freed:
            self._board.freed()
        self.order(Order(batch.ordered))

    def _end(self, batch: BureauBatchRow) -> RunEnd:
        desk = self._desk
        self._note()
        with desk.database.reading() as tx:
            count = tx.boxes.count(batch.id)
        left = sum(count.values()) - count.get(JobState.DONE, 0)
        with desk.database.transaction("line ended") as tx:
            how = self._how(left, shared=self._others(tx, batch))
            tx.boxes.end_run(self._run_id, how, at=desk.at())
            self._close_boxes(tx, batch)
            batch = tx.batches.get(batch.id)
            if not self._others(tx, batch):
                tx.batches.change(batch.id, ordered="")
            if left == 0 and batch.state is BatchState.RUNNING:
                tx.batches.move(batch, BatchState.MADE, at=desk.at())
            now = self.now()
            details = {"line": self._rules.name, "run": str(self._run_id), "how": how, "made": str(now.made),
                       "spoiled": str(now.spoiled), "doubtful": str(now.doubtful), "left": str(left)}  # fmt: skip
            tx.audit.append(desk.event("line.run", batch.token, "done", details))
            desk.checkpoint(tx)
        self._state = "ended"
        return RunEnd(how, left, self.now())

    def _close_boxes(self, tx: Transaction, batch: BureauBatchRow) -> None:
        """A box that this run kept since a card in it was in doubt, and nothing of it is to be made any more."""
        for box in tx.boxes.of(batch.id, BoxState.IN_WORK):
            if box.run_id == self._run_id:
                states = {one.state for one in tx.boxes.places(batch.id, box.first, box.last)}
                if states <= {JobState.DONE, JobState.SPOILED, JobState.CANCELLED}:
                    tx.boxes.leave(box, BoxState.FULL, at=self._desk.at())

    def _how(self, left: int, *, shared: bool) -> str:
        if left == 0:
            return "made"
        if all(one.state is SlotState.TAKEN_OUT for one in self._board.slots()):
            return "no slot left"
        return "stopped" if self._gate.stopping else "others work" if shared else "open"


_SAYS: Final = {
    Order.GO_ON: Text("The line goes on.", "产线恢复运行。"),
    Order.PAUSE: Text("The line pauses; cards in work are finished.", "产线暂停，在制卡片将完成。"),
    Order.STOP: Text("The line stops; cards in work are finished.", "产线停止，在制卡片将完成。"),
    Order.STOP_AFTER_BOX: Text("The line stops when the boxes in work are done.", "在制卡盒完成后产线停止。"),
}


def _elsewhere(slot: str | None, jobs: Sequence[int]) -> Text:
    """Cards in doubt that no slot of this line can say anything about."""
    listed = ", ".join(map(str, jobs))
    if slot is None:
        return Text(
            f"In doubt, and of no slot: jobs {listed}. Settle them with 'cardfab job resolve'.",
            f"作业 {listed} 存疑且不属于任何工位，请用 cardfab job resolve 核实。",
        )
    return Text(
        f"In doubt at slot {slot}, which this line has not: jobs {listed}. A line with that slot settles them, or "
        "'cardfab job resolve'.",
        f"作业 {listed} 在工位 {slot} 存疑，本产线无此工位；由含该工位的产线核实，或用 cardfab job resolve。",
    )


def _row(run_id: int, one: SlotNow) -> SlotRow:
    out = None if one.taken_out is None else told(one.code, one.taken_out)
    return SlotRow(
        run_id, one.name, one.reader, one.made, one.spoiled, one.doubtful, one.faults, one.busy, one.own,
        one.state.value, out,
    )  # fmt: skip


__all__ = [
    "BatchNotReady",
    "BureauLine",
    "LineDesk",
    "LineNow",
    "LineRules",
    "LineSaid",
    "NoSlots",
    "RunEnd",
    "SlotNow",
    "SlotSpec",
    "SlotState",
]
