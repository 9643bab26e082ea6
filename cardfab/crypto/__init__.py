"""Raw algorithms on bytes. The only room that imports ``cryptography``; it knows no card, no key label, no file."""

from cardfab.crypto.cipher import (
    Algorithm,
    Buffer,
    CipherRefused,
    decrypt_cbc,
    decrypt_ecb,
    encrypt_cbc,
    encrypt_ecb,
    usable,
)
from cardfab.crypto.mac import cbc_mac, cmac, pad80, retail_mac, same
from cardfab.crypto.seal import SealBroken, argon2id, keyed_digest, seal, seal_buffer, unseal, unseal_buffer
from cardfab.crypto.signature import ed25519_public, ed25519_sign, ed25519_verify

__all__ = [
    "Algorithm",
    "Buffer",
    "CipherRefused",
    "SealBroken",
    "argon2id",
    "cbc_mac",
    "cmac",
    "decrypt_cbc",
    "decrypt_ecb",
    "ed25519_public",
    "ed25519_sign",
    "ed25519_verify",
    "encrypt_cbc",
    "encrypt_ecb",
    "keyed_digest",
    "pad80",
    "retail_mac",
    "same",
    "seal",
    "seal_buffer",
    "unseal",
    "unseal_buffer",
    "usable",
]
