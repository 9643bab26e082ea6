"""What the tests of the financial side share: sample cards, profiles, a bank's key store with issuer certificates."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cardfab.crypto.emv import pin_block
from cardfab.keys import KeySpec, Level, Sealed, SoftKeyStore, Usage, held
from cardfab.keys.certificates import IssuerCertificate
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.keys.secret import Secret
from cardfab.prepare.financial import FinancialData, PreparedFinancial, prepare_financial
from cardfab.profile.financial import FinancialApplication
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder
from cardfab.simulator import authority
from tests.seeded import seeded

ROOT = Path(__file__).parents[3]
IIN, EXPIRY = bytes.fromhex("629999FF"), bytes.fromhex("1234")


@pytest.fixture(scope="session")
def vectors_folder() -> Path:
    return ROOT / "tests" / "vectors"


@pytest.fixture(scope="session")
def samples() -> dict[str, dict[str, Any]]:
    """The three sample cards, by id."""
    text = (ROOT / "tests" / "vectors" / "pboc-debit-products.json").read_text(encoding="utf-8")
    return {product["id"]: product for product in json.loads(text)["products"]}


@pytest.fixture(scope="session")
def vectors() -> dict[str, dict[str, Any]]:
    """The vectors of strangers, by id."""
    text = (ROOT / "tests" / "vectors" / "social-security-and-pboc.json").read_text(encoding="utf-8")
    return {entry["id"]: entry for entry in json.loads(text)["vectors"]}


@pytest.fixture(scope="session")
def financial() -> Callable[[str], FinancialApplication]:
    """A packaged profile by name."""
    source = ProfileFolders((data_folder("profiles"),))
    return lambda name: load(source, "applications", name, FinancialApplication)


class Bank:
    """Makes stores with issuer master keys of one's choice, and sealed PINs."""

    def __call__(self, random: Callable[[int], bytes], roots: dict[str, bytes]) -> SoftKeyStore:
        store = SoftKeyStore.training(random)
        for label, value in roots.items():
            algorithm = "SM4" if "SM4" in label else "3DES"
            store._held[label] = held.hold(KeySpec(label, algorithm, Usage.EMV_ROOT, Level.BANK), value, training=True)
        return store

    def certified(self, random: Callable[[int], bytes] = os.urandom) -> SoftKeyStore:
        """A training store whose issuer keys all have certificates to the end of 2034."""
        store = SoftKeyStore.training(random)
        for label in ("bank/ISSUER-RSA", "bank/ISSUER-RSA-1152", "bank/ISSUER-SM2"):
            self.certify(store, label)
        return store

    def certify(self, store: SoftKeyStore, label: str, expiry: bytes = EXPIRY, iin: bytes = IIN) -> IssuerCertificate:
        request = store.issuer_request(label, authority.RID, iin, expiry, bytes(3))
        made = authority.answer(request.public, request.proof)
        kept = IssuerCertificate(
            authority.RID, made.index, made.authority, made.certificate, made.remainder, made.exponent
        )
        store.import_certificate(label, kept)
        return kept

    def pin(self, store: SoftKeyStore, pin: str) -> Sealed:
        return store._seal_transport(Secret(pin_block(2, pin)), "first PIN", ())


@pytest.fixture(scope="session")
def bank() -> Bank:
    return Bank()


@pytest.fixture(scope="session")
def keys(bank: Bank) -> SoftKeyStore:
    """One certified training store for tests that do not change it."""
    return bank.certified()


@pytest.fixture(scope="session")
def sample_key(keys: SoftKeyStore, samples: dict[str, dict[str, Any]]) -> Callable[[int, int, Filling], IccKey]:
    """A published chip key of the right exponent, as often as it is asked for."""
    sealed = {}
    for sample in samples.values():
        icc = sample["keys"]["icc"]
        primes = int(icc["p"], 16), int(icc["q"], 16), int(icc["exponent"], 16)
        sealed[primes[2]] = keys.seal_primes_for_pool(*primes)
    return lambda bits, exponent, filling: keys.icc_from_pool(sealed[exponent], filling)


CARD = FinancialData(pan="", effective=date(2026, 1, 1), expiry=date(2033, 12, 31), serial=0x201)


@pytest.fixture(scope="session")
def prepared(keys: SoftKeyStore, sample_key: Callable[[int, int, Filling], IccKey]) -> Callable[..., PreparedFinancial]:
    """A card of a profile: ``prepared(application, pan=...)``."""

    def run(application: FinancialApplication, **changes: Any) -> PreparedFinancial:
        pan = "6299990000000017" if application.pan_digits == 16 else "6299990000000000012"
        values = {"pan": pan, "effective": CARD.effective, "expiry": CARD.expiry, "serial": CARD.serial, **changes}
        return prepare_financial(application, FinancialData(**values), keys, take_key=sample_key)

    return run


@pytest.fixture
def stream() -> Callable[[int], bytes]:
    """A source that is the same in every run: SHA-256 in counter mode."""
    return seeded(b"cardfab financial tests")
