"""``cardfab simulate readers``: many training readers with inserters, chips that take their time, in one process."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Annotated

import typer

from cardfab.cli.output import talk_of
from cardfab.errors import Text, UsageRefused
from cardfab.printer.inserter import SCHEME
from cardfab.simulator.rig.magazine import CardTimes


@dataclass(frozen=True, slots=True)
class Places:
    """What a line writes into its description, a slot each. ``readers`` is empty where PC/SC has them."""

    readers: tuple[str, ...]
    inserters: tuple[str, ...]


@dataclass(slots=True)
class Told:
    """What the simulated slots say in the end: each card that left, and their own processor time in seconds."""

    cards: tuple[CardTimes, ...] = ()
    computed: float = 0.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """``count`` slots with ``cards`` blanks each; serial numbers from ``first`` on; ``vpcd`` as `Readers` takes it."""

    count: int
    cards: int
    timing: str = "training"
    profile: str = "training-ssc2"
    first: int = 1
    vpcd: tuple[tuple[str, int], ...] = ()


def _serve(wanted: Wanted, until: Connection, out: Connection) -> None:
    """The slots, in a process of their own."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal says it to everybody; who started this one ends it
    from cardfab.simulator.rig.magazine import Magazine
    from cardfab.simulator.rig.readers import Readers, contacts_of
    from cardfab.simulator.rig.timing import timing_of

    timing = timing_of(wanted.timing)
    slots = [
        Magazine(number, contacts_of(wanted.profile, wanted.cards, wanted.first + number * wanted.cards), timing)
        for number in range(wanted.count)
    ]
    readers = Readers(slots, vpcd=wanted.vpcd)
    out.send(
        Places(
            tuple(f"tcp://127.0.0.1:{port}" for port in readers.readers),
            tuple(f"{SCHEME}127.0.0.1:{port}" for port in readers.inserters),
        )
    )
    before = time.process_time()
    readers.serve(until.fileno())
    readers.close()
    out.send(Told(tuple(card for slot in slots for card in slot.left), time.process_time() - before))


@contextmanager
def simulated_readers(wanted: Sequence[Wanted], told: Told) -> Iterator[Places]:
    """Slots in a process for each of ``wanted``; when they have ended, ``told`` holds what they say."""
    spawn = get_context("spawn")
    running = []
    try:
        for one in wanted:
            theirs, ours = spawn.Pipe(duplex=False)
            back, out = spawn.Pipe(duplex=False)
            process = spawn.Process(target=_serve, args=(one, theirs, out), daemon=True)
            process.start()
            theirs.close()
            out.close()
            running.append((process, ours, back))
        places = [back.recv() for _, _, back in running]
        yield Places(
            tuple(one for each in places for one in each.readers),
            tuple(one for each in places for one in each.inserters),
        )
    finally:
        for process, ours, back in running:
            ours.close()
            with suppress(EOFError):  # it ended otherwise, and has nothing to say
                said = back.recv()
                told.cards += said.cards
                told.computed += said.computed
            process.join(10)


def simulate_readers(
    context: typer.Context,
    count: Annotated[int, typer.Option("--count", min=1, max=200, help="Slots: a reader and an inserter each.")] = 32,
    cards: Annotated[int, typer.Option("--cards", min=0, help="Blanks in the hopper of each.")] = 10,
    profile: Annotated[
        str, typer.Option("--profile", help="How long a chip takes: training, none, or a file .toml.")
    ] = "training",
    card: Annotated[str, typer.Option("--card", help="Which training card.")] = "training-ssc2",
    first: Annotated[int, typer.Option("--serial", min=1, max=99_000_000, help="Serial number of the first.")] = 1,
) -> None:
    """Training readers with inserters on ports of the loopback, until standard input closes or Ctrl-C."""
    from cardfab.simulator.chip import CARDS
    from cardfab.simulator.rig.timing import timing_of

    try:
        timing_of(profile)
    except (ValueError, OSError) as wrong:
        raise UsageRefused(Text(f"The timing cannot be used: {wrong}.", f"无法使用该时序：{wrong}。")) from wrong
    if card not in CARDS:
        names = ", ".join(CARDS)
        raise UsageRefused(
            Text(f"There is no card profile {card!r}: take {names}.", f"没有卡配置 {card!r}，可用：{names}。")
        )
    talk = talk_of(context)
    told = Told()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with simulated_readers([Wanted(count, cards, profile, card, first)], told) as places:
        slots = [
            {"name": f"{number:02d}", "reader": reader, "printer": inserter}
            for number, (reader, inserter) in enumerate(zip(places.readers, places.inserters, strict=True), 1)
        ]
        lines = [f'[[slots]]\nname = "{one["name"]}"\nreader = "{one["reader"]}"\nprinter = "{one["printer"]}"\n'
                 for one in slots]  # fmt: skip
        talk.give({"slots": slots}, lambda: talk.out.print("\n".join(lines), markup=False))
        talk.end()
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            sys.stdin.read()
    good = sum(one.good for one in told.cards)
    mean = sum(one.seconds for one in told.cards) / len(told.cards) if told.cards else 0.0
    last = {"good": good, "rejected": len(told.cards) - good, "chip_seconds": round(mean, 3)}
    sys.stdout.write(json.dumps(last) + "\n")


__all__ = ["CardTimes", "Places", "Told", "Wanted", "simulate_readers", "simulated_readers"]
