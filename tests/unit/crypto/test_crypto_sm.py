"""SM2 and SM3 against the standards' own examples, the system's openssl program and GmSSL."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import gmssl_pyx
import pytest
from asn1crypto import core, pem
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfab.crypto import CipherRefused
from cardfab.crypto.libcrypto import SM2_N
from cardfab.crypto.sm import (
    SM2_DEFAULT_ID,
    sm2_decrypt,
    sm2_digest,
    sm2_encrypt,
    sm2_generate,
    sm2_generate_many,
    sm2_public,
    sm2_sign,
    sm2_sign_digest,
    sm2_sign_digests,
    sm2_verify,
    sm3,
)

# GB/T 32918.5-2017, annex A (signature) and C (encryption).
D = bytes.fromhex("3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8")
PUBLIC = bytes.fromhex(
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
K = bytes.fromhex("59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21")
SIGNATURE = bytes.fromhex(
    "F5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3"
    "B1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA"
)
CIPHER = bytes.fromhex(
    "0404EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73"
    "E858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0"
    "59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"
    "21886CA989CA9C7D58087307CA93092D651EFA"
)


def same_choice(value: bytes) -> Callable[[int], bytes]:
    return lambda length: value


@pytest.mark.parametrize(
    ("data", "digest"),
    [
        (b"abc", "66C7F0F462EEEDD9D1F2D46BDC10E4E24167C4875CF2F7A2297DA02B8F4BA8E0"),
        (b"abcd" * 16, "DEBE9FF92275B8A138604889C18E5A4D6FDB70E5387E5765293DCBA39C0C5732"),
    ],
)
def test_sm3_of_the_standard(data: bytes, digest: str) -> None:  # GB/T 32905-2016, annex A
    assert sm3(data).hex().upper() == digest


def test_signature_of_the_standard() -> None:
    assert sm2_public(D) == PUBLIC
    assert sm2_sign(D, b"message digest", same_choice(K)) == SIGNATURE
    assert sm2_verify(PUBLIC, b"message digest", SIGNATURE)


def test_encryption_of_the_standard() -> None:
    assert sm2_encrypt(PUBLIC, b"encryption standard", same_choice(K)) == CIPHER
    assert sm2_decrypt(D, CIPHER) == b"encryption standard"


def test_every_changed_bit_of_a_signature_is_refused() -> None:
    for bit in range(512):
        changed = bytearray(SIGNATURE)
        changed[bit // 8] ^= 0x80 >> bit % 8
        assert not sm2_verify(PUBLIC, b"message digest", bytes(changed))
    assert not sm2_verify(PUBLIC, b"message digesT", SIGNATURE)
    assert not sm2_verify(PUBLIC, b"message digest", SIGNATURE, user_id=b"another")


@pytest.mark.parametrize(
    ("public", "signature"),
    [
        (PUBLIC[:-1] + b"\x00", SIGNATURE),
        (PUBLIC[:-1], SIGNATURE),
        (PUBLIC, SIGNATURE[:-1]),
        (PUBLIC, bytes(64)),
        (PUBLIC, SM2_N + SIGNATURE[32:]),
        (PUBLIC, SIGNATURE[:32] + SM2_N),
    ],
)
def test_malformed_keys_and_signatures_are_false(public: bytes, signature: bytes) -> None:
    assert not sm2_verify(public, b"message digest", signature)


@pytest.mark.parametrize("place", [1, 40, 70, 100])
def test_a_changed_cipher_is_refused(place: int) -> None:
    changed = bytearray(CIPHER)
    changed[place] ^= 1
    with pytest.raises(CipherRefused):
        sm2_decrypt(D, bytes(changed))


@pytest.mark.parametrize("key", [b"", bytes(32), SM2_N, bytes(31)])
def test_keys_out_of_range_are_refused(key: bytes) -> None:
    with pytest.raises(CipherRefused):
        sm2_sign(key, b"", os.urandom)
    with pytest.raises(CipherRefused):
        sm2_public(key)


def test_a_broken_source_of_chance_is_refused() -> None:
    for broken in (same_choice(bytes(32)), same_choice(b"\xff" * 32)):
        with pytest.raises(CipherRefused, match="random"):
            sm2_sign(D, b"", broken)


@pytest.mark.parametrize("together", [True, False])
def test_many_at_once_are_what_each_is_by_itself(monkeypatch: pytest.MonkeyPatch, together: bool) -> None:
    if not together:  # a library that makes points affine one by one
        monkeypatch.setattr("cardfab.crypto.libcrypto._AFFINE", "no_such_call")
    pairs = sm2_generate_many(5, os.urandom)
    assert len(set(pairs)) == 5
    assert all(sm2_public(d) == public for d, public in pairs)
    assert sm2_generate_many(0, os.urandom) == []
    factors = [os.urandom(31).rjust(32, b"\1") for _ in range(4)]
    digests = [os.urandom(32) for _ in range(3)]
    # the second digest and its factor come to r = 0, so that another factor is drawn for it alone
    x = int.from_bytes(sm2_public(factors[1])[:32], "big")
    digests[1] = (-x % int.from_bytes(SM2_N, "big")).to_bytes(32, "big")
    source = iter(factors)
    signed = sm2_sign_digests(D, digests, lambda length: next(source))
    used = (factors[0], factors[3], factors[2])
    assert signed == [
        (sm2_sign_digest(D, digest, same_choice(k)), sm2_public(k)) for digest, k in zip(digests, used, strict=True)
    ]
    assert sm2_sign_digests(D, [], os.urandom) == []


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.binary(min_size=1, max_size=32))
def test_gmssl_takes_our_signatures_and_we_its(message: bytes, name: bytes) -> None:
    d, public = sm2_generate(os.urandom)
    ours = sm2_sign(d, message, os.urandom, user_id=name)
    assert gmssl_pyx.sm2_verify(public, message, der(ours), name)
    theirs = gmssl_pyx.sm2_sign(d, public, message, name)
    assert sm2_verify(public, message, raw(theirs), user_id=name)
    assert gmssl_pyx.sm3_hash(message) == sm3(message)


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=200))
def test_gmssl_opens_our_ciphers_and_we_its(plain: bytes) -> None:
    d, public = sm2_generate(os.urandom)
    ours = sm2_encrypt(public, plain, os.urandom)
    point = [core.Integer(int.from_bytes(ours[at : at + 32], "big")) for at in (1, 33)]
    coded = b"".join(n.dump() for n in point)
    coded += core.OctetString(ours[65:97]).dump() + core.OctetString(ours[97:]).dump()
    assert gmssl_pyx.sm2_decrypt(d, sequence(coded)) == plain
    x, y, c3, c2 = parts(gmssl_pyx.sm2_encrypt(public, plain))
    theirs = b"\x04" + x.rjust(32, b"\0")[-32:] + y.rjust(32, b"\0")[-32:] + c3 + c2
    assert sm2_decrypt(d, theirs) == plain


def test_a_digest_computed_before_gives_the_same_signature() -> None:
    digest = sm2_digest(PUBLIC, b"message digest", SM2_DEFAULT_ID)
    assert sm2_sign_digest(D, digest, same_choice(K)) == SIGNATURE


def test_the_openssl_program_takes_our_signature(tmp_path: Path) -> None:
    spki = bytes.fromhex("3059301306072A8648CE3D020106082A811CCF5501822D03420004") + PUBLIC
    (tmp_path / "key.pem").write_bytes(pem.armor("PUBLIC KEY", spki))
    (tmp_path / "message").write_bytes(b"what is signed")
    (tmp_path / "signature").write_bytes(der(sm2_sign(D, b"what is signed", os.urandom)))
    line = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in message -digest sm3 -sigfile signature"
    told = subprocess.run(
        [*line.split(), "-pkeyopt", "distid:1234567812345678"], cwd=tmp_path, capture_output=True, check=False
    )
    assert (told.returncode, told.stdout) == (0, b"Signature Verified Successfully\n")


def der(signature: bytes) -> bytes:
    return sequence(b"".join(core.Integer(int.from_bytes(half, "big")).dump() for half in _halves(signature)))


def raw(coded: bytes) -> bytes:
    return b"".join(part.rjust(32, b"\0")[-32:] for part in parts(coded))


def _halves(data: bytes) -> tuple[bytes, bytes]:
    return data[:32], data[32:]


def sequence(content: bytes) -> bytes:
    length = bytes([len(content)]) if len(content) < 128 else None
    if length is None:
        counted = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(counted)]) + counted
    return b"\x30" + length + content


def parts(coded: bytes) -> list[bytes]:
    return [bytes(part.contents) for part in core.SequenceOf.load(coded, spec=core.Any)]
