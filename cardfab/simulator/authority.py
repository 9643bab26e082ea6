"""The training scheme authority: certifies the public keys of issuers of payment cards, RSA and SM2.

Its keys are published (indexes F1, F2 and F3 of RID A000000333, the invented ones of the facts on PBOC debit), so its
certificates prove nothing, and no terminal in use knows them: a card made with them is a SPECIMEN. Written from
EMV book 2, 5.1 (tag 90 on the RSA side) and the sampled layout of JR/T 0025.17 (SM2 side).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from cardfab.crypto import CipherRefused, same
from cardfab.crypto.rsa import RsaPrivate, RsaPublic, der_of_primes
from cardfab.crypto.sm import sm2_public, sm2_sign, sm2_verify

RID = bytes.fromhex("A000000333")
SPECIMEN = "SPECIMEN"
F1, F2, F3 = b"\xf1", b"\xf2", b"\xf3"
"""1408 bits, 1984 bits, SM2."""
_PRIMES = {
    "F1": (
        "D0E5F648585C15C141EA34CD9C2CC2AA0004EAE51ADD5E37EFE331E2BF0C2E68E3ED6CF43E2A73F7C5A06DB98A4157E0292C"
        "2DBE1C353923BDDB410F33B9430DCC0CB5CC9B56DF2C498A686A6EC219969DCFE6E92F7B3837",
        "C2DAF34B9C768FF4611F4212E273FE6E3C6A5158058EEE4489CC0CB3F89D00D02FDDA23CDDA439A7947DFFF554018D4143C9"
        "5E6924E4E3311362FC086250C67AB619614B23952A189E275EC1FFE6437B402BA570E5F5FC7D",
    ),
    "F2": (
        "D7A57E6F8EB254D901E57F621D693986EB826067410F88FD7CB47AF8D6A91D00559BD8B25B6232919E5D434DEB8BF25EFD0A"
        "4B1D466A0DCE2CACCF70DB56D1F066CBC4B018929E18CCB4659B1508B9C4F738F7F244F6489A0197902B233D3BD7D0818BE7"
        "16543F9160F4DB1C7C33CDA5874C2B7F32B778729C2D0D37",
        "CA2674C2F8727DC6C10BF01865677AFEFD4FA13660CE693B14D60AB5872485A2C9487FF8A67BC9880F50732FAB8028DFEA20"
        "B719B41F3C17D2A9ADF9796DBF27E8195D33EE9894B52D62BA7B4923FA797B8F07DD7B711441631AF017C7B5435D2F4F4830"
        "174BB2405A75381C360998C3323958C30D6B2D89654BC855",
    ),
}
_D = bytes.fromhex("1B060E7A9F64C30CC276FC5CE4CB3A3316D1CE5004DDC96B8D15A0CE3922CB8C")
FIRST_SERIAL = 0x000101
_FIRST_SM2_SERIAL = 0x000301
REQUEST = 0x11
"""The format byte of what an issuer signs to ask for a certificate: tag 90's layout, signed with its own key."""


class RequestRefused(ValueError):
    """A request that this authority does not answer, and why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Tag 8F, 90, 92 and 9F32, and the authority's public key (an RSA key, or X | Y)."""

    index: bytes
    authority: RsaPublic | bytes
    certificate: bytes
    remainder: bytes
    exponent: bytes


@cache
def authority_key(index: bytes) -> RsaPrivate:
    """The RSA key of an index."""
    p, q = (int(prime, 16) for prime in _PRIMES[index.hex().upper()])
    return RsaPrivate.of_der(der_of_primes(p, q, 3))


def authorities() -> dict[bytes, RsaPublic | bytes]:
    """The public keys that a terminal must hold to accept these cards, by index."""
    return {F1: authority_key(F1).public, F2: authority_key(F2).public, F3: sm2_public(_D)}


def answer(
    public: RsaPublic | bytes,
    proof: bytes,
    *,
    index: bytes | None = None,
    serial: int | None = None,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> Answer:
    """Certify a key whose owner proves to have it; raises :class:`RequestRefused`.

    Without an ``index``: F3 for SM2, F1 for RSA to 1152 bits, F2 above.
    """
    wish = _sm2_wish(public, proof) if isinstance(public, bytes) else _rsa_wish(public, proof)
    if isinstance(public, bytes):
        return _sm2(wish, serial or _FIRST_SM2_SERIAL, public, random)
    chosen = index or (F1 if public.length <= 144 else F2)
    key = authority_key(chosen)
    if public.length > key.public.length:
        raise RequestRefused("a key is not longer than that of its authority")
    return _rsa(chosen, key, wish, serial or FIRST_SERIAL, public)


def _rsa_wish(public: RsaPublic, proof: bytes) -> bytes:
    """IIN and expiry (6 bytes) of a request that its own RSA key signed; the key must be the one named in it.

    6A | 11 | IIN 4 | expiry 2 | number of the request 3 | 01 | 01 | length of the key | of its exponent | the key
    without its last 36 bytes | SHA-1 of all this from 11 on, of the 36 bytes and of the exponent | BC.
    """
    try:
        block = public.recover(proof)
    except CipherRefused:
        raise RequestRefused("the proof is no signature of this key") from None
    room = public.length - 36
    told, digest = block[1:-21], block[-21:-1]
    if block[:2] != bytes((0x6A, REQUEST)) or block[-1] != 0xBC or room < 0:
        raise RequestRefused("the proof was made with another key, or is no request")
    covered = told + public.modulus[room:] + public.exponent
    if not same(digest, hashlib.sha1(covered, usedforsecurity=False).digest()):
        raise RequestRefused("the proof was changed, or the key beside it")
    if told[10:14] != bytes((1, 1, public.length, len(public.exponent))) or told[14:] != public.modulus[:room]:
        raise RequestRefused("the proof names another key")
    return told[1:7]


def _sm2_wish(public: bytes, proof: bytes) -> bytes:
    """The same of an SM2 key: 11 | IIN | expiry | number | 04, two bytes, length of the key | X | Y | r | s."""
    told, signature = proof[:-64], proof[-64:]
    if len(told) != 78 or told[0] != REQUEST:
        raise RequestRefused("the proof is no request of an SM2 key")
    if (told[10], told[13], told[14:]) != (4, len(public), public):
        raise RequestRefused("the proof names another key")
    try:
        genuine = sm2_verify(public, told, signature)
    except CipherRefused:
        genuine = False
    if not genuine:
        raise RequestRefused("the proof is no signature of this key")
    return told[1:7]


def _rsa(index: bytes, key: RsaPrivate, wish: bytes, serial: int, public: RsaPublic) -> Answer:
    room = key.public.length - 36
    left, remainder = public.modulus[:room], public.modulus[room:]
    about = bytes((1, 1, public.length, len(public.exponent)))
    fields = b"\x02" + wish + serial.to_bytes(3, "big") + about + left + b"\xbb" * (room - len(left))
    digest = hashlib.sha1(fields + remainder + public.exponent, usedforsecurity=False).digest()
    certificate = key.sign(b"\x6a" + fields + digest + b"\xbc")
    return Answer(index, key.public, certificate, remainder, public.exponent)


def _sm2(wish: bytes, serial: int, public: bytes, random: Callable[[int], bytes]) -> Answer:
    fields = b"\x12" + wish + serial.to_bytes(3, "big") + bytes((4, 0, 0x11, 64)) + public
    return Answer(F3, sm2_public(_D), fields + sm2_sign(_D, fields, random), b"", b"")
