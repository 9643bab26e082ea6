"""Dynamic data authentication: the chip signs with the key that the chain vouches for (EMV book 2, 6.5 and 6.6; qPBOC).

RSA as published; on the SM2 side the dynamic data and the hash of CDA are laid out by analogy, which no source settles.
"""

from __future__ import annotations

import hashlib

from cardfab.apdu import tlv
from cardfab.apdu.link import CardAnswered, Exchange, expect
from cardfab.apdu.message import CommandApdu
from cardfab.crypto.emvcert import recover_dynamic, sm2_recover_dynamic
from cardfab.crypto.mac import same
from cardfab.crypto.rsa import RsaPublic
from cardfab.crypto.sm import sm3
from cardfab.keys.certificates import PublicKey
from cardfab.terminal.emv.chain import Chain
from cardfab.terminal.emv.cryptogram import Cryptogram
from cardfab.terminal.emv.dol import filled, has
from cardfab.terminal.emv.words import Item

DEFAULT_DDOL = bytes.fromhex("9F3704")


def prove_dynamic(chain: Chain) -> Exchange[None]:
    """INTERNAL AUTHENTICATE over the values of the DDOL (DDA)."""
    session = chain.session
    if chain.icc is None:
        session.findings.not_done(Item.DDA, "the chip's public key is not proved", "芯片公钥未通过验证", "9F46")
        return
    ddol = session.objects.get(0x9F49, DEFAULT_DDOL)
    try:
        if not has(ddol, 0x9F37):  # book 2, 6.5.1
            chain.lost(Item.DDA, "it does not ask for the unpredictable number", "未要求不可预知数", "9F49")
            return
        asked = filled(ddol, session.values())
    except tlv.TlvError:
        chain.lost(Item.DDA, "it is no data object list", "不是数据对象列表", "9F49")
        return
    command = CommandApdu(0x00, 0x88, 0x00, 0x00, asked, 256, name="INTERNAL AUTHENTICATE")
    try:
        told = tlv.parse(expect((yield command), command).data)
    except CardAnswered as answered:
        word = f"{int(answered.sw):04X}"
        en, zh = f"the card answers {word} to {command.title}", f"卡片对 {command.title} 应答 {word}"
        chain.lost(Item.DDA, en, zh, "9F4B")
        return
    except tlv.TlvError:
        chain.lost(Item.DDA, "the answer is no TLV", "应答不是 TLV 结构", "9F4B")
        return
    signature = _signature(told)
    if signature is None:
        chain.lost(Item.DDA, "the answer has no signature", "应答中没有签名", "9F4B")
        return
    found = recover(chain, Item.DDA, chain.icc.public, signature, asked)
    if found is not None:
        _number(chain, Item.DDA, found)


def check_combined(chain: Chain, answer: Cryptogram, hashed: bytes) -> bytes:
    """CDA: 9F4B of GENERATE AC covers the cryptogram, which is given back, and ``hashed`` (book 2, 6.6.2).

    ``hashed`` are the values of PDOL, CDOL1 and CDOL2 and the objects of the answer. Empty where it does not hold.
    """
    if chain.icc is None:
        chain.session.findings.not_done(Item.CDA, "the chip's public key is not proved", "芯片公钥未通过验证", "9F46")
        return b""
    if answer.signature is None:
        chain.lost(Item.CDA, "the answer has no signature", "应答中没有签名", "9F4B")
        return b""
    found = recover(chain, Item.CDA, chain.icc.public, answer.signature, chain.session.deal.unpredictable)
    if not found:
        return b""
    classic = isinstance(chain.icc.public, RsaPublic)
    digest = hashlib.sha1(hashed, usedforsecurity=False).digest() if classic else sm3(hashed)
    number, rest = found[1 : 1 + found[0]], found[1 + found[0] :]
    if len(rest) != 9 + len(digest):
        chain.lost(Item.CDA, "the signed data has another length", "签名数据长度错误", "9F4B")
    elif rest[0] != answer.cid or (answer.value and not same(rest[1:9], answer.value)):
        chain.lost(Item.CDA, "it covers another cryptogram than the answer", "签名中的密文与应答不符", "9F26")
    elif not same(rest[9:], digest):
        chain.lost(Item.CDA, "the hash is not that of the transaction", "交易数据哈希不符", "9F4B")
    else:
        chain.session.objects[0x9F4C] = number
        en, zh = f"covers cryptogram and {len(hashed)} bytes", f"覆盖密文及 {len(hashed)} 字节交易数据"
        chain.passed(Item.CDA, en, zh, "9F4B")
        return rest[1:9]
    return b""


def check_fast(chain: Chain) -> None:
    """fDDA: 9F4B came with the options; version 01 covers amount, currency and 9F69 too (facts, certificates)."""
    session = chain.session
    signature = session.objects.get(0x9F4B)
    if signature is None or chain.icc is None:
        why = ("the card gave no signature", "卡片未返回签名", "9F4B") if signature is None else (
            "the chip's public key is not proved", "芯片公钥未通过验证", "9F46"
        )  # fmt: skip
        chain.lost(Item.FDDA, *why)
        return
    newer = session.terminal.qualifiers[0] & 0x80 and session.objects.get(0x9F08) == b"\x00\x30"
    covered = session.deal.unpredictable
    if newer:
        related = session.objects.get(0x9F69)
        if related is None or related[:1] != b"\x01":
            chain.lost(
                Item.FDDA,
                "version 01 is due and the last record has no data of it",
                "应为 01 版，但末条记录没有相应数据",
                "9F69",
            )
            return
        covered += session.data[0x9F02] + session.data[0x5F2A] + related
    found = recover(chain, Item.FDDA, chain.icc.public, signature, covered)
    if found is not None:
        version = "01" if newer else "00"
        _number(chain, Item.FDDA, found, f", version {version}", f"，{version} 版")


def recover(chain: Chain, item: Item, icc: PublicKey, signature: bytes, covered: bytes) -> bytes | None:
    """The dynamic data of a signature, or None with the failure told."""
    if isinstance(icc, RsaPublic):
        return chain.attempt(item, "9F4B", recover_dynamic, icc, signature, covered)
    return chain.attempt(item, "9F4B", sm2_recover_dynamic, icc, signature, covered)


def _number(chain: Chain, item: Item, found: bytes, en: str = "", zh: str = "") -> None:
    length = found[0] if found else 0
    number = found[1 : 1 + length]
    if not number or len(number) != length:
        chain.lost(item, "the dynamic number is missing", "缺少动态数", "9F4C")
        return
    chain.session.objects[0x9F4C] = number
    shown = number.hex().upper()
    chain.passed(item, f"dynamic number {shown}{en}", f"动态数 {shown}{zh}", "9F4B")


def _signature(told: tuple[tlv.Tlv, ...]) -> bytes | None:
    if len(told) == 1 and told[0].tag == 0x80:
        return told[0].value
    found = tlv.find(told, 0x77, 0x9F4B)
    return None if found is None else found.value
