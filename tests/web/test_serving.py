"""`cardfab station serve`: where it listens, and the training station that it makes or opens again."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from cardfab.cli import serving
from cardfab.cli.output import Talk
from cardfab.cli.wiring import StationBusy, sole_worker
from cardfab.errors import UsageRefused
from cardfab.settings import Located, read_settings
from cardfab.web.floor import Floor


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.20", "::", "outlet.example"])
def test_other_machines_get_in_over_tls_only(located: Located, address: str) -> None:
    with pytest.raises(UsageRefused) as refused:
        serving._require_private(located, address)
    assert refused.value.code == "CF-2801"
    text = located.file.read_text(encoding="utf-8") + '\n[web]\ncertificate = "web.pem"\n'
    located.file.write_text(text, encoding="utf-8")
    serving._require_private(read_settings((located.file,)), address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_gets_in_without(founded: Path, address: str) -> None:
    serving._require_private(read_settings((founded / "cardfab.toml",)), address)


def test_a_port_that_is_taken_is_said() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(UsageRefused) as refused, serving._listening("127.0.0.1", other.getsockname()[1]):
            pass
    assert refused.value.code == "CF-2800"


def test_a_training_station_that_is_there_is_opened_again(
    founded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(founded, tmp_path / serving.TRAINING_FOLDER)
    assert serving.training_station(Talk(quiet=True)).values.station.name == "outlet-1"


def test_training_is_not_for_a_real_station(tmp_path: Path) -> None:
    settings = tmp_path / "cardfab.toml"
    settings.write_text('[station]\nname = "real"\ntraining = false\n', encoding="utf-8")
    with pytest.raises(UsageRefused) as refused:
        serving.training_station(Talk(config=settings))
    assert refused.value.code == "CF-2802"


def test_one_at_a_time_moves_cards_also_among_the_threads_of_a_server(
    floor: Floor, located: Located, monkeypatch: pytest.MonkeyPatch
) -> None:
    with floor.card(floor.base, "file:none"):  # waits until the line has looked at its devices
        pass
    monkeypatch.setattr(serving, "_PATIENCE", 0.05)
    with sole_worker(located), pytest.raises(StationBusy), floor.card(floor.base, "file:none"):
        pass
    with sole_worker(located):
        pass
