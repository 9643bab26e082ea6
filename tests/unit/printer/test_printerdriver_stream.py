"""The wire: NUL-ended replies, watched writes and what happens when the other side is slow, silent or gone."""

from __future__ import annotations

import os
import pty
import socket
import tty
from collections.abc import Iterator

import pytest

from cardfab.printer.fault import Fault, PrinterFault
from cardfab.printer.stream import Stream, open_stream


@pytest.fixture
def pair() -> Iterator[tuple[Stream, socket.socket, list[str]]]:
    """A stream over TCP, the printer's end of it, and the watch points seen."""
    points: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = open_stream(f"socket://127.0.0.1:{server.getsockname()[1]}", watch=points.append, write_timeout=0.3)
        peer, _ = server.accept()
        with peer:
            yield stream, peer, points
            stream.close()


def test_a_write_stands_between_two_watch_points(pair: tuple[Stream, socket.socket, list[str]]) -> None:
    stream, peer, points = pair
    stream.write(b"\x1bSis\r", name="Sis")
    assert peer.recv(64) == b"\x1bSis\r"
    assert points == ["before:printer:Sis", "after:printer:Sis"]


def test_a_watch_that_stops_the_process_stops_the_write(pair: tuple[Stream, socket.socket, list[str]]) -> None:
    _, peer, _ = pair

    class Killed(BaseException):
        pass

    def kill(point: str) -> None:
        raise Killed(point)

    stream = open_stream(f"socket://127.0.0.1:{pair[0]._port._socket.getpeername()[1]}", watch=kill)  # type: ignore[attr-defined]
    with pytest.raises(Killed, match="before:printer:Se"):
        stream.write(b"\x1bSe\r", name="Se")
    stream.close()
    peer.setblocking(False)
    with pytest.raises(BlockingIOError):
        peer.recv(1)


def test_replies_end_with_nul_however_they_arrive(pair: tuple[Stream, socket.socket, list[str]]) -> None:
    stream, peer, _ = pair
    peer.sendall(b"OK\x00SMART ")
    assert stream.read_reply(1, name="a") == b"OK"
    peer.sendall(b"CARD\x00")
    assert stream.read_reply(1, name="b") == b"SMART CARD"


def test_silence_is_a_fault_that_names_the_command(pair: tuple[Stream, socket.socket, list[str]]) -> None:
    stream, peer, _ = pair
    peer.sendall(b"no end")
    with pytest.raises(PrinterFault, match=r"Sis: 0.05 s") as silent:
        stream.read_reply(0.05, name="Sis")
    assert silent.value.fault is Fault.NO_ANSWER
    assert silent.value.code == "CF-5201"


def test_a_reply_without_end_is_not_kept_for_ever(pair: tuple[Stream, socket.socket, list[str]]) -> None:
    stream, peer, _ = pair
    peer.sendall(b"x" * 10_000)
    with pytest.raises(PrinterFault) as endless:
        stream.read_reply(1, name="Rtp")
    assert endless.value.fault is Fault.UNREADABLE


def test_a_late_answer_is_not_taken_for_the_next(pair: tuple[Stream, socket.socket, list[str]]) -> None:
    stream, peer, _ = pair
    with pytest.raises(PrinterFault):
        stream.read_reply(0.01, name="Sis")
    peer.sendall(b"OK\x00")
    stream.settle(0.1)
    stream.write(b"\x1bRlr;p\r", name="Rlr;p")
    peer.sendall(b"SMART CARD\x00")
    assert stream.read_reply(1, name="Rlr;p") == b"SMART CARD"


def test_a_printer_that_has_gone_is_a_lost_link(pair: tuple[Stream, socket.socket, list[str]]) -> None:
    stream, peer, points = pair
    peer.close()
    for act in (
        lambda: stream.read_reply(1, name="Rtp"),
        lambda: stream.write(b"\x1bRtp\r", name="Rtp"),
        lambda: stream.settle(0.1),
    ):
        with pytest.raises(PrinterFault) as gone:
            act()
        assert gone.value.fault is Fault.LINK_LOST
    assert points == ["before:printer:Rtp"]
    stream.close()
    with pytest.raises(PrinterFault) as closed:
        stream.write(b"\x1bRtp\r", name="Rtp")
    assert closed.value.fault is Fault.LINK_LOST


def test_a_printer_that_takes_nothing_does_not_hold_the_station(
    pair: tuple[Stream, socket.socket, list[str]],
) -> None:
    stream, _, points = pair
    with pytest.raises(PrinterFault) as full:
        stream.write(bytes(64 * 1024 * 1024), name="Db;y")
    assert full.value.fault is Fault.NO_ANSWER
    assert points == ["before:printer:Db;y"]


@pytest.mark.parametrize(
    "address", ["socket://127.0.0.1", "socket://:1", "/dev/no-such-printer", "socket://127.0.0.1:1"]
)
def test_an_address_that_cannot_be_opened(address: str) -> None:
    with pytest.raises(PrinterFault) as lost:
        open_stream(address, connect_timeout=1)
    assert lost.value.fault is Fault.LINK_LOST
    assert address in str(lost.value)


def test_the_same_stream_over_a_pty() -> None:
    printer, line = pty.openpty()
    tty.setraw(line)
    name = os.ttyname(line)
    stream = open_stream(name, write_timeout=1)
    os.close(line)
    try:
        stream.write(b"\x1bRtp\r", name="Rtp")
        assert os.read(printer, 64) == b"\x1bRtp\r"
        os.write(printer, b"Evolis\x00late")
        assert stream.read_reply(1, name="Rtp") == b"Evolis"
        with pytest.raises(PrinterFault) as silent:
            stream.read_reply(0.05, name="Rtp")
        assert silent.value.fault is Fault.NO_ANSWER
        assert stream.discard() == len(b"late")
        with pytest.raises(PrinterFault) as taken:
            open_stream(name, write_timeout=1)
        assert taken.value.fault is Fault.LINK_LOST
    finally:
        stream.close()
        os.close(printer)
