"""PINs of the certificate application: their keys, what goes over the line, and that nothing shows them."""

from __future__ import annotations

import secrets

import pytest

from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.crypto.line import load_mac
from cardfab.crypto.sm import sm3
from cardfab.errors import KeyFault
from cardfab.keys import SoftKeyStore
from cardfab.keys.diversify import card_key_bytes
from cardfab.keys.label import training_root
from cardfab.keys.pki import SoftPkiPin, manager_digits
from cardfab.keys.secret import Secret

REGION, HISTORICAL = "440199", bytes.fromhex("0087BF10028649440100000007")
CHALLENGE = bytes(range(16))


@pytest.fixture(scope="module")
def store() -> SoftKeyStore:
    return SoftKeyStore.training(secrets.token_bytes)


def _digits(label: str) -> bytes:
    key = card_key_bytes(Algorithm.SM4, training_root(label), REGION, HISTORICAL, 0)
    return bytes.fromhex(f"{int.from_bytes(key[:8]) % 10**8:08d}")


def test_the_users_pin_is_proved_by_the_first_half_of_its_hash(store: SoftKeyStore) -> None:
    pin = store.pki_pin("ss/PIN", REGION, HISTORICAL)
    assert pin.proof(CHALLENGE) == encrypt_ecb(Algorithm.SM4, sm3(bytes.fromhex("123456"))[:16], CHALLENGE)


def test_the_managers_pin_comes_from_a_card_key(store: SoftKeyStore) -> None:
    for label in ("ss/PKI/MANAGER", "ss/PKI/MANAGER-TRANSPORT"):
        key = sm3(_digits(label))[:16]
        assert store.pki_pin(label, REGION, HISTORICAL).proof(CHALLENGE) == encrypt_ecb(Algorithm.SM4, key, CHALLENGE)
        other = HISTORICAL[:-1] + b"\x08"
        assert store.pki_pin(label, REGION, other).proof(CHALLENGE) != store.pki_pin(label, REGION, HISTORICAL).proof(
            CHALLENGE
        )


def test_a_change_goes_under_the_old_pin_with_a_mac(store: SoftKeyStore) -> None:
    old, new = "ss/PKI/MANAGER-TRANSPORT", "ss/PKI/MANAGER"
    header = bytes.fromhex("845E010014")
    sent = store.pki_pin(old, REGION, HISTORICAL, new=new).change(CHALLENGE, header)
    key = sm3(_digits(old))[:16]
    data = encrypt_ecb(Algorithm.SM4, key, b"\x04" + _digits(new) + b"\x80" + bytes(10))
    assert sent == data + load_mac(Algorithm.SM4, key, CHALLENGE, header + data)
    assert len(sent) == 0x14


def test_without_a_new_pin_nothing_is_changed(store: SoftKeyStore) -> None:
    with pytest.raises(KeyFault):
        store.pki_pin("ss/PIN", REGION, HISTORICAL).change(CHALLENGE, bytes(5))


@pytest.mark.parametrize(("number", "digits"), [(0, "00000000"), (7, "00000007"), (10**8 + 5, "00000005")])
def test_eight_digits_always(number: int, digits: str) -> None:
    assert manager_digits(number.to_bytes(8, "big") + bytes(8)).hex() == digits


def test_no_repr_shows_a_pin() -> None:
    assert "123456" not in repr(SoftPkiPin(Secret(bytes.fromhex("123456"))))
