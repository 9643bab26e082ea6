"""Card keys of the social-security hierarchy ministry > province > city > card (LD/T 32 part 9, 7.3 and 8)."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.crypto import Algorithm, Buffer
from cardfab.crypto.derive import kcv, ss_diversify, ss_factors
from cardfab.crypto.line import auth_data, sm_encrypt, sm_mac
from cardfab.keys.secret import Secret


def card_key_bytes(algorithm: Algorithm, root: Buffer, region: str, historical: bytes, done: int) -> bytes:
    """The card key of a root to which the first ``done`` of the three factors were applied already."""
    key = bytes(root)
    for factor in ss_factors(region, historical)[done:]:
        key = ss_diversify(algorithm, key, factor)
    return key


@dataclass(frozen=True, slots=True)
class SoftCardKey:
    """A card's key held in memory; fulfils ``keys.store.OnCardKey`` and ``apdu.line.CardKey``."""

    algorithm: Algorithm
    value: Secret

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        return auth_data(self.algorithm, self.value.view(), challenge, original)

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        return sm_mac(self.algorithm, self.value.view(), challenge, data)

    def encrypt(self, challenge: bytes, plain: bytes) -> bytes:
        return sm_encrypt(self.algorithm, self.value.view(), challenge, plain)

    def __repr__(self) -> str:
        return f"<card key {self.algorithm.value}, KCV {kcv(self.algorithm, self.value.view()).hex().upper()}>"
