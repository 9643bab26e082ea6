"""Roots of GlobalPlatform keys behind the door: SCP02 and SCP03 sessions, new key sets, and what is refused."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from cardfab.crypto import Algorithm, decrypt_cbc, decrypt_ecb
from cardfab.crypto.derive import Diversification, Scp02Constant, kcv, scp02_session
from cardfab.errors import KeyFault
from cardfab.keys import KeyUnknown, KeyUseRefused, SoftKeyStore, SoftPlatformKeys
from cardfab.keys.secret import Secret

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "globalplatform.json").read_text())
h = bytes.fromhex
KDD = bytes(range(10))
TEST_KEY = bytes(range(0x40, 0x50))


@pytest.fixture
def store() -> SoftKeyStore:
    return SoftKeyStore.training(os.urandom)


def of(root: bytes, scheme: str | None, *ciphers: Algorithm) -> SoftPlatformKeys:
    def no_sealed(sealed: object) -> Secret:
        raise AssertionError

    found = None if scheme is None else Diversification.of(scheme)
    return SoftPlatformKeys(Secret(root), found, frozenset(ciphers or (Algorithm.TDES, Algorithm.AES)), no_sealed)


def test_scp02_put_key_encryption_of_globalplatformpro() -> None:
    v = VECTORS["key_diversification"]["gppro_put_key_encryption"]
    keys = of(h(v["key"]), None)
    session = keys.scp02.open(KDD, 0x20, bytes(2))
    new = session.new_keys(keys, Algorithm.TDES, KDD)
    assert [(key.type, key.ciphertext, key.length) for key in new] == [(0x80, h(v["scp02_sdek_seq0000_ecb"]), 16)] * 3
    assert {key.kcv for key in new} == {h("8BAF47")}


@pytest.mark.parametrize("length", [16, 24, 32])
def test_new_aes_keys_go_under_the_static_dek(length: int) -> None:
    master = bytes(range(0x40, 0x40 + length))
    keys = of(master, "kdf3")
    session = keys.scp03.open(KDD, 0x30, bytes(16))
    dek = Diversification.of("kdf3").card_key(master, KDD, 3)
    for index, key in enumerate(session.new_keys(keys, Algorithm.AES, KDD), 1):
        plain = Diversification.of("kdf3").card_key(master, KDD, index)
        assert decrypt_cbc(Algorithm.AES, dek, bytes(16), key.ciphertext)[:length] == plain
        assert (key.type, key.length, key.kcv) == (0x88, length, kcv(Algorithm.AES, plain))
        assert len(key.ciphertext) % 16 == 0
        assert plain.hex().upper() not in repr(key).upper()


def test_aes_keys_through_an_scp02_channel() -> None:
    old, new = of(TEST_KEY, None), of(bytes(range(16)), None)
    (first, *_) = old.scp02.open(KDD, 0x20, b"\0\1").new_keys(new, Algorithm.AES, KDD)
    dek = scp02_session(TEST_KEY, Scp02Constant.DEK, b"\0\1")
    assert decrypt_ecb(Algorithm.TDES, dek, first.ciphertext) == bytes(range(16))


def test_the_published_test_key_is_there_in_training_only(store: SoftKeyStore) -> None:
    assert store.platform("gp/test", None).card_keys(Algorithm.AES, KDD)[0].view() == TEST_KEY
    key = store._held["bank/KMC"]
    productive = SoftKeyStore({"bank/KMC": replace(key, info=replace(key.info, training=False))}, os.urandom)
    with pytest.raises(KeyUnknown):
        productive.platform("gp/test", None)
    assert productive.platform("bank/KMC", Diversification.of("visa2")).scp02.open(KDD, 1, bytes(2))
    with pytest.raises(KeyFault):  # a 3DES root is no AES root
        productive.platform("bank/KMC", None).scp03.open(KDD, 1, bytes(16))


def test_one_root_one_purpose(store: SoftKeyStore) -> None:
    for wrong in ("ss/IRK", "station/seal"):
        with pytest.raises(KeyUseRefused):
            store.platform(wrong, None)
    with pytest.raises(KeyUnknown):
        store.platform("bank/none", None)


def test_sealed_secrets_are_wrapped_for_both_protocols(store: SoftKeyStore) -> None:
    keys = store.emv_keys(("bank/IMK-AC",), "6228000000000000", "00", "UDK")
    platform = store.platform("gp/test", None)
    for session in (platform.scp02.open(KDD, 1, bytes(2)), platform.scp03.open(KDD, 1, bytes(16))):
        assert len(session.rewrap(keys)) == 16
    pin = store.random_pin(6, "PIN")  # 8 bytes are no AES block: filled with 80 00..
    assert len(platform.scp03.open(KDD, 1, bytes(16)).rewrap(pin)) == 16
    assert len(platform.scp02.open(KDD, 1, bytes(2)).rewrap(pin)) == 8


def test_nothing_prints_a_key(store: SoftKeyStore) -> None:
    platform = store.platform("gp/test", None)
    shown = [platform, platform.scp02, platform.scp03, platform.scp02.open(KDD, 1, bytes(2)),
             platform.scp03.open(KDD, 1, bytes(16)), store.platform("bank/KMC", Diversification.of("emv"))]  # fmt: skip
    assert "emv" in repr(shown[-1])
    assert not any(TEST_KEY.hex() in repr(one).lower() or str(TEST_KEY) in repr(one) for one in shown)
