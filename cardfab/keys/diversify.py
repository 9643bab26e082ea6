"""Card keys of the social-security hierarchy ministry > province > city > card (LD/T 32 part 9, 7.3 and 8)."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.crypto import Algorithm, Buffer, CipherRefused, encrypt_ecb
from cardfab.crypto.derive import kcv, ss_diversify, ss_factors
from cardfab.crypto.line import auth_data, load_mac, sm_encrypt, sm_mac
from cardfab.keys.label import Level
from cardfab.keys.secret import Secret

FACTORS_DONE = {Level.MINISTRY: 0, Level.PROVINCE: 1, Level.CITY: 2}
"""How many of the three factors have been applied to a root of that level."""


def region_of(level: Level, region: str) -> str:
    """Where a root of that level serves a card of ``region``: nothing, two digits of the province, six of the city.

    Cities of region 33xxxx have four digits and 00 (notice 2016-38, 10.3).
    """
    if level is Level.PROVINCE:
        return region[:2]
    if level is Level.CITY:
        return region[:4] + "00" if region.startswith("33") else region
    return ""


def lower_root(algorithm: Algorithm, root: Buffer, level: Level, region: str) -> bytes:
    """A ministry root with the factors of a province or a city applied."""
    key = bytes(root)
    for factor in ss_factors(region, bytes(13))[: FACTORS_DONE[level]]:
        key = ss_diversify(algorithm, key, factor)
    return key


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

    def code(self, data: bytes) -> bytes:
        return load_mac(self.algorithm, self.value.view(), bytes(self.algorithm.block), data)

    def __repr__(self) -> str:
        return f"<card key {self.algorithm.value}, KCV {kcv(self.algorithm, self.value.view()).hex().upper()}>"
