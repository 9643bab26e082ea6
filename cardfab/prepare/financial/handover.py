"""Hand-over: data groupings as text, in and out, and what the issuer's host is told of a card.

Text, one line a grouping, UTF-8. An application's lines follow its AID in brackets::

    # cardfab data groupings 1
    [A000000333010101]
    DGI0101=703A5713...
    DGI8000=OMITTED 48 168A8F,8BE3BE,EDC008 UDK_AC, UDK_MAC, UDK_ENC
    DGI8010=SEALED 8 - station/transport 5E8F2E80... first PIN, format 2 block

A secret never stands in clear: it is left out (its length and check values stay), or sealed under a key of the station
that wrote it, which alone opens it again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cardfab.errors import InputRefused, Text
from cardfab.keys import Sealed
from cardfab.prepare.financial.grouping import DataGrouping

HEAD = "# cardfab data groupings 1"
_AID = re.compile(r"\[([0-9A-Fa-f]{10,32})\]")
_LINE = re.compile(r"DGI([0-9A-Fa-f]{4})=(.*)")
_HIDDEN = re.compile(r"(SEALED|OMITTED) (\d{1,5}) (-|[0-9A-F]{6}(?:,[0-9A-F]{6})*)(?: (.*))?")
_SECRET = frozenset(
    {"8000", "8400", "8010", "8011", "8020", "8420", "8501", "8502", "8402"} | {f"820{n}" for n in "12345"}
)
"""Groupings that are secret on every card (EMV CPS, table 10 and the facts)."""


class HandOverMalformed(InputRefused):
    """A file of data groupings that cannot be read, with the line."""

    default_code = "CF-3148"

    def __init__(self, number: int, en: str, zh: str) -> None:
        super().__init__(
            Text(f"Data groupings, line {number}: {en}.", f"数据分组文件第 {number} 行：{zh}。"),
            do=Text("Ask for the file again.", "请重新索取该文件。"),
        )


@dataclass(frozen=True, slots=True)
class HandedGrouping:
    """One line. ``value`` is None where the secret was left out; then ``length`` and ``kcvs`` are all that is known."""

    dgi: str
    value: bytes | Sealed | None = field(repr=False)
    length: int
    kcvs: tuple[bytes, ...] = ()
    meaning: str = ""


Applications = Mapping[bytes, tuple[HandedGrouping, ...]]


def write_groupings(applications: Mapping[bytes, Sequence[DataGrouping]], *, sealed: bool = False) -> str:
    """The text of these applications, by AID. ``sealed``: secrets go along, for the station that sealed them."""
    lines = [HEAD]
    for aid, groupings in applications.items():
        lines.append(f"[{aid.hex().upper()}]")
        lines += [f"DGI{one.dgi}={_spelled(one, sealed)}" for one in groupings]
    return "\n".join(lines) + "\n"


def _spelled(one: DataGrouping, sealed: bool) -> str:
    value = one.value
    if isinstance(value, bytes):
        return value.hex().upper()
    kcvs = ",".join(kcv.hex().upper() for kcv in value.kcvs) or "-"
    if not sealed:
        return f"OMITTED {value.length} {kcvs} {value.meaning}"
    return f"SEALED {value.length} {kcvs} {value.under} {value.ciphertext.hex().upper()} {value.meaning}"


def read_groupings(text: str) -> Applications:
    """The applications of a file; raises :class:`HandOverMalformed`, also for a secret that stands in clear."""
    lines = text.removeprefix("\ufeff").splitlines()
    if not lines or lines[0].strip() != HEAD:
        raise HandOverMalformed(1, "it is no file of data groupings", "不是数据分组文件")
    found: dict[bytes, list[HandedGrouping]] = {}
    current: list[HandedGrouping] | None = None
    for number, line in enumerate(lines[1:], 2):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        if match := _AID.fullmatch(content):
            aid = bytes.fromhex(match[1]) if len(match[1]) % 2 == 0 else b""
            if not aid or aid in found:
                raise HandOverMalformed(number, "the AID is wrong or comes again", "AID 错误或重复")
            current = found.setdefault(aid, [])
            continue
        if current is None:
            raise HandOverMalformed(number, "no application was named before it", "之前未指明应用")
        one = _parsed(number, content)
        if any(one.dgi == before.dgi for before in current):
            raise HandOverMalformed(number, f"DGI {one.dgi} comes again", f"DGI {one.dgi} 重复")
        current.append(one)
    return {aid: tuple(each) for aid, each in found.items()}


def _parsed(number: int, content: str) -> HandedGrouping:
    match = _LINE.fullmatch(content)
    if match is None:
        raise HandOverMalformed(number, "it is not DGIxxxx=value", "格式应为 DGIxxxx=值")
    dgi, value = match[1].upper(), match[2].strip()
    if hidden := _HIDDEN.fullmatch(value):
        return _hidden(number, dgi, hidden)
    if dgi in _SECRET:
        raise HandOverMalformed(number, f"the secret of DGI {dgi} stands in clear", f"DGI {dgi} 的机密以明文出现")
    try:
        plain = bytes.fromhex(value)
    except ValueError:
        raise HandOverMalformed(number, "the value is no hex", "值不是十六进制") from None
    return HandedGrouping(dgi, plain, len(plain))


def _hidden(number: int, dgi: str, match: re.Match[str]) -> HandedGrouping:
    length, rest = int(match[2]), match[4] or ""
    kcvs = () if match[3] == "-" else tuple(bytes.fromhex(kcv) for kcv in match[3].split(","))
    if match[1] == "OMITTED":
        return HandedGrouping(dgi, None, length, kcvs, rest)
    under, _, more = rest.partition(" ")
    raw, _, meaning = more.partition(" ")
    try:
        ciphertext = bytes.fromhex(raw)
    except ValueError:
        ciphertext = b""
    if not ciphertext or not under:
        raise HandOverMalformed(number, "the sealed value cannot be read", "密文无法读取")
    return HandedGrouping(dgi, Sealed(ciphertext, under, meaning, length, kcvs), length, kcvs, meaning)


def complete(aid: bytes, lines: Sequence[HandedGrouping]) -> tuple[DataGrouping, ...]:
    """The groupings of an application, to be loaded; raises InputRefused (CF-3149) where secrets were left out."""
    missing = [one.dgi for one in lines if one.value is None]
    if missing:
        names = ", ".join(missing)
        raise InputRefused(
            Text(
                f"Application {aid.hex().upper()} comes without its secrets: DGI {names}.",
                f"应用 {aid.hex().upper()} 缺少机密数据：DGI {names}。",
            ),
            do=Text("Have the file written with its secrets sealed.", "请导出含加密机密的文件。"),
            code="CF-3149",
        )
    return tuple(DataGrouping(one.dgi, one.value, one.meaning) for one in lines if one.value is not None)


def differing(ours: Sequence[DataGrouping], theirs: Sequence[HandedGrouping]) -> Iterator[str]:
    """DGIs that are not the same on both sides, or not on both; secrets are compared by length and check values."""
    left = {one.dgi: one for one in ours}
    right = {one.dgi: one for one in theirs}
    for dgi in dict.fromkeys((*left, *right)):
        mine, other = left.get(dgi), right.get(dgi)
        if mine is None or other is None:
            yield dgi
        elif isinstance(mine.value, Sealed):
            if isinstance(other.value, bytes) or (mine.length, mine.value.kcvs) != (other.length, other.kcvs):
                yield dgi
        elif mine.value != other.value:
            yield dgi
