"""The state tables of a key ceremony. Everything that moves a ceremony's state is here; a missing entry is an error.

The tables know no people, no key and no device. The diagrams in docs/ceremony.md are made from :data:`TABLES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final


class Kind(StrEnum):
    """What a ceremony is held for."""

    GENERATE = "generate"
    """A key is made inside the store; nobody sees a part of it."""
    ENTER = "enter"
    """A key is put together from components that custodians type."""
    EXPORT = "export"
    """A new key is made as components, each printed blind for its custodian; the store keeps the key."""
    SEND = "send"
    """Printed components leave, each in its own package by its own way."""
    RECEIVE = "receive"
    """Packages came; their serials are checked against what was told separately."""
    DESTROY = "destroy"
    """A key and what is left of its components are destroyed before witnesses."""

    @property
    def zh(self) -> str:
        """The kind in Chinese."""
        return _KIND_ZH[self]


_KIND_ZH = {
    Kind.GENERATE: "密钥生成",
    Kind.ENTER: "密钥分量录入",
    Kind.EXPORT: "密钥分量导出",
    Kind.SEND: "密钥分量寄送",
    Kind.RECEIVE: "密钥分量接收",
    Kind.DESTROY: "密钥销毁",
}


class Stage(Enum):
    """How far a ceremony is."""

    OPEN = "open"
    STAFFED = "staffed"
    """Its people proved who they are."""
    COMPONENTS = "components"
    """At least one component was entered or printed."""
    COMBINED = "combined"
    LOADED = "loaded"
    """The store has the key, whole."""
    PACKED = "packed"
    ADVISED = "advised"
    """Serials of packages were told by a way of their own."""
    CHECKED = "checked"
    TAMPERED = "tampered"
    REPLACED = "replaced"
    """What a tampered package makes unusable is destroyed."""
    CONFIRMED = "confirmed"
    DESTROYED = "destroyed"
    WITNESSED = "witnessed"
    CLOSED = "closed"
    INTERRUPTED = "interrupted"


class Event(Enum):
    """What was done in a step."""

    PROVE = "prove"
    MAKE = "make"
    ENTER = "enter"
    PRINT = "print"
    SPOIL = "spoil"
    COMBINE = "combine"
    LOAD = "load"
    SEND = "send"
    TELL = "tell"
    CHECK = "check"
    TAMPER = "tamper"
    REPLACE = "replace"
    CONFIRM = "confirm"
    DESTROY = "destroy"
    WITNESS = "witness"
    CLOSE = "close"
    ABANDON = "abandon"

    @property
    def zh(self) -> str:
        """The event in Chinese."""
        return _EVENT_ZH[self]

    @property
    def en(self) -> str:
        """The event as the record says it."""
        return _EVENT_EN[self]


_EVENT_ZH = {
    Event.PROVE: "人员核验",
    Event.MAKE: "生成密钥",
    Event.ENTER: "录入分量",
    Event.PRINT: "打印分量",
    Event.SPOIL: "作废密封件",
    Event.COMBINE: "合成",
    Event.LOAD: "存入密钥库",
    Event.SEND: "寄出密封件",
    Event.TELL: "登记另行通知的编号",
    Event.CHECK: "核对密封件",
    Event.TAMPER: "发现密封件被动",
    Event.REPLACE: "销毁并待更换",
    Event.CONFIRM: "双人确认",
    Event.DESTROY: "销毁",
    Event.WITNESS: "见证",
    Event.CLOSE: "结束",
    Event.ABANDON: "中断",
}
_EVENT_EN = {
    Event.PROVE: "people proved themselves",
    Event.MAKE: "key generated",
    Event.ENTER: "component entered",
    Event.PRINT: "component printed",
    Event.SPOIL: "mailer spoiled",
    Event.COMBINE: "components combined",
    Event.LOAD: "key put into the store",
    Event.SEND: "package sent",
    Event.TELL: "serial told separately",
    Event.CHECK: "package checked",
    Event.TAMPER: "package tampered with",
    Event.REPLACE: "destroyed, to be replaced",
    Event.CONFIRM: "confirmed by two",
    Event.DESTROY: "destroyed",
    Event.WITNESS: "witnessed",
    Event.CLOSE: "closed",
    Event.ABANDON: "interrupted",
}

Table = Mapping[Stage, Mapping[Event, Stage]]

_STAFF: Final = {Stage.OPEN: {Event.PROVE: Stage.STAFFED}}
_CLOSE: Final = {Event.CLOSE: Stage.CLOSED}
_ENDS: Final[Table] = {Stage.CLOSED: {}, Stage.INTERRUPTED: {}}


def _table(*parts: Table) -> Table:
    """The parts as one table, in which every stage but an end can be interrupted."""
    rows = {stage: moves for part in (_STAFF, *parts) for stage, moves in part.items()}
    rows = {stage: {**moves, Event.ABANDON: Stage.INTERRUPTED} for stage, moves in rows.items()}
    return MappingProxyType({**rows, **_ENDS})


_COMBINED: Final[Table] = {Stage.COMBINED: {Event.LOAD: Stage.LOADED}, Stage.LOADED: _CLOSE}
TABLES: Final[Mapping[Kind, Table]] = MappingProxyType(
    {
        Kind.GENERATE: _table({Stage.STAFFED: {Event.MAKE: Stage.LOADED}, Stage.LOADED: _CLOSE}),
        Kind.ENTER: _table(
            {
                Stage.STAFFED: {Event.ENTER: Stage.COMPONENTS},
                Stage.COMPONENTS: {Event.ENTER: Stage.COMPONENTS, Event.COMBINE: Stage.COMBINED},
            },
            _COMBINED,
        ),
        Kind.EXPORT: _table(
            {
                Stage.STAFFED: {Event.PRINT: Stage.COMPONENTS, Event.SPOIL: Stage.STAFFED},
                Stage.COMPONENTS: {
                    Event.PRINT: Stage.COMPONENTS, Event.SPOIL: Stage.COMPONENTS, Event.COMBINE: Stage.COMBINED,
                },
            },
            _COMBINED,
        ),
        Kind.SEND: _table(
            {Stage.STAFFED: {Event.SEND: Stage.PACKED}, Stage.PACKED: {Event.SEND: Stage.PACKED} | _CLOSE}
        ),
        Kind.RECEIVE: _table(
            {
                Stage.STAFFED: {Event.TELL: Stage.ADVISED},
                Stage.ADVISED: {
                    Event.TELL: Stage.ADVISED, Event.CHECK: Stage.CHECKED, Event.TAMPER: Stage.TAMPERED,
                },
                Stage.CHECKED: {Event.CHECK: Stage.CHECKED, Event.TAMPER: Stage.TAMPERED} | _CLOSE,
                Stage.TAMPERED: {Event.REPLACE: Stage.REPLACED},
                Stage.REPLACED: _CLOSE,
            }
        ),
        Kind.DESTROY: _table(
            {
                Stage.STAFFED: {Event.CONFIRM: Stage.CONFIRMED},
                Stage.CONFIRMED: {Event.DESTROY: Stage.DESTROYED},
                Stage.DESTROYED: {Event.WITNESS: Stage.WITNESSED},
                Stage.WITNESSED: _CLOSE,
            }
        ),
    }
)  # fmt: skip
ENDS = frozenset({Stage.CLOSED, Stage.INTERRUPTED})
