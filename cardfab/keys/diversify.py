"""Card keys of the social-security hierarchy ministry > province > city > card (LD/T 32 part 9, 7.3 and 8)."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.crypto import Algorithm, Buffer, CipherRefused, encrypt_ecb
from cardfab.crypto.derive import kcv, ss_diversify, ss_factors
from cardfab.crypto.line import auth_data, sm_encrypt, sm_mac
from cardfab.keys.secret import Secret


def card_key_bytes(algorithm: Algorithm, root: Buffer, region: str, historical: bytes, done: int) -> bytes:
    """The card key of a root to which the first ``done`` of the three factors were applied already."""
    key = bytes(root)
    for factor in ss_factors(region, historical)[done:]:
        key = ss_diversify(algorithm, key, factor)
    return key


def one_block(algorithm: Algorithm, key: Buffer, data: bytes) -> bytes:
    """E(key, data padded with 00): the proof that cards without session keys want; no more than one block is given."""
    if len(data) > algorithm.block:
        raise CipherRefused(f"a proof is over at most {algorithm.block} bytes, not {len(data)}")
    return encrypt_ecb(algorithm, key, data.ljust(algorithm.block, b"\x00"))


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

    def answer(self, data: bytes) -> bytes:
        return one_block(self.algorithm, self.value.view(), data)

    def __repr__(self) -> str:
        return f"<card key {self.algorithm.value}, KCV {kcv(self.algorithm, self.value.view()).hex().upper()}>"
