"""A ceremony as it is held: who is there, what may follow, and the steps so far. No clock, no key, no device.

Two people at every step (PCI PIN 6, 21; CP-L 8.1(b)); a custodian who held one component of a key never holds another
of it (CP-L 8.4.1.a, as the FAQ of July 2015 reads it). Steps hold names, times, serials and check values, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from cardfab.errors import KeyFault, Text
from cardfab.keys.ceremony.states import ENDS, TABLES, Event, Kind, Stage

TOGETHER = 2
"""People at every step."""
FRESH = timedelta(minutes=15)
"""How long a proof of who somebody is counts (PCI DSS 8.2.8)."""
COMPONENTS = (2, 3)
"""How many components a key may have."""
_LONG_HEX = re.compile(r"[0-9A-Fa-f]{16,}")


class CeremonyRefused(KeyFault):
    """A step that cannot follow now, or without these people."""

    default_code = "CF-6510"


class CustodianRefused(CeremonyRefused):
    """The person held another component of this key (K17)."""

    default_code = "CF-6511"


class NotTogether(CeremonyRefused):
    """Fewer than two people, or one who proved himself too long ago (K3)."""

    default_code = "CF-6512"


@dataclass(frozen=True, slots=True)
class Presence:
    """Somebody who is there, and when he last proved who he is."""

    login: str
    proved_at: datetime


@dataclass(frozen=True, slots=True)
class HeldComponent:
    """That a person held a component of a key, now or in an earlier ceremony.

    ``kcv`` of the component; empty where it was taken in hand and not entered to the end.
    """

    login: str
    label: str
    version: int
    number: int
    kcv: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that was done. ``details`` are for everybody's eyes."""

    number: int
    event: Event
    stage: Stage
    """Where the ceremony stands after it."""
    at: datetime
    people: tuple[str, ...]
    details: Mapping[str, str] = field(default_factory=dict)


