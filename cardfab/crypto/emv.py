"""Card keys, session keys, cryptograms, script MACs and PIN blocks of payment cards, as pure functions.

Both the issuer's and a terminal's side use them. ``algorithm`` is 3DES (byte 01 in the issuer application data) or SM4
(04). Keys are 16 bytes; every function raises :class:`cardfab.crypto.CipherRefused`. Sources: EMV book 2 A1,
JR/T 0025.5 and .17 by way of the facts on PBOC debit; ISO 9564-1; what has one source only says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from cardfab.crypto.cipher import Algorithm, Buffer, CipherRefused, decrypt_ecb, encrypt_ecb, xor
from cardfab.crypto.derive import option_a_data
from cardfab.crypto.mac import cbc_mac, pad80, retail_mac

CVN01 = ("9F02", "9F03", "9F1A", "95", "5F2A", "9A", "9C", "9F37", "82", "9F36", "CVR")
"""What an application cryptogram of version 01 covers, in order; CVR with its length byte (4 bytes)."""
CVN01_LENGTHS = (6, 6, 2, 5, 2, 3, 1, 4, 2, 2, 4)


def _whole(name: str, data: Buffer, length: int) -> bytes:
    if len(data) != length:
        raise CipherRefused(f"{name} has {length} bytes, not {len(data)}")
    return bytes(data)


def emv_option_b(imk: Buffer, pan: str, psn: str, *, algorithm: Algorithm = Algorithm.TDES) -> bytes:
    """ICC master key for PANs beyond 16 digits: SHA-1 of PAN | PSN, decimalised (EMV book 2 A1.4.2).

    To 16 digits it is option A. No parity is set; :func:`odd_parity` does.
    """
    return encrypt_ecb(algorithm, _whole("an issuer master key", imk, 16), udk_data("B", pan, psn))


def udk_data(option: str, pan: str, psn: str) -> bytes:
    """What an issuer master key encrypts to a card key, 16 bytes, by option A or B."""
    if option == "A" or len(pan) <= 16:
        return option_a_data(pan, psn)
    if len(psn) != 2 or not (pan + psn).isascii() or not (pan + psn).isdigit():
        raise CipherRefused("option B takes a PAN of digits and a PSN of two digits")
    digits = pan + psn
    digest = hashlib.sha1(bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2)), usedforsecurity=False)
    y = decimalised(digest.hexdigest(), 16)
    return option_a_data(y[:-2], y[-2:])


def decimalised(hexadecimal: str, count: int) -> str:
    """The first ``count`` digits of a hex text, then its letters as A = 0 to F = 5 where the digits do not suffice."""
    text = hexadecimal.upper()
    digits = [c for c in text if c.isdigit()] + [str(ord(c) - ord("A")) for c in text if not c.isdigit()]
    return "".join(digits[:count])


def odd_parity(key: Buffer) -> bytes:
    """A DES key with its parity bits set: it ciphers as before, but its bytes differ (they enter D1 of PIN CHANGE)."""
    return bytes(b if b.bit_count() & 1 else b ^ 1 for b in key)


def set_odd_parity(key: memoryview) -> None:
    """The same in its place, leaving no copy behind."""
    for at, b in enumerate(key):
        key[at] = b if b.bit_count() & 1 else b ^ 1


def session_key(algorithm: Algorithm, udk: Buffer, atc: Buffer) -> bytes:
    """PBOC session key of one transaction, from the card key for AC, MAC or ENC and the ATC (2 bytes).

    E(UDK, 00*6 | ATC) | E(UDK, 00*6 | ATC xor FFFF); with SM4 both in one block.
    """
    return encrypt_ecb(algorithm, _whole("a card key", udk, 16), session_text(atc))


def session_text(atc: Buffer) -> bytes:
    """What is enciphered to the session key."""
    counter = _whole("an ATC", atc, 2)
    return bytes(6) + counter + bytes(6) + xor(counter, b"\xff\xff")


def common_session_key(udk: Buffer, r: Buffer) -> bytes:
    """EMV common session key (book 2 A1.3.1), 3DES: diversified by R with F0 and 0F in its third byte."""
    value = _whole("R", r, 8)
    blocks = b"".join(value[:2] + mark + value[3:] for mark in (b"\xf0", b"\x0f"))
    return encrypt_ecb(Algorithm.TDES, _whole("a card key", udk, 16), blocks)


def cvn01_data(values: Mapping[str, bytes]) -> bytes:
    """The 37 bytes that a cryptogram of version 01 covers, from values by tag in hex (:data:`CVN01`)."""
    return b"".join(_whole(tag, values[tag], n) for tag, n in zip(CVN01, CVN01_LENGTHS, strict=True))


def mac(algorithm: Algorithm, key: Buffer, data: Buffer) -> bytes:
    """8 bytes over ``data``, padded here: the retail MAC, with SM4 the left half of the CBC-MAC; IV 0."""
    padded = pad80(data, algorithm.block)
    if algorithm is Algorithm.TDES:
        return retail_mac(key, bytes(8), padded)
    return cbc_mac(algorithm, key, bytes(algorithm.block), padded)[:8]


def application_cryptogram(algorithm: Algorithm, session: Buffer, data: Buffer) -> bytes:
    """ARQC, TC or AAC, 8 bytes, under the session key for AC."""
    return mac(algorithm, session, data)


def arpc(algorithm: Algorithm, session: Buffer, arqc: Buffer, arc: Buffer) -> bytes:
    """ARPC by method 1: E(session key for AC, ARQC xor (ARC | 00*6)), 8 bytes. The SM4 form has one source."""
    block = xor(_whole("an ARQC", arqc, 8), _whole("an ARC", arc, 2) + bytes(6))
    return encrypt_ecb(algorithm, session, block.ljust(algorithm.block, b"\x00"))[:8]


def script_mac(algorithm: Algorithm, session: Buffer, header: Buffer, atc: Buffer, ac: Buffer, data: Buffer) -> bytes:
    """4 bytes over a script command: header of 5 bytes (Lc counts the MAC), ATC, first cryptogram, command data."""
    whole = _whole("a header", header, 5) + _whole("an ATC", atc, 2) + _whole("a cryptogram", ac, 8) + bytes(data)
    return mac(algorithm, session, whole)[:4]


def iad_mac(algorithm: Algorithm, session: Buffer, atc: Buffer, value: Buffer) -> bytes:
    """The 4 bytes behind the issuer's discretionary value (5 or 10 bytes) in tag 9F10, under the session key for MAC.

    Over ATC | value | 00 to whole blocks of 8 bytes, then padded as every MAC.
    """
    whole = _whole("an ATC", atc, 2) + bytes(value)
    return mac(algorithm, session, whole + bytes(-len(whole) % 8))[:4]


# -- PIN ---------------------------------------------------------------------------------------------------------------


def _digits(pin: str) -> str:
    if not 4 <= len(pin) <= 12 or not (pin.isascii() and pin.isdigit()):
        raise CipherRefused("a PIN has 4 to 12 digits")
    return pin


def _pan12(pan: str) -> bytes:
    """The 12 rightmost digits without the check digit, right justified in 8 bytes (ISO 9564-1, 9.3.2)."""
    if len(pan) < 13 or not (pan.isascii() and pan.isdigit()):
        raise CipherRefused("this PIN block needs the account number, 13 digits at least")
    return bytes.fromhex("0000" + pan[-13:-1])


def pin_block(form: int, pin: str, *, pan: str = "", random: Callable[[int], bytes] | None = None) -> bytes:
    """A clear PIN block of 8 bytes: ``form`` 0 and 3 are bound to the PAN, 2 is for the card (ISO 9564-1, 9.3)."""
    head = f"{form:X}{len(_digits(pin)):X}{pin}"
    if form == 3:
        if random is None:
            raise CipherRefused("a PIN block of format 3 needs random digits")
        fill = "".join(f"{10 + byte % 6:X}" for byte in random(14) if byte < 252)
        while len(fill) < 14:
            fill += "".join(f"{10 + byte % 6:X}" for byte in random(14) if byte < 252)
        return xor(bytes.fromhex((head + fill)[:16]), _pan12(pan))
    block = bytes.fromhex(head.ljust(16, "F"))
    if form == 2:
        return block
    if form != 0:
        raise CipherRefused(f"PIN blocks of format {form} are not made")
    return xor(block, _pan12(pan))


def pin_of_block(form: int, block: Buffer, *, pan: str = "") -> str:
    """The PIN of a clear block; raises :class:`CipherRefused` where it is not one of that format and PAN."""
    clear = _whole("a PIN block", block, 8) if form == 2 else xor(_whole("a PIN block", block, 8), _pan12(pan))
    text = clear.hex().upper()
    length = int(text[1], 16)
    pin, fill = text[2 : 2 + length], text[2 + length :]
    allowed = set("ABCDEF") if form == 3 else set("F")
    if text[0] != f"{form:X}" or not 4 <= length <= 12 or not pin.isdigit() or set(fill) - allowed:
        raise CipherRefused(f"this is no PIN block of format {form} for this account number")
    return pin


def block2_of(form: int, block: Buffer, pan: str, target: memoryview) -> None:
    """Write the PIN of a clear block of format 0, 2 or 3 as a block of format 2, leaving no copy behind.

    Raises :class:`CipherRefused` where it is not one of that format and account number.
    """
    mask = bytes(8) if form == 2 else _pan12(pan)
    if len(block) != 8:
        raise CipherRefused(f"a PIN block has 8 bytes, not {len(block)}")
    length = block[0] & 0x0F
    good = block[0] >> 4 == form and 4 <= length <= 12
    target[0] = 0x20 | length
    for place in range(14):
        at, low = 1 + place // 2, place % 2
        digit = (block[at] ^ mask[at]) >> (0 if low else 4) & 0x0F
        if place >= length:
            good = good and (digit >= 10 if form == 3 else digit == 15)
            digit = 15
        elif digit > 9:
            good = False
        target[at] = target[at] & 0xF0 | digit if low else digit << 4
    if not good:
        target[:] = bytes(8)
        raise CipherRefused(f"this is no PIN block of format {form} for this account number")


def pvv_block(pan: str, pin: Buffer, index: int, target: memoryview) -> None:
    """:func:`pvv_text` of a clear PIN block of format 2, written into ``target``, leaving no copy behind."""
    pin_length(pin)
    target[:] = pvv_text(pan, "0000", index)
    target[6:8] = pin[1:3]


def pin_length(block: Buffer) -> int:
    """How many digits a clear block of format 2 holds; raises :class:`CipherRefused` where it is none."""
    length = block[0] - 0x20 if len(block) == 8 else 0
    if not 4 <= length <= 12:
        raise CipherRefused("this is no PIN block of format 2")
    return length


def pin_digits(block: Buffer, target: memoryview) -> None:
    """Write the digits of a clear block of format 2 as ASCII into ``target``, leaving no copy behind."""
    for place in range(pin_length(block)):
        target[place] = 0x30 + (block[1 + place // 2] >> (0 if place % 2 else 4) & 0x0F)


def pin_change_block(udk: Buffer, new: str, current: str | None = None) -> bytes:
    """The 16 bytes that PIN CHANGE enciphers: 08 | D1 xor D2 (xor the current PIN) | 80 00*6.

    D1 is bytes 5 to 8 of the left half of a card key: of ENC on one PBOC applet, of AC in the VIS form (profile).
    """
    d1 = bytes(4) + bytes(udk[4:8])
    d2 = bytes.fromhex(f"0{len(_digits(new)):X}{new}".ljust(16, "F"))
    block = xor(d1, d2)
    if current is not None:
        block = xor(block, bytes.fromhex(_digits(current).ljust(16, "0")))
    return b"\x08" + block + b"\x80" + bytes(6)


# -- values on the stripe ----------------------------------------------------------------------------------------------


def cvn(key: Buffer, pan: str, expiry: str, service_code: str) -> str:
    """The three digits CVN (CVV) of PAN, expiry YYMM and service code under a pair of single keys, 16 bytes."""
    text = cvn_text(pan, expiry, service_code)
    return cvn_of(retail_mac(_whole("a CVN key", key, 16), bytes(8), text))


def cvn_text(pan: str, expiry: str, service_code: str) -> bytes:
    """What a CVN is computed over, 16 bytes. DES by the left key, then both: that is the retail MAC of two blocks."""
    text = pan + expiry + service_code
    if len(expiry) != 4 or len(service_code) != 3 or not (text.isascii() and text.isdigit()) or len(text) > 32:
        raise CipherRefused("a CVN is computed over a PAN to 19 digits, YYMM and three digits")
    return bytes.fromhex(text.ljust(32, "0"))


def cvn_of(code: bytes) -> str:
    """The three digits of that MAC."""
    return decimalised(code.hex(), 3)


def pvv(key: Buffer, pan: str, pin: str, index: int) -> str:
    """The four digits PVV: 11 PAN digits without check digit | key index | the first four PIN digits, 3DES."""
    return pvv_of(encrypt_ecb(Algorithm.TDES, _whole("a PIN verification key", key, 16), pvv_text(pan, pin, index)))


def pvv_text(pan: str, pin: str, index: int) -> bytes:
    """What is enciphered to a PVV, one block."""
    if not 1 <= index <= 6 or len(pan) < 12:
        raise CipherRefused("a PVV takes a key index 1 to 6 and a PAN of 12 digits at least")
    return bytes.fromhex(pan[-12:-1] + str(index) + _digits(pin)[:4])


def pvv_of(block: bytes) -> str:
    """The four digits of that ciphertext."""
    return decimalised(block.hex(), 4)


def open_pin_block(key: Buffer, form: int, ciphered: Buffer, *, pan: str = "") -> str:
    """The PIN of a 3DES-ciphered block, as a PIN pad gives it under its transport key."""
    return pin_of_block(form, decrypt_ecb(Algorithm.TDES, key, ciphered), pan=pan)
