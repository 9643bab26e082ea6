"""A whole contact transaction, from selection to the last script, as one exchange that ends in a report.

EMV book 3, figure 7, with the e-cash of PBOC (tag 9F7A asks for it; a load is an on-line transaction whose script puts
the new balance). A command that the card refuses is a check that failed, never an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cardfab.apdu import commands
from cardfab.apdu.link import Exchange
from cardfab.apdu.message import CommandApdu
from cardfab.terminal.emv.chain import Chain, Method, follow, method_of
from cardfab.terminal.emv.cryptogram import Cryptogram, generate
from cardfab.terminal.emv.deal import Deal, EmvTerminal, Holder, Kind, unpacked
from cardfab.terminal.emv.dynamic import check_combined, prove_dynamic
from cardfab.terminal.emv.holder import data_object, verify_holder, verify_pin
from cardfab.terminal.emv.issuer import (
    OFFLINE_APPROVED,
    OFFLINE_DECLINED,
    UNABLE_APPROVED,
    UNABLE_DECLINED,
    Answered,
    Asked,
    IssuerHost,
)
from cardfab.terminal.emv.report import EmvReport, Ended, Result
from cardfab.terminal.emv.restrict import check_restrictions
from cardfab.terminal.emv.risk import Wanted, decide, manage_risk
from cardfab.terminal.emv.script import AFTER, BEFORE, Script, deliver
from cardfab.terminal.emv.select import KNOWN, by_environment, by_list, choose
from cardfab.terminal.emv.session import Session
from cardfab.terminal.emv.start import check_mandatory, read_records, start
from cardfab.terminal.emv.words import Item


def contact(
    terminal: EmvTerminal,
    deal: Deal,
    holder: Holder,
    host: IssuerHost | None,
    *,
    known: Sequence[bytes] = KNOWN,
) -> Exchange[EmvReport]:
    """One transaction over the contacts. Without a host, a card that wants to go on line is told that none answers."""
    session = Session(terminal, deal, holder)
    try:
        with session.findings.within(Item.DATA):
            yield from _run(session, host, known)
    except Ended:
        session.result = Result.BROKEN_OFF
    return session.report()


def _run(session: Session, host: IssuerHost | None, known: Sequence[bytes]) -> Exchange[None]:
    with session.findings.within(Item.ENVIRONMENT):
        candidates = yield from by_environment(session, known)
    if not candidates:
        with session.findings.within(Item.SELECTION):
            candidates = yield from by_list(session, known)
    yield from choose(session, candidates)
    before = yield from _balance(session)
    yield from start(session)
    yield from read_records(session)
    check_mandatory(session)
    chain = follow(session, method_of(session))
    if chain.method is Method.NONE:
        session.findings.raised(1, 8)
        session.findings.not_done(
            Item.DDA, "card and terminal have no method in common", "卡片与终端没有共同方法", "82"
        )
    elif chain.method is Method.DDA:
        yield from prove_dynamic(chain)
    check_restrictions(session)
    yield from verify_holder(session)
    if session.holder.tries_chip_pin and not any(one.item is Item.OFFLINE_PIN for one in session.findings.checks):
        yield from verify_pin(session)
    yield from manage_risk(session)
    yield from _decided(session, chain, host, before)
    yield from _settled(session, before)


def _decided(session: Session, chain: Chain, host: IssuerHost | None, before: int | None) -> Exchange[None]:
    """First cryptogram, the host where the card wants it, second cryptogram, scripts."""
    combined = chain.method is Method.CDA and chain.icc is not None
    if chain.method is Method.CDA and chain.icc is None:
        session.findings.not_done(Item.CDA, "the chip's public key is not proved", "芯片公钥未通过验证", "9F46")
    wanted = decide(session)
    first = yield from generate(session, Item.FIRST_AC, wanted, 0x8C, combined=combined)
    first = _opened(session, chain, first, combined, first.sent)
    if first.kind is not Wanted.ARQC:
        yield from _ended_offline(session, chain, first, host)
        return
    if not chain.good and combined:  # book 2, 6.6.2: a request whose signature is wrong is not sent
        yield from _second(session, chain, first, Wanted.AAC, OFFLINE_DECLINED, combined, None)
        session.result = Result.DECLINED_OFFLINE
        return
    answer = None if host is None else host.authorise(asked(session, first, before))
    if answer is None:
        session.findings.not_done(Item.ARQC, "no issuer's host answered", "发卡行主机无应答", "9F26")
        wanted = decide(session, online=False)
        arc = UNABLE_APPROVED if wanted is Wanted.TC else UNABLE_DECLINED
        last = yield from _second(session, chain, first, wanted, arc, combined, host)
        session.result = Result.APPROVED_OFFLINE if last.kind is Wanted.TC else Result.DECLINED_OFFLINE
        return
    session.findings.checks += answer.checks
    yield from _authenticate_issuer(session, answer)
    yield from _scripts(session, answer.scripts, BEFORE)
    wanted = Wanted.TC if answer.approved else Wanted.AAC
    last = yield from _second(session, chain, first, wanted, answer.arc, combined, host)
    yield from _scripts(session, answer.scripts, AFTER)
    session.result = Result.APPROVED_ONLINE if last.kind is Wanted.TC else Result.DECLINED_ONLINE


def _ended_offline(session: Session, chain: Chain, first: Cryptogram, host: IssuerHost | None) -> Exchange[None]:
    approved = first.kind is Wanted.TC and (chain.good or chain.method is not Method.CDA)
    session.result = Result.APPROVED_OFFLINE if approved else Result.DECLINED_OFFLINE
    session.data[0x8A] = OFFLINE_APPROVED if approved else OFFLINE_DECLINED
    if host is None:
        return
    if session.terminal.branch and first.kind is Wanted.AAC:  # the way to unblock: scripts behind the one cryptogram
        answer = host.authorise(asked(session, first, None))
        if answer is not None:
            session.findings.checks += answer.checks
            for template in (BEFORE, AFTER):
                yield from _scripts(session, answer.scripts, template)
        return
    session.findings.checks += host.confirm(asked(session, first, None))


def _second(
    session: Session,
    chain: Chain,
    first: Cryptogram,
    wanted: Wanted,
    arc: bytes,
    combined: bool,
    host: IssuerHost | None,
) -> Exchange[Cryptogram]:
    session.data[0x8A] = arc
    combined = combined and wanted is Wanted.TC
    last = yield from generate(session, Item.SECOND_AC, wanted, 0x8D, combined=combined)
    last = _opened(session, chain, last, combined, first.sent + last.sent)
    if wanted is Wanted.TC and last.kind is Wanted.AAC:
        session.findings.failed(
            Item.SECOND_AC, "approved by the issuer, declined by the card", "发卡行已批准，但卡片拒绝", "9F27"
        )
    if host is not None:
        session.findings.checks += host.confirm(asked(session, last, None))
    return last


def _opened(session: Session, chain: Chain, answer: Cryptogram, combined: bool, sent: bytes) -> Cryptogram:
    """With CDA the cryptogram comes out of the signature."""
    if combined and answer.kind is not Wanted.AAC:
        inside = check_combined(chain, answer, session.pdol_values + sent + answer.signed_objects)
        answer = replace(answer, value=inside or answer.value)
    if answer.value:
        session.objects[0x9F26] = answer.value
    return answer


def asked(session: Session, cryptogram: Cryptogram, balance: int | None) -> Asked:
    """The request that goes to the issuer."""
    values = {**cryptogram.given, 0x82: session.aip, 0x9F36: cryptogram.atc}
    track2 = session.objects.get(0x57, b"").hex().upper().rstrip("F")
    psn = session.objects.get(0x5F34, b"").hex()
    return Asked(
        kind=session.deal.kind, pan=session.pan, psn=psn, amount=session.deal.amount, atc=cryptogram.atc,
        cryptogram=cryptogram.value, iad=cryptogram.iad, values=values, pin_block=session.pin_block,
        track2=track2, balance=balance,
    )  # fmt: skip


def _authenticate_issuer(session: Session, answer: Answered) -> Exchange[None]:
    """EXTERNAL AUTHENTICATE with ARPC | ARC, where the card supports it (AIP byte 1 b3)."""
    found = session.findings
    if not answer.arpc:
        found.not_done(Item.ARPC, "the issuer gave none", "发卡行未提供", "91")
        return
    data = answer.arpc + answer.arc
    session.data[0x91] = data
    if not session.aip[0] & 0x04:
        found.not_done(Item.ARPC, "the card does not support it (AIP)", "卡片不支持（AIP）", "82")
        return
    response = yield CommandApdu(0x00, 0x82, 0x00, 0x00, data, name="EXTERNAL AUTHENTICATE (ARPC)")
    if response.sw.ok:
        found.passed(Item.ARPC, "the card accepts the issuer's answer", "卡片接受发卡行应答", "91")
        return
    word = f"{int(response.sw):04X}"
    found.failed(
        Item.ARPC, f"the card refuses the issuer's answer ({word})", f"卡片拒绝发卡行应答（{word}）", "91", (5, 7)
    )


def _scripts(session: Session, scripts: Sequence[Script], template: int) -> Exchange[None]:
    for script in scripts:
        if script.template != template:
            continue
        done = yield from deliver(script)
        tag, count = f"{template:02X}", done.of
        if done.good:
            session.findings.passed(Item.SCRIPTS, f"{count} commands: {done.last}", f"{count} 条命令：{done.last}", tag)
            continue
        word = f"{done.answer:04X}"
        en, zh = f"{done.last} (command {done.sent}): {word}", f"{done.last}（第 {done.sent} 条）：{word}"
        session.findings.failed(Item.SCRIPTS, en, zh, tag, (5, 6 if template == BEFORE else 5))


def _balance(session: Session) -> Exchange[int | None]:
    """The e-cash balance by GET DATA, for the kinds that move it."""
    if session.deal.kind not in (Kind.ECASH, Kind.LOAD):
        return None
    response = yield commands.get_data(0x9F79)
    value = data_object(response.data, 0x9F79) if response.sw.ok else None
    return None if value is None or not value.hex().isdigit() else unpacked(value)


def _settled(session: Session, before: int | None) -> Exchange[None]:
    """The balance after, beside what it should be."""
    if before is None:
        if session.deal.kind in (Kind.ECASH, Kind.LOAD):
            session.findings.not_done(Item.BALANCE, "the card does not tell it", "卡片未提供", "9F79")
        return
    now = yield from _balance(session)
    approved = session.result in (Result.APPROVED_OFFLINE, Result.APPROVED_ONLINE)
    moved = session.deal.amount if session.deal.kind is Kind.LOAD else -session.deal.amount
    if session.result is Result.APPROVED_ONLINE and session.deal.kind is Kind.ECASH:
        moved = 0  # an e-cash deal that went on line is paid from the account
    due = before + moved if approved else before
    session.balance = now
    if now == due:
        session.findings.passed(Item.BALANCE, f"{before} -> {now} fen", f"{before} → {now} 分", "9F79")
    else:
        en, zh = f"{before} -> {now} fen, should be {due}", f"{before} → {now} 分，应为 {due} 分"
        session.findings.failed(Item.BALANCE, en, zh, "9F79")
