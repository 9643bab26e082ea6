"""A desk on record: what is looked at and written before its work and after it, whatever the work comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from cardfab import __version__
from cardfab.audit import VerifierKey
from cardfab.cli.sole import among
from cardfab.errors import CardfabError, PartlyDone, Text
from cardfab.keys.auditing import AuditedKeyStore
from cardfab.resources import data_folder
from cardfab.settings import Located
from cardfab.station.desk import Desk
from cardfab.station.leftover import end_key_uses
from cardfab.station.opening import Surroundings, begin_work, digest_of, end_work
from cardfab.station.outside import Outside
from cardfab.store import RecordUnwritten

HEAD = "station.head"
"""The last checkpoint, beside the database: a database of an older backup does not agree with it."""

ALIVE = "alive.lock"
"""Every program of the station that is at work holds a share of it."""


def surroundings(located: Located) -> Surroundings:
    """What the record of this station keeps an eye on."""
    section = located.values.audit
    things = {
        "settings": digest_of(located.file),
        "profiles": digest_of(located.folder / "profiles", data_folder("profiles")),
        "program": __version__,
    }
    name = section.record or located.values.station.name
    outside = None if section.outside == "none" else Outside(located.path(section.outside), name)
    return Surroundings(things, located.path(HEAD), outside, section.required)


def auditor_keys(located: Located) -> tuple[str, ...]:
    """The verifier keys of those who countersign this station's checkpoints; raises AuditRefused (CF-3502)."""
    return tuple(str(VerifierKey.parse(key)) for key in located.values.audit.auditors)


@contextmanager
def on_record(desk: Desk, keys: AuditedKeyStore, located: Located, tell: Callable[[Text], None]) -> Iterator[None]:
    """The record is opened before the block, and closed, signed to its end, behind it. A refusal is in it."""
    around = surroundings(located)
    begin_work(desk, around, tell)
    with among(located.path(ALIVE), lambda: end_key_uses(desk)):
        yield from _at_work(desk, keys, around, tell)


def _at_work(desk: Desk, keys: AuditedKeyStore, around: Surroundings, tell: Callable[[Text], None]) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        if isinstance(error, CardfabError) and not isinstance(error, PartlyDone):  # its parts are on record each
            try:
                desk.refused(error)
            except RecordUnwritten:  # what stopped the work is what must be heard of
                tell(Text("That this was refused could not be put on record.", "本次拒绝未能记入审计记录。"))
        with suppress(Exception):
            _close(desk, keys, around)
        raise
    _close(desk, keys, around)


def _close(desk: Desk, keys: AuditedKeyStore, around: Surroundings) -> None:
    keys.flush()
    end_work(desk, around)
