"""The database breaks off under a take-in or a preparation, or its disk is full: what is said, and done again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cardfab.bureau import aside as aside_module
from cardfab.bureau.aside import Aside, NoRoom
from cardfab.bureau.removing import remove_half_taken
from cardfab.bureau.taking import BatchRefused, BatchUnsure, take_in
from cardfab.cli.bureauprepare import OneProcess, PrepareBroken, _safe_again
from cardfab.cli.bureaurun import _require_one_thread
from cardfab.cli.main import _unusable
from cardfab.production.batches import BatchState
from cardfab.settings import read_settings
from cardfab.station.desk import Desk
from cardfab.store import CommitInDoubt, DatabaseAway
from cardfab.store.shards import CardRow
from tests.bureau_place import Holders, quick_desk, station

ROWS = 5


class Broken:
    """The answer to a commit is lost, the first time."""

    def __init__(self, point: str) -> None:
        self._point, self._met = point, False

    def __call__(self, name: str) -> None:
        if name == self._point and not self._met:
            self._met = True
            raise CommitInDoubt(name)


@pytest.fixture
def source() -> Holders:
    return Holders(ROWS)


def state(desk: Desk) -> list[BatchState]:
    with desk.database.reading() as tx:
        return [one.state for one in tx.batches.all()]


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("commit", ["batch", "batch rows"])
def test_on_the_way_nothing_is_taken_in_whatever_became_of_the_commit(
    tmp_path: Path, source: Holders, side: str, commit: str
) -> None:
    with quick_desk(tmp_path / "st", watch=Broken(f"{side}:commit:{commit}")) as desk:
        with pytest.raises(DatabaseAway):
            take_in(desk, source, source.cover())
        remove_half_taken(desk)
        assert state(desk) == []
        take_in(desk, source, source.cover())
        assert state(desk) == [BatchState.WAITING]


@pytest.mark.parametrize(("side", "kept"), [("before", False), ("after", True)])
def test_of_the_last_commit_it_is_said_that_nobody_knows(
    tmp_path: Path, source: Holders, side: str, kept: bool
) -> None:
    with quick_desk(tmp_path / "st", watch=Broken(f"{side}:commit:batch taken in")) as desk:
        with pytest.raises(BatchUnsure) as unsure:
            take_in(desk, source, source.cover())
        assert (unsure.value.code, unsure.value.exit_status) == ("CF-9710", 9)
        remove_half_taken(desk)
        assert state(desk) == ([BatchState.WAITING] if kept else [])
        if kept:
            with pytest.raises(BatchRefused, match="batch 1 already"):
                take_in(desk, source, source.cover())
        else:
            take_in(desk, source, source.cover())
        assert state(desk) == [BatchState.WAITING]


def test_a_preparation_whose_commit_is_in_doubt_may_be_repeated() -> None:
    with pytest.raises(PrepareBroken) as broken, _safe_again("12"):
        raise CommitInDoubt("shard")
    assert (broken.value.code, broken.value.exit_status) == ("CF-5743", 5)
    assert "batch 12" in broken.value.what.en
    assert "12" in broken.value.what.zh


class Full:
    """A file of which the disk takes nothing; what is in its buffer is tried again by every act."""

    def write(self, data: bytes) -> int:
        return len(data)

    def seek(self, _: int) -> int:
        raise OSError(28, "No space left on device")

    def close(self) -> None:
        raise OSError(28, "No space left on device")


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside_module, "TemporaryFile", lambda **_: Full())


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_is_said_where_the_buffer_is_written_and_not_by_closing(tmp_path: Path) -> None:
    def put_aside() -> None:
        with Aside(tmp_path) as aside:
            aside.add(CardRow(1, 1, 1, b"index", b"sealed"))
            list(aside.cards())

    with pytest.raises(NoRoom):
        put_aside()


def test_a_line_with_a_token_of_its_own_has_one_slot(tmp_path: Path) -> None:
    located = station(tmp_path / "st")
    _require_one_thread(located, 2)
    text = located.file.read_text(encoding="utf-8").replace("[keystore]", '[keystore]\ntoken = "pkcs11:token=t"')
    located.file.write_text(text, encoding="utf-8")
    with_token = read_settings((located.file,))
    _require_one_thread(with_token, 1)
    with pytest.raises(OneProcess, match="one slot"):
        _require_one_thread(with_token, 2)
    located.file.write_text(text.replace("[keystore]", '[keystore]\nservice = "unix:s"'), encoding="utf-8")
    _require_one_thread(read_settings((located.file,)), 2)


@pytest.mark.parametrize(
    ("error", "en", "do"),
    [
        (OSError(28, "No space left on device"), "No space left on device.", "Make room"),
        (OSError(28, "No space left on device", "f.csv"), "f.csv: No space left on device.", "Make room"),
        (OSError(13, "Permission denied", "f.csv"), "f.csv: Permission denied.", "Check the path"),
    ],
)
def test_what_the_system_says_of_a_file(error: OSError, en: str, do: str) -> None:
    said = _unusable(error)
    assert (said.what.en, said.exit_status) == (en, 3)
    assert said.do is not None
    assert said.do.en.startswith(do)
    assert "：" in said.what.zh or error.filename is None
