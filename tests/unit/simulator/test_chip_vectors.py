"""The chip's cryptography against published and computed vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cardfab.crypto import Algorithm
from cardfab.simulator.chip import crypt, groupings, scp02
from cardfab.simulator.chip.message import parse

HERE = Path(__file__).resolve().parents[2] / "vectors"
VECTORS: dict[str, dict[str, Any]] = {
    one["id"]: one for one in json.loads((HERE / "social-security-and-pboc.json").read_text("utf-8"))["vectors"]
}
GLOBAL_PLATFORM = json.loads((HERE / "globalplatform.json").read_text("utf-8"))
H = bytes.fromhex
CIPHERS = pytest.mark.parametrize(("algorithm", "name"), [(Algorithm.TDES, "3des"), (Algorithm.SM4, "sm4")])
REGIONS = pytest.mark.parametrize("region", ["650100", "330100"])


def hexed(data: bytes) -> str:
    return data.hex().upper()


@REGIONS
@CIPHERS
def test_diversification_through_three_levels(region: str, algorithm: Algorithm, name: str) -> None:
    vector = VECTORS[f"ss_diversify_{region}"]
    key = H(vector["root_key"])
    factors = crypt.factors(region, H(vector["historical_bytes"]))
    assert [hexed(f) for f in factors] == [vector["f1"], vector["f2"], vector["f3"]]
    for factor, level in zip(factors, ("level1", "level2", "card"), strict=True):
        key = crypt.diversify(algorithm, key, factor)
        assert hexed(key) == vector[f"k{name}"][level]
    assert crypt.card_key(algorithm, H(vector["root_key"]), region, H(vector["historical_bytes"])) == key


@REGIONS
def test_diversification_of_a_single_length_key(region: str) -> None:
    vector = VECTORS[f"ss_diversify_{region}"]
    key, seen = H(vector["root_key"])[:8], []
    for factor in crypt.factors(region, H(vector["historical_bytes"])):
        key = crypt.diversify(Algorithm.TDES, key, factor)
        seen.append(hexed(key))
    assert seen == vector["kdes_single_from_left_half"]


def test_zhejiang_drops_the_district_from_its_second_factor() -> None:
    historical = bytes(13)
    assert crypt.factors("330102", historical)[1] == b"330100sx"
    assert crypt.factors("440199", historical)[1] == b"440199sx"


@REGIONS
@CIPHERS
def test_internal_authentication_and_session_key(region: str, algorithm: Algorithm, name: str) -> None:
    vector = VECTORS[f"ss_diversify_{region}"]
    card, sample = H(vector[f"k{name}"]["card"]), vector["internal_auth"]
    session = crypt.session_key(algorithm, card, H(sample["session_factor"]))
    assert hexed(session) == sample[f"session_key_{name}"]
    assert hexed(crypt.authentication(algorithm, session, H(sample["original"]))) == sample[f"resp_{name}"]


@REGIONS
@CIPHERS
def test_card_identification_with_its_code(region: str, algorithm: Algorithm, name: str) -> None:
    vector = VECTORS[f"ss_diversify_{region}"]
    made = crypt.card_identification(algorithm, region, H("00000001"), H(vector[f"k{name}"]["card"]))
    assert hexed(made) == vector["card_id"]["issue_code"] + vector["card_id"][f"auth_code_{name}_mac"]


@pytest.mark.parametrize("name", ["des", "sm4"])
def test_block_and_pin_reload_commands(name: str) -> None:
    vector = VECTORS[f"ss_sm_app_block_{name}"]
    algorithm = Algorithm.TDES if name == "des" else Algorithm.SM4
    session = crypt.session_key(algorithm, H(vector["stk"]), H(vector["challenge8"]))
    assert hexed(session) == vector["session_key"]
    assert hexed(crypt.message_mac(algorithm, session, H("841E000104"))) == vector["mac4"]

    reload = H(VECTORS["ss_pin_reload"][f"{name}_apdu"])
    assert crypt.message_mac(algorithm, session, reload[:-4]) == reload[-4:]
    assert crypt.revealed(algorithm, session, reload[5:-4]) == H(VECTORS["ss_pin_reload"]["new_pin_bcd"])


def test_revealed_wants_whole_blocks_and_a_true_length() -> None:
    assert crypt.revealed(Algorithm.TDES, bytes(8), b"") is None
    assert crypt.revealed(Algorithm.TDES, bytes(8), bytes(7)) is None
    assert crypt.revealed(Algorithm.TDES, bytes(8), bytes(8)) is None


def test_cps_keys_sessions_and_cryptograms() -> None:
    vector = VECTORS["cps_kmc_full"]
    static = scp02.diversified(H(vector["KMC"]), H(vector["KEYDATA"]))
    assert [hexed(k) for k in (static.enc, static.mac, static.dek)] == [vector[k] for k in ("KENC", "KMAC", "KDEK")]
    session = scp02.session_keys(static, H(vector["seq"]))
    named = [vector[k] for k in ("SKUENC", "SKUMAC", "SKUDEK")]
    assert [hexed(k) for k in (session.enc, session.mac, session.dek)] == named
    card_part = H(vector["seq"] + vector["card_challenge6"])
    assert hexed(scp02.cryptogram(session.enc, card_part, H(vector["host_challenge"]))) == vector["host_cryptogram"]
    assert scp02.cryptogram(session.enc, H(vector["host_challenge"]), card_part) == H(vector["init_update_resp"])[-8:]
    channel = scp02.Channel(session, 0, bytes(8))
    assert hexed(channel.reveal(H(vector["dgi8000_under_SKUDEK_ecb"]))) == vector["dgi8000_plain"]
    assert hexed(channel.reveal(H(vector["dgi8010_under_SKUDEK_ecb"]))) == vector["dgi8010_plain"]
    assert hexed(groupings.check_values(Algorithm.TDES, H(vector["dgi8000_plain"]))) == vector["dgi9000"]


def test_key_check_values() -> None:
    vector = VECTORS["pboc_perso_kcv"]
    keys = H("".join(vector["keys"]))
    assert hexed(groupings.check_values(Algorithm.TDES, keys)) == "".join(vector["kcv_3des"])
    assert hexed(groupings.check_values(Algorithm.SM4, keys)) == "".join(vector["kcv_sm4_computed"])


def test_scp02_of_a_real_card_is_unwrapped() -> None:
    """The command MACs of a dump of a real card, i=15: the ICV is encrypted from the second command on."""
    vector = GLOBAL_PLATFORM["scp02_session"][0]
    response = H(vector["init_update_rsp"])
    static = scp02.KeySet(*(H(vector["keys"][k]) for k in ("enc", "mac", "dek")))
    session = scp02.session_keys(static, response[12:14])
    assert scp02.cryptogram(session.enc, H(vector["host_challenge"]), response[12:20]) == response[20:28]
    first = parse(H(vector["ext_auth_cmd"]))
    assert crypt.retail_mac(session.mac, bytes(8), first.header(16) + first.data[:8]) == first.data[8:]
    channel = scp02.Channel(session, vector["level"], first.data[8:])
    for command in vector["commands"]:
        plain, wrapped = H(command["plain"]), parse(H(command["wrapped"]))
        taken_off = channel.unwrap(wrapped)
        lc = plain[4] if len(plain) > 5 else 0
        assert bytes((taken_off.cla, taken_off.ins, taken_off.p1, taken_off.p2)) == plain[:4]
        assert taken_off.data == plain[5 : 5 + lc]


def test_scp02_primitives_of_a_second_project() -> None:
    vector = GLOBAL_PLATFORM["scp02_primitives"][0]
    sample = vector["card_cryptogram"]
    made = scp02.cryptogram(H(sample["s_enc"]), H(sample["host"]), H(sample["card"]))
    assert made == H(sample["expected"])
    derive = vector["derive_session_enc"]
    static = scp02.KeySet(H(derive["key"]), H(derive["key"]), H(derive["key"]))
    assert scp02.session_keys(static, H(derive["seq"])).enc == H(derive["expected"])
    mac = vector["ext_auth_mac"]
    apdu = H(mac["apdu"])
    header = bytes((apdu[0], apdu[1], apdu[2], apdu[3], 16))
    assert crypt.retail_mac(H(mac["s_mac"]), bytes(8), header + apdu[5:]) == H(mac["expected"])
