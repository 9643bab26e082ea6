"""The rig over its two sockets: one client at a time, killed at any byte; the machine stays as it was left."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from cardfab.simulator.printer import Fault, Place
from cardfab.simulator.rig import Rig

ATR = bytes.fromhex("3B6800000073C84000009000")


class FakeChip:
    """Counts what it hears since it has power; 80 CA answers the count."""

    atr = ATR

    def __init__(self) -> None:
        self.powered = False
        self.heard = 0

    def power_on(self) -> bytes:
        self.powered, self.heard = True, 0
        return ATR

    def power_off(self) -> None:
        self.powered = False

    def transmit(self, apdu: bytes, /) -> bytes:
        assert self.powered
        self.heard += 1
        return bytes((self.heard, 0x90, 0x00))


class Line:
    """A driver's end of the printer's or the reader's line."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def ask(self, text: str | bytes) -> str:
        data = text.encode() if isinstance(text, str) else text
        self.socket.sendall(b"\x1b" + data + b"\r")
        reply = b""
        while not reply.endswith(b"\0"):
            portion = self.socket.recv(100)
            if not portion:
                raise ConnectionError(reply)
            reply += portion
        return reply[:-1].decode()

    def frame(self, payload: bytes) -> None:
        self.socket.sendall(len(payload).to_bytes(2) + payload)

    def answer(self) -> bytes:
        def exactly(count: int) -> bytes:
            data = b""
            while len(data) < count:
                portion = self.socket.recv(count - len(data))
                if not portion:
                    raise ConnectionError(data)
                data += portion
            return data

        return exactly(int.from_bytes(exactly(2)))

    def exchange(self, payload: bytes) -> bytes:
        self.frame(payload)
        return self.answer()


def black() -> bytes:
    return b"Dbc;k;2;1016;" + b"\xff" * 1016


@pytest.fixture
def rig() -> Iterator[Rig]:
    with Rig(FakeChip() for _ in range(3)) as rig:
        yield rig


@pytest.fixture
def printer(rig: Rig) -> Iterator[Line]:
    with Line(rig.printer_port) as line:
        yield line


@pytest.fixture
def reader(rig: Rig) -> Iterator[Line]:
    with Line(rig.reader_port) as line:
        yield line


def test_a_chip_is_seen_in_the_contact_station_only(rig: Rig, printer: Line, reader: Line) -> None:
    card = rig.hopper[0]
    assert reader.exchange(b"\x04") == b""
    assert reader.exchange(b"\x80\xca\x00\x00") == b""
    assert printer.ask("Sis") == "OK"
    assert rig.where(card) is rig.where(card.chip) is rig.position is Place.CONTACT
    assert reader.exchange(b"\x04") == ATR
    assert reader.exchange(b"\x80\xca\x00\x00") == b""  # no power yet
    reader.frame(b"\x01")
    assert reader.exchange(b"\x80\xca\x00\x00") == b"\x01\x90\x00"
    assert reader.exchange(b"\x80\xca\x00\x00") == b"\x02\x90\x00"
    reader.frame(b"\x02")
    assert reader.exchange(b"\x80\xca\x00\x00") == b"\x01\x90\x00"
    for move in ("Si", "Sic"):
        assert printer.ask(move) == "OK"
        assert reader.exchange(b"\x04") == b""
        assert reader.exchange(b"\x80\xca\x00\x00") == b""
    assert printer.ask("Sis") == "OK"
    assert reader.exchange(b"\x80\xca\x00\x00") == b""  # it came back without power
    assert printer.ask("Ser") == "OK"
    assert reader.exchange(b"\x04") == b""
    assert rig.rejected == (card,)
    assert rig.reader.apdus == 3


