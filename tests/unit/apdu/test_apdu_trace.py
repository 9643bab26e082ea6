"""Traces: what they hide, how they read, and how strictly they replay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.apdu import (
    CardGone,
    CommandApdu,
    RecordingConnection,
    ReplayConnection,
    ReplayMismatch,
    TraceMalformed,
    commands,
    drive,
    link_to,
    parse_trace,
)

h = bytes.fromhex


class Echo:
    """Answers a command with its own data field."""

    def transmit(self, apdu: bytes) -> bytes:
        return CommandApdu.from_bytes(apdu).data + h("9000")

    def atr(self) -> bytes:
        return h("3B6D0000")

    def reset(self) -> bytes:
        return h("3B6D0001")

    def close(self) -> None:
        pass


def test_text_of_a_trace_and_its_replay() -> None:
    lines: list[str] = []
    recording = RecordingConnection(Echo(), lines.append)
    exchange = [commands.select_file(0xDDF1), commands.verify("123456"), commands.pin_tries()]
    drive(commands.send_all(exchange), link_to(recording))
    recording.reset()
    assert "".join(lines).splitlines() == [
        "# cardfab trace 1",
        "! 3B6D0000",
        "> 00A40000 02 DDF1 00  ; SELECT DDF1",
        "< DDF1 9000",
        "> 00200000 03 ******  ; VERIFY PIN",
        "< ****** 9000",
        "> 00200000  ; VERIFY (tries left)",
        "< 9000",
        "! 3B6D0001",
    ]
    card = ReplayConnection.of_text("".join(lines))
    assert card.atr() == h("3B6D0000")
    drive(commands.send_all(exchange), link_to(card))
    assert card.reset() == card.atr() == h("3B6D0001")
    card.finish()


def test_bytes_of_unknown_secrecy_are_hidden() -> None:
    lines: list[str] = []
    RecordingConnection(Echo(), lines.append).transmit(commands.verify("123456").to_bytes())
    assert lines[-2:] == ["> 00200000 03 ******  ; VERIFY\n", "< ****** 9000\n"]


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=300), st.booleans()), max_size=6))
def test_what_was_recorded_replays(bodies: list[tuple[bytes, bool]]) -> None:
    lines: list[str] = []
    sent = [CommandApdu(0x80, 0xE2, 0, 0, data, secret=secret) for data, secret in bodies]
    drive(commands.send_all(sent), link_to(RecordingConnection(Echo(), lines.append)))
    card = ReplayConnection.of_text("".join(lines))
    for command in sent:
        response = link_to(card).send(command)
        assert response.data == (bytes(len(command.data)) if command.secret else command.data)
    card.finish()


TRACE = "! 3B00\n> 00A40000 02 DDF1\n< 9000\n> 00200000 03 ******\n< 9000"


def test_another_command_shows_the_difference() -> None:
    card = ReplayConnection.of_text(TRACE)
    with pytest.raises(ReplayMismatch) as caught:
        link_to(card).send(CommandApdu(0, 0xA4, 0, 0, h("DDF2")))
    assert "step 2: the trace has [> 00A4000002DDF1], the program did [> 00A40000 02 DDF2]" in str(caught.value)


def test_hidden_bytes_fit_any_of_the_same_number() -> None:
    card = ReplayConnection.of_text(TRACE)
    card.transmit(h("00A4000002DDF1"))
    card.transmit(h("0020000003654321"))
    card.finish()
    card = ReplayConnection.of_text(TRACE)
    card.transmit(h("00A4000002DDF1"))
    with pytest.raises(ReplayMismatch) as caught:
        link_to(card).send(commands.verify("12345678"))
    assert "12345678" not in str(caught.value)
    assert "04 ********" in str(caught.value)


def test_one_command_too_many_and_one_too_few() -> None:
    card = ReplayConnection.of_text(TRACE)
    card.transmit(h("00A4000002DDF1"))
    with pytest.raises(ReplayMismatch):
        card.finish()
    with pytest.raises(ReplayMismatch):
        card.reset()
    card.transmit(h("0020000003123456"))
    with pytest.raises(ReplayMismatch) as caught:
        card.transmit(h("00840000"))
    assert "the trace has [the end]" in str(caught.value)


def test_a_card_that_went_away_goes_away_again() -> None:
    class Leaving(Echo):
        def transmit(self, apdu: bytes) -> bytes:
            raise CardGone

    lines: list[str] = []
    with pytest.raises(CardGone):
        link_to(RecordingConnection(Leaving(), lines.append)).send(commands.get_challenge())
    assert lines[-1] == "x\n"
    card = ReplayConnection.of_text("".join(lines))
    with pytest.raises(CardGone):
        link_to(card).send(commands.get_challenge())
    card.finish()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 0),
        ("> 00840000\n< 9000", 0),
        ("! 3B00\n> 00840000", 0),
        ("! 3B00\n< 9000", 2),
        ("! 3B00\n> 00840000\n> 00840000\n< 9000", 3),
        ("! 3B00\n> 008400\n< 9000", 2),
        ("! 3B00\n# a remark\n\n> 0084000\n< 9000", 4),
        ("! 3B00\nhello", 2),
    ],
)
def test_malformed_traces(text: str, line: int) -> None:
    with pytest.raises(TraceMalformed) as caught:
        parse_trace(text.splitlines())
    assert caught.value.line == line
