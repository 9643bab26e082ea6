"""The machine through its language: cards move, panels print, faults strike, nothing is lost."""

from __future__ import annotations

import numpy as np
import pytest

from cardfab.simulator.printer import Card, EvolisPrinter, Fault, Place, Ribbon
from tests.chips import PlainChip


def say(printer: EvolisPrinter, *texts: str | bytes) -> list[str]:
    """The replies to these commands, one each."""
    stream = b"".join(b"\x1b" + (t.encode() if isinstance(t, str) else t) + b"\r" for t in texts)
    *replies, rest = printer.receive(stream).split(b"\0")
    assert rest == b""
    return [reply.decode() for reply in replies]


def tell(printer: EvolisPrinter, *texts: str | bytes) -> None:
    assert say(printer, *texts) == ["OK"] * len(texts)


def black(columns: int = 1016) -> bytes:
    """Panel k, black over the leftmost columns."""
    data = b"\xff" * columns + b"\x00" * (1016 - columns)
    return b"Dbc;k;2;%d;" % len(data) + data


def dye(panel: str, level: int) -> bytes:
    line = bytes((0x80 | level, 255, 0x80 | level, 255, 0x80 | level, 138))
    return b"Dbc;%s;128;%d;" % (panel.encode(), len(line) * 1016) + line * 1016


@pytest.fixture
def printer() -> EvolisPrinter:
    printer = EvolisPrinter()
    printer.load([PlainChip() for _ in range(5)])
    return printer


def first(printer: EvolisPrinter) -> Card:
    return printer.machine.hopper[0]


def test_the_job_of_a_kiosk_chip_first_then_print(printer: EvolisPrinter) -> None:
    card = first(printer)
    tell(printer, "Pem;2", "Pcim;F", "Pcem;I", "Psmgr;2", "Pneab;E", "Pcrm;D")
    assert printer.host_manages_errors
    assert say(printer, "Rse;f", "Sis", "Rlr;p") == ["5,00 Volts", "OK", "SMART CARD"]
    tell(printer, "Ss", "Sr", dye("y", 127), dye("m", 0), dye("c", 0))
    assert card.front.printed == ["y", "m"]  # the download of a panel prints the one before
    tell(printer, black(300), "Wcb;o;255", "Se")
    assert say(printer, "Rlr;p") == ["CARD"]
    tell(printer, "Pneab;A;1", "Se", "Pem;0")
    assert say(printer, "Rlr;p") == ["OK"]
    assert printer.machine.where(card) is Place.OUTPUT
    assert card.front.printed == list("ymcko")
    assert not card.ruined
    picture = np.asarray(card.compose())
    assert picture.shape == (648, 1016, 3)
    assert (picture[:, :300] == 0).all()
    assert (picture[:, 300:] == (255, 255, 0)).all()


def test_every_station_has_its_word_and_only_the_contact_station_keeps_power(printer: EvolisPrinter) -> None:
    card = first(printer)
    assert say(printer, "Rlr;p", "Sis", "Rlr;p") == ["OK", "OK", "SMART CARD"]
    card.power_on()
    assert say(printer, "Sis", "Rlr;p") == ["OK", "SMART CARD"]
    assert card.powered
    assert say(printer, "Sic", "Rlr;p") == ["OK", "CONTACTLESS CARD"]
    assert not card.powered
    assert not card.chip.powered  # type: ignore[attr-defined]
    assert say(printer, "Si", "Rlr;p") == ["OK", "CARD"]
    assert say(printer, "Ser", "Rlr;p", "Ser") == ["OK", "OK", "ERR NO CARD"]
    assert printer.machine.rejected == [card]


@pytest.mark.parametrize("exit_", ["Se", "Ser", "Seb"])
def test_leaving_takes_the_power(printer: EvolisPrinter, exit_: str) -> None:
    card = first(printer)
    tell(printer, "Sis")
    card.power_on()
    tell(printer, exit_)
    assert not card.powered


