"""Whom a file that leaves the bureau is encrypted for: the issuer's certificate, judged before a byte is written."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from asn1crypto.x509 import Certificate

from cardfab.bureau.files.parts import words
from cardfab.bureau.files.recipient import certificates, untimely
from cardfab.bureau.files.refusal import KeyFileRefused, certificate_not_taken
from cardfab.errors import Text
from cardfab.prepare.finding import shown

_NEEDED: Final = {"rsa": "key_encipherment", "ec": "key_agreement"}
"""What a key usage, where a certificate has one, must allow (RFC 5280, 4.2.1.3), by the kind of its key."""


@dataclass(frozen=True, slots=True)
class Addressee:
    """A certificate (DER) that files may be encrypted for now; its subject and its SHA-256 in hex."""

    certificate: bytes = field(repr=False)
    subject: str
    fingerprint: str


def read_addressee(data: bytes, now: datetime) -> Addressee:
    """The one certificate of a file in PEM or DER.

    Raises KeyFileRefused: CF-3653 for what is no certificate, a key that is not taken, or several certificates;
    CF-3654 for one that is not valid at this moment, CF-3655 for one whose key usage does not allow it.
    """
    found = certificates(data)
    if len(found) > 1:
        raise KeyFileRefused(
            Text(
                f"The file has {len(found)} certificates, and a file is encrypted for one.",
                f"该文件中有 {len(found)} 份证书，而文件只为一份证书加密。",
            ),
            do=Text("Give the issuer's encryption certificate alone.", "请只提供发卡机构的加密证书。"),
            code="CF-3653",
        )
    one = Certificate.load(found[0])
    try:
        needed, usage = _NEEDED.get(one.public_key.algorithm), one.key_usage_value
        allowed = None if usage is None else usage.native
    except Exception:  # asn1crypto reads extensions only now, and raises almost anything over what is no DER
        raise certificate_not_taken() from None
    if needed is None:  # an RSA key for PSS: the cipher library takes it as any other
        raise certificate_not_taken()
    subject = shown(words(one.subject))
    if why := untimely(found[0], now):
        raise KeyFileRefused(
            Text(f"Nothing is encrypted for {subject}: {why.en}.", f"不能为 {subject} 加密：{why.zh}。"),
            do=Text(
                "Ask the issuer for a certificate that is valid today; check the clock of this machine.",
                "请向发卡机构索取现行有效的证书，并检查本机时钟。",
            ),
            code="CF-3654",
        )
    if allowed is not None and needed not in allowed:
        raise KeyFileRefused(
            Text(
                f"Nothing is encrypted for {subject}: its certificate is not for encryption.",
                f"不能为 {subject} 加密：其证书不用于加密。",
            ),
            do=Text(
                "Ask the issuer for the one for encryption: key usage keyEncipherment (RSA) or keyAgreement (EC).",
                "请向发卡机构索取加密证书：密钥用途为 keyEncipherment（RSA）或 keyAgreement（EC）。",
            ),
            code="CF-3655",
        )
    return Addressee(found[0], subject, hashlib.sha256(found[0]).hexdigest())


__all__ = ["Addressee", "read_addressee"]
