"""Holders' PINs where the keys are in a service: under a key of the card they leave it, in clear they do not."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from cardfab.apdu import pki
from cardfab.errors import KeyFault
from cardfab.keys import Sealed, SoftKeyStore
from cardfab.keys.label import HOLDERS_PIN
from cardfab.keys.service.client import RemoteKeyStore
from cardfab.keys.service.schema import methods_of
from tests.keyservice_place import Kept, running

CARD = ("440100", bytes(range(13)))
NUMBER, CHALLENGE = "4407199900000017", bytes(range(16))


@pytest.fixture
def both(made_once: SoftKeyStore, tmp_path: Path) -> Iterator[tuple[Kept, RemoteKeyStore]]:
    """The keys, and a station that has them in a service."""
    kept = Kept(made_once._held, secrets.token_bytes)
    with running(kept, tmp_path) as service:
        yield kept, service.client()


def entered(keys: RemoteKeyStore, pin: str) -> Sealed:
    """A PIN of the pad, translated by the service."""
    return keys.pin_from_pad("bank/ZPK", 0, keys.pad_block("bank/ZPK", 0, pin, NUMBER), NUMBER, HOLDERS_PIN)


def test_under_a_key_of_the_card_it_is_as_beside_the_keys(both: tuple[Kept, RemoteKeyStore]) -> None:
    kept, keys = both
    held = entered(keys, "86420")
    plain = kept.card_key("ss/STK", *CARD).encrypt(CHALLENGE[:8], bytes.fromhex("86420F"))
    assert keys.pin_under("ss/STK", *CARD, held, CHALLENGE[:8]) == plain
    assert keys.holder_pin(held).proof(CHALLENGE) == kept.holder_pin("86420").proof(CHALLENGE)
    header = bytes((0x84, 0x5E, 0x01, pki.USER, 0x14))
    changed = keys.holder_pin(held, new=entered(keys, "123456")).change(CHALLENGE, header)
    assert changed == kept.holder_pin("86420", new="123456").change(CHALLENGE, header)


@pytest.mark.shows("PIN entry: a serial PIN pad with an encrypted block that the key service translates (test)")
def test_in_clear_it_does_not_leave_the_service(both: tuple[Kept, RemoteKeyStore]) -> None:
    _, keys = both
    with pytest.raises(KeyFault) as caught:
        keys.pin_clear(entered(keys, "86420"))
    assert caught.value.code == "CF-6415"
    assert "pin_clear" not in methods_of("")


def test_a_first_pin_is_not_taken_for_a_holders(both: tuple[Kept, RemoteKeyStore]) -> None:
    _, keys = both
    with pytest.raises(KeyFault) as caught:
        keys.pin_under("ss/STK", *CARD, keys.random_pin(6, "first PIN, format 2 block"), CHALLENGE[:8])
    assert caught.value.code == "CF-6414"
