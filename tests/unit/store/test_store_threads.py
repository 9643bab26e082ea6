"""Many threads on one database, one record of key uses and one key store: nothing lost, nothing twice, nobody fails."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cardfab.audit import AuditEvent
from cardfab.audit.account import account
from cardfab.crypto import Algorithm
from cardfab.face.fonts import FontBook
from cardfab.keys import SoftKeyStore
from cardfab.keys.auditing import AuditedKeyStore
from cardfab.keys.vault import ecb
from cardfab.station.keyrecord import KeyRecord
from cardfab.store import Database
from cardfab.store.turn import Turn

THREADS = 8


def together(*works: Callable[[], object]) -> None:
    """Run them at once; the first error is raised."""
    broken: list[BaseException] = []
    begin = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        try:
            begin.wait(10)
            work()
        except BaseException as error:
            broken.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if broken:
        raise broken[0]


def test_writers_have_their_turns_in_the_order_they_came() -> None:
    turn, order = Turn(), list[int]()

    def work(number: int) -> None:
        with turn.taken(10) as came:
            assert came
            order.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    with turn.taken(1):
        for number, thread in enumerate(threads):
            thread.start()
            while len(turn._waiting) <= number:
                time.sleep(0.001)
        with turn.taken(0.01) as came:
            assert not came
    for thread in threads:
        thread.join(10)
    assert order == list(range(THREADS))
    with turn.taken(0) as came:
        assert came


def test_numbers_notes_and_key_uses_of_many_threads(database: Database) -> None:
    """Each thread draws numbers, notes, uses keys inside and outside of transactions; the record adds up in the end."""
    at = datetime(2026, 11, 22, tzinfo=UTC)

    def event(action: str, subject: str, outcome: str, details: dict[str, str]) -> AuditEvent:
        return AuditEvent(at, "li", "one", action, subject, outcome, details)  # type: ignore[arg-type]

    keys = AuditedKeyStore(SoftKeyStore.training(os.urandom), KeyRecord(database, event))  # type: ignore[arg-type]
    drawn: Counter[int] = Counter()
    rounds = 4

    def work(thread: int) -> None:
        for number in range(rounds):
            with keys.about(f"job-{number}"):
                sealed = keys.seal("station/seal", b"s" * 32, b"plain", b"here")
                keys.sign("station/documents", b"paper")
                with database.transaction("act") as tx:
                    drawn[tx.jobs.next_number("series", 1)] += 1
                    keys.card_key("ss/BK", "110000", bytes(13))
                    tx.audit.append(event("test.act", f"{thread}-{number}", "done", {}))
                    if number % 2:
                        database.note(event("test.note", f"{thread}-{number}", "done", {}))
                assert keys.unseal("station/seal", b"s" * 32, sealed, b"here") == b"plain"

    together(*(lambda thread=thread: work(thread) for thread in range(THREADS)))  # type: ignore[misc]
    keys.flush()
    database.flush()
    database.sequence()
    total = THREADS * rounds
    assert drawn == dict.fromkeys(range(1, total + 1), 1)
    with database.reading() as tx:
        events = [AuditEvent.decode(leaf) for leaf in tx.audit.leaves()]
    subjects = Counter((one.action, one.subject) for one in events if one.action in ("test.act", "test.note"))
    assert len(subjects) == total + total // 2
    assert set(subjects.values()) == {1}
    report = account(events)
    assert (report.in_doubt, report.findings) == ((), ())
    uses = [one for one in events if one.action == "key.use" and one.outcome == "done"]
    for act in ("sign", "card_key"):
        assert sum(int(one.details["count"]) for one in uses if one.details["act"] == act) == total
    [counted] = [one for one in events if one.action == "key.count"]
    assert f"station/seal seal {total}" in counted.details["uses"]
    assert f"station/seal unseal {total}" in counted.details["uses"]


def test_roots_are_derived_from_by_many_threads() -> None:
    keys = SoftKeyStore.training(os.urandom)
    root = keys._vault.root("ss/BK")
    path = (ecb(Algorithm.TDES, bytes(16)),)
    right = bytes(root.derive(path).view())

    def work() -> None:
        for _ in range(300):
            assert bytes(root.derive(path).view()) == right

    together(*[work] * THREADS)


def test_one_book_of_fonts_for_many_threads() -> None:
    book = FontBook([Path("/usr/share/fonts")])
    text = "王小明张伟李娜刘洋陈静杨光赵敏黄蓉周杰吴磊"
    right = FontBook([Path("/usr/share/fonts")]).glyphs(text, "serif")

    def work() -> None:
        assert book.glyphs(text, "serif") == right
        for glyph in right[:6]:
            with book.pen:
                book.raster(glyph, 40).getmask(glyph.character)

    together(*[work] * THREADS)
