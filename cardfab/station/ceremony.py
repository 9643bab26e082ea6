"""A key ceremony held at a station: every step in the database before the next is asked for, and the record of it.

A rehearsal goes the same way and keeps nothing: no row, no key, no history; one event says that it was held.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cardfab.errors import CardfabError, KeyFault, Text
from cardfab.keys import KeySpec
from cardfab.keys.ceremony import (
    ENDS,
    Ceremony,
    CeremonyRecord,
    CeremonyRefused,
    Event,
    Kind,
    Presence,
    RecordedPackage,
    RecordedPerson,
    RecordedStep,
    Stage,
    Step,
)
from cardfab.keys.ceremony.machine import FRESH, HeldComponent
from cardfab.keys.label import KeyInfo, Level, State, Usage
from cardfab.keys.secret import Secret
from cardfab.production import Act, Person
from cardfab.station.desk import AUDIT_KEY, Desk
from cardfab.store import Transaction
from cardfab.store.ceremonies import CeremonyRow, PackageRow, StepRow

_ACTION = "key.ceremony"
_UNUSED = ("checked", "printed")
"""States in which a package's component may be entered: it was checked here, or never left."""
_MARGIN = timedelta(minutes=1)


class PackageRefused(KeyFault):
    """A package that was not checked, or must not be used (K8, K9)."""

    default_code = "CF-6540"


class Keys(Protocol):
    """What a ceremony asks of a :class:`~cardfab.keys.store.KeyManager`."""

    def infos(self) -> Sequence[KeyInfo]: ...
    def generate(self, spec: KeySpec, *, ceremony: str = "") -> KeyInfo: ...
    def import_value(self, spec: KeySpec, value: Secret, *, ceremony: str = "") -> KeyInfo: ...
    def destroy(self, label: str) -> KeyInfo: ...


Prove = Callable[[str], Person]
"""A person, proved here and now; raises CardfabError."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a ceremony is to be: over which key, by whom."""

    kind: Kind
    spec: KeySpec
    custodians: tuple[str, ...]
    witnesses: tuple[str, ...] = ()

    def to_json(self) -> str:
        """As the database keeps it."""
        spec = self.spec
        key = {
            "algorithm": spec.algorithm, "usage": spec.usage.name, "level": spec.level.name, "region": spec.region,
            "group": spec.group,
        }  # fmt: skip
        people = {"custodians": self.custodians, "witnesses": self.witnesses}
        return json.dumps({"key": key, **people}, sort_keys=True)


