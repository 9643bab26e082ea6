"""The simulated Matica printer against frames written by hand from the published dumps."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from cardfab.simulator.printer import Fault, LineCut, MaticaPrinter, Place, Ribbon, draw
from tests.chips import PlainChip
from tests.unit.simulator.matica_client import H, W, ask, do, frame, meet, panel, position

BLANK = bytes(W * H)
FULL = b"\xff" * (W * H)


@pytest.fixture
def printer() -> MaticaPrinter:
    device = MaticaPrinter(model="XID580ie")
    device.load([PlainChip(), PlainChip(), PlainChip()])
    return meet(device)


def send_panels(printer: MaticaPrinter, *bits: int, dots: bytes = BLANK) -> None:
    for bit in bits:
        assert ask(printer, panel(bit, dots))[1] == 0


def test_it_speaks_first_with_its_model_and_address() -> None:
    hello = MaticaPrinter().greet()
    assert hello[:8].hex() == "f30002000000001c"
    assert len(hello) == 8 + 4 * 28
    assert hello[30:39] == b"PRINTER01"
    assert hello[40:44] == bytes((127, 0, 0, 1))
    assert hello[56:72] == b"XID8600         "


def test_nothing_is_done_before_the_document() -> None:
    device = MaticaPrinter()
    device.greet()
    assert do(device, "01020000") == 0x00052000


def test_owner_and_document_are_read() -> None:
    device = MaticaPrinter()
    device.greet()
    names = "Owner".encode("utf-16-le").ljust(32, b"\0") + "Document".encode("utf-16-le").ljust(64, b"\0")
    assert ask(device, frame(0xF2000300, bytes(12) + names, 2, 0x99999999))[0] == 0xF3000400
    assert device.documents == [("Owner", "Document")]


def test_a_card_goes_from_place_to_place_and_the_position_says_so(printer: MaticaPrinter) -> None:
    assert position(printer) == "01020400"
    assert do(printer, "04028001") == 0
    assert position(printer) == "01020001"
    assert do(printer, "04020001") == 0x00052600, "one card at a time"
    assert do(printer, "0a020000") == 0
    assert printer.touched is printer.machine.inside
    assert do(printer, "05020000") == 0x00052600, "the contacts are down"
    assert do(printer, "0a024000") == 0
    assert printer.touched is None
    for place in ("02", "03", "00"):
        assert do(printer, f"050200{place}") == 0
        assert position(printer) == f"010200{place}"
    assert do(printer, "05020004") == 0
    assert position(printer) == "01020400"
    assert len(printer.machine.rejected) == 1


def test_a_load_to_the_exit_is_refused_as_in_the_dump(printer: MaticaPrinter) -> None:
    assert do(printer, "04020004") == 0x00052A00


def test_no_cards(printer: MaticaPrinter) -> None:
    for _ in range(3):
        assert do(printer, "04020000") == 0
        assert do(printer, "05020005") == 0
    assert do(printer, "01020000") == 0x0002D000
    assert do(printer, "04020000") == 0x0002D000
    assert ask(printer, frame(0xF0000600, bytes.fromhex("01000000")))[3].hex() == "010604ff02d00000"


def test_the_tags_of_the_dump_come_in_whole_words(printer: MaticaPrinter) -> None:
    data = ask(printer, frame(0xF0000600, bytes.fromhex("0c0000000a0000000d0000000b0000000e000000")))[3]
    assert data.hex() == "0c02010a0a0201000d0201000b0201320e060200fa000000"
    dots = ask(printer, frame(0xF0000500, bytes.fromhex("040000000a0000000b000000")))[3]
    assert dots.hex() == "040602012c0000000a060204 0c000000".replace(" ", "") + "0b06020298000000"


def test_both_sides_are_printed_on_film_and_pressed_onto_the_card(printer: MaticaPrinter) -> None:
    dots = np.zeros((H, W), np.uint8)
    dots[-10:, -20:] = 255  # half turned: the corner at the upper left
    assert do(printer, "04028000") == 0
    send_panels(printer, 1, 2, 4)
    assert ask(printer, panel(8, dots.tobytes()))[1] == 0
    assert do(printer, "0602000f") == 0
    card = printer.machine.inside
    assert card is not None
    assert card.front.printed == [], "it is on the film"
    assert do(printer, "07061000 00000000") == 0
    assert card.front.printed == list("ymck")
    assert (card.front.planes["k"][:10, :20] == 255).all()
    assert card.front.planes["k"].sum() == 10 * 20 * 255
    send_panels(printer, 8)
    assert do(printer, "06020008") == 0
    assert do(printer, "07020005") == 0
    assert card.back.printed == ["k"]
    assert printer.machine.where(card) is Place.OUTPUT
    assert printer.film_left == 998
    assert card.compose().size == (W, H)
    assert draw(card).size == draw(card, "back").size


@pytest.mark.parametrize(
    "sent",
    [
        panel(1, BLANK[:-4]),
        panel(16, BLANK),
        panel(8, b"\x80" * (W * H)),
        frame(0xF0000200, struct.pack(">3I", 1 << 24, len(BLANK), len(BLANK)) + BLANK),
        frame(0xF0000100, bytes.fromhex("0f020000")),
        frame(0xF0000100, bytes.fromhex("01020001")),
        frame(0xF0000100, bytes.fromhex("0102000000000000")),
        frame(0xF0000100, bytes.fromhex("01010000")),
        frame(0xF0000600, bytes.fromhex("ee000000")),
        frame(0xF0000800, bytes.fromhex("14020100")),
        frame(0xF2000300, bytes(104)),
    ],
)
def test_what_no_dump_shows_is_a_bad_command(printer: MaticaPrinter, sent: bytes) -> None:
    assert ask(printer, sent)[:2] == (0xF1000200, 0x00052000)
    assert do(printer, "01020000") == 0, "the line goes on"


@pytest.mark.parametrize("sent", ["00000100000000020000000000000000", "f000010000000001", "f0000100ffffffff"])
def test_bytes_that_are_no_frame_end_the_line(printer: MaticaPrinter, sent: str) -> None:
    with pytest.raises(LineCut):
        printer.receive(bytes.fromhex(sent))


def test_frames_come_in_any_portions(printer: MaticaPrinter) -> None:
    sent = frame(0xF0000100, bytes.fromhex("02020000"), 0, 7) * 3
    whole = printer.receive(sent)
    assert b"".join(printer.receive(sent[at : at + 1]) for at in range(len(sent))) == whole


def test_print_needs_its_panels_and_transfer_its_print(printer: MaticaPrinter) -> None:
    assert do(printer, "04028000") == 0
    assert do(printer, "07020005") == 0x00052000
    send_panels(printer, 1, 2)
    assert do(printer, "06020003") == 0x00052000, "colour is all three"
    assert do(printer, "06020007") == 0x00052000, "cyan was not sent"


def test_ink_that_ends_in_a_panel_spoils_the_film_and_not_the_card(printer: MaticaPrinter) -> None:
    assert do(printer, "04028000") == 0
    send_panels(printer, 8, dots=FULL)
    printer.inject(Fault.RIBBON_TORN, on="06")
    assert do(printer, "06020008") == 0x0003B200
    assert do(printer, "01020000") == 0x0003B200
    card = printer.machine.inside
    assert card is not None
    assert card.front.printed == []
    assert do(printer, "05020004") == 0, "it can still be rejected"
    printer.change_ribbon(Ribbon("ymck"))
    assert do(printer, "01020000") == 0


@pytest.mark.parametrize(
    ("fault", "command", "status"),
    [
        (Fault.JAM, "05020001", 0x00039300),
        (Fault.JAM, "05021000", 0x00039100),
        (Fault.JAM, "05020004", 0x00039400),
        (Fault.COVER_OPEN, "05020001", 0x0002D100),
        (Fault.REJECT_FULL, "05020004", 0x00039400),
        (Fault.WARMING, "05020001", 0x0002DA00),
    ],
)
def test_faults_are_said_by_their_word(printer: MaticaPrinter, fault: Fault, command: str, status: int) -> None:
    assert do(printer, "04028000") == 0
    printer.inject(fault, on="05")
    assert do(printer, command) == status
    assert printer.machine.inside is not None or fault is Fault.JAM


def test_a_jam_is_cleared_by_hand(printer: MaticaPrinter) -> None:
    printer.inject(Fault.JAM, on="04")
    assert do(printer, "04028000") == 0x00039000
    assert do(printer, "01020000") == 0x00039000
    printer.clear_jam()
    assert do(printer, "01020000") == 0


def test_it_warms_up_by_its_own_clock() -> None:
    device = MaticaPrinter(warm=False)
    device.load([PlainChip()])
    meet(device)
    asked = 0
    while do(device, "01020000") == 0x0002DA00:
        asked += 1
        assert asked < 3000
    assert asked > 1000, "three minutes, a tenth of a second a question"


def test_power_cut_loses_the_panels_and_keeps_the_card(printer: MaticaPrinter) -> None:
    assert do(printer, "04028001") == 0
    send_panels(printer, 8)
    printer.inject(Fault.POWER_CUT, on="05")
    with pytest.raises(LineCut):
        do(printer, "05020000")
    meet(printer)
    assert position(printer) == "01020001"
    assert do(printer, "01020000") == 0x0002DA00
    while do(printer, "01020000"):
        pass
    assert do(printer, "06020008") == 0x00052000


def test_cable_out_does_what_was_sent(printer: MaticaPrinter) -> None:
    printer.inject(Fault.CABLE_OUT, on="04")
    with pytest.raises(LineCut):
        do(printer, "04028001")
    meet(printer)
    assert position(printer) == "01020001"


def test_wrong_ok_and_silence(printer: MaticaPrinter) -> None:
    printer.inject(Fault.WRONG_OK, on="04")
    assert do(printer, "04028001") == 0
    assert position(printer) == "01020400"
    printer.inject(Fault.SILENCE, on="04")
    assert printer.receive(frame(0xF0000100, bytes.fromhex("04028001"))) == b""
    assert position(printer) == "01020001"


def test_the_stripe_is_written_with_parity_and_read_back(printer: MaticaPrinter) -> None:
    assert do(printer, "04028003") == 0
    assert do(printer, "09 0b 00 02 16 02 22 17 24 03 06 02 01") == 0
    card = printer.machine.inside
    assert card is not None
    assert card.stripe[2] == bytes((0x0B, 0x16, 0x02, 0x01, 0x1F, 0x01)), "; 6 2 1 ? and the check character"
    told = ask(printer, frame(0xF0000100, bytes.fromhex("0806000024000000")))[3]
    assert told.hex() == "0800000001" + "2403060201" + "0000"
    assert do(printer, "0806001600000000") == 0
    printer.inject(Fault.STRIPE, on="09")
    assert do(printer, "09 07 00 01 24 03 06 02 01") == 0
    assert do(printer, "0806000024000000") == 0x0003AD00


def test_times_pass_at_the_speed_asked_for() -> None:
    import time

    device = MaticaPrinter(model="XID580ie", speed=100.0)
    device.load([PlainChip()])
    meet(device)
    began = time.monotonic()
    assert do(device, "04028000") == 0
    assert 0.05 < time.monotonic() - began < 1.0
    send_panels(device, 8)
    assert do(device, "06020008") == 0
    assert do(device, "07020005") == 0x0002D400, "it prints still"
    time.sleep(0.06)
    assert do(device, "07020005") == 0
