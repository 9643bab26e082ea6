"""Which keys a card is made with, and marks of its own keys: kept with the job before its chip is written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cardfab.errors import KeyFault
from cardfab.keys import Sealed
from cardfab.keys.certificates import PublicKey
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.lint.assembly import Assembly
from cardfab.prepare.lint.signed import icc_of
from cardfab.profile.financial import FinancialApplication
from cardfab.station.desk import Desk
from cardfab.station.keyscan import labels_of
from cardfab.station.work import Work
from cardfab.store import Transaction
from cardfab.store.keyuses import UsedKey

_MARK = 16
"""Hex digits of a mark: enough to tell the keys of every card ever made here."""


@dataclass(frozen=True, slots=True)
class KeysOfCard:
    """What :meth:`cardfab.store.keyuses.KeyUses.add` keeps of a card."""

    used: frozenset[UsedKey]
    region: str
    secret: str
    publics: tuple[str, ...]

    def keep(self, tx: Transaction, job_id: int) -> None:
        """Keep it with the job, in the transaction that changes the job's state."""
        tx.key_uses.add(job_id, self.used, self.region, self.secret, self.publics)


def keys_of(desk: Desk, work: Work) -> KeysOfCard:
    """The keys of a prepared card and of its product, as the store has them now."""
    infos = {info.label: info for info in desk.keys.infos()}
    labels = (labels_of(work.chosen, infos) | work.plan.key_labels()) & set(infos)
    labels |= {one.under for one in _sealed(work.card) if one.under in infos}
    used = frozenset(UsedKey(label, infos[label].version, infos[label].kcv) for label in labels)
    publics = _publics(desk, work.chosen.financial, work.card)
    return KeysOfCard(used, work.card.region, _secret_mark(work.card), publics)


def _sealed(card: PreparedCard) -> list[Sealed]:
    return [one.value for one in card.groupings if isinstance(one.value, Sealed)]


def _secret_mark(card: PreparedCard) -> str:
    """A digest of the check values of the card's own symmetric keys, three bytes of each; nothing without keys."""
    values = b"".join(b"".join(one.kcvs) for one in _sealed(card))
    return hashlib.sha256(values).hexdigest()[:_MARK].upper() if values else ""


def _publics(desk: Desk, application: FinancialApplication, card: PreparedCard) -> tuple[str, ...]:
    """Marks of the card's public keys, recovered from its certificates as a terminal does."""
    authorities = {}
    for label in (application.issuer.rsa, application.issuer.sm2):
        try:
            kept = None if label is None else desk.keys.issuer_certificate(label)
        except KeyFault:  # a product that certifies nothing has no certificate to show
            continue
        if kept is not None:
            authorities[kept.index] = kept.authority
    assembly = Assembly(application, card.groupings, authorities=authorities)
    found = [icc_of(assembly, path) for path in assembly.paths]
    return tuple(sorted({_public_mark(one.public) for one in found if one is not None}))


def _public_mark(public: PublicKey) -> str:
    value = public if isinstance(public, bytes) else public.modulus
    return hashlib.sha256(value).hexdigest()[:_MARK].upper()
