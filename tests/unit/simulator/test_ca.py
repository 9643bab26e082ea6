"""The training certification authority, checked by itself and by OpenSSL."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cardfab.crypto import Algorithm, CipherRefused, decrypt_ecb
from cardfab.crypto.sm import sm2_decrypt, sm2_generate, sm2_public
from cardfab.simulator.ca import END, NotTrusted, TrainingCa, Usage, as_pem

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def stream(seed: int) -> bytes:
    return bytes((seed * 31 + n * 7) % 256 for n in range(64))


@pytest.fixture
def ca() -> TrainingCa:
    return TrainingCa()


def issued(ca: TrainingCa, usage: Usage = "signing", now: datetime = NOW) -> tuple[bytes, bytes, bytes]:
    private, public = sm2_generate(lambda n: stream(n)[:n])
    return ca.issue(public, name="样卡甲", number="A12345671", usage=usage, now=now), public, private


def test_a_certificate_binds_the_key_for_its_use(ca: TrainingCa) -> None:
    for usage, other in (("signing", "encryption"), ("encryption", "signing")):
        certificate, public, _ = issued(ca, usage)  # type: ignore[arg-type]
        assert ca.verify(certificate, usage=usage, now=NOW) == public  # type: ignore[arg-type]
        assert ca.verify(certificate + bytes(500), usage=usage, now=NOW) == public  # type: ignore[arg-type]
        with pytest.raises(NotTrusted, match="not for"):
            ca.verify(certificate, usage=other, now=NOW)  # type: ignore[arg-type]
        assert len(certificate) <= 0x400  # fits into a card's file


def test_the_authority_is_the_same_every_time(ca: TrainingCa) -> None:
    assert TrainingCa().chain == ca.chain
    certificate, public, _ = issued(ca)
    assert TrainingCa().verify(certificate, usage="signing", now=NOW) == public
    assert issued(ca)[0] != issued(ca)[0]  # but no two certificates have one serial number


def test_what_it_does_not_vouch_for(ca: TrainingCa) -> None:
    certificate, _, _ = issued(ca)
    for wrong in (b"", b"\x30\x03abc", bytes(200)):
        with pytest.raises(NotTrusted):
            ca.verify(wrong, usage="signing", now=NOW)
    for at in range(40, len(certificate), 29):
        changed = certificate[:at] + bytes((certificate[at] ^ 1,)) + certificate[at + 1 :]
        with pytest.raises(NotTrusted):
            ca.verify(changed, usage="signing", now=NOW)
    for when in (NOW - timedelta(seconds=1), NOW + timedelta(days=3651), END + timedelta(days=2)):
        with pytest.raises(NotTrusted, match="time"):
            ca.verify(certificate, usage="signing", now=when)
    with pytest.raises(NotTrusted, match="another authority"):
        ca.verify(ca.chain[0], usage="signing", now=NOW)
    with pytest.raises(ValueError, match="64 bytes"):
        ca.issue(bytes(63), name="样卡", number="1", usage="signing", now=NOW)
    assert "private" not in repr(ca._root)


def test_the_encryption_key_travels_enveloped(ca: TrainingCa) -> None:
    card_private, card_public = sm2_generate(lambda n: stream(n + 1)[:n])
    sent = ca.encryption_key(card_public)
    assert (len(sent.public), len(sent.envelope), len(sent.private)) == (64, 112, 32)
    session = sm2_decrypt(card_private, b"\x04" + sent.envelope)
    assert sm2_public(decrypt_ecb(Algorithm.SM4, session, sent.private)) == sent.public
    with pytest.raises(CipherRefused):
        sm2_decrypt(card_private, b"\x04" + sent.envelope[:-1] + b"\x00")
    with pytest.raises(CipherRefused):
        ca.encryption_key(bytes(64))


def openssl(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *arguments], cwd=cwd, capture_output=True, text=True, check=False)


def test_openssl_verifies_both_links(ca: TrainingCa, tmp_path: Path) -> None:
    certificate, _, _ = issued(ca)
    issuing, root = ca.chain
    for name, one in (("leaf", certificate), ("issuing", issuing), ("root", root)):
        (tmp_path / f"{name}.pem").write_text(as_pem(one), "ascii")
    # The name of the signer is taken for the certificate at the end only, so each link is shown by itself.
    named = ("verify", "-no_check_time", "-partial_chain", "-vfyopt", "distid:1234567812345678", "-trusted")
    assert openssl(*named, "issuing.pem", "leaf.pem", cwd=tmp_path).stdout == "leaf.pem: OK\n"
    assert openssl(*named, "root.pem", "issuing.pem", cwd=tmp_path).stdout == "issuing.pem: OK\n"
    assert openssl(*named, "root.pem", "leaf.pem", cwd=tmp_path).returncode != 0
    other = ("verify", "-no_check_time", "-partial_chain", "-vfyopt", "distid:0000000000000000", "-trusted")
    assert openssl(*other, "issuing.pem", "leaf.pem", cwd=tmp_path).returncode != 0
    shown = openssl("x509", "-in", "leaf.pem", "-noout", "-text", "-nameopt", "utf8,sep_comma_plus_space", cwd=tmp_path)
    for part in ("SM2-with-SM3", "ASN1 OID: SM2", "Digital Signature, Non Repudiation", "SPECIMEN", "A12345671"):
        assert part in shown.stdout
