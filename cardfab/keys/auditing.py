"""A key store whose every use is on record: the intent is committed before the act, the outcome after it.

Where the record cannot be written the key is not used. One leaf stands for one call, however many keys or cards it
serves. An object that is handed out (the keys of one card, one channel) is one use, the opening of it. Uses that are of
no card or holder (data at rest, the record's own signature, public keys) are counted by key and written once, at close.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, runtime_checkable

from cardfab.errors import CardfabError, KeyFault
from cardfab.keys.away import KeysAway
from cardfab.keys.certificates import IccCertificate, IccSubject, IssuerCertificate, PublicKey
from cardfab.keys.custody import Capabilities, Custody
from cardfab.keys.emvkeys import OnCardEmv
from cardfab.keys.explain import Explained
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.keys.label import KeyInfo, Sealed
from cardfab.keys.manyaudited import AuditedMany
from cardfab.keys.pool import PoolKeys
from cardfab.keys.store import (
    ChannelKeys,
    ChannelKeys03,
    ChannelSession,
    ChannelSession03,
    FirstPin,
    KeyStore,
    KeyToLoad,
    LoadPurse,
    OnCardKey,
    OnCardMasterKey,
    PkiPin,
    PurchasePurse,
    TacKey,
)

T = TypeVar("T")
UseOutcome = Literal["done", "refused", "failed"]
NOBODY = "-"
"""What a use is about that is of no card, job or holder; and the label of one that needs no key."""

_POOL = "station/pool"
_TRANSPORT = "station/transport"
_RECORD_KEYS = frozenset(("station/audit",))


@dataclass(frozen=True, slots=True)
class KeyUse:
    """One use of a key. ``label`` and ``kcv`` list several keys of one call with commas; ``kcv`` may be empty.

    ``act`` is the store's own name of what is done, ``count`` how many keys or acts it covers, ``about`` the token of
    a job or card, never a number of either.
    """

    label: str
    kcv: str
    act: str
    count: int = 1
    about: str = NOBODY


class AuditSink(Protocol):
    """Where key uses are written. Every call is durable when it returns, and raises where it cannot be."""

    def intent(self, use: KeyUse) -> None:
        """The key is about to be used."""
        ...

    def outcome(self, use: KeyUse, outcome: UseOutcome, code: str) -> None:
        """How it ended: the same object that :meth:`intent` got; ``code`` of the error, or empty."""
        ...

    def counted(self, uses: Sequence[KeyUse]) -> None:
        """Uses that were only counted, once at the end of the work."""
        ...


@runtime_checkable
class ForesightedSink(AuditSink, Protocol):
    """A sink that can write several intents at once."""

    def foreseen(self, uses: Sequence[KeyUse], /) -> AbstractContextManager[None]:
        """In this block these uses stand under intents that are durable when it begins; ``count`` is how many are
        expected. What is told behind it is how many there were, and that may be none.
        """
        ...


_ABOUT: ContextVar[str] = ContextVar("about", default=NOBODY)


@contextmanager
def about(token: str) -> Iterator[None]:
    """Every key use in this block is about the job or card of that token."""
    before = _ABOUT.set(token)
    try:
        yield
    finally:
        _ABOUT.reset(before)


def whom() -> str:
    """The token that key uses are about now."""
    return _ABOUT.get()


class StationKeys(KeyStore, PoolKeys, Protocol):
    """A key store as a station holds it: with chip keys for its pool, and closed at the end."""

    def close(self) -> None:
        """Wipe or let go of what is held; the store is of no use afterwards."""
        ...


class _Book:
    """Writes uses of one store to its sink."""

    def __init__(self, sink: AuditSink, kcv: Callable[[str], str]) -> None:
        self._sink, self._kcv = sink, kcv
        self._counts: Counter[tuple[str, str]] = Counter()
        self._counting = threading.Lock()

    @contextmanager
    def use(self, act: str, *labels: str, count: int = 1) -> Iterator[None]:
        """The intent before, the outcome behind what is done in this block."""
        use = KeyUse(",".join(labels) or NOBODY, self._checks(labels), act, count, whom())
        self._sink.intent(use)
        try:
            yield
        except CardfabError as error:
            refused = isinstance(error, KeyFault) and not isinstance(error, KeysAway)
            self._sink.outcome(use, "refused" if refused else "failed", error.code)
            raise
        except BaseException as error:
            self._sink.outcome(use, "failed", type(error).__name__)
            raise
        self._sink.outcome(use, "done", "")

    def foreseen(self, uses: Mapping[tuple[str, str], int]) -> AbstractContextManager[None]:
        """The intents of uses that are to come, by act and label, in one commit where the sink can do that."""
        if not uses or not isinstance(self._sink, ForesightedSink):
            return nullcontext()
        who = whom()
        return self._sink.foreseen(
            [KeyUse(label, self._checks((label,)), act, count, who) for (act, label), count in uses.items()]
        )

    def count(self, act: str, label: str, times: int = 1) -> None:
        with self._counting:
            self._counts[label, act] += times

    def flush(self) -> None:
        """Write the counts; they begin again at nothing."""
        with self._counting:
            counts, self._counts = self._counts, Counter()
        checks = {label: self._checks((label,)) for label in dict.fromkeys(label for label, _ in counts)}
        uses = [KeyUse(label, checks[label], act, n) for (label, act), n in sorted(counts.items())]
        try:
            if uses:
                self._sink.counted(uses)
        except BaseException:
            with self._counting:  # they are told the next time
                self._counts += counts
            raise

    def _checks(self, labels: Sequence[str]) -> str:
        return ",".join(filter(None, map(self._kcv, labels)))


class AuditedKeyStore(AuditedMany):
    """A :class:`StationKeys` around another one. What it hands out is the other's own, but for channel openers."""

    def __init__(self, inner: StationKeys, sink: AuditSink) -> None:
        self.inner: StationKeys = inner
        self._book = _Book(sink, self._kcv)

    def __repr__(self) -> str:
        return f"<audited {self.inner!r}>"

    def about(self, token: str) -> AbstractContextManager[None]:
        """Every use in this block is about the job or card of that token."""
        return about(token)

    def foreseen(self, uses: Mapping[tuple[str, str], int]) -> AbstractContextManager[None]:
        """Uses that are to come in this block, by act and label: their intents are on record when it begins."""
        return self._book.foreseen(uses)

    def flush(self) -> None:
        """Write what was only counted so far."""
        self._book.flush()

    def close(self) -> None:
        try:
            self.flush()
        finally:
            self.inner.close()

    def _use(self, act: str, *labels: str, count: int) -> AbstractContextManager[None]:
        return self._book.use(act, *labels, count=count)

    def _count(self, act: str, label: str, times: int) -> None:
        self._book.count(act, label, times)

    def _kcv(self, label: str) -> str:
        try:
            return "" if label == NOBODY else self.inner.info(label).kcv
        except KeyFault:  # the act itself says what is wrong
            return ""

    # -- what is known of keys, and data at rest: counted ----------------------------------------------------------

    def infos(self) -> Sequence[KeyInfo]:
        self._book.count("infos", NOBODY)
        return self.inner.infos()

    def info(self, label: str) -> KeyInfo:
        return self.inner.info(label)

    def capabilities(self) -> Capabilities:
        return self.inner.capabilities()

    def public(self, label: str) -> bytes:
        self._book.count("public", label)
        return self.inner.public(label)

    def issuer_public(self, label: str) -> PublicKey:
        self._book.count("issuer_public", label)
        return self.inner.issuer_public(label)

    def issuer_certificate(self, label: str) -> IssuerCertificate:
        self._book.count("issuer_certificate", label)
        return self.inner.issuer_certificate(label)

    def seal(self, label: str, salt: bytes, plain: bytes, bound: bytes) -> bytes:
        self._book.count("seal", label)
        return self.inner.seal(label, salt, plain, bound)

    def unseal(self, label: str, salt: bytes, sealed: bytes, bound: bytes) -> bytes:
        self._book.count("unseal", label)
        return self.inner.unseal(label, salt, sealed, bound)

    def index(self, label: str, data: bytes) -> bytes:
        self._book.count("index", label)
        return self.inner.index(label, data)

    def sign(self, label: str, message: bytes) -> bytes:
        if label in _RECORD_KEYS:  # signing the record would grow the record that is signed
            self._book.count("sign", label)
            return self.inner.sign(label, message)
        with self._book.use("sign", label):
            return self.inner.sign(label, message)

    def explain(self, label: str, scheme: str, factors: Mapping[str, str]) -> tuple[Explained, ...]:
        with self._book.use("explain", label):  # never the factors: a card number may be among them
            return self.inner.explain(label, scheme, factors)

    # -- keys of one card ------------------------------------------------------------------------------------------

    def card_key(self, label: str, region: str, historical: bytes) -> OnCardKey:
        with self._book.use("card_key", label):
            return self.inner.card_key(label, region, historical)

    def purse_load(self, label: str, region: str, historical: bytes) -> LoadPurse:
        with self._book.use("purse_load", label):
            return self.inner.purse_load(label, region, historical)

    def purse_purchase(self, label: str, region: str, historical: bytes) -> PurchasePurse:
        with self._book.use("purse_purchase", label):
            return self.inner.purse_purchase(label, region, historical)

    def purse_tac(self, label: str, region: str, historical: bytes) -> TacKey:
        with self._book.use("purse_tac", label):
            return self.inner.purse_tac(label, region, historical)

    def master_key(self, label: str, region: str, historical: bytes) -> OnCardMasterKey:
        with self._book.use("master_key", label):
            return self.inner.master_key(label, region, historical)

    def load_key(
        self,
        label: str,
        region: str,
        historical: bytes,
        *,
        under: str | None = None,
        header: bytes = b"",
        fill: int = 0,
    ) -> KeyToLoad:
        with self._book.use("load_key", label, *_given(under)):
            return self.inner.load_key(label, region, historical, under=under, header=header, fill=fill)

    def channel(self, label: str, diversification: str | None = None) -> ChannelKeys:
        opener = self._opener("channel", label, lambda: self.inner.channel(label, diversification))
        return _AuditedChannel(label, opener, self._book)

    def channel03(self, label: str, diversification: str | None = None) -> ChannelKeys03:
        opener = self._opener("channel03", label, lambda: self.inner.channel03(label, diversification))
        return _AuditedChannel03(label, opener, self._book)

    def _opener(self, act: str, label: str, make: Callable[[], T]) -> T:
        """What opens channels is no use of a key yet; that it is refused is on record."""
        try:
            return make()
        except KeyFault as refused:
            with self._book.use(act, label):
                raise refused

    def emv_card(
        self, labels: Sequence[str], pan: str, psn: str, *, option: str = "A", parity: bool = False
    ) -> OnCardEmv:
        with self._book.use("emv_card", *labels, count=len(labels)):
            return self.inner.emv_card(labels, pan, psn, option=option, parity=parity)

    # -- PINs ------------------------------------------------------------------------------------------------------

    def first_pin(self, label: str) -> FirstPin:
        with self._book.use("first_pin", label):
            return self.inner.first_pin(label)

    def pki_pin(self, label: str, region: str, historical: bytes, *, new: str | None = None) -> PkiPin:
        with self._book.use("pki_pin", label, *_given(new)):
            return self.inner.pki_pin(label, region, historical, new=new)

    def holder_pin(self, pin: str | Sealed, *, new: str | Sealed | None = None) -> PkiPin:
        with self._book.use("holder_pin"):
            return self.inner.holder_pin(pin, new=new)

    def pki_reset(self, label: str, region: str, historical: bytes, *, new: str | Sealed) -> PkiPin:
        with self._book.use("pki_reset", label):
            return self.inner.pki_reset(label, region, historical, new=new)

    def pin_under(self, label: str, region: str, historical: bytes, pin: Sealed, challenge: bytes) -> bytes:
        with self._book.use("pin_under", label):
            return self.inner.pin_under(label, region, historical, pin, challenge)

    def pin_clear(self, pin: Sealed) -> bytes:
        with self._book.use("pin_clear", pin.under):
            return self.inner.pin_clear(pin)

    def random_pin(self, digits: int, meaning: str) -> Sealed:
        with self._book.use("random_pin", _TRANSPORT):
            return self.inner.random_pin(digits, meaning)

    def training_pin(self, digits: int, meaning: str) -> Sealed:
        with self._book.use("training_pin", _TRANSPORT):
            return self.inner.training_pin(digits, meaning)

    def print_pin(self, pin: Sealed, before: bytes, after: bytes, send: Callable[[memoryview], None]) -> None:
        with self._book.use("print_pin", pin.under):
            self.inner.print_pin(pin, before, after, send)

    def pin_from_pad(self, label: str, form: int, ciphered: bytes, pan: str, meaning: str) -> Sealed:
        with self._book.use("pin_from_pad", label):
            return self.inner.pin_from_pad(label, form, ciphered, pan, meaning)

    def pin_agrees(self, label: str, form: int, ciphered: bytes, pan: str, reference: Sealed) -> bool:
        with self._book.use("pin_agrees", label):
            return self.inner.pin_agrees(label, form, ciphered, pan, reference)

    def pin_has_pvv(self, label: str, form: int, ciphered: bytes, pan: str, pvk: str, index: int, pvv: str) -> bool:
        with self._book.use("pin_has_pvv", label, pvk):
            return self.inner.pin_has_pvv(label, form, ciphered, pan, pvk, index, pvv)

    def pad_block(self, label: str, form: int, pin: str, pan: str) -> bytes:
        with self._book.use("pad_block", label):
            return self.inner.pad_block(label, form, pin, pan)

    def pvv(self, label: str, pan: str, pin: Sealed, index: int) -> str:
        with self._book.use("pvv", label):
            return self.inner.pvv(label, pan, pin, index)

    def cvn(self, label: str, pan: str, expiry: str, service_code: str) -> str:
        with self._book.use("cvn", label):
            return self.inner.cvn(label, pan, expiry, service_code)

    # -- what a payment card is made with --------------------------------------------------------------------------

    def sign_static(self, label: str, dac: bytes, static: bytes) -> bytes:
        with self._book.use("sign_static", label):
            return self.inner.sign_static(label, dac, static)

    def certify_icc(self, label: str, subject: IccSubject, public: PublicKey, static: bytes) -> IccCertificate:
        with self._book.use("certify_icc", label):
            return self.inner.certify_icc(label, subject, public, static)

    def emv_keys(
        self,
        labels: Sequence[str],
        pan: str,
        psn: str,
        meaning: str,
        *,
        option: str = "A",
        parity: bool = False,
        check: str | None = None,
        custody: Custody = "service-clear",
    ) -> Sealed:
        with self._book.use(f"emv_keys {custody}", *labels, count=len(labels)):
            return self.inner.emv_keys(
                labels, pan, psn, meaning, option=option, parity=parity, check=check, custody=custody
            )

    def icc_sm2(self, filling: Filling = "always80") -> IccKey:
        with self._book.use("icc_sm2", _TRANSPORT):
            return self.inner.icc_sm2(filling)

    def icc_from_pool(self, sealed: bytes, filling: Filling = "always80") -> IccKey:
        with self._book.use("icc_from_pool", _POOL):
            return self.inner.icc_from_pool(sealed, filling)

    def make_for_pool(self, bits: int, exponent: int) -> bytes:
        with self._book.use("make_for_pool", _POOL):
            return self.inner.make_for_pool(bits, exponent)


def foreseen(keys: KeyStore, uses: Mapping[tuple[str, str], int]) -> AbstractContextManager[None]:
    """The same of any key store: one without a record of its own has nothing to write."""
    return keys.foreseen(uses) if isinstance(keys, AuditedKeyStore) else nullcontext()


@dataclass(frozen=True, slots=True)
class _AuditedChannel:
    """Opens SCP02 channels; each is one use of the root."""

    label: str
    keys: ChannelKeys
    book: _Book

    def open(self, key_data: bytes, kvn: int, sequence: bytes) -> ChannelSession:
        with self.book.use("channel", self.label):
            return self.keys.open(key_data, kvn, sequence)


@dataclass(frozen=True, slots=True)
class _AuditedChannel03:
    """Opens SCP03 channels; each is one use of the root."""

    label: str
    keys: ChannelKeys03
    book: _Book

    def open(self, key_data: bytes, kvn: int, context: bytes) -> ChannelSession03:
        with self.book.use("channel03", self.label):
            return self.keys.open(key_data, kvn, context)


def _given(label: str | None) -> tuple[str, ...]:
    return () if label is None else (label,)
