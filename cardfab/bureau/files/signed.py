"""SignedData (RFC 5652, 5) as a stream: its content in pieces, its one signature judged at the end.

SHA-256 with RSA (PKCS #1 v1.5) or ECDSA over signed attributes; the signer's certificate is one of the trust file.
Certificates that the file carries must be of the trust file too: no part of the file is left that nothing proves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from asn1crypto.cms import CertificateSet, SignerInfos
from asn1crypto.core import Integer

from cardfab.bureau.files.ber import CONSTRUCTED, CONTEXT, INTEGER, OCTETS, OID, SEQUENCE, SET, Ber
from cardfab.bureau.files.parts import DATA, SIGNED, der, names, words
from cardfab.bureau.files.recipient import Signer, Trust, may_sign, signer_of
from cardfab.bureau.files.refusal import FileRefused, broken, not_opened, not_taken
from cardfab.crypto import same
from cardfab.crypto.cms import scheme_of, signed_by
from cardfab.errors import Text
from cardfab.prepare.finding import shown

__all__ = ["SignedContent"]

_SHA256: Final = ("300b0609608648016503040201", "300d06096086480165030402010500")
_SIGNATURE: Final = {
    "300d06092a864886f70d0101010500": "rsa",
    "300d06092a864886f70d01010b0500": "rsa",
    "300a06082a8648ce3d040302": "ecdsa",
}
_CERTIFICATES: Final = CONTEXT | CONSTRUCTED


class SignedContent:
    """The content of a SignedData; ``signer`` is known, and everything proved, when the iteration has ended.

    Raises FileRefused: CF-3461 and CF-3462 for the form, CF-3464 for what is not taken, CF-3465 where these are not
    even the first bytes of signed data (the key did not fit), CF-3466 for a stranger, CF-3467 for a signature that
    does not verify.
    """

    def __init__(self, chunks: Iterator[bytes], trust: Trust, now: datetime) -> None:
        self._ber = Ber(chunks)
        self._trust, self._now = trust, now
        self.signer: Signer | None = None

    def __iter__(self) -> Iterator[bytes]:
        ber = self._ber
        self._enter()
        version = der(Integer, ber.part(INTEGER), ber.position).native
        digests = ber.part(SET)
        if digests[2:].hex() not in _SHA256:
            raise not_taken("it is not digested with SHA-256", "摘要算法不是 SHA-256")
        ber.enter(SEQUENCE)
        if ber.part(OID) != DATA:
            raise not_taken("what is signed is not called data", "签名内容的类型不是 data")
        if ber.peek() is None:
            raise not_taken("the content is not in it (a detached signature)", "其中没有内容（分离式签名）")
        ber.enter(CONTEXT | CONSTRUCTED)
        digest = hashlib.sha256()
        for piece in ber.octets(OCTETS):
            digest.update(piece)
            yield piece
        ber.leave()
        ber.leave()
        self._certificates()
        at = ber.position
        if ber.peek() != SET:
            raise broken(at, "another element is expected there", "此处应为其他元素")
        signers = der(SignerInfos, ber.part(SET), at)
        for _ in range(3):
            ber.leave()
        ber.finish()
        if len(signers) != 1:
            raise not_taken(f"it has {len(signers)} signatures, not one", f"有 {len(signers)} 个签名，应为一个")
        self.signer = self._judged(signers[0], digest.digest(), version, at)

    def _enter(self) -> None:
        try:
            self._ber.enter(SEQUENCE)
            if self._ber.part(OID) != SIGNED:
                raise not_opened()
            self._ber.enter(CONTEXT | CONSTRUCTED)
            self._ber.enter(SEQUENCE)
        except FileRefused as refused:
            if refused.code == "CF-3462":
                raise not_opened() from None
            raise

    def _certificates(self) -> None:
        ber = self._ber
        if ber.peek() != _CERTIFICATES:
            return
        at = ber.position
        raw = ber.part(_CERTIFICATES)
        carried = der(CertificateSet, b"\x31" + raw[1:], at)
        for one in carried:
            if hashlib.sha256(one.dump()).digest() not in self._trust.certificates:
                raise _stranger(_subject(one))

    def _judged(self, info: Any, digest: bytes, version: int, at: int) -> Signer:
        by_key = info["sid"].name == "subject_key_identifier"
        if (version, info["version"].dump()[-1]) != ((3, 3) if by_key else (1, 1)):
            raise broken(at, "the version is wrong", "版本号错误")
        if info["digest_algorithm"].dump().hex() not in _SHA256:
            raise not_taken("it is not digested with SHA-256", "摘要算法不是 SHA-256")
        if info["unsigned_attrs"].dump():
            raise not_taken("it carries attributes that nothing protects", "附带了未受保护的属性")
        certificate = next((one for one in self._trust.certificates.values() if names(info["sid"], one)), None)
        if certificate is None:
            raise _stranger(_named(info["sid"]))
        if why := may_sign(certificate, self._now):
            subject = signer_of(certificate).subject
            raise FileRefused(
                Text(f"The signature of {subject} does not count: {why.en}.", f"{subject} 的签名无效：{why.zh}。"),
                code="CF-3466",
            )
        if _SIGNATURE.get(info["signature_algorithm"].dump().hex()) != scheme_of(certificate):
            raise not_taken(
                "its signature is neither RSA nor ECDSA with SHA-256", "签名算法不是 SHA-256 的 RSA 或 ECDSA"
            )
        attributes = info["signed_attrs"]
        told = _attribute(attributes, "message_digest")
        if _attribute(attributes, "content_type") != "data" or not isinstance(told, bytes) or not same(told, digest):
            raise _forged()
        message = b"\x31" + attributes.dump()[1:]
        if not signed_by(certificate, message, info["signature"].native):
            raise _forged()
        return signer_of(certificate)


def _attribute(attributes: Any, kind: str) -> object:
    """The one value of a signed attribute that stands there once; None for anything else."""
    found = [one["values"].native for one in attributes if one["type"].native == kind]
    return found[0][0] if len(found) == 1 and len(found[0]) == 1 else None


def _subject(choice: Any) -> str:
    return words(choice.chosen.subject) if choice.name == "certificate" else "?"


def _named(sid: Any) -> str:
    if sid.name == "subject_key_identifier":
        return str(sid.native.hex())
    return f"{words(sid.chosen['issuer'])}, {sid.chosen['serial_number'].native:X}"


def _stranger(who: str) -> FileRefused:
    return FileRefused(
        Text(
            f"The file is signed by a stranger, or carries a stranger's certificate: {shown(who)}.",
            f"文件由不受信任者签名，或附带了不受信任的证书：{shown(who)}。",
        ),
        do=Text(
            "Nothing was taken in. Put the certificate into the trust file only after the issuer has confirmed it.",
            "未接收任何内容。须经发行方确认后，方可将该证书加入信任文件。",
        ),
        code="CF-3466",
    )


def _forged() -> FileRefused:
    return FileRefused(
        Text(
            "The signature of the file is wrong: it was changed after it was signed.",
            "文件签名不符：签名之后内容被改动。",
        ),
        code="CF-3467",
    )
