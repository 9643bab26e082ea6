"""One key, one purpose: every operation with every key, and what is sealed opens in its own place only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.crypto import ed25519_verify
from cardfab.crypto.ec import p256_verify
from cardfab.keys import KeyUnknown, KeyUseRefused, Sealed, SoftKeyStore, StoreLocked, Usage
from cardfab.keys.keystore import _pin_block
from cardfab.keys.label import STATION_KEYS
from cardfab.keys.roots import ROOTS

HISTORICAL = bytes.fromhex("0087BF10028649650100000001")
Act = Callable[[SoftKeyStore, str], object]
ACTS: dict[str, tuple[Usage, Act]] = {
    "card_key": (Usage.CARD_ROOT, lambda store, label: store.card_key(label, "440199", HISTORICAL)),
    "purse_load": (Usage.LOAD_ROOT, lambda store, label: store.purse_load(label, "440199", HISTORICAL)),
    "purse_purchase": (Usage.PURCHASE_ROOT, lambda store, label: store.purse_purchase(label, "440199", HISTORICAL)),
    "purse_tac": (Usage.TAC_ROOT, lambda store, label: store.purse_tac(label, "440199", HISTORICAL)),
    "channel": (Usage.CHANNEL_ROOT, lambda store, label: store.channel(label)),
    "emv_keys": (Usage.EMV_ROOT, lambda store, label: store.emv_keys([label], "6299990000000017", "01", "UDK")),
    "seal": (Usage.SEAL, lambda store, label: store.seal(label, b"salt", b"plain", b"bound")),
    "unseal": (Usage.SEAL, lambda store, label: _unsealed(store, label)),
    "index": (Usage.INDEX, lambda store, label: store.index(label, b"data")),
    "sign": (Usage.SIGN, lambda store, label: store.sign(label, b"message")),
    "public": (Usage.SIGN, lambda store, label: store.public(label)),
}


ONE_OF_EACH = list({(spec.usage, spec.algorithm): spec for spec in (*ROOTS, *STATION_KEYS)}.values())


def _unsealed(store: SoftKeyStore, label: str) -> bytes:
    return store.unseal(label, b"salt", store.seal("station/seal", b"salt", b"plain", b"bound"), b"bound")


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("spec", ONE_OF_EACH, ids=lambda spec: spec.label)
def test_a_key_serves_its_one_purpose(training: SoftKeyStore, spec: object, act: str) -> None:
    label, usage = spec.label, spec.usage  # type: ignore[attr-defined]
    wanted, do = ACTS[act]
    if usage is wanted:
        assert do(training, label) is not None
        return
    with pytest.raises(KeyUseRefused, match=label) as refused:
        do(training, label)
    assert (refused.value.exit_status, refused.value.code) == (6, "CF-6200")


@pytest.mark.parametrize("act", ACTS)
def test_an_unknown_label(training: SoftKeyStore, act: str) -> None:
    with pytest.raises(KeyUnknown, match="ss/NONE") as refused:
        ACTS[act][1](training, "ss/NONE")
    assert refused.value.code == "CF-6100"


@pytest.mark.parametrize("usage", Usage)
def test_the_refusal_is_in_both_languages(training: SoftKeyStore, usage: Usage) -> None:
    """The purpose is named in the language of the sentence."""
    refused = KeyUseRefused(training.info("ss/IRK"), usage)
    assert str(usage) in refused.what.en
    assert str(usage) not in refused.what.zh


def test_one_wrong_label_among_several(training: SoftKeyStore) -> None:
    with pytest.raises(KeyUseRefused):
        training.emv_keys(["bank/IMK-AC", "bank/KMC"], "6299990000000017", "01", "UDKs")
    with pytest.raises(KeyUnknown):
        training.info("ss/NONE")


# Sealing at rest


def test_what_is_sealed_opens_with_its_key_salt_and_place(
    training: SoftKeyStore, random: Callable[[int], bytes]
) -> None:
    sealed = training.seal("station/seal", b"salt", b"a name", b"request:1")
    assert training.unseal("station/seal", b"salt", sealed, b"request:1") == b"a name"
    other = SoftKeyStore.training(random)
    for store, salt, bound in (
        (training, b"Salt", b"request:1"),
        (training, b"", b"request:1"),
        (training, b"salt", b"request:2"),
        (training, b"salt", b""),
        (other, b"salt", b"request:1"),
    ):
        with pytest.raises(StoreLocked) as refused:
            store.unseal("station/seal", salt, sealed, bound)
        assert "a name" not in str(refused.value)


def test_every_changed_byte_and_cut_of_a_sealed_value_is_refused(training: SoftKeyStore) -> None:
    sealed = training.seal("station/seal", b"salt", b"a name", b"bound")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1 << place % 8
        for wrong in (bytes(changed), sealed[:place]):
            with pytest.raises(StoreLocked):
                training.unseal("station/seal", b"salt", wrong, b"bound")


def test_equal_values_are_sealed_differently(training: SoftKeyStore) -> None:
    first, second = (training.seal("station/seal", b"salt", b"a name", b"bound") for _ in range(2))
    assert first != second


# Secrets on their way to a chip


def _rewrapped(store: SoftKeyStore, sealed: Sealed) -> bytes:
    return store.channel("bank/KMC").open(bytes(10), 0, bytes(2)).rewrap(sealed)


def test_a_sealed_secret_is_bound_to_its_meaning(training: SoftKeyStore) -> None:
    pin = training.random_pin(6, "first PIN")
    assert len(_rewrapped(training, pin)) == 8
    renamed = Sealed(pin.ciphertext, pin.under, "another PIN", pin.length)
    with pytest.raises(StoreLocked, match="another PIN"):
        _rewrapped(training, renamed)


def test_a_sealed_secret_opens_under_its_key_only(training: SoftKeyStore, random: Callable[[int], bytes]) -> None:
    keys = training.emv_keys(["bank/IMK-AC"], "6299990000000017", "01", "UDK")
    for under in ("station/seal", "bank/KMC"):
        with pytest.raises(KeyUseRefused):
            _rewrapped(training, Sealed(keys.ciphertext, under, keys.meaning, keys.length))
    with pytest.raises(StoreLocked):
        _rewrapped(SoftKeyStore.training(random), keys)
    flipped = keys.ciphertext[:-1] + bytes((keys.ciphertext[-1] ^ 1,))
    with pytest.raises(StoreLocked):
        _rewrapped(training, Sealed(flipped, keys.under, keys.meaning, keys.length))


# PIN blocks, ISO 9564-1 format 2


@settings(deadline=None)
@given(digits=st.integers(4, 12), seed=st.binary(min_size=64, max_size=64))
def test_a_pin_block_is_of_format_2(digits: int, seed: bytes) -> None:
    stream = iter(seed * 4)
    spelled = _pin_block(digits, lambda count: bytes(next(stream) % 250 for _ in range(count))).view().hex().upper()
    assert len(spelled) == 16
    assert spelled[0] == "2"
    assert int(spelled[1], 16) == digits
    assert spelled[2 : 2 + digits].isdecimal()
    assert set(spelled[2 + digits :]) <= {"F"}


def test_digits_are_drawn_without_a_bias() -> None:
    """Each of the 256 bytes once: those that would make a digit likelier are thrown away, the others come out even."""
    source = iter(bytes(range(256)) * 20)
    taken: Counter[str] = Counter()
    for _ in range(25):
        taken.update(_pin_block(10, lambda count: bytes(next(source) for _ in range(count))).view().hex()[2:12])
    assert sum(taken.values()) == 250
    assert max(taken.values()) - min(taken.values()) <= 10
    only_high = iter(bytes(range(250, 256)) * 16 + bytes((250, 7, 251, 3, 252, 253, 0, 9)) * 2)
    assert _pin_block(4, lambda count: bytes(next(only_high) for _ in range(count))).view().hex() == "247309ffffffffff"


def test_pins_of_a_store_differ_and_every_digit_occurs(training: SoftKeyStore) -> None:
    session = training.channel("bank/KMC").open(bytes(10), 0, bytes(2))
    wrapped = {session.rewrap(training.random_pin(6, "PIN")) for _ in range(200)}
    assert len(wrapped) > 190
    with training._open_transport(training.random_pin(12, "PIN")) as plain:
        assert bytes(plain.view()).hex().startswith("2c")


# Index and signature


def test_an_index_needs_the_key(training: SoftKeyStore, random: Callable[[int], bytes]) -> None:
    other = SoftKeyStore.training(random)
    assert training.index("station/index", b"a") == training.index("station/index", b"a")
    assert training.index("station/index", b"a") != training.index("station/index", b"b")
    assert training.index("station/index", b"a") != other.index("station/index", b"a")
    assert len(training.index("station/index", b"")) == 32


def test_a_signature_verifies_under_its_own_key(training: SoftKeyStore) -> None:
    signature = training.sign("station/audit", b"checkpoint")
    assert ed25519_verify(training.public("station/audit"), b"checkpoint", signature)
    paper = training.sign("station/documents", b"checkpoint")
    assert p256_verify(training.public("station/documents"), b"checkpoint", paper)
    assert not p256_verify(training.public("station/documents"), b"checkpoint", signature)
    assert not ed25519_verify(training.public("station/audit"), b"checkpoinT", signature)
