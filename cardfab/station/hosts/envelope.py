"""SOAP 1.1 as far as these hosts use it: one method, text parameters, one text back. DTDs and entities are refused."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from cardfab.profile.host import Wire
from cardfab.station.hosts.values import Unreadable, from_bytes, to_bytes

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_DECLARED = re.compile(r"\A\ufeff?\s*<\?xml\b([^>]{0,200})\?>")
_ENCODING = re.compile(r"encoding\s*=\s*[\"']([A-Za-z0-9_.-]{1,30})[\"']")
_SAME = {"gbk": ("gbk", "gb2312", "gb18030", "cp936"), "gb18030": ("gb18030", "gbk", "gb2312"), "utf-8": ("utf-8",)}
_DEEPEST = 40


def write_call(wire: Wire, method: str, parameters: Sequence[tuple[str, str]]) -> bytes:
    """The envelope of a call; raises Unsendable for a character that the charset lacks."""
    inner = "".join(f"<{name}>{_escaped(value)}</{name}>" for name, value in parameters)
    text = (
        f'<?xml version="1.0" encoding="{wire.charset.upper()}"?>'
        f'<soapenv:Envelope xmlns:soapenv="{_SOAP}" xmlns:h="{html.escape(wire.namespace)}"><soapenv:Body>'
        f"<h:{method}>{inner}</h:{method}></soapenv:Body></soapenv:Envelope>"
    )
    return to_bytes(wire, text)


def _escaped(value: str) -> str:
    """A carriage return as a reference: a parser would make a line feed of it."""
    return html.escape(value, quote=False).replace("\r", "&#13;")


def read_answer(wire: Wire, method: str, data: bytes) -> str:
    """The text that a method answered; raises Unreadable."""
    root = parsed(wire, data)
    body = root.find(f"{{{_SOAP}}}Body")
    answer = None if body is None else next(iter(body), None)
    if answer is None or _local(answer) != f"{method}Response":
        raise Unreadable("no answer")
    results = [one for one in answer if _local(one) == wire.result]
    if len(results) != 1 or len(results[0]):
        raise Unreadable("no result")
    return results[0].text or ""


def parsed(wire: Wire, data: bytes) -> Element:
    """A document in the host's charset, which its declaration may not deny; raises Unreadable."""
    text = from_bytes(wire, data)
    declared = _DECLARED.match(text)
    if declared is not None:
        encoding = _ENCODING.search(declared[1])
        if encoding is not None and encoding[1].lower() not in _SAME[wire.charset]:
            raise Unreadable("another charset")
        text = text[declared.end() :]
    try:
        root: Element = fromstring(text.lstrip("\ufeff"), forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, RecursionError):
        raise Unreadable("xml") from None
    if _depth(root) > _DEEPEST:
        raise Unreadable("depth")
    return root


def _depth(root: Element) -> int:
    deepest, level = 0, [root]
    while level and deepest <= _DEEPEST:
        level = [child for one in level for child in one]
        deepest += 1
    return deepest


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]
