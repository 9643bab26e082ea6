"""Terminal risk management and action analysis: what the terminal asks the card for (EMV book 3, 10.6 and 10.7)."""

from __future__ import annotations

import enum

from cardfab.apdu import commands
from cardfab.apdu.link import Exchange
from cardfab.terminal.emv.deal import Kind
from cardfab.terminal.emv.holder import data_object
from cardfab.terminal.emv.session import Session
from cardfab.terminal.emv.words import Item


class Wanted(enum.IntEnum):
    """The cryptogram that GENERATE AC asks for: bits 8 and 7 of P1 and of tag 9F27 (book 3, 6.5.5)."""

    AAC = 0x00
    TC = 0x40
    ARQC = 0x80

    @property
    def word(self) -> str:
        """As reports say it."""
        return self.name


def manage_risk(session: Session) -> Exchange[None]:
    """Floor limit, merchant's wish, velocity; random selection is left out so that a test repeats."""
    found, deal = session.findings, session.deal
    said: list[str] = []
    if deal.kind is Kind.LOAD:
        found.raised(4, 4)  # a load is on line by its nature
        said.append("on line")
    elif deal.kind is Kind.PURCHASE and deal.amount > session.terminal.floor_limit:
        found.raised(4, 8)
        said.append(f"over {session.terminal.floor_limit}")
    lower, upper = session.first(0x9F14), session.first(0x9F23)
    if session.terminal.velocity and lower is not None and upper is not None and deal.kind is not Kind.ECASH:
        counted = yield from _counted(session)
        if counted is None:
            found.raised(4, 7)
            found.raised(4, 6)
            said.append("counters not told")
        else:
            if counted > lower:
                found.raised(4, 7)
            if counted > upper:
                found.raised(4, 6)
            said.append(f"{counted} since on line")
    words = ", ".join(said) or "-"
    found.passed(Item.RISK, words, words, "95")


def _counted(session: Session) -> Exchange[int | None]:
    """Transactions since the card was last on line, by GET DATA 9F36 and 9F13; a card that never was is new."""
    values: list[int] = []
    for tag in (0x9F36, 0x9F13):
        response = yield commands.get_data(tag)
        value = data_object(response.data, tag) if response.sw.ok else None
        if value is None:
            return None
        values.append(int.from_bytes(value, "big"))
    if values[1] == 0:
        session.findings.raised(2, 4)
    return values[0] - values[1]


_ALL, _NOTHING = b"\xff" * 5, bytes(5)


def decide(session: Session, *, online: bool | None = None) -> Wanted:
    """Issuer and terminal action codes against tag 95. ``online`` False: the second time, after no answer came."""
    able = session.terminal.type[0] & 0x0F not in (3, 6) if online is None else online
    tvr = bytes(session.findings.tvr)
    denial = _hit(tvr, session.objects.get(0x9F0E, _NOTHING), session.terminal.tac_denial)
    if denial:
        return _told(session, Wanted.AAC, "9F0E", denial)
    if able:
        hit = _hit(tvr, session.objects.get(0x9F0F, _ALL), session.terminal.tac_online)
        return _told(session, Wanted.ARQC if hit else Wanted.TC, "9F0F", hit)
    hit = _hit(tvr, session.objects.get(0x9F0D, _ALL), session.terminal.tac_default)
    return _told(session, Wanted.AAC if hit else Wanted.TC, "9F0D", hit)


def _hit(tvr: bytes, issuer: bytes, terminal: bytes) -> bytes:
    """The bits of tag 95 that a code is set for; empty where there is none."""
    both = bytes(t & (i | a) for t, i, a in zip(tvr, issuer.ljust(5, b"\x00"), terminal, strict=False))
    return both if any(both) else b""


def _told(session: Session, wanted: Wanted, tag: str, hit: bytes) -> Wanted:
    tvr = bytes(session.findings.tvr).hex().upper()
    why = f", bits {hit.hex().upper()}" if hit else ""
    text, zh = f"95 is {tvr}: asks for {wanted.word}{why}", f"95 为 {tvr}：请求 {wanted.word}"
    session.findings.passed(Item.ACTION, text, zh + (f"，命中 {hit.hex().upper()}" if hit else ""), tag)
    return wanted
