"""The bank's side of a training station: issuer keys certified by the training authority; profiles linted with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache

from cardfab.errors import InputRefused
from cardfab.keys import SoftKeyStore
from cardfab.keys.certificates import IssuerCertificate, PublicKey
from cardfab.keys.issuerkeys import Filling, IccKey
from cardfab.keys.keystore import VaultKeyStore
from cardfab.keys.published import ISSUER_KEYS
from cardfab.prepare.lint.specimen import lint_profile
from cardfab.profile.financial import FinancialApplication, TagEntry
from cardfab.profile.loader import Finding, line_of

TRAINING_IIN, TRAINING_EXPIRY = bytes.fromhex("629999FF"), bytes.fromhex("1249")
"""Of the issuer certificates that a training station gets: to the end of 2049."""
_LISTS = {"9102": "fci", "9103": "fci_contactless", "0D01": "updatable", "0E01": "internal"}


def training_store(random: Callable[[int], bytes] = os.urandom) -> SoftKeyStore:
    """The published keys, their issuer keys certified by the training authority."""
    store = SoftKeyStore.training(random)
    for spec in ISSUER_KEYS:
        certify(store, spec.label)
    return store


def certify(store: VaultKeyStore, label: str) -> IssuerCertificate:
    """Ask the training authority for a certificate and import its answer."""
    from cardfab.simulator import authority

    request = store.issuer_request(label, authority.RID, TRAINING_IIN, TRAINING_EXPIRY, bytes(3))
    made = authority.answer(request.public, request.proof)
    kept = IssuerCertificate(authority.RID, made.index, made.authority, made.certificate, made.remainder, made.exponent)
    store.import_certificate(label, kept)
    return kept


def training_authorities() -> Mapping[bytes, PublicKey]:
    """The public keys of the training authority, by index."""
    from cardfab.simulator import authority

    return authority.authorities()


def lint_financial(application: FinancialApplication, file: str, text: str) -> Iterator[Finding]:
    """What the 35 rules say of a specimen of this profile, each on the line of its tag."""
    try:
        findings = lint_profile(application, _store(), training_authorities(), _chip_key)
    except InputRefused as refused:
        yield Finding(file, 1, refused.what.en)
        return
    for one in findings:
        place = _place(application, one.where, one.tag)
        yield Finding(file, line_of(text, place), str(one), warning=one.severity == "warning")


@cache
def _store() -> SoftKeyStore:
    return training_store()


@cache
def _sealed_key(bits: int, exponent: int) -> bytes:
    """One chip key is enough for every specimen: none is ever made."""
    return _store().make_for_pool(bits, exponent)


def _chip_key(bits: int, exponent: int, filling: Filling) -> IccKey:
    return _store().icc_from_pool(_sealed_key(bits, exponent), filling)


def _place(application: FinancialApplication, where: str, tag: str) -> Sequence[str | int]:
    """Where in the profile the value stands that a rule found."""
    if where in _LISTS:
        return [_LISTS[where], *_index(getattr(application, _LISTS[where]), tag)]
    paths = {path.name: path for path in application.ways}
    inside = paths[where].records if where in paths else (where,)
    for record in application.records:
        if record.dgi in inside and (found := _index(record.tags, tag)):
            return ["records", record.dgi, "tags", *found]
    if where in paths:
        return ["paths", where]
    return ["records", where] if where in {record.dgi for record in application.records} else ["order"]


def _index(entries: Sequence[TagEntry], tag: str) -> list[int]:
    return [number for number, entry in enumerate(entries) if entry.tag.hex().upper() == tag][:1]
