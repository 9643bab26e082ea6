"""The Evolis driver against a scripted line: an unexpected command, or one left out, fails the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cardfab.printer.driver import CardPosition, CardPrinter, PrinterStatus, Ribbon
from cardfab.printer.evolis import EvolisPrinter
from cardfab.printer.evolis_wire import EvolisSettings, bitmap, command, mnemonic
from cardfab.printer.fault import Fault, PrinterFault, RasterRefused
from cardfab.printer.machine import State
from cardfab.printer.raster import PrintSide, separate
from cardfab.printer.stream import Stream
from cardfab.profile.loader import parse, read_toml
from cardfab.profile.printer import EvolisProfile

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "profiles/printers/evolis-ymcko.toml").read_text(encoding="utf-8")
PROFILE = parse(read_toml(TEXT, "evolis-ymcko"), EvolisProfile, "evolis-ymcko", TEXT)
SETTINGS = replace(PROFILE.settings(), width=16, height=8, query_pause=0.001)

SILENT = object()
GONE = object()
Script = Sequence[tuple[str | bytes, object]]

TAKE_OVER: Script = [(text, "OK") for text in ("Pem;2", "Pcim;F", "Pcem;I", "Psmgr;2", "Pneab;E", "Pcrm;D")]
COVER_SHUT = ("Rse;o", "5,00 Volts")


def sensors(where: str = "OK", **other: str) -> Script:
    """What `status` asks, in its order."""
    answers = {
        "Rrt;count": "87",
        "Rrt;qty": "100",
        "Rcr": "OK",
        "Rse;n": "0,17 Volts",
        "Rlr;h": "NO CARD",
        "Rlr;r": "OK",
        "Rse;o": "5,00 Volts",
        "Rse;f": "4,98 Volts",
        "Rlr;p": where,
    }
    answers.update({key.replace("_", ";"): value for key, value in other.items()})
    return list(answers.items())


class Line:
    """A printer's line that follows a script strictly and answers with NUL-ended text."""

    def __init__(self, script: Script) -> None:
        self.script = list(script)
        self.sent: list[bytes] = []
        self.timeouts: list[float] = []
        self._rest = b""
        self._answer = b""

    def send(self, data: bytes, timeout: float) -> None:
        self._rest += data
        if not self.script:
            raise AssertionError(f"nothing was expected, but came {self._rest[:40]!r}")
        wanted, answer = self.script[0]
        frame = command(wanted) if isinstance(wanted, str) else wanted
        if self._rest.rstrip(b"\0") != frame.rstrip(b"\0"):
            if frame.startswith(self._rest):
                return
            raise AssertionError(f"expected {frame[:40]!r}, came {self._rest[:40]!r}")
        self.sent.append(self._rest)
        self._rest = b""
        del self.script[0]
        if answer is GONE:
            raise ConnectionResetError("gone")
        self._answer = b"" if answer is SILENT else f"{answer}\0".encode()

    def receive(self, timeout: float) -> bytes:
        if timeout > 0:
            self.timeouts.append(timeout)
        answer, self._answer = self._answer, b""
        return answer

    def close(self) -> None:
        self.sent.append(b"closed")


def printer(script: Script, settings: EvolisSettings = SETTINGS) -> tuple[EvolisPrinter, Line, list[str]]:
    line, points = Line(script), []
    return EvolisPrinter(Stream(line, watch=points.append), settings), line, points


def side(seed: int = 1) -> PrintSide:
    rng = np.random.default_rng(seed)
    return PrintSide(
        rng.integers(0, 256, (8, 16, 3), dtype=np.uint8), rng.random((8, 16)) < 0.2, rng.random((8, 16)) < 0.9
    )


def frames(picture: PrintSide, panels: str, settings: EvolisSettings = SETTINGS) -> Script:
    planes = separate(picture, levels=settings.levels, black_panel="k" in panels)
    return [
        (
            bitmap(panel, 128 if panel in "ymc" else 2, planes.coded(panel, compressed=True), compressed=True),
            "OK",
        )
        for panel in panels
    ]


def to_print(count: str = "87", ribbon: str = "Pr;ymcko") -> Script:
    return [
        ("Rlr;p", "SMART CARD"),
        COVER_SHUT,
        ("Rrt;count", count),
        ("Rrt;qty", "100"),
        ("Rcr", "OK"),
        ("Pneab;E", "OK"),
        (ribbon, "OK"),
        ("Si", "OK"),
        ("Rlr;p", "CARD"),
    ]


