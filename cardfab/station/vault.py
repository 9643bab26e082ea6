"""Requests and prepared cards at rest: sealed under the key of their batch, bound to where they lie."""

from __future__ import annotations

from collections.abc import Sequence

from cardfab.errors import InputRefused, Text
from cardfab.keys import KeyStore
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.request import IssuanceRequest
from cardfab.store import JobRow, RequestRow

_SEAL = "station/seal"
_INDEX = "station/index"


class Erased(InputRefused):
    """The personal data of a batch has been erased."""

    default_code = "CF-3140"


def _salt(row: RequestRow) -> bytes:
    if row.salt is None:
        raise Erased(
            Text(f"The personal data of request {row.id} has been erased.", f"申请 {row.id} 的个人数据已清除。")
        )
    return row.salt


def seal_request(keys: KeyStore, request: IssuanceRequest, token: str, salt: bytes) -> bytes:
    """A request as it is kept."""
    return keys.seal(_SEAL, salt, request.to_json_bytes(), f"request:{token}".encode())


def seal_requests(
    keys: KeyStore, requests: Sequence[IssuanceRequest], tokens: Sequence[str], salt: bytes
) -> tuple[bytes, ...]:
    """:func:`seal_request` of many of one batch."""
    plains = [request.to_json_bytes() for request in requests]
    return keys.seal_many(_SEAL, salt, plains, [f"request:{token}".encode() for token in tokens])


def open_request(keys: KeyStore, row: RequestRow) -> IssuanceRequest:
    """The request of a row."""
    plain = keys.unseal(_SEAL, _salt(row), row.sealed, f"request:{row.token}".encode())
    return IssuanceRequest.from_json_bytes(plain)


def seal_card(keys: KeyStore, card: PreparedCard, row: RequestRow) -> bytes:
    """A prepared card as it is kept with its job."""
    return keys.seal(_SEAL, _salt(row), card.to_json_bytes(), f"card:{row.token}".encode())


def open_card(keys: KeyStore, job: JobRow, row: RequestRow) -> PreparedCard:
    """The prepared card of a job; raises InputRefused when it is not prepared yet."""
    if job.sealed_card is None:
        raise InputRefused(
            Text(f"Request {row.id} is not prepared yet.", f"申请 {row.id} 尚未准备数据。"),
            do=Text(
                f"Approve it: 'cardfab request approve {row.id}'.", f"请先审批：cardfab request approve {row.id}。"
            ),
            code="CF-3141",
        )
    plain = keys.unseal(_SEAL, _salt(row), job.sealed_card, f"card:{row.token}".encode())
    return PreparedCard.from_json_bytes(plain)


def open_requests(
    keys: KeyStore, sealed: Sequence[bytes], tokens: Sequence[str], salt: bytes
) -> tuple[IssuanceRequest, ...]:
    """:func:`open_request` of many of one batch."""
    plains = keys.unseal_many(_SEAL, salt, sealed, [f"request:{token}".encode() for token in tokens])
    return tuple(map(IssuanceRequest.from_json_bytes, plains))


def seal_cards(keys: KeyStore, plains: Sequence[bytes], tokens: Sequence[str], salt: bytes) -> tuple[bytes, ...]:
    """:func:`seal_card` of many of one batch, each as its JSON."""
    return keys.seal_many(_SEAL, salt, plains, [f"card:{token}".encode() for token in tokens])


def open_cards(keys: KeyStore, sealed: Sequence[bytes], tokens: Sequence[str], salt: bytes) -> tuple[PreparedCard, ...]:
    """:func:`open_card` of many of one batch."""
    plains = keys.unseal_many(_SEAL, salt, sealed, [f"card:{token}".encode() for token in tokens])
    return tuple(map(PreparedCard.from_json_bytes, plains))


def seal_draws(keys: KeyStore, plains: Sequence[bytes], token: str, shard: int, salt: bytes) -> tuple[bytes, ...]:
    """What was drawn for a shard, in parts whose order is bound."""
    return keys.seal_many(_SEAL, salt, plains, _draws(token, shard, len(plains)))


def open_draws(keys: KeyStore, sealed: Sequence[bytes], token: str, shard: int, salt: bytes, *, part: int) -> bytes:
    """One part, from 0, of what :func:`seal_draws` gave."""
    return keys.unseal(_SEAL, salt, sealed[part], _draws(token, shard, len(sealed))[part])


def _draws(token: str, shard: int, parts: int) -> list[bytes]:
    return [f"draws:{token}:{shard}:{part}/{parts}".encode() for part in range(1, parts + 1)]


def number_indexes(keys: KeyStore, card_numbers: Sequence[str]) -> tuple[bytes, ...]:
    """:func:`number_index` of many."""
    return keys.index_many(_INDEX, [b"card:" + one.encode() for one in card_numbers])


def holder_index(keys: KeyStore, social_security_number: str) -> bytes:
    """How a holder is found without the number lying there."""
    return keys.index(_INDEX, b"holder:" + social_security_number.encode())


def holder_indexes(keys: KeyStore, social_security_numbers: Sequence[str]) -> tuple[bytes, ...]:
    """:func:`holder_index` of many."""
    return keys.index_many(_INDEX, [b"holder:" + one.encode() for one in social_security_numbers])


def number_index(keys: KeyStore, card_number: str) -> bytes:
    """How a card is found by its number."""
    return keys.index(_INDEX, b"card:" + card_number.encode())


def plan_digest(keys: KeyStore, content: bytes) -> bytes:
    """The keyed digest of a plan, so that a number cannot be guessed from it."""
    return keys.index(_INDEX, b"plan:" + content)


def reseal(keys: KeyStore, token: str, old: bytes, new: bytes, sealed: bytes, cards: Sequence[bytes]) -> list[bytes]:
    """A request, then its prepared cards, sealed anew under another salt of their batch."""
    bound = [f"request:{token}".encode(), *[f"card:{token}".encode()] * len(cards)]
    plain = [keys.unseal(_SEAL, old, one, to) for one, to in zip((sealed, *cards), bound, strict=True)]
    return [keys.seal(_SEAL, new, one, to) for one, to in zip(plain, bound, strict=True)]
