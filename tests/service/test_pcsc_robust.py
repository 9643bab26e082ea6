"""PC/SC when things go wrong: two readers, cards that come and go, a reader in use, a service that dies.

Real pcscd and vpcd. What ends the service itself runs in a program of its own: libpcsclite knows one service a process.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cardfab.apdu import CardGone, ReaderFault, commands, drive, external_authenticate, link_to, pcsc
from cardfab.apdu.message import historical_bytes
from cardfab.apdu.pcsc import PcscConnection
from cardfab.cli.founding import found_training_station
from cardfab.cli.main import run
from cardfab.cli.wiring import open_desk
from cardfab.keys import SoftKeyStore
from cardfab.resources import data_folder
from cardfab.settings import read_settings
from cardfab.simulator.chip import TrainingChip, make_blank, serve_vpcd
from cardfab.simulator.rig import Rig
from cardfab.simulator.rig.vpcd import VpcdStation
from cardfab.station.intake import approve, import_requests
from cardfab.station.stockroom import accounts, receive

pytestmark = [pytest.mark.service, pytest.mark.proof]

SSSE = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")  # its FCI waits behind 61xx on T=0, for GET RESPONSE
SECONDS = 15.0


def _wait(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.02)


@contextmanager
def _inserted(service: Any, slot: int, chip: TrainingChip) -> Iterator[None]:
    """A chip in a slot of the reader for a while."""
    out = threading.Event()
    port = service.vpcd_port + slot
    serving = threading.Thread(target=serve_vpcd, args=(chip, service.vpcd_host, port, out), daemon=True)
    serving.start()
    try:
        yield
    finally:
        out.set()
        serving.join(SECONDS)
        assert not serving.is_alive()
        _wait(lambda: _empty(service.reader_names[slot]), "the card is still seen")


def _connect(reader: str) -> PcscConnection:
    """The card in the reader, as soon as the service has seen it."""
    until = time.monotonic() + SECONDS
    while True:
        try:
            return PcscConnection(reader)
        except CardGone:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _empty(reader: str) -> bool:
    """Whether the service has noticed that no card is there: it looks every 400 ms, and between two looks an exchange
    of cards goes unseen."""
    from smartcard import scard

    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    assert result == scard.SCARD_S_SUCCESS
    try:
        asked = [(reader, scard.SCARD_STATE_UNAWARE)]
        result, states = scard.SCardGetStatusChange(context, 0, asked)
        assert result == scard.SCARD_S_SUCCESS
        return bool(states[0][1] & scard.SCARD_STATE_EMPTY)
    finally:
        scard.SCardReleaseContext(context)


# Readers and cards


def test_two_readers_hold_two_cards(pcsc_service: Any) -> None:
    readers = list(pcsc_service.reader_names)
    assert pcsc.list_readers() == readers
    chips = [make_blank(serial=serial) for serial in (801, 802)]
    with _inserted(pcsc_service, 0, chips[0]), _inserted(pcsc_service, 1, chips[1]):
        both = [_connect(reader) for reader in readers]
        try:
            assert [one.atr() for one in both] == [chip.atr for chip in chips]
            for turn in range(3):  # in turns, so that neither answers for the other
                for one in (both, reversed(both))[turn % 2]:
                    assert one.transmit(commands.select(SSSE).to_bytes())[0] == 0x61
        finally:
            for one in both:
                one.close()


def test_a_card_that_comes_leaves_and_comes_back(pcsc_service: Any) -> None:
    reader, chip = pcsc_service.reader_names[0], make_blank(serial=803)
    with pytest.raises(CardGone, match="No card"):
        PcscConnection(reader)
    select = commands.select(SSSE).to_bytes()
    with _inserted(pcsc_service, 0, chip):
        first = _connect(reader)
        assert first.transmit(select)[0] == 0x61
    with pytest.raises(CardGone):
        first.transmit(select)
    first.close()
    with _inserted(pcsc_service, 0, chip):
        second = _connect(reader)
        assert second.atr() == chip.atr
        assert second.transmit(select)[0] == 0x61
        with pytest.raises((CardGone, ReaderFault)):
            first.transmit(select)  # what was opened before does not come back with the card
        second.close()


def test_another_card_is_another_card(pcsc_service: Any) -> None:
    reader = pcsc_service.reader_names[1]
    seen = []
    for serial in (804, 805):
        chip = make_blank(serial=serial)
        with _inserted(pcsc_service, 1, chip):
            connection = _connect(reader)
            seen.append(historical_bytes(connection.atr())[-4:].hex())
            connection.close()
    assert seen == ["00000804", "00000805"]


def test_a_reader_that_is_not_there() -> None:
    with pytest.raises(ReaderFault, match="No Such Reader 00 00 is not connected") as refused:
        PcscConnection("No Such Reader 00 00")
    assert refused.value.exit_status == 5


# One at a time

OPEN = """
import sys
from cardfab.apdu import ReaderFault
from cardfab.apdu.pcsc import PcscConnection
try:
    PcscConnection(sys.argv[1]).close()
