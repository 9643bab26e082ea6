"""A station whose reader and printer lie outside of its pages: what happens to cards there stays, as in an outlet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from cardfab.cli.output import Talk
from cardfab.cli.serving import open_floor
from cardfab.settings import Located, read_settings
from cardfab.simulator.rig import Rig
from cardfab.station.stockroom import receive
from cardfab.web.floor import Floor


@contextmanager
def at_machine(located: Located, chips: list[Any], *, host: str = "") -> Iterator[tuple[Floor, Rig]]:
    """The floor of a station with a rig that holds these chips. ``host``: the issuer host of the settings."""
    with Rig(chips) as rig, open_floor(told(located, rig, host), Talk(language="en"), names=("testserver",)) as floor:
        yield floor, rig


def told(located: Located, rig: Rig, host: str = "") -> Located:
    """The settings name the rig."""
    text = located.file.read_text(encoding="utf-8")
    text = re.sub(r"(?m)^reader = .*$", f'reader = "tcp://127.0.0.1:{rig.reader_port}"', text)
    text = re.sub(r"(?m)^printer = .*$", f'printer = "socket://127.0.0.1:{rig.printer_port}"', text)
    if host:
        text = re.sub(r"(?m)^host = .*$", f'host = "{host}"', text)
    located.file.write_text(text, encoding="utf-8")
    return read_settings((located.file,))


def draw(floor: Floor, stock: str, count: int) -> None:
    """Blanks of a stock into the books."""
    with floor.base.database.reading() as tx:
        person = tx.people.get("trainee")
    receive(replace(floor.base, person=person), stock, count)
