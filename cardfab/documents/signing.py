"""PAdES signatures on our papers (ETSI EN 319 142-1, baseline B-B), by a key that gives only raw ECDSA r | s.

The private key stays where it is: a :class:`PdfSigner` answers a signature for some bytes. The first signature
certifies the file and allows no change after it (ISO 32000-2, 12.8.2.2: DocMDP with P = 1).
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from .awaited import apart

if TYPE_CHECKING:  # it loads slowly, as pyHanko does, and most commands sign nothing
    from asn1crypto import x509

FIELD = "cardfab"
"""The name of the signature field."""
_HALF = 32
_RESERVED = 8192
"""Bytes of hexadecimal kept free for the CMS object; ours needs about 3000."""
_DOCUMENT_SIGNING = "1.3.6.1.5.5.7.3.36"  # RFC 9336, 3.1: id-kp-documentSigning


class PdfSigner(Protocol):
    """Who signs a file."""

    @property
    def certificate(self) -> bytes:
        """The X.509 certificate of the key, DER."""
        ...

    def sign(self, message: bytes) -> bytes:
        """ECDSA r | s, 64 bytes, on P-256 over SHA-256 of the message."""
        ...


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A signer made of a certificate and of who signs."""

    certificate: bytes
    sign: Callable[[bytes], bytes]


def self_signed(
    name: str, public: bytes, sign: Callable[[bytes], bytes], *, since: datetime, years: int = 10, training: bool
) -> bytes:
    """A certificate of a P-256 key (04 | X | Y) signed by that very key, DER.

    ``name`` is its common name. A training station's says so in its organisation. RFC 5280, RFC 5480.
    """
    from asn1crypto import algos, x509

    organization = "TRAINING SPECIMEN" if training else "cardfab station"
    subject = x509.Name.build({"organization_name": organization, "common_name": name})
    identifier = hashlib.sha1(public, usedforsecurity=False).digest()  # RFC 5280, 4.2.1.2, method 1
    algorithm = algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"})
    wanted = x509.TbsCertificate({
        "version": "v3",
        "serial_number": int.from_bytes(hashlib.sha256(public + since.isoformat().encode()).digest()[:15], "big"),
        "signature": algorithm,
        "issuer": subject,
        "validity": {
            "not_before": _time(since.astimezone(UTC).replace(microsecond=0)),
            "not_after": _time((since + timedelta(days=365 * years)).astimezone(UTC).replace(microsecond=0)),
        },
        "subject": subject,
        "subject_public_key_info": _key_info(public),
        "extensions": [
            {"extn_id": "key_identifier", "critical": False, "extn_value": identifier},
            {"extn_id": "authority_key_identifier", "critical": False, "extn_value": {"key_identifier": identifier}},
            {"extn_id": "basic_constraints", "critical": True, "extn_value": {"ca": False}},
            {"extn_id": "key_usage", "critical": True, "extn_value": {"digital_signature", "non_repudiation"}},
            {"extn_id": "extended_key_usage", "critical": False, "extn_value": [_DOCUMENT_SIGNING, "email_protection"]},
        ],
    })  # fmt: skip
    made = x509.Certificate({
        "tbs_certificate": wanted, "signature_algorithm": algorithm, "signature_value": _der(sign(wanted.dump())),
    })  # fmt: skip
    return bytes(made.dump())


def certified_key(certificate: bytes) -> bytes:
    """The public key of a certificate as 04 | X | Y; raises ValueError where it is none of P-256."""
    from asn1crypto import x509

    info = x509.Certificate.load(certificate)["tbs_certificate"]["subject_public_key_info"]
    if info.algorithm != "ec" or info["algorithm"]["parameters"].native != "secp256r1":
        raise ValueError("no key of P-256")
    point: bytes = info["public_key"].native
    return point


def sign_pdf(pdf: bytes, signer: PdfSigner, *, when: datetime, reason: str, name: str) -> bytes:
    """The file with a PAdES signature appended; what was in it stays byte for byte.

    ``when`` is written as the time of signing, ``reason`` and ``name`` are what a viewer shows beside it.
    """
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
    from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigMDPSetup, SigObjSetup
    from pyhanko.sign.signers.pdf_byterange import SignatureObject

    steps = PdfCMSEmbedder().write_cms(field_name=FIELD, writer=IncrementalPdfFileWriter(io.BytesIO(pdf)))
    next(steps)
    place = SignatureObject(
        bytes_reserved=_RESERVED, subfilter=SigSeedSubFilter.PADES, timestamp=when, name=name, reason=reason
    )
    closed = SigMDPSetup(md_algorithm="sha256", certify=True, docmdp_perms=MDPPerm.NO_CHANGES)
    steps.send(SigObjSetup(sig_placeholder=place, mdp_setup=closed))
    output = io.BytesIO()
    digest, _ = steps.send(SigIOSetup(md_algorithm="sha256", output=output))
    signed = _signed(digest.document_digest, signer, pades=True)
    steps.send(signed)
    return output.getvalue()


