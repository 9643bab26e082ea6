"""``cardfab bench line``: a line of many readers beside what their chips alone would allow, and what it costs the host.

The readers are simulated in a process of their own; each chip and its wire take the time of a timing, and the sum of
that time over the cards of the same run is what the chips alone allow. Rates are taken while every slot has work.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Annotated

import typer

from cardfab.bureau.cover import CoverNote
from cardfab.bureau.line import BureauLine
from cardfab.bureau.lineview import LineRules
from cardfab.bureau.preparing import do_shard, finish_prepare
from cardfab.bureau.slot import SlotSpec
from cardfab.bureau.taking import approve, take_in
from cardfab.cli.founding import PEOPLE, found_training_station
from cardfab.cli.output import talk_of
from cardfab.cli.simulatedreaders import CardTimes, Told, Wanted, simulated_readers
from cardfab.cli.wiring import Bench, open_desk, open_devices
from cardfab.errors import DeviceFault, Text
from cardfab.prepare.gb11643 import check_character
from cardfab.prepare.table import COLUMNS, Row
from cardfab.settings import read_settings
from cardfab.station.desk import Desk
from cardfab.station.devices import Devices
from cardfab.station.stockroom import receive

PRODUCT = "bureau-sm2"
SWITCH = 0.0005
"""Seconds that one thread computes before another may: a slot whose chip has answered is not to wait for 5 ms."""


class LineFailed(DeviceFault):
    """The line did not make what it was to make."""

    default_code = "CF-5750"


@dataclass(frozen=True, slots=True)
class LineFigures:
    """One run. ``ratio``: the line's rate beside the chips'. Seconds but for ``host_ms`` and ``chips_ms``, which are
    processor time a card, of us and of the simulation; ``full_at``: readers at which our one process fills a core.
    """

    readers: int
    cards: int
    seconds: float
    chip_seconds: float
    apdus: int
    octets: int
    cards_an_hour: float
    chips_an_hour: float
    ratio: float
    host_ms: float
    chips_ms: float
    full_at: int


def line(
    context: typer.Context,
    readers: Annotated[int, typer.Option("--readers", min=1, max=128)] = 32,
    cards: Annotated[int, typer.Option("--cards-per-reader", min=3)] = 6,
    profile: Annotated[str, typer.Option("--profile", help="How long a chip takes: a name or a file .toml.")] = (
        "training"
    ),
    lines: Annotated[int, typer.Option("--lines", min=1, help="Processes that share the readers and the batch.")] = 4,
    cores: Annotated[int, typer.Option("--cores", min=1, help="Cores for us and the simulation together.")] = 2,
) -> None:
    """A line of simulated readers: its rate beside what the chips alone allow, and processor time a card."""
    talk = talk_of(context)
    with _on_cores(cores):
        found = measure(readers, cards, profile, lines)
    rows = [
        (talk.of(Text("readers", "读卡器数")), str(found.readers)),
        (talk.of(Text("cards", "卡数")), str(found.cards)),
        (talk.of(Text("chip and wire, s a card", "芯片与传输（秒/卡）")), f"{found.chip_seconds:.2f}"),
        (talk.of(Text("cards an hour", "每小时张数")), f"{found.cards_an_hour:.0f}"),
        (talk.of(Text("the chips alone allow", "仅受芯片限制时")), f"{found.chips_an_hour:.0f}"),
        (talk.of(Text("of what the chips allow", "占芯片上限")), f"{found.ratio:.1%}"),
        (talk.of(Text("own processor time, ms a card", "本程序处理器时间（毫秒/卡）")), f"{found.host_ms:.1f}"),
        (talk.of(Text("readers that fill one core", "占满一核的读卡器数")), str(found.full_at)),
        (talk.of(Text("processor time of the simulation, ms a card", "模拟所用处理器时间（毫秒/卡）")),
         f"{found.chips_ms:.1f}"),
    ]  # fmt: skip
    columns = (Text("figure", "项目"), Text("value", "数值"))
    talk.give(asdict(found), lambda: talk.table(columns, rows, empty=Text("", "")))


@contextmanager
def _on_cores(count: int) -> Iterator[None]:
    """Only so many cores, for us and what we start."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(before)[:count]))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def measure(readers: int, cards: int, timing: str, lines: int) -> LineFigures:
    """Make a batch of ``cards`` for each of ``readers`` readers, on a training station of its own."""
    with tempfile.TemporaryDirectory(prefix="cardfab-bench-") as folder:
        located = found_training_station(Path(folder) / "station")
        told = Told()
        with open_desk(located, person=PEOPLE[0]) as desk:
            batch = prepared_batch(desk, readers * cards, box_size=cards)
            stock = desk.product(PRODUCT).product.stock
        with simulated_readers([Wanted(readers, cards, timing, stock)], told) as at:
            slots = tuple(zip(at.readers, at.inserters, strict=True))
            began = time.perf_counter()
            own = run_lines([LineOrder(located.file, f"line-{n:02d}", batch, slots[n::lines]) for n in range(lines)])
            seconds = time.perf_counter() - began
    return figures(told, readers, seconds, own)


@dataclass(frozen=True, slots=True)
class LineOrder:
    """A line: the settings it shares with others, the name of its own station, the batch, reader and inserter of each
    slot; and what its host has in its environment, as the socket of the host's PC/SC service.
    """

    settings: Path
    name: str
    batch: int
    slots: tuple[tuple[str, str], ...]
    environment: Mapping[str, str] = field(default_factory=dict)


