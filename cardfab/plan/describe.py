"""A plan in words and bytes: every APDU, secrets named and never shown.

The rehearsal runs the very exchanges of the plan on declared answers (no chip, no key): what is printed is what would
be sent, with a name where a chip's challenge or a key decides the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cardfab.apdu.dialect import Protection
from cardfab.apdu.message import CommandApdu, ResponseApdu
from cardfab.apdu.status import StatusWord
from cardfab.errors import Text
from cardfab.keys import Sealed
from cardfab.plan.making import ProveMaster, ProveTransport, WriteIdentification, WriteKey
from cardfab.plan.run import Run, SessionKeys
from cardfab.plan.steps import Authenticate, Expect, OpenChannel, ReadRegion, Step, StoreData

_OK = StatusWord(0x9000)


@dataclass(frozen=True, slots=True)
class DescribedCommand:
    """One APDU of a plan. ``shown`` is hex with ``<names>`` for what is secret or decided by the chip."""

    number: int
    step: Text
    command: str
    shown: str


class _NoCardKey:
    """A card key of a rehearsal: its results are zeros and are never shown."""

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        return bytes(8)

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        return bytes(4)

    def encrypt(self, challenge: bytes, plain: bytes) -> bytes:
        return plain

    def answer(self, data: bytes) -> bytes:
        return bytes(len(data))


class _NoMasterKey:
    """A master key of a rehearsal."""

    def answer(self, data: bytes) -> bytes:
        return bytes(len(data))

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        return bytes(8)


@dataclass(frozen=True, slots=True)
class _NoLoadKey:
    """A key to be loaded, as long as the real one: a value of 16 bytes, LD and the record in whole blocks."""

    record: int
    block: int

    def clear(self) -> bytes:
        return bytes(self.record)

    def encrypted(self) -> bytes:
        return bytes(-(-(1 + self.record) // self.block) * self.block)

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        return bytes(4)


class _NoSession:
    """Channel keys of a rehearsal; the declared card cryptogram is zeros too, so that the handshake goes on."""

    def cryptogram(self, data: bytes) -> bytes:
        return bytes(8)

    def cmac(self, icv: bytes, data: bytes) -> bytes:
        return bytes(8)

    def encrypt_icv(self, icv: bytes) -> bytes:
        return bytes(8)

    def encrypt(self, data: bytes) -> bytes:
        return data

    def rewrap(self, sealed: Sealed) -> bytes:
        return bytes(sealed.length)


class _NoChannel:
    def open(self, key_data: bytes, kvn: int, sequence: bytes) -> SessionKeys:
        return _NoSession()


@dataclass(frozen=True, slots=True)
class _NoKeys:
    """The key store of a rehearsal; ``block`` of the cipher that keys are loaded under."""

    block: int

    def master_key(self, label: str, region: str, historical: bytes) -> _NoMasterKey:
        return _NoMasterKey()

    def load_key(
        self, label: str, region: str, historical: bytes, *, under: str | None, header: bytes, fill: int
    ) -> _NoLoadKey:
        return _NoLoadKey(len(header) + max(fill, 16), self.block)

    def card_key(self, label: str, region: str, historical: bytes) -> _NoCardKey:
        return _NoCardKey()

    def channel(self, label: str) -> _NoChannel:
        return _NoChannel()


def describe(steps: Sequence[Step]) -> Iterator[DescribedCommand]:
    """Every APDU of the steps, in order."""
    block = next((step.block for step in steps if isinstance(step, WriteKey)), 8)
    run = Run(_NoKeys(block), bytes(13), bytes)
    number = 0
    for step in steps:
        exchange = step.exchange(run)
        try:
            command = next(exchange)
            while True:
                number += 1
                yield DescribedCommand(number, step.title, command.title, _shown(step, command, run))
                command = exchange.send(_declared(step, command))
        except StopIteration:
            continue


def _declared(step: Step, command: CommandApdu) -> ResponseApdu:
    """The answer that a rehearsal assumes: the one that lets the step go on."""
    if isinstance(step, Expect):
        return ResponseApdu(step.expected, _OK)
    if isinstance(step, ReadRegion):
        return ResponseApdu(b"\x01\x10" + bytes.fromhex(step.required or "000000") + bytes(13), _OK)
    if command.ins == 0x84:
        return ResponseApdu(bytes(command.ne or 8), _OK)
    if command.ins == 0x50:
        return ResponseApdu(bytes(11) + b"\x02" + bytes(16), _OK)
    return ResponseApdu(b"", _OK)


def _shown(step: Step, command: CommandApdu, run: Run) -> str:
    head = command.header.hex().upper()
    lc = f"{len(command.data):02X}" if command.data else ""
    tail = "" if command.ne is None else f"{command.ne & 0xFF:02X}"
    body = _body(step, command, run)
    return " ".join(part for part in (head, lc, body, tail) if part)


def _body(step: Step, command: CommandApdu, run: Run) -> str:
    data = command.data
    if isinstance(step, Authenticate | ProveMaster | ProveTransport) and data:
        session = not isinstance(step, ProveTransport) and step.command is None
        proof = f"<proof of {step.label}, {8 if session else len(data)} bytes>"
        return f"{proof} <challenge of the chip, 8 bytes>" if session else proof
    if isinstance(step, OpenChannel):
        return "<host challenge, 8 bytes>" if command.ins == 0x50 else "<host cryptogram, 8 bytes> <C-MAC, 8 bytes>"
    if isinstance(step, StoreData):
        return _stored(step, command, run)
    if isinstance(step, WriteKey) and data:
        return _loaded(step, len(data))
    if isinstance(step, WriteIdentification):
        return f"<card identification code, {len(data)} bytes>"
    return data.hex().upper()


def _loaded(step: WriteKey, length: int) -> str:
    if step.protection is Protection.PLAIN:
        return f"<the key {step.label} in clear, {length} bytes>"
    mac = step.protection is Protection.ENCRYPTED_MAC
    shown = f"<the key {step.label} under {step.under}, {length - 4 * mac} bytes>"
    return f"{shown} <MAC, 4 bytes>" if mac else shown


def _stored(step: StoreData, command: CommandApdu, run: Run) -> str:
    level = run.open_channel().level
    data, mac = (command.data, "") if level == 0 else (command.data[:-8], " <C-MAC, 8 bytes>")
    if level == 3:
        return f"<{len(data)} bytes under S-ENC: {command.title}>{mac}"
    if command.p1 & 0x60 != 0x60:
        return data.hex().upper() + mac
    grouping = next((one for one in step.groupings if bytes.fromhex(one.dgi) == data[:2]), None)
    if grouping is None or not isinstance(grouping.value, Sealed):
        return f"<{len(data)} bytes of a secret>{mac}"
    return f"{data[:3].hex().upper()} <{grouping.value.meaning}, {len(data) - 3} bytes under S-DEK>{mac}"
