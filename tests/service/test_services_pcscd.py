"""The service that the other tests rely on: a real pcscd, a real driver, a card that answers over TCP."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.service

# ISO 7816-3: TS 3B, T0 with four historical bytes, protocol T=0.
ATR = bytes.fromhex("3B04") + b"TEST"
POWER_ON, RESET, GET_ATR = 1, 2, 4


def _receive(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise ConnectionError
        data += part
    return data


def _card(connection: socket.socket, seen: list[bytes]) -> None:
    try:
        while True:
            (length,) = struct.unpack(">H", _receive(connection, 2))
            payload = _receive(connection, length)
            seen.append(payload)
            if payload == bytes([GET_ATR]):
                answer = ATR
            elif length > 1:
                # SELECT by name answers its own length, so that the test sees its bytes arrive.
                answer = bytes([len(payload)]) + bytes.fromhex("9000")
            else:
                continue
            connection.sendall(struct.pack(">H", len(answer)) + answer)
    except OSError:
        return


def _wait(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


@pytest.fixture
def card(pcsc_service: Any) -> Iterator[list[bytes]]:
    """A card in slot 0 for the length of a test; gives the payloads that it was sent."""
    seen: list[bytes] = []
    with socket.create_connection((pcsc_service.vpcd_host, pcsc_service.vpcd_port), timeout=10) as connection:
        connection.settimeout(None)
        thread = threading.Thread(target=_card, args=(connection, seen))
        thread.start()
        yield seen
        connection.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_pyscard_lists_the_virtual_reader(pcsc_service: Any) -> None:
    from smartcard.System import readers

    assert [str(reader) for reader in readers()] == list(pcsc_service.reader_names)


def test_pyscard_reaches_the_card(pcsc_service: Any, card: list[bytes]) -> None:
    from smartcard.CardConnection import CardConnection
    from smartcard.Exceptions import CardConnectionException, NoCardException
    from smartcard.System import readers

    reader = next(reader for reader in readers() if str(reader) == pcsc_service.reader_names[0])
    connection = reader.createConnection()

    def connected() -> bool:
        try:
            connection.connect(CardConnection.T0_protocol)
        except (NoCardException, CardConnectionException):
            return False
        return True

    try:
        assert _wait(connected), "no card in slot 0"
        assert bytes(connection.getATR()) == ATR
        select = bytes.fromhex("00A404000FA000000333010101000000000000FF")
        assert connection.transmit(list(select)) == ([len(select)], 0x90, 0x00)
        assert card[-1] == select or select in card
        assert bytes([POWER_ON]) in card or bytes([RESET]) in card
    finally:
        connection.disconnect()


def test_a_second_program_sees_the_same_reader(pcsc_service: Any, card: list[bytes]) -> None:
    command = ["opensc-tool", "--reader", pcsc_service.reader_names[0], "--atr"]

    def read() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=os.environ | pcsc_service.environment, capture_output=True, text=True, check=False, timeout=30
        )

    assert _wait(lambda: "3b:04:54:45:53:54" in read().stdout.lower()), read()


def test_nothing_is_left_when_the_service_ends(services_module: Any) -> None:
    with services_module.PcscService() as service:
        pid, port, folder = service.pid, service.vpcd_port, service.socket_path.parent
        assert port not in (35963, 35964)
        assert Path(f"/proc/{pid}").exists()
    assert not Path(f"/proc/{pid}").exists()
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((service.vpcd_host, port), timeout=5)
    with pytest.raises(services_module.ServiceError):
        _ = service.vpcd_port


def test_a_failed_test_ends_the_service_too(services_module: Any) -> None:
    service = services_module.PcscService()

    def fail() -> None:
        with service:
            pids.append(service.pid)
            raise ZeroDivisionError

    pids: list[int] = []
    with pytest.raises(ZeroDivisionError):
        fail()
    pid = pids[0]
    assert not Path(f"/proc/{pid}").exists()
    assert not service.socket_path.parent.exists()


def test_a_killed_test_run_leaves_no_daemon() -> None:
    program = Path(__file__).resolve().parents[2] / "tools" / "services.py"
    starter = subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert starter.stdout is not None
        line = starter.stdout.readline()
        assert line.startswith("export PCSCLITE_CSOCK_NAME="), line
        folder = Path(line.split("=", 1)[1].strip()).parent
        children = Path(f"/proc/{starter.pid}/task/{starter.pid}/children").read_text().split()
        assert len(children) == 1
        assert Path(f"/proc/{children[0]}/comm").read_text().strip() == "pcscd"
        starter.send_signal(signal.SIGKILL)
        starter.wait(10)
        assert _wait(lambda: not _alive(int(children[0]))), "pcscd outlived its starter"
    finally:
        starter.kill()
        starter.wait(10)
        starter.stdout.close()
    shutil.rmtree(folder)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_missing_driver_is_named(services_module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(services_module, "VPCD", tmp_path / "libifdvpcd.so")
    with pytest.raises(services_module.ServiceError, match="vsmartcard-vpcd"), services_module.PcscService():
        pass
