"""``explain`` by a token: the same check values as the software store's, and no key comes out for it."""

from __future__ import annotations

import pytest

from cardfab.keys.custody import CustodyRefused
from cardfab.keys.pkcs11.vault import TokenVault
from tests.service.softhsm import Token, software

pytestmark = pytest.mark.service

CASES = {
    "ss/UKSSSE": ("ss", {"region": "440199", "historical": "0087BF10028649440199000001"}),
    "bank/IMK-AC": ("emv-a", {"pan": "6299990000000011", "psn": "01"}),
    "bank/IMK-SMI": ("emv-b", {"pan": "6299990000000000011"}),
    "bank/KMC": ("visa2", {"kdd": "00010203040506070809"}),
}


@pytest.mark.parametrize("label", list(CASES))
def test_a_token_explains_as_the_file_does(token: Token, label: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> None:
        pytest.fail("a key was read out of the token")

    monkeypatch.setattr(TokenVault, "read", read)
    scheme, factors = CASES[label]
    assert token.store.explain(label, scheme, factors) == software().explain(label, scheme, factors)


def test_keys_that_only_a_mac_makes_are_not_explained(token: Token) -> None:
    with pytest.raises(CustodyRefused):
        token.store.explain("bank/AES/KMC", "kdf3", {"kdd": "00010203040506070809"})
