"""Secure channels of every profile: published sessions, all options and levels, and what must be refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cardfab.simulator.chip import PROFILES, keyring, make_card, message, scp02, scp03, word
from cardfab.simulator.chip.memory import Memory
from cardfab.simulator.chip.profiles import Profile, published_key
from cardfab.simulator.chip.word import Refused

if TYPE_CHECKING:
    from conftest import Station

VECTORS = json.loads((Path(__file__).resolve().parents[2] / "vectors/globalplatform.json").read_text("utf-8"))
SESSIONS: list[dict[str, Any]] = VECTORS["scp03_sessions"]
CARDS = [name for name in PROFILES if name.startswith("gp-")]
SCP02_CARDS = [name for name in CARDS if PROFILES[name].scp == 2]
Maker = Callable[..., "Station"]
H = bytes.fromhex


def levels(profile: Profile) -> tuple[int, ...]:
    return scp02.levels(profile.option) if profile.scp == 2 else scp03.levels(profile.i)


EVERY = [(name, level) for name in CARDS for level in levels(PROFILES[name])]


# Published sessions, the card's side

ECASD = H("A0000005591010FFFFFFFF8900000100")


@pytest.mark.parametrize("vector", SESSIONS, ids=lambda one: one["name"])
def test_published_scp03_sessions_from_the_cards_side(vector: dict[str, Any]) -> None:
    static = scp02.KeySet(*(H(vector["keys"][name]) for name in ("enc", "mac", "dek")))
    answer, host = H(vector["init_update_rsp"]), H(vector["host_challenge"])
    assert scp03.derived(static.enc, scp03.CHALLENGE, answer[29:32] + ECASD, 8) == answer[13:21]
    session = scp03.Session(static, host, answer[13:21], 8)
    assert session.card_cryptogram == answer[21:29]
    authenticate = message.parse(H(vector["ext_auth_cmd"]))
    assert authenticate.data[:8] == session.host_cryptogram
    chain = scp03.full_mac(session, bytes(16), authenticate, authenticate.data[:8])
    assert chain[:8] == authenticate.data[8:]
    channel = scp03.Channel(session, vector["level"], chain)
    for exchange in vector["commands"]:
        plain = channel.unwrap(message.parse(H(exchange["wrapped"])))
        expected = message.parse(H(exchange["plain"]))
        assert (plain.ins, plain.p1p2, plain.data) == (expected.ins, expected.p1p2, expected.data)
        if "rsp" in exchange and vector["level"] & 0x10:
            assert channel.wrap(H(exchange["rsp_plain"]), 0x9000) == H(exchange["rsp"])


def test_the_whole_published_session_over_the_chip() -> None:
    """The card of the vector: its keys, counter and AID; every command is taken, the R-MAC of an error is absent."""
    vector = next(one for one in SESSIONS if one["name"] == "pysim_scp03_aes256_level33")
    profile = Profile("vector", "", scp=3, i=0x70, key_version=0x32, isd_aid=ECASD.hex())
    chip = make_card(profile)
    keys = {kid: keyring.Key(keyring.AES, H(vector["keys"][name])) for kid, name in enumerate(("enc", "mac", "dek"), 1)}
    chip.memory.write({**keyring.cells(0x32, keys), "isd/keydata": bytes(10), "isd/sequence/32": H("000001")})
    chip.power_on()
    assert chip.transmit(H(vector["init_update_cmd"])) == H(vector["init_update_rsp"]) + b"\x90\x00"
    assert chip.transmit(H(vector["ext_auth_cmd"])) == b"\x90\x00"
    channel = chip._domain.channel
    for exchange in vector["commands"]:
        chip.transmit(H(exchange["wrapped"]))
        assert chip._domain.channel is channel  # no MAC error, which would end it


def test_the_published_scp02_session_from_the_cards_side() -> None:
    vector = VECTORS["scp02_session"][0]
    static = scp02.KeySet(*(H(vector["keys"][name]) for name in ("enc", "mac", "dek")))
    answer = H(vector["init_update_rsp"])
    keys = scp02.session_keys(static, answer[12:14])
    assert scp02.cryptogram(keys.enc, H(vector["host_challenge"]), answer[12:20]) == answer[20:]
    channel = scp02.Channel(keys, 1, H(vector["ext_auth_cmd"])[-8:])
    for exchange in vector["commands"]:
        plain = channel.unwrap(message.parse(H(exchange["wrapped"])))
        assert plain.data == message.parse(H(exchange["plain"])).data


def test_session_keys_of_both_protocols() -> None:
    said = VECTORS["key_diversification"]["gppro_session_key_kcv"]
    static = scp02.KeySet(*(H(said["static"]),) * 3)
    keys = scp02.session_keys(static, bytes(2))
    found = {"enc": keys.enc, "mac": keys.mac, "dek": keys.dek, "rmac": scp02.response_key(static, bytes(2))}
    for name, key in found.items():
        assert keyring.Key(keyring.DES, key).check_value().hex().upper() == said["scp02"][name]
    context = H(said["scp03"]["ctx"])
    for name, constant in (("enc", scp03.S_ENC), ("mac", scp03.S_MAC), ("rmac", scp03.S_RMAC)):
        key = scp03.derived(static.enc, constant, context, 16)
        assert keyring.Key(keyring.AES, key).check_value().hex().upper() == said["scp03"][name]


# Every profile, every level

AWAY = "00A4040009F04341524446414200"


@pytest.mark.parametrize(("name", "level"), EVERY)
def test_every_level_of_every_card(station: Maker, name: str, level: int) -> None:
    one = station(name)
    for _ in range(2):  # the second time with the next counter
        assert one.login(level) == 0x9000
        assert one.ok("80CA0066").startswith(b"\x66")
        assert one.ok("80E29000", H("4203112233450455667788")) == b""
        assert one.ok("80CA0042") == H("4203112233")
        assert one.ok("80F28002", H("4F00")).startswith(b"\xe3")
        assert one.sw("80F24002", H("4F03FFFFFF")) == "6A88"
        assert one.ok("80CA0045") == H("450455667788")  # an error is in the chain as well


@pytest.mark.parametrize("name", CARDS)
def test_levels_that_a_card_has_not(station: Maker, name: str) -> None:
    one = station(name)
    missing = [level for level in (0x02, 0x10, 0x11, 0x13, 0x33, 0x30, 0x80) if level not in levels(one.profile)]
    for level in missing:
        assert one.login(level) == word.WRONG_P1P2
        assert one.plain("80F28002024F00")[1] == word.NOT_AUTHORISED


PROTECTED = [
    (name, level) for name, level in EVERY if level & 0x01 and name.endswith(("i55", "i04", "128-s8", "256-s16"))
]


@pytest.mark.parametrize(("name", "level"), PROTECTED)
@pytest.mark.parametrize("spoil", ["mac", "data", "header", "replay", "short", "plain", "truncated", "swapped"])
def test_protection_errors_end_the_channel(station: Maker, name: str, level: int, spoil: str) -> None:
    one = station(name)
    assert one.login(level) == 0x9000
    size = one.profile.size
    first = one.wrap(H("80E2000007") + H("42051122334455"))
    second = one.wrap(H("80E2000109") + H("450711223344556677"))
    if spoil in ("replay", "truncated"):
        assert one.raw(first)[1] == 0x9000
    sent = {
        "mac": first[:-1] + bytes((first[-1] ^ 1,)),
        "data": first[:6] + bytes((first[6] ^ 0x80,)) + first[7:],
        "header": first[:3] + b"\x01" + first[4:],
        "replay": first,
        "short": H("84E20000") + bytes((size - 1,)) + first[-size + 1 :],
        "plain": H("80E20000074205") + H("1122334455"),
        "truncated": second[:4] + bytes((second[4] - 1,)) + second[5:-1],
        "swapped": second,
    }[spoil]
    assert one.raw(sent)[1] == (word.NOT_AUTHORISED if spoil == "plain" else word.MAC_WRONG)
    assert one.chip._domain.channel is None
    assert one.plain("80F28002024F00")[1] == word.NOT_AUTHORISED
    assert one.plain("80CA004200")[1] == word.NOT_FOUND  # nothing was stored
    assert one.login(level) == 0x9000


@pytest.mark.parametrize("name", CARDS)
def test_cryptograms_that_are_refused(station: Maker, name: str) -> None:
    one, wrong = station(name), bytes(PROFILES[name].key_length)
    assert one.login(key=wrong) == word.AUTHENTICATION_FAILED
    size = one.profile.size
    one.initialize()
    assert one.raw(bytes((0x84, 0x82, 0, 0, 2 * size - 1)) + bytes(2 * size - 1))[1] == word.WRONG_LENGTH
    assert one.raw(bytes((0x84, 0x82, 0, 0, 2 * size)) + bytes(2 * size))[1] == word.CONDITIONS  # spent
    assert one.initialize(host=bytes(size + 1))[2] == word.WRONG_LENGTH
    assert one.initialize(version=0x5A)[2] == word.NOT_FOUND
    for _ in range(one.profile.tries - 1):
        assert one.login(key=wrong) == word.AUTHENTICATION_FAILED
    assert one.login() == word.KEY_BLOCKED
    one.chip.power_on()
    assert one.login() == word.KEY_BLOCKED


def test_a_login_restores_the_tries(station: Maker) -> None:
    one = station("gp-scp03-aes128-s8")
    for _ in range(3):
        for _ in range(one.profile.tries - 1):
            assert one.login(key=bytes(16)) == word.AUTHENTICATION_FAILED
        assert one.login(0x33) == 0x9000


# Challenges and counters


@pytest.mark.parametrize("name", [one for one in CARDS if PROFILES[one].scp == 3])
def test_scp03_challenges(station: Maker, name: str) -> None:
    one = station(name)
    size, computed = one.profile.size, bool(one.profile.i & scp03.COMPUTED)
    answers = [one.initialize()[1] for _ in range(3)]
    assert [len(answer) for answer in answers] == [13 + 2 * size + (3 if computed else 0)] * 3
    assert len({answer[13 : 13 + size] for answer in answers}) == 3
    if computed:  # D 6.2.2.1: before it is used, from 1; it outlives the power
        assert [answer[-3:].hex() for answer in answers] == ["000001", "000002", "000003"]
        one.chip.power_on()
        answer = one.initialize()[1]
        assert answer[-3:].hex() == "000004"
        key = published_key(one.profile.key_length)
        assert scp03.derived(key, 2, answer[-3:] + H(one.profile.isd_aid), size) == answer[13 : 13 + size]
        assert one.plain("80CA00C100")[0] == H("C103000004")
        version = f"{one.profile.key_version:02X}"
        one.chip.memory.write({f"isd/sequence/{version}": b"\xff\xff\xff"})
        assert one.initialize()[2] == word.CONDITIONS


@pytest.mark.parametrize("name", SCP02_CARDS)
def test_scp02_challenges(station: Maker, name: str) -> None:
    one = station(name)
    first, second = one.initialize()[1], one.initialize()[1]
    assert (first[14:20] == second[14:20]) == bool(one.profile.i & 0x40)  # the same counter, computed
    assert one.login() == 0x9000
    assert one.initialize()[1][12:14] == b"\x00\x01"


def test_a_computed_challenge_belongs_to_the_application(station: Maker) -> None:
    for name in ("gp-scp02-i55", "gp-scp03-aes128-s8"):
        one, other = station(name), station(name)
        assert other.plain(AWAY)[1] == 0x9000
        assert one.initialize()[1][13:20] != other.initialize()[1][13:20]


def test_channels_on_an_application_of_its_own(station: Maker) -> None:
    for name in ("gp-scp02-i55", "gp-scp03-aes256-s16"):
        one = station(name)
        one.plain(AWAY)
        assert one.login(0x13) == 0x9000
        assert one.ok("80E28800", H("000103AABBCC")) == b""
        assert one.ok("80CA0001") == H("AABBCC")


def test_unknown_options_are_no_channels() -> None:
    memory = Memory()
    with pytest.raises(Refused):
        keyring.Keyring(memory).channel_set(0, base=False)
    assert Profile.of(memory).name == "training-ssc2"


def test_selection_and_reset_end_a_channel(station: Maker) -> None:
    one = station("gp-scp03-aes192-s8")
    for leave in ("00A4040000", AWAY, "00A4040008A000000151000000"):
        one.plain("00A4040000")
        assert one.login(0x33) == 0x9000
        assert one.plain(leave)[1] == 0x9000
        one.plain("00A4040000")
        assert one.sw("80F28002", H("4F00")) == "6982"
    one.login(0x33)
    one.chip.power_on()
    assert one.sw("80F28002", H("4F00")) == "6982"


def test_a_half_open_channel_ends_with_another_command(station: Maker) -> None:
    one = station("gp-scp03-aes128-s16")
    host, answer, _ = one.initialize()
    one.plain("80CA006600")
    session = scp03.Session(scp02.KeySet(*(published_key(16),) * 3), host, answer[13:29], 16)
    data = session.host_cryptogram + bytes(16)
    assert one.raw(H("8482000020") + data)[1] == word.CONDITIONS
