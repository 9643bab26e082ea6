"""Keys on their way into a card: what they go under, who may be loaded how, and that none is seen."""

from __future__ import annotations

import copy
import pickle
import secrets
import traceback
from dataclasses import replace

import pytest

from cardfab.crypto import Algorithm, decrypt_ecb
from cardfab.crypto.line import load_mac
from cardfab.keys import ClearKeyRefused, KeyUnknown, KeyUseRefused, SoftKeyStore, Usage
from cardfab.keys.diversify import card_key_bytes
from cardfab.keys.label import training_root
from cardfab.keys.loading import FACTORY_DEFAULT, SoftMasterKey
from cardfab.keys.roots import MASTER_ROOTS, SS_ROOTS

HISTORICAL = bytes.fromhex("0087BF10028649440199000001")
LOADED = [spec.label for spec in (*SS_ROOTS, *MASTER_ROOTS) if spec.algorithm == "3DES"]
MASTER_LABELS = [spec.label for spec in MASTER_ROOTS]
HEADER = bytes.fromhex("0D0401EF06000110")
CARD = ("440199", HISTORICAL)


def _card_key(label: str) -> bytes:
    return card_key_bytes(Algorithm.TDES, training_root(label), *CARD, 0)


def _closed(store: SoftKeyStore) -> SoftKeyStore:
    """The same store, its keys not published."""
    held = {label: replace(key, info=replace(key.info, training=False)) for label, key in store._held.items()}
    return SoftKeyStore(held, secrets.token_bytes)


@pytest.mark.parametrize("label", LOADED)
def test_the_chip_gets_its_own_key_under_its_own_master_key(training: SoftKeyStore, label: str) -> None:
    key = training.load_key(label, *CARD, under="ss/MK/SSSE", header=HEADER, fill=16)
    master = _card_key("ss/MK/SSSE")
    plain = decrypt_ecb(Algorithm.TDES, master, key.encrypted())
    assert plain[0] == 24
    assert plain[1:9] == HEADER
    assert plain[9:25] == _card_key(label)
    assert plain[25:] == b"\x80" + bytes(6)
    covered = bytes.fromhex("84D4000024") + key.encrypted()
    assert key.mac(b"\1\2\3\4", covered) == load_mac(Algorithm.TDES, master, b"\1\2\3\4", covered)
    assert len(key.mac(b"\1\2\3\4", covered)) == 4


def test_another_chip_gets_another_key_under_another_key(training: SoftKeyStore) -> None:
    other = HISTORICAL[:-1] + b"\x02"
    both = {
        training.load_key("ss/UKSSSE", "440199", one, under="ss/MK/SSSE").encrypted() for one in (HISTORICAL, other)
    }
    assert len(both) == 2


def test_a_published_key_may_go_in_clear_and_no_other(training: SoftKeyStore) -> None:
    assert training.load_key("ss/MK/MF", *CARD, header=b"\0", fill=16).clear() == b"\0" + _card_key("ss/MK/MF")
    closed = _closed(training)
    with pytest.raises(ClearKeyRefused, match="ss/MK/MF") as refused:
        closed.load_key("ss/MK/MF", *CARD).clear()
    assert (refused.value.exit_status, refused.value.code) == (6, "CF-6220")
    assert closed.load_key("ss/UKSSSE", *CARD, under="ss/MK/SSSE").encrypted()


def test_without_a_key_to_go_under_nothing_is_encrypted(training: SoftKeyStore) -> None:
    key = training.load_key("ss/UKSSSE", *CARD)
    for act in (key.encrypted, lambda: key.mac(bytes(4), b"")):
        with pytest.raises(ClearKeyRefused):
            act()


@pytest.mark.parametrize("label", ["bank/KMC", "bank/IMK-AC", "station/seal", "station/audit"])
def test_only_card_keys_are_loaded(training: SoftKeyStore, label: str) -> None:
    with pytest.raises(KeyUseRefused, match=label):
        training.load_key(label, *CARD, under="ss/MK/SSSE")


@pytest.mark.parametrize("label", ["ss/UKSSSE", "ss/STK", "bank/KMC", "station/transport"])
def test_only_master_and_transport_keys_wrap(training: SoftKeyStore, label: str) -> None:
    with pytest.raises(KeyUseRefused, match=label):
        training.load_key("ss/UKSSSE", *CARD, under=label)
    with pytest.raises(KeyUseRefused, match=label):
        training.master_key(label, *CARD)


@pytest.mark.parametrize("label", MASTER_LABELS)
def test_a_master_key_is_no_card_key(training: SoftKeyStore, label: str) -> None:
    assert training.info(label).usage is Usage.MASTER_ROOT
    with pytest.raises(KeyUseRefused):
        training.card_key(label, *CARD)


def test_the_transport_key_is_one_for_the_lot(training: SoftKeyStore) -> None:
    label = "transport/T514"
    answers = {training.master_key(label, region, HISTORICAL).answer(bytes(8)) for region in ("440199", "330100")}
    assert len(answers) == 1


def test_the_factory_default_is_known_to_training_stores_only(training: SoftKeyStore) -> None:
    assert isinstance(training.master_key(FACTORY_DEFAULT, *CARD), SoftMasterKey)
    with pytest.raises(KeyUnknown):
        _closed(training).master_key(FACTORY_DEFAULT, *CARD)


def test_nothing_shows_a_key(training: SoftKeyStore) -> None:
    keys = [_card_key(label) for label in ("ss/UKSSSE", "ss/MK/SSSE")]
    loaded = training.load_key("ss/UKSSSE", *CARD, under="ss/MK/SSSE", header=HEADER)
    master = training.master_key("ss/MK/SSSE", *CARD)
    for one in (loaded, master, [loaded, master]):
        for key in keys:
            assert key.hex() not in repr(one).lower()
            assert repr(key)[2:-1] not in repr(one)
    assert repr(loaded) == "<the key ss/UKSSSE to be loaded>"
    for one in (loaded, master):
        with pytest.raises(TypeError):
            pickle.dumps(one)
        with pytest.raises(TypeError):
            copy.deepcopy(one)
    with pytest.raises(ValueError, match="challenge") as refused:
        loaded.mac(b"short", b"")
    text = "".join(traceback.format_exception(refused.value)).lower()
    assert not any(key.hex() in text for key in keys)


def test_sm4_keys_go_under_sm4(training: SoftKeyStore) -> None:
    sm4 = SoftMasterKey(Algorithm.SM4, training.master_key("ss/MK/SSSE", *CARD).value)
    key = replace(training.load_key("ss/UKSSSE", *CARD, header=HEADER, fill=16), under=sm4)
    plain = decrypt_ecb(Algorithm.SM4, _card_key("ss/MK/SSSE"), key.encrypted())
    assert plain[:9] == b"\x18" + HEADER
    assert len(key.mac(b"\1\2\3\4", plain)) == 4
