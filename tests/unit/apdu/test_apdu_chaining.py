"""Command chaining, ENVELOPE and logical channels."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.apdu import (
    ApduMalformed,
    CardAnswerMalformed,
    Chaining,
    CommandApdu,
    Envelope,
    ReplayConnection,
    ResponseApdu,
    drive,
    link_to,
)
from cardfab.apdu.logical import channel_of, close_channel, for_mac, on_channel, open_channel, secured
from cardfab.apdu.status import StatusWord


class Card:
    """Remembers what it was sent; answers 9000 with ``data`` to the last, or ``stop`` to the block of that number."""

    def __init__(self, stop: int | None = None) -> None:
        self.sent: list[CommandApdu] = []
        self.stop = stop

    def send(self, command: CommandApdu) -> ResponseApdu:
        self.sent.append(command)
        refused = self.stop is not None and len(self.sent) > self.stop
        return ResponseApdu(b"", StatusWord(0x6A80 if refused else 0x9000))


@given(st.binary(max_size=1000), st.integers(1, 255))
def test_a_chain_carries_the_data(data: bytes, chunk: int) -> None:
    card = Card()
    command = CommandApdu(0x80, 0xE2, 1, 2, data, 65536, secret=True)
    assert Chaining(card, chunk).send(command).sw.ok
    assert b"".join(part.data for part in card.sent) == data
    assert [part.cla for part in card.sent] == [0x90] * (len(card.sent) - 1) + [0x80]
    assert all(part.secret and len(part.data) <= chunk for part in card.sent)
    if len(data) > chunk:
        assert [part.ne for part in card.sent] == [None] * (len(card.sent) - 1) + [256]
        assert not any(part.extended for part in card.sent)


def test_a_chain_ends_where_the_card_refuses() -> None:
    card = Card(stop=1)
    assert Chaining(card, 10).send(CommandApdu(0, 0xDB, 0, 0, bytes(50))).sw == 0x6A80
    assert len(card.sent) == 2
    with pytest.raises(ApduMalformed):
        Chaining(card, 256)


def test_envelope_carries_the_whole_command() -> None:
    card = Card()
    command = CommandApdu(0x81, 0xDB, 1, 2, bytes(600), 65536, name="PUT DATA")
    assert Envelope(card).send(command).sw.ok
    assert b"".join(part.data for part in card.sent) == command.to_bytes()
    assert {(part.cla, part.ins, part.title) for part in card.sent} == {(0x01, 0xC2, "ENVELOPE PUT DATA")}
    assert card.sent[-1].ne == 256
    short = CommandApdu(0x80, 0xCA, 0, 0x66, ne=256)
    Envelope(card).send(short)
    assert card.sent[-1] is short
    assert Envelope(Card(stop=0)).send(command).sw == 0x6A80


@pytest.mark.parametrize("channel", range(20))
@pytest.mark.parametrize("cla", [0x00, 0x80, 0x84, 0x90, 0xC5, 0xE5])
def test_class_bytes_of_channels(cla: int, channel: int) -> None:
    moved = on_channel(cla, channel)
    assert channel_of(moved) == channel
    assert moved & 0x90 == cla & 0x90
    assert on_channel(on_channel(cla, 5), channel) == on_channel(on_channel(cla, 0), channel)


def test_class_bytes_of_secure_messaging() -> None:
    assert [secured(cla) for cla in (0x80, 0x83, 0x88, 0xC0, 0xCF)] == [0x84, 0x87, 0x84, 0xE0, 0xEF]
    assert [for_mac(cla) for cla in (0x80, 0x83, 0x00, 0xC5, 0x90)] == [0x84, 0x84, 0x04, 0x84, 0x94]
    assert [on_channel(cla, 4) for cla in (0x84, 0x80)] == [0xE0, 0xC0]
    for wrong in (-1, 20):
        with pytest.raises(ApduMalformed):
            on_channel(0, wrong)


def test_manage_channel() -> None:
    card = ReplayConnection.of_text("! 3B00\n> 0070000001\n< 01 9000\n> 00708001\n< 9000\n> 0070000001\n< 9000")
    link = link_to(card)
    assert drive(open_channel(), link) == 1
    drive(close_channel(1), link)
    with pytest.raises(CardAnswerMalformed):
        drive(open_channel(), link)


def test_get_response_stays_on_a_further_channel() -> None:
    card = ReplayConnection.of_text("! 3B00\n> C2CA006600\n< 6102\n> 42C0000002\n< AABB 9000")
    assert link_to(card).send(CommandApdu(0xC2, 0xCA, 0, 0x66, ne=256)).data == b"\xaa\xbb"
