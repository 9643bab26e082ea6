"""Roots of every level, cipher and version; the key sets of terminals; the medical account's keys behind the door."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from cardfab.crypto import Algorithm
from cardfab.crypto.purse import Load, Purchase, load_mac1, purchase_mac2, tac
from cardfab.keys import KeyOfAnotherRegion, KeyUnknown, Level, SoftKeyStore, Usage, rooted, terminal_store
from cardfab.keys.diversify import card_key_bytes, region_of
from cardfab.keys.label import training_root
from cardfab.keys.loading import FIRST_PIN
from cardfab.keys.roots import CARD_ROOTS, FACTORY_LABELS, MASTER_LABELS, PKI_LABELS, ROOTS, SS_ROOTS
from cardfab.profile.application import FileApplication
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder
from tests.old_key_file import old_key_file

HISTORICAL = bytes.fromhex("0087BF10028649440199000001")
Random = Callable[[int], bytes]
BY_LABEL = {root.label: root for root in CARD_ROOTS}


def test_labels_of_a_profile_become_those_of_the_store() -> None:
    assert rooted("ss/IRK") == "ss/IRK"
    assert rooted("ss/IRK", "3DES", 2) == "ss/IRK/v2"
    assert rooted("ss/DF04/DPK", "SM4") == "ss/SM4/DF04/DPK"
    assert rooted("ss/DF04/UK1", "SM4", 3) == "ss/SM4/DF04/UK1/v3"
    assert rooted("ss/SM4/IRK", "SM4") == "ss/SM4/IRK"
    assert rooted("ss/PKI/MK", "SM4") == "ss/PKI/MK"
    assert rooted("transport/MASTER", "SM4") == "transport/SM4/MASTER"
    assert rooted("bank/KMC", "SM4") == "bank/KMC"


def test_a_training_store_has_them_all(training: SoftKeyStore) -> None:
    for cipher in ("3DES", "SM4"):
        for root in CARD_ROOTS:
            for version in range(1, root.groups + 1):
                info = training.info(rooted(root.label, cipher, version))
                assert (info.algorithm, info.version, info.usage, info.region) == (cipher, version, root.usage, "")
        for label in (*MASTER_LABELS, *FACTORY_LABELS):
            assert training.info(rooted(label, cipher)).algorithm == cipher
    assert {training.info(label).algorithm for label in PKI_LABELS} == {"SM4"}
    assert len({spec.label for spec in ROOTS}) == len(ROOTS)


@pytest.mark.parametrize("name", ["ssc-v1", "ssc-v2", "ssc-v3"])
def test_profiles_and_roots_say_the_same_of_every_key(name: str) -> None:
    files = load(ProfileFolders((data_folder("profiles"),)), "applications", name, FileApplication)
    for directory in files.directories:
        for key in directory.keys.values():
            root = BY_LABEL[key.label]
            assert key.level == root.held_as.value
            assert key.versions <= root.groups
        if directory.master is not None:
            assert directory.master.label in MASTER_LABELS


# Where a root serves


def test_region_of() -> None:
    assert region_of(Level.MINISTRY, "440199") == ""
    assert region_of(Level.PROVINCE, "440199") == "44"
    assert region_of(Level.CITY, "440199") == "440199"
    assert region_of(Level.CITY, "330199") == "330100", "region 33xxxx: four digits"


@pytest.mark.parametrize("cipher", ["3DES", "SM4"])
@pytest.mark.parametrize("root", CARD_ROOTS, ids=lambda root: root.label)
def test_a_terminal_has_the_cards_own_key_or_none(random: Random, root: Any, cipher: str) -> None:
    """Every card key that a terminal derives is the one that the issuer's roots give; of other cards it gives none."""
    store = _terminal(random)
    label = rooted(root.label, cipher)
    if root.at_host:
        with pytest.raises(KeyUnknown):
            store.info(label)
        return
    info = store.info(label)
    assert info.region == region_of(root.held_as, "440199")
    get = store.purse_purchase if label.endswith("DPK") else store.card_key
    for region, far in (("440199", 0), ("440198", 1), ("650199", 2)):
        reach = {Level.MINISTRY: 2, Level.PROVINCE: 1, Level.CITY: 0}[root.held_as]
        if far > reach:
            with pytest.raises(KeyOfAnotherRegion) as refused:
                get(label, region, HISTORICAL)
            assert (refused.value.code, refused.value.exit_status) == ("CF-6230", 6)
            assert info.region in refused.value.what.en
            continue
        value = get(label, region, HISTORICAL).value  # type: ignore[attr-defined]
        own = card_key_bytes(Algorithm(cipher), training_root(label), region, HISTORICAL, 0)
        assert bytes(value.view()) == own


_TERMINALS: list[SoftKeyStore] = []


def _terminal(random: Random) -> SoftKeyStore:
    if not _TERMINALS:
        _TERMINALS.append(terminal_store("440199", random))
    return _TERMINALS[0]


