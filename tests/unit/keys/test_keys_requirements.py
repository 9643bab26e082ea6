"""Requirements of the list that no other test of keys is named after: K1, K2, K11, K12, K14, K18."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from cardfab.crypto import Algorithm, cmac, encrypt_ecb
from cardfab.crypto.derive import ss_diversify
from cardfab.keys import KeySpec, KeyUseRefused, Level, SoftKeyStore, StoreLocked, Usage
from cardfab.keys.custody import SOFTWARE, Capabilities, Capability, CustodyRefused, Needs, choose
from cardfab.keys.keyblock import check_value
from cardfab.keys.keyfile import KeyFile
from cardfab.keys.label import LabelRefused, Mode
from cardfab.keys.lifecycle import SoftKeyManager
from cardfab.keys.sealedfile import open_file
from cardfab.keys.secret import Secret
from cardfab.keys.shares import ShareRefused
from cardfab.keys.store import KeyManager, KeyStore
from tests.unit.keys.conftest import CHEAP
from tests.unit.keys.test_keys_lifecycle import NOW, WORD

Random = Callable[[int], bytes]
KBPK = KeySpec("bank/KBPK", "AES-256", Usage.KEY_BLOCK, Level.BANK)
CVK = KeySpec("bank/CVK", "3DES", Usage.CVN, Level.BANK)
HISTORICAL = bytes.fromhex("0087BF10028649440199000001")
HOLDERS = ("custodian-1", "custodian-2", "custodian-3")


@pytest.fixture
def manager(tmp_path: Path, random: Random) -> SoftKeyManager:
    """A store that is not for training."""
    file = KeyFile(tmp_path / "station.keys")
    return SoftKeyManager.found(file, WORD, random, lambda: NOW, training=False, cost=CHEAP)


def _spellings(value: bytes) -> Iterator[bytes]:
    for part in (value, value[:16], value[-16:]):
        yield from (part, part.hex().encode(), part.hex().upper().encode(), part[::-1])


def test_K1_a_key_is_outside_only_as_a_cryptogram(manager: SoftKeyManager, random: Random, tmp_path: Path) -> None:
    """Imported, exported, rotated, retired: no file and no answer has the value; the control finds it."""
    value, under = random(16), random(32)
    manager.import_value(KBPK, Secret(under), ceremony="C-1")
    said = [repr(manager.import_value(CVK, Secret(value), ceremony="C-1"))]
    said.append(manager.export_block("bank/CVK", "bank/KBPK"))
    said += [repr(manager.rotate("bank/CVK", ceremony="C-2")), repr(manager.retire("bank/CVK"))]
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 2, "the file and its generation before"
    outside = [*files, *(text.encode() for text in said)]
    inside = b"".join(bytes(held.value.view()) for held in manager.store._held.values())
    for secret in (value, under):
        assert secret in inside, "the control: this is what is looked for"
        for spelled in _spellings(secret):
            assert not any(spelled in data for data in outside)


def test_K1_no_single_person_opens_a_store_of_shares(manager: SoftKeyManager, random: Random) -> None:
    """Any two of three, never one; and not the word that opened it before."""
    manager.generate(CVK, ceremony="C-1")
    made = manager.under_shares(2, HOLDERS)
    manager.reseal(made)
    shares = made.shares
    data = manager.file.read()
    for one in shares:
        for alone in ((one,), (one, one)):
            with pytest.raises(ShareRefused):
                open_file(data, random, shares=alone)
    with pytest.raises(StoreLocked):
        open_file(data, random, word=WORD)
    for pair in combinations(shares, 2):
        opened = open_file(data, random, shares=pair)
        assert "bank/CVK" in opened.held


WRAPPING = Needs("bank card", ("token-wrap",), frozenset({"3DES"}), frozenset({"WRAP-AES"}))


def test_K2_a_product_that_wants_a_device_is_not_made_with_a_key_file() -> None:
    """What the software can do of K2: refuse. A key file, a device that cannot wrap; one that can is taken."""
    with pytest.raises(CustodyRefused) as refused:
        choose(WRAPPING, SOFTWARE)
    assert refused.value.code == "CF-6641"
    weak = Capabilities("weak", True, (Capability("3DES", True, True), Capability("WRAP-AES", True, False)))
    with pytest.raises(CustodyRefused):
        choose(WRAPPING, weak)
    able = Capabilities("able", True, tuple(replace(one, works=True) for one in weak.abilities))
    assert choose(WRAPPING, able) == "token-wrap"


@pytest.mark.proof
def test_K2_no_door_of_the_store_gives_a_key_out(training: SoftKeyStore) -> None:
    """Every call of a root's purpose is refused to every other purpose; there is no raw call to ask instead."""
    for name in ("value", "key", "export", "get", "reveal", "decrypt", "encrypt", "raw"):
        assert not hasattr(KeyStore, name)
        assert not hasattr(KeyManager, name)
        assert not hasattr(training, name)
    for label in ("ss/IRK", "bank/KMC", "station/seal", "station/index"):
        with pytest.raises(KeyUseRefused):
            training.cvn(label, "6222020000000000012", "2812", "201")
    assert not any(
        bytes(held.value.view()).hex() in repr(training.infos()).lower()
        for held in training._held.values()
        if len(held.value)
    )