def test_cards_are_neither_made_nor_lost(printer: EvolisPrinter) -> None:
    loaded = list(printer.machine.hopper)
    tell(printer, "Sis", "Se", "Sis", "Ser", "Sis")
    assert say(printer, "Se", "Sis", "Se", "Sis", "Se", "Sis") == ["OK"] * 5 + ["ERR FEEDER"]
    assert sorted(c.number for c in printer.machine.output + printer.machine.rejected) == [1, 2, 3, 4, 5]
    assert printer.machine.output[0] is loaded[0]
    assert say(printer, "Rse;f", "Rse;n") == ["0,00 Volts", "2,50 Volts"]


def test_a_print_without_a_card_takes_one_from_the_feeder_as_the_vendors_driver_expects(printer: EvolisPrinter) -> None:
    tell(printer, "Pr;ymcko", "Pmi;F;s", "Pc;k;=;10", "Pdt;DU", "Mr;s", "Ppws;1281755559", "Ss", "Sr", black(), "Se;1")
    assert printer.machine.output[0].front.printed == ["k"]
    tell(printer, "Pmi;M", "Ss", black())
    assert say(printer, "Se") == ["ERR FEEDER"]  # nobody puts one in by hand
    assert len(printer.machine.hopper) == 4


def test_printing_out_of_order_ruins(printer: EvolisPrinter) -> None:
    card = first(printer)
    tell(printer, "Sis", "Ss", "Sr", dye("m", 64), dye("y", 64), "Se")
    assert card.ruined_by == ["panel y out of order"]
    assert printer.machine.ribbon is not None
    assert printer.machine.ribbon.remaining == 98  # the ribbon only goes forward


def test_printing_twice_ruins(printer: EvolisPrinter) -> None:
    card = first(printer)
    tell(printer, "Pneab;E", "Sis", "Ss", dye("y", 100), "Se", "Ss", dye("y", 100), "Se")
    assert card.ruined
    assert np.asarray(card.compose())[0, 0].tolist() == [255, 255, 0]  # dye over dye


def test_both_sides(printer: EvolisPrinter) -> None:
    card = first(printer)
    tell(printer, "Sis", "Ss", "Sr", dye("y", 127), black(10), "Sv", black(20), "Se")
    assert (card.front.printed, card.back.printed) == (["y", "k"], ["k"])
    assert not card.ruined
    assert int((np.asarray(card.compose("back")) == 0).all(axis=2).sum()) == 20 * 648


def test_downloads_belong_into_a_sequence(printer: EvolisPrinter) -> None:
    tell(printer, "Sis")
    assert say(printer, black(), "Sr", "Sv", "Wcb;o;255") == ["ERR SEQUENCE"] * 4
    assert say(printer, "Ss", "Db;k;2", "Dbc;x;2;3;abc", "Dbc;k;2;3;abc", "Wcb;q;9") == ["OK"] + ["ERR PARAMETER"] * 4
    tell(printer, "Se")
    assert printer.machine.output[0].front.printed == []


def test_clearing_and_reset_forget_what_was_downloaded(printer: EvolisPrinter) -> None:
    tell(printer, "Pneab;E", "Si", "Ss", black(), "Wcb;a", "Se", "Ss", black(), "Srs", "Rok")
    card = printer.machine.inside
    assert card is not None
    assert card.front.printed == []
    assert say(printer, black()) == ["ERR SEQUENCE"]


@pytest.mark.parametrize(
    "text",
    ["Xyz", "rtp", "Se\x01", "Db", "Pem", "Pem;99", "Pem;x", "Rlr", "Rlr;z", "Pneab;X", "Pr;cmy", "Pmi;Q", "Pc;k"],
)
def test_nonsense_is_refused(printer: EvolisPrinter, text: str) -> None:
    (reply,) = say(printer, text)
    assert reply in ("ERROR CDE", "ERR PARAMETER", "ERR NO CARD")
    assert reply.startswith("ERR")


def test_what_the_printer_tells_of_itself(printer: EvolisPrinter) -> None:
    tell(printer, "Sis", "Ss", black(), "Se")
    assert say(printer, "Rco;p", "Rco;c", "Rco;n", "Rco;r", "Rrt;qty", "Rrt;count") == [
        "1",
        "1",
        "0",
        "999",
        "100",
        "99",
    ]
    assert say(printer, "Rse;o", "Rse;b", "Rlr;h", "Rlr;r", "Rcr") == [
        "5,00 Volts",
        "0,00 Volts",
        "NO CARD",
        "OK",
        "OK",
    ]
    assert say(printer, "Pem;2;s", "Pem;0", "Rem") == ["OK", "OK", "0;2"]
    assert all(say(printer, "Rtp", "Rfv", "Rsn", "Rkn"))


