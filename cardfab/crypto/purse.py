"""MACs and TACs of the medical account, as pure functions over the raw card key (LD/T 32 part 7, 11, 12 and 15).

``key`` is the key as it lies on the card (3DES, SM4: 16 bytes). No header is covered (part 4, 8.2.4); data is padded
80 00.., IV 0, under a session key of part 4, 8.4. Amounts are whole fen (0.01 yuan), 4 bytes. All functions give 4
bytes and raise :class:`cardfab.crypto.CipherRefused` for parts of the wrong length.
"""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.crypto.cipher import Algorithm, Buffer, CipherRefused, xor
from cardfab.crypto.line import left4, session_cipher, session_key
from cardfab.crypto.mac import cbc_mac, pad80

LOAD, PURCHASE = b"1", b"2"
"""交易类型 is a field an 1: taken as the ASCII digit, in the log and in the MACs. The specification does not say so."""


def _fixed(name: str, data: Buffer, length: int) -> bytes:
    if len(data) != length:
        raise CipherRefused(f"{name} has {length} bytes, not {len(data)}")
    return bytes(data)


def _number(name: str, value: int, length: int) -> bytes:
    if not 0 <= value < 1 << 8 * length:
        raise CipherRefused(f"{name} takes {length} bytes, {value} does not fit")
    return value.to_bytes(length, "big")


@dataclass(frozen=True, slots=True)
class Load:
    """One load as card and host see it. ``balance`` is the account before it; ``sequence`` the counter before it.

    ``random`` 4 bytes of the card; ``terminal`` 6 bytes (cn); ``time`` 7 bytes (cn, yyyymmddhhmmss) of the host.
    """

    balance: int
    amount: int
    sequence: int
    random: bytes
    terminal: bytes
    time: bytes = bytes(7)


@dataclass(frozen=True, slots=True)
class Purchase:
    """One purchase: from the account, paid by the holder, paid by the pooled fund. ``sequence`` the counter before it.

    ``random`` 4 bytes of the card; ``terminal`` 6 and ``time`` 7 bytes (cn); ``terminal_sequence`` 0 to FFFFFFFF.
    """

    account: int
    own: int
    pooled: int
    sequence: int
    random: bytes
    terminal: bytes
    terminal_sequence: int
    time: bytes


def _mac(algorithm: Algorithm, session: Buffer, data: bytes) -> bytes:
    cipher = session_cipher(algorithm)
    return left4(cbc_mac(cipher, session, bytes(cipher.block), pad80(data, cipher.block)))


def _tail(load: Load) -> bytes:
    return LOAD + _fixed("a terminal number", load.terminal, 6)


def _load_session(algorithm: Algorithm, key: Buffer, load: Load) -> bytes:
    """Part 7, 11.2: random | sequence | 8000."""
    data = _fixed("the card's random number", load.random, 4) + _number("a sequence", load.sequence, 2) + b"\x80\x00"
    return session_key(algorithm, key, data)


def load_mac1(algorithm: Algorithm, key: Buffer, load: Load) -> bytes:
    """DLK; what proves the card to the host: balance, amount, type, terminal. Part 7, 11.2."""
    data = _number("a balance", load.balance, 4) + _number("an amount", load.amount, 4) + _tail(load)
    return _mac(algorithm, _load_session(algorithm, key, load), data)


def load_mac2(algorithm: Algorithm, key: Buffer, load: Load) -> bytes:
    """DLK; what proves the host to the card: amount, type, terminal, time. Part 7, 11.5."""
    data = _number("an amount", load.amount, 4) + _tail(load) + _fixed("a time", load.time, 7)
    return _mac(algorithm, _load_session(algorithm, key, load), data)


def _amounts(purchase: Purchase) -> bytes:
    return b"".join(_number("an amount", value, 4) for value in (purchase.account, purchase.own, purchase.pooled))


def _purchase_session(algorithm: Algorithm, key: Buffer, purchase: Purchase) -> bytes:
    """Part 7, 12.2: random | sequence | the last two bytes of the terminal's sequence."""
    random = _fixed("the card's random number", purchase.random, 4)
    last = _number("a terminal sequence", purchase.terminal_sequence, 4)[2:]
    return session_key(algorithm, key, random + _number("a sequence", purchase.sequence, 2) + last)


def purchase_mac1(algorithm: Algorithm, key: Buffer, purchase: Purchase) -> bytes:
    """DPK; what proves the terminal to the card: the three amounts, type, terminal, time. Part 7, 12.3."""
    terminal, time = _fixed("a terminal number", purchase.terminal, 6), _fixed("a time", purchase.time, 7)
    data = _amounts(purchase) + PURCHASE + terminal + time
    return _mac(algorithm, _purchase_session(algorithm, key, purchase), data)


def purchase_mac2(algorithm: Algorithm, key: Buffer, purchase: Purchase) -> bytes:
    """DPK; what proves to the terminal that the card has paid: the three amounts. Part 7, 12.6."""
    return _mac(algorithm, _purchase_session(algorithm, key, purchase), _amounts(purchase))


def _tac_key(algorithm: Algorithm, key: Buffer) -> bytes:
    """Part 7, 15: no session; by 8-byte ciphers the XOR of both halves, by 16-byte ones the key itself."""
    if algorithm.block != 8 or len(key) == 8:
        return bytes(key)
    return xor(key[:8], key[8:16])


def tac(algorithm: Algorithm, key: Buffer, transaction: Load | Purchase) -> bytes:
    """DTK; the certificate of a transaction for the host.

    Of a load: balance, sequence, amount, type, terminal, time (part 7, 11.8), over the balance *after* it, which the
    text leaves open. Of a purchase: the amounts, type, terminal, terminal sequence, time (12.6).
    """
    terminal, time = _fixed("a terminal number", transaction.terminal, 6), _fixed("a time", transaction.time, 7)
    if isinstance(transaction, Load):
        data = _number("a balance", transaction.balance + transaction.amount, 4)
        data += _number("a sequence", transaction.sequence, 2) + _number("an amount", transaction.amount, 4)
        data += LOAD + terminal + time
    else:
        number = _number("a terminal sequence", transaction.terminal_sequence, 4)
        data = _amounts(transaction) + PURCHASE + terminal + number + time
    return _mac(algorithm, _tac_key(algorithm, key), data)
