"""A process that issues and settles on request, and dies where it is told to.

One line of JSON in, one out. Every order runs in a forked child, so that the imports, the fonts and the opened key
store are paid once. ``kill_at`` n: the child kills itself (SIGKILL, as ``kill -9``) at the n-th point of its watch.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cardfab.station.work
from cardfab.cli.wiring import Bench, font_book, open_devices, open_keys, profile_source, prompt
from cardfab.errors import CardfabError
from cardfab.face.fonts import FontBook
from cardfab.keys import SoftKeyStore
from cardfab.keys.auditing import AuditedKeyStore
from cardfab.settings import FontsSection, Located, read_settings
from cardfab.station.desk import AUDIT_KEY, Desk
from cardfab.station.issue import issue
from cardfab.station.keyrecord import KeyRecord
from cardfab.station.recovery import Eye, find_interrupted, settle, settle_all
from cardfab.station.work import open_work
from cardfab.store import Database


class Points:
    """Counts the points of one run; kills the process at the chosen one."""

    def __init__(self, kill_at: int | None) -> None:
        self.names: list[str] = []
        self._kill_at = kill_at

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if self._kill_at == len(self.names):
            os.kill(os.getpid(), signal.SIGKILL)


def desk_of(folder: Path, keys: SoftKeyStore, fonts: FontBook, points: Points) -> Desk:
    """The station in a folder, with the trainee at it."""
    located = read_settings((folder / "cardfab.toml",))
    database = Database(located.path(located.values.database), watch=points)
    with database.reading() as tx:
        person = tx.people.get("trainee")
    record = KeyRecord(database, lambda *said: desk.event(*said), frozenset({AUDIT_KEY}))
    desk = Desk(
        station=located.values.station.name,
        training=True,
        person=person,
        database=database,
        keys=AuditedKeyStore(keys, record),
        profiles=profile_source(folder),
        fonts=fonts,
        now=lambda: datetime.now(UTC),
        random=os.urandom,
    )
    return desk


def carry_out(order: Mapping[str, Any], keys: SoftKeyStore, fonts: FontBook) -> dict[str, Any]:
    """One order in this process; what came of it."""
    points = Points(order.get("kill_at"))
    desk = desk_of(Path(order["station"]), keys, fonts, points)
    bench = Bench(order["reader"], order["printer"], "evolis-ymcko")
    try:
        with open_devices(desk, bench, watch=points) as devices:
            if order["do"] == "issue":
                ended = str(issue(desk, devices, order["request"]).job.state)
            elif order.get("eye"):
                find_interrupted(desk)
                with desk.database.reading() as tx:
                    job = tx.jobs.find(order["request"])
                ended = str(settle(desk, devices, job, Eye(order["eye"])).job.state)
            else:
                ended = ",".join(str(one.job.state) for one in settle_all(desk, devices))
        return {"ended": ended, "points": points.names}
    except CardfabError as error:
        return {"error": error.code, "exit": error.exit_status, "what": str(error), "points": points.names}
    finally:
        desk.database.close()


def forked(order: Mapping[str, Any], keys: SoftKeyStore, fonts: FontBook) -> dict[str, Any]:
    """The order in a child; ``killed`` when the child died by its own signal."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        try:
            answer = carry_out(order, keys, fonts)
        except BaseException as broken:
            import traceback

            answer = {"broken": "".join(traceback.format_exception(broken))}
        with os.fdopen(write, "w") as out:
            json.dump(answer, out)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as back:
        said = back.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"killed": os.WTERMSIG(status)}
    found: dict[str, Any] = json.loads(said)
    return found


def main() -> None:
    """Serve orders until standard input ends. The first argument is the template station."""
    located: Located = read_settings((Path(sys.argv[1]) / "cardfab.toml",))
    keys = open_keys(located, prompt)
    fonts = font_book(FontsSection().dirs)
    desk = desk_of(Path(sys.argv[1]), keys, fonts, Points(None))
    with desk.database.reading() as tx:
        job = tx.jobs.all()[0]
    drawn = open_work(desk, job, print_=True).faces
    # Every world is a copy of the one job, so its faces are drawn once, not a thousand times.
    cardfab.station.work.faces_of = lambda *given: drawn
    desk.database.close()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        print(json.dumps(forked(json.loads(line), keys, fonts)), flush=True)


if __name__ == "__main__":
    main()