class Sitting:
    """A ceremony that is being held. :meth:`held` begins it, and ends it whatever happens."""

    def __init__(self, desk: Desk, keys: Keys, wanted: Wanted, prove: Prove, *, rehearsal: bool) -> None:
        self.desk, self.keys, self.wanted, self.rehearsal = desk, keys, wanted, rehearsal
        self.id = f"{'R' if rehearsal else 'C'}{desk.now():%Y%m%d}-{desk.random(3).hex()}"
        self._prove = prove
        self._people: dict[str, Person] = {}
        self._proved: dict[str, datetime] = {}
        self._packages: dict[str, PackageRow] = {}
        spec = wanted.spec
        with desk.database.reading() as tx:
            history = () if rehearsal else tx.ceremonies.history(spec.label, spec.version)
            if not rehearsal:
                self._packages = {one.serial: one for one in tx.ceremonies.packages(spec.label, spec.version)}
        self.machine = Ceremony(
            wanted.kind, spec.label, spec.version, wanted.custodians, witnesses=wanted.witnesses, history=history
        )
        self._row = CeremonyRow(
            self.id, wanted.kind, spec.label, spec.version, Stage.OPEN.value, wanted.to_json(), "", desk.person.login,
            desk.at(), None, "",
        )  # fmt: skip
        self._touched: list[str] = []

    # -- holding -------------------------------------------------------------------------------------------------------

    @contextmanager
    def held(self) -> Iterator[Sitting]:
        """The ceremony from its first step to its last. What breaks it off is written into its record."""
        self.desk.must(Act.KEYS)
        self._keep("intent", lambda tx: tx.ceremonies.begin(self._row))
        try:
            yield self
            if not self.machine.ended:
                self.step(Event.CLOSE)
        except BaseException as why:
            if not self.machine.ended:
                self._abandon(_reason(why))
            raise
        finally:
            if self.rehearsal:
                self._say_rehearsed()

    def prove_all(self) -> None:
        """The first step: everybody named proves who he is, in front of the others."""
        people = self._everybody
        for login in people:
            self._prove_one(login)
        self.step(Event.PROVE, *people)

    def step(self, event: Event, *people: str, **details: str) -> Step:
        """Take a step with these people, everybody where none are named; whoever proved himself long ago does again."""
        return self._take(event, people or self._everybody, details, lambda tx, step: None)

    def present(self, *people: str) -> tuple[Presence, ...]:
        """These people, each with a fresh proof."""
        for login in people:
            proved = self._proved.get(login)
            if proved is None or self.desk.now() - proved > FRESH - _MARGIN:
                self._prove_one(login)
        return tuple(Presence(login, self._proved[login]) for login in people)

    def beside(self, number: int) -> tuple[str, str]:
        """The custodian of a component, and a second person who sees that only this one sees it."""
        custodian = self.wanted.custodians[number - 1]
        return custodian, next(login for login in self._everybody if login != custodian)

    # -- components ----------------------------------------------------------------------------------------------------

    def require_package(self, number: int, serial: str) -> None:
        """Raise :class:`PackageRefused` unless the component may come out of this package (K8); empty: out of none."""
        known = list(self._packages.values())
        bad = [one.serial for one in known if one.state in ("tampered", "destroyed")]
        if bad:
            raise PackageRefused(
                Text(
                    f"Package {bad[0]} of this key was tampered with or destroyed.",
                    f"该密钥的密封件 {bad[0]} 曾被动或已销毁。",
                ),
                do=Text(
                    "Have the sender make a new version of the key; no component of this one is used.",
                    "请发送方制作新版本密钥，本版本分量一律停用。",
                ),
                code="CF-6541",
            )
        if not serial and not known:
            return
        found = self._packages.get(serial)
        if found is None or found.component != number or found.state not in _UNUSED:
            raise PackageRefused(
                Text(
                    f"Package '{serial}' was not checked here as component {number} of this key.",
                    f"密封件“{serial}”未经核对为该密钥的分量 {number}。",
                ),
                do=Text(
                    "Check it first: 'cardfab keys ceremony transfer LABEL --receive'.",
                    "请先核对：cardfab keys ceremony transfer 标签 --receive。",
                ),
            )

    def open(self, number: int) -> None:
        """A custodian takes a component in hand, to type it: from now on he holds it, whatever becomes of the entry."""
        custodian, spec = self.beside(number)[0], self.wanted.spec
        held = HeldComponent(custodian, spec.label, spec.version, number, "")
        self._keep(
            "intent", lambda tx: tx.ceremonies.hold(self.id, held, self.desk.at()),
            step=Event.ENTER.value, custodian=custodian,
        )  # fmt: skip

    def component(self, event: Event, number: int, kcv: str, serial: str) -> Step:
        """A component was entered (out of a package, or none) or printed (into one)."""
        people = self.beside(number)
        state = "used" if event is Event.ENTER else "printed"
        details = {"component": str(number), "kcv": kcv, "custodian": people[0]} | (
            {"package": serial} if serial else {}
        )

        def more(tx: Transaction, step: Step) -> None:
            tx.ceremonies.hold(self.id, self.machine.held()[number - 1], self.desk.at())
            self._write_package(tx, serial)

        if serial:
            self.package(serial, number, people[0], state)
        return self._take(event, people, details, more)

    def package(self, serial: str, number: int, custodian: str, state: str, channel: str = "") -> None:
        """What became of a package; written with the next step."""
        kept = self._packages.get(serial)
        channel = channel or (kept.channel if kept else "")
        self._packages[serial] = PackageRow(
            self.id, self.wanted.spec.label, self.wanted.spec.version, number, serial, custodian, channel, state,
            self.desk.at(),
        )  # fmt: skip
        if serial not in self._touched:
            self._touched.append(serial)

    def packages(self) -> tuple[PackageRow, ...]:
        """The key's packages, by component."""
        return tuple(sorted(self._packages.values(), key=lambda one: (one.component, one.serial)))

    def packaged(self, event: Event, serials: Sequence[str], **details: str) -> Step:
        """A step about packages that :meth:`package` was told of."""

        def more(tx: Transaction, step: Step) -> None:
            for serial in serials:
                self._write_package(tx, serial)

        return self._take(event, self._everybody, details, more)

    # -- keys ----------------------------------------------------------------------------------------------------------

    def make(self) -> KeyInfo:
        """Generate the key in the store."""
        return self._changed(Event.MAKE, lambda: self.keys.generate(self.wanted.spec, ceremony=self.id))

    def load(self, value: Secret) -> KeyInfo:
        """Put the combined key into the store; ``value`` is wiped."""
        return self._changed(Event.LOAD, lambda: self.keys.import_value(self.wanted.spec, value, ceremony=self.id))

    def destroy(self, labels: Sequence[str], event: Event = Event.DESTROY) -> tuple[str, ...]:
        """Destroy keys, the lowest first, and every package of the key that is left."""
        there = {info.label for info in self.keys.infos() if info.state is not State.DESTROYED}
        gone = tuple(label for label in labels if label in there)
        self._require_now(event)
        self._intend(event)
        for label in gone:
            self.keys.destroy(label)
        for one in self.packages():
            self.package(one.serial, one.component, one.custodian, "destroyed")
        serials = [one.serial for one in self.packages()]
        told = {"keys": " ".join(gone) or "none", "packages": " ".join(serials) or "none"}
        self.packaged(event, serials, **told)
        return gone

    # -- record --------------------------------------------------------------------------------------------------------

    def record(self) -> CeremonyRecord:
        """The record as it stands."""
        steps = [_row_of(step) for step in self.machine.steps]
        packages = [self._packages[serial] for serial in self._touched]
        names = {login: person.name for login, person in self._people.items()}
        return record_of(self.desk.station, self._row, steps, packages, names, rehearsal=self.rehearsal)

    # -- inside --------------------------------------------------------------------------------------------------------

    @property
    def _everybody(self) -> tuple[str, ...]:
        return (*self.wanted.custodians, *self.wanted.witnesses)

    def _prove_one(self, login: str) -> None:
        person = self._prove(login)
        if login in self.wanted.custodians:
            person.must(Act.KEYS)
        self._people[login] = person
        self._proved[login] = self.desk.now()

    def _require_now(self, event: Event) -> None:
        self.machine.require(event, self.desk.now(), self.present(*self._everybody))

    def _changed(self, event: Event, change: Callable[[], KeyInfo]) -> KeyInfo:
        """A change of the store between its intent and its outcome."""
        self._require_now(event)
        self._intend(event)
        try:
            info = change()
        except CardfabError as why:
            self._keep("failed", lambda tx: None, step=event.value, code=why.code)
            raise
        self._row = replace(self._row, kcv=info.kcv)
        self._take(
            event, self._everybody, {"label": info.label, "version": str(info.version), "kcv": info.kcv},
            lambda tx, step: tx.ceremonies.change(self.id, kcv=info.kcv),
        )  # fmt: skip
        return info

    def _intend(self, event: Event) -> None:
        self._keep("intent", lambda tx: None, step=event.value)

    def _take(
        self, event: Event, people: Sequence[str], details: dict[str, str], more: Callable[[Transaction, Step], None]
    ) -> Step:
        step = self.machine.take(event, self.desk.now(), self.present(*people), details)
        ended = self.desk.at() if self.machine.ended else None
        self._row = replace(self._row, stage=step.stage.value, ended_at=ended)

        def keep(tx: Transaction) -> None:
            tx.ceremonies.add(self.id, step, _moment(step))
            tx.ceremonies.change(self.id, ended_at=ended)
            more(tx, step)

        self._keep(
            "done", keep, step=event.value, **{key: value for key, value in details.items() if key != "component"}
        )
        return step

    def _write_package(self, tx: Transaction, serial: str) -> None:
        if serial:
            tx.ceremonies.pack(self._packages[serial])

    def _abandon(self, reason: str) -> None:
        step = self.machine.take(Event.ABANDON, self.desk.now(), (), {"reason": reason})
        self._row = replace(self._row, stage=step.stage.value, ended_at=self.desk.at(), reason=reason)

        def keep(tx: Transaction) -> None:
            tx.ceremonies.add(self.id, step, _moment(step))
            tx.ceremonies.change(self.id, ended_at=self._row.ended_at, reason=reason)

        self._keep("failed", keep, why=reason)

    def _keep(self, outcome: str, change: Callable[[Transaction], None], **details: str) -> None:
        if self.rehearsal:
            return
        told = {"kind": str(self.wanted.kind), "label": self.wanted.spec.label, **details}
        with self.desk.database.transaction("ceremony") as tx:
            change(tx)
            tx.audit.append(self.desk.event(_ACTION, self.id, outcome, told))  # type: ignore[arg-type]
            if self.machine.ended:
                _checkpoint(self.desk, tx)

    def _say_rehearsed(self) -> None:
        told = {"kind": str(self.wanted.kind), "stage": self.machine.stage.value}
        with self.desk.database.transaction("rehearsal") as tx:
            tx.audit.append(self.desk.event("key.rehearsal", self.id, "done", told))


