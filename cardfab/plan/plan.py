"""A personalisation plan: a value that can be shown, compared, rehearsed, and carried out on any card connection."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

from cardfab.apdu.link import Link, drive
from cardfab.apdu.message import CommandApdu
from cardfab.errors import CardRefused, Text
from cardfab.plan.certifying import ChangeManagerPin, ReplacePkiMaster
from cardfab.plan.channel import SCP03, OpenChannel
from cardfab.plan.run import Comparison, Run
from cardfab.plan.steps import Authenticate, Step

OnStep = Callable[[int, Step], None]


@dataclass(frozen=True, slots=True)
class PersonalisationPlan:
    """What is done to one chip, part by part.

    ``inspect`` only reads: is this a blank of ours. ``encode`` writes, ``verify`` reads back and compares, ``identify``
    reads the number just before printing.
    """

    product: str
    inspect: tuple[Step, ...]
    encode: tuple[Step, ...]
    verify: tuple[Step, ...]
    identify: tuple[Step, ...]

    def key_labels(self) -> frozenset[str]:
        """Every root that carrying the plan out asks for."""
        steps = (*self.inspect, *self.encode, *self.verify, *self.identify)
        labels: set[str] = set()
        for step in steps:
            if isinstance(step, Authenticate):
                labels.add(step.label)
            elif isinstance(step, OpenChannel):
                labels.add(step.root)
            elif isinstance(step, ChangeManagerPin | ReplacePkiMaster):
                labels |= {step.old, step.new}
        return frozenset(labels)

    def content(self) -> bytes:
        """Canonical bytes of everything the plan says, for a keyed digest; equal plans give equal bytes."""
        lines: list[str] = []
        _spell(self, "", lines)
        return "\n".join(lines).encode()


def key_uses(steps: Sequence[Step]) -> dict[tuple[str, str], int]:
    """How often carrying steps out asks for which key of the card or its channels: by act of the store and label."""
    found: Counter[tuple[str, str]] = Counter()
    for step in steps:
        if isinstance(step, Authenticate):
            found["card_key", step.label] += 1
        elif isinstance(step, OpenChannel):
            found["channel03" if step.protocol == SCP03 else "channel", step.root] += 1
    return dict(found)


class ReadBackDiffers(CardRefused):
    """The chip does not hold what was written to it."""

    default_code = "CF-4300"

    def __init__(self, wrong: Sequence[Comparison]) -> None:
        names_en = ", ".join(one.title.en for one in wrong)
        names_zh = "、".join(one.title.zh for one in wrong)
        super().__init__(
            Text(f"Read back, these items differ: {names_en}.", f"回读不一致的数据项：{names_zh}。"),
            do=Text("The card is spoiled; make the request again.", "该卡作废；请重新制卡。"),
        )
        self.wrong = tuple(wrong)


def carry_out(steps: Sequence[Step], link: Link, run: Run, on_step: OnStep | None = None) -> Run:
    """Run steps on a chip, in order; raises what a step raises, and then nothing more was sent."""
    for number, step in enumerate(steps, 1):
        if on_step is not None:
            on_step(number, step)
        drive(step.exchange(run), link)
    return run


def require_equal(compared: Sequence[Comparison]) -> None:
    """Raise :class:`ReadBackDiffers` unless every comparison holds, and unless there was at least one."""
    wrong = [one for one in compared if not one.equal]
    if wrong or not compared:
        raise ReadBackDiffers(wrong)


def _spell(value: object, path: str, lines: list[str]) -> None:
    """A line for each value, with the way to it."""
    if isinstance(value, bytes):
        lines.append(f"{path}={value.hex()}")
    elif isinstance(value, tuple):
        for place, item in enumerate(value):
            _spell(item, f"{path}[{place}]", lines)
    elif isinstance(value, CommandApdu):
        lines.append(f"{path}={value.to_bytes().hex()}")
    elif (names := _fields(cast("Any", type(value)))) is not None:
        lines.append(f"{path}:{type(value).__name__}")
        for name in names:
            item = getattr(value, name)
            if type(item) in _PLAIN:  # most of what a plan says: spelled here, without a call for each
                lines.append(f"{path}.{name}={item!r}")
            else:
                _spell(item, f"{path}.{name}", lines)
    else:
        lines.append(f"{path}={value!r}")


_PLAIN = frozenset((str, int, bool, type(None)))


@cache
def _fields(kind: type[Any]) -> tuple[str, ...] | None:
    """The names of a dataclass's fields; None for any other type."""
    return tuple(one.name for one in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None
