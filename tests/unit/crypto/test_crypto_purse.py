"""MACs and TACs of the medical account, against the vectors computed from the specification by others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cardfab.crypto import Algorithm, CipherRefused, encrypt_cbc, encrypt_ecb, pad80
from cardfab.crypto.purse import Load, Purchase, load_mac1, load_mac2, purchase_mac1, purchase_mac2, tac

FILE = Path(__file__).parents[2] / "vectors" / "social-security-and-pboc.json"
VECTORS: dict[str, dict[str, Any]] = {
    one["id"]: one for one in json.loads(FILE.read_text(encoding="utf-8"))["vectors"] if one["id"].startswith("ss_med")
}
KEY = bytes(range(16))
LOAD = Load(10000, 5000, 1, bytes.fromhex("A1B2C3D4"), bytes.fromhex("650100000001"), bytes.fromhex("20240131101500"))
PAY = Purchase(
    1000, 100, 0, 1, bytes.fromhex("A1B2C3D4"), bytes.fromhex("650100000001"), 9, bytes.fromhex("20240131101500")
)
BOTH = [Algorithm.TDES, Algorithm.SM4]


def _bytes(name: str, field: str) -> bytes:
    return bytes.fromhex(VECTORS[name][field])


def test_load_3des() -> None:
    """Of the TAC the vector takes "balance" as given; here it is the balance after the load."""
    name = "ss_medical_load_3des"
    key = _bytes(name, "DLK")
    assert load_mac1(Algorithm.TDES, key, LOAD) == _bytes(name, "MAC1")
    assert load_mac2(Algorithm.TDES, key, LOAD) == _bytes(name, "MAC2")
    after = replace(LOAD, balance=LOAD.balance - LOAD.amount)
    assert tac(Algorithm.TDES, _bytes(name, "DTK"), after) == _bytes(name, "TAC")


def test_purchase_3des() -> None:
    name = "ss_medical_purchase_3des"
    key = _bytes(name, "DPK")
    assert purchase_mac1(Algorithm.TDES, key, PAY) == _bytes(name, "MAC1")
    assert purchase_mac2(Algorithm.TDES, key, PAY) == _bytes(name, "MAC2")
    assert tac(Algorithm.TDES, _bytes("ss_medical_load_3des", "DTK"), PAY) == _bytes(name, "TAC")


def _sm4(session: bytes, data: bytes) -> bytes:
    """The formula by hand: CBC, IV 0, the four words of the last block added."""
    last = encrypt_cbc(Algorithm.SM4, session, bytes(16), pad80(data, 16))[-16:]
    return bytes(last[i] ^ last[4 + i] ^ last[8 + i] ^ last[12 + i] for i in range(4))


def test_sm4_by_the_formula() -> None:
    """LD/T 32 part 4, 8.2.4.2 and 8.4.2: session E(key, 8 bytes | 00 * 8); the TAC under DTK itself (part 7, 15)."""
    session = encrypt_ecb(Algorithm.SM4, KEY, bytes.fromhex("A1B2C3D400018000") + bytes(8))
    amounts = bytes.fromhex("000027100000138831650100000001")
    assert load_mac1(Algorithm.SM4, KEY, LOAD) == _sm4(session, amounts)
    assert load_mac2(Algorithm.SM4, KEY, LOAD) == _sm4(session, amounts[4:] + LOAD.time)
    after = bytes.fromhex("00003A980001000013883165010000000120240131101500")
    assert tac(Algorithm.SM4, KEY, LOAD) == _sm4(KEY, after)
    session = encrypt_ecb(Algorithm.SM4, KEY, bytes.fromhex("A1B2C3D400010009") + bytes(8))
    amounts = bytes.fromhex("000003E80000006400000000")
    assert purchase_mac1(Algorithm.SM4, KEY, PAY) == _sm4(session, amounts + b"2" + PAY.terminal + PAY.time)
    assert purchase_mac2(Algorithm.SM4, KEY, PAY) == _sm4(session, amounts)
    whole = amounts + b"2" + PAY.terminal + bytes.fromhex("00000009") + PAY.time
    assert tac(Algorithm.SM4, KEY, PAY) == _sm4(KEY, whole)


@pytest.mark.parametrize("algorithm", BOTH)
@pytest.mark.parametrize("change", [{"amount": 5001}, {"sequence": 2}, {"random": bytes(4)}, {"terminal": bytes(6)}])
def test_a_load_is_bound_to_all_of_it(algorithm: Algorithm, change: dict[str, Any]) -> None:
    other = replace(LOAD, **change)
    assert load_mac1(algorithm, KEY, other) != load_mac1(algorithm, KEY, LOAD)
    assert load_mac2(algorithm, KEY, other) != load_mac2(algorithm, KEY, LOAD)


@pytest.mark.parametrize("algorithm", BOTH)
@pytest.mark.parametrize(
    "change", [{"account": 1}, {"own": 1}, {"pooled": 1}, {"sequence": 2}, {"terminal_sequence": 1}]
)
def test_a_purchase_is_bound_to_all_of_it(algorithm: Algorithm, change: dict[str, Any]) -> None:
    other = replace(PAY, **change)
    assert purchase_mac1(algorithm, KEY, other) != purchase_mac1(algorithm, KEY, PAY)
    assert purchase_mac2(algorithm, KEY, other) != purchase_mac2(algorithm, KEY, PAY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"random": bytes(3)},
        {"terminal": bytes(5)},
        {"time": bytes(6)},
        {"account": 1 << 32},
        {"own": -1},
        {"sequence": 1 << 16},
        {"terminal_sequence": 1 << 32},
    ],
)
def test_parts_of_the_wrong_length(wrong: dict[str, Any]) -> None:
    with pytest.raises(CipherRefused):
        purchase_mac1(Algorithm.TDES, KEY, replace(PAY, **wrong))


def test_ssf33_is_not_published() -> None:
    with pytest.raises(CipherRefused):
        load_mac1(Algorithm.SSF33, KEY, LOAD)
