"""What the maker tells those who wait: numbered events of each job, kept in memory while the program runs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from cardfab.errors import CardfabError, Text

_JOBS_KEPT = 200
"""Jobs whose events are kept; of older ones the books tell."""


@dataclass(frozen=True, slots=True)
class LineEvent:
    """One thing that happened to a job. ``number`` counts from 1 for each job, ``at`` is ISO 8601.

    ``stage`` is one of :data:`STAGES`; ``error`` and ``do`` are set in the last event of a run that failed.
    """

    number: int
    at: str
    stage: str
    done: int
    of: int
    error: Text | None = None
    do: Text | None = None
    code: str = ""

    @property
    def last(self) -> bool:
        """Whether the run ends with it."""
        return self.stage in ENDS


ENDS = frozenset({"ended", "fault"})
"""The stages that end a run; another order may follow."""

STAGES = {
    "order": Text("waiting for the machine", "等待设备"),
    "look": Text("looking at reader, printer and stock", "检查读卡器、打印机和库存"),
    "feed": Text("feeding a blank", "送入空白卡"),
    "activation": Text("activating the chip", "激活芯片"),
    "erase": Text("erasing the chip", "擦除芯片"),
    "structure": Text("making files and keys", "建立文件和密钥"),
    "check": Text("checking the blank", "核对空白卡"),
    "encode": Text("writing the chip", "写入芯片"),
    "verify": Text("reading the chip back", "回读核对"),
    "print": Text("printing", "打印卡面"),
    "ended": Text("the machine has ended", "设备已完成"),
    "fault": Text("stopped", "已停止"),
}


class Events:
    """Events by job, to be waited for from any thread."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._of: OrderedDict[int, list[LineEvent]] = OrderedDict()

    def add(
        self, job_id: int, at: str, stage: str, done: int = 0, of: int = 0, why: CardfabError | None = None
    ) -> None:
        """Tell an event; it gets the job's next number."""
        with self._news:
            told = self._of.setdefault(job_id, [])
            self._of.move_to_end(job_id)
            told.append(
                LineEvent(
                    len(told) + 1,
                    at,
                    stage,
                    done,
                    of,
                    None if why is None else why.what,
                    None if why is None else why.do,
                    "" if why is None else why.code,
                )
            )
            while len(self._of) > _JOBS_KEPT:
                self._of.popitem(last=False)
            self._news.notify_all()

    def after(self, job_id: int, after: int) -> tuple[LineEvent, ...]:
        """The events of a job with numbers above ``after``."""
        with self._news:
            return tuple(self._of.get(job_id, ())[after:])

    def wait(self, job_id: int, after: int, seconds: float) -> tuple[LineEvent, ...]:
        """The same; waits at most ``seconds`` for the first of them."""
        with self._news:
            self._news.wait_for(lambda: len(self._of.get(job_id, ())) > after, timeout=seconds)
            return tuple(self._of.get(job_id, ())[after:])


__all__ = ["ENDS", "STAGES", "Events", "LineEvent"]
