"""The chip behind vpcd on T=0: an answer to a command with data is fetched by GET RESPONSE, as gpshell3 does."""

from __future__ import annotations

from cardfab.simulator.chip import make_blank, make_card
from cardfab.simulator.chip.vpcd import OFF, ON, Contacts

SELECT_ISD = bytes.fromhex("00A4040008A000000151000000")
INITIALIZE = bytes.fromhex("80500000080102030405060708")


def powered(contacts: Contacts) -> Contacts:
    assert contacts.respond(ON) is None
    return contacts


def test_a_half_open_channel_survives_get_response() -> None:
    contacts = powered(Contacts(make_blank(serial=1)))
    assert (contacts.respond(SELECT_ISD) or b"")[0] == 0x61
    assert contacts.respond(INITIALIZE) == bytes.fromhex("611C")
    answer = contacts.respond(bytes.fromhex("00C000001C")) or b""
    assert (len(answer), answer[-2:]) == (30, b"\x90\x00")


def test_the_answer_comes_in_parts_and_once() -> None:
    contacts = powered(Contacts(make_blank(serial=1)))
    contacts.respond(SELECT_ISD)
    contacts.respond(INITIALIZE)
    first = contacts.respond(bytes.fromhex("00C0000010")) or b""
    assert first[-2:] == bytes.fromhex("610C")
    rest = contacts.respond(bytes.fromhex("00C0000000")) or b""
    assert (len(first) + len(rest), rest[-2:]) == (16 + 2 + 12 + 2, b"\x90\x00")
    assert (contacts.respond(bytes.fromhex("00C0000000")) or b"")[-2:] != b"\x90\x00"


def test_another_command_or_a_reset_drops_what_was_held() -> None:
    for between in (bytes.fromhex("0084000008"), OFF):
        contacts = powered(Contacts(make_blank(serial=1)))
        contacts.respond(SELECT_ISD)
        contacts.respond(between)
        contacts.respond(ON)
        assert (contacts.respond(bytes.fromhex("00C0000000")) or b"")[-2:] != b"\x90\x00"


def test_with_le_and_on_t1_the_answer_comes_at_once() -> None:
    contacts = powered(Contacts(make_blank(serial=1)))
    assert (contacts.respond(SELECT_ISD + b"\x00") or b"")[-2:] == b"\x90\x00"
    other = make_card("gp-scp03-aes128-s8")
    assert other.atr[1] & 0x80
    assert (powered(Contacts(other)).respond(SELECT_ISD) or b"")[-2:] == b"\x90\x00"
