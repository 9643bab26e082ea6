"""The digest of what a card and a shard are, whoever prepared them and how often.

A card's digest is SHA-256 over its content followed by SHA-256 over what was drawn for its row. The content is the JSON
of the prepared card (:meth:`~cardfab.prepare.card.PreparedCard.to_json_bytes`) with two things left empty that are
random in each preparation: the ciphertext of a sealed secret (the key it is sealed under, meaning, length and check
values stay), and the 64 bytes of a signature by SM2 in tags 93 and 9F46 (their other bytes stay). RSA certificates and
signatures are in it whole. What was drawn are the bytes of :class:`~cardfab.bureau.drawing.Drawn`: the sealed PIN, the
chip's SM2 key, the pool's RSA key, each as it was kept, so that a card with another PIN or key has another digest.

A shard's digest is SHA-256 over place (4 bytes) and digest of each card in order, a batch's is SHA-256 over the digests
of its shards in order; both as 64 hex digits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from cardfab.apdu.tlv import parse
from cardfab.bureau.drawing import Drawn
from cardfab.crypto.emvcert import SM2_ICC, SM2_STATIC
from cardfab.keys import Sealed
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.financial import DataGrouping
from cardfab.profile.financial import FinancialApplication

_SIGNATURE = 64
_LENGTHS = {0x93: SM2_STATIC, 0x9F46: SM2_ICC}
_SIGNED = ("static_signature@", "icc_certificate@")


def signed_records(application: FinancialApplication) -> frozenset[str]:
    """The records of an application that hold a signature by SM2."""
    sm2 = {path.name for path in application.ways if path.algorithm == "SM2"}
    sources = {f"{source}{name}" for source in _SIGNED for name in sm2}
    return frozenset(one.dgi for one in application.records if any(tag.source in sources for tag in one.tags))


def card_digest(card: PreparedCard, plain: bytes, signed: frozenset[str], drawn: Drawn) -> bytes:
    """32 bytes. ``plain`` is the card as JSON, ``signed`` are the records with signatures by SM2."""
    whole, view, at = hashlib.sha256(), memoryview(plain), 0
    for grouping in card.groupings:
        for one in _left_out(grouping, signed):
            text = one.hex().encode()
            found = plain.index(text, at)  # they stand there in this order
            whole.update(view[at:found])
            at = found + len(text)
    whole.update(view[at:])
    whole.update(hashlib.sha256(drawn.to_bytes()).digest())
    return whole.digest()


def _left_out(grouping: DataGrouping, signed: frozenset[str]) -> Iterable[bytes]:
    if isinstance(grouping.value, Sealed):
        return (grouping.value.ciphertext,)
    return _signatures(grouping) if grouping.dgi in signed else ()


def _signatures(record: DataGrouping) -> Iterator[bytes]:
    if isinstance(record.value, bytes):
        for outer in parse(record.value):
            for one in outer.children:
                if len(one.value) == _LENGTHS.get(one.tag):
                    yield one.value[-_SIGNATURE:]


def batch_digest(shards: Iterable[str]) -> str:
    """Over the digests of a batch's shards, in order."""
    whole = hashlib.sha256()
    for one in shards:
        whole.update(bytes.fromhex(one))
    return whole.hexdigest()


__all__ = ["batch_digest", "card_digest", "signed_records"]