FEED: Script = [*sensors(), ("Sis", "OK"), ("Rlr;p", "SMART CARD")]
AT_CONTACT: Script = [*TAKE_OVER, ("Rlr;p", "SMART CARD")]
EMPTY: Script = [*TAKE_OVER, ("Rlr;p", "OK")]
EJECT: Script = [("Rlr;p", "CARD"), ("Pneab;A;1", "OK"), ("Se", "OK"), ("Rlr;p", "OK")]


def test_a_card_from_the_feeder_to_the_holder() -> None:
    picture = side()
    device, line, points = printer(
        [
            *EMPTY,
            *FEED,
            *to_print(),
            ("Ss", "OK"),
            ("Sr", "OK"),
            *frames(picture, "ymcko"),
            ("Se", "OK"),
            ("Rlr;p", "CARD"),
            *EJECT,
            ("Pem;0", "OK"),
        ]
    )
    typed: CardPrinter = device
    assert typed.prepare() is CardPosition.NONE
    typed.feed_to_contact()
    assert device.state is State.CARD_AT_CONTACT
    typed.print_sides(picture)
    assert device.state is State.PRINTED
    typed.eject()
    assert device.state is State.EJECTED
    typed.release()
    typed.close()
    assert line.script == []
    assert line.sent[-1] == b"closed"
    assert device.state is State.CLOSED
    written = [point.removeprefix("before:printer:") for point in points if point.startswith("before:")]
    assert written[-14:-6] == ["Ss", "Sr", "Dbc;y", "Dbc;m", "Dbc;c", "Dbc;k", "Dbc;o", "Se"]
    assert written[-6:] == ["Rlr;p", "Rlr;p", "Pneab;A", "Se", "Rlr;p", "Pem;0"]
    assert points[1::2] == [f"after:printer:{name}" for name in written]


def test_each_kind_of_command_has_its_own_patience() -> None:
    picture = side()
    device, line, _ = printer(
        [
            *AT_CONTACT,
            *to_print(),
            ("Ss", "OK"),
            ("Sr", "OK"),
            *frames(picture, "ymcko"),
            ("Se", "OK"),
            ("Rlr;p", "CARD"),
        ]
    )
    device.prepare()
    device.print_sides(picture)
    seconds = dict(zip((sent.strip(b"\0").split(b";")[0] for sent in line.sent), line.timeouts, strict=True))
    assert round(seconds[b"\x1bSs\r"]) == 2
    assert round(seconds[b"\x1bSi\r"]) == 30
    assert round(seconds[b"\x1bDbc"]) == 30
    assert round(seconds[b"\x1bSe\r"]) == 60


def test_bitmaps_are_filled_as_the_vendor_driver_fills_them() -> None:
    """Lengths and filling of the captures card-black, evolis-card-text and card-white."""
    for length, filling in ((83312, 0), (83223, 25), (42832, 32)):
        frame = bitmap("k", 2, b"\xaa" * length, compressed=True, padding=64)
        assert frame.endswith(b"\xaa\r" + bytes(filling))
        assert len(frame) == len(f"-Dbc;k;2;{length};") + length + 1 + filling
    assert bitmap("k", 2, b"\r\x1b", compressed=True) == b"\x1bDbc;k;2;2;\r\x1b\r"
    assert bitmap("y", 128, b"\0", compressed=False) == b"\x1bDb;y;128;\0\r"
    assert mnemonic("Pneab;A;1") == "Pneab;A"


def test_both_sides_of_one_card() -> None:
    front, back = side(1), side(2)
    script = [
        *AT_CONTACT,
        *to_print(),
        ("Ss", "OK"),
        ("Sr", "OK"),
        *frames(front, "ymcko"),
        ("Sv", "OK"),
        *frames(back, "ymcko"),
        ("Se", "OK"),
        ("Rlr;p", "CARD"),
    ]
    device, line, _ = printer(script)
    device.prepare()
    device.print_sides(front, back)
    assert line.script == []


def test_black_back_of_a_ribbon_with_six_panels() -> None:
    front, back = side(1), side(2)
    settings = replace(SETTINGS, back_panels="k", back_takes_frame=False)
    script = [
        *AT_CONTACT,
        *to_print(count="1"),
        ("Ss", "OK"),
        ("Sr", "OK"),
        *frames(front, "ymcko"),
        ("Sv", "OK"),
        *frames(back, "k"),
        ("Se", "OK"),
        ("Rlr;p", "CARD"),
    ]
    device, line, _ = printer(script, settings)
    device.prepare()
    device.print_sides(front, back)
    assert line.script == []


