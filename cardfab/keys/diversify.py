"""Card keys of the social-security hierarchy ministry > province > city > card (LD/T 32 part 9, 7.3 and 8)."""

from __future__ import annotations

from cardfab.crypto import Algorithm, Buffer, CipherRefused, encrypt_ecb
from cardfab.crypto.derive import ss_diversify, ss_factors, ss_text
from cardfab.crypto.line import auth_data_by, load_mac, session_cipher, session_text, sm_encrypt_by, sm_mac_by
from cardfab.keys.label import Level
from cardfab.keys.secret import Secret
from cardfab.keys.vault import BlockKey, ClearKey, Path, ecb

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


def card_key_path(algorithm: Algorithm, region: str, historical: bytes, done: int) -> Path:
    """The same as steps from a root."""
    return tuple(ecb(algorithm, ss_text(algorithm, factor)) for factor in ss_factors(region, historical)[done:])


def one_block(algorithm: Algorithm, key: Buffer, data: bytes) -> bytes:
    """E(key, data padded with 00): the proof that cards without session keys want; no more than one block is given."""
    return encrypt_ecb(algorithm, key, _block(algorithm, data))


def _block(algorithm: Algorithm, data: bytes) -> bytes:
    if len(data) > algorithm.block:
        raise CipherRefused(f"a proof is over at most {algorithm.block} bytes, not {len(data)}")
    return data.ljust(algorithm.block, b"\x00")


class SoftCardKey:
    """A card's key, in memory or in a device; fulfils ``keys.store.OnCardKey`` and ``apdu.line.CardKey``.

    What goes over the line is under a session key of one challenge, which is made where the key is and may leave.
    """

    __slots__ = ("_key", "algorithm")

    def __init__(self, algorithm: Algorithm, value: Secret | BlockKey) -> None:
        self.algorithm = algorithm
        self._key: BlockKey = ClearKey(algorithm, value) if isinstance(value, Secret) else value

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        with self._session(challenge) as key:
            return auth_data_by(self.algorithm, key.view(), original)

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        with self._session(challenge) as key:
            return sm_mac_by(self.algorithm, key.view(), data)

    def encrypt(self, challenge: bytes, plain: bytes) -> bytes:
        with self._session(challenge) as key:
            return sm_encrypt_by(self.algorithm, key.view(), plain)

    def answer(self, data: bytes) -> bytes:
        return self._key.ecb(_block(self.algorithm, data))

    def code(self, data: bytes) -> bytes:
        with self.value as key:
            return load_mac(self.algorithm, key.view(), bytes(self.algorithm.block), data)

    @property
    def value(self) -> Secret:
        """A copy of the key for a computation that cannot be done where it is: service-clear."""
        return self._key.clear()

    def _session(self, challenge: bytes) -> Secret:
        return self._key.session(session_text(self.algorithm, challenge), session_cipher(self.algorithm).block)

    def __repr__(self) -> str:
        check = self._key.ecb(bytes(self.algorithm.block))[:3].hex().upper()
        return f"<card key {self.algorithm.value}, KCV {check}>"
