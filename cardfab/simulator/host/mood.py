"""How the training host behaves: what it refuses, what it does without answering, how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SILENT_AFTER = "silent-after"
"""It is done, and no answer comes."""
SILENT_BEFORE = "silent-before"
"""Nothing is done, and no answer comes."""
GARBLED = "garbled"
"""It is done, and the answer cannot be read."""
WRONG_NAME = "wrong-name"
"""It is done, and the answer names somebody else."""
_WORDS = frozenset((SILENT_AFTER, SILENT_BEFORE, GARBLED, WRONG_NAME))


@dataclass
class Mood:
    """``plays`` maps an operation (``*`` any) to a refusal code or to one of the words above.

    ``times`` counts down how often each is played (absent: always). ``seconds`` is waited before every answer.
    ``fails_after``: the operation after whose first success everything is refused with ``busy``.
    """

    plays: Mapping[str, str] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    fails_after: str | None = None
    failing: bool = False

    def play(self, operation: str, step: str = "") -> str | None:
        """What is played for this operation now, or for this one message of it."""
        if self.failing:
            return "busy"
        for name in filter(None, (step, operation, "*")):
            if name in self.plays and self.times.get(name, 1) > 0:
                if name in self.times:
                    self.times[name] -= 1
                return self.plays[name]
        return None

    @staticmethod
    def is_refusal(played: str | None) -> bool:
        """Whether this is a code of a refusal."""
        return played is not None and played not in _WORDS

    def take_over(self, other: Mood) -> None:
        """Be in another mood from now on."""
        self.plays, self.times, self.seconds = other.plays, other.times, other.seconds
        self.fails_after, self.failing = other.fails_after, other.failing

    @classmethod
    def of(cls, words: list[str], seconds: float = 0.0) -> Mood:
        """From ``OPERATION=WHAT`` or ``OPERATION=WHAT:TIMES``; raises ValueError."""
        plays, times = {}, {}
        for word in words:
            operation, equals, what = word.partition("=")
            what, colon, count = what.partition(":")
            if not equals or not operation or not what or (colon and not count.isdecimal()):
                raise ValueError(word)
            plays[operation] = what
            if colon:
                times[operation] = int(count)
        return cls(plays, times, seconds)