def test_identity_is_asked_again_when_the_printer_says_only_ok() -> None:
    device, line, _ = printer(
        [("Rtp", "OK"), ("Rtp", "KC200B"), ("Rsn", "1234"), ("Rfv", "5.01"), ("Rkn", "ERROR CDE")]
    )
    identity = device.identify()
    assert (identity.model, identity.serial, identity.firmware, identity.print_head) == ("KC200B", "1234", "5.01", "")
    assert line.script == []


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({}, PrinterStatus(False, False, False, Ribbon.PRESENT, 87, 100, CardPosition.NONE, False, False)),
        (
            {
                "Rse_o": "0,00 Volts",
                "Rse_f": "0,00 Volts",
                "Rse_n": "3,92 Volts",
                "Rlr_h": "CARD",
                "Rlr_r": "ERR NEED CLEANING",
            },
            PrinterStatus(True, True, True, Ribbon.PRESENT, 87, 100, CardPosition.NONE, True, True),
        ),
        (
            {"Rcr": "ERR", "Rse_n": "ERROR CDE", "Rlr_h": "ERROR CDE", "Rlr_r": "ERROR CDE", "Rrt_qty": "ERROR CDE"},
            PrinterStatus(False, False, None, Ribbon.ENDED, 87, None, CardPosition.NONE, None, None),
        ),
        ({"Rrt_count": "0"}, PrinterStatus(False, False, False, Ribbon.ENDED, 0, 100, CardPosition.NONE, False, False)),
    ],
)
def test_status(answers: dict[str, str], expected: PrinterStatus) -> None:
    device, line, _ = printer(sensors(**answers))
    assert device.status() == expected
    assert line.script == []


def test_status_lists_the_troubles() -> None:
    troubled = PrinterStatus(True, True, True, Ribbon.MISSING, None, None, CardPosition.NONE, True, True)
    assert troubled.faults == (
        Fault.COVER_OPEN,
        Fault.RIBBON_MISSING,
        Fault.REJECT_BOX_FULL,
        Fault.FEEDER_EMPTY,
        Fault.NEEDS_CLEANING,
    )


def test_no_ribbon_is_told_by_its_chip() -> None:
    rest = [pair for pair in sensors() if pair[0] not in ("Rrt;count", "Rrt;qty", "Rcr")]
    device, _, _ = printer([("Rrt;count", "OK"), ("Rrt;count", "ERR RIB DETECTION"), *rest])
    assert device.status().ribbon is Ribbon.MISSING


def test_a_printer_without_ribbon_chip_is_not_asked() -> None:
    rest = [pair for pair in sensors() if pair[0] not in ("Rrt;count", "Rrt;qty", "Rcr")]
    device, line, _ = printer(rest, replace(SETTINGS, ribbon_chip=False))
    assert device.status().ribbon is Ribbon.UNKNOWN
    assert line.script == []


@pytest.mark.parametrize(
    ("reply", "position"),
    [
        ("OK", CardPosition.NONE),
        ("NO CARD", CardPosition.NONE),
        ("CARD", CardPosition.PRINT),
        ("SMART CARD", CardPosition.CONTACT),
        ("CONTACTLESS CARD", CardPosition.CONTACTLESS),
        ("ERR CARD", CardPosition.UNKNOWN),
        ("", CardPosition.UNKNOWN),
    ],
)
def test_position(reply: str, position: CardPosition) -> None:
    device, _, _ = printer([("Rlr;p", reply)])
    assert device.position() is position


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ({"Rse_o": "0,00 Volts"}, Fault.COVER_OPEN),
        ({"Rse_f": "0,00 Volts"}, Fault.FEEDER_EMPTY),
        ({"Rlr_h": "CARD"}, Fault.REJECT_BOX_FULL),
        ({"Rlr_r": "ERR NEED CLEANING"}, Fault.NEEDS_CLEANING),
        ({"where": "CARD"}, Fault.CARD_INSIDE),
        ({"where": "ERR CARD"}, Fault.CARD_INSIDE),
        ({"Rse_o": "closed"}, Fault.UNREADABLE),
        ({"Rse_o": "ERR COVER OPEN"}, Fault.COVER_OPEN),
        ({"Rrt_count": "many"}, Fault.UNREADABLE),
    ],
)
def test_nothing_is_fed_while_something_is_wrong(answers: dict[str, str], fault: Fault) -> None:
    device, _, points = printer([*EMPTY, *sensors(**answers)])
    device.prepare()
    with pytest.raises(PrinterFault) as stopped:
        device.feed_to_contact()
    assert stopped.value.fault is fault
    assert "before:printer:Sis" not in points
    assert device.state is State.FAULT


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        ("ERR FEEDER", Fault.FEEDER_EMPTY),
        ("ERROR HOPPER", Fault.JAM),
        ("HOPPER FULL", Fault.REJECT_BOX_FULL),
        ("CARD JAM", Fault.JAM),
        ("ERR MECHANICAL", Fault.JAM),
        ("ERROR TIME OUT", Fault.JAM),
        ("COVER OPEN", Fault.COVER_OPEN),
        ("ERR NEED CLEANING", Fault.NEEDS_CLEANING),
        ("ERROR RIBBON", Fault.RIBBON_MISSING),
        ("ERR RIBBON ENDED", Fault.RIBBON_ENDED),
        ("ERROR CDE", Fault.REFUSED),
        ("ERROR PARAMETRES", Fault.REFUSED),
        ("ERR", Fault.REFUSED),
        ("", Fault.REFUSED),
    ],
)
def test_a_refused_movement_says_why(reply: str, fault: Fault) -> None:
    device, _, _ = printer([*EMPTY, *sensors(), ("Sis", reply)])
    device.prepare()
    with pytest.raises(PrinterFault, match="Sis") as refused:
        device.feed_to_contact()
    assert refused.value.fault is fault


