"""The port to a certification authority, and what of its certificates is checked here and not believed.

X.509 certificates over SM2 keys (RFC 5280; SM2 and SM3 in them by GM/T 0015).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from asn1crypto import algos, x509

from cardfab.crypto import CipherRefused, same
from cardfab.crypto.sm import sm2_verify
from cardfab.errors import CardRefused, DeviceFault, Text

SM2_WITH_SM3 = "1.2.156.10197.1.501"
SM2_CURVE = "1.2.156.10197.1.301"


class AuthorityFault(DeviceFault):
    """The authority does not answer, refuses, or answers what cannot be used."""

    default_code = "CF-5630"

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(
            Text(f"Certification authority: {en}.", f"证书机构：{zh}。"),
            do=Text("Ask the authority, then make the card again.", "请联系证书机构后重新制卡。"),
        )


class CertificateWrong(CardRefused):
    """A certificate is not what it should be."""

    default_code = "CF-4310"

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(Text(f"The certificate {en}.", f"证书{zh}。"))


@dataclass(frozen=True, slots=True)
class CertificateRequest:
    """For whom, and the chip's own signing key X | Y."""

    name: str = field(repr=False)
    number: str = field(repr=False)
    public: bytes


@dataclass(frozen=True, slots=True)
class Certificates:
    """What an authority gives: two certificates (DER), and the encryption key pair that it made.

    ``envelope`` is the session key under the chip's signing key (X | Y, hash, 16 bytes), ``private`` the encryption
    key's d under the session key (SM4, two blocks), ``public`` its X | Y.
    """

    signing: bytes
    encryption: bytes
    public: bytes
    envelope: bytes = field(repr=False)
    private: bytes = field(repr=False)


class CertificateAuthority(Protocol):
    """Who certifies the chip's key, and makes the encryption key (dual certificates, GM/T 0034)."""

    def certify(self, request: CertificateRequest, /) -> Certificates:
        """Both certificates; raises :class:`AuthorityFault`."""

    def chain(self) -> tuple[bytes, ...]:
        """The certificates (DER) that stand above, the issuer first, the trusted root last."""

    def revoke(self, serials: Sequence[int], /) -> None:
        """Have certificates revoked that were given for a card that is waste; again is no fault.

        Raises :class:`AuthorityFault`.
        """


def serial_of(certificate: bytes) -> int:
    """The serial number of a certificate (DER); raises :class:`CertificateWrong`."""
    try:
        return int(x509.Certificate.load(certificate, strict=True).serial_number)
    except (ValueError, TypeError) as broken:
        raise CertificateWrong("cannot be read", "无法识别") from broken


def holder_key(certificate: bytes, request_number: str, chain: tuple[bytes, ...]) -> bytes:
    """The public key X | Y of a certificate whose chain holds; raises :class:`CertificateWrong`.

    Checked: each signature up to the trusted root, that each authority may sign, and the number of the holder. The
    trusted root is trusted because it was given, not because it signs itself.
    """
    try:
        found, *above = [x509.Certificate.load(one, strict=True) for one in (certificate, *chain)]
        for one, issuer in zip([found, *above], [*above, above[-1]], strict=True):
            _require_signed(one, issuer)
        number = found.subject.native.get("serial_number")
        public = _public(found)
    except (ValueError, TypeError, KeyError, IndexError, CipherRefused) as broken:
        raise CertificateWrong("cannot be read", "无法识别") from broken
    if not isinstance(number, str) or not same(number.encode(), request_number.encode()):
        raise CertificateWrong("names another holder", "的持有人不符")
    return public


def _require_signed(one: x509.Certificate, issuer: x509.Certificate) -> None:
    if one.issuer != issuer.subject:
        raise CertificateWrong("names another issuer", "的签发者不符")
    basic = issuer.basic_constraints_value
    if basic is None or not basic["ca"].native:
        raise CertificateWrong("was signed by a key that may sign none", "由无权签发的密钥签名")
    if one["signature_algorithm"]["algorithm"].dotted != SM2_WITH_SM3:
        raise CertificateWrong("is not signed by SM2 with SM3", "的签名算法不是 SM2/SM3")
    if not sm2_verify(_public(issuer), one["tbs_certificate"].dump(), _signature(one)):
        raise CertificateWrong("is not signed by its issuer", "的签名不正确")


def _signature(certificate: x509.Certificate) -> bytes:
    """r | s of the DER sequence in the bit string."""
    pair = algos.DSASignature.load(certificate.signature, strict=True)
    return b"".join(int(pair[name].native).to_bytes(32, "big") for name in ("r", "s"))


def _public(certificate: x509.Certificate) -> bytes:
    info = certificate["tbs_certificate"]["subject_public_key_info"]
    curve = info["algorithm"]["parameters"].chosen
    if curve.dotted != SM2_CURVE:
        raise CertificateWrong("has a key that is not of SM2", "的公钥不是 SM2 公钥")
    point = bytes(info["public_key"].native)
    if len(point) != 65 or point[0] != 4:
        raise CertificateWrong("has a key of another form", "的公钥格式不符")
    return point[1:]
