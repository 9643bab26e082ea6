"""Key uses in the station's record: the intent is on the disk before the key is touched, the outcome follows.

An outcome goes along with the next commit of the station (or with its closing). Until then further uses of the same
key, for the same act and the same card, stand under the intent that is on record already; the outcome says how many
there were. A program that dies leaves an intent without an outcome: that use is in doubt, and nothing is unsaid; the
next start of the station says so in its place (:mod:`cardfab.station.leftover`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from cardfab.audit import AuditEvent, Outcome
from cardfab.keys.auditing import NOBODY, KeyUse, UseOutcome
from cardfab.station.acting import who
from cardfab.store import Database

ACTION = "key.use"
COUNT = "key.count"
MakeEvent = Callable[[str, str, Outcome, Mapping[str, str]], AuditEvent]
"""Of action, subject, outcome, details: where and when is the maker's, and by whom where nobody said (`acting`)."""
_Key = tuple[str, str, str, str, str | None, int]
"""Label, check value, act, token of the card or job, login of who acts, thread: what one does ends no other's use."""


@dataclass(slots=True)
class _Uses:
    """What goes on under one intent: how many uses, and how many of them have not ended."""

    count: int
    running: int
    reached: Callable[[], bool]
    """Whether the intent is in the database: one that was noted inside a transaction gets there behind it."""


class KeyRecord:
    """An :class:`~cardfab.keys.auditing.AuditSink` that writes to the record of a database.

    ``silent`` are labels whose uses are to be seen in the record anyway: the key that signs it.
    """

    def __init__(self, database: Database, event: MakeEvent, silent: frozenset[str] = frozenset()) -> None:
        self._database, self._event = database, event
        self._silent = silent | {NOBODY}
        self._under: dict[_Key, _Uses] = {}
        self._lock = threading.Lock()
        database.joins = self._ended

    def intent(self, use: KeyUse) -> None:
        """The use is on record when this returns; raises RecordUnwritten, and then the key is not to be used."""
        with self._lock:
            if (uses := self._under.get(_key(use))) is not None:
                uses.count, uses.running = uses.count + use.count, uses.running + 1
                return
        reached = self._database.note(self._of(_key(use), "intent", use.count), name=f"{ACTION} {use.act}")
        with self._lock:
            uses = self._under.setdefault(_key(use), _Uses(0, 0, reached))
            uses.count, uses.running = uses.count + use.count, uses.running + 1

    @contextmanager
    def foreseen(self, uses: Sequence[KeyUse]) -> Iterator[None]:
        """The intents of uses that are to come, in one commit; what stands under them ends with the block."""
        with self._lock:
            held = [self._under[key] for key in map(_key, uses) if key in self._under]
            for under in held:
                under.running += 1
            new = [use for use in uses if _key(use) not in self._under]
        try:
            if new:
                intents = [self._of(_key(use), "intent", use.count) for use in new]
                reached = self._database.note(*intents, name=f"{ACTION} ahead")
                with self._lock:  # the key of each has this thread in it: nobody else put one there meanwhile
                    held += [self._under.setdefault(_key(use), _Uses(0, 1, reached)) for use in new]
            yield
        finally:
            with self._lock:
                for under in held:
                    under.running -= 1

    def outcome(self, use: KeyUse, outcome: UseOutcome, code: str) -> None:
        """``done`` waits for the next commit; anything else is on record when this returns."""
        with self._lock:
            uses = self._under[_key(use)]
            uses.running -= 1
            if outcome == "done":
                return
            del self._under[_key(use)]
        done = {"done": str(uses.count - use.count)} if uses.count > use.count else {}
        event = self._of(_key(use), outcome, use.count, code=code, **done)
        self._database.note(event, name=f"{ACTION} {outcome}")

    def counted(self, uses: Sequence[KeyUse]) -> None:
        """One leaf for all uses that were only counted."""
        told = [f"{use.label} {use.act} {use.count}" for use in uses if use.label not in self._silent]
        if told:
            self._database.note(self._event(COUNT, NOBODY, "done", {"uses": ", ".join(told)}), name=COUNT)

    def _ended(self) -> Sequence[AuditEvent]:
        with self._lock:
            ended = {key: uses.count for key, uses in self._under.items() if uses.running == 0 and uses.reached()}
            for key in ended:
                del self._under[key]
        return [self._of(key, "done", count) for key, count in ended.items()]

    def _of(self, key: _Key, outcome: Outcome, count: int, **more: str) -> AuditEvent:
        label, kcv, act, about, login, _ = key
        details = {"label": label, "kcv": kcv, "act": act, "count": str(count), **more}
        event = self._event(ACTION, about, outcome, details)
        return event if login is None else replace(event, actor=login)


def _key(use: KeyUse) -> _Key:
    return use.label, use.kcv, use.act, use.about, who(), threading.get_ident()