def run_lines(lines: Sequence[LineOrder]) -> float:
    """Lines on one database, a process each, at work on a batch; their processor time. Raises :class:`LineFailed`."""
    spawn = get_context("spawn")
    cost = spawn.Queue()
    running = [spawn.Process(target=_line, args=(cost, one)) for one in lines]
    for one in running:
        one.start()
    for one in running:
        one.join()
    if any(one.exitcode for one in running):
        raise LineFailed(Text("A line did not make its cards.", "有产线未完成制卡。"))
    return math.fsum(cost.get() for _ in running)


def _line(cost: Queue[float], order: LineOrder) -> None:
    """One line, in a process of its own: a station of that name beside the others, on the same record."""
    os.environ.update(order.environment)
    text = order.settings.read_text(encoding="utf-8")
    own = order.settings.with_name(f"{order.name}.toml")
    own.write_text(re.sub(r'(?m)^name = ".*"$', f'name = "{order.name}"', text), encoding="utf-8")
    with open_desk(read_settings((own,)), person=PEOPLE[0]) as desk:
        began = time.process_time()
        run_line(replace(desk, record="bench"), order.batch, order.slots, order.name)
        cost.put(time.process_time() - began)


def figures(told: Told, readers: int, seconds: float, own: float) -> LineFigures:
    """What a run says: rates from the cards that every slot made while all others worked too."""
    slots = [sorted((c for c in told.cards if c.slot == n and c.good), key=lambda c: c.out) for n in range(readers)]
    ours, chips = _rates(slots)
    count = len(told.cards)
    chip_seconds = sum(one.seconds for one in told.cards) / count
    return LineFigures(
        readers=readers,
        cards=count,
        seconds=round(seconds, 2),
        chip_seconds=round(chip_seconds, 3),
        apdus=sum(one.apdus for one in told.cards) // count,
        octets=sum(one.octets for one in told.cards) // count,
        cards_an_hour=round(ours * 3600, 1),
        chips_an_hour=round(chips * 3600, 1),
        ratio=round(ours / chips, 4),
        host_ms=round(own / count * 1000, 1),
        chips_ms=round(told.computed / count * 1000, 1),
        full_at=int(chip_seconds / (own / count)),
    )


def _rates(slots: Sequence[Sequence[CardTimes]]) -> tuple[float, float]:
    """Cards a second, made and as the chips allow, from each slot's first end to its last end before any slot idles."""
    until = min(slot[-1].out for slot in slots)
    ours = chips = 0.0
    for slot in slots:
        counted = [one for one in slot[1:] if one.out <= until]
        if counted:
            ours += len(counted) / (counted[-1].out - slot[0].out)
            chips += len(counted) / sum(one.seconds for one in counted)
    return ours, chips


def run_line(desk: Desk, batch: int, slots: Sequence[tuple[str, str]], name: str = "bench") -> None:
    """A line with these readers and inserters makes a batch, or its part of it; raises :class:`LineFailed`."""
    specs = [SlotSpec(f"{n:02d}", partial(_opened, desk, *one), one[0]) for n, one in enumerate(slots, 1)]
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    try:
        end = BureauLine(desk, specs, LineRules(name=name)).run(batch)
    finally:
        sys.setswitchinterval(before)
    if end.how in ("stopped", "no slot left") or end.now.faults:
        raise LineFailed(
            Text(
                f"The line ended ({end.how}) with {end.now.faults} faults.",
                f"产线结束（{end.how}），故障 {end.now.faults} 次。",
            )
        )


def _opened(desk: Desk, reader: str, inserter: str) -> AbstractContextManager[Devices]:
    return open_devices(desk, Bench(reader, inserter, "", prints=False))


def prepared_batch(desk: Desk, count: int, *, box_size: int) -> int:
    """A prepared batch of holders who do not exist, and the blanks for it."""
    source = _Rows(count)
    cover = CoverNote(issuer="bench", reference="bench", product=PRODUCT, rows=count, sha256=source.digest.hex())
    batch = approve(desk, take_in(desk, source, cover, shard_size=count, box_size=box_size).id)
    do_shard(desk, batch.id, 1, "bench")
    finish_prepare(desk, batch.id)
    receive(desk, desk.product(PRODUCT).product.stock, count)
    return batch.id


class _Rows:
    """A file that lies nowhere (``BatchSource``)."""

    path = Path("bench.csv")
    signer = None

    def __init__(self, count: int) -> None:
        self._count = count

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(b"".join(repr(row).encode() for _, row in self.rows())).digest()

    def rows(self) -> Iterator[Row]:
        for number in range(self._count):
            yield number + 2, _row(number)


def _row(number: int) -> dict[str, str]:
    month, day, year = number % 12 + 1, number // 12 % 28 + 1, 1950 + number // 336 % 50
    first17 = f"440199{year}{month:02d}{day:02d}{number // 16800 * 2 + 1:03d}"
    values = {
        "request_id": f"B{number:08d}", "social_security_number": first17 + check_character(first17),
        "name": "样卡", "sex": "1", "ethnicity": "01", "birth_date": first17[6:14], "birthplace": "440199",
        "region": "440199", "category": "cross-province-retiree", "card_class": "4", "household_type": "20",
        "household_address": "示例省示例市", "phone": "19900000000", "marital_status": "3", "employment_status": "3",
        "identity_category": "80", "bank_product": PRODUCT, "urgent": "no",
    }  # fmt: skip
    return {column: values.get(column, "") for column in COLUMNS}


__all__ = [
    "PRODUCT",
    "SWITCH",
    "LineFailed",
    "LineFigures",
    "LineOrder",
    "figures",
    "line",
    "measure",
    "prepared_batch",
    "run_line",
    "run_lines",
]
