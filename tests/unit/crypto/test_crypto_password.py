"""Passwords at rest: Argon2id with the parameters of RFC 9106, as a PHC string."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from cardfab.crypto.password import decoy, hash_password, is_current, verify_password

WORD = bytearray("twelve 字符 at least".encode())


@pytest.fixture(scope="module")
def kept() -> str:
    return hash_password(WORD, os.urandom)


def test_the_parameters_are_those_of_rfc_9106(kept: str) -> None:
    """Section 4, second recommended option: m=64 MiB, t=3, p=4, salt 128 bits, tag 256 bits."""
    _, name, version, costs, salt, tag = kept.split("$")
    assert (name, version, costs) == ("argon2id", "v=19", "m=65536,t=3,p=4")
    assert (len(salt), len(tag)) == (22, 43)
    assert is_current(kept)


@pytest.mark.proof
def test_only_the_word_opens_it(kept: str) -> None:
    assert verify_password(WORD, kept)
    assert not verify_password(WORD[:-1], kept)
    assert not verify_password(bytearray(), kept)
    assert hash_password(WORD, os.urandom) != kept


def test_one_of_other_parameters_still_opens_and_is_to_be_made_anew() -> None:
    old = Argon2id(salt=bytes(16), length=32, iterations=1, lanes=1, memory_cost=8).derive_phc_encoded(bytes(WORD))
    assert verify_password(WORD, old)
    assert not is_current(old)


@pytest.mark.proof
def test_a_decoy_costs_the_same_and_never_opens(kept: str) -> None:
    false = decoy(os.urandom)
    assert is_current(false)
    assert [len(part) for part in false.split("$")] == [len(part) for part in kept.split("$")]
    assert not verify_password(WORD, false)
