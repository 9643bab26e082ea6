"""Issuer scripts: block, unblock, PIN, PUT DATA, UPDATE RECORD, each under a MAC. Facts: issuer_script.

The MAC is over the header, the ATC, the first cryptogram of the transaction and the data; the commands do not chain.
"""

from __future__ import annotations

from collections.abc import Callable

from cardfab.crypto import Algorithm, same
from cardfab.simulator.chip import groupings, paylog, tlv, word
from cardfab.simulator.chip.carddata import BLOCKED, HISTORY, CardData, Changes, decimal
from cardfab.simulator.chip.crypt import exclusive_or
from cardfab.simulator.chip.cryptogram import Session
from cardfab.simulator.chip.message import Command, expect
from cardfab.simulator.chip.risk import PIN_BLOCKED
from cardfab.simulator.chip.transaction import Transaction

COMMANDS = frozenset({0x16, 0x18, 0x1E, 0x24, 0xDA, 0xDC})
CLASSES = frozenset({0x04, 0x84})
PUT = frozenset((0x9F53, 0x9F54, 0x9F58, 0x9F59, 0x9F5C, 0x9F6B, 0x9F6D, 0x9F72, 0x9F73, 0x9F75, 0x9F77, 0x9F78))
PUT |= {0x9F79, 0xDF61, 0xDF62, 0xDF72, 0xDF76, 0xDF77, 0xDF78, 0xDF79}
LIMIT_OF = {0x9F79: 0x9F77, 0xDF79: 0xDF77}
AMOUNTS = frozenset(tag for tag in PUT if groupings.LENGTHS[tag] == 6)
PIN_CHANGE_KEY = "os/pin-change-key"
"""Which card key gives D1 of a PIN change: ENC, or AC where this cell says so (quirk ``pin_change_key``)."""
KEY_PLACE = {b"AC": 0, b"ENC": 32}


def opened(session: Session, tx: Transaction, command: Command) -> Command:
    """The command without its MAC; raises 6987 where it has none, 6988 where it is wrong."""
    expect(len(command.data) >= 4, word.MAC_MISSING)
    body, mac = command.data[:-4], command.data[-4:]
    right = session.mac(command.header(len(command.data)) + session.atc + tx.cryptogram + body)
    expect(same(right, mac), word.MAC_WRONG)
    return command.plain(body)


def changes(data: CardData, session: Session, tx: Transaction, command: Command) -> Changes:
    """What a command without its MAC does; raises :class:`Refused`."""
    handler: dict[int, Callable[[], Changes]] = {
        0x16: lambda: _plain(command, {"blocked/card": b"\x01"}),
        0x18: lambda: _plain(command, _unblocked(data)),
        0x1E: lambda: _plain(command, {data.kept_cell(BLOCKED): b"\x01"}),
        0x24: lambda: _pin(data, session, command),
        0xDA: lambda: _put(data, tx, command),
        0xDC: lambda: _record(data, command),
    }
    return handler[command.ins]()


def _plain(command: Command, changed: Changes) -> Changes:
    expect(command.p1p2 == 0, word.WRONG_P1P2)
    expect(not command.data, word.WRONG_LENGTH)
    return changed


def _unblocked(data: CardData) -> Changes:
    one, two = data.history
    return {data.kept_cell(BLOCKED): None, data.kept_cell(HISTORY): bytes((one & ~PIN_BLOCKED, two))}


def _pin(data: CardData, session: Session, command: Command) -> Changes:
    """00 unblock; 01 change with the current PIN, 02 without: 08 | D1 xor D2 [xor PIN] | 80 00.., enciphered."""
    expect(command.p1 == 0 and command.p2 <= 2, word.WRONG_P1P2)
    expect(data.has_pin, word.CONDITIONS)
    tries: Changes = {f"{data.cell}/pin/left": data.memory.read(f"{data.cell}/pin/limit")}
    if command.p2 == 0:
        expect(not command.data, word.WRONG_LENGTH)
        return tries
    expect(len(command.data) == 16, word.WRONG_LENGTH)
    plain = session.revealed(command.data)
    expect(plain[0] == 8 and plain[9:] == b"\x80" + bytes(6), word.WRONG_DATA)
    keys = data.dgi(groupings.SM_KEYS if session.algorithm is Algorithm.SM4 else groupings.KEYS)
    at = KEY_PLACE[data.memory.read(PIN_CHANGE_KEY, b"ENC")]
    block = exclusive_or(plain[1:9], bytes(4) + keys[at + 4 : at + 8])
    if command.p2 == 1:
        block = exclusive_or(block, _digits(data.dgi(groupings.PIN)))
    expect(block[0] >> 4 == 0, word.WRONG_DATA)
    new = bytes((0x20 | block[0],)) + block[1:]
    groupings.check(groupings.PIN, new, {})
    places = [dgi for dgi in (groupings.PIN, 0x8011) if data.loaded(dgi)]
    return tries | {f"{data.cell}/dgi/{dgi:04X}": new for dgi in places}


def _digits(block: bytes) -> bytes:
    """The PIN of a block, left aligned, filled with 0."""
    return bytes.fromhex(block.hex()[2 : 2 + (block[0] & 0x0F)].ljust(16, "0"))


def _put(data: CardData, tx: Transaction, command: Command) -> Changes:
    """A data object of those that may change; 9F79 not above 9F77, and with a record in the load log."""
    tag = command.p1p2
    expect(tag in PUT and data.has(tag), word.NOT_FOUND)
    expect(len(command.data) == groupings.LENGTHS[tag], word.WRONG_LENGTH)
    changed: Changes = {data.tag_cell(tag): command.data}
    if tag in AMOUNTS:
        expect(command.data.hex().isdecimal(), word.WRONG_DATA)
    if tag in LIMIT_OF:
        expect(decimal(command.data) <= data.amount(LIMIT_OF[tag]), word.WRONG_DATA)
    if tag == 0x9F79:
        known = {**tx.values, 0x9F36: data.atc}
        changed |= paylog.loaded(data, known, data.amount(tag), decimal(command.data))
    return changed


def _record(data: CardData, command: Command) -> Changes:
    """A record that was loaded, anew: P1 its number, P2 SFI << 3 | 4."""
    expect(command.p2 & 0x07 == 4 and command.p1 != 0, word.WRONG_P1P2)
    dgi = (command.p2 >> 3) << 8 | command.p1
    expect(groupings.is_record(dgi) and data.loaded(dgi), word.RECORD_NOT_FOUND)
    groupings.check(dgi, command.data, {})
    if dgi >> 8 <= 10:
        expect(0x9F69 not in dict(tlv.deep(command.data)), word.WRONG_DATA)  # the card's own to give
    return {f"{data.cell}/dgi/{dgi:04X}": command.data}


def remembered(data: CardData, tx: Transaction, *, failed: bool, changed: Changes) -> Changes:
    """The changes, and in CVR byte 3 of the next transaction that it failed, or came after the second cryptogram."""
    one, two = data.history
    cell = data.kept_cell(HISTORY)
    if cell in changed:
        one, two = changed[cell] or bytes(2)
    count = min((two >> 4) + (tx.asked == 2), 15)
    kept = bytes((one, count << 4 | two & 0x0F | failed << 3))
    return {**changed, cell: kept} if kept != data.history else changed
