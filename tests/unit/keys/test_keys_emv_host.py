"""The issuer's host behind the door: what it computes for the sample cards, and that no key or PIN comes out."""

from __future__ import annotations

import json
import pickle
import secrets
from pathlib import Path
from typing import Any

import pytest

from cardfab.errors import KeyFault
from cardfab.keys import KeySpec, KeyUnknown, KeyUseRefused, Level, SoftKeyStore, Usage, held
from cardfab.keys.emvcard import SoftEmvCard

PRODUCTS = Path(__file__).parents[2] / "vectors" / "pboc-debit-products.json"
TDES = ("bank/IMK-AC", "bank/IMK-SMI", "bank/IMK-SMC")
SM4 = ("bank/SM4/IMK-AC", "bank/SM4/IMK-SMI", "bank/SM4/IMK-SMC")


def _samples() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    found = []
    for product in json.loads(PRODUCTS.read_text(encoding="utf-8"))["products"]:
        for transaction in product["transactions"]:
            if transaction["path"].startswith("contact"):
                found.append((f"{product['id']} {transaction['path']}", product, transaction))
    return found


SAMPLES = pytest.mark.parametrize(("product", "given"), [one[1:] for one in _samples()], ids=[s[0] for s in _samples()])


@pytest.fixture(scope="module")
def store() -> SoftKeyStore:
    """A training store with the samples' issuer master keys."""
    made = SoftKeyStore.training(secrets.token_bytes)
    keys = next(p["keys"] for _, p, _ in _samples() if "imk_sm4" in p["keys"])
    for labels, algorithm, given in ((TDES, "3DES", keys["imk_3des"]), (SM4, "SM4", keys["imk_sm4"])):
        for label, name in zip(labels, ("AC", "MAC", "ENC"), strict=True):
            spec = KeySpec(label, algorithm, Usage.EMV_ROOT, Level.BANK)
            made._held[label] = held.hold(spec, bytes.fromhex(given[name]), training=True)
    return made


def _card(store: SoftKeyStore, product: dict[str, Any], given: dict[str, Any]) -> SoftEmvCard:
    labels = SM4 if given["path"].endswith("_sm") else TDES
    return store.emv_card(labels, product["card"]["pan"], product["card"]["psn"], parity=True)  # of the samples' keys


@SAMPLES
def test_cryptograms_arpc_and_script_macs_are_those_of_the_samples(
    store: SoftKeyStore, product: dict[str, Any], given: dict[str, Any]
) -> None:
    card, atc, arqc = _card(store, product, given), bytes.fromhex(given["atc"]), bytes.fromhex(given["arqc"])
    assert card.certifies(atc, bytes.fromhex(given["ac_input_first"]), arqc)
    assert card.certifies(atc, bytes.fromhex(given["ac_input_second"]), bytes.fromhex(given["tc"]))
    assert not card.certifies(atc, bytes.fromhex(given["ac_input_first"]), bytes(8))
    assert card.arpc(atc, arqc, b"00").hex().upper() == given["arpc"]
    for name, script in given["scripts"].items():
        for one in script if isinstance(script, list) else [script]:
            raw = bytes.fromhex(one["apdu"])
            mac = card.script_mac(atc, arqc, raw[:5], raw[5:-4])
            assert mac.hex().upper() == one["mac"], name


@SAMPLES
def test_pin_change_is_enciphered_as_in_the_samples(
    store: SoftKeyStore, product: dict[str, Any], given: dict[str, Any]
) -> None:
    card, atc, pan = _card(store, product, given), bytes.fromhex(given["atc"]), product["card"]["pan"]

    def sealed(pin: str) -> Any:
        return store.pin_from_pad("bank/ZPK", 0, store.pad_block("bank/ZPK", 0, pin, pan), pan, "a PIN")

    for one in given["scripts"]["pin_change"]:
        current = None if one["current_pin"] is None else sealed(one["current_pin"])
        d1 = "AC" if one["d1_key"].startswith("AC") else "ENC"
        assert card.pin_change(atc, sealed(one["new_pin"]), current, d1).hex().upper() == one["cipher"]


def test_the_value_of_tag_9f10_is_certified(store: SoftKeyStore) -> None:
    _, product, given = next(one for one in _samples() if one[0] == "debit-dual-rsa contact")
    iad = bytes.fromhex(given["iad_first"])
    card = _card(store, product, given)
    assert card.certifies_value(bytes.fromhex(given["atc"]), iad[10:-4], iad[-4:])
    assert not card.certifies_value(bytes.fromhex(given["atc"]), iad[10:-4], bytes(4))


def test_pins_are_compared_behind_the_door(store: SoftKeyStore) -> None:
    pan = "6299990000000017"
    block = store.pad_block("bank/ZPK", 0, "123456", pan)
    reference = store.pin_from_pad("bank/ZPK", 0, block, pan, "first PIN")
    assert store.pin_agrees("bank/ZPK", 0, block, pan, reference)
    assert not store.pin_agrees("bank/ZPK", 0, store.pad_block("bank/ZPK", 0, "123457", pan), pan, reference)
    assert not store.pin_agrees("bank/ZPK", 0, bytes(8), pan, reference)  # no PIN block at all
    pvv = store.pvv("bank/PVK", pan, reference, 1)
    assert store.pin_has_pvv("bank/ZPK", 0, block, pan, "bank/PVK", 1, pvv)
    assert not store.pin_has_pvv("bank/ZPK", 0, block, pan, "bank/PVK", 1, f"{(int(pvv) + 1) % 10000:04d}")


def test_keys_have_their_one_use(store: SoftKeyStore) -> None:
    with pytest.raises(KeyUseRefused):
        store.emv_card(("bank/ZPK",) * 3, "6299990000000017", "01")
    with pytest.raises(KeyFault, match="one cipher") as refused:
        store.emv_card((*TDES[:2], SM4[2]), "6299990000000017", "01")
    assert refused.value.code == "CF-6411"
    with pytest.raises(KeyUnknown):
        store.emv_card(("bank/IMK-XX",) * 3, "6299990000000017", "01")


def test_nothing_shows_a_card_key(store: SoftKeyStore) -> None:
    card = store.emv_card(TDES, "6299990000000017", "01")
    assert repr(card) == "<keys of one payment card, 3DES>"
    with pytest.raises(TypeError):
        pickle.dumps(card)


def test_the_screen_stands_for_a_pad_with_training_keys_only() -> None:
    made = SoftKeyStore.training(secrets.token_bytes)
    spec = KeySpec("bank/ZPK", "3DES", Usage.PIN_TRANSPORT, Level.BANK)
    made._held["bank/ZPK"] = held.hold(spec, secrets.token_bytes(16), training=False)
    with pytest.raises(KeyUseRefused):
        made.pad_block("bank/ZPK", 0, "123456", "6299990000000017")
