"""What a CMS file needs of the cipher library (RFC 5652): content keys opened and sent, content deciphered and
enciphered, signatures verified.

Structures are read elsewhere; here go in bytes, and names of schemes from a closed list.
"""

from __future__ import annotations

from typing import Final, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric import padding as asymmetric
from cryptography.hazmat.primitives.ciphers import modes
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.x509 import load_der_x509_certificate

from cardfab.crypto.cipher import Algorithm, Buffer, CipherRefused, decryptor, encryptor
from cardfab.crypto.keywrap import KeyWrapBroken, aes_unwrap, aes_wrap

Transport = Literal["pkcs1", "oaep-sha1", "oaep-sha256"]
Kdf = Literal["sha1", "sha256", "sha384", "sha512"]
Scheme = Literal["rsa", "ecdsa"]

RSA_BITS: Final = 2048
"""The least of an RSA key."""
CURVES: Final = ("secp256r1", "secp384r1", "secp521r1")

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - OAEP and the KDF of X9.63, where it stands for no signature
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


class KeyNotOpened(ValueError):
    """The content key does not open with this key."""


class TransportKey:
    """A private key, RSA or elliptic, that content keys are sent to; it stays in the cipher library."""

    __slots__ = ("_key",)

    def __init__(self, pkcs8: bytes, word: Buffer) -> None:
        """From a password-protected PKCS #8 key in PEM; raises :class:`CipherRefused`, the same for every fault."""
        try:
            key = serialization.load_pem_private_key(pkcs8, bytes(word))
        except (ValueError, TypeError):  # TypeError: it has no password, or needs one
            raise CipherRefused("this is no PKCS #8 key under that password") from None
        self._key = _usable(key)

    @property
    def kind(self) -> Scheme:
        """ "rsa" or "ecdsa", as signatures of such a key are named."""
        return "rsa" if isinstance(self._key, rsa.RSAPrivateKey) else "ecdsa"

    def belongs_to(self, certificate: bytes) -> bool:
        """Whether the certificate (DER) is for this key."""
        try:
            public = load_der_x509_certificate(certificate).public_key()
        except ValueError:
            return False
        return public == self._key.public_key()

    def opened(self, scheme: Transport, encrypted: bytes) -> bytes:
        """The content key of a key transport; raises :class:`KeyNotOpened`.

        What was not padded for this key opens, with ``pkcs1``, as random bytes (the cipher library's implicit
        rejection): the content says then that it is wrong, and nobody learns which of the two it was.
        """
        if not isinstance(self._key, rsa.RSAPrivateKey):
            raise KeyNotOpened("key transport is for RSA keys")
        try:
            return self._key.decrypt(encrypted, _padding(scheme))
        except ValueError:
            raise KeyNotOpened("the content key does not open") from None

    def agreed(self, point: bytes, kdf: Kdf, shared_info: bytes, bits: int, wrapped: bytes) -> bytes:
        """The content key of a key agreement: ECDH, the KDF of X9.63, AES key wrap; raises :class:`KeyNotOpened`."""
        if not isinstance(self._key, ec.EllipticCurvePrivateKey):
            raise KeyNotOpened("key agreement is for elliptic keys")
        try:
            other = ec.EllipticCurvePublicKey.from_encoded_point(self._key.curve, point)
            return aes_unwrap(_kek(self._key.exchange(ec.ECDH(), other), kdf, shared_info, bits), wrapped)
        except (ValueError, KeyWrapBroken):
            raise KeyNotOpened("the content key does not open") from None

    def __repr__(self) -> str:
        return f"<{self.kind} private key>"


class CbcContent:
    """AES-CBC with the padding of RFC 5652, 6.3, in pieces of any length."""

    __slots__ = ("_step", "_unpad")

    def __init__(self, key: Buffer, iv: bytes) -> None:
        self._step = decryptor(Algorithm.AES, key, modes.CBC(iv))
        self._unpad = padding.PKCS7(128).unpadder()

    def update(self, data: bytes) -> bytes:
        """What can be told of the content so far; a block is kept back, it may be padding."""
        return self._unpad.update(self._step.update(data))

    def finish(self) -> bytes:
        """The rest; raises ValueError where the padding is none, or a block is not whole."""
        return self._unpad.update(self._step.finalize()) + self._unpad.finalize()


class CbcSealing:
    """The way back of :class:`CbcContent`: content with its padding into AES-CBC, in pieces of any length."""

    __slots__ = ("_pad", "_step")

    def __init__(self, key: Buffer, iv: bytes) -> None:
        self._step = encryptor(Algorithm.AES, key, modes.CBC(iv))
        self._pad = padding.PKCS7(128).padder()

    def update(self, data: bytes) -> bytes:
        """The whole blocks that can be told so far."""
        return self._step.update(self._pad.update(data))

    def finish(self) -> bytes:
        """The last block, with the padding."""
        return self._step.update(self._pad.finalize()) + self._step.finalize()


def transported(certificate: bytes, key: bytes) -> bytes:
    """A content key for the RSA key of a certificate (DER), by OAEP with SHA-256; raises :class:`CipherRefused`."""
    public = load_der_x509_certificate(certificate).public_key()
    if not isinstance(public, rsa.RSAPublicKey):
        raise CipherRefused("key transport is for RSA keys")
    return public.encrypt(key, _padding("oaep-sha256"))


def agreed_upon(certificate: bytes, kdf: Kdf, shared_info: bytes, bits: int, key: bytes) -> tuple[bytes, bytes]:
    """A content key for the elliptic key of a certificate (DER): the point of a key that is used once, and the
    content key wrapped under what both ends can agree upon; raises :class:`CipherRefused`."""
    public = load_der_x509_certificate(certificate).public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise CipherRefused("key agreement is for elliptic keys")
    once = ec.generate_private_key(public.curve)
    point = once.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    return point, aes_wrap(_kek(once.exchange(ec.ECDH(), public), kdf, shared_info, bits), key)


def scheme_of(certificate: bytes) -> Scheme | None:
    """How the key of a certificate (DER) signs; None for a key that is not taken: short, another curve or kind."""
    try:
        public = load_der_x509_certificate(certificate).public_key()
    except (ValueError, UnsupportedAlgorithm):  # the latter: SM2, and other keys that the library does not know
        return None
    if isinstance(public, rsa.RSAPublicKey) and public.key_size >= RSA_BITS:
        return "rsa"
    return "ecdsa" if isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in CURVES else None


def signed_by(certificate: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the certificate's key (DER) signed the message: SHA-256 with RSA (PKCS #1 v1.5) or ECDSA."""
    public = load_der_x509_certificate(certificate).public_key()
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, message, asymmetric.PKCS1v15(), hashes.SHA256())
        elif isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _padding(scheme: Transport) -> asymmetric.AsymmetricPadding:
    if scheme == "pkcs1":
        return asymmetric.PKCS1v15()
    digest = _HASHES[scheme.removeprefix("oaep-")]
    return asymmetric.OAEP(asymmetric.MGF1(digest), digest, None)


def _kek(secret: bytes, kdf: Kdf, shared_info: bytes, bits: int) -> bytes:
    return X963KDF(_HASHES[kdf], bits // 8, shared_info).derive(secret)


def _usable(key: object) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in CURVES:
        return key
    raise CipherRefused(f"the key is neither RSA of {RSA_BITS} bits at least nor on {', '.join(CURVES)}")
