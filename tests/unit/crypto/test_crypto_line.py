"""Authentication and secure messaging of the card line against the vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cardfab.crypto import Algorithm, CipherRefused
from cardfab.crypto.line import auth_data, load_encrypt, load_mac, session_key, sm_encrypt, sm_mac

VECTORS = Path(__file__).parents[2] / "vectors"
V = {v["id"]: v for v in json.loads((VECTORS / "social-security-and-pboc.json").read_text())["vectors"]}
h = bytes.fromhex
BOTH = [(Algorithm.TDES, "3des"), (Algorithm.SM4, "sm4")]


@pytest.mark.parametrize("region", ["650100", "330100"])
@pytest.mark.parametrize(("algorithm", "name"), BOTH)
def test_authentication(region: str, algorithm: Algorithm, name: str) -> None:
    v = V[f"ss_diversify_{region}"]
    key = h(v[f"k{name}"]["card"])
    inner, outer = v["internal_auth"], v["external_auth"]
    assert session_key(algorithm, key, h(inner["session_factor"])) == h(inner[f"session_key_{name}"])
    answer = auth_data(algorithm, key, h(inner["session_factor"]), h(inner["original"]))
    assert answer == h(inner[f"resp_{name}"])
    sent = auth_data(algorithm, key, h(outer["card_challenge"]), h(outer["original"])) + h(outer["original"])
    assert sent == h(outer[f"data_{name}"])


@pytest.mark.parametrize(("algorithm", "name"), [(Algorithm.DES, "des"), (Algorithm.SM4, "sm4")])
def test_application_block_mac(algorithm: Algorithm, name: str) -> None:
    v = V[f"ss_sm_app_block_{name}"]
    stk, challenge = h(v["stk"]), h(v["challenge8"])
    assert session_key(algorithm, stk, challenge) == h(v["session_key"])
    mac = sm_mac(algorithm, stk, challenge, h("841E000104"))
    assert mac == h(v["mac4"])
    assert h("841E000104") + mac == h(v["apdu"])


@pytest.mark.parametrize(
    ("algorithm", "stk", "lc", "name"),
    [
        (Algorithm.DES, "0123456789ABCDEF", "0C", "des_apdu"),
        (Algorithm.SM4, "0123456789ABCDEFFEDCBA9876543210", "14", "sm4_apdu"),
    ],
)
def test_pin_reload_encrypts_and_macs(algorithm: Algorithm, stk: str, lc: str, name: str) -> None:
    v = V["ss_pin_reload"]
    challenge = h("1122334455667788")
    head = h("84240001" + lc) + sm_encrypt(algorithm, h(stk), challenge, h(v["new_pin_bcd"]))
    assert head + sm_mac(algorithm, h(stk), challenge, head) == h(v[name])


def test_key_load_of_a_psam() -> None:
    v = V["psam_create_key"]
    key = h(v["master_key"])
    cipher = load_encrypt(Algorithm.TDES, key, h(v["record"]))
    assert cipher == h(v["cipher"])
    head = h("84D4001124") + cipher
    assert head + load_mac(Algorithm.TDES, key, h(v["challenge4"]), head) == h(v["apdu"])


def test_fmcos_write_key() -> None:
    v = V["fmcos_write_key_enc_mac"]
    key, plain = h(v["line_key"]), h(v["plain_LD_data"])
    cipher = load_encrypt(Algorithm.DES, key, plain[1:])
    assert (plain[0], cipher) == (len(plain) - 1, h(v["cipher"]))
    assert load_mac(Algorithm.DES, key, h(v["challenge4"]), h(v["mac_input"])) == h(v["mac4"])
    assert h(v["mac_input"]) + h(v["mac4"]) == h(v["apdu"])


def test_four_byte_challenge_is_padded_with_zeros() -> None:
    key = bytes(range(16))
    short = session_key(Algorithm.TDES, key, h("A1B2C3D4"))
    assert short == session_key(Algorithm.TDES, key, h("A1B2C3D400000000"))


def test_medical_session_keys_are_single_length() -> None:
    load, buy = V["ss_medical_load_3des"], V["ss_medical_purchase_3des"]
    factor = h(load["rand4"]) + h(load["load_seq"]) + h("8000")
    assert session_key(Algorithm.TDES, h(load["DLK"]), factor) == h(load["SESLK"])
    factor = h(buy["rand4"]) + h(buy["purchase_seq"]) + h(buy["terminal_seq"])[2:]
    assert session_key(Algorithm.TDES, h(buy["DPK"]), factor) == h(buy["SESPK"])


def test_medical_macs() -> None:
    """Part 7, 11: the header stays out; the MAC key is the session key, so it is used as a DES key with CBC."""
    v = V["ss_medical_load_3des"]
    body = h(v["balance"] + v["amount"] + v["type"] + v["terminal"])
    assert load_mac(Algorithm.DES, h(v["SESLK"]), bytes(8), body) == h(v["MAC1"])
    body = h(v["amount"] + v["type"] + v["terminal"] + v["time"])
    assert load_mac(Algorithm.DES, h(v["SESLK"]), bytes(8), body) == h(v["MAC2"])


@pytest.mark.parametrize(
    "call",
    [
        lambda: session_key(Algorithm.TDES, bytes(16), bytes(5)),
        lambda: session_key(Algorithm.AES, bytes(16), bytes(8)),
        lambda: session_key(Algorithm.SSF33, bytes(16), bytes(8)),
        lambda: auth_data(Algorithm.TDES, bytes(16), bytes(8), bytes(7)),
        lambda: sm_encrypt(Algorithm.TDES, bytes(16), bytes(8), bytes(256)),
        lambda: load_mac(Algorithm.TDES, bytes(16), bytes(5), b""),
    ],
)
def test_refusals(call: Any) -> None:
    with pytest.raises(CipherRefused):
        call()
