"""The certificate chain of a card: authority, issuer, static data, the chip's own key (EMV book 2, 5 and 6).

RSA or SM2 goes by the authority's key. Every step that can be made is made, also where the method of the transaction
would not need it: this terminal is there to prove the card. A step that fails sets the bit of the method in tag 95.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from cardfab.crypto.emvcert import (
    Certificate,
    CertificateRefused,
    recover_icc,
    recover_issuer,
    recover_static,
    sm2_recover_icc,
    sm2_recover_issuer,
    sm2_recover_static,
    static_data,
)
from cardfab.crypto.rsa import RsaPublic
from cardfab.keys.certificates import CertificateFault, PublicKey, last_day
from cardfab.terminal.emv.session import Session
from cardfab.terminal.emv.words import Item

T = TypeVar("T")


class Method(enum.Enum):
    """How data is authenticated off line; the value is the bit of byte 1 of tag 95 that stands for its failure."""

    SDA = 7
    DDA = 4
    CDA = 3
    FDDA = 5
    NONE = 8


def method_of(session: Session) -> Method:
    """The best that both sides have: AIP byte 1 and terminal capabilities byte 3 (book 3, 10.3)."""
    card, terminal = session.aip[0], session.terminal.capabilities[2]
    if card & 0x01 and terminal & 0x08:
        return Method.CDA
    if card & 0x20 and terminal & 0x40:
        return Method.DDA
    if card & 0x40 and terminal & 0x80:
        return Method.SDA
    return Method.NONE


@dataclass(slots=True)
class Chain:
    """What has been recovered so far. ``good`` as long as no step failed."""

    session: Session
    method: Method
    authority: PublicKey | None = None
    issuer: Certificate | None = None
    icc: Certificate | None = None
    dac: bytes = b""
    good: bool = True

    def lost(self, item: Item, en: str, zh: str, tag: str) -> None:
        """A step failed."""
        self.good = False
        bit = self.method.value
        self.session.findings.failed(item, en, zh, tag, None if self.method is Method.FDDA else (1, bit))

    def passed(self, item: Item, en: str, zh: str, tag: str) -> None:
        """A step holds."""
        self.session.findings.passed(item, en, zh, tag)

    def object(self, item: Item, tag: int) -> bytes | None:
        """A data object that the step needs; its absence is a failure and sets 'ICC data missing'."""
        value = self.session.objects.get(tag)
        if value is None:
            self.session.findings.raised(1, 6)
            self.lost(item, "the card does not have it", "卡片没有该数据", f"{tag:X}")
        return value

    def attempt(self, item: Item, tag: str, step: Callable[..., T], *given: Any) -> T | None:
        """A recovery; what it refuses is a failure, in its own words."""
        try:
            return step(*given)
        except (CertificateRefused, CertificateFault) as refused:
            words = str(refused).partition(": ")[2] or str(refused)
            self.lost(item, words, _zh(words), tag)
            return None


def static_of(session: Session) -> bytes:
    """The static data to be authenticated."""
    return static_data(tuple(session.signed), session.aip if 0x9F4A in session.objects else None)


def follow(session: Session, method: Method) -> Chain:
    """Authority, issuer certificate, tag 93 where the card has it, ICC certificate where the card has one."""
    chain = Chain(session, method)
    if session.objects.get(0x9F4A, b"\x82") != b"\x82":  # nothing else may be in it: book 2, 5.1.1
        chain.lost(Item.STATIC, "the tag list names other tags than 82", "列表含 82 以外的标签", "9F4A")
    _authority(chain)
    if chain.authority is not None:
        _issuer(chain, chain.authority)
    if chain.issuer is not None:
        _static(chain, chain.issuer.public)
        if 0x9F46 in session.objects or method in (Method.DDA, Method.CDA, Method.FDDA):
            _icc(chain, chain.issuer.public)
    return chain


def _authority(chain: Chain) -> None:
    index = chain.object(Item.AUTHORITY, 0x8F)
    if index is None:
        return
    session = chain.session
    rid = session.aid[:5]
    chain.authority = session.terminal.authorities.get(rid + index)
    name = f"{rid.hex().upper()} {index.hex().upper()}"
    if chain.authority is None:
        chain.lost(Item.AUTHORITY, f"this terminal has no key {name}", f"终端没有公钥 {name}", "8F")
        return
    session.algorithm = "RSA" if isinstance(chain.authority, RsaPublic) else "SM2"
    chain.passed(Item.AUTHORITY, f"{name}, {session.algorithm}", f"{name}，{session.algorithm}", "8F")


def _issuer(chain: Chain, authority: PublicKey) -> None:
    item, objects = Item.ISSUER_CERTIFICATE, chain.session.objects
    certificate = chain.object(item, 0x90)
    if certificate is None:
        return
    if isinstance(authority, RsaPublic):
        exponent = chain.object(item, 0x9F32)
        if exponent is None:
            return
        remainder = objects.get(0x92, b"")
        found = chain.attempt(item, "90", recover_issuer, authority, certificate, remainder, exponent)
    else:
        found = chain.attempt(item, "90", sm2_recover_issuer, authority, certificate)
    if found is None:
        return
    iin = found.subject.hex().upper().rstrip("F")
    if not chain.session.pan.startswith(iin) or len(iin) < 3:  # book 2, 5.3 step 8
        chain.lost(
            item, f"it is for IIN {iin}, not that of the account number", f"属于发卡行 {iin}，与主账号不符", "90"
        )
    elif _expired(chain, item, "90", found.expiry):
        return
    else:
        until = _month(found.expiry)
        chain.issuer = found
        chain.passed(item, f"IIN {iin}, to {until}", f"发卡行 {iin}，有效期至 {until}", "90")


def _static(chain: Chain, issuer: PublicKey) -> None:
    signature, session = chain.session.objects.get(0x93), chain.session
    if signature is None:
        if chain.method is Method.SDA:
            chain.object(Item.STATIC, 0x93)
        elif session.aip[0] & 0x40 and chain.method is not Method.FDDA:
            chain.lost(Item.STATIC, "the AIP announces it, the card has none", "AIP 声明支持，但卡片没有", "93")
        return
    static = static_of(session)
    if isinstance(issuer, RsaPublic):
        dac = chain.attempt(Item.STATIC, "93", recover_static, issuer, signature, static)
    else:
        dac = chain.attempt(Item.STATIC, "93", sm2_recover_static, issuer, signature, static)
    if dac is not None:
        chain.dac = session.objects[0x9F45] = dac
        chain.passed(
            Item.STATIC,
            f"{len(static)} bytes, code {dac.hex().upper()}",
            f"{len(static)} 字节，认证码 {dac.hex().upper()}",
            "93",
        )


def _icc(chain: Chain, issuer: PublicKey) -> None:
    item, objects, session = Item.ICC_CERTIFICATE, chain.session.objects, chain.session
    certificate = chain.object(item, 0x9F46)
    if certificate is None:
        return
    static = static_of(session)
    if isinstance(issuer, RsaPublic):
        exponent = chain.object(item, 0x9F47)
        if exponent is None:
            return
        remainder = objects.get(0x9F48, b"")
        found = chain.attempt(item, "9F46", recover_icc, issuer, certificate, remainder, exponent, static)
    else:
        found = chain.attempt(item, "9F46", sm2_recover_icc, issuer, certificate, static)
    if found is None:
        return
    if found.subject.hex().upper().rstrip("F") != session.pan:  # book 2, 6.4 step 8
        chain.lost(item, "it is for another account number", "证书中的主账号不符", "9F46")
    elif not _expired(chain, item, "9F46", found.expiry):
        until = _month(found.expiry)
        chain.icc = found
        chain.passed(item, f"this account number, to {until}", f"主账号一致，有效期至 {until}", "9F46")


def _expired(chain: Chain, item: Item, tag: str, mmyy: bytes) -> bool:
    last = chain.attempt(item, tag, last_day, mmyy)
    if last is None:
        return True
    if chain.session.deal.time.date() > last:
        chain.lost(item, f"it expired at the end of {_month(mmyy)}", f"已于 {_month(mmyy)} 月底失效", tag)
        return True
    return False


def _month(mmyy: bytes) -> str:
    text = mmyy.hex()
    return f"20{text[2:]}-{text[:2]}"


_PHRASES = (
    ("its length or value", "长度或数值与该公钥不符"),
    ("header or trailer", "头或尾错误：由其他密钥签名或数据被改动"),
    ("format", "格式字节错误"),
    ("the hash is not", "哈希值与数据不符"),
    ("hash algorithm", "哈希算法或长度错误"),
    ("the algorithm", "算法标识错误"),
    ("the remainder", "余项或填充与密钥长度不符"),
    ("the exponent", "指数长度不符"),
    ("the signature", "签名验证失败"),
    ("the length of", "动态数据长度错误"),
)


def _zh(words: str) -> str:
    return next((zh for start, zh in _PHRASES if words.startswith(start)), "验证失败")