except ReaderFault as refused:
    print(refused.sentence("en"))
    sys.exit(refused.exit_status)
"""


def test_a_reader_in_use_is_refused_to_everybody_else(pcsc_service: Any) -> None:
    reader = pcsc_service.reader_names[0]

    def elsewhere() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", OPEN, reader], env=os.environ | pcsc_service.environment,
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    with _inserted(pcsc_service, 0, make_blank(serial=806)):
        first = _connect(reader)
        with pytest.raises(ReaderFault, match="another program uses it"):
            PcscConnection(reader)
        other = elsewhere()
        assert (other.returncode, "another program uses it" in other.stdout) == (5, True), other
        assert first.transmit(commands.select(SSSE).to_bytes())[0] == 0x61  # not disturbed
        first.close()
        again = elsewhere()
        assert (again.returncode, again.stdout) == (0, ""), again


# Reset and power


def _opened(connection: PcscConnection, chip: TrainingChip) -> Any:
    """A link on which UKSSSE was proved."""
    link = link_to(connection)
    drive(commands.send_all([commands.select(SSSE)]), link)
    key = SoftKeyStore.training(secrets.token_bytes).card_key("ss/UKSSSE", "440199", historical_bytes(chip.atr))
    drive(external_authenticate(key, 0x04), link)
    return link


def _written(link: Any, record: str) -> int:
    return int(link.send(commands.update_record(2, 5, bytes.fromhex(record))).sw)


def test_a_reset_takes_what_was_proved_and_keeps_what_was_written(pcsc_service: Any) -> None:
    reader, chip = pcsc_service.reader_names[0], make_blank(serial=807)
    with _inserted(pcsc_service, 0, chip):
        connection = _connect(reader)
        link = _opened(connection, chip)
        assert _written(link, "020133") == 0x9000
        assert connection.reset() == chip.atr
        drive(commands.send_all([commands.select(SSSE)]), link)
        assert _written(link, "020134") == 0x6982
        read = link.send(commands.read_record(2, 5))
        assert (read.data.hex(), int(read.sw)) == ("020133", 0x9000)
        connection.close()


def test_a_power_cut_takes_what_was_proved_and_keeps_what_was_written(pcsc_service: Any) -> None:
    reader, chip = pcsc_service.reader_names[0], make_blank(serial=808)
    with _inserted(pcsc_service, 0, chip):
        connection = _connect(reader)
        assert _written(_opened(connection, chip), "020133") == 0x9000
        connection.close()
    with _inserted(pcsc_service, 0, chip):
        connection = _connect(reader)
        link = link_to(connection)
        drive(commands.send_all([commands.select(SSSE)]), link)
        assert _written(link, "020134") == 0x6982
        assert link.send(commands.read_record(2, 5)).data.hex() == "020133"
        assert _written(_opened(connection, chip), "020134") == 0x9000
        connection.close()


# A whole issue that is cut off


@dataclass
class Bench:
    """A station, a rig whose contact station is a vpcd reader, and a hand that can pull the card out of it."""

    folder: Path
    request: str
    rig: Rig
    reader: str
    pulled: threading.Event = field(default_factory=threading.Event)

    @property
    def inside(self) -> Any:
        return None if self.pulled.is_set() else self.rig.inside

    @property
    def position(self) -> Any:
        return self.rig.position

    def arguments(self, *words: str) -> list[str]:
        devices = ("--reader", f"pcsc:{self.reader}", "--printer", f"socket://127.0.0.1:{self.rig.printer_port}")
        return ["--config", str(self.folder / "cardfab.toml"), *words, *devices]

    def cardfab(self, *words: str) -> tuple[int, str]:
        """The program in this process: exit status and everything it said."""
        said = io.StringIO()
        with redirect_stdout(said), redirect_stderr(said):
            status = run(self.arguments(*words))
        return status, said.getvalue()

    def state(self) -> str:
        said = io.StringIO()
        with redirect_stdout(said):
            assert run(["--config", str(self.folder / "cardfab.toml"), "job", "show", self.request, "--json"]) == 0
        return str(json.loads(said.getvalue())["state"])

    def books(self) -> tuple[int, int, int, int]:
        """Issued, spoiled, in doubt, remaining."""
        with open_desk(read_settings((self.folder / "cardfab.toml",))) as desk:
            (one,) = accounts(desk)
        assert one.balanced
        return one.issued, one.spoiled, one.in_doubt, one.remaining


When = Callable[[list[bytes]], bool]
"""A condition on the APDUs that chips were sent so far."""


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A training station with one approved request and two blanks in its books."""
    folder = tmp_path_factory.mktemp("founded") / "station"
    examples = data_folder("examples")
    with open_desk(found_training_station(folder)) as desk:
        request = import_requests(
            desk,
            (examples / "requests.csv").read_bytes(),
            source="requests.csv",
            form="csv",
            photos=lambda name: (examples / name).read_bytes(),
        )[0]
        approve(desk, [request])
        receive(desk, "training-ssc2", 2)
    return folder, request


