"""One entry of the record, and its one encoding: a line of canonical JSON, which is the leaf of the Merkle tree.

Fields answer PCI Card Production Logical 6.4: user, event type, time, success or failure, origin, affected resource.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal, get_args

from cardfab.audit.moment import is_recordable, milliseconds, read_moment, write_moment
from cardfab.audit.refused import AuditRefused
from cardfab.errors import Text

__all__ = ["OUTCOMES", "AuditEvent", "Outcome", "milliseconds"]

Outcome = Literal["intent", "done", "refused", "failed"]
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

_FIELDS = frozenset({"action", "actor", "details", "outcome", "station", "subject", "time"})
_ACTION = re.compile(r"[a-z][a-z0-9_-]*(?:\.[a-z][a-z0-9_-]*)+")
_SUBJECT = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_KEY = re.compile(r"[a-z][a-z0-9_.-]*")
# Fixed ranges and not str.isprintable(), which changes with the Unicode version and so with the Python that verifies.
_UNNAMEABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CANONICAL = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _refused(en: str, zh: str) -> AuditRefused:
    return AuditRefused(Text(en, zh), code="CF-3501")


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """Who did what to what, where, when, and how it went; raises :class:`AuditRefused` for a value that has no place.

    ``time``: aware, UTC, whole milliseconds (:func:`milliseconds` makes one). ``actor``: a person's login. ``action``:
    a dotted lower-case name. ``subject``: a random token, never something guessable; ``-`` when there is none.
    ``details``: text by key, kept sorted and read-only. Text is stored as it came, in no Unicode normal form.
    """

    time: datetime
    actor: str
    station: str
    action: str
    subject: str
    outcome: Outcome
    details: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not isinstance(self.time, datetime) or not is_recordable(self.time):
            raise _refused("The event's time is not UTC in whole milliseconds.", "事件的时间不是整毫秒的 UTC 时间。")
        for name, zh in (("actor", "操作员"), ("station", "工位")):
            value = getattr(self, name)
            if not isinstance(value, str) or not value or value != value.strip() or _UNNAMEABLE.search(value):
                raise _refused(f"The event's {name} is empty or not a plain name.", f"事件的{zh}为空或含非法字符。")
        if not isinstance(self.action, str) or not _ACTION.fullmatch(self.action):
            raise _refused("The event's action is not a dotted lower-case name.", "事件的动作不是小写点分名称。")
        if not isinstance(self.subject, str) or not _SUBJECT.fullmatch(self.subject):
            raise _refused("The event's subject is not a token.", "事件的对象不是令牌。")
        if self.outcome not in OUTCOMES:
            raise _refused(f"The event's outcome is none of {', '.join(OUTCOMES)}.", "事件的结果不在规定值之内。")
        object.__setattr__(self, "details", _details(self.details))

    def encode(self) -> bytes:
        """Canonical bytes: JSON, keys sorted by code point, UTF-8, no spaces, and no newline at the end."""
        return _CANONICAL.encode(
            {
                "action": self.action,
                "actor": self.actor,
                "details": dict(self.details),
                "outcome": self.outcome,
                "station": self.station,
                "subject": self.subject,
                "time": write_moment(self.time),
            }
        ).encode()

    @classmethod
    def decode(cls, leaf: bytes) -> AuditEvent:
        """The event of canonical bytes; any other spelling of the same event is refused too."""
        try:
            found = json.loads(leaf.decode("utf-8"))
        except (ValueError, RecursionError) as bad:
            raise _refused("The event is not a line of JSON in UTF-8.", "事件不是一行 UTF-8 编码的 JSON。") from bad
        if not isinstance(found, dict) or found.keys() != _FIELDS:
            raise _refused("The event has a field missing or one too many.", "事件缺少字段或有多余字段。")
        if not isinstance(found["time"], str) or not isinstance(found["details"], dict):
            raise _refused("A field of the event has the wrong type.", "事件的字段类型不对。")
        try:
            found["time"] = read_moment(found["time"])
        except ValueError as bad:
            raise _refused(
                "The event's time is not UTC in whole milliseconds.", "事件的时间不是整毫秒的 UTC 时间。"
            ) from bad
        event = cls(**found)
        if event.encode() != leaf:
            raise _refused("The event is not in canonical form.", "事件不是规范格式。")
        return event


def _details(given: Mapping[str, str]) -> Mapping[str, str]:
    for key, value in given.items():
        if not isinstance(key, str) or not _KEY.fullmatch(key):
            raise _refused("A detail's key is not a lower-case name.", "事件细目的键不是小写名称。")
        if not isinstance(value, str) or _SURROGATE.search(value):
            raise _refused(f"The detail {key} is not text.", f"事件细目 {key} 不是文本。")
    return MappingProxyType(dict(sorted(given.items())))
