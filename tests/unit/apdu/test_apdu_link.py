"""Layers below the channel, the driver, the watch, and the errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cardfab.apdu import (
    CardAnswered,
    CardAnswerMalformed,
    CardGone,
    CommandApdu,
    Exchange,
    WatchedConnection,
    commands,
    drive,
    expect,
    link_to,
)
from cardfab.errors import CardRefused, DeviceFault

h = bytes.fromhex


class Scripted:
    """A card that answers what a function says, and remembers what it was asked."""

    def __init__(self, *answers: str, rule: Callable[[bytes], bytes] | None = None) -> None:
        self.answers = [h(answer) for answer in answers]
        self.rule = rule
        self.asked: list[str] = []

    def transmit(self, apdu: bytes) -> bytes:
        self.asked.append(apdu.hex().upper())
        return self.rule(apdu) if self.rule else self.answers.pop(0)

    def atr(self) -> bytes:
        return h("3B00")

    def reset(self) -> bytes:
        return h("3B00")

    def close(self) -> None:
        self.asked.append("closed")


def test_wrong_length_is_sent_again_with_the_right_one() -> None:
    card = Scripted("6C12", "0110" + "AA" * 16 + "9000")
    response = link_to(card).send(commands.read_record(1, 5))
    assert card.asked == ["00B2012C00", "00B2012C12"]
    assert (len(response.data), response.sw) == (18, 0x9000)


def test_wrong_length_is_followed_once() -> None:
    card = Scripted("6C12", "6C13")
    assert link_to(card).send(commands.read_record(1, 5)).sw == 0x6C13


def test_get_response_collects_on_the_channel_of_the_command() -> None:
    card = Scripted("AA6102", "BBCC6101", "6C01", "DD9000")
    response = link_to(card).send(CommandApdu(0x81, 0xCA, 0, 0, ne=256))
    assert card.asked == ["81CA000000", "01C0000002", "01C0000001", "01C0000001"]
    assert (response.data, response.sw) == (h("AABBCCDD"), 0x9000)


def test_get_response_that_never_ends() -> None:
    with pytest.raises(CardAnswerMalformed):
        link_to(Scripted(rule=lambda _: h("6110"))).send(commands.get_challenge())
    with pytest.raises(CardAnswerMalformed):
        link_to(Scripted(rule=lambda _: bytes(16) + h("6110"))).send(commands.get_challenge())


@pytest.mark.parametrize("answer", ["", "90"])
def test_answer_without_status_word(answer: str) -> None:
    with pytest.raises(CardAnswerMalformed):
        link_to(Scripted(answer)).send(commands.get_challenge())


def test_drive_returns_what_the_exchange_returns() -> None:
    def two() -> Exchange[bytes]:
        first = yield commands.get_challenge(4)
        second = yield commands.get_challenge(4)
        return first.data + second.data

    assert drive(two(), link_to(Scripted("010203049000", "050607089000"))) == h("0102030405060708")


def test_an_exchange_that_fails_is_closed() -> None:
    seen: list[str] = []

    def one() -> Exchange[None]:
        try:
            yield commands.get_challenge()
        finally:
            seen.append("closed")

    def gone(_: bytes) -> bytes:
        raise CardGone

    with pytest.raises(CardGone):
        drive(one(), link_to(Scripted(rule=gone)))
    assert seen == ["closed"]


def test_watch_stands_before_and_after() -> None:
    points: list[str] = []
    card = WatchedConnection(Scripted("9000", "9000"), points.append)
    drive(commands.send_all([commands.update_record(1, 5, b"x"), CommandApdu(0, 0xFB, 0, 0)]), link_to(card))
    assert points == ["before:chip:UPDATE RECORD", "after:chip:UPDATE RECORD", "before:chip:FB", "after:chip:FB"]


def test_watch_does_not_say_after_when_the_card_is_gone() -> None:
    def gone(_: bytes) -> bytes:
        raise CardGone

    points: list[str] = []
    with pytest.raises(CardGone):
        WatchedConnection(Scripted(rule=gone), points.append).transmit(h("00840000"))
    assert points == ["before:chip:GET CHALLENGE"]


def test_refusal_names_command_and_status_word_and_no_data() -> None:
    command = commands.verify("123456")
    response = link_to(Scripted("63C2")).send(command)
    with pytest.raises(CardAnswered) as caught:
        expect(response, command)
    error = caught.value
    assert isinstance(error, CardRefused)
    assert (error.exit_status, error.sw, error.command) == (4, 0x63C2, "VERIFY PIN")
    assert "2 tries left" in error.sentence("en")
    assert "剩余 2 次" in error.sentence("zh")
    assert "123456" not in repr(error) + error.sentence("en")


def test_allowed_status_words_pass() -> None:
    command = commands.read_record(1, 5)
    response = link_to(Scripted("6A83")).send(command)
    assert expect(response, command, 0x6A83) is response


def test_a_card_that_is_gone_is_a_device_fault() -> None:
    assert isinstance(CardGone(), DeviceFault)
    assert CardGone().exit_status == 5
