"""Published certificate chains verify, and one changed bit is refused: RSA and SM2.

Sources: the three sample cards of the facts; for SM2 also a public test chain, ``pboc_sm2_issuer_cert_90``
and ``pboc_sm2_icc_cert_9F46`` in tests/vectors/social-security-and-pboc.json, with its origin; for RSA also the block
recovered in ``pboc_rsa_issuer_cert_90_recovery``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from cardfab.apdu.tlv import parse
from cardfab.crypto.emvcert import (
    CertificateRefused,
    recover_dynamic,
    recover_icc,
    recover_issuer,
    recover_static,
    sm2_recover_dynamic,
    sm2_recover_icc,
    sm2_recover_issuer,
    sm2_recover_static,
)
from cardfab.crypto.rsa import RsaPublic


@dataclass(frozen=True)
class Step:
    """One signature of a chain: what recovers it, and the bytes of which none may change."""

    name: str
    recover: Callable[..., Any]
    key: Any
    parts: tuple[bytes, ...]


def _tags(sample: dict[str, Any], dgi: str) -> dict[int, bytes]:
    plain = next(entry["plain"] for entry in sample["dgis"] if entry["dgi"] == dgi)
    return {one.tag: one.value for one in parse(bytes.fromhex(plain))[0].children}


def _public(key: dict[str, Any]) -> RsaPublic:
    return RsaPublic(bytes.fromhex(key["modulus"]), bytes.fromhex(key["exponent"]))


def _static(sample: dict[str, Any], path: str) -> bytes:
    return bytes.fromhex(sample["paths"][path]["static_data"])


def _rsa_steps(sample: dict[str, Any]) -> list[Step]:
    keys, issuer = sample["keys"], _public(sample["keys"]["issuer"])
    about = _tags(sample, "0202")
    parts = _tags(sample, "0201")[0x90], about.get(0x92, b""), about[0x9F32]
    steps = [Step("90", recover_issuer, _public(keys["ca"]), parts)]
    for path, places in (("contact", ("0203", "0204", "0205")), ("ecash", ("0703", "0704", "0705"))):
        if path in sample["paths"]:
            certificate, exponent, signature = (_tags(sample, dgi) for dgi in places)
            remainder, static = exponent.get(0x9F48, b""), _static(sample, path)
            steps.append(
                Step(f"9F46 {path}", recover_icc, issuer, (certificate[0x9F46], remainder, exponent[0x9F47], static))
            )
            steps.append(Step(f"93 {path}", recover_static, issuer, (signature[0x93], static)))
    for entry in sample["transactions"]:
        if entry["path"] == "contact" and "dda" in entry:
            dda = entry["dda"]
            parts = bytes.fromhex(dda["tag_9F4B"]), bytes.fromhex(dda["ddol_values"])
            steps.append(Step("9F4B", recover_dynamic, _public(keys["icc"]), parts))
    return steps


def _sm2_steps(sample: dict[str, Any]) -> list[Step]:
    keys = {name: bytes.fromhex(key["xy"]) for name, key in sample["keys"]["sm2"].items() if isinstance(key, dict)}
    steps = [Step("90 SM2", sm2_recover_issuer, keys["ca"], (_tags(sample, "0801")[0x90],))]
    for path, certificate, signature in (("contact_sm", "0803", "0802"), ("ecash_sm", "0901", "0902")):
        static = _static(sample, path)
        issuer = keys["issuer"]
        steps.append(Step(f"9F46 {path}", sm2_recover_icc, issuer, (_tags(sample, certificate)[0x9F46], static)))
        steps.append(Step(f"93 {path}", sm2_recover_static, issuer, (_tags(sample, signature)[0x93], static)))
    for entry in sample["transactions"]:
        if entry["path"] == "contact_sm":
            dda = entry["dda"]
            parts = bytes.fromhex(dda["tag_9F4B"]), bytes.fromhex(dda["ddol_values"])
            steps.append(Step("9F4B SM2", sm2_recover_dynamic, keys["icc"], parts))
    return steps


def _public_steps(vectors: dict[str, Any]) -> list[Step]:
    above, below = vectors["pboc_sm2_issuer_cert_90"], vectors["pboc_sm2_icc_cert_9F46"]
    parts = bytes.fromhex(below["cert"]), bytes.fromhex(below["static_data"])
    return [
        Step("90 index 57", sm2_recover_issuer, bytes.fromhex(above["ca_pubkey_xy"]), (bytes.fromhex(above["cert"]),)),
        Step("9F46 index 57", sm2_recover_icc, bytes.fromhex(below["issuer_pubkey_xy"]), parts),
    ]


@pytest.fixture(scope="session")
def steps(samples: dict[str, dict[str, Any]], vectors: dict[str, Any]) -> list[Step]:
    every = [step for sample in samples.values() for step in _rsa_steps(sample)]
    return every + _sm2_steps(samples["debit-dual-sm2"]) + _public_steps(vectors)


@pytest.mark.shows("the published chains verify, one bit changed is refused (test)")
def test_published_chains_verify_and_a_changed_bit_is_refused(steps: list[Step]) -> None:
    assert len(steps) >= 20
    for step in steps:
        step.recover(step.key, *step.parts)
        for place, part in enumerate(step.parts):
            for at in {0, len(part) // 3, len(part) // 2, len(part) - 1} if part else ():
                changed = bytearray(part)
                changed[at] ^= 0x01
                parts = [bytes(changed) if number == place else one for number, one in enumerate(step.parts)]
                with pytest.raises(CertificateRefused):
                    step.recover(step.key, *parts)
    assert {"9F4B", "9F4B SM2", "90 index 57"} <= {step.name for step in steps}


def test_what_the_public_chain_says(vectors: dict[str, Any]) -> None:
    above, below = vectors["pboc_sm2_issuer_cert_90"], vectors["pboc_sm2_icc_cert_9F46"]
    issuer = sm2_recover_issuer(bytes.fromhex(above["ca_pubkey_xy"]), bytes.fromhex(above["cert"]))
    assert (issuer.subject.hex(), issuer.expiry.hex()) == ("62280001", "1220")
    assert issuer.public == bytes.fromhex(below["issuer_pubkey_xy"])
    chip = sm2_recover_icc(bytes(issuer.public), bytes.fromhex(below["cert"]), bytes.fromhex(below["static_data"]))  # type: ignore[arg-type]
    assert chip.subject.hex().startswith("6228000100001117")


def test_the_block_of_the_published_rsa_certificate(vectors: dict[str, Any]) -> None:
    """Its remainder was not published, so that only the block can be compared."""
    told = vectors["pboc_rsa_issuer_cert_90_recovery"]
    key = RsaPublic(bytes.fromhex(told["ca_modulus"]), bytes.fromhex(told["ca_exponent"]))
    assert key.recover(bytes.fromhex(told["cert"])).hex().upper() == told["recovered"]
    with pytest.raises(CertificateRefused, match="hash"):
        recover_issuer(key, bytes.fromhex(told["cert"]), b"", b"\x03")


def test_a_refusal_says_at_which_step(samples: dict[str, dict[str, Any]]) -> None:
    sample = samples["debit-contact-rsa"]
    issuer, about = _rsa_steps(sample)[0], _tags(sample, "0202")
    certificate = _tags(sample, "0201")[0x90]
    for parts, why in (
        ((certificate[:-1], about[0x92], about[0x9F32]), "length"),
        ((certificate, about[0x92][:-1], about[0x9F32]), "hash"),
        ((certificate, about[0x92], b"\x01\x00\x01"), "hash"),
    ):
        with pytest.raises(CertificateRefused, match=why):
            recover_issuer(issuer.key, *parts)
    with pytest.raises(CertificateRefused, match="header or trailer"):
        recover_static(_public(sample["keys"]["issuer"]), bytes(143) + b"\x01", b"")
    with pytest.raises(CertificateRefused, match="format 03 instead of 04"):
        recover_icc(
            _public(sample["keys"]["issuer"]), _tags(sample, "0205")[0x93], b"", b"\x03", _static(sample, "contact")
        )
