"""The disk of the station is full while a file is taken in, a batch is prepared and a line works; then it is not.

The commands run in processes of their own at a station on a small file system, which is filled until so much is left
as says where in the work it ends.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cardfab.audit import AuditEvent
from cardfab.production.batches import BatchState
from cardfab.station.stockroom import receive
from tests.bureau_place import holders, station
from tests.fault.bureau_programs import BATCH, Programs, Said, accounted, approved, programs, verified, whole
from tests.fault.campaign_rig import Faults, hall
from tests.fault.small_disk import SmallDisk

pytestmark = pytest.mark.proof

FULL = ("CF-5703", "CF-5710", "CF-3493")
"""The database's disk, its record, the cards that are put aside."""
NO_FAULTS = Faults(seed=1, of=10**9)
STOCK = "training-ssc2"
SIZE = 48 << 10


@contextmanager
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path / "disk", SIZE) as small:
        yield small


# -- take in -----------------------------------------------------------------------------------------------------------

ROWS = 2400
"""More than are put into the database at once."""
KEPT = "SELECT place, row, request_id, holder_index, product, category, urgent, left_out FROM bureau_row ORDER BY 1"


def taken_in(place: Programs, file: Path) -> Said:
    return place.run("bureau", "import", str(file), "--cover", f"{file}.cover.toml")


@pytest.mark.shows(
    "the disk is full while a file is taken in: refused in words, nothing half kept, then taken in (proof)"
)
def test_a_file_is_taken_in_when_there_is_room_again(tmp_path: Path) -> None:
    file = tmp_path / "holders.csv"
    holders.make(file, ROWS, wrong=0.002)
    with programs(station(tmp_path / "roomy"), tmp_path / "log-roomy") as roomy:
        undisturbed = taken_in(roomy, file)
        expected = roomy.asked(KEPT)
    assert (undisturbed.code, len(expected)) == ("CF-8480", ROWS)

    with disk(tmp_path) as small, programs(station(small.path / "station"), tmp_path / "log") as place:
        for left in (40, 2000):
            small.fill(left)
            taken_in(place, file).refused(*FULL)
            small.empty()
            states = [one[0] for one in place.asked("SELECT state FROM bureau_batch")]
            assert states in ([], [BatchState.RECEIVING])  # what a full disk did not let it remove, the next one does
        said = taken_in(place, file)
        assert (said.code, said.value["rows"], said.value["wrong"]) == ("CF-8480", ROWS, undisturbed.value["wrong"])
        assert place.asked(KEPT) == expected
        assert [one[0] for one in place.asked("SELECT state FROM bureau_batch")] == [BatchState.WAITING]
        verified(place)
        with place.looking() as tx:
            acts = [AuditEvent.decode(leaf).action for leaf in tx.audit.leaves()]
        assert 1 <= acts.count("batch.remove") <= 2  # it had begun, and nothing of it is left
        assert acts.count("batch.import") == 1


# -- prepare -----------------------------------------------------------------------------------------------------------

CARDS, SHARD = 200, 40


@pytest.mark.shows(
    "the disk is full while a batch is prepared: refused in words; what is done stays, and the digest is that of an "
    "undisturbed one (proof)"
)
def test_a_batch_is_prepared_when_there_is_room_again(tmp_path: Path) -> None:
    with disk(tmp_path) as small, programs(station(small.path / "st"), tmp_path / "log") as place:
        approved(place.located, CARDS, SHARD)
        done: list[int] = []
        drawn: dict[int, bytes] = {}
        for left in (40, 1500):
            small.fill(left)
            place.prepare().wait().refused(*FULL)
            small.empty()
            done.append(place.shards_done())
            kept = place.draws()
            assert drawn.items() <= kept.items()
            drawn = kept
        assert done == sorted(done)
        assert 0 < done[-1] < CARDS // SHARD, done
        said = place.prepare().wait()
        assert (said.exit, said.value["prepared"]) == (0, CARDS // SHARD - done[-1])
        assert drawn.items() <= place.draws().items()
        whole(place, said.value["digest"], CARDS)


# -- the line ----------------------------------------------------------------------------------------------------------

MADE, BLANKS = 12, 20


@pytest.mark.shows(
    "the disk is full while a line works: it is held and says so, then goes on; every blank is accounted for (proof)"
)
@pytest.mark.parametrize(("left", "killed"), [(1000, False), (1500, True)], ids=["held", "killed while held"])
def test_a_line_goes_on_when_there_is_room_again(tmp_path: Path, left: int, killed: bool) -> None:
    with disk(tmp_path) as small, hall(tmp_path, 2, NO_FAULTS) as here:
        located = approved(station(small.path / "st"), MADE, MADE, prepared=True, box_size=3)
        with programs(located, tmp_path / "log") as place:
            with place.desk() as desk:
                receive(desk, STOCK, BLANKS)
            words = ("bureau", "run", str(BATCH), "--line", str(here.line))
            small.fill(left)
            line = place.begin(*words)
            place.until(lambda: "The line is held: The disk of the database is full" in line.told, line)
            assert 0 < place.made() < MADE
            time.sleep(2)
            assert line.process.poll() is None
            assert place.made() < MADE
            if killed:
                line.kill()
            small.empty()
            if killed:
                line = place.begin(*words)
            said = line.wait()
            assert said.exit == 0 or said.code == "CF-8300", said
            assert killed or "The line goes on." in said.told
            # What each slot was writing; who was killed cannot say any more that a card is out.
            accounted(place, here, said.value, cards=MADE, spoiled=2, sought=2 if killed else 0)
