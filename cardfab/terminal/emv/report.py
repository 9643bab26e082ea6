"""What a transaction found: one list of checks in the order they were made, and how it ended."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from cardfab.apdu.link import CardAnswered, CardAnswerMalformed
from cardfab.apdu.tlv import TlvError
from cardfab.errors import Text
from cardfab.terminal.emv.words import Item, tag_text


class Outcome(enum.StrEnum):
    """Of one check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_DONE = "not done"


class Result(enum.StrEnum):
    """How the transaction ended. ``BROKEN_OFF``: before the card decided."""

    APPROVED_ONLINE = "approved on line"
    DECLINED_ONLINE = "declined on line"
    APPROVED_OFFLINE = "approved off line"
    DECLINED_OFFLINE = "declined off line"
    BROKEN_OFF = "broken off"

    @property
    def text(self) -> Text:
        """For people."""
        return Text(str(self), _RESULTS[self])


_RESULTS = {
    Result.APPROVED_ONLINE: "联机批准",
    Result.DECLINED_ONLINE: "联机拒绝",
    Result.APPROVED_OFFLINE: "脱机批准",
    Result.DECLINED_OFFLINE: "脱机拒绝",
    Result.BROKEN_OFF: "交易终止",
}


@dataclass(frozen=True, slots=True)
class Check:
    """One check. ``tag`` is the data object that decided it, in hex, or empty."""

    item: Item
    outcome: Outcome
    tag: str
    text: Text

    @property
    def name(self) -> Text:
        """What was checked."""
        return self.item.text

    @property
    def sentence(self) -> Text:
        """Name, tag and finding in one line."""
        if not self.tag:
            return Text(f"{self.name.en}: {self.text.en}", f"{self.name.zh}：{self.text.zh}")
        tag = tag_text(self.tag)
        return Text(f"{self.name.en}, tag {tag.en}: {self.text.en}", f"{self.name.zh}，标签 {tag.zh}：{self.text.zh}")


@dataclass(frozen=True, slots=True)
class EmvReport:
    """What one terminal found on one card. ``tvr`` is tag 95 as it stood at the end, 5 bytes; amounts in fen.

    ``pan`` shows the first six and the last four digits; ``balance`` is that of the e-cash where the card tells it.
    """

    result: Result
    aid: bytes
    pan: str
    atc: int | None
    tvr: bytes
    checks: tuple[Check, ...]
    algorithm: str = ""
    balance: int | None = None
    values: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(one for one in self.checks if one.outcome is Outcome.FAILED)

    @property
    def good(self) -> bool:
        """Whether nothing failed and the card came to a decision."""
        return not self.failed and self.result is not Result.BROKEN_OFF

    def of(self, item: Item) -> Outcome:
        """The worst outcome of an item; NOT_DONE where it was never reached."""
        found = {one.outcome for one in self.checks if one.item is item}
        return next((o for o in (Outcome.FAILED, Outcome.PASSED) if o in found), Outcome.NOT_DONE)


class Ended(Exception):
    """The transaction cannot go on; the check that says why is in the findings already."""


@dataclass(slots=True)
class Findings:
    """Checks as they come in, with the terminal verification results (tag 95) that they set."""

    checks: list[Check] = field(default_factory=list)
    tvr: bytearray = field(default_factory=lambda: bytearray(5))

    def passed(self, item: Item, en: str, zh: str, tag: str = "") -> None:
        """A check that holds."""
        self.checks.append(Check(item, Outcome.PASSED, tag, Text(en, zh)))

    def failed(self, item: Item, en: str, zh: str, tag: str = "", tvr: tuple[int, int] | None = None) -> None:
        """A check that does not; ``tvr`` is the byte (from 1) and bit (8 to 1) of tag 95 that it sets."""
        self.checks.append(Check(item, Outcome.FAILED, tag, Text(en, zh)))
        if tvr is not None:
            self.raised(*tvr)

    def not_done(self, item: Item, en: str, zh: str, tag: str = "") -> None:
        """A check that could not be made, and why."""
        self.checks.append(Check(item, Outcome.NOT_DONE, tag, Text(en, zh)))

    def end(self, item: Item, en: str, zh: str, tag: str = "") -> Ended:
        """Fail for good: ``raise findings.end(...)``."""
        self.failed(item, en, zh, tag)
        return Ended(en)

    def raised(self, byte: int, bit: int) -> None:
        """Set a bit of tag 95."""
        self.tvr[byte - 1] |= 1 << bit - 1

    @contextmanager
    def within(self, item: Item) -> Iterator[None]:
        """What the card refuses or garbles in here is a failure of ``item`` and ends the transaction."""
        try:
            yield
        except CardAnswered as answered:
            word = f"{int(answered.sw):04X}"
            en, zh = f"the card answers {word} to {answered.command}", f"卡片对 {answered.command} 应答 {word}"
            raise self.end(item, en, zh) from None
        except CardAnswerMalformed as malformed:
            raise self.end(item, malformed.what.en.rstrip("."), malformed.what.zh.rstrip("。")) from None
        except TlvError as wrong:
            raise self.end(item, wrong.what.en.rstrip("."), wrong.what.zh.rstrip("。")) from None
