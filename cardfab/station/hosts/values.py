"""Values on their way to a host and back: code tables, lengths in the host's bytes, dates. Nothing is made up."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

from cardfab.profile.host import HostProfile, Sent, Taken, Wire
from cardfab.station.host import Fields, HostCode, Refused

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})(?:T.*)?")


class Unsendable(Exception):
    """A field that this host cannot take; ``refused`` says which."""

    def __init__(self, code: HostCode, name: str) -> None:
        super().__init__(name)
        self.refused = Refused(code, name)


class Unreadable(Exception):
    """An answer that is none this profile knows."""


def encoded(profile: HostProfile, sent: Sent, values: Fields) -> str:
    """The value of a field as the host wants it, empty where none was given; raises :class:`Unsendable`."""
    value = _joined(sent, values) if sent.parts else sent.constant
    if value is None:
        value = _plain(values.get(sent.field, ""))
    if sent.codes and value:
        value = _code(profile.codes[sent.codes], value, sent.name)
    if sent.form == "date8" and value:
        value = _date(value, sent.name)
    if sent.required and not value.strip():
        raise Unsendable(HostCode.FIELD_MISSING, sent.name)
    if _CONTROL.search(value):
        raise Unsendable(HostCode.FIELD_BAD, sent.name)
    length = len(to_bytes(profile.wire, value, sent.name))
    if sent.bytes is not None and length > sent.bytes:
        raise Unsendable(HostCode.FIELD_BAD, sent.name)
    return value


def to_bytes(wire: Wire, text: str, name: str = "") -> bytes:
    """Text in the host's charset; raises :class:`Unsendable` for a character that it cannot carry."""
    try:
        return text.encode(wire.charset, "xmlcharrefreplace" if wire.rare == "reference" else "strict")
    except UnicodeEncodeError:
        raise Unsendable(HostCode.FIELD_BAD, name) from None


def from_bytes(wire: Wire, data: bytes) -> str:
    """The text of an answer; raises :class:`Unreadable`."""
    try:
        return data.decode(wire.charset)
    except UnicodeDecodeError:
        raise Unreadable("charset") from None


def decoded(profile: HostProfile, taken: Taken, answer: Mapping[str, str]) -> str | None:
    """The neutral value of a field of an answer, None where it has none; raises :class:`Unreadable`."""
    value = answer.get(taken.name, "").strip()
    if not value:
        return None
    if taken.part is not None:
        parts = value.split("|")
        if taken.part >= len(parts):
            raise Unreadable(taken.name)
        return parts[taken.part]
    if not taken.codes:
        return value
    try:
        return profile.codes[taken.codes][value]
    except KeyError:
        raise Unreadable(f"{taken.name}: no such code") from None


def _joined(sent: Sent, values: Fields) -> str:
    found = []
    for part in sent.parts:
        element, equals, name = part.partition("=")
        may_be_empty = (name or element).endswith("?")
        name = (name if equals else element).removesuffix("?")
        value = name if equals and not element else _plain(values.get(name, ""))
        if not value and not may_be_empty:
            raise Unsendable(HostCode.FIELD_MISSING, name)
        if not (equals and element) and "|" in value:
            raise Unsendable(HostCode.FIELD_BAD, name)
        found.append(f"<{element}>{html.escape(value, quote=False)}</{element}>" if equals and element else value)
    elements = any(part.partition("=")[0] and "=" in part for part in sent.parts)
    return ("" if elements else "|").join(found)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str | int):
        return str(value)
    raise Unsendable(HostCode.FIELD_BAD, "list")


def _code(table: Mapping[str, str], value: str, name: str) -> str:
    for host, neutral in table.items():
        if neutral == value:
            return host
    raise Unsendable(HostCode.FIELD_BAD, name)


def _date(value: str, name: str) -> str:
    found = _DATE.fullmatch(value)
    if found is None:
        raise Unsendable(HostCode.FIELD_BAD, name)
    return "".join(found.groups())
