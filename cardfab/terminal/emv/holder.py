"""Cardholder verification by the card's list of methods (EMV book 3, 10.5; code and condition bytes book 3, C3)."""

from __future__ import annotations

from cardfab.apdu import commands, tlv
from cardfab.apdu.link import Exchange
from cardfab.apdu.message import CommandApdu
from cardfab.crypto import CipherRefused
from cardfab.crypto.emv import pin_block
from cardfab.errors import InputRefused, Text
from cardfab.terminal.emv.deal import CHINA
from cardfab.terminal.emv.session import Session
from cardfab.terminal.emv.words import Item

_METHODS = {
    0x00: Text("fail", "视为失败"),
    0x01: Text("off-line PIN", "脱机明文 PIN"),
    0x02: Text("on-line PIN", "联机 PIN"),
    0x03: Text("off-line PIN and signature", "脱机明文 PIN 和签名"),
    0x04: Text("enciphered off-line PIN", "脱机密文 PIN"),
    0x05: Text("enciphered off-line PIN and signature", "脱机密文 PIN 和签名"),
    0x1E: Text("signature", "签名"),
    0x1F: Text("none required", "无需验证"),
    0x20: Text("identity document", "出示证件"),
}
_SUPPORT = {0x01: 0x80, 0x02: 0x40, 0x03: 0xA0, 0x04: 0x10, 0x05: 0x30, 0x1E: 0x20, 0x1F: 0x08}
"""Bits of byte 2 of the terminal capabilities, all of which a method wants (book 4, A2)."""
_PIN_ON_CHIP = (0x01, 0x03)
DONE, FAILED, UNKNOWN = 2, 1, 0


def verify_holder(session: Session) -> Exchange[None]:
    """Go through tag 8E; sets byte 3 of tag 95 and tag 9F34. A holder who is not verified is a failure."""
    found = session.findings
    session.data[0x9F34] = b"\x3f\x00\x00"
    if not session.aip[0] & 0x10:
        found.not_done(Item.HOLDER, "the card does not support it (AIP)", "卡片不支持（AIP）", "82")
        return
    listed = session.objects.get(0x8E, b"")
    if len(listed) < 10 or len(listed) % 2:
        found.raised(1, 6)
        found.failed(Item.HOLDER, "the card has no list of methods", "卡片没有可用的方法列表", "8E")
        return
    x, y = (int.from_bytes(listed[at : at + 4], "big") for at in (0, 4))
    for at in range(8, len(listed), 2):
        code, condition = listed[at], listed[at + 1]
        if not _applies(session, condition, code & 0x3F, x, y):
            continue
        done = yield from _one(session, code & 0x3F)
        if done:
            result = UNKNOWN if code & 0x3F in (0x1E, 0x02, 0x03) else DONE
            session.data[0x9F34] = session.objects[0x9F34] = bytes((code, condition, result))
            name = _METHODS[code & 0x3F]
            found.passed(Item.HOLDER, name.en, name.zh, "8E")
            return
        session.data[0x9F34] = session.objects[0x9F34] = bytes((code, condition, FAILED))
        if not code & 0x40:  # b7: go on to the next rule where this one fails
            break
    found.failed(Item.HOLDER, "no method of the list succeeded", "列表中没有成功的方法", "8E", (3, 8))


def _applies(session: Session, condition: int, method: int, x: int, y: int) -> bool:
    """Condition codes; this terminal is attended, no ATM, and gives no cash (book 3, table 40)."""
    amount = session.deal.amount
    ours = session.objects.get(0x9F42, CHINA) == session.terminal.currency
    known = {
        0x00: True,
        0x02: True,  # neither unattended nor manual cash nor cash back
        0x03: _supports(session, method),
        0x05: session.deal.other > 0,
        0x06: ours and amount < x,
        0x07: ours and amount > x,
        0x08: ours and amount < y,
        0x09: ours and amount > y,
    }
    return known.get(condition, False)


def _supports(session: Session, method: int) -> bool:
    wanted = _SUPPORT.get(method)
    return method == 0x00 or (wanted is not None and session.terminal.capabilities[1] & wanted == wanted)


def _one(session: Session, method: int) -> Exchange[bool]:
    found = session.findings
    if method not in _METHODS:
        found.raised(3, 7)
        return False
    if not _supports(session, method) or method == 0x00:
        if method in (0x01, 0x02, 0x03, 0x04, 0x05):
            found.raised(3, 5)
        return False
    if method in _PIN_ON_CHIP:
        done = yield from verify_pin(session)
        return done and (method == 0x01 or session.holder.signs)
    if method == 0x02:
        if not session.enter_pin():
            found.raised(3, 4)
            found.not_done(Item.ONLINE_PIN, "the holder entered none", "持卡人未输入", "8E")
            return False
        found.raised(3, 3)
        return True
    return session.holder.signs if method == 0x1E else method == 0x1F


def verify_pin(session: Session) -> Exchange[bool]:
    """VERIFY with the holder's PIN in clear, a block of format 2 (book 3, 6.5.12); counts against the chip's tries."""
    found, pin = session.findings, session.holder.pin
    tries = yield from tries_left(session)
    if pin is None:
        found.raised(3, 4)
        found.not_done(Item.OFFLINE_PIN, "the holder entered none", "持卡人未输入", "9F17")
        return False
    if tries == 0:
        found.failed(Item.OFFLINE_PIN, "it is blocked: no try is left", "已锁定，没有剩余次数", "9F17", (3, 6))
        return False
    command = CommandApdu(0x00, 0x20, 0x00, 0x80, _block(pin), secret=True, name="VERIFY off-line PIN")
    response = yield command
    if response.sw.ok:
        found.passed(Item.OFFLINE_PIN, "it is right", "正确", "9F17")
        return True
    left = response.sw.tries
    if left:
        found.failed(Item.OFFLINE_PIN, f"it is wrong; {left} tries are left", f"错误，还可尝试 {left} 次", "9F17")
    elif left == 0 or response.sw in (0x6983, 0x6984):
        found.failed(
            Item.OFFLINE_PIN, "it is wrong or blocked: no try is left", "错误或已锁定，没有剩余次数", "9F17", (3, 6)
        )
    else:
        word = f"{int(response.sw):04X}"
        found.failed(Item.OFFLINE_PIN, f"the card answers {word} to VERIFY", f"卡片对 VERIFY 应答 {word}", "9F17")
    return False


def tries_left(session: Session) -> Exchange[int | None]:
    """Tag 9F17 by GET DATA; None where the card does not tell."""
    response = yield commands.get_data(0x9F17)
    value = data_object(response.data, 0x9F17) if response.sw.ok else None
    return value[0] if value else None


def data_object(raw: bytes, tag: int) -> bytes | None:
    """The value in the answer to GET DATA."""
    try:
        one = tlv.find(tlv.parse(raw), tag)
    except tlv.TlvError:
        return None
    return None if one is None else one.value


def _block(pin: str) -> bytes:
    try:
        return pin_block(2, pin)
    except CipherRefused:
        raise InputRefused(
            Text("A PIN has 4 to 12 digits.", "PIN 为 4 至 12 位数字。"),
            do=Text("Enter it again; no try was spent.", "请重新输入；未消耗次数。"),
            code="CF-3821",
        ) from None
