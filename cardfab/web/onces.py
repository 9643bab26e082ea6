"""A form is done once: sent twice it leads where it led the first time; cut off, it is looked into before all else."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

from cardfab.audit import milliseconds
from cardfab.errors import CardfabError, InDoubt, Text
from cardfab.station.desk import Desk

_KEPT = timedelta(days=7)
_PATIENCE = 120.0
"""Seconds that the same form, sent again, waits for the first one to end."""


class FormUnsettled(InDoubt):
    """This form was sent before, and nobody knows what came of it."""

    default_code = "CF-9800"

    def __init__(self) -> None:
        super().__init__(
            Text("This form was sent before and its work was cut off.", "该表单此前已提交，处理曾中断。"),
            do=Text(
                "Look what came of it: jobs in doubt, what waits for the host, the stock book. Then begin anew.",
                "请先核实结果：存疑作业、待发主机、库存台账；核实后再重新办理。",
            ),
        )


class DoneBefore(CardfabError):
    """This form was done; ``led_to`` is the page it led to."""

    default_code = "CF-1800"

    def __init__(self, led_to: str) -> None:
        super().__init__(Text("This was done before.", "此项已办理。"))
        self.led_to = led_to


class Onces:
    """The forms that are in work in this process, and through the books those of before."""

    def __init__(self) -> None:
        self._ended = threading.Condition()
        self._running: set[str] = set()

    def begin(self, desk: Desk, key: str) -> None:
        """The act of a form begins. Raises :class:`DoneBefore`, :class:`FormUnsettled`."""
        if not re.fullmatch("[0-9a-f]{32}", key):
            raise FormUnsettled
        with self._ended:
            if not self._ended.wait_for(lambda: key not in self._running, timeout=_PATIENCE):
                raise FormUnsettled
            self._running.add(key)
        try:
            forget = (milliseconds(desk.now()) - _KEPT).isoformat(timespec="milliseconds")
            with desk.database.transaction("form sent") as tx:
                before = tx.page_acts.begin(key, desk.person.login, desk.at(), forget=forget)
            if before is not None:
                if before.led_to is None or before.login != desk.person.login:
                    raise FormUnsettled
                raise DoneBefore(before.led_to)
        except BaseException:
            self._release(key)
            raise

    def end(self, desk: Desk, key: str, led_to: str) -> None:
        """The act is done."""
        if key in self._running:
            with desk.database.transaction("form done") as tx:
                tx.page_acts.end(key, led_to)
            self._release(key)

    def drop(self, desk: Desk, key: str) -> None:
        """The act changed nothing."""
        if key in self._running:
            with desk.database.transaction("form refused") as tx:
                tx.page_acts.drop(key)
            self._release(key)

    def leave(self, key: str) -> None:
        """What came of the act is not known."""
        self._release(key)

    def _release(self, key: str) -> None:
        with self._ended:
            self._running.discard(key)
            self._ended.notify_all()
