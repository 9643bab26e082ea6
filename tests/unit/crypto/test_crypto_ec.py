"""P-256 against a published vector and its own verification."""

from __future__ import annotations

import hashlib

import pytest

from cardfab.crypto import CipherRefused
from cardfab.crypto.ec import p256_der, p256_private, p256_public, p256_sign, p256_verify

# RFC 6979 A.2.5: the key pair.
_PRIVATE = bytes.fromhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
_PUBLIC = bytes.fromhex(
    "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
)
# RFC 6979 A.2.5, with SHA-256, message "sample".
_SIGNATURE = bytes.fromhex(
    "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
)


def test_the_key_pair_and_signature_of_the_rfc() -> None:
    assert p256_public(_PRIVATE) == _PUBLIC
    assert p256_verify(_PUBLIC, b"sample", _SIGNATURE)
    assert not p256_verify(_PUBLIC, b"sampl3", _SIGNATURE)


def test_what_it_signs_verifies_and_one_bit_does_not() -> None:
    private = p256_private(hashlib.sha512(b"seed").digest()[:48])
    signature = p256_sign(private, b"message")
    assert p256_verify(p256_public(private), b"message", signature)
    assert not p256_verify(p256_public(private), b"message", bytes([signature[0] ^ 1]) + signature[1:])
    assert not p256_verify(p256_public(private), b"message", signature + b"\x00")
    assert p256_der(signature)[0] == 0x30


@pytest.mark.parametrize("wrong", [b"", bytes(32), b"\xff" * 32, b"\x01" * 31])
def test_a_number_that_is_no_key_is_refused(wrong: bytes) -> None:
    with pytest.raises(CipherRefused):
        p256_public(wrong)
