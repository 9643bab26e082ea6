"""The keys go away while a batch is prepared or a line works, and come back: a key service, a token behind it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardfab.settings import Located, read_settings
from cardfab.station.stockroom import receive
from tests.bureau_place import RSA, station
from tests.fault.bureau_programs import BATCH, Programs, accounted, approved, programs, whole
from tests.fault.campaign_rig import Faults, hall
from tests.service.key_service import KeyServiceProcess

pytestmark = [pytest.mark.service, pytest.mark.proof]

AWAY = ("CF-6320", "CF-6326", "CF-6327")
"""Gone, gone with what was open there, does not answer."""
NO_FAULTS = Faults(seed=1, of=10**9)
STOCK = "training-ssc2"
CARDS, SHARD = 240, 30
SHARDS = CARDS // SHARD


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[KeyServiceProcess]:
    with KeyServiceProcess(station(tmp_path / "st")) as service:
        yield service


@pytest.fixture
def place(keys: KeyServiceProcess, tmp_path: Path) -> Iterator[Programs]:
    with programs(keys.located, tmp_path / "log") as found:
        yield found


@pytest.mark.shows("the worker of the key service is killed while a batch is prepared: it goes on by itself (proof)")
def test_the_keys_are_killed_while_a_batch_is_prepared(place: Programs, keys: KeyServiceProcess) -> None:
    approved(place.located, CARDS, SHARD)
    first = place.prepare()
    place.until(lambda: place.shards_done() > 0, first)
    drawn = place.draws()
    keys.kill_worker()
    assert place.shards_done() < SHARDS
    said = first.wait()
    assert keys.starts == 2
    if said.exit:
        said.refused(*AWAY)
        said = place.prepare().wait()
    assert said.exit == 0, said
    assert drawn.items() <= place.draws().items()
    whole(place, said.value["digest"], CARDS)


@pytest.mark.shows(
    "the key service ends while a batch is prepared: refused in words; it goes on when it is back (proof)"
)
def test_the_key_service_is_away_for_a_while(place: Programs, keys: KeyServiceProcess) -> None:
    approved(place.located, CARDS, SHARD)
    first = place.prepare()
    place.until(lambda: place.shards_done() > 0, first)
    keys.kill()
    first.wait().refused(*AWAY)
    done, drawn = place.shards_done(), place.draws()
    assert 0 < done < SHARDS
    place.prepare().wait().refused("CF-6327")
    assert (place.shards_done(), place.draws()) == (done, drawn)
    keys.start()
    said = place.prepare().wait()
    assert (said.exit, said.value["prepared"]) == (0, SHARDS - done)
    assert drawn.items() <= place.draws().items()
    whole(place, said.value["digest"], CARDS)


MADE, BLANKS = 14, 24


@pytest.mark.shows(
    "the keys go away while a line works: it is held and goes on by itself; every blank is accounted for (proof)"
)
def test_a_line_goes_on_when_the_keys_are_back(place: Programs, keys: KeyServiceProcess, tmp_path: Path) -> None:
    with hall(tmp_path, 2, NO_FAULTS) as here:
        approved(place.located, MADE, MADE, prepared=True, box_size=3)
        with place.desk() as desk:
            receive(desk, STOCK, BLANKS)
        line = place.begin("bureau", "run", str(BATCH), "--line", str(here.line))
        place.until(lambda: place.made() >= 2, line)
        keys.kill_worker()
        keys.wait_ready(2)
        before = place.made()
        place.until(lambda: place.made() >= before + 2, line)
        keys.kill()
        place.until(lambda: "does not answer" in line.told, line)
        stands = place.made()
        time.sleep(2)
        assert place.made() == stands < MADE
        assert line.process.poll() is None
        keys.start()
        said = line.wait()
        assert said.exit == 0 or said.code == "CF-8300", said
        assert "The line goes on." in said.told
        accounted(place, here, said.value, cards=MADE, spoiled=4)  # what each slot was writing, twice


# -- a token -----------------------------------------------------------------------------------------------------------

TOKEN_CARDS, TOKEN_SHARD = 48, 8


@pytest.fixture
def in_token(tmp_path: Path) -> Located:
    """A station whose keys are in a token; made by a process of its own, which the module of the token stays in."""
    made = f"""
from pathlib import Path
from cardfab.cli.founding import found_training_station
found_training_station(Path({str(tmp_path / "tk")!r}), "bureau-01", token="pkcs11:")
"""
    subprocess.run([sys.executable, "-c", made], check=True, timeout=60)
    return read_settings((tmp_path / "tk" / "cardfab.toml",))


@pytest.mark.shows("the token is taken away while a batch is prepared, and put back: it goes on (proof)")
def test_the_token_is_gone_for_a_while(in_token: Located, tmp_path: Path) -> None:
    tokens, aside = in_token.folder / "token" / "tokens", tmp_path / "aside"
    with KeyServiceProcess(in_token) as keys, programs(keys.located, tmp_path / "log") as place:
        approved(place.located, TOKEN_CARDS, TOKEN_SHARD, product=RSA)
        first = place.prepare()
        place.until(lambda: place.shards_done() > 0, first)
        tokens.rename(aside)
        keys.until("The token is not there")
        done, drawn = place.shards_done(), place.draws()
        assert 0 < done < TOKEN_CARDS // TOKEN_SHARD
        aside.rename(tokens)
        keys.wait_ready(2)  # it was waited for
        said = first.wait()
        if said.exit:
            said.refused(*AWAY, "CF-6649")
            said = place.prepare().wait()
        assert said.exit == 0, said
        assert drawn.items() <= place.draws().items()
        whole(place, said.value["digest"], TOKEN_CARDS)
