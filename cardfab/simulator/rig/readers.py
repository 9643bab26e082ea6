"""Many slots in one process: one thread that waits for what comes first, a client's bytes or the end of a chip's work.

The chip computes its answer at once, and the answer leaves when the chip's time is over: what the computing costs here
is hidden in the time that a chip would have taken, as long as one core is enough for all of them.
"""

from __future__ import annotations

import heapq
import itertools
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from cardfab.simulator.chip.vpcd import Contacts
from cardfab.simulator.rig.magazine import CR, NUL, Magazine

_PORTION = 65536
_APART = 1.5
"""Seconds between two cards in a vpcd: PC/SC looks now and then, and has to see that the first one left."""


class _Line:
    """One client's connection, or the one to a vpcd; ``take`` gets the bytes that came."""

    __slots__ = ("buffer", "due", "end", "kind", "slot")

    def __init__(self, slot: Magazine, kind: str, end: socket.socket) -> None:
        self.slot, self.kind, self.end = slot, kind, end
        self.buffer = bytearray()
        self.due = 0.0


class Readers:
    """Slots on ports of the loopback: ``readers[n]`` and ``inserters[n]``, listening from here on.

    ``vpcd``: addresses of virtual PC/SC readers, one a slot, that cards are put into instead of ``readers``.
    """

    def __init__(self, slots: Sequence[Magazine], *, vpcd: Sequence[tuple[str, int]] = ()) -> None:
        self.slots = tuple(slots)
        self._vpcd = tuple(vpcd)
        self._doors: dict[socket.socket, tuple[Magazine, str]] = {}
        self._lines: dict[socket.socket, _Line] = {}
        self._of: dict[tuple[int, str], _Line] = {}
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._left: dict[int, float] = {}
        self.readers = [self._door(slot, "reader") for slot in self.slots] if not vpcd else []
        self.inserters = [self._door(slot, "inserter") for slot in self.slots]

    def _door(self, slot: Magazine, kind: str) -> int:
        door = socket.create_server(("127.0.0.1", 0), backlog=8)
        door.setblocking(False)
        self._doors[door] = (slot, kind)
        return int(door.getsockname()[1])

    def serve(self, until: int) -> None:
        """Serve until the file descriptor ``until`` can be read, or is closed at its other end."""
        while True:
            now = time.monotonic()
            while self._heap and self._heap[0][0] <= now:
                heapq.heappop(self._heap)[2]()
            wait = max(0.0, self._heap[0][0] - time.monotonic()) if self._heap else None
            # select and not epoll: its time-out has microseconds, and a millisecond an APDU would be seen.
            watched: list[int | socket.socket] = [until, *self._doors, *self._lines]
            ready, _, _ = select.select(watched, [], [], wait)
            if until in ready and not os.read(until, _PORTION):
                return
            for one in ready:
                if isinstance(one, socket.socket):
                    self._served(one)

    def close(self) -> None:
        """Hang up and stop listening."""
        for one in (*self._lines, *self._doors):
            one.close()
        self._lines.clear()
        self._doors.clear()

    def _served(self, end: socket.socket) -> None:
        if (door := self._doors.get(end)) is not None:
            with suppress(OSError):
                client, _ = end.accept()
                self._begin(_Line(*door, client))
        elif (line := self._lines.get(end)) is not None:
            try:
                portion = end.recv(_PORTION)
            except OSError:
                portion = b""
            if portion:
                line.buffer += portion
                (self._commands if line.kind == "inserter" else self._frames)(line)
            else:
                self._hang_up(line)

    def _begin(self, line: _Line) -> None:
        """A new client takes the place of the old one."""
        if (old := self._of.get((line.slot.number, line.kind))) is not None:
            self._hang_up(old)
        line.end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines[line.end] = self._of[line.slot.number, line.kind] = line

    def _hang_up(self, line: _Line) -> None:
        if self._lines.pop(line.end, None) is not None:
            self._of.pop((line.slot.number, line.kind), None)
            line.end.close()
            if line.kind != "inserter":
                line.slot.power_off()

    def _later(self, due: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (due, next(self._number), act))

    def _frames(self, line: _Line) -> None:
        buffer = line.buffer
        while len(buffer) >= 2 and len(buffer) >= (end := 2 + int.from_bytes(buffer[:2])):
            payload = bytes(buffer[2:end])
            del buffer[:end]
            now = time.monotonic()
            answer, took = line.slot.answer(payload)
            line.due = max(now, line.due) + took
            if answer is not None:
                self._later(line.due, partial(self._send, line, len(answer).to_bytes(2) + answer))

    def _send(self, line: _Line, sent: bytes) -> None:
        if line.end in self._lines:
            with suppress(OSError):  # who no longer reads hung up, which is seen next
                line.end.sendall(sent)

    def _commands(self, line: _Line) -> None:
        while CR in line.buffer:
            word, _, rest = bytes(line.buffer).partition(CR)
            line.buffer = bytearray(rest)
            name = word.decode("ascii", "replace")
            before = line.slot.inside
            answer, took = line.slot.obey(name)
            due = time.monotonic() + took
            if self._vpcd and line.slot.inside is not before:
                due = self._moved(line.slot, due)
            self._later(due, partial(self._send, line, answer.encode("ascii") + NUL))

    def _moved(self, slot: Magazine, due: float) -> float:
        """A card came to the contacts of a virtual reader, or left them; when that is done."""
        number = slot.number
        if slot.inside is None:
            self._left[number] = time.monotonic()
            if (line := self._of.get((number, "vpcd"))) is not None:
                self._hang_up(line)
            return due
        due = max(due, self._left.get(number, 0.0) + _APART)
        self._later(due, partial(self._insert, slot))
        return due

    def _insert(self, slot: Magazine) -> None:
        with suppress(OSError):
            end = socket.create_connection(self._vpcd[self.slots.index(slot)], timeout=5)
            self._begin(_Line(slot, "vpcd", end))


def contacts_of(profile: str, count: int, first: int, region: str = "440199") -> list[Contacts]:
    """So many blanks of a profile with serial numbers from ``first`` on."""
    from cardfab.simulator.chip import make_card

    return [Contacts(make_card(profile, serial, region=region)) for serial in range(first, first + count)]