def test_an_ok_to_a_movement_that_did_not_happen_is_a_fault() -> None:
    device, line, _ = printer([*EMPTY, *sensors(), ("Sis", "OK"), *[("Rlr;p", "OK")] * 3, COVER_SHUT])
    device.prepare()
    with pytest.raises(PrinterFault, match="contact / none") as wrong:
        device.feed_to_contact()
    assert wrong.value.fault is Fault.WRONG_POSITION
    assert line.script == []


def test_a_position_misread_once_is_read_again() -> None:
    device, line, _ = printer([*EMPTY, *sensors(), ("Sis", "OK"), ("Rlr;p", "OK"), ("Rlr;p", "SMART CARD")])
    device.prepare()
    device.feed_to_contact()
    assert line.script == []


def test_no_answer_leaves_a_fault_and_taking_over_is_the_way_out() -> None:
    device, line, _ = printer([*EMPTY, *sensors(), ("Sis", SILENT), *AT_CONTACT])
    device.prepare()
    with pytest.raises(PrinterFault) as silent:
        device.feed_to_contact()
    assert silent.value.fault is Fault.NO_ANSWER
    assert device.state is State.FAULT
    assert device.prepare() is CardPosition.CONTACT
    assert device.state is State.CARD_AT_CONTACT
    assert line.script == []


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ([("Rlr;p", "OK"), ("Rlr;p", "OK"), ("Rlr;p", "OK"), COVER_SHUT], Fault.WRONG_POSITION),
        ([("Rlr;p", "SMART CARD"), ("Rse;o", "0,00 Volts")], Fault.COVER_OPEN),
        ([("Rlr;p", "SMART CARD"), COVER_SHUT, ("Rrt;count", "ERR RIB DETECTION")], Fault.RIBBON_MISSING),
        (
            [("Rlr;p", "SMART CARD"), COVER_SHUT, ("Rrt;count", "0"), ("Rrt;qty", "100"), ("Rcr", "OK")],
            Fault.RIBBON_ENDED,
        ),
    ],
)
def test_a_card_is_not_moved_to_a_print_that_cannot_be_made(script: Script, fault: Fault) -> None:
    device, line, points = printer([*AT_CONTACT, *script])
    device.prepare()
    with pytest.raises(PrinterFault) as stopped:
        device.print_sides(side())
    assert stopped.value.fault is fault
    assert "before:printer:Si" not in points
    assert line.script == []


def test_two_sides_need_two_frames() -> None:
    device, _, points = printer([*AT_CONTACT, *to_print(count="1")])
    device.prepare()
    with pytest.raises(PrinterFault, match="1 left") as short:
        device.print_sides(side(1), side(2))
    assert short.value.fault is Fault.RIBBON_ENDED
    assert "before:printer:Si" not in points


def test_a_side_of_another_size_costs_nothing() -> None:
    device, _, _ = printer(AT_CONTACT)
    device.prepare()
    blank = np.zeros((9, 16), bool)
    with pytest.raises(RasterRefused, match="16x9"):
        device.print_sides(PrintSide(np.zeros((9, 16, 3), np.uint8), blank, blank))


