"""A batch of the bureau as people watch it: how far it is, how fast, until when, and what went wrong where.

Read from the database alone, by sums, so that it can be asked every second while a line runs elsewhere.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from cardfab.audit import milliseconds
from cardfab.errors import InputRefused, Text
from cardfab.production import JobState
from cardfab.production.batches import BatchState, BoxState, ShardState
from cardfab.store import Database, Transaction
from cardfab.store.batches import NUMBER
from cardfab.store.boxes import RunRow
from cardfab.store.bureaufigures import BatchHead, FaultSum, JobSum, ShardSum, SlotLine

LATELY = timedelta(minutes=10)
"""What the rate is taken over; less where the work began later."""
GONE = timedelta(seconds=60)
"""A run that was not heard of for so long is taken for ended."""
PAUSED = "pause"
"""As ``bureau_batch.ordered`` keeps it."""
_SOON = timedelta(seconds=10)
"""Less work than this tells no rate."""
_AT_WORK = frozenset({JobState.CLAIMED, JobState.ENCODING, JobState.VERIFYING, JobState.PRINTING, JobState.INSPECTED})


class BureauBatchUnknown(InputRefused):
    """No batch of this number or reference."""

    default_code = "CF-3670"

    def __init__(self, name: str) -> None:
        super().__init__(
            Text(f"There is no batch {name}.", f"没有批次 {name}。"),
            do=Text(
                "'cardfab bureau status' lists the batches; use the number in the first column.",
                "cardfab bureau status 可列出全部批次，请用第一列的编号。",
            ),
        )


@dataclass(frozen=True, slots=True)
class Cards:
    """Cards of a batch: ``places`` are to be made; each is good, spoiled (and not made again), in doubt, or ahead."""

    places: int
    good: int
    spoiled: int
    doubtful: int
    at_work: int
    waiting: int
    left_out: int

    @property
    def used(self) -> int:
        """Blanks that were used up: what is at work is not counted yet."""
        return self.good + self.spoiled + self.doubtful

    @property
    def good_share(self) -> float | None:
        """Good cards of the blanks whose end is known; None before the first."""
        ended = self.good + self.spoiled
        return self.good / ended if ended else None


@dataclass(frozen=True, slots=True)
class Preparation:
    """How far the data is: rows of all shards and of those that are done, and what a card cost."""

    shards: int
    done: int
    rows: int
    rows_done: int
    seconds_a_card: float | None


@dataclass(frozen=True, slots=True)
class Speed:
    """Cards an hour of late, and when the rest is done at that rate; None where nothing moves."""

    an_hour: float | None
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot with how it stands: "works", "free", "paused", "held" (with its whole line), "out", or "gone" with its
    line.
    """

    line: SlotLine
    state: str

    @property
    def seconds_a_card(self) -> float | None:
        """Seconds in which a card was in work here, a card."""
        ended = self.line.made + self.line.spoiled
        return self.line.busy / ended if ended else None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a line. ``alive``: it was heard of lately and has not ended."""

    line: RunRow
    alive: bool


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch at one moment."""

    at: datetime
    head: BatchHead
    state: BatchState
    source: str
    signer: str
    cards: Cards
    preparation: Preparation | None
    preparing: Speed
    making: Speed
    boxes: dict[str, int]
    runs: tuple[Run, ...]
    slots: tuple[Slot, ...]
    faults: tuple[FaultSum, ...]
    samples: dict[str, int]
    took: float
    """Seconds that this look took; who looks again and again leaves the database many times as long in peace."""

    @property
    def alive(self) -> bool:
        """Whether a line works on it now."""
        return any(one.alive for one in self.runs)

    @property
    def stands(self) -> str:
        """Why nothing is made though a line lives: "held" or "paused"; empty while a slot works, and otherwise."""
        states = {one.state for one in self.slots}
        return next((one for one in ("held", "paused") if one in states and "works" not in states), "")

    def value(self) -> dict[str, Any]:
        """The same for programs."""
        cards = asdict(self.cards) | {"used": self.cards.used, "yield": self.cards.good_share}
        return {
            "at": _moment(self.at),
            "batch": self.head.id,
            "issuer": self.head.issuer,
            "reference": self.head.reference,
            "signer": self.signer,
            "state": self.state.value,
            "ordered": self.head.ordered,
            "stands": self.stands,
            "rows": self.head.rows,
            "wrong": self.head.wrong,
            "cards": cards,
            "preparation": None if self.preparation is None else asdict(self.preparation) | _speed(self.preparing),
            "making": _speed(self.making),
            "boxes": {one.value: self.boxes.get(one.value, 0) for one in BoxState},
            "runs": [asdict(one.line) | {"alive": one.alive} for one in self.runs],
            "slots": [
                asdict(one.line) | {"state": one.state, "seconds_a_card": one.seconds_a_card} for one in self.slots
            ],
            "faults": [asdict(one) | {"why": words_of(one.why).en} for one in self.faults],
            "samples": self.samples,
        }


def text_of(kept: str | None) -> Text:
    """What the database keeps of a reason, its code behind it: JSON of code, en and zh, or plain words."""
    code, words = _told(kept)
    return Text(f"{words.en} [{code}]", f"{words.zh} [{code}]") if code else words


def words_of(kept: str | None) -> Text:
    """The same without its code: for what says the code beside it."""
    return _told(kept)[1]


