"""Key derivation against the published vectors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from cardfab.crypto import Algorithm, CipherRefused, encrypt_ecb
from cardfab.crypto.checkvalues import kcv_many
from cardfab.crypto.derive import (
    SCHEMES,
    Diversification,
    Scp02Constant,
    emv_cps,
    emv_option_a,
    kcv,
    scp02_session,
    ss_diversify,
    ss_factors,
)

pytestmark = pytest.mark.shows("unit tests use the published vectors, copied with their sources (test)")

VECTORS = Path(__file__).parents[2] / "vectors"
SOCIAL = {v["id"]: v for v in json.loads((VECTORS / "social-security-and-pboc.json").read_text())["vectors"]}
GLOBAL = json.loads((VECTORS / "globalplatform.json").read_text())
h = bytes.fromhex


@pytest.mark.parametrize("region", ["650100", "330100"])
def test_hierarchy_of_a_card(region: str) -> None:
    v = SOCIAL[f"ss_diversify_{region}"]
    factors = ss_factors(region, h(v["historical_bytes"]))
    assert factors == (h(v["f1"]), h(v["f2"]), h(v["f3"]))
    for algorithm, name in ((Algorithm.TDES, "k3des"), (Algorithm.SM4, "ksm4")):
        key = h(v["root_key"])
        for level, factor in zip(("level1", "level2", "card"), factors, strict=True):
            key = ss_diversify(algorithm, key, factor)
            assert key == h(v[name][level])
    key = h(v["root_key"])[:8]
    for want, factor in zip(v["kdes_single_from_left_half"], factors, strict=True):
        key = ss_diversify(Algorithm.DES, key, factor)
        assert key == h(want)


def test_cps_card_and_session_keys() -> None:
    v = SOCIAL["cps_kmc_full"]
    for index, static, constant, session in (
        (1, "KENC", Scp02Constant.ENC, "SKUENC"),
        (2, "KMAC", Scp02Constant.C_MAC, "SKUMAC"),
        (3, "KDEK", Scp02Constant.DEK, "SKUDEK"),
    ):
        key = emv_cps(h(v["KMC"]), h(v["KEYDATA"]), index)
        assert key == h(v[static])
        assert scp02_session(key, constant, h(v["seq"])) == h(v[session])


def test_cps_agrees_with_globalplatformpro() -> None:
    (v,) = [v for v in GLOBAL["key_diversification"]["vectors"] if v["kdf"] == "emv"]
    for index, name in enumerate(("enc", "mac", "dek"), 1):
        key = emv_cps(h(v["master"]), h(v["kdd"]), index)
        assert key == h(v["expected_keys"][name])
        assert kcv(Algorithm.TDES, key) == h(v["expected_kcv"][name])


def test_scp02_session_keys_of_strangers() -> None:
    v = GLOBAL["scp02_primitives"][0]["derive_session_enc"]
    assert scp02_session(h(v["key"]), int(v["constant"], 16), h(v["seq"])) == h(v["expected"])
    g = GLOBAL["key_diversification"]["gppro_session_key_kcv"]
    for name, constant in (
        ("enc", Scp02Constant.ENC),
        ("mac", Scp02Constant.C_MAC),
        ("dek", Scp02Constant.DEK),
        ("rmac", Scp02Constant.R_MAC),
    ):
        session = scp02_session(h(g["static"]), constant, h(g["scp02"]["seq"]))
        assert kcv(Algorithm.TDES, session) == h(g["scp02"][name])


def test_emv_option_a() -> None:
    v = SOCIAL["emv_option_a"]
    assert emv_option_a(h(v["imk"]), v["pan"], v["psn"], odd_parity=True) == h(v["icc_mk"])
    p = SOCIAL["pboc_udk_and_session_key"]
    assert emv_option_a(h(p["mdk"]), p["pan"], p["psn"]) == h(p["udk_3des"])
    assert emv_option_a(h(p["mdk"]), p["pan"], p["psn"], algorithm=Algorithm.SM4) == h(p["udk_sm4"])


def test_key_check_values() -> None:
    v = SOCIAL["pboc_perso_kcv"]
    for key, des, sm4 in zip(v["keys"], v["kcv_3des"], v["kcv_sm4_computed"], strict=True):
        assert kcv(Algorithm.TDES, h(key)) == h(des)
        assert kcv(Algorithm.SM4, h(key)) == h(sm4)
    for value, key in GLOBAL["key_diversification"]["kcv_aes_pysim"].items():
        if value != "source":
            assert kcv(Algorithm.AES, h(key)) == h(value)


@pytest.mark.parametrize("region", ["65010", "6501000", "65010x", "６５０１００"])
def test_region_code_is_six_digits(region: str) -> None:
    with pytest.raises(CipherRefused):
        ss_factors(region, bytes(13))


def refusals() -> list[Any]:
    k = bytes(range(16))
    return [
        lambda: ss_factors("650100", bytes(12)),
        lambda: ss_diversify(Algorithm.TDES, k, bytes(7)),
        lambda: ss_diversify(Algorithm.SSF33, k, bytes(8)),
        lambda: emv_cps(k, bytes(9), 1),
        lambda: emv_cps(k, bytes(10), 4),
        lambda: scp02_session(k, 0x0182, bytes(3)),
        lambda: emv_option_a(k, "62280x", "00"),
        lambda: emv_option_a(k, "622800", "0"),
        lambda: emv_option_a(k[:8], "622800", "00"),
    ]


@pytest.mark.parametrize("call", refusals())
def test_wrong_lengths_are_refused(call: Any) -> None:
    with pytest.raises(CipherRefused):
        call()


@pytest.mark.parametrize("v", GLOBAL["key_diversification"]["vectors"], ids=lambda v: f"{v['kdf']}-{v['master'][:4]}")
def test_diversification_by_every_scheme(v: dict[str, Any]) -> None:
    scheme = Diversification.of(v["kdf"])
    spelled = Diversification.of(SCHEMES[v["kdf"]])
    keys = [scheme.card_key(h(v["master"]), h(v["kdd"]), index) for index in (1, 2, 3)]
    assert keys == [spelled.card_key(h(v["master"]), h(v["kdd"]), index) for index in (1, 2, 3)]
    algorithm = Algorithm.AES if v["kdf"] == "kdf3" else Algorithm.TDES
    if "expected_enc" in v:
        assert keys[0] == h(v["expected_enc"])
    else:
        assert keys == [h(v["expected_keys"][name]) for name in ("enc", "mac", "dek")]
        assert [kcv(algorithm, key) for key in keys] == [h(v["expected_kcv"][name]) for name in ("enc", "mac", "dek")]


def test_a_template_of_ones_own() -> None:
    template = Diversification.of("AES KDD[0:7] i KDD[2:10]")
    kdd, master = bytes(range(10)), bytes(range(16))
    assert template.card_key(master, kdd, 2) == encrypt_ecb(Algorithm.AES, master, kdd[:7] + b"\x02" + kdd[2:])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "3DES",
        "KDD F0",
        "i XYZ",
        "i F",
        "i KDD[4:4]",
        "i KDD[4:11]",
        "CMAC i KDD",
        "3DES c i KDD",
        "i KDD[5:2]",
        "none",
    ],
)
def test_templates_that_make_no_sense(text: str) -> None:
    with pytest.raises(CipherRefused):
        Diversification.of(text)


def test_diversification_refuses_wrong_data() -> None:
    emv = Diversification.of("emv")
    for master, kdd, index in ((bytes(16), bytes(9), 1), (bytes(16), bytes(10), 0), (bytes(24), bytes(10), 1)):
        with pytest.raises(CipherRefused):
            emv.card_key(master, kdd, index)
    with pytest.raises(CipherRefused):  # 13 bytes are no whole blocks
        Diversification.of("KDD i F0 F0").card_key(bytes(16), bytes(10), 1)


@pytest.mark.parametrize("algorithm", [Algorithm.TDES, Algorithm.AES, Algorithm.SM4, Algorithm.SSF33])
@pytest.mark.parametrize("way", ["at once", "no such cipher", "refused by the library"])
def test_check_values_of_many_keys_are_those_of_each(
    algorithm: Algorithm, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "no such cipher":
        monkeypatch.setattr("cardfab.crypto.checkvalues._cipher", lambda _: None)
    elif way == "refused by the library":
        monkeypatch.setattr("cardfab.crypto.checkvalues._checked", lambda *_: None)
    keys = memoryview(bytearray(os.urandom(16 * 7)))
    if algorithm is Algorithm.SSF33:
        with pytest.raises(CipherRefused):
            kcv_many(algorithm, keys)
    else:
        assert kcv_many(algorithm, keys) == [kcv(algorithm, keys[at : at + 16]) for at in range(0, len(keys), 16)]
    assert kcv_many(algorithm, keys[:0]) == []
    with pytest.raises(CipherRefused, match="whole keys"):
        kcv_many(algorithm, keys[1:])
