"""What workers keep to before any of them runs: names, paces, what comes again, where a token is read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from cardfab.bureau.preparing import ShardDiffers
from cardfab.bureau.workers.again import LONGEST, NotYet, wait_for
from cardfab.bureau.workers.places import Pace, WorkersRefused, lock_of, require_library, server_of, worker_name
from cardfab.cli.bureauworker import read_token
from cardfab.errors import CardfabError, DeviceFault, InDoubt, InputRefused, Text, UsageRefused
from cardfab.keys.away import KeysAway
from cardfab.keys.pool import PoolEmpty
from cardfab.settings import BureauSection
from cardfab.store import Database

WHAT = Text("what", "何事")


def test_a_worker_is_called_by_station_and_process_unless_it_has_a_name() -> None:
    assert worker_name("bureau-1", None, 4711) == "bureau-1.4711"
    assert worker_name("bureau-1", "host.2", 4711) == "host.2"


@pytest.mark.parametrize("name", ["", "a b", "-a", "n" * 61, "名"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(WorkersRefused) as refused:
        worker_name("bureau-1", name, 1)
    assert refused.value.code == "CF-3762"


def test_each_shard_and_the_end_of_a_batch_have_a_lock_of_their_own() -> None:
    locks = [lock_of(batch, shard) for batch in (1, 11) for shard in (None, 1, 11)]
    assert len(set(locks)) == len(locks)


@pytest.mark.parametrize(("beat", "lost"), [(0, 60), (61, 200), (10, 19), (1, 2)])
def test_a_lost_beat_alone_makes_no_lost_worker(beat: int, lost: int) -> None:
    with pytest.raises(ValidationError):
        BureauSection(worker_beat=beat, worker_lost=lost)


def test_the_settings_say_what_the_paces_are_by_default() -> None:
    section = BureauSection()
    assert (section.worker_beat, section.worker_lost) == (Pace().beat, Pace().lost)


@pytest.mark.parametrize(
    ("error", "waits"),
    [
        (NotYet(), [1, 1, 1]),
        (DeviceFault(WHAT), [2, 4, LONGEST]),
        (InDoubt(WHAT), [2, 4, LONGEST]),
        (KeysAway(), [2, 4, LONGEST]),
        (PoolEmpty(1024, 3), [2, 4, LONGEST]),
        (ShardDiffers(WHAT), [None, None, None]),
        (InputRefused(WHAT), [None, None, None]),
        (CardfabError(WHAT), [None, None, None]),
        (RuntimeError(), [2, 4, None]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_comes_back_is_waited_for_and_what_is_refused_stays_so(error: Exception, waits: list[float]) -> None:
    assert [wait_for(error, attempts) for attempts in (0, 1, 99)] == waits


def test_a_file_has_no_workers(tmp_path: Path) -> None:
    database = Database(tmp_path / "station.db")
    with pytest.raises(WorkersRefused) as refused:
        server_of(database)
    database.close()
    assert (refused.value.code, refused.value.exit_status) == ("CF-3760", 3)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    require_library()
    monkeypatch.setattr("cardfab.bureau.workers.places.find_spec", lambda name: None)
    with pytest.raises(WorkersRefused) as refused:
        require_library()
    assert refused.value.code == "CF-3761"


def test_a_token_comes_by_a_descriptor_or_with_systemds_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert read_token(None) is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert read_token(None) is None
    (tmp_path / "worker-token").write_text("cft_sealed\n", encoding="utf-8")
    assert read_token(None) == "cft_sealed"
    ours, theirs = os.pipe()
    os.write(theirs, b"cft_given\n")
    os.close(theirs)
    assert read_token(ours) == "cft_given"
    with pytest.raises(UsageRefused):
        read_token(ours)
