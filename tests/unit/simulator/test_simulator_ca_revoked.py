"""The training authority takes certificates back: a signed list that another program reads."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import algos, crl, x509

from cardfab.cli.authorities import TrainingAuthority
from cardfab.crypto.sm import sm2_generate, sm2_verify
from cardfab.plan.authority import CertificateRequest, serial_of
from cardfab.simulator.ca import NotTrusted, TrainingCa

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)


def random(length: int) -> bytes:
    import os

    return os.urandom(length)


def test_a_revoked_certificate_is_on_the_signed_list_and_no_longer_trusted(tmp_path: Path) -> None:
    ca = TrainingCa(random)
    authority = TrainingAuthority(ca, lambda: NOW, tmp_path / "revoked.json")
    _, public = sm2_generate(random)
    waste = authority.certify(CertificateRequest("林晓雨", "440199199001010017", public))
    good = authority.certify(CertificateRequest("林晓雨", "440199199001010017", public))
    ca.verify(waste.signing, usage="signing", now=NOW)
    authority.revoke([serial_of(waste.signing), serial_of(waste.encryption)])
    authority.revoke([serial_of(waste.signing)])

    found = crl.CertificateList.load(authority.revocations(), strict=True)
    body = found["tbs_cert_list"]
    listed = {one["user_certificate"].native for one in body["revoked_certificates"]}
    assert listed == {serial_of(waste.signing), serial_of(waste.encryption)}
    issuer = x509.Certificate.load(ca.chain[0])
    assert found.issuer == issuer.subject
    pair = algos.DSASignature.load(found["signature"].native).native
    signature = pair["r"].to_bytes(32, "big") + pair["s"].to_bytes(32, "big")
    assert sm2_verify(bytes(issuer.public_key["public_key"])[1:], body.dump(), signature)

    with pytest.raises(NotTrusted, match="revoked"):
        ca.verify(waste.signing, usage="signing", now=NOW)
    ca.verify(good.signing, usage="signing", now=NOW)

    later = TrainingAuthority(TrainingCa(random), lambda: NOW, tmp_path / "revoked.json")
    kept = crl.CertificateList.load(later.revocations())["tbs_cert_list"]["revoked_certificates"]
    assert {one["user_certificate"].native for one in kept} == listed, "another program of the station knows them"
