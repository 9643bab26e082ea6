"""What was done to a list of events, told by the hashes of what the list was: changed, missing, moved, put in."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from cardfab.errors import Text


def differences(truth: Sequence[bytes], found: Sequence[bytes], first_line: int) -> tuple[tuple[Text, int], ...]:
    """Every difference with its line, by line; ``first_line`` is that of ``found[0]``. Events count from 0.

    What keeps its order is the longest run of events that do; the others of the log were moved. An event that is not
    there beside a line that is no event of the log was changed.
    """
    places: dict[bytes, deque[int]] = {}
    for place, one in enumerate(truth):
        places.setdefault(one, deque()).append(place)
    at = [queue.popleft() if (queue := places.get(one)) else None for one in found]
    kept = _longest_rise(at)
    there = {index for index in at if index is not None}
    said: list[tuple[Text, int]] = []
    ends = [*kept, (len(found), len(truth))]
    line, event = 0, 0
    for next_line, next_event in ends:
        lines, events = range(line, next_line), [index for index in range(event, next_event) if index not in there]
        foreign = [number for number in lines if at[number] is None]
        said += [(_moved(first_line + n, index), first_line + n) for n in lines if (index := at[n]) is not None]
        said += [(_changed(first_line + n, index), first_line + n) for n, index in zip(foreign, events, strict=False)]
        said += [(_missing(index), first_line + next_line) for index in events[len(foreign) :]]
        said += [(_put_in(first_line + n), first_line + n) for n in foreign[len(events) :]]
        line, event = next_line + 1, next_event + 1
    return tuple(sorted(said, key=lambda one: one[1]))


def _longest_rise(at: Sequence[int | None]) -> list[tuple[int, int]]:
    """(line, event) of the longest subsequence whose events rise."""
    ends: list[int] = []
    lines: list[int] = []
    before: dict[int, int | None] = {}
    for line, event in enumerate(at):
        if event is None:
            continue
        length = bisect_left(ends, event)
        before[line] = lines[length - 1] if length else None
        ends[length:] = [event, *ends[length + 1 :]]
        lines[length:] = [line, *lines[length + 1 :]]
    rise: list[tuple[int, int]] = []
    line_or_none = lines[-1] if lines else None
    while line_or_none is not None:
        event_there = at[line_or_none]
        if event_there is not None:
            rise.append((line_or_none, event_there))
        line_or_none = before[line_or_none]
    return rise[::-1]


def _changed(line: int, event: int) -> Text:
    return Text(f"Event {event} was changed (line {line}).", f"第 {event} 号事件被改动（第 {line} 行）。")


def _missing(event: int) -> Text:
    return Text(f"Event {event} is missing.", f"第 {event} 号事件缺失。")


def _moved(line: int, event: int) -> Text:
    return Text(f"Event {event} was moved (to line {line}).", f"第 {event} 号事件被移动（至第 {line} 行）。")


def _put_in(line: int) -> Text:
    return Text(f"Line {line} is no event of this log.", f"第 {line} 行不是本日志的事件。")