@pytest.mark.parametrize("panel", range(5))
@pytest.mark.parametrize(
    ("answer", "fault"), [("ERR RIBBON", Fault.RIBBON_MISSING), (SILENT, Fault.NO_ANSWER), (GONE, Fault.LINK_LOST)]
)
def test_a_panel_that_fails_stops_the_print_and_is_not_sent_again(panel: int, answer: object, fault: Fault) -> None:
    picture = side()
    sent = list(frames(picture, "ymcko"))[: panel + 1]
    sent[panel] = (sent[panel][0], answer)
    after = [] if answer is GONE else [("Rlr;p", "CARD"), ("Pcrm;D", "OK"), ("Ser", "OK"), ("Rlr;p", "OK")]
    device, line, _ = printer([*AT_CONTACT, *to_print(), ("Ss", "OK"), ("Sr", "OK"), *sent, *after])
    device.prepare()
    with pytest.raises(PrinterFault) as failed:
        device.print_sides(picture)
    assert failed.value.fault is fault
    with pytest.raises(PrinterFault) as again:
        device.print_sides(picture)
    assert again.value.fault is Fault.WRONG_MOMENT
    with pytest.raises(PrinterFault):
        device.eject()
    if after:
        assert device.reject() is True
        assert device.state is State.REJECTED
    assert line.script == []


def test_a_card_found_at_print_may_leave_but_is_never_printed() -> None:
    # Ss first: Se would print a panel that the printer still holds of the job that was cut off.
    device, line, _ = printer([*TAKE_OVER, ("Rlr;p", "CARD"), EJECT[0], ("Ss", "OK"), *EJECT[1:]])
    assert device.prepare() is CardPosition.PRINT
    assert device.state is State.CARD_FOUND
    for act in (device.feed_to_contact, lambda: device.print_sides(side())):
        with pytest.raises(PrinterFault) as wrong:
            act()
        assert wrong.value.fault is Fault.WRONG_MOMENT
    device.eject()
    assert line.script == []


def test_reject_with_no_card_inside_moves_nothing() -> None:
    device, line, _ = printer([*EMPTY, ("Rlr;p", "OK")])
    device.prepare()
    assert device.reject() is False
    assert line.script == []


def test_a_card_that_does_not_leave_is_a_fault() -> None:
    stuck = [("Rlr;p", "SMART CARD"), ("Pcrm;D", "OK"), ("Ser", "OK"), *[("Rlr;p", "CARD")] * 3]
    device, _, _ = printer([*AT_CONTACT, *stuck, COVER_SHUT])
    device.prepare()
    with pytest.raises(PrinterFault, match="none / print") as fault:
        device.reject()
    assert fault.value.fault is Fault.WRONG_POSITION


def test_an_open_cover_explains_a_card_in_the_wrong_place() -> None:
    device, _, _ = printer(
        [
            *AT_CONTACT,
            ("Rlr;p", "SMART CARD"),
            ("Pneab;A;1", "OK"),
            ("Se", "OK"),
            *[("Rlr;p", "ERR CARD")] * 3,
            ("Rse;o", "0,21 Volts"),
        ]
    )
    device.prepare()
    with pytest.raises(PrinterFault) as fault:
        device.eject()
    assert fault.value.fault is Fault.COVER_OPEN


def test_eject_needs_a_card() -> None:
    device, _, _ = printer([*AT_CONTACT, ("Rlr;p", "OK")])
    device.prepare()
    with pytest.raises(PrinterFault) as fault:
        device.eject()
    assert fault.value.fault is Fault.WRONG_POSITION


def test_nothing_is_sent_before_taking_over() -> None:
    device, line, _ = printer([])
    for act in (device.feed_to_contact, device.eject, device.reject, lambda: device.print_sides(side())):
        with pytest.raises(PrinterFault) as wrong:
            act()
        assert wrong.value.fault is Fault.WRONG_MOMENT
    assert line.sent == []


def test_a_model_that_does_not_know_a_setting_is_refused_at_take_over() -> None:
    device, _, _ = printer([("Pem;2", "OK"), ("Pcim;F", "ERROR CDE")])
    with pytest.raises(PrinterFault, match="Pcim;F") as refused:
        device.prepare()
    assert refused.value.fault is Fault.REFUSED


def test_an_answer_that_is_no_text() -> None:
    device, _, _ = printer([("Rlr;p", "é")])
    with pytest.raises(PrinterFault) as unreadable:
        device.position()
    assert unreadable.value.fault is Fault.UNREADABLE
