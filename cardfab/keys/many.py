"""The key store's calls for many cards at once: one leaf of the record, one message to a key service.

Each gives, in order, what as many single calls of :class:`~cardfab.keys.issuerkeys.IssuerKeys` and of the store would
give; nothing leaves unsealed that those would seal. A call raises for the whole lot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cardfab.keys.certificates import IccCertificate, IccSubject, PublicKey
from cardfab.keys.custody import Custody
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.keys.label import Sealed


class ManyKeys(Protocol):
    """What the preparation of a shard asks of the key store."""

    def emv_keys_many(
        self,
        labels: Sequence[str],
        pans: Sequence[str],
        psn: str,
        meaning: str,
        *,
        option: str = "A",
        parity: bool = False,
        check: str | None = None,
        custody: Custody = "service-clear",
    ) -> tuple[Sealed, ...]:
        """:meth:`emv_keys` of each account number."""
        ...

    def icc_sm2_many(self, count: int, filling: Filling = "always80") -> tuple[IccKey, ...]:
        """New SM2 keys of chips."""
        ...

    def icc_from_pool_many(self, sealed: Sequence[bytes], filling: Filling = "always80") -> tuple[IccKey, ...]:
        """The chips' RSA keys that the pool gave."""
        ...

    def first_pin_many(self, count: int, digits: int, meaning: str, *, published: bool) -> tuple[Sealed, ...]:
        """Random PINs, or as often the published one of training cards, as sealed format-2 blocks."""
        ...

    def cvn_many(self, label: str, pans: Sequence[str], expiry: str, service_code: str) -> tuple[str, ...]:
        """:meth:`cvn` of each account number."""
        ...

    def pvv_many(self, label: str, pans: Sequence[str], pins: Sequence[Sealed], index: int) -> tuple[str, ...]:
        """:meth:`pvv` of each account number and its PIN."""
        ...

    def sign_static_many(self, label: str, dac: bytes, statics: Sequence[bytes]) -> tuple[bytes, ...]:
        """Tag 93 over each card's static data."""
        ...

    def certify_icc_many(
        self, label: str, subjects: Sequence[IccSubject], publics: Sequence[PublicKey], statics: Sequence[bytes]
    ) -> tuple[IccCertificate, ...]:
        """Tags 9F46, 9F48, 9F47 of each card."""
        ...

    def seal_many(self, label: str, salt: bytes, plains: Sequence[bytes], bounds: Sequence[bytes]) -> tuple[bytes, ...]:
        """:meth:`seal` of each, under one salt."""
        ...

    def unseal_many(
        self, label: str, salt: bytes, sealed: Sequence[bytes], bounds: Sequence[bytes]
    ) -> tuple[bytes, ...]:
        """The inverse of :meth:`seal_many`."""
        ...

    def index_many(self, label: str, data: Sequence[bytes]) -> tuple[bytes, ...]:
        """:meth:`index` of each."""
        ...


__all__ = ["ManyKeys"]
