"""Kept contexts give what the plain functions give, whatever was asked before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfab.crypto import (
    Algorithm,
    CipherRefused,
    cmac,
    decrypt_cbc,
    encrypt_cbc,
    encrypt_ecb,
    retail_mac,
)
from cardfab.crypto.kept import KeptCbc, KeptCmac, KeptRetailMac

KEYS = {Algorithm.DES: 8, Algorithm.TDES: 16, Algorithm.AES: 32, Algorithm.SM4: 16}


@pytest.mark.parametrize("algorithm", KEYS)
@given(data=st.data())
def test_cbc(algorithm: Algorithm, data: st.DataObject) -> None:
    block = algorithm.block
    key = bytes(range(7, 7 + KEYS[algorithm]))
    kept = KeptCbc(algorithm, key)
    for _ in range(data.draw(st.integers(1, 5))):
        iv = data.draw(st.binary(min_size=block, max_size=block))
        plain = data.draw(st.binary(min_size=block, max_size=block)) * data.draw(st.integers(1, 4))
        sealed = encrypt_cbc(algorithm, key, iv, plain)
        assert kept.encrypt(iv, plain) == sealed
        assert kept.decrypt(iv, sealed) == plain == decrypt_cbc(algorithm, key, iv, sealed)
        assert kept.encrypt_block(iv) == encrypt_ecb(algorithm, key, iv)
        assert kept.encrypt_behind(iv, plain) == encrypt_cbc(algorithm, key, encrypt_ecb(algorithm, key, iv), plain)


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=4))
def test_cmac(messages: list[bytes]) -> None:
    key = bytes(range(24))
    kept = KeptCmac(Algorithm.AES, key)
    assert [kept.of(message) for message in messages] == [cmac(Algorithm.AES, key, message) for message in messages]


@given(st.binary(min_size=8, max_size=8), st.integers(1, 40))
def test_retail_mac(iv: bytes, blocks: int) -> None:
    key = bytes(range(16))
    kept = KeptRetailMac(key)
    for data in (iv * blocks, bytes(8)):
        assert kept.of(iv, data) == retail_mac(key, iv, data)
    assert kept.encrypt_iv(iv) == encrypt_ecb(Algorithm.DES, key[:8], iv)


def test_refusals_and_silence() -> None:
    kept = KeptCbc(Algorithm.AES, bytes(16))
    for wrong in (b"", bytes(15), bytes(17)):
        with pytest.raises(CipherRefused):
            kept.encrypt(bytes(16), wrong)
        with pytest.raises(CipherRefused):
            kept.decrypt(bytes(16), wrong)
    with pytest.raises(CipherRefused):
        KeptRetailMac(bytes(8))
    with pytest.raises(CipherRefused):
        KeptCmac(Algorithm.AES, bytes(5))
    key = bytes(range(16))
    for one in (KeptCbc(Algorithm.AES, key), KeptCmac(Algorithm.AES, key), KeptRetailMac(key)):
        assert key.hex() not in repr(one)
