"""The line: one thread, orders of persons, numbered events, nothing repeated by the machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from cardfab.errors import DeviceFault, Text
from cardfab.printer.driver import CardPosition
from cardfab.station import line as line_module
from cardfab.station.acting import act_as, who
from cardfab.station.devices import Devices
from cardfab.station.line import Line, LineStopped
from cardfab.station.lineevents import Events
from cardfab.station.pair import PairRefused, prove_pair


class Printer:
    """A printer that only says where its card is."""

    def __init__(self, place: CardPosition = CardPosition.NONE) -> None:
        self.place = place

    def position(self) -> CardPosition:
        return self.place

    def prepare(self) -> CardPosition:
        return self.place

    def status(self) -> Any:
        raise DeviceFault(Text("no status", "无状态"))


def devices(*, seen: bool = False, place: CardPosition = CardPosition.NONE) -> Devices:
    def nothing() -> Any:
        raise AssertionError("no card is touched here")

    return Devices(nothing, Printer(place), sees_card=lambda: seen)  # type: ignore[arg-type]


def desk(**more: Any) -> Any:
    made = SimpleNamespace(
        person=SimpleNamespace(may=lambda act: True), must=lambda act: None, refused=lambda why: None,
        at=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"), **more,
    )  # fmt: skip
    return made


@pytest.mark.parametrize(
    ("seen", "place", "code"),
    [
        (True, CardPosition.NONE, "CF-5310"),
        (False, CardPosition.CONTACT, "CF-5311"),
        (False, CardPosition.NONE, None),
        (True, CardPosition.CONTACT, None),
        (True, CardPosition.PRINT, None),
    ],
)
def test_a_reader_that_sees_what_the_printer_has_not_is_no_pair(
    seen: bool, place: CardPosition, code: str | None
) -> None:
    if code is None:
        prove_pair(devices(seen=seen, place=place))
        return
    with pytest.raises(PairRefused) as refused:
        prove_pair(devices(seen=seen, place=place))
    assert refused.value.code == code
    assert refused.value.do is not None


def test_events_are_numbered_from_one_and_can_be_waited_for() -> None:
    events = Events()
    late = threading.Timer(0.05, lambda: events.add(7, "2026-01-01T00:00:00.000+00:00", "feed"))
    events.add(7, "2026-01-01T00:00:00.000+00:00", "order")
    late.start()
    assert [one.number for one in events.wait(7, 1, 5)] == [2]
    assert [one.stage for one in events.after(7, 0)] == ["order", "feed"]
    assert events.wait(8, 0, 0.01) == ()


@contextmanager
def running(opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, patience: float = 5) -> Iterator[Line]:
    monkeypatch.setattr(line_module, "find_interrupted", lambda desk: ())
    line = Line(desk(), opened, patience=patience)
    line.start()
    try:
        yield line
    finally:
        line.stop(5)


def order(line: Line, job_id: int, work: Callable[[Devices, Any], object], context: Any = None) -> None:
    from contextvars import copy_context

    line._put(line_module._Order(job_id, desk(), work, context or copy_context()))


def until(said: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not said() and time.monotonic() < end:
        time.sleep(0.005)
    assert said()


@contextmanager
def at_hand(_: Any, stocks: Sequence[str]) -> Iterator[Devices]:
    yield devices()


def test_one_order_at_a_time_and_the_same_order_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    go, at_once, most = threading.Event(), [0], [0]

    def work(_: Devices, progress: Any) -> None:
        at_once[0] += 1
        most[0] = max(most[0], at_once[0])
        progress("encode", 1, 2)
        go.wait(5)
        at_once[0] -= 1

    with running(at_hand, monkeypatch) as line:
        for job in (1, 2, 1, 2):
            order(line, job, work)
        until(lambda: line.status().busy_with == 1)
        assert line.status().waiting == (2,)
        assert line.works_on(2)
        go.set()
        until(lambda: not line.works_on(2))
        assert most == [1]
        assert [one.stage for one in line.events(2)] == ["order", "look", "encode", "ended"]


def test_an_order_is_carried_out_in_the_name_of_who_ordered_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from contextvars import copy_context

    named: list[str | None] = []
    with running(at_hand, monkeypatch) as line:
        context = copy_context()
        context.run(act_as, "li")
        order(line, 1, lambda *_: named.append(who()), context)
        until(lambda: bool(named))
    assert named == ["li"]


def test_a_fault_is_the_last_event_and_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def work(_: Devices, progress: Any) -> None:
        tries.append(1)
        raise DeviceFault(Text("jam", "卡卡"), do=Text("open it", "打开"), code="CF-5298")

    with running(at_hand, monkeypatch) as line:
        order(line, 3, work)
        until(lambda: bool(line.events(3)) and line.events(3)[-1].stage == "fault")
        last = line.events(3)[-1]
        assert (last.error, last.do, last.code) == (Text("jam", "卡卡"), Text("open it", "打开"), "CF-5298")
        assert line.status().fault == Text("jam", "卡卡")
    assert tries == [1]


def test_what_nobody_expected_ends_the_order_and_not_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(_: Devices, progress: Any) -> None:
        raise ZeroDivisionError

    with running(at_hand, monkeypatch) as line:
        order(line, 3, wrong)
        until(lambda: bool(line.events(3)) and line.events(3)[-1].stage == "fault")
        assert line.events(3)[-1].code == "CF-1300"
        order(line, 4, lambda *_: None)
        until(lambda: bool(line.events(4)) and line.events(4)[-1].stage == "ended")


def test_an_order_waits_while_the_counter_has_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = [3]

    @contextmanager
    def opened(_: Any, stocks: Sequence[str]) -> Iterator[Devices]:
        if busy[0]:
            busy[0] -= 1
            raise DeviceFault(Text("busy", "忙"), code="CF-5400")
        yield devices()

    with running(opened, monkeypatch) as line:
        order(line, 5, lambda *_: None)
        until(lambda: bool(line.events(5)) and line.events(5)[-1].stage == "ended")


def test_a_station_that_shuts_down_takes_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(at_hand, monkeypatch) as line:
        line.stop(5)
        with pytest.raises(LineStopped):
            order(line, 6, lambda *_: None)


def test_devices_that_cannot_be_opened_put_the_lights_out_and_the_order_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextmanager
    def opened(_: Any, stocks: Sequence[str]) -> Iterator[Devices]:
        raise DeviceFault(Text("no reader", "无读卡器"), code="CF-5102")
        yield devices()

    with running(opened, monkeypatch) as line:
        order(line, 5, lambda *_: None)
        until(lambda: bool(line.events(5)) and line.events(5)[-1].stage == "fault")
        assert line.status().reader.state == "stop"
        assert line.status().reader.word == Text("no reader", "无读卡器")
