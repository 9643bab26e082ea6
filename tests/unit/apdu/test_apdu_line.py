"""Exchanges of the social-security line against the vectors; the card side here is a few lines of script."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from cardfab.apdu import (
    ApduMalformed,
    CardAnswered,
    CardNotGenuine,
    CommandApdu,
    drive,
    external_authenticate,
    internal_authenticate,
    link_to,
    protected,
    send_protected,
)
from cardfab.apdu.trace import ReplayConnection
from cardfab.crypto import Algorithm
from cardfab.crypto.line import auth_data, sm_encrypt, sm_mac

VECTORS = Path(__file__).parents[2] / "vectors"
V = {v["id"]: v for v in json.loads((VECTORS / "social-security-and-pboc.json").read_text())["vectors"]}
h = bytes.fromhex
CHALLENGE = h("1122334455667788")
BOTH = [(Algorithm.TDES, "3des"), (Algorithm.SM4, "sm4")]


@dataclass(frozen=True)
class RawKey:
    """A card key for tests: what the key room does behind its counter."""

    algorithm: Algorithm
    key: bytes

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        return auth_data(self.algorithm, self.key, challenge, original)

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        return sm_mac(self.algorithm, self.key, challenge, data)

    def encrypt(self, challenge: bytes, plain: bytes) -> bytes:
        return sm_encrypt(self.algorithm, self.key, challenge, plain)


def card(*steps: str) -> ReplayConnection:
    return ReplayConnection.of_text("\n".join(["! 3B00", *steps]))


@pytest.mark.parametrize("region", ["650100", "330100"])
@pytest.mark.parametrize(("algorithm", "name"), BOTH)
def test_external_authentication(region: str, algorithm: Algorithm, name: str) -> None:
    v = V[f"ss_diversify_{region}"]
    outer, key = v["external_auth"], RawKey(algorithm, h(v[f"k{name}"]["card"]))
    sent = outer.get(f"apdu_UKSSSE_{name}", "0082000410" + outer[f"data_{name}"])
    replay = card("> 0084000008", f"< {outer['card_challenge']} 9000", f"> {sent}", "< 9000")
    drive(external_authenticate(key, 0x04, original=h(outer["original"])), link_to(replay))
    replay.finish()


def test_refused_external_authentication_stops_the_job() -> None:
    v = V["ss_diversify_650100"]
    key = RawKey(Algorithm.TDES, bytes(16))
    data = (auth_data(Algorithm.TDES, key.key, CHALLENGE, CHALLENGE) + CHALLENGE).hex().upper()
    replay = card("> 0084000008", f"< {CHALLENGE.hex().upper()} 9000", f"> 0082000410 {data}", "< 63C2")
    with pytest.raises(CardAnswered) as caught:
        drive(external_authenticate(key, 0x04, name="EXTERNAL AUTHENTICATE UKSSSE"), link_to(replay))
    assert caught.value.exit_status == 4
    assert caught.value.command == "EXTERNAL AUTHENTICATE UKSSSE"
    assert v["root_key"] not in str(caught.value)


@pytest.mark.parametrize(("algorithm", "name"), BOTH)
def test_internal_authentication(algorithm: Algorithm, name: str) -> None:
    v = V["ss_diversify_650100"]
    inner, key = v["internal_auth"], RawKey(algorithm, h(v[f"k{name}"]["card"]))
    exchange = internal_authenticate(key, h(inner["session_factor"]), h(inner["original"]))
    drive(exchange, link_to(card(f"> 0088000010 {inner['apdu_data']} 08", f"< {inner[f'resp_{name}']} 9000")))


@pytest.mark.parametrize("answer", ["0000000000000000 9000", "9000"])
def test_a_card_that_does_not_hold_the_key(answer: str) -> None:
    key = RawKey(Algorithm.TDES, bytes(16))
    replay = card(f"> 0088000010 {'11' * 16} 08", f"< {answer}")
    with pytest.raises(CardNotGenuine) as caught:
        drive(internal_authenticate(key, h("11" * 8), h("11" * 8)), link_to(replay))
    assert caught.value.exit_status == 6


@pytest.mark.parametrize(("algorithm", "name"), [(Algorithm.DES, "des"), (Algorithm.SM4, "sm4")])
def test_application_block(algorithm: Algorithm, name: str) -> None:
    v = V[f"ss_sm_app_block_{name}"]
    command = CommandApdu(0x80, 0x1E, 0x00, 0x01)
    assert protected(command, RawKey(algorithm, h(v["stk"])), h(v["challenge8"])).to_bytes() == h(v["apdu"])


@pytest.mark.parametrize(("algorithm", "name"), [(Algorithm.DES, "des"), (Algorithm.SM4, "sm4")])
def test_pin_reload_over_the_line(algorithm: Algorithm, name: str) -> None:
    key = RawKey(algorithm, h(V[f"ss_sm_app_block_{name}"]["stk"]))
    command = CommandApdu(0x80, 0x24, 0x00, 0x01, h(V["ss_pin_reload"]["new_pin_bcd"]), secret=True)
    replay = card(
        "> 0084000008", f"< {CHALLENGE.hex()} 9000".upper(), f"> {V['ss_pin_reload'][f'{name}_apdu']}", "< 9000"
    )
    drive(send_protected(command, key, encrypted=True), link_to(replay))
    replay.finish()
    assert protected(command, key, CHALLENGE).secret


def test_a_command_must_leave_room_for_its_mac() -> None:
    with pytest.raises(ApduMalformed):
        protected(CommandApdu(0, 0xDC, 1, 4, bytes(252)), RawKey(Algorithm.DES, bytes(8)), CHALLENGE)
