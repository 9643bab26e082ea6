"""SM2 and SM3: the Chinese signature, public-key encryption and hash, on raw bytes.

A private key is 32 bytes d, a public key 64 bytes X | Y, a signature 64 bytes r | s, all big-endian; a cipher is
C1 | C3 | C2 with C1 = 04 | X | Y. ``random`` gives that many random bytes and is all the chance that is used, so that a
computation can be repeated from the same choice. Functions raise :class:`cardfab.crypto.CipherRefused` for malformed
keys. Sources: GB/T 32905 (SM3), GB/T 32918.2 (signature), .4 (encryption), .5 (the curve).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
_SHORT, _AT_ONCE = 8, 250
"""Bytes of a random factor, and signatures made or verified together."""


def sm3(data: Buffer) -> bytes:
    """The SM3 hash, 32 bytes."""
    step = hashes.Hash(hashes.SM3())
    step.update(bytes(data))
    return step.finalize()


def sm2_generate(random: Random) -> tuple[bytes, bytes]:
    """A new key pair: d, X | Y."""
    d = _scalar(random, SM2_N[:-1] + bytes([SM2_N[-1] - 1]))  # d + 1 must have an inverse: 1 to n - 2
    return d, sm2_public(d)


def sm2_generate_many(count: int, random: Random) -> list[tuple[bytes, bytes]]:
    """As many new key pairs: their points are made affine together."""
    most = SM2_N[:-1] + bytes([SM2_N[-1] - 1])
    drawn = [_scalar(random, most) for _ in range(count)]
    with Scope() as scope:
        return list(zip(drawn, scope.all_coordinates([scope.base_times(scope.number(d)) for d in drawn]), strict=True))


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
    return sm2_sign_digests(d, (digest,), random)[0][0]


def sm2_sign_digests(d: Buffer, digests: Sequence[bytes], random: Random) -> list[tuple[bytes, bytes]]:
    """Signatures over digests, each with its point [k]G (X | Y), which is no secret: for :func:`sm2_verify_all`."""
    private = _private(d)
    with Scope() as scope:
        inverse = scope.inverse(scope.plus(scope.number(private), scope.number(b"\x01")))
        lots = [digests[at : at + _AT_ONCE] for at in range(0, len(digests), _AT_ONCE)]
        return [one for some in lots for one in _all_signed(inverse, some, random)]


def _all_signed(inverse: int, digests: Sequence[bytes], random: Random) -> list[tuple[bytes, bytes]]:
    """``inverse`` is (1 + d)^-1, as secret as d: a number of the caller's scope, which clears it."""
    found: list[tuple[bytes, bytes] | None] = [None] * len(digests)
    for _ in range(_MOST_TRIES):
        left = [place for place, one in enumerate(found) if one is None]
        with Scope() as scope:
            factors = [scope.number(_scalar(random, SM2_N)) for _ in left]
            points = scope.all_coordinates([scope.base_times(k) for k in factors])
            for place, k, point in zip(left, factors, points, strict=True):
                found[place] = _signed(scope, inverse, digests[place], k, point)
        if None not in found:
            return [one for one in found if one is not None]
    raise CipherRefused("the source of random numbers gives none that serves")


def _signed(scope: Scope, inverse: int, digest: bytes, k: int, point: bytes) -> tuple[bytes, bytes] | None:
    """The signature by the random factor ``k``, whose point is ``point``; None where it does not serve."""
    r = scope.plus(scope.reduced(digest), scope.reduced(point[:32]))
    r_and_k = scope.plus(r, k)
    if scope.is_zero(r) or scope.is_zero(r_and_k):
        return None
    # (1+d)^-1 (k - r d) = (1+d)^-1 (k + r) - r
    s = scope.minus(scope.times(inverse, r_and_k), r)
    return None if scope.is_zero(s) else (scope.bytes_of(r) + scope.bytes_of(s), point)


def sm2_verify_all(
    public: bytes, digests: Sequence[bytes], signed: Sequence[tuple[bytes, bytes]], random: Random
) -> bool:
    """Whether all of these are the key's signatures, with their points as :func:`sm2_sign_digests` gave them.

    r must be digest + x for each; that each point is [s]G + [r + s]P is proved for all in one sum, every equation times
    a random number of 64 bits: where one does not hold, the sum comes to nothing once in 2^64 (Naccache, M'Raihi,
    Vaudenay, Raphaeli 1994). A tenth of the work of :func:`sm2_verify` each.
    """
    every = range(0, len(signed), _AT_ONCE)
    lots = [slice(at, at + _AT_ONCE) for at in every]
    return all(_sum_verifies(public, digests[some], signed[some], random) for some in lots)


def _sum_verifies(
    public: bytes, digests: Sequence[bytes], signed: Sequence[tuple[bytes, bytes]], random: Random
) -> bool:
    n = int.from_bytes(SM2_N, "big")
    s_sum = t_sum = 0
    numbers: list[bytes] = []
    for digest, (signature, point) in zip(digests, signed, strict=True):
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        if not (0 < r < n and 0 < s < n) or (r + s) % n == 0:
            return False
        if (int.from_bytes(digest, "big") + int.from_bytes(point[:32], "big") - r) % n:
            return False
        numbers.append(random(_SHORT))
        weight = int.from_bytes(numbers[-1], "big")
        s_sum, t_sum = (s_sum + weight * s) % n, (t_sum + weight * (r + s)) % n
    with Scope() as scope:
        try:
            points = [scope.point(public), *(scope.point(point) for _, point in signed)]
        except CipherRefused:
            return False
        factors = [scope.number((-t_sum % n).to_bytes(32, "big")), *map(scope.number, numbers)]
        whole = scope.is_nothing(scope.number((-s_sum % n).to_bytes(32, "big")), points, factors)
    if whole is None:
        return all(_verifies(public, digest, signature) for digest, (signature, _) in zip(digests, signed, strict=True))
    return whole


def sm2_verify(public: bytes, message: Buffer, signature: bytes, *, user_id: bytes = SM2_DEFAULT_ID) -> bool:
    """Whether the signature is the key's over the message; a malformed key or signature is False. GB/T 32918.2, 7.1."""
    return len(public) == 64 and _verifies(public, sm2_digest(public, message, user_id), signature)


def _verifies(public: bytes, digest: bytes, signature: bytes) -> bool:
    if len(signature) != 64:
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
        found = scope.plus(scope.reduced(digest), x1)
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