class Ceremony:
    """One ceremony over one key. ``custodians`` hold component 1, 2, 3 in this order; ``history`` is the key's."""

    def __init__(
        self,
        kind: Kind,
        label: str,
        version: int,
        custodians: Sequence[str],
        *,
        witnesses: Sequence[str] = (),
        history: Iterable[HeldComponent] = (),
    ) -> None:
        self.kind, self.label, self.version = kind, label, version
        self.custodians, self.witnesses = tuple(custodians), tuple(witnesses)
        self.stage = Stage.OPEN
        self.steps: list[Step] = []
        self._history = [one for one in history if (one.label, one.version) == (label, version)]
        self._require_people()

    @property
    def ended(self) -> bool:
        """Whether nothing can follow."""
        return self.stage in ENDS

    @property
    def done(self) -> Mapping[int, str]:
        """The components that were entered or printed, by number, with their check values."""
        found: dict[int, str] = {}
        for step in self.steps:
            if step.event in (Event.ENTER, Event.PRINT):
                found[int(step.details["component"])] = step.details["kcv"]
        return found

    def held(self) -> tuple[HeldComponent, ...]:
        """Who held which component in this ceremony: what the history is to keep."""
        return tuple(
            HeldComponent(self.custodians[number - 1], self.label, self.version, number, kcv)
            for number, kcv in self.done.items()
        )

    def require(self, event: Event, at: datetime, present: Sequence[Presence]) -> None:
        """Raise :class:`CeremonyRefused` when ``event`` cannot follow now, with these people; nothing changes."""
        if event not in TABLES[self.kind][self.stage] or (event is Event.COMBINE and not self._complete()):
            raise CeremonyRefused(
                Text(
                    f"'{event.en}' cannot follow: the ceremony is at '{self.stage.value}'.",
                    f"当前步骤为“{self.stage.value}”，不能执行“{event.zh}”。",
                ),
                do=Text("Begin a ceremony anew and go on step by step.", "请重新开始仪式，逐步进行。"),
            )
        if event is not Event.ABANDON:
            _require_together(at, present)

    def require_custodian(self, number: int, kcv: str | None = None) -> None:
        """Raise :class:`CustodianRefused` when the custodian of this component held another of the same key.

        ``kcv`` of the component once it is known: another value under the same number is another component.
        """
        login = self.custodians[number - 1]
        for one in self._history:
            if one.login == login and (one.number != number or (kcv and one.kcv and one.kcv != kcv)):
                raise CustodianRefused(
                    Text(
                        f"'{login}' held component {one.number} ({one.kcv}) of '{self.label}' and may hold no other.",
                        f"“{login}”曾持有“{self.label}”的分量 {one.number}（{one.kcv}），不得持有其他分量。",
                    ),
                    do=Text(
                        "Name another custodian, or make a new version of the key.", "请另选保管员，或更换密钥版本。"
                    ),
                )

    def take(self, event: Event, at: datetime, present: Sequence[Presence], details: Mapping[str, str]) -> Step:
        """Follow ``event``; the step as it is kept. Raises :class:`CeremonyRefused` and leaves everything as it was."""
        self.require(event, at, present)
        _require_public(details)
        if event in (Event.ENTER, Event.PRINT):
            self._require_next(int(details["component"]), details["kcv"], present)
        if event is Event.WITNESS:
            self._require_witness(present)
        stage = TABLES[self.kind][self.stage][event]
        people = tuple(one.login for one in present)
        step = Step(len(self.steps) + 1, event, stage, at, people, MappingProxyType(dict(details)))
        self.steps.append(step)
        self.stage = stage
        return step

    # -- rules -----------------------------------------------------------------------------------------------------

    def _complete(self) -> bool:
        return len(self.done) == len(self.custodians)

    def _require_people(self) -> None:
        if len(set(self.custodians)) != len(self.custodians) or len(self.custodians) not in COMPONENTS:
            raise CeremonyRefused(
                Text("A ceremony has two or three custodians, each another person.", "仪式须有两至三名不同的保管员。"),
                do=Text("Name them: --custodian LOGIN, once for each.", "请用 --custodian 登录名 逐一指定。"),
                code="CF-6513",
            )
        if set(self.custodians) & set(self.witnesses) or (self.kind is Kind.DESTROY and not self.witnesses):
            raise CeremonyRefused(
                Text("A destruction has a witness who is no custodian of it.", "销毁须有保管员以外的见证人。"),
                do=Text("Name one: --witness LOGIN.", "请用 --witness 登录名 指定。"),
                code="CF-6514",
            )
        if self.kind in (Kind.ENTER, Kind.EXPORT):
            for number in range(1, len(self.custodians) + 1):
                self.require_custodian(number)

    def _require_next(self, number: int, kcv: str, present: Sequence[Presence]) -> None:
        if number != len(self.done) + 1 or number > len(self.custodians):
            raise CeremonyRefused(
                Text(f"It is not the turn of component {number}.", f"现在不应处理分量 {number}。"),
                do=Text("Go on with the next one.", "请按顺序进行。"),
            )
        if self.custodians[number - 1] not in {one.login for one in present}:
            raise NotTogether(
                Text(f"The custodian of component {number} is not there.", f"分量 {number} 的保管员不在场。"),
                do=Text("Wait for this custodian.", "请等待该保管员到场。"),
            )
        self.require_custodian(number, kcv)

    def _require_witness(self, present: Sequence[Presence]) -> None:
        if not {one.login for one in present} & set(self.witnesses):
            raise NotTogether(
                Text("No witness is there.", "见证人不在场。"),
                do=Text("A witness proves himself and looks at what is left.", "请见证人核验身份并查看残留物。"),
            )


def _require_together(at: datetime, present: Sequence[Presence]) -> None:
    if len({one.login for one in present}) < TOGETHER:
        raise NotTogether(
            Text("This step needs two people.", "此步骤须双人在场。"),
            do=Text("Let the second person prove who he is.", "请第二人核验身份。"),
        )
    late = [one.login for one in present if at - one.proved_at > FRESH]
    if late:
        raise NotTogether(
            Text(f"It is too long since '{late[0]}' proved who he is.", f"“{late[0]}”的身份核验已超时。"),
            do=Text("Let this person prove it again.", "请该人员重新核验身份。"),
        )


def _require_public(details: Mapping[str, str]) -> None:
    """A step is printed and shown: what is as long as a key is not let into it."""
    if any(_LONG_HEX.search(value) for value in details.values()):
        raise CeremonyRefused(
            Text("What was to be noted looks like key material.", "拟记录内容疑似密钥数据。"),
            do=Text("Note serials and check values only.", "只能记录编号和校验值。"),
            code="CF-6515",
        )