def _told(kept: str | None) -> tuple[str, Text]:
    try:
        told = json.loads(kept or "")
        return str(told.get("code", "")), Text(told["en"], told["zh"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", Text(kept or "", kept or "")


def find(tx: Transaction, name: str) -> BatchHead:
    """A batch by number or reference; raises :class:`BureauBatchUnknown`, SeveralBatches."""
    found = tx.bureau_figures.named(name)
    if found is None:
        raise BureauBatchUnknown(name.removeprefix(NUMBER))
    return found


def works(tx: Transaction, batch_id: int, now: datetime) -> bool:
    """Whether a line works on the batch now."""
    return any(_alive(one, now) for one in tx.bureau_figures.runs(batch_id))


def view(database: Database, name: str, now: datetime) -> BatchView:
    """A batch by number or reference, now; raises :class:`BureauBatchUnknown`."""
    begun, since = time.monotonic(), _moment(now - LATELY)
    with database.reading() as tx:
        head, figures = find(tx, name), tx.bureau_figures
        jobs, shards = figures.jobs(head.id, since), figures.shards(head.id, since)
        left_out, without_job = figures.left_out(head.id), figures.without_job(head.id)
        runs = tuple(Run(one, _alive(one, now)) for one in figures.runs(head.id))
        shown = [one.line.id for one in runs if one.alive] or [one.line.id for one in runs[:1]]
        slots = figures.slots(*shown)
        boxes, faults = figures.box_states(head.id), figures.faults(head.id)
        source, samples = figures.source(head.id), figures.samples(head.id)
        signer = tx.batches.get(head.id).signer
    cards = cards_of(head.rows, left_out, without_job, jobs)
    alive = {one.line.id: one.line for one in runs if one.alive}
    making = making_of(cards, jobs, list(alive.values()), now)
    if head.ordered == PAUSED or all(one.held for one in alive.values()):
        making = Speed(making.an_hour, None)
    return BatchView(
        at=milliseconds(now),
        head=head,
        state=BatchState(head.state),
        source=source,
        signer=signer,
        cards=cards,
        preparation=preparation_of(shards),
        preparing=_preparing(shards, now),
        making=making,
        boxes=boxes,
        runs=runs,
        slots=tuple(Slot(one, _slot_state(one, alive.get(one.run_id), head.ordered)) for one in slots),
        faults=faults,
        samples=samples,
        took=time.monotonic() - begun,
    )


def cards_of(rows: int, left_out: int, without_job: int, jobs: Sequence[JobSum]) -> Cards:
    """The cards of a batch from its sums. A spoiled blank whose place was made again counts as spoiled once more."""
    by_state = {one.state: one.count for one in jobs}
    queued = sum(
        by_state.get(state, 0) for state in (JobState.REQUESTED, JobState.APPROVED, JobState.PREPARED, JobState.QUEUED)
    )
    return Cards(
        places=rows - left_out,
        good=by_state.get(JobState.DONE, 0),
        spoiled=by_state.get(JobState.SPOILED, 0),
        doubtful=by_state.get(JobState.IN_DOUBT, 0),
        at_work=sum(by_state.get(state, 0) for state in _AT_WORK),
        waiting=queued + without_job,
        left_out=left_out,
    )


def making_of(cards: Cards, jobs: Sequence[JobSum], alive: Sequence[RunRow], now: datetime) -> Speed:
    """How fast cards are made: those that ended of late, good or spoiled, over the time that a line was at it."""
    if not alive:
        return Speed(None, None)
    begun = min(datetime.fromisoformat(one.begun_at) for one in alive)
    ended = sum(one.lately for one in jobs if one.state in (JobState.DONE, JobState.SPOILED))
    return speed(ended, cards.waiting + cards.at_work, now - begun, now)


def preparation_of(shards: Sequence[ShardSum]) -> Preparation | None:
    """How far the data of a batch is; None before it has shards."""
    if not shards:
        return None
    done = [one for one in shards if one.state == ShardState.DONE]
    rows_done, cost = sum(one.rows for one in done), sum(one.cost for one in done)
    return Preparation(
        shards=sum(one.count for one in shards),
        done=sum(one.count for one in done),
        rows=sum(one.rows for one in shards),
        rows_done=rows_done,
        seconds_a_card=cost / rows_done if rows_done and cost else None,
    )


def speed(ended: int, left: int, worked: timedelta, now: datetime) -> Speed:
    """The rate of what ended in the last :data:`LATELY`, or since the work began, and when the rest is done."""
    span = min(worked, LATELY)
    if not ended or span < _SOON:
        return Speed(None, None)
    a_second = ended / span.total_seconds()
    return Speed(a_second * 3600, now + timedelta(seconds=left / a_second) if left else None)


def _preparing(shards: Sequence[ShardSum], now: datetime) -> Speed:
    ended = sum(one.rows_lately for one in shards)
    left = sum(one.rows for one in shards if one.state != ShardState.DONE)
    return speed(ended, left, LATELY, now) if left else Speed(None, None)


def _alive(run: RunRow, now: datetime) -> bool:
    return run.ended_at is None and now - datetime.fromisoformat(run.seen_at) < GONE


def _slot_state(slot: SlotLine, run: RunRow | None, ordered: str) -> str:
    """``run``: its run, while that lives."""
    if slot.taken_out:
        return "out"
    if run is None:
        return "gone"
    idle = "held" if run.held else "paused" if ordered == PAUSED else "free"
    return {"held": "held", "working": "works"}.get(slot.state, idle)


def _speed(one: Speed) -> dict[str, Any]:
    return {"an_hour": one.an_hour, "end": None if one.end is None else _moment(one.end)}


def _moment(at: datetime) -> str:
    """As the tables keep it."""
    return milliseconds(at).isoformat(timespec="milliseconds")


__all__ = [
    "GONE", "LATELY", "PAUSED", "BatchView", "BureauBatchUnknown", "Cards", "Preparation", "Run", "Slot", "Speed",
    "cards_of", "find", "making_of", "preparation_of", "speed", "text_of", "view", "words_of", "works",
]  # fmt: skip
