"""The transaction log (9F4D, 9F4F) and the load log (DF4D, DF4F): cyclic files of one cell each, newest first."""

from __future__ import annotations

from collections.abc import Mapping

from cardfab.simulator.chip import groupings, tlv
from cardfab.simulator.chip.carddata import LOAD_LOG, LOG, CardData, Changes, packed

KINDS = {LOG: (0x9F4D, 0x9F4F, 0), LOAD_LOG: (0xDF4D, 0xDF4F, 14)}
"""Entry, format, and bytes that the card adds: 9F79 | balance before | balance after. [?]"""


def entry(data: CardData, kind: str) -> tuple[int, int] | None:
    """SFI and number of records, or None where the card keeps no such log."""
    tag, form, _ = KINDS[kind]
    value = dict(tlv.deep(data.dgi(groupings.FCI))).get(tag, b"")
    return (value[0], value[1]) if len(value) == 2 and data.has(form) else None


def _size(data: CardData, kind: str) -> int:
    _, form, own = KINDS[kind]
    return own + sum(length for _, length in tlv.list_of(data.tag(form)))


def written(data: CardData, kind: str, values: Mapping[int, bytes], own: bytes = b"") -> Changes:
    """The change that puts a record at the front; none where the card keeps no such log."""
    place = entry(data, kind)
    if place is None:
        return {}
    form = tlv.list_of(data.tag(KINDS[kind][1]))
    record = own + b"".join(values.get(tag, b"")[:length].rjust(length, b"\x00") for tag, length in form)
    cell = data.kept_cell(kind)
    return {cell: (record + data.memory.read(cell))[: place[1] * len(record)]}


def loaded(data: CardData, values: Mapping[int, bytes], before: int, after: int) -> Changes:
    """The record of an e-cash load by PUT DATA."""
    return written(data, LOAD_LOG, values, b"\x9f\x79" + packed(before) + packed(after))


def record(data: CardData, sfi: int, number: int) -> bytes | None:
    """A record, 1 the newest; empty where there is none, None where ``sfi`` is no log."""
    for kind in KINDS:
        place = entry(data, kind)
        if place is not None and place[0] == sfi:
            size = _size(data, kind)
            return data.memory.read(data.kept_cell(kind))[size * (number - 1) : size * number] if number else b""
    return None
