"""SCP03 against the dumps of real cards, and against a card over the plain ciphers: all lengths, levels and modes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cardfab.apdu import (
    CardAnswerMalformed,
    CardNotGenuine,
    CommandApdu,
    Level,
    LevelNotSupported,
    ResponseApdu,
    ResponseNotGenuine,
    Scp03,
    Scp03Quirks,
    drive,
    open_either,
    open_scp03,
)
from cardfab.apdu.status import StatusWord
from cardfab.crypto import Algorithm
from cardfab.crypto.derive import Scp03Constant, scp03_derive
from cardfab.crypto.kept import KeptCbc, KeptCmac

pytestmark = pytest.mark.shows(
    "published vectors, every key length and level of SCP03, both ways; what is wrong is refused (test)"
)

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "globalplatform.json").read_text())
SESSIONS = {v["name"]: v for v in VECTORS["scp03_sessions"]}
h = bytes.fromhex
OK = ResponseApdu(b"", StatusWord(0x9000))


class Session:
    """Session keys for tests."""

    def __init__(self, enc: bytes, mac: bytes, context: bytes) -> None:
        self.mac = scp03_derive(mac, Scp03Constant.S_MAC, context, len(mac))
        self.enc = KeptCbc(Algorithm.AES, scp03_derive(enc, Scp03Constant.S_ENC, context, len(enc)))
        self.kept_mac = KeptCmac(Algorithm.AES, self.mac)
        self.kept_rmac = KeptCmac(Algorithm.AES, scp03_derive(mac, Scp03Constant.S_RMAC, context, len(mac)))

    def cryptogram(self, constant: int, context: bytes, length: int) -> bytes:
        return scp03_derive(self.mac, constant, context, length)

    def cmac(self, data: bytes) -> bytes:
        return self.kept_mac.of(data)

    def rmac(self, data: bytes) -> bytes:
        return self.kept_rmac.of(data)

    def encrypt(self, counter: bytes, data: bytes) -> bytes:
        return self.enc.encrypt_behind(counter, data)

    def decrypt(self, counter: bytes, data: bytes) -> bytes:
        return self.enc.decrypt(self.enc.encrypt_block(counter), data)


@dataclass(frozen=True)
class Static:
    enc: bytes
    mac: bytes

    def open(self, key_data: bytes, kvn: int, context: bytes) -> Session:
        return Session(self.enc, self.mac, context)


def of(raw: str) -> ResponseApdu:
    return ResponseApdu.from_bytes(h(raw) + h("9000"))


@pytest.mark.parametrize("name", sorted(SESSIONS))
def test_the_dumps_of_real_cards(name: str) -> None:
    v = SESSIONS[name]
    channel = Scp03(Static(h(v["keys"]["enc"]), h(v["keys"]["mac"])))
    assert channel.initialize(h(v["host_challenge"]), int(v["keys"]["kvn"], 16)).to_bytes() == h(v["init_update_cmd"])
    assert channel.authenticate(of(v["init_update_rsp"]), Level(v["level"])).to_bytes() == h(v["ext_auth_cmd"])
    channel.unwrap(OK)
    assert channel.open
    for n, pair in enumerate(v["commands"]):
        assert channel.wrap(CommandApdu.from_bytes(h(pair["plain"]))).to_bytes() == h(pair["wrapped"])
        # The dump has one answer; the others are what the card says where it refuses.
        answer = of(pair["rsp"]) if "rsp" in pair else ResponseApdu(b"", StatusWord(0x6A88))
        got = channel.unwrap(answer)
        assert ("rsp" in pair) == (n == 0)
        if n == 0:
            assert got.data == h(pair["rsp_plain"])


def test_nine_dumps() -> None:
    assert len(SESSIONS) == 9


def test_the_challenge_of_a_pseudo_random_card_can_be_foretold() -> None:
    aid = h("A0000005591010FFFFFFFF8900000100")  # the security domain of those cards
    for v in SESSIONS.values():
        raw = h(v["init_update_rsp"])
        foretold = scp03_derive(h(v["keys"]["enc"]), Scp03Constant.CARD_CHALLENGE, raw[29:] + aid, 8)
        assert foretold == raw[13:21]


def test_session_keys_of_globalplatformpro() -> None:
    g = VECTORS["key_diversification"]["gppro_session_key_kcv"]
    from cardfab.crypto.derive import kcv

    for name, constant in (("enc", 4), ("mac", 6), ("rmac", 7)):
        key = scp03_derive(h(g["static"]), constant, h(g["scp03"]["ctx"]), 16)
        assert kcv(Algorithm.AES, key) == h(g["scp03"][name])


KEYS = {n: (bytes(range(n)), bytes(range(32, 32 + n)), bytes(range(64, 64 + n))) for n in (16, 24, 32)}
LEVELS = (Level.C_MAC, Level.C_DECRYPTION_C_MAC, Level.C_MAC_R_MAC, Level.C_DECRYPTION_C_MAC_R_MAC,
          Level.C_DECRYPTION_R_ENCRYPTION_C_MAC_R_MAC)  # fmt: skip


def opened(card: Any, level: Level, quirks: Scp03Quirks | None = None) -> Scp03[Session]:
    channel = Scp03(Static(*card.keys[:2]), quirks=quirks or Scp03Quirks())
    first = channel.initialize(bytes(range(card.size)), 0x30)
    channel.unwrap(card.authenticate(channel.authenticate(card.initialize(first), level)))
    return channel


@pytest.mark.parametrize("pseudo", [0x60, 0x70])
@pytest.mark.parametrize("size", [8, 16])
@pytest.mark.parametrize("length", [16, 24, 32])
@pytest.mark.parametrize("level", LEVELS)
def test_both_ways(card03: Any, level: Level, length: int, size: int, pseudo: int) -> None:
    card = card03(KEYS[length], i=pseudo | (size == 16), size=size)
    channel = opened(card, level)
    for n in (0, 1, 15, 16, 17, channel.room):
        command = CommandApdu(0x80, 0xE2, 0, n & 0xFF, bytes(range(n)), 256)
        for data in (b"", b"\x01", b"\x80\x00", bytes(range(100))):
            seen = card.unwrap(channel.wrap(command))
            assert (seen.data, seen.p2) == (command.data, command.p2)
            assert channel.unwrap(card.answer(data)).data == data
    with pytest.raises(LevelNotSupported):
        channel.wrap(CommandApdu(0x80, 0xE2, 0, 0, bytes(channel.room + 1)))


@pytest.mark.parametrize(
    ("size", "level", "room"),
    [(8, 1, 247), (8, 3, 239), (8, 0x33, 239), (16, 1, 239), (16, 0x11, 239), (16, 3, 223), (8, 0, 255)],
)
def test_room(card03: Any, size: int, level: int, room: int) -> None:
    assert opened(card03(KEYS[16], i=0x71, size=size), Level(level)).room == room


def test_a_wrong_mac_and_a_replayed_command_are_refused_by_the_card(card03: Any, refused: Any) -> None:
    card = card03(KEYS[16])
    channel = opened(card, Level.C_MAC)
    sent = channel.wrap(CommandApdu(0x80, 0xE2, 0, 0, b"\x01"))
    wrong = CommandApdu(sent.cla, sent.ins, sent.p1, sent.p2, sent.data[:-1] + bytes([sent.data[-1] ^ 1]))
    with pytest.raises(refused):
        card.unwrap(wrong)
    card.unwrap(sent)
    with pytest.raises(refused):
        card.unwrap(sent)


@pytest.mark.parametrize("level", LEVELS[2:])
def test_forged_responses_are_refused_and_close_the_channel(card03: Any, level: Level) -> None:
    def answer(change: Any) -> None:
        card = card03(KEYS[16])
        channel = opened(card, level)
        command = CommandApdu(0x80, 0xCA, 0, 0x66, ne=256)
        card.unwrap(channel.wrap(command))
        first = card.answer(b"first")
        channel.unwrap(first)
        card.unwrap(channel.wrap(command))
        with pytest.raises(ResponseNotGenuine) as caught:
            channel.unwrap(change(card.answer(b"second"), first))
        assert caught.value.exit_status == 6
        assert not channel.open
        with pytest.raises(LevelNotSupported):
            channel.wrap(command)

    answer(lambda right, before: before)  # swapped for the one before
    answer(lambda right, before: ResponseApdu(right.data[:-1], right.sw))  # truncated
    answer(lambda right, before: ResponseApdu(right.data[:7], right.sw))
    answer(lambda right, before: ResponseApdu(b"", right.sw))
    answer(lambda right, before: ResponseApdu(bytes([right.data[0] ^ 1]) + right.data[1:], right.sw))
    answer(lambda right, before: ResponseApdu(right.data, StatusWord(0x6283)))


def test_errors_come_alone_and_warnings_do_not(card03: Any) -> None:
    card = card03(KEYS[16])
    channel = opened(card, Level.C_MAC_R_MAC)
    command = CommandApdu(0x80, 0xCA, 0, 0x66, ne=256)
    card.unwrap(channel.wrap(command))
    assert channel.unwrap(ResponseApdu(b"", StatusWord(0x6A88))).sw == 0x6A88
    card.unwrap(channel.wrap(command))
    assert channel.unwrap(card.answer(b"\x05", 0x6310)) == ResponseApdu(b"\x05", StatusWord(0x6310))
    channel.wrap(command)
    with pytest.raises(ResponseNotGenuine):
        channel.unwrap(ResponseApdu(b"", StatusWord(0x6310)))


def test_quirks(card03: Any, refused: Any) -> None:
    command, empty = CommandApdu(0x80, 0xE2, 0, 0, b"\x01\x02"), CommandApdu(0x80, 0xCA, 0, 0x66, ne=256)
    level = Level.C_DECRYPTION_C_MAC
    card = card03(KEYS[16], counts_data_only=True)
    channel = opened(card, level, Scp03Quirks(counts_data_only=True))
    for one in (empty, command, empty, empty, command):
        assert card.unwrap(channel.wrap(one)).data == one.data
        channel.unwrap(OK)
    card = card03(KEYS[16])
    channel = opened(card, level, Scp03Quirks(encrypts_empty=True))
    assert len(channel.wrap(empty).data) == 24
    assert card.unwrap(channel.wrap(empty)).data == b""
    card = card03(KEYS[16])
    channel = opened(card, Level.C_DECRYPTION_R_ENCRYPTION_C_MAC_R_MAC, Scp03Quirks(r_mac_on_errors=True))
    card.unwrap(channel.wrap(empty))
    assert channel.unwrap(card.answer(b"", encrypts_empty=True)).data == b""
    card.unwrap(channel.wrap(empty))
    assert channel.unwrap(card.answer(b"", 0x6A80)) == ResponseApdu(b"", StatusWord(0x6A80))
    channel.wrap(empty)
    with pytest.raises(ResponseNotGenuine):
        channel.unwrap(ResponseApdu(b"", StatusWord(0x6A80)))
    channel = opened(card03(KEYS[16]), Level.C_MAC_R_MAC, Scp03Quirks(no_r_mac_on_warnings=True))
    channel.wrap(empty)
    assert channel.unwrap(ResponseApdu(b"", StatusWord(0x6310))).sw == 0x6310


def test_a_level_that_the_card_does_not_offer_costs_no_try(card03: Any) -> None:
    for i, level in ((0x10, Level.C_MAC_R_MAC), (0x30, Level.C_DECRYPTION_R_ENCRYPTION_C_MAC_R_MAC)):
        with pytest.raises(LevelNotSupported):
            opened(card03(KEYS[16], i=i), level)
        assert opened(card03(KEYS[16], i=i), level, Scp03Quirks(wrong_i=True)).open
    with pytest.raises(LevelNotSupported):
        opened(card03(KEYS[16]), Level.R_MAC)


def test_a_wrong_cryptogram_opens_nothing(card03: Any) -> None:
    card = card03(KEYS[16])
    channel = Scp03(Static(*KEYS[16][:2]))
    raw = card.initialize(channel.initialize(bytes(8))).data
    for wrong in (raw[:20] + bytes([raw[20] ^ 1]) + raw[21:], raw[:28] + bytes([raw[28] ^ 1]) + raw[29:]):
        channel.initialize(bytes(8))
        with pytest.raises(CardNotGenuine):
            channel.authenticate(ResponseApdu(wrong, StatusWord(0x9000)), Level.C_MAC)
        assert not channel.open
    for short in (raw[:28], raw[:-1], raw + b"\x00", b"", raw[:11] + b"\x02" + raw[12:]):
        channel.initialize(bytes(8))
        with pytest.raises(CardAnswerMalformed):
            channel.authenticate(ResponseApdu(short, StatusWord(0x9000)), Level.C_MAC)
    with pytest.raises(LevelNotSupported):
        channel.initialize(bytes(9))


def test_state_moves_only_when_the_cycle_is_complete(card03: Any) -> None:
    card = card03(KEYS[16])
    channel = opened(card, Level.C_DECRYPTION_C_MAC)
    command = CommandApdu(0x80, 0xE2, 0, 0, b"\x01")
    first = channel.wrap(command)
    assert channel.wrap(command) == first
    card.unwrap(first)
    channel.unwrap(ResponseApdu(b"", StatusWord(0x6A80)))
    second = channel.wrap(command)
    assert second != first
    assert card.unwrap(second).data == b"\x01"


@pytest.mark.parametrize(("cla", "sent"), [(0x80, 0x84), (0x82, 0x86), (0x00, 0x04), (0xC1, 0xE1)])
def test_logical_channels_stay_on_the_wire_and_out_of_the_mac(card03: Any, cla: int, sent: int) -> None:
    card = card03(KEYS[16])
    channel = opened(card, Level.C_MAC)
    wrapped = channel.wrap(CommandApdu(cla, 0xE2, 0, 0, b"\x01"))
    assert wrapped.cla == sent
    assert card.unwrap(wrapped).data == b"\x01"


def test_either_protocol_by_the_answer_of_the_card(card03: Any, card02: Any) -> None:
    class Link:
        def __init__(self, card: Any) -> None:
            self.card = card

        def send(self, command: CommandApdu) -> ResponseApdu:
            return self.card.initialize(command) if command.ins == 0x50 else self.card.authenticate(command)

    from cardfab.keys import SoftKeyStore

    keys = SoftKeyStore.training(bytes).platform("gp/test", None)
    test_key = (bytes(range(0x40, 0x50)),) * 3
    for card, kind in ((card03(test_key), "Scp03"), (card02(test_key), "Scp02")):
        channel = drive(open_either(keys.scp02, keys.scp03, b"eightbyt"), Link(card))
        assert type(channel).__name__ == kind
        assert card.unwrap(channel.wrap(CommandApdu(0x80, 0xE2, 0, 0, b"\x01"))).data == b"\x01"
    opened_too = drive(open_scp03(keys.scp03, bytes(16)), Link(card03(test_key, size=16)))
    assert opened_too.room == 239
