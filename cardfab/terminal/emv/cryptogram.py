"""GENERATE AC: what the card answers, and whether it may answer that (EMV book 3, 6.5.5 and 9)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cardfab.apdu import tlv
from cardfab.apdu.link import Exchange, expect
from cardfab.apdu.message import CommandApdu
from cardfab.errors import Text
from cardfab.terminal.emv.dol import filled, split
from cardfab.terminal.emv.risk import Wanted
from cardfab.terminal.emv.session import Session
from cardfab.terminal.emv.words import Item

CDA_ASKED = 0x10
_REASONS = {
    1: Text("service not allowed", "服务不允许"),
    2: Text("PIN try limit exceeded", "PIN 尝试次数超限"),
    3: Text("issuer authentication failed", "发卡行认证失败"),
}


@dataclass(frozen=True, slots=True)
class IssuerData:
    """Tag 9F10: ``cvr`` with its length byte (4 bytes), ``cipher`` 01 or 04, the discretionary value and its MAC."""

    key_index: int
    version: int
    cvr: bytes
    cipher: int
    kind: int = 0
    value: bytes = b""
    mac: bytes = b""

    @classmethod
    def of(cls, raw: bytes) -> IssuerData | None:
        """None where the layout is another than that of the facts (07 | DKI | CVN | 03 CVR | cipher | ...)."""
        if len(raw) < 8 or raw[0] != 0x07 or raw[3] != 0x03:
            return None
        head = cls(raw[1], raw[2], raw[3:7], raw[7])
        rest = raw[8:]
        if len(rest) < 6 or rest[0] != len(rest) - 1:
            return head
        return cls(raw[1], raw[2], raw[3:7], raw[7], rest[1], rest[2:-4], rest[-4:])

    @property
    def first(self) -> Wanted:
        """What the first cryptogram was, from bits 6 and 5 of the CVR's first byte."""
        bits = (self.cvr[1] & 0x30) << 2
        return Wanted(bits) if bits != 0xC0 else Wanted.AAC


@dataclass(frozen=True, slots=True)
class Cryptogram:
    """An answer of GENERATE AC (or of a contactless GPO). ``given`` are the values of the DOL that it covers, by tag.

    ``value`` is empty with CDA, until the signature (tag 9F4B) is opened: the cryptogram is inside it.
    """

    cid: int
    atc: bytes
    value: bytes
    iad: bytes
    signature: bytes | None
    given: Mapping[int, bytes] = field(repr=False)
    sent: bytes = field(default=b"", repr=False)
    objects: tuple[tlv.Tlv, ...] = field(default=(), repr=False)

    @property
    def kind(self) -> Wanted:
        """AAC, TC or ARQC; 11 is reserved and reads AAC."""
        bits = self.cid & 0xC0
        return Wanted(bits) if bits != 0xC0 else Wanted.AAC

    @property
    def signed_objects(self) -> bytes:
        """What CDA hashes of the answer: every object but 9F4B, in order (book 2, 6.6.1)."""
        return tlv.encode(one for one in self.objects if one.tag != 0x9F4B)


def generate(session: Session, item: Item, wanted: Wanted, dol: int, *, combined: bool) -> Exchange[Cryptogram]:
    """GENERATE AC with the values of tag ``dol`` (8C or 8D). Raises Ended where the answer cannot be followed."""
    found = session.findings
    with found.within(item):
        asked = session.objects.get(dol, b"")
        data = filled(asked, session.values())
        p1 = wanted | (CDA_ASKED if combined and wanted is not Wanted.AAC else 0)
        command = CommandApdu(0x80, 0xAE, p1, 0x00, data, 256, name=f"GENERATE AC ({wanted.word})")
        answer = _parsed(session, item, expect((yield command), command).data, split(asked, data), data)
    session.objects |= {0x9F27: bytes([answer.cid]), 0x9F36: answer.atc, 0x9F10: answer.iad}
    if _rank(answer.kind, item) > _rank(wanted, item):
        raise found.end(
            item,
            f"asked for {wanted.word}, the card gave {answer.kind.word}",
            f"请求 {wanted.word}，卡片给出 {answer.kind.word}",
            "9F27",
        )
    reason = _REASONS.get(answer.cid & 0x07)
    why, zh = (f" ({reason.en})", f"（{reason.zh}）") if reason else ("", "")
    counter = answer.atc.hex().upper()
    found.passed(
        item, f"{answer.kind.word}, counter {counter}{why}", f"{answer.kind.word}，计数器 {counter}{zh}", "9F27"
    )
    return answer


def _rank(kind: Wanted, item: Item) -> int:
    """What a card may give at most: a TC is more than an ARQC, which is more than an AAC (book 3, 9.3)."""
    if item is Item.SECOND_AC and kind is Wanted.ARQC:
        return 3  # never the second time
    return {Wanted.AAC: 0, Wanted.ARQC: 1, Wanted.TC: 2}[kind]


def _parsed(session: Session, item: Item, raw: bytes, given: Mapping[int, bytes], sent: bytes) -> Cryptogram:
    told = tlv.parse(raw)
    if len(told) == 1 and told[0].tag == 0x80 and len(told[0].value) >= 11:
        value = told[0].value  # format 1: CID | ATC | AC | IAD
        return Cryptogram(value[0], value[1:3], value[3:11], value[11:], None, given, sent)
    if len(told) != 1 or told[0].tag != 0x77:
        raise session.findings.end(item, "the answer has neither template 77 nor 80", "应答既非 77 也非 80 模板", "77")
    objects = told[0].children
    by_tag = {one.tag: one.value for one in objects}
    cid, atc, signature = by_tag.get(0x9F27, b""), by_tag.get(0x9F36, b""), by_tag.get(0x9F4B)
    cryptogram = by_tag.get(0x9F26, b"")
    for tag, value, length in ((0x9F27, cid, 1), (0x9F36, atc, 2), (0x9F26, cryptogram, 8)):
        if len(value) != length and not (tag == 0x9F26 and signature is not None and not value):
            raise session.findings.end(item, f"it should have {length} bytes", f"应为 {length} 字节", f"{tag:X}")
    return Cryptogram(cid[0], atc, cryptogram, by_tag.get(0x9F10, b""), signature, given, sent, objects)
