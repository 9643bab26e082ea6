"""The calls for many cards on record: one leaf stands for one call, and says how many cards it serves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager

from cardfab.keys.certificates import IccCertificate, IccSubject, PublicKey
from cardfab.keys.custody import Custody
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.keys.label import Sealed
from cardfab.keys.many import ManyKeys

_POOL = "station/pool"
_TRANSPORT = "station/transport"


class AuditedMany(ABC):
    """A part of :class:`~cardfab.keys.auditing.AuditedKeyStore`. Acts are named as for one card."""

    inner: ManyKeys

    @abstractmethod
    def _use(self, act: str, *labels: str, count: int) -> AbstractContextManager[None]:
        """The intent before, the outcome behind."""

    @abstractmethod
    def _count(self, act: str, label: str, times: int) -> None:
        """To be told at the end."""

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
        with self._use(f"emv_keys {custody}", *labels, count=len(labels) * len(pans)):
            return self.inner.emv_keys_many(
                labels, pans, psn, meaning, option=option, parity=parity, check=check, custody=custody
            )

    def icc_sm2_many(self, count: int, filling: Filling = "always80") -> tuple[IccKey, ...]:
        with self._use("icc_sm2", _TRANSPORT, count=count):
            return self.inner.icc_sm2_many(count, filling)

    def icc_from_pool_many(self, sealed: Sequence[bytes], filling: Filling = "always80") -> tuple[IccKey, ...]:
        with self._use("icc_from_pool", _POOL, count=len(sealed)):
            return self.inner.icc_from_pool_many(sealed, filling)

    def first_pin_many(self, count: int, digits: int, meaning: str, *, published: bool) -> tuple[Sealed, ...]:
        with self._use("training_pin" if published else "random_pin", _TRANSPORT, count=count):
            return self.inner.first_pin_many(count, digits, meaning, published=published)

    def cvn_many(self, label: str, pans: Sequence[str], expiry: str, service_code: str) -> tuple[str, ...]:
        with self._use("cvn", label, count=len(pans)):
            return self.inner.cvn_many(label, pans, expiry, service_code)

    def pvv_many(self, label: str, pans: Sequence[str], pins: Sequence[Sealed], index: int) -> tuple[str, ...]:
        with self._use("pvv", label, count=len(pans)):
            return self.inner.pvv_many(label, pans, pins, index)

    def sign_static_many(self, label: str, dac: bytes, statics: Sequence[bytes]) -> tuple[bytes, ...]:
        with self._use("sign_static", label, count=len(statics)):
            return self.inner.sign_static_many(label, dac, statics)

    def certify_icc_many(
        self, label: str, subjects: Sequence[IccSubject], publics: Sequence[PublicKey], statics: Sequence[bytes]
    ) -> tuple[IccCertificate, ...]:
        with self._use("certify_icc", label, count=len(subjects)):
            return self.inner.certify_icc_many(label, subjects, publics, statics)

    def seal_many(self, label: str, salt: bytes, plains: Sequence[bytes], bounds: Sequence[bytes]) -> tuple[bytes, ...]:
        self._count("seal", label, len(plains))
        return self.inner.seal_many(label, salt, plains, bounds)

    def unseal_many(
        self, label: str, salt: bytes, sealed: Sequence[bytes], bounds: Sequence[bytes]
    ) -> tuple[bytes, ...]:
        self._count("unseal", label, len(sealed))
        return self.inner.unseal_many(label, salt, sealed, bounds)

    def index_many(self, label: str, data: Sequence[bytes]) -> tuple[bytes, ...]:
        self._count("index", label, len(data))
        return self.inner.index_many(label, data)


__all__ = ["AuditedMany"]