def test_frames_in_pieces_and_in_one_go(rig: Rig, printer: Line, reader: Line) -> None:
    printer.ask("Sis")
    for byte in b"\x00\x01\x01\x00\x04\x80\xca\x00\x00":
        reader.socket.sendall(bytes([byte]))
    assert reader.answer() == b"\x01\x90\x00"
    reader.socket.sendall(b"\x00\x01\x04" * 3)
    assert [reader.answer() for _ in range(3)] == [ATR] * 3
    reader.socket.sendall(b"\x00\x00\x00\x01\x07\x00\x01\x00\x00\x04\x80\xca\x00\x00")  # nothing, nonsense, power off
    assert reader.answer() == b""


def test_a_reader_client_that_dies_leaves_the_chip_without_power(rig: Rig, printer: Line) -> None:
    printer.ask("Sis")
    chip = rig.cards[0].chip
    assert isinstance(chip, FakeChip)
    with Line(rig.reader_port) as dying:
        dying.frame(b"\x01")
        assert dying.exchange(b"\x80\xca\x00\x00") == b"\x01\x90\x00"
        dying.socket.sendall(b"\x00\x20\x80")  # half a frame
    with Line(rig.reader_port) as reader:
        assert reader.exchange(b"\x80\xca\x00\x00") == b""
        assert not chip.powered
        reader.frame(b"\x01")
        assert reader.exchange(b"\x80\xca\x00\x00") == b"\x01\x90\x00"


def test_a_torn_chip(rig: Rig, printer: Line, reader: Line) -> None:
    printer.ask("Sis")
    reader.frame(b"\x01")
    rig.reader.cut_power_after(2)
    answers = [reader.exchange(b"\x80\xca\x00\x00") for _ in range(4)]
    assert answers == [b"\x01\x90\x00", b"\x02\x90\x00", b"", b""]
    reader.frame(b"\x01")
    assert reader.exchange(b"\x80\xca\x00\x00") == b"\x01\x90\x00"


def test_the_machine_goes_on_where_a_dead_driver_left_it(rig: Rig) -> None:
    with Line(rig.printer_port) as dying:
        for text in ("Pneab;E", "Sis", "Ss", "Sr", black()):
            assert dying.ask(text) == "OK"
        dying.socket.sendall(b"\x1bWcb;o;2")  # dies within a command
    with Line(rig.printer_port) as printer:
        assert printer.ask("Rlr;p") == "SMART CARD"
        assert printer.ask("Se") == "OK"
        assert printer.ask("Rlr;p") == "CARD"
    card = rig.inside
    assert card is not None
    assert card.front.printed == ["k"]
    assert rig.count() == {"hopper": 2, "inside": 1, "output": 0, "rejected": 0, "removed": 0}


@pytest.mark.parametrize("sent", [1, 14, 15, 500, 1000, 1029])
def test_a_bitmap_cut_anywhere_is_discarded(rig: Rig, sent: int) -> None:
    stream = b"\x1b" + black() + b"\r"
    assert len(stream) > sent
    with Line(rig.printer_port) as dying:
        for text in ("Pneab;E", "Sis", "Ss"):
            assert dying.ask(text) == "OK"
        dying.socket.sendall(stream[:sent])
    with Line(rig.printer_port) as printer:
        assert printer.ask("Se") == "OK"
    card = rig.inside
    assert card is not None
    assert card.front.printed == []


def test_a_line_that_breaks_at_a_chosen_byte(rig: Rig) -> None:
    with Line(rig.printer_port) as line:
        for text in ("Pneab;E", "Sis", "Ss"):
            line.ask(text)
        rig.printer_server.cut_after(700)
        with pytest.raises(ConnectionError):
            line.ask(black())
    with Line(rig.printer_port) as line:
        assert line.ask("Rlr;p") == "SMART CARD"
        assert line.ask("Se") == "OK"
    assert rig.inside is not None
    assert rig.inside.front.printed == []


def test_a_new_client_takes_the_place_of_one_that_hangs(rig: Rig) -> None:
    with Line(rig.printer_port) as hanging:
        hanging.ask("Sis")
        hanging.socket.sendall(b"\x1bRl")
        with Line(rig.printer_port) as printer:
            assert printer.ask("Rlr;p") == "SMART CARD"
            assert hanging.socket.recv(10) == b""


