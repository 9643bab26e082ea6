"""A private SoftHSM2 token for the tests of one process, and the same published roots in a software store."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cardfab.cli.banking import certify, training_store
from cardfab.keys import SoftKeyStore
from cardfab.keys.pkcs11.attach import Attached
from cardfab.keys.pkcs11.softhsm import make_token
from cardfab.keys.pkcs11.store import Pkcs11KeyStore
from cardfab.keys.pkcs11.uri import TokenUri
from cardfab.keys.secret import Secret


@dataclass(frozen=True, slots=True)
class Token:
    """A founded token: where it is, its PIN, and the store over it."""

    uri: TokenUri
    pin: str
    store: Pkcs11KeyStore

    @property
    def attached(self) -> Attached:
        return self.store._vault.attached


@pytest.fixture(scope="session")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token]:
    """One token for the process: SoftHSM2 reads its configuration when the module begins."""
    uri, pin = make_token(tmp_path_factory.mktemp("token") / "softhsm", "tests")
    store = Pkcs11KeyStore.found(uri, lambda: pin, os.urandom)
    for label in ("bank/ISSUER-RSA", "bank/ISSUER-RSA-1152"):
        certify(store, label)
    yield Token(uri, pin, store)
    store.close()


@cache
def software() -> SoftKeyStore:
    """The same roots in memory."""
    return training_store(secrets.token_bytes)


@dataclass
class Leaving:
    """Everything that comes out of the token's module, for as long as this is in place."""

    attached: Attached
    seen: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Leaving:
        run = self.attached.run

        def heard(call: Any) -> Any:
            result = run(call)
            if isinstance(result, Secret):
                self.seen.append(bytes(result.view()))
            elif isinstance(result, bytes):
                self.seen.append(result)
            return result

        self.attached.run = heard  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        del self.attached.run

    def holds(self, value: bytes) -> bool:
        """Whether a value came out, by itself or in something longer."""
        return any(value in one for one in self.seen)


def cardfab() -> str:
    """The program beside this interpreter."""
    return str(Path(sys.executable).with_name("cardfab"))


__all__ = ["Leaving", "Token", "cardfab", "software", "token"]