def record_of(
    station: str,
    row: CeremonyRow,
    steps: Sequence[StepRow],
    packages: Sequence[PackageRow],
    names: dict[str, str],
    *,
    rehearsal: bool = False,
) -> CeremonyRecord:
    """The record of a ceremony from its rows; one without an end was cut off."""
    plan = json.loads(row.plan)
    holds = row.kind in (Kind.ENTER, Kind.EXPORT)
    people = [
        RecordedPerson(login, names.get(login, login), "custodian", place if holds else 0)
        for place, login in enumerate(plan["custodians"], 1)
    ]
    people += [RecordedPerson(login, names.get(login, login), "witness") for login in plan["witnesses"]]
    if row.led_by not in {one.login for one in people}:
        people.append(RecordedPerson(row.led_by, names.get(row.led_by, row.led_by), "leader"))
    key = plan["key"]
    return CeremonyRecord(
        id=row.id,
        kind=str(Kind(row.kind)),
        rehearsal=rehearsal,
        station=station,
        began_at=row.began_at,
        ended_at=row.ended_at or "",
        outcome="closed" if row.stage == Stage.CLOSED.value else "interrupted",
        reason=row.reason,
        label=row.label,
        algorithm=key["algorithm"],
        usage=key["usage"],
        level=key["level"],
        version=row.version,
        region=key["region"],
        group=key["group"],
        kcv=row.kcv,
        people=tuple(people),
        steps=tuple(RecordedStep(one.number, one.at, one.event, one.people, dict(one.details)) for one in steps),
        packages=tuple(
            RecordedPackage(one.serial, one.component, one.custodian, one.channel, one.state) for one in packages
        ),
    )


