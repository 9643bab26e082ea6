"""qPBOC: the whole transaction in the processing options, one tap (JR/T 0025.12 by way of the facts on PBOC debit).

The card answers GPO with its cryptogram. With a TC the terminal reads the records, the last of which makes the card
commit, and checks the fast signature (fDDA); with an ARQC the issuer decides; the card is gone by then.
"""

from __future__ import annotations

from collections.abc import Sequence

from cardfab.apdu.link import Exchange
from cardfab.terminal.emv.chain import Method, follow
from cardfab.terminal.emv.contact import asked
from cardfab.terminal.emv.cryptogram import Cryptogram, IssuerData
from cardfab.terminal.emv.deal import Deal, EmvTerminal, Holder, Kind, unpacked
from cardfab.terminal.emv.dol import split
from cardfab.terminal.emv.dynamic import check_fast
from cardfab.terminal.emv.issuer import IssuerHost
from cardfab.terminal.emv.report import EmvReport, Ended, Result
from cardfab.terminal.emv.restrict import check_restrictions
from cardfab.terminal.emv.risk import Wanted
from cardfab.terminal.emv.select import KNOWN, by_list, by_proximity, choose
from cardfab.terminal.emv.session import Session
from cardfab.terminal.emv.start import MANDATORY_CONTACTLESS, check_mandatory, read_records, start
from cardfab.terminal.emv.words import Item

ONLINE = bytes.fromhex("268000")
"""The first bytes of tag 9F66: qPBOC, on-line PIN, signature; an on-line cryptogram is wanted."""
OFFLINE = bytes.fromhex("280000")
"""qPBOC by a reader that is never on line."""
_LAST_RECORD = 32
"""Bytes of the record whose reading commits (facts, records)."""


def contactless(
    terminal: EmvTerminal,
    deal: Deal,
    holder: Holder,
    host: IssuerHost | None,
    *,
    known: Sequence[bytes] = KNOWN,
) -> Exchange[EmvReport]:
    """One tap: on line for a purchase, off line for what is paid from the e-cash."""
    session = Session(terminal, deal, holder)
    first = ONLINE if deal.kind in (Kind.PURCHASE, Kind.LOAD) else OFFLINE
    session.data[0x9F66] = first + terminal.qualifiers
    try:
        with session.findings.within(Item.DATA):
            yield from _run(session, host, known)
    except Ended:
        session.result = Result.BROKEN_OFF
    return session.report()


def _run(session: Session, host: IssuerHost | None, known: Sequence[bytes]) -> Exchange[None]:
    with session.findings.within(Item.ENVIRONMENT):
        candidates = yield from by_proximity(session, known)
    if not candidates:
        with session.findings.within(Item.SELECTION):
            candidates = yield from by_list(session, known)
    yield from choose(session, candidates)
    if 0x9F66 not in _asked(session):
        raise session.findings.end(Item.SELECTION, "the PDOL does not ask for tag 9F66", "PDOL 未要求标签 9F66", "9F38")
    yield from start(session)
    answer = _cryptogram(session)
    if answer.kind is Wanted.TC:
        yield from _offline(session, answer, host)
    elif answer.kind is Wanted.ARQC:
        _online(session, answer, host)
    else:
        session.result = Result.DECLINED_OFFLINE
        if host is not None:
            session.findings.checks += host.confirm(asked(session, answer, None))


def _asked(session: Session) -> dict[int, bytes]:
    return split(session.objects.get(0x9F38, b""), session.pdol_values)


def _cryptogram(session: Session) -> Cryptogram:
    """What came with the options; its kind stands in tag 9F10 where there is no tag 9F27."""
    found, objects = session.findings, session.objects
    for tag, length in ((0x9F36, 2), (0x9F26, 8), (0x9F10, None)):
        value = objects.get(tag)
        if value is None or (length is not None and len(value) != length):
            raise found.end(Item.FIRST_AC, "the answer does not have it", "应答中没有该数据", f"{tag:X}")
    data = IssuerData.of(objects[0x9F10])
    if data is None:
        raise found.end(Item.FIRST_AC, "its layout is not known here", "格式无法识别", "9F10")
    told = session.first(0x9F27)
    cid = int(data.first) if told is None else told
    answer = Cryptogram(cid, objects[0x9F36], objects[0x9F26], objects[0x9F10], objects.get(0x9F4B), _asked(session))
    counter = answer.atc.hex().upper()
    found.passed(
        Item.FIRST_AC, f"{answer.kind.word}, counter {counter}", f"{answer.kind.word}，计数器 {counter}", "9F26"
    )
    return answer


def _offline(session: Session, answer: Cryptogram, host: IssuerHost | None) -> Exchange[None]:
    yield from read_records(session)
    check_mandatory(session, MANDATORY_CONTACTLESS)
    if len(session.last_record) > _LAST_RECORD:
        size = len(session.last_record)
        en, zh = (
            f"the last record has {size} bytes, at most {_LAST_RECORD}",
            f"末条记录 {size} 字节，最多 {_LAST_RECORD} 字节",
        )
        session.findings.failed(Item.RECORDS, en, zh, "94")
    chain = follow(session, Method.FDDA)
    check_fast(chain)
    check_restrictions(session)
    tvr = bytes(session.findings.tvr)
    dated = not tvr[1] & 0x60  # expired or not yet effective
    session.result = Result.APPROVED_OFFLINE if chain.good and dated else Result.DECLINED_OFFLINE
    if session.objects.get(0x9F5D, b"").hex().isdigit():
        session.balance = unpacked(session.objects[0x9F5D])
        session.findings.passed(Item.BALANCE, f"{session.balance} fen left", f"余额 {session.balance} 分", "9F5D")
    if host is not None:
        session.findings.checks += host.confirm(asked(session, answer, None))


def _online(session: Session, answer: Cryptogram, host: IssuerHost | None) -> None:
    if (session.first(0x9F6C) or 0) & 0x80 and not session.enter_pin():
        session.findings.not_done(Item.HOLDER, "the card asks for an on-line PIN", "卡片要求联机 PIN", "9F6C")
    told = None if host is None else host.authorise(asked(session, answer, None))
    if told is None:
        session.findings.not_done(Item.ARQC, "no issuer's host answered", "发卡行主机无应答", "9F26")
        session.result = Result.DECLINED_OFFLINE
        return
    session.findings.checks += told.checks
    session.result = Result.APPROVED_ONLINE if told.approved else Result.DECLINED_ONLINE
