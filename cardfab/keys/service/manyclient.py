"""The calls for many cards over the socket, cut where one message would be too long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cardfab.keys.certificates import IccCertificate, IccSubject, PublicKey
from cardfab.keys.custody import Custody
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.keys.label import Sealed
from cardfab.keys.service.line import Line

_ROWS = 1000
"""Rows of one message whose answer is of a known size: of RSA keys half a megabyte."""
_BYTES = 1 << 20
"""Of data at rest in one message; a single row may be longer."""


class RemoteMany:
    """A part of :class:`~cardfab.keys.service.client.RemoteKeyStore`."""

    _line: Line

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
        rest = psn, meaning, option, parity, check, custody
        return self._joined(
            [self._line.ask("emv_keys_many", tuple(labels), tuple(some), *rest) for (some,) in _cut(_ROWS, pans)]
        )

    def icc_sm2_many(self, count: int, filling: Filling = "always80") -> tuple[IccKey, ...]:
        return self._joined(
            [self._line.ask("icc_sm2_many", len(some), filling) for (some,) in _cut(_ROWS, range(count))]
        )

    def icc_from_pool_many(self, sealed: Sequence[bytes], filling: Filling = "always80") -> tuple[IccKey, ...]:
        return self._joined(
            [self._line.ask("icc_from_pool_many", tuple(some), filling) for (some,) in _cut(_ROWS, sealed)]
        )

    def first_pin_many(self, count: int, digits: int, meaning: str, *, published: bool) -> tuple[Sealed, ...]:
        rest = digits, meaning, published
        return self._joined(
            [self._line.ask("first_pin_many", len(some), *rest) for (some,) in _cut(_ROWS, range(count))]
        )

    def cvn_many(self, label: str, pans: Sequence[str], expiry: str, service_code: str) -> tuple[str, ...]:
        rest = expiry, service_code
        return self._joined([self._line.ask("cvn_many", label, tuple(some), *rest) for (some,) in _cut(_ROWS, pans)])

    def pvv_many(self, label: str, pans: Sequence[str], pins: Sequence[Sealed], index: int) -> tuple[str, ...]:
        cut = _cut(_ROWS, pans, pins)
        return self._joined([self._line.ask("pvv_many", label, tuple(some), tuple(of), index) for some, of in cut])

    def sign_static_many(self, label: str, dac: bytes, statics: Sequence[bytes]) -> tuple[bytes, ...]:
        return self._joined(
            [self._line.ask("sign_static_many", label, dac, tuple(some)) for (some,) in _cut(_ROWS, statics)]
        )

    def certify_icc_many(
        self, label: str, subjects: Sequence[IccSubject], publics: Sequence[PublicKey], statics: Sequence[bytes]
    ) -> tuple[IccCertificate, ...]:
        cut = _cut(_ROWS, subjects, publics, statics)
        return self._joined([self._line.ask("certify_icc_many", label, *map(tuple, some)) for some in cut])

    def seal_many(self, label: str, salt: bytes, plains: Sequence[bytes], bounds: Sequence[bytes]) -> tuple[bytes, ...]:
        return self._joined(
            [self._line.ask("seal_many", label, salt, *map(tuple, some)) for some in _fitting(plains, bounds)]
        )

    def unseal_many(
        self, label: str, salt: bytes, sealed: Sequence[bytes], bounds: Sequence[bytes]
    ) -> tuple[bytes, ...]:
        return self._joined(
            [self._line.ask("unseal_many", label, salt, *map(tuple, some)) for some in _fitting(sealed, bounds)]
        )

    def index_many(self, label: str, data: Sequence[bytes]) -> tuple[bytes, ...]:
        return self._joined([self._line.ask("index_many", label, tuple(some)) for (some,) in _cut(_ROWS, data)])

    @staticmethod
    def _joined(parts: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
        return tuple(one for part in parts for one in part)


def _cut(size: int, *columns: Sequence[Any]) -> Iterator[tuple[Sequence[Any], ...]]:
    for at in range(0, len(columns[0]), size):
        yield tuple(column[at : at + size] for column in columns)


def _fitting(data: Sequence[bytes], bounds: Sequence[bytes]) -> Iterator[tuple[Sequence[bytes], Sequence[bytes]]]:
    start, room = 0, _BYTES
    for at, one in enumerate(data):
        if (at > start and len(one) > room) or at - start == _ROWS:
            yield data[start:at], bounds[start:at]
            start, room = at, _BYTES
        room -= len(one)
    if start < len(data):
        yield data[start:], bounds[start:]


__all__ = ["RemoteMany"]
