"""Processing restrictions: version, usage control, dates (EMV book 3, 10.4)."""

from __future__ import annotations

from cardfab.terminal.emv.session import Session
from cardfab.terminal.emv.words import Item


def check_restrictions(session: Session) -> None:
    """Sets byte 2 of tag 95; a restriction that is broken is a failure, but does not end the transaction."""
    _version(session)
    _usage(session)
    _dates(session)


def _version(session: Session) -> None:
    version, ours = session.objects.get(0x9F08), session.terminal.version
    if version is None or version == ours:
        session.findings.passed(Item.VERSION, ours.hex(), ours.hex(), "9F08" if version else "")
        return
    en, zh = f"the card has {version.hex()}, the terminal {ours.hex()}", f"卡片为 {version.hex()}，终端为 {ours.hex()}"
    session.findings.failed(Item.VERSION, en, zh, "9F08", (2, 8))


def _usage(session: Session) -> None:
    """Tag 9F07: b1 terminals other than ATMs; of goods b6 domestic, b5 international (no kind here is a service)."""
    control, country = session.first(0x9F07), session.objects.get(0x5F28)
    if control is None:
        session.findings.not_done(Item.USAGE, "the card has no usage control", "卡片没有用途控制", "9F07")
        return
    if not control & 0x01:
        session.findings.failed(Item.USAGE, "only at ATMs", "仅限 ATM 使用", "9F07", (2, 5))
        return
    if country is None:
        session.findings.not_done(Item.USAGE, "the card has no issuer country", "卡片没有发卡行国家代码", "5F28")
        return
    domestic = country == session.terminal.country
    if not control & (0x20 if domestic else 0x10):
        where = ("domestic", "国内") if domestic else ("international", "国际")
        session.findings.failed(Item.USAGE, f"not for {where[0]} purchases", f"不允许{where[1]}消费", "9F07", (2, 5))
        return
    session.findings.passed(Item.USAGE, "allowed", "允许", "9F07")


def _dates(session: Session) -> None:
    today = session.deal.date
    effective, expiry = session.objects.get(0x5F25), session.objects.get(0x5F24, b"")
    good = True
    if effective is not None and _order(effective) > _order(today):
        good = False
        en, zh = f"not effective before {_shown(effective)}", f"{_shown(effective)} 才生效"
        session.findings.failed(Item.DATES, en, zh, "5F25", (2, 6))
    if not expiry or _order(expiry) < _order(today):
        good = False
        en, zh = f"expired on {_shown(expiry)}", f"已于 {_shown(expiry)} 失效"
        session.findings.failed(Item.DATES, en, zh, "5F24", (2, 7))
    if good:
        session.findings.passed(Item.DATES, f"to {_shown(expiry)}", f"有效期至 {_shown(expiry)}", "5F24")


def _order(yymmdd: bytes) -> str:
    """YYMMDD with its century: 50 to 99 is before 2000 (book 4, 6.7.3)."""
    text = yymmdd.hex()
    return ("19" if text >= "50" else "20") + text


def _shown(yymmdd: bytes) -> str:
    text = _order(yymmdd)
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if yymmdd else "?"
