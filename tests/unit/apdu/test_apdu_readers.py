"""The two adapters: a reader over TCP against a rig of a few lines, and PC/SC against a stand-in for pyscard."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from cardfab.apdu import CardGone, ReaderFault, pcsc
from cardfab.apdu.pcsc import PcscConnection, for_t0, list_readers
from cardfab.apdu.remote import RemoteConnection

h = bytes.fromhex
ATR = h("3B6D00000087BF10028649440199000001")


class Rig(threading.Thread):
    """A reader at the end of TCP; ``card`` says whether a card lies in it. Sends its answers byte by byte."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.card = True
        self.orders: list[bytes] = []
        self.hang_up_on = b""
        self.start()

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"

    def run(self) -> None:
        peer, _ = self.listener.accept()
        with peer, peer.makefile("rb") as stream:
            while len(head := stream.read(2)) == 2:
                frame = stream.read(int.from_bytes(head, "big"))
                self.orders.append(frame)
                if frame == self.hang_up_on:
                    return
                if frame == b"\x04" or len(frame) > 1:
                    answer = (ATR if len(frame) == 1 else frame[::-1] + h("9000")) if self.card else b""
                    for part in len(answer).to_bytes(2, "big") + answer:
                        peer.sendall(bytes([part]))


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.join(5)
    rig.listener.close()
    assert not rig.is_alive()


def test_remote_reader(rig: Rig) -> None:
    connection = RemoteConnection(rig.url, timeout=5)
    assert connection.atr() == ATR
    assert connection.transmit(h("00840000")) == h("000084009000")
    assert connection.reset() == ATR
    connection.close()
    rig.join(5)
    assert rig.orders == [b"\x01", b"\x04", h("00840000"), b"\x02", b"\x04", b"\x00"]


def test_remote_reader_without_a_card(rig: Rig) -> None:
    rig.card = False
    with pytest.raises(CardGone):
        RemoteConnection(rig.url, timeout=5)


def test_card_taken_out_of_the_remote_reader(rig: Rig) -> None:
    connection = RemoteConnection(rig.url, timeout=5)
    rig.card = False
    with pytest.raises(CardGone):
        connection.transmit(h("00840000"))
    connection.close()


def test_remote_reader_hangs_up(rig: Rig) -> None:
    rig.hang_up_on = h("00840000")
    connection = RemoteConnection(rig.url, timeout=5)
    with pytest.raises(CardGone):
        connection.transmit(h("00840000"))
    connection.close()


def test_a_remote_reader_that_falls_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connections: list[socket.socket] = []

        def serve() -> None:
            peer, _ = listener.accept()
            connections.append(peer)
            peer.sendall(len(ATR).to_bytes(2, "big") + ATR)

        thread = threading.Thread(target=serve)
        thread.start()
        connection = RemoteConnection(f"tcp://127.0.0.1:{listener.getsockname()[1]}", timeout=0.2)
        thread.join()
        with pytest.raises(CardGone):
            connection.transmit(h("00840000"))
        connection.close()
        connections[0].close()


def test_a_short_command_is_no_order_to_the_reader(rig: Rig) -> None:
    connection = RemoteConnection(rig.url, timeout=5)
    with pytest.raises(ReaderFault):
        connection.transmit(b"\x00")
    connection.close()


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:9", "udp://127.0.0.1:9", "tcp://127.0.0.1", "tcp://h:99999", "tcp://h:9/x"]
)
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(ReaderFault):
        RemoteConnection(url)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ReaderFault):
        RemoteConnection(f"tcp://127.0.0.1:{port}", timeout=5)


@pytest.mark.parametrize(
    ("apdu", "tpdu"),
    [
        ("00200000", "0020000000"),
        ("0084000008", "0084000008"),
        ("00DC010401AA", "00DC010401AA"),
        ("00A4040001AA00", "00A4040001AA"),
    ],
)
def test_t0(apdu: str, tpdu: str) -> None:
    assert for_t0(h(apdu)) == h(tpdu)


def test_t0_takes_no_extended_length() -> None:
    with pytest.raises(ReaderFault):
        for_t0(h("00B00000000101"))


class SmartcardException(Exception):
    def __init__(self, hresult: int = -1) -> None:
        super().__init__()
        self.hresult = hresult


class CardConnectionException(SmartcardException): ...


class NoCardException(SmartcardException): ...


class BaseSCardException(Exception):
    def __init__(self, hresult: int = -1) -> None:
        super().__init__()
        self.hresult = hresult


