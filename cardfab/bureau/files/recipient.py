"""Who a sealed file is for and who may have sealed it: the bureau's key and certificate, the issuers' certificates.

The bureau's private key is a PKCS #8 file under a password that is asked for, not a key of the key store: the store
makes and uses RSA keys of EMV (1984 bits at most, raw operations under named usages), takes no transport keys from
outside, and has no usage that gives a content key away. The content key must be clear in this process anyway, where
the content is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from asn1crypto import pem
from asn1crypto.x509 import Certificate

from cardfab.bureau.files.refusal import KeyFileRefused, certificate_not_taken
from cardfab.crypto import CipherRefused
from cardfab.crypto.cipher import Buffer
from cardfab.crypto.cms import TransportKey, scheme_of
from cardfab.errors import Text


@dataclass(frozen=True, slots=True)
class Recipient:
    """The bureau as a recipient: its key and the certificate (DER) that files are encrypted for."""

    key: TransportKey
    certificate: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose certificate signed a file: its subject, serial number in hex and SHA-256 in hex."""

    subject: str
    serial: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Trust:
    """The certificates (DER) that may sign for issuers, by their SHA-256."""

    certificates: Mapping[bytes, bytes] = field(repr=False)


def signer_of(certificate: bytes) -> Signer:
    """What is said of a signer."""
    one = Certificate.load(certificate)
    return Signer(one.subject.human_friendly, f"{one.serial_number:X}", hashlib.sha256(certificate).hexdigest())


def may_sign(certificate: bytes, now: datetime) -> Text | None:
    """Why a trusted certificate signs no batch file at this moment; None when it may."""
    one = Certificate.load(certificate)
    usage = one.key_usage_value
    if usage is not None and not {"digital_signature", "non_repudiation"} & usage.native:
        return Text("its certificate is not for signatures", "其证书不用于签名")
    return untimely(certificate, now)


def untimely(certificate: bytes, now: datetime) -> Text | None:
    """Why a certificate does not count at this moment; None when it does."""
    validity = Certificate.load(certificate)["tbs_certificate"]["validity"]
    if now < validity["not_before"].native:
        return Text("its certificate is not valid yet", "其证书尚未生效")
    return Text("its certificate has expired", "其证书已过期") if now > validity["not_after"].native else None


def read_recipient(key: bytes, certificate: bytes, word: Buffer) -> Recipient:
    """The bureau's key (PKCS #8 in PEM under the password ``word``) and certificate (PEM or DER).

    Raises KeyFileRefused (CF-3650, CF-3651, CF-3652).
    """
    if b"BEGIN ENCRYPTED PRIVATE KEY" not in key:
        raise KeyFileRefused(
            Text(
                "The bureau's key is not a password-protected PKCS #8 file.", "中心密钥不是有口令保护的 PKCS #8 文件。"
            ),
            do=Text(
                "Make it one: openssl pkcs8 -topk8 -v2 aes-256-cbc.", "请用 openssl pkcs8 -topk8 -v2 aes-256-cbc 转换。"
            ),
        )
    try:
        opened = TransportKey(key, word)
    except CipherRefused:
        raise KeyFileRefused(
            Text(
                "The bureau's key does not open: wrong password, or not RSA from 2048 bits, P-256, -384 or -521.",
                "中心密钥无法打开：口令不对，或不是 2048 位以上的 RSA 密钥，也不是 P-256、P-384、P-521 密钥。",
            ),
            do=Text("Try again, or name the right file.", "请重试，或指定正确的文件。"),
            code="CF-3651",
        ) from None
    (der,) = certificates(certificate)[:1]
    if not opened.belongs_to(der):
        raise KeyFileRefused(
            Text("The bureau's certificate is not that of its key.", "中心证书与密钥不匹配。"),
            do=Text("Name the certificate that issuers encrypt for.", "请指定发行方加密所用的证书。"),
            code="CF-3652",
        )
    return Recipient(opened, der)


def read_trust(data: bytes) -> Trust:
    """The certificates whose signatures are taken: PEM, one after another, or one in DER.

    Raises KeyFileRefused (CF-3653).
    A chain is not followed: who signs is named in this file itself, and so is every certificate that a file carries.
    """
    return Trust({hashlib.sha256(der).digest(): der for der in certificates(data)})


def certificates(data: bytes) -> list[bytes]:
    """The certificates (DER) of a file in PEM or DER, one at least; raises KeyFileRefused (CF-3653)."""
    try:
        found = (
            [der for kind, _, der in pem.unarmor(data, multiple=True) if kind == "CERTIFICATE"]
            if pem.detect(data)
            else [data]
        )
        for der in found:
            if Certificate.load(der, strict=True).dump(force=True) != der or scheme_of(der) is None:
                raise ValueError("not a certificate that is taken")
        if not found:
            raise ValueError("no certificate")
    except Exception:  # over what is no certificate both libraries raise almost anything
        raise certificate_not_taken() from None
    return found
