"""Many cards at once over any vault: what one card's call does, in a loop, and in one pass where the keys are here.

A part of :class:`~cardfab.keys.keystore.VaultKeyStore`. With the roots in this process's memory the card keys of a
shard are one cipher call a root, and their signatures by SM2 are verified together. A device is asked card by card:
PKCS#11 derives and signs one value a call.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence

from cardfab.crypto import Algorithm, Buffer, CipherRefused, SealBroken, seal, unseal
from cardfab.crypto.checkvalues import kcv_many
from cardfab.crypto.emv import set_odd_parity, udk_data
from cardfab.crypto.sm import sm2_digest, sm2_generate_many, sm2_verify_all
from cardfab.keys.certificates import IccCertificate, IccSubject, PublicKey
from cardfab.keys.custody import Custody
from cardfab.keys.emvcard import HostSide
from cardfab.keys.issuer import sm2_icc_fields, sm2_static_fields
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.keys.label import Mode, Sealed, Usage
from cardfab.keys.secret import Secret
from cardfab.keys.vault import ClearRoot, MemoryVault, ecb

_TRANSPORT = "station/transport"
_KEY = 16
_AT_ONCE = 50
"""Chip keys that are made together, and are in clear meanwhile."""


class ManySide(HostSide):
    """The store's calls for many cards."""

    @abstractmethod
    def random_pin(self, digits: int, meaning: str) -> Sealed:
        """A random PIN as a sealed format-2 block."""

    @abstractmethod
    def unseal(self, label: str, salt: bytes, sealed: bytes, bound: bytes) -> bytes:
        """Open data at rest, also of an earlier version of the key."""

    @abstractmethod
    def index(self, label: str, data: bytes) -> bytes:
        """A keyed digest."""

    @abstractmethod
    def _salted(self, label: str, salt: bytes, *, making: bool = False) -> Secret:
        """The key of a label and a salt."""

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
        roots = [self._vault.root(label) for label in labels if self._may(label, Usage.EMV_ROOT, making=True)]
        if not pans or custody == "token-wrap" or not all(isinstance(root, ClearRoot) for root in roots):
            return tuple(
                self.emv_keys(labels, pan, psn, meaning, option=option, parity=parity, check=check, custody=custody)
                for pan in pans
            )
        ciphers = [Algorithm(self.info(label).algorithm) for label in labels]
        data = b"".join(udk_data(option, pan, psn) for pan in pans)
        found: list[Sealed] = []
        seal_one = self._sealing(meaning)
        columns = [root.derive((ecb(cipher, data),)) for root, cipher in zip(roots, ciphers, strict=True)]
        views = [column.view() for column in columns]
        try:
            checks = [Algorithm(check or cipher.value) for cipher in ciphers]
            kcvs = zip(*map(kcv_many, checks, views), strict=True)
            if parity:
                for view in views:
                    set_odd_parity(view)
            with Secret(bytes(_KEY * len(labels))) as joined:
                whole = joined.view()
                for at, checked in zip(range(0, len(data), _KEY), kcvs, strict=True):
                    for place, view in enumerate(views):
                        whole[_KEY * place : _KEY * (place + 1)] = view[at : at + _KEY]
                    found.append(seal_one(whole, checked))
        finally:
            for column in columns:
                column.wipe()
        return tuple(found)

    def _sealing(self, meaning: str) -> Callable[[Buffer, tuple[bytes, ...]], Sealed]:
        """Seals card secrets of one meaning for their way; whether the key may be used so is asked once."""
        self._may(_TRANSPORT, Usage.TRANSPORT, Mode.ENCRYPT, making=True)
        close, bound, random = self._vault.seal, meaning.encode(), self._random

        def seal_one(plain: Buffer, kcvs: tuple[bytes, ...] = ()) -> Sealed:
            return Sealed(close(_TRANSPORT, plain, bound, random), _TRANSPORT, meaning, len(plain), kcvs)

        return seal_one

    def icc_sm2_many(self, count: int, filling: Filling = "always80") -> tuple[IccKey, ...]:
        lots = [min(_AT_ONCE, count - at) for at in range(0, count, _AT_ONCE)]
        return tuple(self._icc_sm2(*one, filling) for lot in lots for one in sm2_generate_many(lot, self._random))

    def icc_from_pool_many(self, sealed: Sequence[bytes], filling: Filling = "always80") -> tuple[IccKey, ...]:
        return tuple(self.icc_from_pool(one, filling) for one in sealed)

    def first_pin_many(self, count: int, digits: int, meaning: str, *, published: bool) -> tuple[Sealed, ...]:
        make = self.training_pin if published else self.random_pin
        return tuple(make(digits, meaning) for _ in range(count))

    def cvn_many(self, label: str, pans: Sequence[str], expiry: str, service_code: str) -> tuple[str, ...]:
        return tuple(self.cvn(label, pan, expiry, service_code) for pan in pans)

    def pvv_many(self, label: str, pans: Sequence[str], pins: Sequence[Sealed], index: int) -> tuple[str, ...]:
        return tuple(self.pvv(label, pan, pin, index) for pan, pin in zip(pans, pins, strict=True))

    def sign_static_many(self, label: str, dac: bytes, statics: Sequence[bytes]) -> tuple[bytes, ...]:
        if self._signs_here(label):
            fields = sm2_static_fields(dac)
            return self._sm2_signed(label, [fields] * len(statics), statics)
        return tuple(self.sign_static(label, dac, static) for static in statics)

    def certify_icc_many(
        self, label: str, subjects: Sequence[IccSubject], publics: Sequence[PublicKey], statics: Sequence[bytes]
    ) -> tuple[IccCertificate, ...]:
        points = [one for one in publics if isinstance(one, bytes)]
        if self._signs_here(label) and len(points) == len(publics):
            fields = [sm2_icc_fields(*one) for one in zip(subjects, points, strict=True)]
            return tuple(IccCertificate(one, b"", b"") for one in self._sm2_signed(label, fields, statics))
        rows = zip(subjects, publics, statics, strict=True)
        return tuple(self.certify_icc(label, subject, public, static) for subject, public, static in rows)

    def _signs_here(self, label: str) -> bool:
        """Whether it is an SM2 key in this process's memory."""
        return isinstance(self._vault, MemoryVault) and self.info(label).algorithm == "SM2"

    def _sm2_signed(self, label: str, fields: Sequence[bytes], statics: Sequence[bytes]) -> tuple[bytes, ...]:
        """Fields and signature of each; all are verified, in one go, before any leaves."""
        vault, public = self._vault, self.issuer_public(label)
        if not isinstance(vault, MemoryVault) or not isinstance(public, bytes):
            raise TypeError("these are signed one by one")
        self._may(label, Usage.ISSUER, making=True)
        rows = zip(fields, statics, strict=True)
        digests = [sm2_digest(public, field + static) for field, static in rows]
        signed = vault.sm2_sign_many(label, digests, self._random)
        if not sm2_verify_all(public, digests, signed, self._random):
            raise CipherRefused("a signature did not verify; this machine computes wrongly")
        return tuple(field + signature for field, (signature, _) in zip(fields, signed, strict=True))

    def seal_many(self, label: str, salt: bytes, plains: Sequence[bytes], bounds: Sequence[bytes]) -> tuple[bytes, ...]:
        with self._salted(label, salt, making=True) as key:
            rows = zip(plains, bounds, strict=True)
            return tuple(seal(key.view(), plain, bound, self._random) for plain, bound in rows)

    def unseal_many(
        self, label: str, salt: bytes, sealed: Sequence[bytes], bounds: Sequence[bytes]
    ) -> tuple[bytes, ...]:
        with self._salted(label, salt) as key:
            try:
                return tuple(unseal(key.view(), one, bound) for one, bound in zip(sealed, bounds, strict=True))
            except SealBroken:  # by an earlier version of the key, some of them
                rows = zip(sealed, bounds, strict=True)
                return tuple(self.unseal(label, salt, one, bound) for one, bound in rows)

    def index_many(self, label: str, data: Sequence[bytes]) -> tuple[bytes, ...]:
        return tuple(self.index(label, one) for one in data)


__all__ = ["ManySide"]
