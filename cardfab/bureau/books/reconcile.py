"""What a batch came to, by batch, box and process; signed by two; the batch closed when nothing is open."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from cardfab.bureau.already import CLOSED, require_move
from cardfab.bureau.books.equation import Difference, Line, Moved, differences, line_of, process_line
from cardfab.bureau.books.handing import hand_over
from cardfab.bureau.books.mailers import has_mailers
from cardfab.errors import StockFault, Text
from cardfab.production import IN_WORK, Act, JobState
from cardfab.production.batches import BatchState
from cardfab.station.bureauview import words_of
from cardfab.station.desk import Desk
from cardfab.station.people import second_person
from cardfab.store import Transaction
from cardfab.store.batches import BureauBatchRow
from cardfab.store.boxes import BoxRow, RunRow, SlotRow
from cardfab.store.bureaubooks import OUTSIDE_RUNS, BlankSum, CardSum, HourSum, JobsSum, NamedRow, PlaceSum, SlotFaults
from cardfab.store.bureaufinish import HandoverRow

RECONCILED = "reconciliation"
_ENDED = frozenset({BatchState.REFUSED, BatchState.CLOSED, BatchState.ERASED})
_SHOWN = 12
"""So many of the things that keep a batch open are said."""


class NotClosed(StockFault):
    """Something keeps the batch open."""

    default_code = "CF-7375"


class MailersLeft(StockFault):
    """Cards are made whose holders would never learn their PIN."""

    default_code = "CF-7383"


@dataclass(frozen=True, slots=True)
class Places:
    """What became of the rows of a file, of a batch or a box. ``spoiled``: and not made again."""

    rows: int = 0
    made: int = 0
    in_doubt: int = 0
    in_work: int = 0
    spoiled: int = 0
    waiting: int = 0
    left_out: int = 0

    @property
    def parts(self) -> tuple[int, ...]:
        """Everything that the rows became."""
        return (self.made, self.in_doubt, self.in_work, self.spoiled, self.waiting, self.left_out)


@dataclass(frozen=True, slots=True)
class BoxLine:
    """One box."""

    box: BoxRow
    places: Places
    line: Line


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """One run of a line, with what its slots counted themselves; ``run`` None: what was done outside any."""

    run: RunRow | None
    line: Line
    slots: tuple[SlotRow, ...] = ()

    @property
    def made(self) -> int:
        """What its slots counted as made."""
        return sum(one.made for one in self.slots)

    @property
    def spoiled(self) -> int:
        """What its slots counted as spoiled."""
        return sum(one.spoiled for one in self.slots)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A batch reconciled at one moment. ``named``: every card and place that did not go straight."""

    batch: BureauBatchRow
    places: Places
    given_up: int
    line: Line
    boxes: tuple[BoxLine, ...]
    processes: tuple[ProcessLine, ...]
    cards: CardSum
    named: tuple[NamedRow, ...]
    differences: tuple[Difference, ...]
    remakes_asked: int
    remakes_made: int
    samples: Mapping[str, int]
    hours: tuple[HourSum, ...]
    faults: tuple[SlotFaults, ...]
    fault_words: Mapping[str, Text]
    """What a code of ``faults`` means, in the words of one of them."""

    @property
    def balanced(self) -> bool:
        """Whether no two books disagree."""
        return not any(one.blocks for one in self.differences)

    @property
    def open(self) -> tuple[Text, ...]:
        """What keeps the batch from being closed; empty: nothing does."""
        places, found = self.places, []
        for count, what in (
            (
                places.in_doubt,
                Text("in doubt: settle them ('cardfab job resolve')", "存疑，请核实（cardfab job resolve）"),
            ),
            (places.in_work, Text("in work", "在制")),
            (places.waiting, Text("not made yet", "待制")),
            (
                places.spoiled,
                Text("spoiled, neither made again nor given up ('cardfab bureau remake')",
                     "废卡未重制亦未放弃（cardfab bureau remake）"),
            ),
            (sum(one.blocks for one in self.differences), Text("differences", "项差异")),
        ):  # fmt: skip
            if count:
                found.append(Text(f"{count} {what.en}", f"{count} {what.zh}"))
        return tuple(found)

    @property
    def digest(self) -> str:
        """SHA-256 over every figure and every name: what two people sign. The moment is not in it."""
        told = {
            "batch": [self.batch.token, self.batch.rows, self.batch.wrong],
            "boxes": [[one.box.box, *one.places.parts, *one.line.figures()] for one in self.boxes],
            "cards": asdict(self.cards),
            "differences": [[one.where.en, one.what.en, one.expected, one.found] for one in self.differences],
            "line": self.line.figures(),
            "named": [asdict(one) for one in self.named],
            "places": [self.places.rows, *self.places.parts],
            "processes": [[one.run.id if one.run else 0, *one.line.figures()] for one in self.processes],
        }
        return hashlib.sha256(json.dumps(told, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def reconcile(desk: Desk, name: str) -> Reconciliation:
    """The batch as the books have it now. Raises BatchUnknown."""
    desk.must(Act.COUNT)
    with desk.database.reading() as tx:
        return reconciled(tx, tx.batches.find(name))


def reconciled(tx: Transaction, batch: BureauBatchRow) -> Reconciliation:
    """The same, in a transaction that has begun."""
    books = tx.bureau_books
    places, jobs, blanks = books.places(batch.id), books.jobs(batch.id), books.blanks(batch.id)
    taken_in = tx.requests.batch(batch.id)
    every = books.named(batch.id, received_by=batch.received_by, received_at=taken_in.imported_at)
    named = tuple(sorted(every, key=lambda one: (one.place, one.job_id or 0, one.state)))
    sums = _by_box(places, jobs, blanks)
    boxes = tuple(_box(box, sums[box.box]) for box in tx.boxes.of(batch.id))
    whole = line_of(_states(jobs), _moved(blanks))
    processes = tuple(_processes(tx, batch.id, blanks))
    cards = books.cards(batch.id)
    rows = _places(places)
    remakes = tx.bureau_finish.remakes(batch.id)
    samples: dict[str, int] = {}
    for one in tx.boxes.samples(batch.id):
        samples[one.outcome or ""] = samples.get(one.outcome or "", 0) + 1
    return Reconciliation(
        batch=batch,
        places=rows,
        given_up=tx.bureau_finish.given_up(batch.id),
        line=whole,
        boxes=boxes,
        processes=processes,
        cards=cards,
        named=named,
        differences=(
            *_in_boxes(boxes, sums),
            *_in_batch(batch, rows, whole, cards, boxes, jobs, blanks),
            *_in_processes(processes),
        ),
        remakes_asked=len(remakes),
        remakes_made=sum(one.new_job_id is not None for one in remakes),
        samples=samples,
        hours=books.hours(batch.id),
        faults=books.faults(batch.id),
        fault_words={one.code: words_of(one.why) for one in tx.bureau_figures.faults(batch.id)},
    )


def sign(desk: Desk, found: Reconciliation, second: str) -> str:
    """Two people stand for the figures; the digest they signed. What differs or is open is signed as such."""
    desk.must(Act.COUNT)
    approver = second_person(desk, second, Act.COUNT)
    with desk.database.transaction("reconcile") as tx:
        again = reconciled(tx, tx.batches.get(found.batch.id))
        if again.digest != found.digest:
            raise NotClosed(
                Text("The batch was worked on while it was being reconciled.", "核对过程中批次有变动。"),
                do=Text("Look at the new figures, then sign.", "请重新核对后再签署。"),
            )
        said = {"open": str(len(found.open)), "differences": str(len(found.differences))}
        said |= {name: str(getattr(found.line, name)) for name in Line.__dataclass_fields__}
        hand_over(desk, tx, found.batch, RECONCILED, "", found.places.rows, found.digest, approver.login, **said)
        desk.checkpoint(tx)
    return found.digest


def signatures(desk: Desk, found: Reconciliation) -> tuple[HandoverRow, ...]:
    """Who signed exactly these figures, and when; oldest first, empty where nobody did."""
    with desk.database.reading() as tx:
        return _signatures(tx, found)


def _signatures(tx: Transaction, found: Reconciliation) -> tuple[HandoverRow, ...]:
    every = tx.bureau_finish.handovers(found.batch.id, RECONCILED)
    return tuple(one for one in every if one.digest == found.digest)


def close(desk: Desk, name: str, *, without_mailers: bool = False) -> BureauBatchRow:
    """Close a batch of which nothing is open, as it was signed. Raises :class:`NotClosed`, :class:`MailersLeft`."""
    desk.must(Act.STOCK)
    with desk.database.transaction("close batch") as tx:
        batch = tx.batches.find(name)
        if batch.state in _ENDED:
            require_move(tx, batch, BatchState.CLOSED)
        found = reconciled(tx, batch)
        if found.open:
            raise _refused(batch, found.open)
        if not _signatures(tx, found):
            raise NotClosed(
                Text(f"Batch {batch.reference} is not signed as it stands now.",
                     f"批次 {batch.reference} 的当前结果未经双人签署。"),
                do=Text(f"Two people sign it: 'cardfab bureau reconcile {batch.id} --second LOGIN'.",
                        f"请双人签署：cardfab bureau reconcile {batch.id} --second 登录名。"),
            )  # fmt: skip
        left = tx.bureau_finish.mailers_left(batch.id) if has_mailers(desk, batch) else 0
        if left and not without_mailers:
            raise MailersLeft(
                Text(f"{left} finished cards of batch {batch.reference} have no PIN mailer yet; once the batch is "
                     "erased none can be printed.",
                     f"批次 {batch.reference} 有 {left} 张成卡尚未打印密码信封；数据清除后将无法打印。"),
                do=Text(f"Print them: 'cardfab bureau mailers {batch.id}'; or close it --without-mailers.",
                        f"请打印：cardfab bureau mailers {batch.id}；或使用 --without-mailers 结批。"),
            )  # fmt: skip
        if batch.state is BatchState.RUNNING:
            batch = tx.batches.move(batch, BatchState.MADE, at=desk.at())
        batch = tx.batches.move(batch, BatchState.CLOSED, at=desk.at())
        good = found.line.good
        hand_over(desk, tx, batch, CLOSED, "", good, found.digest, good=str(good), without_mailer=str(left))
        desk.checkpoint(tx)
    return batch


def _refused(batch: BureauBatchRow, why: tuple[Text, ...]) -> NotClosed:
    en, zh = "; ".join(one.en for one in why[:_SHOWN]), "；".join(one.zh for one in why[:_SHOWN])
    return NotClosed(
        Text(f"Batch {batch.reference} cannot be closed: {en}.", f"批次 {batch.reference} 不能结批：{zh}。"),
        do=Text(
            f"'cardfab bureau reconcile {batch.id}' names each.", f"cardfab bureau reconcile {batch.id} 逐项列出。"
        ),
    )


# -- sums --------------------------------------------------------------------------------------------------------------


def _states(jobs: Iterable[JobsSum]) -> list[tuple[JobState, int]]:
    return [(JobState(one.state), one.count) for one in jobs]


def _moved(blanks: Iterable[BlankSum]) -> list[Moved]:
    return [(one.source, one.target, one.count) for one in blanks]


def _places(sums: Iterable[PlaceSum]) -> Places:
    found = dict.fromkeys(Places.__dataclass_fields__, 0)
    for one in sums:
        found["rows"] += one.count
        found[_fate(one)] += one.count
    return Places(**found)


def _fate(one: PlaceSum) -> str:
    if one.left_out and one.state not in (JobState.DONE, *IN_WORK):
        return "left_out"
    ends = {JobState.DONE: "made", JobState.SPOILED: "spoiled", JobState.IN_DOUBT: "in_doubt"}
    state = JobState(one.state) if one.state else JobState.QUEUED
    return ends.get(state, "in_work" if state in IN_WORK else "waiting")


@dataclass(frozen=True, slots=True)
class _Sums:
    """The sums of one box."""

    places: list[PlaceSum] = field(default_factory=list)
    jobs: list[JobsSum] = field(default_factory=list)
    blanks: list[BlankSum] = field(default_factory=list)


def _by_box(places: Iterable[PlaceSum], jobs: Iterable[JobsSum], blanks: Iterable[BlankSum]) -> defaultdict[int, _Sums]:
    found: defaultdict[int, _Sums] = defaultdict(_Sums)
    for place in places:
        found[place.box].places.append(place)
    for one in jobs:
        found[one.box].jobs.append(one)
    for blank in blanks:
        found[blank.box].blanks.append(blank)
    return found


def _box(box: BoxRow, sums: _Sums) -> BoxLine:
    return BoxLine(box, _places(sums.places), line_of(_states(sums.jobs), _moved(sums.blanks)))


def _processes(tx: Transaction, batch_id: int, blanks: Iterable[BlankSum]) -> Iterable[ProcessLine]:
    """Runs in the order they began; each station's blanks in work go from one run to the next."""
    by_run: dict[int, list[Moved]] = {}
    for one in blanks:
        by_run.setdefault(one.process, []).append((one.source, one.target, one.count))
    if OUTSIDE_RUNS in by_run:
        yield ProcessLine(None, process_line(by_run[OUTSIDE_RUNS], 0))
    left: dict[str, int] = {}
    for run in sorted(tx.boxes.runs(batch_id), key=lambda one: (one.begun_at, one.id)):
        line = process_line(by_run.get(run.id, []), left.get(run.station, 0))
        left[run.station] = line.handed_over
        yield ProcessLine(run, line, tx.boxes.slots(run.id))


# -- differences -------------------------------------------------------------------------------------------------------


def _in_boxes(boxes: Iterable[BoxLine], sums: Mapping[int, _Sums]) -> Iterable[Difference]:
    for one in boxes:
        box, mine = one.box, sums[one.box.box]
        where = Text(f"box {box.box}", f"第 {box.box} 盒")
        yield from differences(where, one.line, _states(mine.jobs), _moved(mine.blanks))
        there, wanted = one.places.rows, box.last - box.first + 1
        if there != wanted:
            yield Difference(where, Text("places of the box", "盒内位置数"), wanted, there)


def _in_batch(
    batch: BureauBatchRow, places: Places, line: Line, cards: CardSum, boxes: tuple[BoxLine, ...],
    jobs: tuple[JobsSum, ...], blanks: tuple[BlankSum, ...],
) -> Iterable[Difference]:  # fmt: skip
    where = Text("batch", "批次")
    pairs = [
        (Text("rows of the file", "文件行数"), batch.rows, places.rows),
        (Text("finished cards in the cards' book", "卡片台账成卡数"), line.good, cards.cards),
        (Text("card numbers of finished cards", "成卡的不同卡号数"), cards.cards, cards.numbers),
        (Text("chips of finished cards", "成卡的不同芯片数"), cards.cards, cards.chips),
        (Text("finished cards: one for each place", "成卡：每个位置一张"), places.made, line.good),
    ]
    if boxes:
        pairs.append((Text("places in boxes", "入盒位置数"), places.rows, sum(one.places.rows for one in boxes)))
    else:
        yield from differences(where, line, _states(jobs), _moved(blanks))
    yield from (Difference(where, what, told, found) for what, told, found in pairs if told != found)


def _in_processes(processes: Iterable[ProcessLine]) -> Iterable[Difference]:
    """What the slots counted themselves; a line that was killed did not count its last cards, the books did."""
    for one in processes:
        if one.run is None:
            continue
        where = Text(f"run {one.run.id} of line {one.run.line}", f"产线 {one.run.line} 第 {one.run.id} 次运行")
        for what, booked, counted in (
            (Text("cards made, as its slots counted", "各工位自计成卡"), one.line.good, one.made),
            (Text("cards spoiled, as its slots counted", "各工位自计废卡"), one.line.spoiled, one.spoiled),
        ):
            if booked != counted:
                yield Difference(where, what, booked, counted, blocks=False)


__all__ = [
    "RECONCILED",
    "BoxLine",
    "MailersLeft",
    "NotClosed",
    "Places",
    "ProcessLine",
    "Reconciliation",
    "close",
    "reconcile",
    "reconciled",
    "sign",
    "signatures",
]
