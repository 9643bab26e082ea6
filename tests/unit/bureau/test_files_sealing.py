"""Files that leave the bureau: the openssl command line opens and verifies them, and so does our own reader."""

from __future__ import annotations

import os
import random
import subprocess
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from asn1crypto import cms, pem
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cardfab.bureau.files import FileRefused, KeyFileRefused, Recipient, Trust, read_addressee, read_trust
from cardfab.bureau.files.envelope import opened
from cardfab.bureau.files.sealing import PIECE, Write, enveloped, signed
from cardfab.bureau.files.signed import SignedContent
from cardfab.documents.signing import KeySigner, self_signed, sign_detached
from tests.issuer_files import Party, party

NOW = datetime.now(UTC)
CONTENT = "1,440199195109020001,古丽·阿卜\r\n".encode() * 9
KINDS = ["rsa", "ec", "P-384", "P-521"]
ALGORITHMS = {
    "rsa": ("rsaesOaep", ":sha256", ":mgf1"),
    "ec": ("dhSinglePass-stdDH-sha256kdf-scheme", ":id-aes256-wrap"),
    "P-384": ("dhSinglePass-stdDH-sha384kdf-scheme", ":id-aes256-wrap"),
    "P-521": ("dhSinglePass-stdDH-sha512kdf-scheme", ":id-aes256-wrap"),
}


@cache
def station() -> KeySigner:
    """The key for papers of a station, as its own key store signs with it."""
    key = ec.generate_private_key(ec.SECP256R1())

    def sign(message: bytes) -> bytes:
        r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return KeySigner(self_signed("station", public, sign, since=NOW, training=False), sign)


@cache
def issuer(kind: str) -> tuple[Party, Recipient]:
    """An issuer, and the key that opens what is sealed for it."""
    one = party("issuer", kind)
    return one, one.recipient()


def trusted() -> Trust:
    return read_trust(station().certificate)


def seal(write: Write, kind: str, pieces: Iterator[bytes]) -> str:
    """Sealed for the issuer; the SHA-256 of what was clear."""
    to = read_addressee(issuer(kind)[0].certificate, NOW)

    def sign(digest: bytes) -> bytes:
        return sign_detached(digest, station(), when=NOW)

    with enveloped(write, to, os.urandom) as inside, signed(inside, sign) as (add, digest):
        for piece in pieces:
            add(piece)
    return digest()


@cache
def sample(kind: str, content: bytes = CONTENT) -> bytes:
    made: list[bytes] = []
    seal(made.append, kind, (content[at : at + 7] for at in range(0, len(content), 7)))
    return b"".join(made)


def clear(data: bytes, kind: str) -> bytes:
    """What our own reader finds in it."""
    pieces = (data[at : at + 700] for at in range(0, len(data), 700))
    content = SignedContent(opened(pieces, issuer(kind)[1]), trusted(), NOW)
    whole = b"".join(content)
    assert content.signer is not None
    return whole


def openssl(*words: str | Path, given: bytes) -> bytes:
    return subprocess.run(["openssl", *words], input=given, capture_output=True, check=True).stdout


def decrypted(folder: Path, data: bytes, kind: str) -> bytes:
    """The signed file that a stranger's program finds inside."""
    certificate, key = issuer(kind)[0].files(folder, "issuer")
    return openssl("cms", "-decrypt", "-binary", "-inform", "DER", "-recip", certificate, "-inkey", key, given=data)


def printed(data: bytes) -> str:
    """A CMS file in words."""
    return openssl("cms", "-cmsout", "-print", "-noout", "-inform", "DER", given=data).decode()


def verified(folder: Path, data: bytes) -> bytes:
    (folder / "station.pem").write_bytes(pem.armor("CERTIFICATE", station().certificate))
    return openssl("cms", "-verify", "-binary", "-inform", "DER", "-CAfile", folder / "station.pem", given=data)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [0, 1, len(CONTENT), 3 * PIECE + 1])
