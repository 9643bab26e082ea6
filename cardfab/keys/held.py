"""A key in this process's memory with its attributes, and its check value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cardfab.crypto import Algorithm, Buffer, CipherRefused, ed25519_public, keyed_digest
from cardfab.crypto.derive import kcv
from cardfab.crypto.ec import p256_private, p256_public
from cardfab.crypto.rsa import RsaPrivate
from cardfab.crypto.sm import sm2_public
from cardfab.keys.label import KeyInfo, KeySpec
from cardfab.keys.secret import Secret


@dataclass(frozen=True, slots=True)
class Held:
    """One key of a store."""

    info: KeyInfo
    value: Secret


def hold(spec: KeySpec, value: Buffer, *, training: bool) -> Held:
    """A key with its attributes, its check value computed. The value is copied; the caller wipes its own."""
    return Held(info_of(spec, check_value(spec, value), training=training), Secret(value))


def info_of(spec: KeySpec, check: str, *, training: bool) -> KeyInfo:
    """The attributes of a new key whose check value is known."""
    return KeyInfo(
        spec.label,
        spec.algorithm,
        spec.usage,
        spec.level,
        spec.version,
        training,
        check,
        region=spec.region,
        modes=spec.modes,
        group=spec.group,
        valid_from=spec.valid_from,
        valid_until=spec.valid_until,
        parent=spec.parent,
        ceremony=spec.ceremony,
        exportable=spec.exportable,
    )


def check_value(spec: KeySpec, value: Buffer) -> str:
    """3 bytes in hex; of an asymmetric key the first 4 of what is public of it."""
    if spec.algorithm == "Ed25519":
        return ed25519_public(value)[:4].hex().upper()
    if spec.algorithm == "EC-P256":
        return p256_public(value)[1:5].hex().upper()
    if spec.algorithm == "SM2":
        return sm2_public(value)[:4].hex().upper()
    if spec.algorithm.startswith("RSA-"):
        return RsaPrivate.of_der(value).public.modulus[:4].hex().upper()
    if spec.algorithm == "HMAC-SHA-256":
        return keyed_digest(value, bytes(16))[:3].hex().upper()
    cipher = cipher_of(spec.algorithm)
    if cipher is None:
        raise CipherRefused(f"there is no algorithm {spec.algorithm}")
    return kcv(cipher, value).hex().upper()


def cipher_of(algorithm: str) -> Algorithm | None:
    """The block cipher of a label's algorithm (``3DES``, ``SM4``, ``AES``, ``AES-256``); None for any other."""
    name = "AES" if algorithm in ("AES-128", "AES-192", "AES-256") else algorithm
    return Algorithm(name) if name in ("DES", "3DES", "AES", "SM4") else None


def station_value(spec: KeySpec, random: Callable[[int], bytes]) -> bytes:
    """A new value for one of the station's own keys."""
    return p256_private(random(48)) if spec.algorithm == "EC-P256" else random(32)
