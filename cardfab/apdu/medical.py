"""The medical account of a social security card: its commands, and their answers parsed (LD/T 32 part 5, 7).

Amounts are whole fen (0.01 yuan), 4 bytes; counters 2 bytes; a terminal number 6 bytes and a time 7 bytes as cn
(yyyymmddhhmmss). A card in the wrong state answers 6901 and is idle again (part 5, table 49).
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from cardfab.apdu.link import CardAnswerMalformed
from cardfab.apdu.message import ApduMalformed, CommandApdu, ResponseApdu

CLA = 0xB0
ALGORITHMS = {0x01: "3DES", 0x02: "SSF33", 0x03: "SM4"}
"""The algorithm byte of answers and of the FCI (LD/T 32 part 5, table 36)."""


class Kind(enum.Enum):
    """交易类型 as the log and GET TRANSACTION PROOF name it."""

    LOAD = 0x31
    PURCHASE = 0x32


class Account(enum.IntEnum):
    """P2 of GET BALANCE: the account, the year's total paid by the holder, and by the pooled fund."""

    CIA = 1
    SPIP = 2
    SPFP = 3


def amount(fen: int) -> bytes:
    """4 bytes; raises :class:`ApduMalformed`."""
    if not 0 <= fen <= 0xFFFFFFFF:
        raise ApduMalformed(f"an amount of {fen} fen does not fit four bytes", f"金额 {fen} 分超出四字节")
    return fen.to_bytes(4, "big")


def terminal_number(digits: str) -> bytes:
    """6 bytes of 12 digits; raises :class:`ApduMalformed`."""
    if len(digits) != 12 or not (digits.isascii() and digits.isdigit()):
        raise ApduMalformed("a terminal number has 12 digits", "终端机编号应为 12 位数字")
    return bytes.fromhex(digits)


def time_of(moment: datetime) -> bytes:
    """7 bytes, yyyymmddhhmmss."""
    return bytes.fromhex(f"{moment:%Y%m%d%H%M%S}")


def _counter(value: int, length: int) -> bytes:
    if not 0 <= value < 1 << 8 * length:
        raise ApduMalformed(f"{value} does not fit {length} bytes", f"{value} 超出 {length} 字节")
    return value.to_bytes(length, "big")


def _index(version: int) -> bytes:
    if version not in (1, 2, 3):
        raise ApduMalformed(f"a key index is 1, 2 or 3, not {version}", f"密钥索引号应为 1 至 3，而不是 {version}")
    return bytes([version])


def _fixed(name: str, data: bytes, length: int) -> bytes:
    if len(data) != length:
        raise ApduMalformed(f"{name} has {length} bytes, not {len(data)}", f"{name} 应为 {length} 字节")
    return data


def init_load(fen: int, terminal: bytes, *, version: int = 1) -> CommandApdu:
    """INITIALIZE FOR LOAD (7.5): key index, amount, terminal number."""
    data = _index(version) + amount(fen) + _fixed("terminal number", terminal, 6)
    return CommandApdu(CLA, 0x28, 0x00, 0x01, data, 0x10, name="INITIALIZE FOR LOAD")


def credit_load(time: bytes, mac2: bytes) -> CommandApdu:
    """CREDIT FOR LOAD (7.1): the host's time and MAC2."""
    data = _fixed("time", time, 7) + _fixed("MAC2", mac2, 4)
    return CommandApdu(CLA, 0x2A, 0x00, 0x00, data, 0x04, name="CREDIT FOR LOAD")


def init_purchase(account: int, own: int, pooled: int, terminal: bytes, *, version: int = 1) -> CommandApdu:
    """INITIALIZE FOR PURCHASE (7.6): key index, the three amounts, terminal number."""
    amounts = amount(account) + amount(own) + amount(pooled)
    data = _index(version) + amounts + _fixed("terminal number", terminal, 6)
    return CommandApdu(CLA, 0x28, 0x01, 0x01, data, 0x16, name="INITIALIZE FOR PURCHASE")


def debit(terminal_sequence: int, time: bytes, mac1: bytes) -> CommandApdu:
    """DEBIT FOR PURCHASE (7.2): the terminal's sequence, time and MAC1."""
    data = _counter(terminal_sequence, 4) + _fixed("time", time, 7) + _fixed("MAC1", mac1, 4)
    return CommandApdu(CLA, 0x2C, 0x01, 0x00, data, 0x08, name="DEBIT FOR PURCHASE")


