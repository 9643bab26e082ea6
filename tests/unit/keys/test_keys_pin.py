"""First PINs behind the store's door: on a page that is wiped, published for training cards alone."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from cardfab.crypto import CipherRefused
from cardfab.crypto.emv import pin_block, pin_digits, pin_length
from cardfab.errors import KeyFault
from cardfab.keys import SoftKeyStore
from cardfab.keys.secret import Secret


@pytest.fixture(scope="module")
def store() -> SoftKeyStore:
    return SoftKeyStore.training(os.urandom)


@pytest.mark.parametrize("pin", ["1234", "73916", "739164", "739164208511"])
def test_a_page_has_the_digits_between_two_texts_and_is_wiped(store: SoftKeyStore, pin: str) -> None:
    sealed = store._seal_transport(Secret(pin_block(2, pin)), "first PIN", ())
    pages: list[memoryview] = []
    seen: list[bytes] = []

    def send(page: memoryview) -> None:
        pages.append(page)
        seen.append(bytes(page))

    store.print_pin(sealed, b"before ", b" behind", send)
    assert seen == [b"before " + pin.encode() + b" behind"]
    assert set(pages[0]) == {0}, "nothing of it is left in memory"


def test_a_page_is_wiped_where_the_printer_fails(store: SoftKeyStore) -> None:
    pages: list[memoryview] = []

    def broken(page: memoryview) -> None:
        pages.append(page)
        raise OSError("paper")

    with pytest.raises(OSError, match="paper"):
        store.print_pin(store.random_pin(6, "first PIN"), b"<", b">", broken)
    assert set(pages[0]) == {0}


@pytest.mark.parametrize("block", ["16123456FFFFFFFF", "2D123456FFFFFFFF", "23123FFFFFFFFFFF", "FF" * 8])
def test_what_is_no_block_of_a_card(block: str) -> None:
    with pytest.raises(CipherRefused):
        pin_length(bytes.fromhex(block))
    with pytest.raises(CipherRefused):
        pin_digits(bytes.fromhex(block), memoryview(bytearray(12)))


def test_the_published_pin_is_of_training_cards_only(store: SoftKeyStore) -> None:
    seen: list[bytes] = []
    store.print_pin(store.training_pin(6, "first PIN"), b"", b"", lambda page: seen.append(bytes(page)))
    assert seen == [b"123456"]
    held = {label: replace(key, info=replace(key.info, training=False)) for label, key in store._held.items()}
    with pytest.raises(KeyFault, match="published PIN") as refused:
        SoftKeyStore(held, os.urandom).training_pin(6, "first PIN")
    assert refused.value.code == "CF-6413"
