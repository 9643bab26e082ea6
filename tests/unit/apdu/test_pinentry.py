"""PIN entry at the reader (PC/SC part 10): structures as strangers publish them, answers, the way through a link."""

from __future__ import annotations

import pytest

from cardfab.apdu import ApduMalformed, drive, expect, link_to
from cardfab.apdu.link import Exchange, WatchedConnection
from cardfab.apdu.pinentry import (
    NoPinReader,
    PinCommand,
    PinFeatures,
    PinModify,
    PinNotEntered,
    PinPlace,
    PinVerify,
    change_command,
    control_code,
    features,
    features_of,
    limits,
    response,
    structure,
    verify_command,
    within,
)
from cardfab.apdu.trace import RecordingConnection

h = bytes.fromhex
SIX, ANY = PinPlace(6, 6), PinPlace(4, 12)


def test_verify_is_the_structure_that_pcsc_lite_publishes() -> None:
    """pcsc-lite, "VERIFY_PIN and MODIFY_PIN" (pcsclite.alioth.debian.org, node30): ASCII, 4 to 8 digits, block of 4."""
    theirs = h("0000820400080402010409000000000D00000000200000083030303000000000")
    ours = PinVerify(theirs[19:], format_string=0x82, block_string=4, least=4, most=8, language=0x0904, seconds=(0, 0))
    assert ours.to_bytes() == theirs


def test_modify_is_the_structure_that_the_ccid_driver_publishes() -> None:
    """ccid, examples/scardcontrol.c: current PIN, new PIN at 4, confirmed, messages 0, 1, 2."""
    apdu = h("00240000083030303000000000")
    theirs = h("00008204000004080403020304090001020000000D000000") + apdu
    ours = PinModify(
        apdu, format_string=0x82, block_string=4, offset_new=4, least=4, most=8, language=0x0904, seconds=(0, 0)
    )
    assert ours.to_bytes() == theirs


def test_a_global_platform_pin_as_opensc_writes_it() -> None:
    """OpenSC, reader-pcsc.c: BCD with the PIN at 8 bits, length of 4 bits at bit 4, block of 8 bytes."""
    ours = PinVerify(h("00"), format_string=0x01 | 0x08 << 3, block_string=0x48, length_format=0x04, messages=0xFF)
    assert ours.to_bytes()[2:5] == h("414804")


def test_verify_of_the_social_card() -> None:
    made = structure(verify_command(SIX))
    assert made == h("1E1E81030006060201040800000000080000000020000003FFFFFF")
    assert structure(verify_command(ANY, language=0x0409))[2:12] == h("8100000C040201090400")
    assert structure(verify_command(ANY)).endswith(h("050000000020000000")), "the reader sets Lc"


def test_change_of_the_social_card_keeps_the_ff_between_the_two() -> None:
    made = structure(change_command(SIX))
    assert made[5:7] == h("0004"), "old at 0, new behind the FF"
    assert made[9] == 0x03, "the old one is asked for, the new one confirmed"
    assert made.endswith(h("0C000000805E010007FFFFFFFFFFFFFF"))
    with pytest.raises(ApduMalformed):
        change_command(ANY)


def test_features_and_limits_as_drivers_answer_them() -> None:
    told = h("0604423300060704423300070A044233000A120442330012")  # ccid's, big endian
    found = features(told)
    assert (found.verify, found.modify, found.any) == (0x42330006, 0x42330007, True)
    assert control_code(told, 0x12) == 0x42330012
    assert control_code(told, 0x13) is None
    found = limits(found, h("01021002020102030100060104070108"))  # numbers little endian
    assert (found.least, found.most) == (4, 8)
    assert limits(features(told), h("060100070100")).most == 0xFF
    assert features(told[:5]) == PinFeatures()
    assert features(b"") == PinFeatures()
    assert limits(found, h("0605")).most == 0xFF


def test_a_command_is_narrowed_to_what_the_keys_take() -> None:
    small = PinFeatures(1, 2, 4, 8)
    assert within(verify_command(ANY), small).place == PinPlace(4, 8)
    assert within(verify_command(SIX), small).place == SIX
    with pytest.raises(NoPinReader):
        within(verify_command(PinPlace(10, 12)), small)
    with pytest.raises(NoPinReader):
        within(change_command(PinPlace(12, 12)), small)


@pytest.mark.parametrize(
    ("word", "says"),
    [("6400", "in time"), ("6401", "cancelled"), ("6402", "differ"), ("6403", "digits"), ("6480", "broken off")],
)
def test_what_the_reader_says_itself_is_no_answer_of_the_card(word: str, says: str) -> None:
    with pytest.raises(PinNotEntered, match=says) as caught:
        response(h(word))
    assert caught.value.code == "CF-5641"


def test_a_form_that_the_reader_does_not_take_has_its_own_code() -> None:
    with pytest.raises(PinNotEntered) as caught:
        response(h("6B80"))
    assert caught.value.code == "CF-5643"


@pytest.mark.parametrize("word", ["9000", "63C2", "6983", "AABB9000"])
def test_what_the_card_says_comes_through(word: str) -> None:
    assert response(h(word)) == h(word)


class _Keys:
    """A reader with keys at which somebody presses 123456; keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[bytes] = []
        self.sent: list[bytes] = []

    def atr(self) -> bytes:
        return h("3B00")

    def reset(self) -> bytes:
        return self.atr()

    def close(self) -> None:
        """Nothing to let go."""

    def transmit(self, apdu: bytes) -> bytes:
        self.sent.append(apdu)
        return h("9000")

    def pin_features(self) -> PinFeatures:
        return PinFeatures(1, 2, 4, 8)

    def enter_pin(self, command: PinCommand, /) -> bytes:
        self.told.append(structure(command))
        return h("63C2")


def _exchange(command: PinCommand) -> Exchange[int]:
    answer = expect((yield command), command, 0x63C2)
    return answer.sw.tries or 0


def test_a_link_hands_the_entry_to_the_reader_and_the_trace_shows_no_digit() -> None:
    keys, lines, points = _Keys(), list[str](), list[str]()
    connection = RecordingConnection(WatchedConnection(keys, points.append), lines.append)
    assert features_of(connection) == PinFeatures(1, 2, 4, 8)
    assert drive(_exchange(verify_command(SIX)), link_to(connection)) == 2
    assert keys.told == [structure(verify_command(SIX))]
    assert not keys.sent, "no APDU with a PIN was in this program"
    assert points == ["before:chip:VERIFY PIN", "after:chip:VERIFY PIN"]
    assert "> 00200000 03 ****** ; VERIFY PIN" in "".join(lines).replace("  ;", " ;")


def test_a_reader_without_keys_is_said_to_be_one() -> None:
    class Plain:
        """A connection that knows nothing of PINs."""

        def atr(self) -> bytes:
            return h("3B00")

        def reset(self) -> bytes:
            return h("3B00")

        def close(self) -> None:
            """Nothing to let go."""

        def transmit(self, apdu: bytes) -> bytes:
            raise OSError("nothing is to be sent")

    assert not features_of(WatchedConnection(Plain(), lambda _: None)).any
    with pytest.raises(NoPinReader):
        drive(_exchange(verify_command(SIX)), link_to(WatchedConnection(Plain(), lambda _: None)))


def test_no_pin_has_more_than_sixteen_digits_or_none() -> None:
    for least, most in ((0, 4), (5, 4), (4, 17)):
        with pytest.raises(ApduMalformed):
            PinPlace(least, most)
