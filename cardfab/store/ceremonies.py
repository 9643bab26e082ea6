"""Key ceremonies as they were held, who held which component, and the packages components travel in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from cardfab.errors import InputRefused, Text
from cardfab.keys.ceremony import HeldComponent, Step
from cardfab.store.keytables import ceremony, ceremony_step, component_held, component_package


class CeremonyUnknown(InputRefused):
    """No ceremony of that id."""

    default_code = "CF-3913"


@dataclass(frozen=True, slots=True)
class CeremonyRow:
    """One ceremony. ``plan`` is JSON: the key's attributes and the people. ``kcv`` is empty until a key is there."""

    id: str
    kind: str
    label: str
    version: int
    stage: str
    plan: str
    kcv: str
    led_by: str
    began_at: str
    ended_at: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step of a ceremony; ``people`` are logins."""

    number: int
    event: str
    stage: str
    at: str
    people: tuple[str, ...]
    details: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PackageRow:
    """A sealed package with one component. ``state``: printed, sent, told, checked, tampered, used, destroyed."""

    ceremony_id: str
    label: str
    version: int
    component: int
    serial: str
    custodian: str
    channel: str
    state: str
    changed_at: str


class Ceremonies:
    """The book of ceremonies."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def begin(self, row: CeremonyRow) -> None:
        """Keep that a ceremony began."""
        self._connection.execute(insert(ceremony).values(**{f.name: getattr(row, f.name) for f in fields(row)}))

    def add(self, id: str, step: Step, at: str) -> None:
        """Keep a step, and where the ceremony stands after it."""
        details = json.dumps(dict(step.details), sort_keys=True, ensure_ascii=False)
        values = {
            "ceremony_id": id, "position": step.number, "event": step.event.value, "stage": step.stage.value, "at": at,
            "people": ",".join(step.people), "details": details,
        }  # fmt: skip
        self._connection.execute(insert(ceremony_step).values(**values))
        self.change(id, stage=step.stage.value)

    def change(self, id: str, **columns: Any) -> None:
        """Change columns of a ceremony."""
        self._connection.execute(update(ceremony).where(ceremony.c.id == id).values(**columns))

    def get(self, id: str) -> CeremonyRow:
        """One ceremony; raises :class:`CeremonyUnknown`."""
        found = self._connection.execute(select(ceremony).where(ceremony.c.id == id)).one_or_none()
        if found is None:
            raise CeremonyUnknown(
                Text(f"There is no ceremony {id} here.", f"本处没有编号为 {id} 的密钥仪式。"),
                do=Text("'cardfab keys ceremony show' lists all.", "cardfab keys ceremony show 可查看全部。"),
            )
        return CeremonyRow(**found._mapping)

    def all(self) -> tuple[CeremonyRow, ...]:
        """Every ceremony, oldest first."""
        rows = self._connection.execute(select(ceremony).order_by(ceremony.c.began_at, ceremony.c.id))
        return tuple(CeremonyRow(**found._mapping) for found in rows)

    def steps(self, id: str) -> tuple[StepRow, ...]:
        """The steps of a ceremony, in their order."""
        rows = select(ceremony_step).where(ceremony_step.c.ceremony_id == id).order_by(ceremony_step.c.position)
        return tuple(_step(found) for found in self._connection.execute(rows))

    def hold(self, id: str, one: HeldComponent, at: str) -> None:
        """Keep who held a component: for ever, whatever becomes of the ceremony."""
        values = {"ceremony_id": id, "at": at, "component": one.number}
        values |= {name: getattr(one, name) for name in ("login", "label", "version", "kcv")}
        self._connection.execute(insert(component_held).values(**values))

    def history(self, label: str, version: int) -> tuple[HeldComponent, ...]:
        """Who ever held a component of a key."""
        held = component_held.c
        kept = (held.login, held.label, held.version, held.component, held.kcv)
        rows = select(*kept).where(component_held.c.label == label, component_held.c.version == version)
        return tuple(HeldComponent(*found) for found in self._connection.execute(rows.order_by(component_held.c.id)))

    def pack(self, row: PackageRow) -> None:
        """Keep a package, or what became of it: a serial is one package of a key."""
        values = {f.name: getattr(row, f.name) for f in fields(row)}
        known = (
            update(component_package)
            .where(
                component_package.c.label == row.label, component_package.c.version == row.version,
                component_package.c.serial == row.serial,
            )
            .values(**values)
        )  # fmt: skip
        if self._connection.execute(known).rowcount == 0:
            self._connection.execute(insert(component_package).values(**values))

    def packages(self, label: str, version: int | None = None) -> tuple[PackageRow, ...]:
        """The packages of a key, by number of the component."""
        rows = select(component_package).where(component_package.c.label == label)
        if version is not None:
            rows = rows.where(component_package.c.version == version)
        rows = rows.order_by(component_package.c.component, component_package.c.id)
        return tuple(_package(found) for found in self._connection.execute(rows))

    def packages_of(self, id: str) -> tuple[PackageRow, ...]:
        """The packages that a ceremony changed last."""
        rows = select(component_package).where(component_package.c.ceremony_id == id)
        return tuple(_package(found) for found in self._connection.execute(rows.order_by(component_package.c.id)))


def _step(found: Row[Any]) -> StepRow:
    values = dict(found._mapping)
    people = tuple(values["people"].split(",")) if values["people"] else ()
    return StepRow(
        values["position"], values["event"], values["stage"], values["at"], people, json.loads(values["details"])
    )


def _package(found: Row[Any]) -> PackageRow:
    return PackageRow(**{name: value for name, value in found._mapping.items() if name != "id"})