def test_ack_and_nak(printer: EvolisPrinter) -> None:
    tell(printer, "Pem;0")
    assert printer.receive(b"\x1bPem;10\r\x1bSis\r\x1bXyz\r\x1bPem;x\r") == b"\x06\x06\x151\x152"
    assert printer.receive(b"\x1bRlr;p\r") == b"SMART CARD\0"
    printer.change_ribbon(None)
    assert printer.receive(b"\x1bSs\r\x1b" + black() + b"\r\x1bSe\r\x1bRcr\r") == b"\x06\x06\x15R\x15R"


def test_another_ribbon_than_the_job_wants(printer: EvolisPrinter) -> None:
    printer.change_ribbon(Ribbon("k"))
    tell(printer, "Sis", "Ss", dye("y", 1))
    assert say(printer, "Se") == ["ERR BAD RIBBON"]
    tell(printer, "Pr;ymcko", "Ss", black())
    assert say(printer, "Se") == ["ERR BAD RIBBON"]
    tell(printer, "Pr;kb", "Se")
    assert printer.machine.output[0].front.printed == ["k"]


def test_the_ribbon_runs_out_after_its_last_set(printer: EvolisPrinter) -> None:
    printer.change_ribbon(Ribbon("ymcko", remaining=1))
    tell(printer, "Sis", "Ss", dye("y", 1), dye("m", 1), dye("c", 1), black(), "Wcb;o;255", "Se")
    assert say(printer, "Rrt;count", "Rcr") == ["0", "ERR RIBBON ENDED"]
    tell(printer, "Sis", "Ss", black())
    assert say(printer, "Se") == ["ERR RIBBON ENDED"]
    printer.change_ribbon(Ribbon())
    tell(printer, "Se")
    assert printer.machine.output[1].front.printed == ["k"]


def test_a_ribbon_that_ends_in_the_middle(printer: EvolisPrinter) -> None:
    card = first(printer)
    printer.inject(Fault.RIBBON_END, on="Dbc", skip=2)
    tell(printer, "Sis", "Ss", dye("y", 1), dye("m", 1))
    assert say(printer, dye("c", 1)) == ["ERR RIBBON ENDED"]
    assert card.front.printed == ["y"]
    tell(printer, "Ser")
    assert printer.machine.where(card) is Place.REJECTED


def test_no_ribbon(printer: EvolisPrinter) -> None:
    assert say(printer, "Scp") == ["ERR SEQUENCE"]
    printer.change_ribbon(None)
    assert say(printer, "Rrt;count", "Rcr", "Scp", "Rco;n") == ["ERR RIB DETECTION", "ERR RIB DETECTION", "OK", "1"]


def test_a_jam_between_stations_keeps_the_card_until_a_person_takes_it(printer: EvolisPrinter) -> None:
    card = first(printer)
    tell(printer, "Sis")
    printer.inject(Fault.JAM, on="Ser")
    assert say(printer, "Ser", "Rlr;p", "Si", "Se") == [
        "ERR MECHANICAL",
        "SMART CARD",
        "ERR MECHANICAL",
        "ERR MECHANICAL",
    ]
    assert printer.clear_jam() is card
    assert printer.machine.where(card) is Place.REMOVED
    assert say(printer, "Rlr;p", "Sis") == ["OK", "OK"]


def test_a_jam_at_the_feeder_leaves_the_card_in_the_hopper(printer: EvolisPrinter) -> None:
    card = first(printer)
    printer.inject(Fault.JAM, on="Sis")
    assert say(printer, "Sis", "Rlr;p") == ["ERR MECHANICAL", "OK"]
    assert printer.clear_jam() is None
    assert first(printer) is card


