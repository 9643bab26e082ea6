"""Which record a command means, and whether a record may be written. LD/T 32 part 3 5.3; part 5 tables 32 and 44."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cardfab.simulator.chip import word
from cardfab.simulator.chip.layout import File, Item
from cardfab.simulator.chip.message import expect

FIRST, LAST, NEXT, PREVIOUS, NUMBER, FROM, DOWN_TO = range(7)
NO_TAG = -1
MOST = 256  # bytes of one answer


def tags(file: File, present: Mapping[int, bytes]) -> dict[int, int]:
    """The tag of every record there is, by number; the records of a cyclic file have none."""
    if file.items:
        return {n: file.items[n - 1].tag for n in present}
    return {n: NO_TAG if file.kind == "cyclic" else record[0] for n, record in present.items()}


def chosen(mode: int, p1: int, tagged: Mapping[int, int], current: int) -> list[int]:
    """The record numbers that P1 and the low bits of P2 mean, in the order of the answer; none where there is none.

    ``current`` is the record pointer, 0 for none. P1 00 is the current record in the modes of numbers, and any tag in
    the others.
    """
    if mode >= NUMBER:
        start = p1 or current or MOST
        if mode == NUMBER:
            return [start] if start in tagged else []
        return sorted((n for n in tagged if n >= start), reverse=mode == DOWN_TO)
    numbers = [n for n in sorted(tagged) if p1 in (0, tagged[n])]
    if mode == NEXT:
        numbers = [n for n in numbers if n > current]
    elif mode == PREVIOUS and current:
        numbers = [n for n in numbers if n < current]
    return numbers[-1:] if mode in (LAST, PREVIOUS) else numbers[:1]


def joined(found: Sequence[bytes]) -> bytes:
    """As many whole records as one answer holds."""
    answer = b""
    for record in found:
        if answer and len(answer) + len(record) > MOST:
            break
        answer += record
    return answer


def capacity(file: File) -> int:
    """How many records a cyclic file holds."""
    return max(1, file.space // (file.length + 2))


def check_item(item: Item, data: bytes) -> None:
    """A record of a file with items is the whole TLV; items have one length and are filled up to it."""
    expect(len(data) >= 2, word.WRONG_LENGTH)
    expect(len(data) == 2 + data[1], word.LC_AGAINST_TLV)
    expect(data[0] == item.tag, word.WRONG_DATA)
    expect(data[1] <= item.length, word.NO_SPACE)
    expect(data[1] == item.length, word.WRONG_DATA)


def check_form(file: File, data: bytes) -> None:
    """A record of a file without items: one TLV, or exactly as long as records are."""
    expect(bool(data), word.WRONG_LENGTH)
    if file.kind == "variable":
        expect(len(data) >= 2 and len(data) == 2 + data[1], word.LC_AGAINST_TLV)
        expect(not file.length or len(data) <= file.length, word.NO_SPACE)
    else:
        expect(len(data) == file.length, word.WRONG_LENGTH)
