"""Which application of the card is used: by the payment environment, or by the terminal's own list (EMV book 1, 12)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cardfab.apdu import commands, tlv
from cardfab.apdu.link import Exchange, expect
from cardfab.terminal.emv.report import Ended
from cardfab.terminal.emv.session import Session
from cardfab.terminal.emv.words import Item

PSE, PPSE = b"1PAY.SYS.DDF01", b"2PAY.SYS.DDF01"
UNIONPAY_DEBIT = bytes.fromhex("A000000333010101")
KNOWN = (UNIONPAY_DEBIT, bytes.fromhex("A000000333010102"), bytes.fromhex("A000000333010106"))
"""Applications that the terminal has: debit, credit, e-cash alone."""
_NOT_FOUND, _NO_RECORD, _BLOCKED = 0x6A82, 0x6A83, 0x6283


@dataclass(frozen=True, slots=True)
class Candidate:
    """An application that both sides have. ``priority`` 1 is highest, 0 none (tag 87)."""

    aid: bytes
    label: str
    priority: int


def by_environment(session: Session, known: Sequence[bytes] = KNOWN) -> Exchange[list[Candidate]]:
    """The directory of 1PAY.SYS.DDF01 (book 1, 12.3.2); empty where the card has none, which is told."""
    found = session.findings
    command = commands.select(PSE, name="SELECT 1PAY.SYS.DDF01")
    response = expect((yield command), command, _NOT_FOUND, _BLOCKED)
    if not response.sw.ok:
        found.not_done(Item.ENVIRONMENT, "the card has no PSE", "卡片没有 PSE", "84")
        return []
    fci = tlv.parse(response.data)
    sfi = tlv.find(fci, 0x6F, 0xA5, 0x88)
    if sfi is None or len(sfi.value) != 1 or not 1 <= sfi.value[0] <= 10:
        found.failed(Item.ENVIRONMENT, "the PSE does not say where its directory is", "PSE 未指明目录文件", "88")
        return []
    entries: list[tlv.Tlv] = []
    for number in range(1, 0x11):
        read = commands.read_record(number, sfi.value[0], name=f"READ RECORD {number} of the PSE")
        answer = expect((yield read), read, _NO_RECORD)
        if not answer.sw.ok:
            break
        entries += [one for outer in tlv.parse(answer.data) if outer.tag == 0x70 for one in outer.children]
    return _told(session, "PSE", entries, known)


def by_proximity(session: Session, known: Sequence[bytes] = KNOWN) -> Exchange[list[Candidate]]:
    """The entries in the FCI of 2PAY.SYS.DDF01, for a contactless reader."""
    command = commands.select(PPSE, name="SELECT 2PAY.SYS.DDF01")
    response = expect((yield command), command, _NOT_FOUND, _BLOCKED)
    if not response.sw.ok:
        session.findings.not_done(Item.ENVIRONMENT, "the card has no PPSE", "卡片没有 PPSE", "84")
        return []
    issuer = tlv.find(tlv.parse(response.data), 0x6F, 0xA5, 0xBF0C)
    return _told(session, "PPSE", [] if issuer is None else list(issuer.children), known)


def by_list(session: Session, known: Sequence[bytes] = KNOWN) -> Exchange[list[Candidate]]:
    """Each name of the terminal's list in turn (book 1, 12.3.3)."""
    found: list[Candidate] = []
    for aid in known:
        command = commands.select(aid)
        response = expect((yield command), command, _NOT_FOUND, _BLOCKED)
        if response.sw.ok:
            a5 = tlv.find(tlv.parse(response.data), 0x6F, 0xA5)
            found += _candidates([tlv.Tlv(0x61, tlv.Tlv(0x4F, aid).to_bytes() + (a5.value if a5 else b""))], known)
    names = ", ".join(one.aid.hex().upper() for one in found)
    if found:
        session.findings.passed(Item.SELECTION, f"by the list: {names}", f"按列表：{names}", "84")
    return found


def _told(session: Session, name: str, entries: Sequence[tlv.Tlv], known: Sequence[bytes]) -> list[Candidate]:
    candidates = list(_candidates(entries, known))
    if candidates:
        names = ", ".join(f"{one.aid.hex().upper()} {one.label}" for one in candidates)
        session.findings.passed(Item.ENVIRONMENT, f"{name} names {names}", f"{name} 列有 {names}", "61")
    else:
        session.findings.failed(
            Item.ENVIRONMENT, f"{name} names no application of this terminal", f"{name} 未列出本终端支持的应用", "61"
        )
    return candidates


def _candidates(entries: Sequence[tlv.Tlv], known: Sequence[bytes]) -> Iterator[Candidate]:
    for entry in entries:
        if entry.tag != 0x61:
            continue
        inside = {one.tag: one.value for one in entry.children}
        aid = inside.get(0x4F, b"")
        if any(aid.startswith(one) for one in known):  # partial selection: book 1, 12.3.1
            label = inside.get(0x50, b"").decode("ascii", "replace")
            yield Candidate(aid, label, next(iter(inside.get(0x87, b"")), 0) & 0x0F)


def choose(session: Session, candidates: Sequence[Candidate]) -> Exchange[None]:
    """SELECT the candidate of highest priority and keep its FCI; raises Ended where there is none."""
    found = session.findings
    if not candidates:
        raise found.end(
            Item.SELECTION, "card and terminal have no application in common", "卡片与终端没有共同支持的应用", "4F"
        )
    best = min(candidates, key=lambda one: one.priority or 16)
    with found.within(Item.SELECTION):
        command = commands.select(best.aid)
        response = expect((yield command), command, _BLOCKED)
        if not response.sw.ok:
            found.failed(Item.SELECTION, "the application is blocked", "应用已锁定", "84")
            if not session.terminal.branch:
                raise Ended("blocked")
        fci = tlv.parse(response.data)
        name, proprietary = tlv.find(fci, 0x6F, 0x84), tlv.find(fci, 0x6F, 0xA5)
        if proprietary is None or name is None:
            raise found.end(
                Item.SELECTION, "the FCI has no DF name or no template A5", "FCI 缺少 DF 名称或 A5 模板", "6F"
            )
        if name.value != best.aid:
            found.failed(Item.SELECTION, "the FCI names another application", "FCI 中的名称与所选应用不符", "84")
        session.aid = best.aid
        for one in proprietary.children:
            session.objects[one.tag] = one.value
        for one in proprietary.children:
            if one.tag == 0xBF0C:
                session.objects |= {inner.tag: inner.value for inner in one.children}
    found.passed(
        Item.SELECTION, f"{best.aid.hex().upper()} {best.label}", f"{best.aid.hex().upper()} {best.label}", "84"
    )
