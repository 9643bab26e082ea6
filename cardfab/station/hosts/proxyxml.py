"""The XML of the service family: ``<p><s key="value"/></p>`` there, ``errflag``, ``errtext``, ``ds`` back."""

from __future__ import annotations

import html
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from cardfab.profile.host import Wire
from cardfab.station.hosts.envelope import parsed
from cardfab.station.hosts.steps import Incoming
from cardfab.station.hosts.values import Unreadable

MOST_ROWS = 5000
_OK, _ERROR = "ok", "error"


def write_parameters(values: Sequence[tuple[str, str]]) -> str:
    """The parameters of a call; ``<`` and ``>`` of what travels inside are escaped."""
    inner = "".join(f'<s {name}="{_attribute(value)}"/>' for name, value in values)
    return f"<p>{inner}</p>"


def _attribute(value: str) -> str:
    escaped = html.escape(value, quote=True)
    return escaped.replace("\r", "&#13;").replace("\n", "&#10;").replace("\t", "&#9;")


def read_result(wire: Wire, data: bytes) -> Incoming:
    """An answer: code ``ok``, or ``errcode``, or ``error`` where it has none; raises Unreadable.

    Values stand as attributes of ``s`` elements or as elements of their own; rows are in ``ds``.
    """
    root = parsed(wire, data)
    fields: dict[str, str] = {}
    rows: list[dict[str, str]] = []
    for child in root:
        if child.tag == "ds":
            rows += [_flat(row) for row in child]
        else:
            _add(fields, child)
    if len(rows) > MOST_ROWS or "errflag" not in fields:
        raise Unreadable("errflag")
    text, code = fields.get("errtext", "").strip(), fields.get("errcode", "").strip()
    flag = fields["errflag"].strip()
    if flag == "0":
        return Incoming(_OK, text, fields, tuple(rows))
    if flag in ("1", "-1"):
        return Incoming(code or _ERROR, text, fields, tuple(rows))
    raise Unreadable("errflag")


def _flat(row: Element) -> dict[str, str]:
    found = dict(row.attrib)
    for child in row:
        _add(found, child)
    return found


def _add(found: dict[str, str], child: Element) -> None:
    if child.tag == "s":
        pairs = [(name, value) for name, value in child.attrib.items()]
    elif len(child) == 0:
        pairs = [(child.tag, child.text or "")]
    else:
        raise Unreadable("nested")
    for name, value in pairs:
        if name in found:
            raise Unreadable("twice")
        found[name] = value