def test_a_jam_while_printing_leaves_half_a_panel(printer: EvolisPrinter) -> None:
    card = first(printer)
    printer.inject(Fault.JAM, on="Se")
    tell(printer, "Sis", "Ss", dye("y", 1), black())
    assert say(printer, "Se", "Se") == ["ERR MECHANICAL"] * 2
    assert card.ruined_by == ["jam in panel k"]
    assert int((card.front.planes["k"] > 0).sum()) == 508 * 648


def test_an_open_cover_stops_movement_and_print_and_not_the_answers(printer: EvolisPrinter) -> None:
    tell(printer, "Sis", "Ss", black())
    printer.inject(Fault.COVER_OPEN, on="Rlr")
    assert say(printer, "Rlr;p", "Rse;o", "Se", "Si", "Ser") == ["SMART CARD", "0,00 Volts"] + ["ERR COVER OPEN"] * 3
    printer.close_cover()
    tell(printer, "Se")
    assert printer.machine.output[0].front.printed == ["k"]


def test_a_feeder_that_gives_nothing(printer: EvolisPrinter) -> None:
    printer.inject(Fault.FEEDER_EMPTY, on="Sis")
    assert say(printer, "Rse;f", "Sis", "Rse;f", "Rlr;p") == ["5,00 Volts", "ERR FEEDER", "0,00 Volts", "OK"]
    printer.mend_feeder()
    tell(printer, "Sis")


def test_a_wrong_ok(printer: EvolisPrinter) -> None:
    printer.inject(Fault.WRONG_OK, on="Rrt", times=2)
    assert say(printer, "Rrt;count", "Rrt;count", "Rrt;count") == ["OK", "OK", "100"]
    printer.inject(Fault.WRONG_OK, on="Sis")
    assert say(printer, "Sis", "Rlr;p") == ["OK", "OK"]


def test_silence_is_an_act_without_an_answer(printer: EvolisPrinter) -> None:
    printer.inject(Fault.SILENCE, on="Sis")
    assert say(printer, "Sis", "Rlr;p") == ["SMART CARD"]


def test_a_bitmap_cut_by_a_broken_line_is_not_printed(printer: EvolisPrinter) -> None:
    tell(printer, "Pneab;E", "Sis", "Ss", dye("y", 1))
    assert printer.receive(b"\x1b" + dye("m", 1)[:4000]) == b""
    printer.hang_up()
    tell(printer, "Se")
    card = printer.machine.inside
    assert card is not None
    assert card.front.printed == ["y"]
    assert say(printer, "Rlr;p") == ["CARD"]


def test_a_full_tray_and_a_full_box(printer: EvolisPrinter) -> None:
    printer.machine.output_capacity = printer.machine.reject_capacity = 1
    tell(printer, "Sis", "Se", "Sis")
    assert say(printer, "Rlr;h", "Se", "Ser", "Sis", "Ser") == [
        "CARD",
        "ERR HOPPER FULL",
        "OK",
        "OK",
        "ERR HOPPER FULL",
    ]


def test_a_card_waits_at_the_bezel_and_can_be_taken_or_retracted() -> None:
    printer = EvolisPrinter(bezel=True)
    one, two = printer.load([PlainChip(), PlainChip()])
    assert say(printer, "Sis", "Se", "Rlr;p", "Rse;b") == ["OK", "OK", "OK", "5,00 Volts"]
    assert printer.machine.where(one) is Place.EJECT
    assert say(printer, "Sis", "Se") == ["ERR HOPPER FULL", "ERR NO CARD"]
    assert printer.take_card() is one
    tell(printer, "Sis", "Se", "Ser")
    assert printer.machine.where(two) is Place.REJECTED
    with pytest.raises(KeyError):
        printer.take_card()


def test_cleaning_is_asked_for_after_a_thousand_cards(printer: EvolisPrinter) -> None:
    printer.machine.since_cleaning = 999
    assert say(printer, "Rlr;r", "Sis", "Rlr;r", "Se") == ["OK", "OK", "ERR NEED CLEANING", "OK"]
    printer.change_ribbon(None)
    assert say(printer, "Scp", "Rlr;c") == ["OK", "OK"]


def test_history_names_commands_and_not_pixels(printer: EvolisPrinter) -> None:
    tell(printer, "Ss", black())
    assert printer.history == ["Ss", "Dbc;k;2;1016;<1016 bytes>"]
