"""CMS written as a stream: SignedData, and EnvelopedData around it, as :mod:`~cardfab.bureau.files.envelope` and
:mod:`~cardfab.bureau.files.signed` read them and ``openssl cms``.

Lengths around the content are indefinite (BER), so that never more than a piece of it is held; every other part is DER.
RSA: OAEP with SHA-256. Elliptic: ephemeral-static ECDH (RFC 5753), the KDF of X9.63, AES-256 key wrap. The content is
AES-256 in CBC, which is what the reader here takes: nothing proves it but the signature inside, so who opens a file
must verify before he believes. The library's own PKCS #7 takes whole contents, RSA by PKCS #1 v1.5, and keys in hand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from asn1crypto.cms import (
    ContentInfo,
    DigestAlgorithms,
    EncryptionAlgorithm,
    KeyEncryptionAlgorithm,
    RecipientInfo,
    RecipientInfos,
)
from asn1crypto.core import Integer, OctetString
from asn1crypto.keys import ECPointBitString, PublicKeyAlgorithm
from asn1crypto.x509 import Certificate

from cardfab.bureau.files.addressee import Addressee
from cardfab.bureau.files.algorithms import EPHEMERAL, KDF, OAEP_SHA256, WRAP, shared_info
from cardfab.bureau.files.ber import CONSTRUCTED, CONTEXT, OCTETS, SEQUENCE
from cardfab.bureau.files.parts import DATA, ENVELOPED, SIGNED
from cardfab.crypto.cms import CbcSealing, Kdf, agreed_upon, transported

Write = Callable[[bytes], None]

PIECE: Final = 1 << 16
"""Bytes of content in a segment."""
_KEY_BYTES: Final = 32
_IV_BYTES: Final = 16
_KDF_OF: Final[dict[str, Kdf]] = {"secp256r1": "sha256", "secp384r1": "sha384", "secp521r1": "sha512"}
_KDF_NUMBER: Final = {kdf: number for number, kdf in KDF.items()}
_BITS: Final = 256
_KEY_WRAP: Final = next(bytes.fromhex(wrap) for wrap, bits in WRAP.items() if bits == _BITS)


def _open(*tags: int) -> bytes:
    return b"".join(bytes([tag, 0x80]) for tag in tags)


_INSIDE: Final = CONTEXT | CONSTRUCTED
_END: Final = b"\0\0"


@contextmanager
def enveloped(write: Write, to: Addressee, random: Callable[[int], bytes]) -> Iterator[Write]:
    """What takes a content in pieces and writes it as EnvelopedData; whole when the block ends without an error."""
    key, iv = random(_KEY_BYTES), random(_IV_BYTES)
    recipient, version = _recipient(to.certificate, key)
    cipher = CbcSealing(key, iv)
    algorithm = EncryptionAlgorithm({"algorithm": "aes256_cbc", "parameters": iv})
    write(_open(SEQUENCE) + ENVELOPED + _open(_INSIDE, SEQUENCE))
    write(Integer(version).dump() + RecipientInfos([recipient]).dump())
    write(_open(SEQUENCE) + DATA + algorithm.dump() + _open(_INSIDE))
    segments = _Segments(write)
    yield lambda content: segments.add(cipher.update(content))
    segments.add(cipher.finish())
    segments.finish()
    write(_END * 5)


@contextmanager
def signed(write: Write, sign: Callable[[bytes], bytes]) -> Iterator[tuple[Write, Callable[[], str]]]:
    """The same as SignedData; also what says the SHA-256 of the content so far, in hex.

    ``sign`` makes a detached signature (CMS, DER, version 1) of a SHA-256: its parts go behind the content.
    """
    digest = hashlib.sha256()
    write(_open(SEQUENCE) + SIGNED + _open(_INSIDE, SEQUENCE))
    write(Integer(1).dump() + DigestAlgorithms([{"algorithm": "sha256"}]).dump())
    write(_open(SEQUENCE) + DATA + _open(_INSIDE, OCTETS | CONSTRUCTED))
    segments = _Segments(write)

    def add(content: bytes) -> None:
        digest.update(content)
        segments.add(content)

    yield add, digest.hexdigest
    segments.finish()
    made = ContentInfo.load(sign(digest.digest()))["content"]
    write(_END * 3 + made["certificates"].dump() + made["signer_infos"].dump() + _END * 3)


class _Segments:
    """An octet string in segments of one size, the last one shorter, out of pieces of any length."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._held = bytearray()

    def add(self, data: bytes) -> None:
        self._held += data
        whole = len(self._held) // PIECE * PIECE
        for at in range(0, whole, PIECE):
            self._put(bytes(self._held[at : at + PIECE]))
        del self._held[:whole]

    def finish(self) -> None:
        if self._held:
            self._put(bytes(self._held))

    def _put(self, segment: bytes) -> None:
        self._write(OctetString(segment).dump())


def _recipient(certificate: bytes, key: bytes) -> tuple[Any, int]:
    """The content key for a certificate, as RecipientInfo, and the version that EnvelopedData has with it."""
    one = Certificate.load(certificate)
    named = {"issuer": one.issuer, "serial_number": one.serial_number}
    if one.public_key.algorithm == "rsa":
        transport = {
            "version": "v0",
            "rid": {"issuer_and_serial_number": named},
            "key_encryption_algorithm": KeyEncryptionAlgorithm.load(bytes.fromhex(OAEP_SHA256)),
            "encrypted_key": transported(certificate, key),
        }
        return RecipientInfo("ktri", transport), 0
    kdf = _KDF_OF[one.public_key.curve[1]]
    point, wrapped = agreed_upon(certificate, kdf, shared_info(_KEY_WRAP, _BITS), _BITS, key)
    algorithm = {"algorithm": _KDF_NUMBER[kdf], "parameters": EncryptionAlgorithm.load(_KEY_WRAP)}
    once = {"algorithm": PublicKeyAlgorithm.load(bytes.fromhex(EPHEMERAL)), "public_key": ECPointBitString(point)}
    agreement = {
        "version": "v3",
        "originator": {"originator_key": once},
        "key_encryption_algorithm": KeyEncryptionAlgorithm(algorithm),
        "recipient_encrypted_keys": [{"rid": {"issuer_and_serial_number": named}, "encrypted_key": wrapped}],
    }
    return RecipientInfo("kari", agreement), 2


__all__ = ["PIECE", "Write", "enveloped", "signed"]