@contextmanager
def _bench(founded: tuple[Path, str], folder: Path, reader: str) -> Iterator[Bench]:
    shutil.copytree(founded[0], folder)
    with Rig([make_blank(serial=serial) for serial in (811, 812)]) as rig:
        yield Bench(folder, founded[1], rig, reader)


@pytest.fixture
def at_command(monkeypatch: pytest.MonkeyPatch) -> Callable[[When, Callable[[], None]], None]:
    """Does something once, right after the chip has answered the command on which a condition holds."""

    def hook(when: When, then: Callable[[], None]) -> None:
        seen: list[bytes] = []
        done = threading.Event()
        transmit = TrainingChip.transmit

        def heard(chip: TrainingChip, apdu: bytes) -> bytes:
            answer = transmit(chip, apdu)
            seen.append(apdu)
            if not done.is_set() and when(seen):
                done.set()
                then()
            return answer

        monkeypatch.setattr(TrainingChip, "transmit", heard)

    return hook


def _updates(count: int) -> When:
    """UPDATE RECORD for the so-many-eth time."""
    return lambda seen: seen[-1][1] == 0xDC and sum(apdu[1] == 0xDC for apdu in seen) == count


def _verifying(seen: list[bytes]) -> bool:
    """Reading back: everything was written. The second READ RECORD after the last STORE DATA."""
    stored = [place for place, apdu in enumerate(seen) if apdu[1] == 0xE2 and apdu[2] & 0x80]
    return bool(stored) and sum(apdu[1] == 0xB2 for apdu in seen[stored[0] :]) == 2


@pytest.mark.parametrize(
    ("when", "state", "issued", "spoiled"),
    [(_updates(5), "SPOILED", 0, 1), (_verifying, "DONE", 1, 0)],
    ids=["written in part", "written whole"],
)
def test_a_card_taken_out_in_the_middle_of_an_issue(
    pcsc_service: Any,
    founded: tuple[Path, str],
    tmp_path: Path,
    at_command: Any,
    when: Any,
    state: str,
    issued: int,
    spoiled: int,
) -> None:
    with (
        _bench(founded, tmp_path / "station", pcsc_service.reader_names[0]) as bench,
        VpcdStation(bench, pcsc_service.vpcd_host, pcsc_service.vpcd_port),
    ):
        at_command(when, bench.pulled.set)
        status, said = bench.cardfab("issue", bench.request)
        assert status == 9, said
        assert "A card may have been written." in said
        assert "job resolve" in said
        assert (bench.state(), bench.books()) == ("IN_DOUBT", (0, 0, 1, 1))
        _wait(lambda: _empty(bench.reader), "the card is still seen")
        bench.pulled.clear()  # the card goes back into the contact station
        status, said = bench.cardfab("job", "resolve", bench.request)
        assert status == 0, said
        assert (bench.state(), bench.books()) == (state, (issued, spoiled, 0, 1))
        assert bench.rig.count()["hopper"] == 1
        if spoiled:  # the person gets a card all the same, the second blank
            status, said = bench.cardfab("issue", bench.request)
            assert status == 0, said
            assert (bench.state(), bench.books()) == ("DONE", (1, 1, 0, 0))


PROGRAM = "import sys; from cardfab.cli.main import run; sys.exit(run(sys.argv[1:]))"


def _in_a_program(bench: Bench, service: Any, *words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *bench.arguments(*words)],
        env=os.environ | dict(service.environment),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_a_service_that_dies_in_the_middle_of_an_issue(
    services_module: Any,
    founded: tuple[Path, str],
    tmp_path: Path,
    at_command: Any,
) -> None:
    with services_module.PcscService() as dying:
        reader = dying.reader_names[0]
        with _bench(founded, tmp_path / "station", reader) as bench:
            with VpcdStation(bench, dying.vpcd_host, dying.vpcd_port):
                at_command(_verifying, lambda: os.kill(dying.pid, signal.SIGKILL))
                status, said = _in_a_program(bench, dying, "issue", bench.request)
                assert status == 9, said
                assert "A card may have been written." in said
                assert (bench.state(), bench.books()) == ("IN_DOUBT", (0, 0, 1, 1))
                bench.pulled.set()
            status, said = _in_a_program(bench, dying, "job", "resolve", bench.request)
            assert status == 5, said  # there is still no service: nothing is settled, nothing lost
            assert "PC/SC" in said
            assert (bench.state(), bench.books()) == ("IN_DOUBT", (0, 0, 1, 1))
            bench.pulled.clear()
            with services_module.PcscService() as fresh, VpcdStation(bench, fresh.vpcd_host, fresh.vpcd_port):
                status, said = _in_a_program(bench, fresh, "job", "resolve", bench.request)
                assert status == 0, said
                assert (bench.state(), bench.books()) == ("DONE", (1, 0, 0, 1))