def test_K11_modes_that_would_make_an_oracle_never_stand_together() -> None:
    """One key, one purpose: deriving and encrypting under one root would compute every card's key."""
    for usage, modes in (
        (Usage.CARD_ROOT, {Mode.DERIVE, Mode.ENCRYPT}),
        (Usage.CARD_ROOT, {Mode.DERIVE, Mode.DECRYPT}),
        (Usage.KEY_BLOCK, {Mode.WRAP, Mode.DECRYPT}),
        (Usage.KEY_BLOCK, {Mode.UNWRAP, Mode.ENCRYPT}),
    ):
        with pytest.raises(LabelRefused) as refused:
            KeySpec("x", "AES-256", usage, Level.BANK, modes=frozenset(modes))
        assert refused.value.code == "CF-6250"


def test_K12_the_check_value_is_read_without_opening_a_key(manager: SoftKeyManager, random: Random) -> None:
    """So it can be kept apart and compared: it changes with the value and tells a swapped key."""
    before = manager.generate(CVK, ceremony="C-1").kcv
    assert manager.info("bank/CVK").kcv == before
    after = manager.rotate("bank/CVK", ceremony="C-2").kcv
    assert after != before
    assert manager.info("bank/CVK@1").kcv == before
    held = manager.store._held["bank/CVK"]
    assert encrypt_ecb(Algorithm.TDES, bytes(held.value.view()), bytes(8))[:3].hex().upper() == after


@pytest.mark.parametrize("algorithm", [Algorithm.TDES, Algorithm.SM4, Algorithm.AES])
def test_K14_no_key_is_a_variant_of_its_parent(algorithm: Algorithm, random: Random) -> None:
    """A child and its factor do not give the parent: no exclusive or, no shift, no decryption without the parent."""
    parent = random(16)
    factors = [b"440000sh", b"440199sx", HISTORICAL[5:13]]
    children = [bytes(ss_diversify(algorithm, parent, factor)) for factor in factors]
    assert len({*children, parent}) == 4
    apart = {bytes(a ^ b for a, b in zip(parent, child, strict=True)) for child in children}
    assert len(apart) == len(children), "a variant differs from its parent by a constant"
    for difference, factor in zip(apart, factors, strict=True):
        assert factor not in difference
        assert len(set(difference)) > 4


KNOWN_CHECKS = [  # two-key 3DES: E(0); AES: CMAC(0), X9.143:2021 8.1
    (Algorithm.TDES, "0123456789ABCDEFFEDCBA9876543210", "0008D7B4"),
    (Algorithm.AES, "3F419E1CB7079442AA37474C2EFBF8B8", "0108793E25AB"),
]


@pytest.mark.parametrize(("algorithm", "key", "check"), KNOWN_CHECKS)
def test_K18_no_check_value_is_longer_than_the_standard_lets_it(algorithm: Algorithm, key: str, check: str) -> None:
    """TDEA at most 3 bytes of E(0), AES at most 5 of CMAC(0): the method is the first byte of ours."""
    value = bytes.fromhex(key)
    assert check_value(algorithm, value) == check
    if algorithm is Algorithm.TDES:
        assert bytes.fromhex(check[2:]) == encrypt_ecb(algorithm, value, bytes(8))[:3]
    else:
        assert bytes.fromhex(check[2:]) == cmac(algorithm, value, bytes(16))[:5]


def test_K18_what_people_see_has_three_bytes(training: SoftKeyStore) -> None:
    """Of every cipher key: more would help a search (signing keys show their public key)."""
    secret = [one for one in training.infos() if one.algorithm.split("-")[0] in ("3DES", "AES", "SM4", "HMAC")]
    assert len(secret) > 50
    assert {len(one.kcv) for one in secret} == {6}
