"""What a certificate must be before it is written or believed: signed up to the trusted root, for this holder, SM2."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from asn1crypto import algos, x509

from cardfab.crypto.sm import sm2_generate, sm2_public, sm2_sign
from cardfab.plan.authority import CertificateWrong, holder_key
from cardfab.simulator.ca import TrainingCa

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PUBLIC = sm2_generate(random.Random(1).randbytes)[1]
NUMBER = "T00000019"


@pytest.fixture(scope="module")
def ca() -> TrainingCa:
    return TrainingCa(random.Random(2).randbytes)


@pytest.fixture(scope="module")
def certificate(ca: TrainingCa) -> bytes:
    return ca.issue(PUBLIC, name="样卡", number=NUMBER, usage="signing", now=NOW)


def test_a_certificate_of_the_authority(ca: TrainingCa, certificate: bytes) -> None:
    assert holder_key(certificate, NUMBER, ca.chain) == PUBLIC


def test_another_holder(ca: TrainingCa, certificate: bytes) -> None:
    with pytest.raises(CertificateWrong, match="another holder") as refused:
        holder_key(certificate, "T00000027", ca.chain)
    assert (refused.value.exit_status, refused.value.code) == (4, "CF-4310")


@pytest.mark.parametrize("place", [10, 60, 120, 200, 300, -1])
def test_one_changed_byte(ca: TrainingCa, certificate: bytes, place: int) -> None:
    """Whichever: it cannot be read, is not signed, or names somebody else."""
    changed = bytearray(certificate)
    changed[place] ^= 1
    with pytest.raises(CertificateWrong):
        holder_key(bytes(changed), NUMBER, ca.chain)


def test_another_root_is_not_trusted(ca: TrainingCa, certificate: bytes) -> None:
    """A chain of the same names under keys of somebody else."""
    issuing, root = (x509.Certificate.load(one) for one in ca.chain)
    private = sm2_generate(random.Random(3).randbytes)[0]
    forged = _signed_again(root, private, sm2_public(private))
    with pytest.raises(CertificateWrong, match="not signed"):
        holder_key(certificate, NUMBER, (issuing.dump(), forged))


def test_a_holder_signs_no_certificates(ca: TrainingCa, certificate: bytes) -> None:
    private, public = sm2_generate(random.Random(4).randbytes)
    mine = ca.issue(public, name="样卡", number=NUMBER, usage="signing", now=NOW)
    subject = x509.Certificate.load(mine).subject
    below = _signed_again(x509.Certificate.load(certificate), private, None, issuer=subject)
    with pytest.raises(CertificateWrong, match="may sign none"):
        holder_key(below, NUMBER, (mine, *ca.chain))


@pytest.mark.parametrize("chain", [(), (b"",), (b"\x30\x03\x02\x01\x01",)])
def test_no_chain_at_all(certificate: bytes, chain: tuple[bytes, ...]) -> None:
    with pytest.raises(CertificateWrong):
        holder_key(certificate, NUMBER, chain)


def test_a_certificate_with_something_behind_it(ca: TrainingCa, certificate: bytes) -> None:
    with pytest.raises(CertificateWrong):
        holder_key(certificate + b"\0", NUMBER, ca.chain)


def _signed_again(one: Any, private: bytes, public: bytes | None, issuer: Any = None) -> bytes:
    """The certificate with another key or issuer in it, signed by ``private``."""
    body = one["tbs_certificate"].copy()
    if public is not None:
        body["subject_public_key_info"]["public_key"] = b"\x04" + public
    if issuer is not None:
        body["issuer"] = issuer
    signature = sm2_sign(private, body.dump(force=True), random.Random(5).randbytes)
    pair = algos.DSASignature({"r": int.from_bytes(signature[:32]), "s": int.from_bytes(signature[32:])})
    whole = {"tbs_certificate": body, "signature_algorithm": one["signature_algorithm"], "signature_value": pair.dump()}
    return bytes(x509.Certificate(whole).dump(force=True))
