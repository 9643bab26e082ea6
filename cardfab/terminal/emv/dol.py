"""Data object lists: what a card asks for, and the values in its order (EMV book 3, 5.4)."""

from __future__ import annotations

from collections.abc import Mapping

from cardfab.apdu.tlv import TlvError

_NUMERIC = frozenset((0x9F02, 0x9F03, 0x9F1A, 0x5F2A, 0x9A, 0x9C, 0x9F21, 0x9F35, 0x9F7B, 0x5F34))
"""Format n: right justified, so cut and filled on the left."""
_COMPRESSED = frozenset((0x5A, 0x9F62))
"""Format cn: filled with F."""

_MOST = 252
"""Bytes of a short command less its template 83 (facts, 8C and 9F38)."""


def entries(dol: bytes) -> tuple[tuple[int, int], ...]:
    """Tags with their lengths; raises :class:`TlvError` where the list ends within an entry."""
    found: list[tuple[int, int]] = []
    at = 0
    while at < len(dol):
        end = at + 1
        if dol[at] & 0x1F == 0x1F:
            while end < len(dol) and dol[end] & 0x80:
                end += 1
            end += 1
        if end >= len(dol):
            raise TlvError("a data object list ends within an entry", "数据对象列表不完整", offset=at)
        found.append((int.from_bytes(dol[at:end], "big"), dol[end]))
        at = end + 1
    return tuple(found)


def filled(dol: bytes, values: Mapping[int, bytes]) -> bytes:
    """The values in the order of the list; what the terminal does not have is zeros.

    Raises :class:`TlvError` for a list that asks for more than a command carries.
    """
    wanted = entries(dol)
    if sum(length for _, length in wanted) > _MOST:
        raise TlvError(f"a data object list asks for more than {_MOST} bytes", f"数据对象列表要求超过 {_MOST} 字节")
    return b"".join(_fitted(tag, values.get(tag, b""), length) for tag, length in wanted)


def has(dol: bytes, tag: int) -> bool:
    """Whether the list asks for the object."""
    return any(one == tag for one, _ in entries(dol))


def split(dol: bytes, data: bytes) -> dict[int, bytes]:
    """The inverse of :func:`filled`: which value went with which tag."""
    found: dict[int, bytes] = {}
    at = 0
    for tag, length in entries(dol):
        found[tag] = data[at : at + length]
        at += length
    return found


def _fitted(tag: int, value: bytes, length: int) -> bytes:
    if tag in _NUMERIC:
        return value[len(value) - length :] if len(value) >= length else value.rjust(length, b"\x00")
    return value[:length].ljust(length, b"\xff" if tag in _COMPRESSED and value else b"\x00")
