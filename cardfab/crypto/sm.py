"""SM2 and SM3: the Chinese signature, public-key encryption and hash, on raw bytes.

A private key is 32 bytes d, a public key 64 bytes X | Y, a signature 64 bytes r | s, all big-endian; a cipher is
C1 | C3 | C2 with C1 = 04 | X | Y. ``random`` gives that many random bytes and is all the chance that is used, so that a
computation can be repeated from the same choice. Functions raise :class:`cardfab.crypto.CipherRefused` for malformed
keys. Sources: GB/T 32905 (SM3), GB/T 32918.2 (signature), .4 (encryption), .5 (the curve).
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.hazmat.primitives import hashes

from cardfab.crypto.cipher import Buffer, CipherRefused, xor
from cardfab.crypto.libcrypto import SM2_N, Scope
from cardfab.crypto.mac import same

Random = Callable[[int], bytes]

SM2_DEFAULT_ID = b"1234567812345678"
"""The signer's name where none was agreed (GM/T 0009, 10)."""
_CURVE = bytes.fromhex(  # a | b | xG | yG (GB/T 32918.5, 2)
    "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
)
_MOST_TRIES = 64


def sm3(data: Buffer) -> bytes:
    """The SM3 hash, 32 bytes."""
    step = hashes.Hash(hashes.SM3())
    step.update(bytes(data))
    return step.finalize()


def sm2_generate(random: Random) -> tuple[bytes, bytes]:
    """A new key pair: d, X | Y."""
    d = _scalar(random, SM2_N[:-1] + bytes([SM2_N[-1] - 1]))  # d + 1 must have an inverse: 1 to n - 2
    return d, sm2_public(d)


def sm2_public(d: Buffer) -> bytes:
    """The public key of a private key."""
    with Scope() as scope:
        return scope.coordinates(scope.base_times(scope.number(_private(d))))


def sm2_digest(public: bytes, message: Buffer, user_id: bytes = SM2_DEFAULT_ID) -> bytes:
    """SM3(ZA | message): what is signed (GB/T 32918.2, 5.5 and 6.1)."""
    za = sm3((len(user_id) * 8).to_bytes(2, "big") + user_id + _CURVE + public)
    return sm3(za + bytes(message))


def sm2_sign(d: Buffer, message: Buffer, random: Random, *, user_id: bytes = SM2_DEFAULT_ID) -> bytes:
    """A signature r | s over ``message``. GB/T 32918.2, 6.1."""
    return sm2_sign_digest(d, sm2_digest(sm2_public(d), message, user_id), random)


def sm2_sign_digest(d: Buffer, digest: bytes, random: Random) -> bytes:
    """A signature over a digest that was computed with :func:`sm2_digest`: one point less to compute."""
    private = _private(d)
    for _ in range(_MOST_TRIES):
        with Scope() as scope:
            k = scope.number(_scalar(random, SM2_N))
            x1 = scope.reduced(scope.coordinates(scope.base_times(k))[:32])
            r = scope.plus(scope.reduced(digest), x1)
            r_and_k = scope.plus(r, k)
            if scope.is_zero(r) or scope.is_zero(r_and_k):
                continue
            inverse = scope.inverse(scope.plus(scope.number(private), scope.number(b"\x01")))
            s = scope.minus(scope.times(inverse, r_and_k), r)  # (1+d)^-1 (k - r d) = (1+d)^-1 (k + r) - r
            if not scope.is_zero(s):
                return scope.bytes_of(r) + scope.bytes_of(s)
    raise CipherRefused("the source of random numbers gives none that serves")


def sm2_verify(public: bytes, message: Buffer, signature: bytes, *, user_id: bytes = SM2_DEFAULT_ID) -> bool:
    """Whether the signature is the key's over the message; a malformed key or signature is False. GB/T 32918.2, 7.1."""
    if len(signature) != 64 or len(public) != 64:
        return False
    r, s = signature[:32], signature[32:]
    if not (bytes(32) < r < SM2_N and bytes(32) < s < SM2_N):
        return False
    with Scope() as scope:
        try:
            point = scope.point(public)
            t = scope.plus(scope.number(r), scope.number(s))
            if scope.is_zero(t):
                return False
            x1 = scope.reduced(scope.coordinates(scope.sum_of(scope.number(s), point, t))[:32])
        except CipherRefused:
            return False
        found = scope.plus(scope.reduced(sm2_digest(public, message, user_id)), x1)
        return same(scope.bytes_of(found), r)


def sm2_encrypt(public: bytes, plain: Buffer, random: Random) -> bytes:
    """C1 | C3 | C2 of a plain text of at least one byte. GB/T 32918.4, 6.1."""
    if not len(plain):
        raise CipherRefused("SM2 encrypts at least one byte")
    for _ in range(_MOST_TRIES):
        with Scope() as scope:
            k = scope.number(_scalar(random, SM2_N))
            c1 = scope.coordinates(scope.base_times(k))
            shared = scope.coordinates(scope.point_times(scope.point(public), k))
        stream = _kdf(shared, len(plain))
        if any(stream):
            c2 = xor(plain, stream)
            return b"\x04" + c1 + sm3(shared[:32] + bytes(plain) + shared[32:]) + c2
    raise CipherRefused("the source of random numbers gives none that serves")


def sm2_decrypt(d: Buffer, cipher: bytes) -> bytes:
    """The inverse of :func:`sm2_encrypt`; raises :class:`CipherRefused` where a byte was changed. GB/T 32918.4, 7.1."""
    if len(cipher) < 98 or cipher[0] != 4:
        raise CipherRefused("an SM2 cipher is 04 | X | Y | hash | at least one byte")
    c1, c3, c2 = cipher[1:65], cipher[65:97], cipher[97:]
    with Scope() as scope:
        shared = scope.coordinates(scope.point_times(scope.point(c1), scope.number(_private(d))))
    plain = xor(c2, _kdf(shared, len(c2)))
    if not same(sm3(shared[:32] + plain + shared[32:]), c3):
        raise CipherRefused("the SM2 cipher was changed, or is for another key")
    return plain


def _kdf(shared: bytes, length: int) -> bytes:
    """The key derivation of GB/T 32918.4, 5.4.3: SM3(shared | counter from 1, 4 bytes)."""
    blocks = (sm3(shared + n.to_bytes(4, "big")) for n in range(1, length // 32 + 2))
    return b"".join(blocks)[:length]


def _private(d: Buffer) -> bytes:
    if len(d) != 32 or not bytes(32) < bytes(d) < SM2_N:
        raise CipherRefused("an SM2 private key is 32 bytes below the order of the curve")
    return bytes(d)


def _scalar(random: Random, below: bytes) -> bytes:
    """1 to ``below`` - 1 by rejection, so that none is likelier."""
    for _ in range(_MOST_TRIES):
        found = random(32)
        if bytes(32) < found < below:
            return found
    raise CipherRefused("the source of random numbers gives none that serves")
