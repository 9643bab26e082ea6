"""What the preparation of a card asks of the bank's keys, apart from who answers: one card alone, or a shard at once.

The preparation is a generator that yields what it asks and goes on with the answer. Alone, each question is a call of
the key store. Many cards of one profile ask the same things in the same order, so that their questions of one round are
one call (:mod:`cardfab.keys.many`). There is one preparation, and what a card gets does not depend on its company.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from cardfab.keys.certificates import IccCertificate, IccSubject, IssuerCertificate, PublicKey
from cardfab.keys.custody import Custody
from cardfab.keys.issuerkeys import IssuerKeys
from cardfab.keys.label import Sealed
from cardfab.keys.many import ManyKeys


class BankKeys(IssuerKeys, ManyKeys, Protocol):
    """A key store that answers one card and many."""


class Ask(Protocol):
    """One question."""

    @property
    def shared(self) -> Hashable:
        """Questions of one kind with the same of this go together."""
        ...

    def alone(self, keys: IssuerKeys) -> Any:
        """The answer for one card."""
        ...

    def together(self, keys: BankKeys, asks: Sequence[Any]) -> Sequence[Any]:
        """The answers for all of ``asks``, in order."""
        ...


R = TypeVar("R")
Work = Generator[Ask, Any, R]


def answered(work: Work[R], keys: IssuerKeys) -> R:
    """Carry out one preparation."""
    try:
        ask = next(work)
        while True:
            ask = work.send(ask.alone(keys))
    except StopIteration as end:
        found: R = end.value
        return found


def all_answered(works: Sequence[Work[R]], keys: BankKeys) -> list[R]:
    """Carry out many, round by round. The first that refuses ends it: its error comes out, with nothing kept."""
    done: dict[int, R] = {}
    answers: dict[int, Any] = dict.fromkeys(range(len(works)))
    while answers:
        rounds: dict[Hashable, tuple[list[int], list[Ask]]] = {}
        for place, answer in answers.items():
            try:
                ask = works[place].send(answer)
            except StopIteration as end:
                done[place] = end.value
                continue
            places, asks = rounds.setdefault((type(ask), ask.shared), ([], []))
            places.append(place)
            asks.append(ask)
        answers = {}
        for places, asks in rounds.values():
            answers.update(zip(places, asks[0].together(keys, asks), strict=True))
    return [done[place] for place in range(len(works))]


@dataclass(frozen=True, slots=True)
class AskChain:
    """The certificate of an issuer key."""

    label: str

    @property
    def shared(self) -> Hashable:
        return self.label

    def alone(self, keys: IssuerKeys) -> IssuerCertificate:
        return keys.issuer_certificate(self.label)

    def together(self, keys: BankKeys, asks: Sequence[AskChain]) -> Sequence[IssuerCertificate]:
        return [keys.issuer_certificate(self.label)] * len(asks)


@dataclass(frozen=True, slots=True)
class AskDrawn:
    """Something random that nobody drew ahead: a PIN, a chip's key."""

    draw: Callable[[IssuerKeys], Any]

    @property
    def shared(self) -> Hashable:
        return None

    def alone(self, keys: IssuerKeys) -> Any:
        return self.draw(keys)

    def together(self, keys: BankKeys, asks: Sequence[AskDrawn]) -> Sequence[Any]:
        return [ask.draw(keys) for ask in asks]


@dataclass(frozen=True, slots=True)
class AskCvn:
    """CVN of an account."""

    label: str
    pan: str = field(repr=False)
    expiry: str
    service_code: str

    @property
    def shared(self) -> Hashable:
        return self.label, self.expiry, self.service_code

    def alone(self, keys: IssuerKeys) -> str:
        return keys.cvn(self.label, self.pan, self.expiry, self.service_code)

    def together(self, keys: BankKeys, asks: Sequence[AskCvn]) -> Sequence[str]:
        return keys.cvn_many(self.label, [one.pan for one in asks], self.expiry, self.service_code)


@dataclass(frozen=True, slots=True)
class AskPvv:
    """PVV of an account and its sealed PIN."""

    label: str
    pan: str = field(repr=False)
    pin: Sealed
    index: int

    @property
    def shared(self) -> Hashable:
        return self.label, self.index

    def alone(self, keys: IssuerKeys) -> str:
        return keys.pvv(self.label, self.pan, self.pin, self.index)

    def together(self, keys: BankKeys, asks: Sequence[AskPvv]) -> Sequence[str]:
        return keys.pvv_many(self.label, [one.pan for one in asks], [one.pin for one in asks], self.index)


@dataclass(frozen=True, slots=True)
class AskKeys:
    """The card's keys under one set of roots."""

    labels: tuple[str, ...]
    pan: str = field(repr=False)
    psn: str
    meaning: str
    option: str
    parity: bool
    check: str | None
    custody: Custody

    @property
    def shared(self) -> Hashable:
        return self.labels, self.psn, self.meaning, self.option, self.parity, self.check, self.custody

    def alone(self, keys: IssuerKeys) -> Sealed:
        return keys.emv_keys(
            self.labels, self.pan, self.psn, self.meaning,
            option=self.option, parity=self.parity, check=self.check, custody=self.custody,
        )  # fmt: skip

    def together(self, keys: BankKeys, asks: Sequence[AskKeys]) -> Sequence[Sealed]:
        return keys.emv_keys_many(
            self.labels, [one.pan for one in asks], self.psn, self.meaning,
            option=self.option, parity=self.parity, check=self.check, custody=self.custody,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class AskStatic:
    """Tag 93."""

    label: str
    dac: bytes
    static: bytes = field(repr=False)

    @property
    def shared(self) -> Hashable:
        return self.label, self.dac

    def alone(self, keys: IssuerKeys) -> bytes:
        return keys.sign_static(self.label, self.dac, self.static)

    def together(self, keys: BankKeys, asks: Sequence[AskStatic]) -> Sequence[bytes]:
        return keys.sign_static_many(self.label, self.dac, [one.static for one in asks])


@dataclass(frozen=True, slots=True)
class AskIcc:
    """Tags 9F46 to 9F48."""

    label: str
    subject: IccSubject
    public: PublicKey
    static: bytes = field(repr=False)

    @property
    def shared(self) -> Hashable:
        return self.label

    def alone(self, keys: IssuerKeys) -> IccCertificate:
        return keys.certify_icc(self.label, self.subject, self.public, self.static)

    def together(self, keys: BankKeys, asks: Sequence[AskIcc]) -> Sequence[IccCertificate]:
        subjects, publics = [one.subject for one in asks], [one.public for one in asks]
        return keys.certify_icc_many(self.label, subjects, publics, [one.static for one in asks])


__all__ = [
    "Ask",
    "AskChain",
    "AskCvn",
    "AskDrawn",
    "AskIcc",
    "AskKeys",
    "AskPvv",
    "AskStatic",
    "BankKeys",
    "R",
    "Work",
    "all_answered",
    "answered",
]