def test_what_a_killed_process_sent_still_happens(rig: Rig) -> None:
    code = (
        "import os, signal, socket, sys\n"
        "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "s.sendall(b'\\x1bSis\\r\\x1bSs\\r\\x1bDbc;k;2;1016;' + b'\\xff' * 1000)\n"
        "s.recv(6)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(rig.printer_port)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    with Line(rig.printer_port) as printer:
        assert printer.ask("Rlr;p") == "SMART CARD"
        assert printer.ask("Se") == "OK"
    assert rig.output[0].front.printed == []


def test_silence_reaches_the_driver_as_silence(rig: Rig, printer: Line) -> None:
    rig.printer.inject(Fault.SILENCE, on="Sis")
    printer.socket.sendall(b"\x1bSis\r")
    assert printer.ask("Rlr;p") == "SMART CARD"  # the first answer is that of the second command


def test_more_cards_can_be_loaded_and_strangers_are_not_known(rig: Rig, printer: Line) -> None:
    (new,) = rig.load([FakeChip()])
    assert rig.hopper[-1] is new
    assert rig.where(new) is Place.HOPPER
    with pytest.raises(KeyError):
        rig.where(FakeChip())
    printer.ask("Sis")
    printer.ask("Se")
    assert [card.number for card in rig.cards] == [1, 2, 3, 4]
    assert rig.where(rig.cards[0]) is Place.OUTPUT


def test_a_port_that_is_taken_is_said(rig: Rig) -> None:
    with pytest.raises(OSError, match="in use"):
        Rig(reader_port=rig.reader_port).start()


def test_finished_cards_are_drawn_as_they_leave(tmp_path: Path) -> None:
    out = tmp_path / "faces"
    for _ in range(2):  # a second rig does not draw over the cards of the first
        with Rig([FakeChip(), FakeChip()], out=out) as rig, Line(rig.printer_port) as printer:
            for text in ("Sis", "Ss", "Sr", black(), "Sv", black(), "Se", "Sis", "Ser"):
                assert printer.ask(text) == "OK"
            saved = rig.output[0].saved
    names = {path.name for path in out.iterdir()}
    assert names == {
        f"{stem}{raw}.png"
        for number in ("0001", "0002")
        for stem in (f"card-{number}-front", f"card-{number}-back", f"rejected-{number}-front")
        for raw in ("", "-raw")
    }
    assert out / "card-0002-front.png" in saved
    with Image.open(out / "card-0001-front-raw.png") as raw:
        assert (raw.size, raw.mode) == ((1016, 648), "RGB")
    with Image.open(out / "card-0001-front.png") as seen:
        assert seen.mode == "RGBA"


@pytest.mark.parametrize("ending", ["stdin", "term"])
def test_the_program_says_its_ports_and_counts_at_the_end(ending: str) -> None:
    code = (
        "from cardfab.simulator.rig import run_rig\n"
        "class Chip:\n"
        "    atr = b'\\x3b\\x00'\n"
        "    def power_on(self): return self.atr\n"
        "    def power_off(self): pass\n"
        "    def transmit(self, apdu): return b'\\x90\\x00'\n"
        "run_rig([Chip(), Chip()])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        with Line(ports["printer"]) as printer, Line(ports["reader"]) as reader:
            assert printer.ask("Sis") == "OK"
            assert reader.exchange(b"\x04") == b"\x3b\x00"
            assert printer.ask("Se") == "OK"
        if ending == "stdin":
            process.stdin.close()
        else:
            process.send_signal(signal.SIGTERM)
        assert json.loads(process.stdout.readline()) == {
            "hopper": 1,
            "inside": 0,
            "output": 1,
            "rejected": 0,
            "removed": 0,
        }
        assert process.wait(timeout=60) == 0
