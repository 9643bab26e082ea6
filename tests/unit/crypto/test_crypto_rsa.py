"""Raw RSA: signatures that the openssl program makes and takes, components, what is refused."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import pem

from cardfab.crypto import CipherRefused
from cardfab.crypto.rsa import RsaCrt, RsaPrivate, RsaPublic, consistent, crt_of_der, der_of_primes, generate


@pytest.fixture(scope="module", params=[(1024, 3), (1152, 65537), (1984, 3)], ids=str)
def der(request: pytest.FixtureRequest) -> bytes:
    return generate(*request.param)


def test_a_signature_recovers_to_its_message(der: bytes) -> None:
    key = RsaPrivate.of_der(der)
    message = b"\x6a" + bytes(key.public.length - 2) + b"\xbc"
    signature = key.sign(message)
    assert len(signature) == key.public.length
    assert key.public.recover(signature) == message
    changed = signature[:-1] + bytes([signature[-1] ^ 1])
    assert key.public.recover(changed) != message


def test_the_openssl_program_agrees_both_ways(der: bytes, tmp_path: Path) -> None:
    key = RsaPrivate.of_der(der)
    message = b"\x6a" + bytes(range(1, key.public.length - 1)) + b"\xbc"
    (tmp_path / "key.pem").write_bytes(pem.armor("RSA PRIVATE KEY", der))
    (tmp_path / "message").write_bytes(message)
    (tmp_path / "signature").write_bytes(key.sign(message))

    def run(line: str) -> bytes:
        words = ["openssl", "pkeyutl", *line.split(), "-inkey", "key.pem", "-pkeyopt", "rsa_padding_mode:none"]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, check=True).stdout

    assert run("-verifyrecover -in signature") == message
    assert run("-decrypt -in message") == key.sign(message)  # the bare private operation is the same


def test_components_make_the_key_again(der: bytes) -> None:
    key, crt = RsaPrivate.of_der(der), crt_of_der(der)
    assert consistent(crt, key.public)
    assert crt.p > crt.q
    assert {len(part) for part in crt.in_order()} == {key.public.length // 2}
    again = RsaPrivate.of_crt(crt)
    assert again.public == key.public
    message = bytes(key.public.length - 1) + b"\x02"
    assert again.sign(message) == key.sign(message)
    p, q = (int.from_bytes(part, "big") for part in (crt.p, crt.q))
    turned = der_of_primes(q, p, int.from_bytes(key.public.exponent, "big"))
    assert crt_of_der(turned) == crt


def test_components_of_two_keys_are_no_key(der: bytes) -> None:
    key, crt = RsaPrivate.of_der(der), crt_of_der(der)
    for wrong in (
        replace(crt, p=crt.q, q=crt.p),
        replace(crt, d_p=crt.d_q),
        replace(crt, q_inverse=crt.q),
        replace(crt, q=b"\x00" + crt.q),
    ):
        assert not consistent(wrong, key.public)
    assert not consistent(crt, RsaPublic(key.public.modulus, b"\x05"))
    with pytest.raises(CipherRefused):
        RsaPrivate.of_crt(RsaCrt(crt.q_inverse, crt.d_q, bytes(len(crt.d_p)), crt.q, crt.p))


@pytest.mark.parametrize(("bits", "exponent"), [(512, 3), (1000, 3), (1028, 3), (2048, 3), (1024, 5)])
def test_other_sizes_are_refused(bits: int, exponent: int) -> None:
    with pytest.raises(CipherRefused):
        generate(bits, exponent)


def test_what_is_no_message_or_signature_is_refused(der: bytes) -> None:
    key = RsaPrivate.of_der(der)
    for message in (b"", bytes(key.public.length - 1), b"\xff" * key.public.length):
        with pytest.raises(CipherRefused):
            key.sign(message)
        with pytest.raises(CipherRefused):
            key.public.recover(message)


def test_what_is_no_key_is_refused() -> None:
    for der in (b"", b"\x30\x00", bytes(100)):
        with pytest.raises(CipherRefused):
            RsaPrivate.of_der(der)
    with pytest.raises(CipherRefused):
        der_of_primes(15, 21, 3)
    with pytest.raises(CipherRefused):
        RsaPublic(b"\x04", b"\x02").recover(b"\x01")


def test_a_key_does_not_show_itself(der: bytes) -> None:
    key, crt = RsaPrivate.of_der(der), crt_of_der(der)
    for shown in (repr(key), repr(crt)):
        assert crt.p.hex() not in shown.lower()
        assert repr(crt.p)[2:20] not in shown