def test_a_stranger_opens_and_verifies_it(tmp_path: Path, kind: str, size: int) -> None:
    content = (CONTENT * (size // len(CONTENT) + 1))[:size]
    data = sample(kind, content)
    assert size < 60 or content[:60] not in data
    assert verified(tmp_path, decrypted(tmp_path, data, kind)) == content
    assert clear(data, kind) == content


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_stranger_is_told_of_it(tmp_path: Path, kind: str) -> None:
    """The algorithms by name, and what is signed."""
    data = sample(kind)
    outer, inner = printed(data), printed(decrypted(tmp_path, data, kind))
    for words in (*ALGORITHMS[kind], "aes-256-cbc", "issuer: CN=issuer"):
        assert words in outer, words
    for words in ("contentType", "messageDigest", "signingTime", "ecdsa-with-SHA256", "CN=station"):
        assert words in inner, words


def test_every_file_has_a_key_of_its_own() -> None:
    seen = set()
    for _ in range(2):
        made: list[bytes] = []
        seal(made.append, "ec", iter([CONTENT]))
        envelope = cms.ContentInfo.load(b"".join(made))["content"]
        recipient, content = envelope["recipient_infos"][0].chosen, envelope["encrypted_content_info"]
        seen |= {
            recipient["originator"].chosen["public_key"].native,
            recipient["recipient_encrypted_keys"][0]["encrypted_key"].native,
            content["content_encryption_algorithm"]["parameters"].native,
            content["encrypted_content"].native[:16],
        }
    assert len(seen) == 8


@pytest.mark.parametrize("kind", ["rsa", "P-384"])
def test_a_byte_changed_or_missing(kind: str) -> None:
    data, rng = sample(kind), random.Random(9)
    for at in rng.sample(range(len(data)), 40):
        changed = data[:at] + bytes([data[at] ^ rng.randrange(1, 256)]) + data[at + 1 :]
        with pytest.raises(FileRefused):
            clear(changed, kind)
        with pytest.raises(FileRefused):
            clear(data[:at], kind)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_a_stranger_finds_a_changed_byte_too(tmp_path: Path, kind: str) -> None:
    data = sample(kind)
    at = len(data) // 2
    with pytest.raises(subprocess.CalledProcessError):
        verified(tmp_path, decrypted(tmp_path, data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :], kind))


@pytest.mark.proof
@pytest.mark.parametrize("kind", KINDS)
def test_every_byte_changed(kind: str) -> None:
    data, rng = sample(kind), random.Random(9)
    for at in range(len(data)):
        with pytest.raises(FileRefused):
            clear(data[:at] + bytes([data[at] ^ rng.randrange(1, 256)]) + data[at + 1 :], kind)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_memory_does_not_grow_with_the_content(kind: str) -> None:
    """32 MB go through in pieces; what is held is some pieces of them."""
    written = 0

    def write(data: bytes) -> None:
        nonlocal written
        written += len(data)

    line = CONTENT * 30
    pieces = (line for _ in range((32 << 20) // len(line)))
    seal(write, kind, iter([line]))  # what is imported and kept at the first time
    tracemalloc.start()
    seal(write, kind, pieces)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert written > 32 << 20
    assert most < 20 * PIECE


def test_an_error_on_the_way_ends_no_file() -> None:
    """What was written by then is no whole file to anybody."""
    made: list[bytes] = []

    def broken() -> Iterator[bytes]:
        yield CONTENT * 9000
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        seal(made.append, "ec", broken())
    with pytest.raises(FileRefused) as why:
        clear(b"".join(made), "ec")
    assert why.value.code == "CF-3461"


# -- for whom ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "usage", "good"),
    [
        ("rsa", "enciphers keys", True),
        ("P-384", "agrees", True),
        ("rsa", "agrees", False),
        ("rsa", "enciphers data", False),
        ("ec", "enciphers keys", False),
        ("ec", "signs", False),
        ("rsa", "signs", False),
    ],
)
def test_what_its_key_is_for(kind: str, usage: str, good: bool) -> None:
    one = party("issuer", kind, usage=usage)
    if good:
        assert read_addressee(one.certificate, NOW).subject == "'Common Name: issuer'"
        return
    with pytest.raises(KeyFileRefused, match="not for encryption") as why:
        read_addressee(one.certificate, NOW)
    assert why.value.code == "CF-3655"


def test_in_its_time_only() -> None:
    for one, words in ((party("issuer", days=-1), "expired"), (party("issuer", since=2), "not valid yet")):
        with pytest.raises(KeyFileRefused, match=words) as why:
            read_addressee(one.certificate, NOW)
        assert why.value.code == "CF-3654"
        assert "issuer" in why.value.sentence("zh")


def test_certificates_that_are_not_taken(tmp_path: Path) -> None:
    two = party("issuer").certificate + party("issuer", "rsa").certificate
    whole = party("issuer").certificate
    of_pss, of_ed25519, of_sm2 = (_made(tmp_path, *words) for words in (
        ("RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"), ("ED25519",), ("SM2",),
    ))  # fmt: skip
    short, curve = party("issuer", "rsa1024").certificate, party("issuer", "P-224").certificate
    for data in (b"", b"x", whole[:200], party("issuer").key, short, curve, two, of_pss, of_ed25519, of_sm2):
        with pytest.raises(KeyFileRefused) as why:
            read_addressee(data, NOW)
        assert why.value.code == "CF-3653"
        assert why.value.do is not None
        assert why.value.sentence("zh")


@pytest.mark.parametrize(("kind", "usage"), [("rsa", "enciphers keys"), ("P-384", "agrees")])
def test_a_damaged_certificate_is_refused_or_can_be_sealed_for(kind: str, usage: str) -> None:
    whole = pem.unarmor(party("issuer", kind, usage=usage).certificate)[2]
    for at in range(0, len(whole), 3):
        with suppress(KeyFileRefused):
            to = read_addressee(whole[:at] + bytes([whole[at] ^ 1 << at % 7]) + whole[at + 1 :], NOW)
            with enveloped(lambda _: None, to, os.urandom):
                pass


def _made(folder: Path, algorithm: str, *options: str) -> bytes:
    """A certificate that the openssl command line makes."""
    key = folder / f"{algorithm}.key"
    openssl("genpkey", "-algorithm", algorithm, *options, "-out", key, given=b"")
    return openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=issuer", "-days", "30", given=b"")


def test_pem_and_der_are_one_certificate() -> None:
    text = party("issuer").certificate
    one, other = (read_addressee(data, NOW) for data in (text, pem.unarmor(text)[2]))
    assert one == other
    assert len(bytes.fromhex(one.fingerprint)) == 32
    assert "BEGIN" not in repr(one)
