"""What is random in the cards of a shard, drawn once for a row: the PIN, the chip's keys.

An RSA key is taken from the pool as it lies there, sealed, and opened when its card is prepared; SM2 keys and PINs are
made by the key store and come sealed for the chip. As bytes they are: length of the head (4), the head in JSON (how the
parts are sealed: under which key, meaning, length), then for each row its place (4) and five parts, each behind its
length (2): PIN, SM2 public key, the two sealed SM2 values, RSA key; a part that a card has not is empty.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cardfab.errors import KeyFault, Text
from cardfab.keys import KeyStore, Sealed
from cardfab.keys.issuerkeys import IccKey
from cardfab.keys.pool import IccPool
from cardfab.prepare.financial.prepare import PIN_MEANING, Draws

_FORM = 1
_PARTS = 5
_HEAD = struct.Struct(">I")
_PART = struct.Struct(">H")


class DrawsUnreadable(KeyFault):
    """What was drawn for a shard is not what this program writes."""

    default_code = "CF-6420"

    def __init__(self) -> None:
        super().__init__(
            Text("What was drawn for this shard cannot be read.", "该分片已抽取的随机数据无法读取。"),
            do=Text("Restore the database from a backup.", "请从备份恢复数据库。"),
        )


@dataclass(frozen=True, slots=True)
class Drawn:
    """Of one row. ``rsa`` is the key as the pool sealed it, empty where the card has none."""

    place: int
    pin: Sealed | None
    sm2: IccKey | None
    rsa: bytes = field(default=b"", repr=False)

    def to_bytes(self) -> bytes:
        """The row's part of what is kept: what a digest says was drawn."""
        sm2 = (b"", b"", b"")
        if self.sm2 is not None and isinstance(self.sm2.public, bytes):
            private, public = self.sm2.values
            sm2 = self.sm2.public, private.ciphertext, public.ciphertext
        parts = b"" if self.pin is None else self.pin.ciphertext, *sm2, self.rsa
        return _HEAD.pack(self.place) + b"".join(_PART.pack(len(part)) + part for part in parts)


def draw(keys: KeyStore, pool: IccPool | None, draws: Draws, places: Sequence[int]) -> list[Drawn]:
    """New draws for these places, in as few calls; raises PoolEmpty and takes no key then."""
    return _made(keys, draws, places, _from_pool(pool, draws, len(places)))


def draw_packed(
    keys: KeyStore, pool: IccPool | None, draws: Draws, places: Sequence[int], at_once: int
) -> tuple[list[bytes], list[bytes]]:
    """The same as :func:`pack` gives them, ``at_once`` rows a part; and the keys of the pool that are in them.

    The keys of the pool are there for all, or none is taken; what the key store makes is in memory for one part.
    """
    rsa = _from_pool(pool, draws, len(places))
    lots = [slice(at, at + at_once) for at in range(0, len(places), at_once)]
    return [pack(_made(keys, draws, places[lot], rsa[lot])) for lot in lots], rsa


def _from_pool(pool: IccPool | None, draws: Draws, count: int) -> list[bytes]:
    return [b""] * count if draws.rsa is None or pool is None else pool.draw(*draws.rsa, count)


def _made(keys: KeyStore, draws: Draws, places: Sequence[int], rsa: Sequence[bytes]) -> list[Drawn]:
    count = len(places)
    pins: Sequence[Sealed | None] = [None] * count
    if draws.pin:
        pins = keys.first_pin_many(count, draws.pin, PIN_MEANING, published=draws.published)
    sm2: Sequence[IccKey | None] = keys.icc_sm2_many(count, draws.sm2_filling) if draws.sm2 else [None] * count
    return [Drawn(*one) for one in zip(places, pins, sm2, rsa, strict=True)]


def pack(rows: Sequence[Drawn]) -> bytes:
    """The bytes of rows whose parts are sealed alike."""
    head: dict[str, object] = {"form": _FORM}
    if rows and rows[0].pin is not None:
        head["pin"] = _seal_of(rows[0].pin)
    if rows and rows[0].sm2 is not None:
        head["sm2"] = [_seal_of(one) for one in rows[0].sm2.values]
    said = json.dumps(head, sort_keys=True).encode()
    return _HEAD.pack(len(said)) + said + b"".join(row.to_bytes() for row in rows)


def unpack(data: bytes) -> list[Drawn]:
    """The inverse of :func:`pack`; raises :class:`DrawsUnreadable`."""
    try:
        (length,) = _HEAD.unpack_from(data)
        at = _HEAD.size + length
        head = json.loads(data[_HEAD.size : at])
        if head["form"] != _FORM:
            raise ValueError
        found: list[Drawn] = []
        while at < len(data):
            (place,) = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            parts: list[bytes] = []
            for _ in range(_PARTS):
                (size,) = _PART.unpack_from(data, at)
                at += _PART.size + size
                parts.append(data[at - size : at])
            found.append(_drawn(head, place, *parts))
        if at != len(data):
            raise ValueError
    except (ValueError, KeyError, TypeError, struct.error):
        raise DrawsUnreadable from None
    return found


def _drawn(
    head: Mapping[str, list[object]], place: int, pin: bytes, public: bytes, private: bytes, point: bytes, rsa: bytes
) -> Drawn:
    sealed = _sealed(pin, head["pin"]) if pin else None
    key = None
    if public:
        first, second = head["sm2"]
        key = IccKey(public, (_sealed(private, first), _sealed(point, second)))
    return Drawn(place, sealed, key, rsa)


def _seal_of(sealed: Sealed) -> tuple[str, str, int]:
    return sealed.under, sealed.meaning, sealed.length


def _sealed(ciphertext: bytes, said: object) -> Sealed:
    match said:
        case [str(under), str(meaning), int(length)]:
            return Sealed(ciphertext, under, meaning, length)
    raise TypeError


__all__ = ["Drawn", "DrawsUnreadable", "draw", "draw_packed", "pack", "unpack"]