def kept_record(desk: Desk, id: str) -> CeremonyRecord:
    """The record of a ceremony that was held here."""
    with desk.database.reading() as tx:
        row, steps, packages = tx.ceremonies.get(id), tx.ceremonies.steps(id), tx.ceremonies.packages_of(id)
        names = {one.login: one.name for one in tx.people.all()}
    return record_of(desk.station, row, steps, packages, names)


def settle_cut(desk: Desk, infos: Sequence[KeyInfo]) -> tuple[CeremonyRow, ...]:
    """Ceremonies that ended without a word (power, kill) get their last step; those are returned.

    Called where no other program can be holding one. A store changes whole or not at all, so the key is there or not.
    """
    ends = {stage.value for stage in ENDS}
    with desk.database.reading() as tx:
        cut = [row for row in tx.ceremonies.all() if row.stage not in ends]
    for row in cut:
        made = next((info for info in infos if info.ceremony == row.id), None)
        reason = "cut off" if made is None else "cut off; the key is in the store"
        with desk.database.transaction("ceremony") as tx:
            number = len(tx.ceremonies.steps(row.id)) + 1
            step = Step(number, Event.ABANDON, Stage.INTERRUPTED, desk.now(), (), {"reason": reason})
            tx.ceremonies.add(row.id, step, _moment(step))
            kcv = row.kcv if made is None else made.kcv
            tx.ceremonies.change(row.id, ended_at=desk.at(), reason=reason, kcv=kcv)
            told = {"kind": row.kind, "label": row.label, "why": reason}
            tx.audit.append(desk.event(_ACTION, row.id, "failed", told))
    return tuple(cut)


def next_version(infos: Sequence[KeyInfo], label: str) -> int:
    """The version that a new value of a label gets."""
    return max((info.version for info in infos if info.label == label), default=0) + 1


def require_alone(spec: KeySpec) -> None:
    """Raise :class:`CeremonyRefused` for a key that a station makes for itself and nobody else has."""
    if spec.level is Level.STATION and spec.usage is not Usage.FACTORY and spec.usage is not Usage.KEY_BLOCK:
        raise CeremonyRefused(
            Text(
                f"'{spec.label}' is the station's own key and has no components.",
                f"“{spec.label}”是本站自用密钥，没有分量。",
            ),
            do=Text("Generate it: 'cardfab keys ceremony generate'.", "请用 cardfab keys ceremony generate 生成。"),
            code="CF-6516",
        )


def _row_of(step: Step) -> StepRow:
    return StepRow(step.number, step.event.value, step.stage.value, _moment(step), step.people, step.details)


def _moment(step: Step) -> str:
    return step.at.astimezone(UTC).isoformat(timespec="milliseconds")


def _checkpoint(desk: Desk, tx: Transaction) -> None:
    """Signed to here, where the station has its audit key already."""
    if any(info.label == AUDIT_KEY for info in desk.keys.infos()):
        desk.checkpoint(tx)


def _reason(why: BaseException) -> str:
    if isinstance(why, CardfabError):
        return f"{why.code}: {why}"
    return "stopped at the terminal" if isinstance(why, KeyboardInterrupt) else type(why).__name__
