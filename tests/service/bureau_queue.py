"""A batch cut into shards, and a worker whose shards cost a wait only: what the queue does is shown without cards.

Run as a program, it is one worker of its own: ``bureau_queue.py SETTINGS NAME FOLDER SECONDS BEAT LOST [--drain]``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from cardfab.bureau.workers.places import Pace
from cardfab.bureau.workers.running import Work, Worker
from cardfab.cli.founding import PEOPLE
from cardfab.cli.wiring import open_desk
from cardfab.errors import InputRefused, Text
from cardfab.production.batches import BatchState, ShardState
from cardfab.settings import read_settings
from cardfab.station.desk import Desk


def add_batch(desk: Desk, shards: int, *, size: int = 10) -> int:
    """An approved batch of so many shards; its number."""
    with desk.database.transaction("a batch of a test") as tx:
        rows = shards * size
        batch_id = tx.requests.add_batch("holders.csv", rows, b"salt", at=desk.at(), by=desk.person.login)
        tx.batches.open(batch_id, {
            "token": f"t{batch_id}", "issuer": "County Bank", "reference": f"B{batch_id}", "product": "p",
            "station": desk.station, "rows": rows, "file_digest": "", "cover": "{}", "box_size": size,
            "shard_size": size, "received_by": desk.person.login, "changed_at": desk.at(),
        })  # fmt: skip
        for state in (BatchState.WAITING, BatchState.APPROVED):
            tx.batches.move(tx.batches.get(batch_id), state, at=desk.at())
        tx.batches.divide(tx.batches.get(batch_id), at=desk.at())
    return batch_id


class Waits:
    """Work of so many seconds a shard. Each try leaves a line in ``folder``; ``refusing`` shards are refused."""

    def __init__(self, folder: Path, seconds: float = 0.0, refusing: dict[int, BaseException] | None = None) -> None:
        self.folder, self.seconds, self.refusing = folder, seconds, refusing or {}
        self.meanwhile: Callable[[], object] = lambda: time.sleep(seconds)

    @property
    def work(self) -> Work:
        return Work(self.do, self.finish)

    def do(self, desk: Desk, batch_id: int, shard: int, worker: str) -> str:
        with (self.folder / "tries").open("a") as file:
            file.write(f"{worker} {shard}\n")
        if shard in self.refusing:
            raise self.refusing[shard]
        self.meanwhile()
        digest = sha256(b"%d/%d" % (batch_id, shard)).hexdigest()
        with desk.database.transaction("shard") as tx:
            tx.shards.keep_draws(batch_id, shard, b"drawn")
            tx.shards.done(batch_id, shard, digest, worker=worker, at=desk.at(), cost=self.seconds)
        return digest

    def finish(self, desk: Desk, batch_id: int) -> str:
        with desk.database.transaction("finish") as tx:
            if tx.shards.of(batch_id, ShardState.WAITING, ShardState.DRAWN):
                raise InputRefused(Text("A shard is not done.", "有分片未完成。"))
            tx.batches.move(tx.batches.get(batch_id), BatchState.PREPARED, at=desk.at())
        return ""


def main(settings: str, name: str, folder: str, seconds: str, beat: str, lost: str, *more: str) -> None:
    def tell(what: Text) -> None:
        print(what.en, file=sys.stderr, flush=True)

    with open_desk(read_settings((Path(settings),)), person=PEOPLE[0]) as desk:
        pace = Pace(float(beat), float(lost), 0.2, 0.5)
        work = Waits(Path(folder), float(seconds)).work
        tally = Worker(desk, lambda: PEOPLE[0], name, tell, pace, drain="--drain" in more, work=work).run()
    print(json.dumps(asdict(tally)))


if __name__ == "__main__":
    main(*sys.argv[1:])