def get_balance(account: Account) -> CommandApdu:
    """GET BALANCE (7.3): 4 bytes of the account; of the year's totals 4 bytes and the year."""
    ne = 4 if account is Account.CIA else 6
    return CommandApdu(CLA, 0x26, 0x00, account, b"", ne, secret=True, name=f"GET BALANCE {account.name}")


def get_proof(kind: Kind, sequence: int) -> CommandApdu:
    """GET TRANSACTION PROOF (7.4) of the transaction with that counter."""
    return CommandApdu(CLA, 0x2E, 0x00, kind.value, _counter(sequence, 2), 8, name="GET TRANSACTION PROOF")


def set_start_day(month_day: str) -> CommandApdu:
    """UPDATE STARTING DAY (7.7), four digits mmdd; the card wants DSK proved."""
    if len(month_day) != 4 or not (month_day.isascii() and month_day.isdigit()):
        raise ApduMalformed("the starting day is four digits, mmdd", "年度起始日期应为四位数字 mmdd")
    return CommandApdu(CLA, 0x56, 0x00, 0x00, bytes.fromhex(month_day), name="UPDATE STARTING DAY")


def get_start_day() -> CommandApdu:
    """GET STARTING DAY (7.8)."""
    return CommandApdu(CLA, 0x56, 0x01, 0x00, b"", 2, name="GET STARTING DAY")


def _answer(command: CommandApdu, response: ResponseApdu) -> bytes:
    if len(response.data) != command.ne:
        n = len(response.data)
        raise CardAnswerMalformed(command.title, f"{n} bytes instead of {command.ne}", f"{n} 字节，应为 {command.ne}")
    return response.data


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


@dataclass(frozen=True, slots=True)
class LoadOffer:
    """What INITIALIZE FOR LOAD answers (table 67). ``sequence`` is the counter before the load."""

    balance: int
    sequence: int
    version: int
    algorithm: int
    random: bytes
    mac1: bytes

    @classmethod
    def parse(cls, command: CommandApdu, response: ResponseApdu) -> LoadOffer:
        """Raises :class:`CardAnswerMalformed`."""
        raw = _answer(command, response)
        return cls(_number(raw[:4]), _number(raw[4:6]), raw[6], raw[7], raw[8:12], raw[12:])


@dataclass(frozen=True, slots=True)
class PurchaseOffer:
    """What INITIALIZE FOR PURCHASE answers (table 71): the account, the year's totals, the counter before it."""

    balance: int
    own: int
    pooled: int
    year: str
    sequence: int
    version: int
    algorithm: int
    random: bytes

    @classmethod
    def parse(cls, command: CommandApdu, response: ResponseApdu) -> PurchaseOffer:
        """Raises :class:`CardAnswerMalformed`."""
        raw = _answer(command, response)
        balance, own, pooled = (_number(raw[at : at + 4]) for at in (0, 4, 8))
        return cls(balance, own, pooled, raw[12:14].hex(), _number(raw[14:16]), raw[16], raw[17], raw[18:])


@dataclass(frozen=True, slots=True)
class Proof:
    """A TAC with its MAC: of DEBIT FOR PURCHASE (table 56) or GET TRANSACTION PROOF (table 63)."""

    mac: bytes
    tac: bytes

    @classmethod
    def of_debit(cls, command: CommandApdu, response: ResponseApdu) -> Proof:
        """TAC, then MAC2. Raises :class:`CardAnswerMalformed`."""
        raw = _answer(command, response)
        return cls(mac=raw[4:], tac=raw[:4])

    @classmethod
    def kept(cls, command: CommandApdu, response: ResponseApdu) -> Proof:
        """MAC, then TAC. Raises :class:`CardAnswerMalformed`."""
        raw = _answer(command, response)
        return cls(mac=raw[:4], tac=raw[4:])


def tac_of_credit(command: CommandApdu, response: ResponseApdu) -> bytes:
    """4 bytes (table 52)."""
    return _answer(command, response)


def balance_of(command: CommandApdu, response: ResponseApdu) -> tuple[int, str]:
    """Fen, and the year of a year's total, empty for the account (table 59)."""
    raw = _answer(command, response)
    return _number(raw[:4]), raw[4:].hex()


def start_day_of(command: CommandApdu, response: ResponseApdu) -> str:
    """``mmdd`` (table 77)."""
    return _answer(command, response).hex()