def test_a_terminal_holds_nothing_else(random: Random) -> None:
    held = {info.label for info in terminal_store("440199", random).infos()}
    assert held == {spec.label for spec in SS_ROOTS if not spec.label.split("/v")[0].endswith(("DLK", "DTK"))}


def test_an_upgraded_key_serves_the_province(random: Random) -> None:
    store = terminal_store("440199", random, upgraded={"ss/DF04/DPK"})
    store.purse_purchase("ss/DF04/DPK/v3", "440198", HISTORICAL)
    with pytest.raises(KeyOfAnotherRegion) as refused:
        store.purse_purchase("ss/DF04/DPK", "650199", HISTORICAL)
    assert refused.value.level is Level.PROVINCE


# The file


def test_regions_are_kept_in_the_file(random: Random, cheap: None) -> None:
    again = SoftKeyStore.from_file(terminal_store("440199", random).to_file(b"word"), b"word", random)
    assert again.info("ss/UKSSSE").region == "44"
    with pytest.raises(KeyOfAnotherRegion):
        again.card_key("ss/STK", "440198", HISTORICAL)


def test_a_file_of_before_opens_and_tells_what_it_lacks(training: SoftKeyStore, random: Random) -> None:
    kept = [key for label, key in training._held.items() if "/SM4/" not in label]
    data = old_key_file(kept, b"word", random, region=False)
    again = SoftKeyStore.from_file(data, b"word", random)
    again.card_key("ss/UKSSSE", "440199", HISTORICAL)
    with pytest.raises(KeyUnknown) as refused:
        again.card_key("ss/SM4/UKSSSE", "440199", HISTORICAL)
    assert refused.value.do is not None
    assert "cardfab init" in refused.value.do.en
    with pytest.raises(KeyUnknown) as refused:
        again.card_key("ss/NONE", "440199", HISTORICAL)
    assert refused.value.do is not None
    assert "keys list" in refused.value.do.en


# The medical account


LOAD = Load(100, 50, 1, bytes(4), bytes(6), bytes(7))
PAY = Purchase(1, 2, 3, 1, bytes(4), bytes(6), 1, bytes(7))


def test_account_keys_check_and_are_not_seen(training: SoftKeyStore) -> None:
    card = ("440199", HISTORICAL)
    own = {
        label: card_key_bytes(Algorithm.TDES, training_root(label), *card, 0)
        for label in ("ss/DF04/DLK", "ss/DF04/DPK", "ss/DF04/DTK")
    }
    loading = training.purse_load("ss/DF04/DLK", *card)
    assert loading.offers(LOAD, load_mac1(Algorithm.TDES, own["ss/DF04/DLK"], LOAD))
    assert not loading.offers(LOAD, bytes(4))
    assert len(loading.credit(LOAD)) == 4
    paying = training.purse_purchase("ss/DF04/DPK", *card)
    assert paying.paid(PAY, purchase_mac2(Algorithm.TDES, own["ss/DF04/DPK"], PAY))
    assert not paying.paid(PAY, bytes(4))
    certain = training.purse_tac("ss/DF04/DTK", *card)
    for one in (LOAD, PAY):
        assert certain.certifies(one, tac(Algorithm.TDES, own["ss/DF04/DTK"], one))
        assert not certain.certifies(one, b"\1\2\3")
    for key in (loading, paying, certain):
        assert not any(value.hex() in repr(key).lower() for value in own.values())
        with pytest.raises(TypeError):
            pickle.dumps(key)


@pytest.mark.parametrize(("id", "region"), [("ss_diversify_650100", "650100"), ("ss_diversify_330100", "330100")])
def test_the_authentication_code(vectors: dict[str, dict[str, Any]], store_with: Any, id: str, region: str) -> None:
    """MAC over the 12 bytes of the issue code under the card's IRK."""
    vector = vectors[id]
    root, historical = bytes.fromhex(vector["root_key"]), bytes.fromhex(vector["historical_bytes"])
    code = bytes.fromhex(vector["card_id"]["issue_code"])
    for algorithm, name in (("3DES", "auth_code_3des_mac"), ("SM4", "auth_code_sm4_mac")):
        store = store_with(("ss/IRK", Usage.CARD_ROOT, root), algorithm=algorithm)
        assert store.card_key("ss/IRK", region, historical).code(code).hex().upper() == vector["card_id"][name]


def test_the_first_pin_is_known_to_training_stores_only(training: SoftKeyStore, random: Random) -> None:
    assert training.first_pin(FIRST_PIN).block().hex() == "123456"
    assert "1234" not in repr(training.first_pin(FIRST_PIN))
    with pytest.raises(KeyUnknown):
        training.first_pin("ss/IRK")
    assert training.load_key(FIRST_PIN, "440199", HISTORICAL, fill=8).clear().hex() == "123456ffffffffff"


@pytest.mark.parametrize("label", ["transport/MASTER", "transport/SM4/MASTER"])
def test_a_stand_in_master_key_is_one_for_all(training: SoftKeyStore, label: str) -> None:
    loads = {training.load_key(label, region, HISTORICAL, fill=16).clear() for region in ("440199", "650199")}
    assert loads == {training_root(label)}