def sign_detached(digest: bytes, signer: PdfSigner, *, when: datetime) -> bytes:
    """A detached CMS signature (RFC 5652, 5) over content of which only the SHA-256 is at hand, DER.

    ``when`` is signed as the time of signing.
    """
    return bytes(_signed(digest, signer, pades=False, when=when).dump())


def _teach_names() -> None:
    """pyHanko gives asn1crypto more names of attributes when it is imported; a CMS read before then hides them."""
    from asn1crypto.cms import CMSAttributeType

    if (numbers := CMSAttributeType._reverse_map) is not None:
        numbers.update({name: number for number, name in CMSAttributeType._map.items()})


def _signed(digest: bytes, signer: PdfSigner, *, pades: bool, when: datetime | None = None) -> Any:
    from asn1crypto import x509
    from pyhanko.sign.signers.pdf_cms import ExternalSigner, PdfCMSSignedAttributes
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    _teach_names()
    certificate, registry = x509.Certificate.load(signer.certificate), SimpleCertificateStore()  # type: ignore[no-untyped-call]
    outer = ExternalSigner(certificate, registry, signature_value=None)
    told = PdfCMSSignedAttributes(signing_time=when)
    attributes = apart(lambda: asyncio.run(outer.signed_attrs(digest, "sha256", attr_settings=told, use_pades=pades)))
    # The key is asked here, by who called: in this thread, for these bytes, once.
    inner = ExternalSigner(certificate, registry, signature_value=_der(signer.sign(attributes.dump())))
    return apart(lambda: asyncio.run(inner.async_sign_prescribed_attributes("sha256", attributes)))


def _der(signature: bytes) -> bytes:
    """r | s as the DER SEQUENCE of RFC 3279, 2.2.3."""
    from asn1crypto import algos

    return bytes(algos.DSASignature.from_p1363(signature).dump())


def _time(when: datetime) -> x509.Time:
    """UTCTime until 2049, GeneralizedTime after it (RFC 5280, 4.1.2.5)."""
    from asn1crypto import x509

    return x509.Time({"utc_time" if when.year < 2050 else "general_time": when})


def certificate_request(name: str, public: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """A PKCS #10 request (RFC 2986) for the key, DER, for the authority that certifies a station's papers."""
    from asn1crypto import algos, csr, x509

    wanted = csr.CertificationRequestInfo({
        "version": "v1",
        "subject": x509.Name.build({"common_name": name}),
        "subject_pk_info": _key_info(public),
        "attributes": [],
    })  # fmt: skip
    algorithm = algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"})
    made = csr.CertificationRequest({
        "certification_request_info": wanted, "signature_algorithm": algorithm, "signature": _der(sign(wanted.dump())),
    })  # fmt: skip
    return bytes(made.dump())


def described(certificate: bytes) -> dict[str, str]:
    """What a person compares of a certificate."""
    from asn1crypto import x509

    read = x509.Certificate.load(certificate)
    return {
        "subject": read.subject.human_friendly,
        "issuer": read.issuer.human_friendly,
        "valid_until": read.not_valid_after.date().isoformat(),
        "sha256": hashlib.sha256(certificate).hexdigest(),
    }


def to_pem(kind: str, der: bytes) -> bytes:
    """As text (RFC 7468)."""
    from asn1crypto import pem

    return bytes(pem.armor(kind, der))


def from_pem(data: bytes) -> bytes:
    """The DER of a file that is either."""
    from asn1crypto import pem

    return bytes(pem.unarmor(data)[2]) if pem.detect(data) else data


def _key_info(public: bytes) -> Any:
    from asn1crypto import keys

    return keys.PublicKeyInfo({
        "algorithm": {"algorithm": "ec", "parameters": keys.ECDomainParameters({"named": "secp256r1"})},
        "public_key": public,
    })  # fmt: skip
