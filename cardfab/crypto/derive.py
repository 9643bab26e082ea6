"""Key derivation as pure functions: master key and card data in, card or session key out. Nothing here keeps a key.

Lengths are in bytes; every function raises :class:`cardfab.crypto.CipherRefused` for a key or factor of the wrong
length and for SSF33, which is not published. No parity is adjusted unless a parameter says so.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

from cardfab.crypto.cipher import Algorithm, Buffer, CipherRefused, encrypt_cbc, encrypt_ecb
from cardfab.crypto.mac import cmac


class Scp02Constant(enum.IntEnum):
    """Derivation constants of SCP02 session keys (GPC 2.3.1 E.4.1, table E-1)."""

    C_MAC = 0x0101
    R_MAC = 0x0102
    DEK = 0x0181
    ENC = 0x0182


def _inverse(data: bytes) -> bytes:
    return bytes(b ^ 0xFF for b in data)


def _whole(name: str, data: Buffer, length: int) -> bytes:
    if len(data) != length:
        raise CipherRefused(f"{name} has {length} bytes, not {len(data)}")
    return bytes(data)


def ss_diversify(algorithm: Algorithm, key: Buffer, factor: Buffer) -> bytes:
    """One level of the social-security hierarchy: ``factor`` of 8 bytes, a key of the length of ``key``.

    DES E(K, f); 3DES E(K, f) | E(K, ~f); SM4 E(K, f | ~f). LD/T 32 part 9, 7.1.1 and 7.2.1.
    """
    text = ss_text(algorithm, factor)
    return encrypt_ecb(algorithm, key if algorithm is Algorithm.DES else _whole("a key", key, 16), text)


def ss_text(algorithm: Algorithm, factor: Buffer) -> bytes:
    """What is enciphered for one level: in ECB both halves are one call, by 8-byte ciphers as by 16-byte ones."""
    f = _whole("a diversification factor", factor, 8)
    return f if algorithm is Algorithm.DES else f + _inverse(f)


def ss_factors(region: str, historical: Buffer) -> tuple[bytes, bytes, bytes]:
    """Province, city and card factor, 8 bytes each, of a 6-digit region code and the 13 historical bytes of the ATR.

    LD/T 32 part 9, 7.3. Region 33xxxx takes four digits for the city: notice 2016-38, 10.3.
    """
    if len(region) != 6 or not (region.isascii() and region.isdigit()):
        raise CipherRefused(f"a region code has 6 digits, not {region!r}")
    t = _whole("the card reset information", historical, 13)
    city = region[:4] + "00" if region.startswith("33") else region
    return region[:2].encode() + b"0000sh", city.encode() + b"sx", t[5:]  # T6..TD


def emv_cps(kmc: Buffer, key_data: Buffer, index: int) -> bytes:
    """Card key of the KMC: ``index`` 1 KENC, 2 KMAC, 3 KDEK; ``key_data`` the 10 bytes of INITIALIZE UPDATE.

    EMV CPS 1.1, 4.1: 3DES(KMC)[6 least significant bytes | F0 | n | the same | 0F | n].
    """
    if index not in (1, 2, 3):
        raise CipherRefused(f"EMV CPS numbers its keys 1, 2, 3, not {index}")
    six = _whole("KEYDATA", key_data, 10)[4:]
    n = bytes([index])
    return encrypt_ecb(Algorithm.TDES, _whole("a KMC", kmc, 16), six + b"\xf0" + n + six + b"\x0f" + n)


def scp02_session(key: Buffer, constant: int, sequence: Buffer) -> bytes:
    """Session key of 16 bytes: 3DES-CBC, IV 0, of constant | sequence counter | 00 * 12 (GPC 2.3.1 E.4.1)."""
    return encrypt_cbc(Algorithm.TDES, _whole("a key", key, 16), bytes(8), scp02_text(constant, sequence))


def scp02_text(constant: int, sequence: Buffer) -> bytes:
    """What is enciphered to a session key, 16 bytes."""
    return constant.to_bytes(2, "big") + _whole("a sequence counter", sequence, 2) + bytes(12)


def emv_option_a(
    imk: Buffer, pan: str, psn: str, *, algorithm: Algorithm = Algorithm.TDES, odd_parity: bool = False
) -> bytes:
    """ICC master key (UDK) of 16 bytes: EMV book 2 A1.4.1, option A; with SM4 the form of JR/T 0025.17.

    ``pan`` digits without padding, ``psn`` two digits (``00`` where the card has none). ``odd_parity`` sets the DES
    parity bits, which EMV leaves optional and PBOC keys do not have.
    """
    derived = encrypt_ecb(algorithm, _whole("an issuer master key", imk, 16), option_a_data(pan, psn))
    return bytes(b if b.bit_count() & 1 else b ^ 1 for b in derived) if odd_parity else derived


def option_a_data(pan: str, psn: str) -> bytes:
    """What option A encrypts: the rightmost 16 digits of PAN | PSN, and their complement."""
    digits = pan + psn
    if len(psn) != 2 or not pan or not (digits.isascii() and digits.isdigit()):
        raise CipherRefused("option A takes a PAN of digits and a PSN of two digits")
    y = bytes.fromhex(digits[-16:].zfill(16))
    return y + _inverse(y)


def kcv(algorithm: Algorithm, key: Buffer) -> bytes:
    """Key check value, 3 bytes: E(K, 00..00), with AES E(K, 01..01) (GPC 2.3.1 B.6, amendment D 4.1.4)."""
    return encrypt_ecb(algorithm, key, kcv_block(algorithm))[:3]


def kcv_block(algorithm: Algorithm) -> bytes:
    """What a check value is the encryption of."""
    return (b"\x01" if algorithm is Algorithm.AES else b"\x00") * algorithm.block


class Scp03Constant(enum.IntEnum):
    """Derivation constants of SCP03 (GPC amendment D 1.2, table 4-1)."""

    CARD_CRYPTOGRAM = 0x00
    HOST_CRYPTOGRAM = 0x01
    CARD_CHALLENGE = 0x02
    S_ENC = 0x04
    S_MAC = 0x06
    S_RMAC = 0x07


def scp03_derive(key: Buffer, constant: int, context: Buffer, length: int) -> bytes:
    """``length`` bytes (to 32): NIST SP 800-108 in counter mode with AES-CMAC (amendment D 1.2, 4.1.5)."""
    return b"".join(cmac(Algorithm.AES, key, text) for text in scp03_texts(constant, context, length))[:length]


def scp03_texts(constant: int, context: Buffer, length: int) -> tuple[bytes, ...]:
    """What each CMAC is over: 00 * 11 | constant | 00 | length in bits, 2 bytes | counter from 01 | context."""
    label = bytes(11) + bytes([constant]) + b"\x00" + (8 * length).to_bytes(2, "big")
    return tuple(label + bytes([n]) + bytes(context) for n in range(1, length // 16 + 2))


SCHEMES = {
    "emv": "3DES KDD[4:10] F0 i KDD[4:10] 0F i",
    "visa2": "3DES KDD[0:2] KDD[4:8] F0 i KDD[0:2] KDD[4:8] 0F i",
    "kdf3": "CMAC c 000000 i 00 KDD",
}
"""The named schemes by which card keys come from a master key: EMV CPS 1.1, 4.1; VISA2; KDF3 of public tools."""

_PART = re.compile(r"i|c|KDD(?:\[(\d{1,2}):(\d{1,2})\])?|(?:[0-9A-Fa-f]{2})+")
_MODES = ("3DES", "AES", "CMAC")


@dataclass(frozen=True, slots=True)
class Diversification:
    """How card keys come from a master key and the 10 bytes of key diversification data (KDD), as text in a profile.

    The text is a named scheme of :data:`SCHEMES`, or parts set apart by spaces: hex bytes, ``i`` (1 ENC, 2 MAC, 3 DEK),
    ``KDD`` or a slice ``KDD[4:10]``. A first word says what is done with them: ``3DES`` (also without one) or ``AES``
    encrypts them in ECB; ``CMAC`` takes AES-CMACs of them, one a block, and wants the counter ``c`` somewhere.
    """

    name: str
    mode: str
    parts: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Diversification:
        """Read a scheme or template; raises :class:`CipherRefused` and says at which word."""
        words = SCHEMES.get(text, text).split()
        mode = words.pop(0) if words and words[0] in _MODES else "3DES"
        for word in words:
            if not (match := _PART.fullmatch(word)):
                raise CipherRefused(f"a key diversification template has no part {word!r}")
            if match[1] is not None and not int(match[1]) < int(match[2]) <= 10:
                raise CipherRefused(f"{word} is no slice of 10 bytes")
        if not words or "i" not in words:
            raise CipherRefused("without 'i' a key diversification template gives the same key three times")
        if ("c" in words) != (mode == "CMAC"):
            raise CipherRefused("the counter 'c' belongs into a CMAC template, and only there")
        return cls(text, mode, tuple(words))

    def card_key(self, master: Buffer, kdd: Buffer, index: int) -> bytes:
        """One card key, as long as ``master``: ``index`` 1 ENC, 2 MAC, 3 DEK. Raises :class:`CipherRefused`."""
        mode, texts = self.material(kdd, index, len(master))
        if mode == "CMAC":
            return b"".join(cmac(Algorithm.AES, master, text) for text in texts)[: len(master)]
        key = encrypt_ecb(Algorithm(mode), master, texts[0])
        if len(key) < len(master):
            raise CipherRefused(f"this template gives {len(key)} bytes, the master key has {len(master)}")
        return key[: len(master)]

    def material(self, kdd: Buffer, index: int, length: int) -> tuple[str, tuple[bytes, ...]]:
        """What is computed under the master key for a card key of ``length`` bytes, and over which texts.

        ``3DES`` or ``AES`` encrypts one text in ECB, ``CMAC`` takes one CMAC a text. Raises :class:`CipherRefused`.
        """
        if index not in (1, 2, 3):
            raise CipherRefused(f"card keys are numbered 1, 2, 3, not {index}")
        data = _whole("key diversification data", kdd, 10)
        if self.mode == "CMAC":
            return self.mode, tuple(self.data(data, index, n) for n in range(1, length // 16 + 2))
        return self.mode, (self.data(data, index, 0),)

    def data(self, kdd: bytes, index: int, counter: int) -> bytes:
        """What is encrypted, or what the MAC is over, for one key and one block."""
        return b"".join(self._part(part, kdd, index, counter) for part in self.parts)

    @staticmethod
    def _part(part: str, kdd: bytes, index: int, counter: int) -> bytes:
        if part in ("i", "c"):
            return bytes([index if part == "i" else counter])
        if part.startswith("KDD"):
            start, end = map(int, part[4:-1].split(":")) if part != "KDD" else (0, 10)
            return kdd[start:end]
        return bytes.fromhex(part)