CODES = {
    "SCARD_W_REMOVED_CARD": 0x80100069, "SCARD_E_NO_SMARTCARD": 0x8010000C, "SCARD_W_UNPOWERED_CARD": 0x80100067,
    "SCARD_W_UNRESPONSIVE_CARD": 0x80100066, "SCARD_E_NOT_TRANSACTED": 0x80100016, "SCARD_E_COMM_DATA_LOST": 0x8010002F,
    "SCARD_W_RESET_CARD": 0x80100068, "SCARD_E_SHARING_VIOLATION": 0x8010000B, "SCARD_E_NO_SERVICE": 0x8010001D,
    "SCARD_E_SERVICE_STOPPED": 0x8010001E, "SCARD_SHARE_EXCLUSIVE": 1, "SCARD_SHARE_SHARED": 2, "SCARD_RESET_CARD": 1,
    "SCARD_UNPOWER_CARD": 2,
}  # fmt: skip


class FakeReader:
    """A pyscard reader and its connection in one."""

    def __init__(self, protocol: int = 1) -> None:
        self.protocol = protocol
        self.fail: dict[str, Exception] = {}
        self.done: list[Any] = []

    def __str__(self) -> str:
        return "Reader 0"

    def _do(self, what: str, *details: Any) -> None:
        self.done.append((what, *details))
        if what in self.fail:
            raise self.fail.pop(what)

    def createConnection(self) -> FakeReader:
        return self

    def connect(self, *, mode: int, disposition: int) -> None:
        self._do("connect", mode)

    def reconnect(self, *, mode: int, disposition: int) -> None:
        self._do("reconnect", mode)

    def getProtocol(self) -> int:
        return self.protocol

    def getATR(self) -> list[int]:
        return list(ATR)

    def transmit(self, apdu: list[int]) -> tuple[list[int], int, int]:
        self._do("transmit", bytes(apdu))
        return [1, 2], 0x90, 0x00

    def release(self) -> None:
        self._do("release")


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> FakeReader:
    reader = FakeReader()

    def module(name: str, **names: Any) -> ModuleType:
        made = ModuleType(name)
        vars(made).update(names)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    scard = module("smartcard.scard", **CODES)
    exceptions = SimpleNamespace(
        SmartcardException=SmartcardException,
        CardConnectionException=CardConnectionException,
        NoCardException=NoCardException,
    )
    module("smartcard", scard=scard)
    module("smartcard.Exceptions", **vars(exceptions))
    module("smartcard.pcsc")
    module("smartcard.pcsc.PCSCExceptions", BaseSCardException=BaseSCardException)
    module("smartcard.System", readers=lambda: [reader])
    return reader


def test_pcsc_reader(reader: FakeReader) -> None:
    assert pcsc.available()
    assert list_readers() == ["Reader 0"]
    connection = PcscConnection("Reader 0")
    assert connection.atr() == connection.reset() == ATR
    assert connection.transmit(h("00A4040001AA00")) == h("01029000")
    connection.close()
    assert reader.done[:3] == [("connect", 1), ("reconnect", 1), ("transmit", h("00A4040001AA"))]
    assert set(reader.done[3:]) == {("release",)}


def test_t1_keeps_le(reader: FakeReader) -> None:
    reader.protocol = 2
    PcscConnection("Reader 0").transmit(h("00A4040001AA00"))
    assert reader.done[-1] == ("transmit", h("00A4040001AA00"))


def test_shared_where_exclusive_is_not_possible(reader: FakeReader) -> None:
    reader.fail["connect"] = CardConnectionException(0x80100004)
    PcscConnection("Reader 0")
    assert reader.done == [("connect", 1), ("connect", 2)]


@pytest.mark.parametrize("sign", [0, 1 << 32])  # pyscard gives the code with and without sign, by version
def test_never_shared_with_another_program(reader: FakeReader, sign: int) -> None:
    reader.fail["connect"] = CardConnectionException(0x8010000B - sign)
    with pytest.raises(ReaderFault, match="another program"):
        PcscConnection("Reader 0")
    assert reader.done == [("connect", 1)]


def test_no_card_in_the_reader(reader: FakeReader) -> None:
    reader.fail["connect"] = NoCardException(0x8010000C)
    with pytest.raises(CardGone):
        PcscConnection("Reader 0")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0x80100069, CardGone),
        (0x80100016, CardGone),
        (0x80100068, CardGone),
        (0x8010001D, ReaderFault),
        (-1, ReaderFault),
    ],
)
def test_errors_while_transmitting(reader: FakeReader, code: int, error: type[Exception]) -> None:
    connection = PcscConnection("Reader 0")
    reader.fail["transmit"] = CardConnectionException(code)
    with pytest.raises(error):
        connection.transmit(h("00840000"))
    reader.fail["release"] = BaseSCardException(code)
    connection.close()


def test_a_reader_that_is_not_there(reader: FakeReader) -> None:
    with pytest.raises(ReaderFault, match="Reader 1 is not connected"):
        PcscConnection("Reader 1")


def test_without_pyscard(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("smartcard.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "smartcard", None)
    assert not pcsc.available()
    with pytest.raises(ReaderFault, match="pyscard is not installed"):
        list_readers()
