"""SCP02 against a real card's dump and strangers' values; what moves its state and what does not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cardfab.apdu import (
    CardAnswered,
    CardAnswerMalformed,
    CardNotGenuine,
    CommandApdu,
    Dgi,
    Level,
    LevelNotSupported,
    ReplayConnection,
    ResponseApdu,
    ResponseNotGenuine,
    Scp02,
    commands,
    drive,
    link_to,
    open_scp02,
    through,
)
from cardfab.apdu.status import StatusWord
from cardfab.crypto import Algorithm, cbc_mac, decrypt_cbc, encrypt_cbc, encrypt_ecb, pad80, retail_mac
from cardfab.crypto.derive import Scp02Constant, emv_cps, scp02_session

pytestmark = pytest.mark.shows(
    "published vectors and every option of SCP02, both ways; what is wrong is refused (test)"
)

VECTORS = Path(__file__).parents[2] / "vectors"
GLOBAL = json.loads((VECTORS / "globalplatform.json").read_text())
SOCIAL = {v["id"]: v for v in json.loads((VECTORS / "social-security-and-pboc.json").read_text())["vectors"]}
DUMP = GLOBAL["scp02_session"][0]
PRIMITIVES = GLOBAL["scp02_primitives"][0]
h = bytes.fromhex
OK = ResponseApdu(b"", StatusWord(0x9000))


@dataclass(frozen=True)
class RawKeys:
    """Session keys for tests, with what the key room adds (S-DEK)."""

    enc: bytes
    mac: bytes
    dek: bytes = bytes(16)

    def cryptogram(self, data: bytes) -> bytes:
        return cbc_mac(Algorithm.TDES, self.enc, bytes(8), data)

    def cmac(self, icv: bytes, data: bytes) -> bytes:
        return retail_mac(self.mac, icv, data)

    def encrypt_icv(self, icv: bytes) -> bytes:
        return encrypt_ecb(Algorithm.DES, self.mac[:8], icv)

    def encrypt(self, data: bytes) -> bytes:
        return encrypt_cbc(Algorithm.TDES, self.enc, bytes(8), data)


@dataclass(frozen=True)
class Static:
    """Three static keys, or the KMC they derive from."""

    enc: bytes = b""
    mac: bytes = b""
    dek: bytes = b""
    kmc: bytes = b""

    def open(self, key_data: bytes, kvn: int, sequence: bytes) -> RawKeys:
        keys = (self.enc, self.mac, self.dek)
        if self.kmc:
            keys = (emv_cps(self.kmc, key_data, 1), emv_cps(self.kmc, key_data, 2), emv_cps(self.kmc, key_data, 3))
        constants = (Scp02Constant.ENC, Scp02Constant.C_MAC, Scp02Constant.DEK)
        return RawKeys(*(scp02_session(key, c, sequence) for key, c in zip(keys, constants, strict=True)))


DUMP_KEYS = Static(*(h(DUMP["keys"][name]) for name in ("enc", "mac", "dek")))
KMC = Static(kmc=h(SOCIAL["cps_kmc_full"]["KMC"]))


def of(raw: str) -> ResponseApdu:
    return ResponseApdu.from_bytes(h(raw) + h("9000"))


def opened(i: int = 0x15, level: Level = Level.C_MAC) -> Scp02[RawKeys]:
    channel = Scp02(DUMP_KEYS, i=i)
    channel.initialize(h(DUMP["host_challenge"]), 0x20)
    channel.authenticate(of(DUMP["init_update_rsp"]), level)
    channel.unwrap(OK)
    return channel


def test_the_dump_of_a_real_card() -> None:
    channel = Scp02(DUMP_KEYS)
    assert channel.initialize(h(DUMP["host_challenge"]), 0x20).to_bytes() == h(DUMP["init_update_cmd"])
    command = channel.authenticate(of(DUMP["init_update_rsp"]), Level(DUMP["level"]))
    assert command.to_bytes() == h(DUMP["ext_auth_cmd"])
    assert not channel.open
    channel.unwrap(OK)
    assert channel.open
    for pair in DUMP["commands"]:
        assert channel.wrap(CommandApdu.from_bytes(h(pair["plain"]))).to_bytes() == h(pair["wrapped"])
        channel.unwrap(OK)


def test_the_dump_as_an_exchange() -> None:
    lines = ["! 3B00", f"> {DUMP['init_update_cmd']}", f"< {DUMP['init_update_rsp']} 9000", f"> {DUMP['ext_auth_cmd']}"]
    lines += ["< 9000"] + [line for pair in DUMP["commands"] for line in (f"> {pair['wrapped']}", "< 9000")]
    card = ReplayConnection.of_text("\n".join(lines).upper())
    link = link_to(card)
    channel = drive(open_scp02(DUMP_KEYS, h(DUMP["host_challenge"]), kvn=0x20), link)
    plain = [CommandApdu.from_bytes(h(pair["plain"])) for pair in DUMP["commands"]]
    drive(through(channel, commands.send_all(plain)), link)
    card.finish()


def test_emv_cps_channel_and_data_under_the_session_dek() -> None:
    v = SOCIAL["cps_kmc_full"]
    channel = Scp02(KMC)
    # The document prints the T=0 form, which leaves Le behind.
    assert channel.initialize(h(v["host_challenge"])).to_bytes() == h(v["init_update_apdu"]) + b"\x00"
    command = channel.authenticate(of(v["init_update_resp"]), Level.NONE)
    assert command.data[:8] == h(v["host_cryptogram"])
    assert command.to_bytes() == h(v["ext_auth_apdu"])
    channel.unwrap(OK)
    keys = channel.keys
    assert keys == RawKeys(h(v["SKUENC"]), h(v["SKUMAC"]), h(v["SKUDEK"]))
    sealed = encrypt_ecb(Algorithm.TDES, keys.dek, h(v["dgi8000_plain"]))
    assert sealed == h(v["dgi8000_under_SKUDEK_ecb"])
    assert encrypt_ecb(Algorithm.TDES, keys.dek, h(v["dgi8010_plain"])) == h(v["dgi8010_under_SKUDEK_ecb"])
    (block,) = commands.store_data_blocks([(Dgi(0x8000, sealed).to_bytes(), True)], channel.room)
    assert channel.wrap(block) is block  # level 00: CLA 80, no C-MAC
    assert block.to_bytes() == h("80E2E00033800030") + sealed


def test_strangers_primitives() -> None:
    v = PRIMITIVES["card_cryptogram"]
    keys = RawKeys(h(v["s_enc"]), bytes(16))
    assert keys.cryptogram(pad80(h(v["host"]) + h(v["card"]), 8)) == h(v["expected"])
    v = PRIMITIVES["ext_auth_mac"]
    apdu = h(v["apdu"])
    assert RawKeys(bytes(16), h(v["s_mac"])).cmac(bytes(8), pad80(apdu, 8)) == h(v["expected"])


def test_strangers_session() -> None:
    v = PRIMITIVES["session"]
    key = h(v["key"])
    channel = Scp02(Static(key, key, key))
    channel.initialize(h(v["host_challenge"]))
    response = ResponseApdu.from_bytes(h(v["init_update_rsp"]))
    assert channel.authenticate(response, Level.C_MAC).case == "3S"


def test_strangers_wrapper_chains_the_encrypted_icv() -> None:
    v = PRIMITIVES["wrapper"]
    keys = RawKeys(bytes(16), h(v["s_mac"]))
    first = h(v["first"])
    assert keys.cmac(bytes(8), pad80(first[:-8], 8)) == first[-8:]
    plain = CommandApdu.from_bytes(h(v["second_plain"]))
    second = keys.cmac(keys.encrypt_icv(first[-8:]), pad80(h("84F280020A") + plain.data, 8))
    assert h("84F280020A") + plain.data + second + b"\x00" == h(v["second"])


def test_options_differ_in_the_icv_alone() -> None:
    command = CommandApdu(0x80, 0xE2, 0x00, 0x00, b"\x01\x02\x03")
    encrypted = {opened(i).wrap(command).to_bytes() for i in (0x14, 0x15, 0x54, 0x55)}
    plain = {opened(i).wrap(command).to_bytes() for i in (0x04, 0x05, 0x44, 0x45)}
    assert len(encrypted) == len(plain) == 1
    assert encrypted != plain
    authenticate = h(DUMP["ext_auth_cmd"])
    covered = pad80(h("84E200000B010203"), 8)
    assert plain.pop()[-8:] == opened().keys.cmac(authenticate[-8:], covered)


@pytest.mark.parametrize("i", [0x00, 0x0A, 0x1A, 0x06, 0x17, 0x27, 0x35 | 0x08, 0x95])
def test_options_that_are_not_offered(i: int) -> None:
    with pytest.raises(LevelNotSupported):
        Scp02(DUMP_KEYS, i=i)


@pytest.mark.parametrize("length", [1, 7, 8, 9, 239])
def test_command_encryption_pads_and_covers_the_data_alone(length: int) -> None:
    channel = Scp02(DUMP_KEYS)
    channel.initialize(h(DUMP["host_challenge"]))
    before = channel.authenticate(of(DUMP["init_update_rsp"]), Level.C_DECRYPTION_C_MAC).data[-8:]
    channel.unwrap(OK)
    data = bytes(range(length))
    sent = channel.wrap(CommandApdu(0x80, 0xE2, 0, 0, data))
    keys, cipher, mac = channel.keys, sent.data[:-8], sent.data[-8:]
    assert decrypt_cbc(Algorithm.TDES, keys.enc, bytes(8), cipher) == pad80(data, 8)
    assert mac == keys.cmac(keys.encrypt_icv(before), pad80(h("84E20000") + bytes([length + 8]) + data, 8))


def test_an_empty_data_field_is_not_encrypted() -> None:
    sent = opened(level=Level.C_DECRYPTION_C_MAC).wrap(CommandApdu(0x80, 0xCA, 0, 0x66, ne=256))
    assert (len(sent.data), sent.case, sent.ne) == (8, "4S", 256)


@pytest.mark.parametrize(("level", "room"), [(Level.NONE, 255), (Level.C_MAC, 247), (Level.C_DECRYPTION_C_MAC, 239)])
def test_room(level: Level, room: int) -> None:
    channel = opened(level=level)
    assert channel.room == room
    assert len(channel.wrap(CommandApdu(0x80, 0xE2, 0, 0, bytes(room))).data) <= 255
    if level is not Level.NONE:
        with pytest.raises(LevelNotSupported):
            channel.wrap(CommandApdu(0x80, 0xE2, 0, 0, bytes(room + 1)))


def test_state_moves_only_when_the_cycle_is_complete() -> None:
    channel = opened()
    command = CommandApdu(0x80, 0xE2, 0, 0, b"\x01")
    first = channel.wrap(command)
    assert channel.wrap(command) == first  # the card never saw it
    with pytest.raises(LevelNotSupported):
        channel.wrap(CommandApdu(0x80, 0xE2, 0, 0, bytes(250)))
    assert channel.wrap(command) == first
    channel.unwrap(ResponseApdu(b"", StatusWord(0x6A80)))  # refused, but its C-MAC was checked
    assert channel.wrap(command) != first


def test_a_wrong_cryptogram_opens_nothing() -> None:
    channel = Scp02(DUMP_KEYS)
    channel.initialize(h(DUMP["host_challenge"]))
    wrong = DUMP["init_update_rsp"][:-2] + "00"
    with pytest.raises(CardNotGenuine) as caught:
        channel.authenticate(of(wrong), Level.C_MAC)
    assert caught.value.exit_status == 6
    channel.unwrap(OK)
    assert not channel.open
    with pytest.raises(LevelNotSupported):
        channel.authenticate(of(DUMP["init_update_rsp"]), Level.C_MAC)  # the challenge is used up
    with pytest.raises(LevelNotSupported):
        channel.wrap(CommandApdu(0x80, 0xE2, 0, 0))


def test_a_refused_authentication_opens_nothing() -> None:
    lines = ["! 3B00", f"> {DUMP['init_update_cmd']}", f"< {DUMP['init_update_rsp']} 9000", f"> {DUMP['ext_auth_cmd']}"]
    card = ReplayConnection.of_text("\n".join([*lines, "< 6300"]).upper())
    with pytest.raises(CardAnswered) as caught:
        drive(open_scp02(DUMP_KEYS, h(DUMP["host_challenge"]), kvn=0x20), link_to(card))
    assert caught.value.sw == 0x6300
    channel = Scp02(DUMP_KEYS)
    channel.initialize(h(DUMP["host_challenge"]))
    channel.authenticate(of(DUMP["init_update_rsp"]), Level.C_MAC)
    channel.unwrap(ResponseApdu(b"", StatusWord(0x6300)))
    assert not channel.open


@pytest.mark.parametrize("answer", ["", DUMP["init_update_rsp"][:-2], "00" * 11 + "03" + "00" * 16])
def test_answers_that_are_no_scp02(answer: str) -> None:
    channel = Scp02(DUMP_KEYS)
    channel.initialize(h(DUMP["host_challenge"]))
    with pytest.raises(CardAnswerMalformed):
        channel.authenticate(of(answer), Level.C_MAC)


def test_secret_and_name_go_through_the_channel() -> None:
    sent = opened().wrap(commands.store_data(0, 0, b"\x01\x02", name="STORE DATA 8000"))
    assert (sent.secret, sent.name) == (True, "STORE DATA 8000")
    assert "0102" not in repr(sent)


def test_opening_anew_closes_what_was_open() -> None:
    channel = opened()
    channel.initialize(bytes(8))
    assert not channel.open
    with pytest.raises(LevelNotSupported):
        channel.initialize(bytes(7))


# -- both ways against a card over the plain ciphers ------------------------------------------------------------------

OPTIONS = (0x04, 0x05, 0x14, 0x15, 0x44, 0x45, 0x54, 0x55)
THREE = (bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48)))


@dataclass(frozen=True)
class WithResponses(RawKeys):
    """The same with S-RMAC."""

    response: bytes = b""

    def rmac(self, icv: bytes, data: bytes) -> bytes:
        return retail_mac(self.response, icv, data)


@dataclass(frozen=True)
class WithResponseKeys:
    keys: tuple[bytes, bytes, bytes]

    def open(self, key_data: bytes, kvn: int, sequence: bytes) -> WithResponses:
        enc, mac, dek = self.keys
        pairs = ((enc, Scp02Constant.ENC), (mac, Scp02Constant.C_MAC), (dek, Scp02Constant.DEK))
        made = [scp02_session(key, constant, sequence) for key, constant in pairs]
        return WithResponses(*made, response=scp02_session(mac, Scp02Constant.R_MAC, sequence))


def against(card: Any, level: Level, *, encrypts_empty: bool = False) -> Scp02[WithResponses]:
    channel = Scp02(WithResponseKeys(card.keys), i=card.i, encrypts_empty=encrypts_empty)
    first = channel.initialize(b"hhhhhhhh", 0x20)
    channel.unwrap(card.authenticate(channel.authenticate(card.initialize(first), level)))
    return channel


@pytest.mark.parametrize("i", OPTIONS)
@pytest.mark.parametrize(
    "level",
    [Level.C_MAC, Level.C_DECRYPTION_C_MAC, Level.R_MAC, Level.C_MAC_R_MAC, Level.C_DECRYPTION_C_MAC_R_MAC],
)
def test_both_ways(card02: Any, i: int, level: Level) -> None:
    # i bit 1 clear: one base key, from which all three session keys come.
    card = card02(THREE if i & 1 else THREE[:1] * 3, i=i)
    channel = against(card, level)
    for n in (0, 1, 7, 8, 9, channel.room):
        command = CommandApdu(0x80, 0xE2, 0, n & 0xFF, bytes(range(n)), 256)
        assert card.unwrap(channel.wrap(command)).data == command.data
        assert channel.unwrap(card.answer(bytes(n % 9))).data == bytes(n % 9)
    card.unwrap(channel.wrap(command))
    assert channel.unwrap(ResponseApdu(b"", StatusWord(0x6A80))).sw == 0x6A80  # an error comes alone
    card.unwrap(channel.wrap(command))
    assert channel.unwrap(card.answer(b"\x01", 0x6310)).data == b"\x01"


def test_the_card_refuses_a_wrong_mac_and_a_replay(card02: Any, refused: Any) -> None:
    card = card02(THREE)
    channel = against(card, Level.C_DECRYPTION_C_MAC)
    sent = channel.wrap(CommandApdu(0x80, 0xE2, 0, 0, b"\x01"))
    with pytest.raises(refused):
        card.unwrap(CommandApdu(sent.cla, sent.ins, 1, sent.p2, sent.data))
    card.unwrap(sent)
    with pytest.raises(refused):
        card.unwrap(sent)


def test_forged_responses_close_the_channel(card02: Any) -> None:
    command = CommandApdu(0x80, 0xCA, 0, 0x66, ne=256)
    changes: list[Any] = [
        lambda right, before: before,
        lambda right, before: ResponseApdu(right.data[:-1], right.sw),
        lambda right, before: ResponseApdu(b"", right.sw),
        lambda right, before: ResponseApdu(right.data, StatusWord(0x6283)),
    ]
    for change in changes:
        card = card02(THREE)
        channel = against(card, Level.C_MAC_R_MAC)
        card.unwrap(channel.wrap(command))
        first = card.answer(b"first")
        channel.unwrap(first)
        card.unwrap(channel.wrap(command))
        with pytest.raises(ResponseNotGenuine):
            channel.unwrap(change(card.answer(b"second"), first))
        assert not channel.open


def test_an_r_mac_session_begins_and_ends(card02: Any) -> None:
    card = card02(THREE)
    channel = against(card, Level.C_MAC)

    class Link:
        def send(self, command: CommandApdu) -> ResponseApdu:
            plain = card.unwrap(command)
            answer = card.answer(b"")
            if plain.ins == 0x7A:
                card.level, card.ricv = 0x11, card.icv
            return answer

    drive(channel.begin_r_mac(b"any"), Link())
    assert channel.level is Level.C_MAC_R_MAC
    card.unwrap(channel.wrap(CommandApdu(0x80, 0xCA, 0, 0x66, ne=256)))
    assert channel.unwrap(card.answer(b"data")).data == b"data"
    drive(channel.end_r_mac(), Link())
    assert channel.level is Level.C_MAC
    with pytest.raises(LevelNotSupported):
        drive(against(card02(THREE), Level.C_MAC_R_MAC).begin_r_mac(), Link())


def test_r_mac_needs_a_key_store_that_has_it(card02: Any) -> None:
    with pytest.raises(LevelNotSupported):
        opened(level=Level.C_MAC_R_MAC)
    with pytest.raises(LevelNotSupported):
        opened(level=Level.C_DECRYPTION_R_ENCRYPTION_C_MAC_R_MAC)


def test_a_card_that_wants_the_empty_field_encrypted(card02: Any) -> None:
    card = card02(THREE)
    channel = against(card, Level.C_DECRYPTION_C_MAC, encrypts_empty=True)
    sent = channel.wrap(CommandApdu(0x80, 0xCA, 0, 0x66, ne=256))
    assert len(sent.data) == 16
    assert card.unwrap(sent).data == b""
