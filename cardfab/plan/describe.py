"""A plan in words and bytes: every APDU, secrets named and never shown.

The rehearsal runs the very exchanges of the plan on declared answers (no chip, no key): what is printed is what would
be sent, with a name where a chip's challenge or a key decides the bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cardfab.apdu import pki
from cardfab.apdu.dialect import Protection
from cardfab.apdu.message import CommandApdu, ResponseApdu
from cardfab.apdu.status import StatusWord
from cardfab.errors import Text
from cardfab.keys import Sealed
from cardfab.plan.activating import Activate, ExpectClosed, ProveCard
from cardfab.plan.authority import CertificateRequest, Certificates
from cardfab.plan.certifying import (
    Certify,
    ChangeManagerPin,
    ChangeUserPin,
    ImportEncryptionKey,
    ReplacePkiMaster,
    VerifyPki,
    WriteCertificate,
)
from cardfab.plan.channel import SCP03, OpenChannel, Personalise, StoreData
from cardfab.plan.filing import NotReadBack, VerifyPin
from cardfab.plan.making import EndWithMac, ProveMaster, ProveTransport, WriteIdentification, WriteKey
from cardfab.plan.run import Run, SessionKeys, SessionKeys03
from cardfab.plan.steps import Authenticate, Expect, ReadRegion, Step

_OK = StatusWord(0x9000)
_PIN = "ss/PIN"
"""The label of a PIN, of which six digits are assumed; any other label is a key of 16 bytes."""


@dataclass(frozen=True, slots=True)
class DescribedCommand:
    """One APDU of a plan. ``shown`` is hex with ``<names>`` for what is secret or decided by the chip.

    A step that sends nothing has the number 0 and shows nothing.
    """

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


@dataclass(frozen=True, slots=True)
class _NoMasterKey:
    """A master key of a rehearsal; ``block`` of its cipher."""

    block: int

    def answer(self, data: bytes) -> bytes:
        return bytes(self.block)

    def authenticate(self, challenge: bytes, original: bytes) -> bytes:
        return bytes(8)

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        return bytes(4)


@dataclass(frozen=True, slots=True)
class _NoLoadKey:
    """A key to be loaded, as long as the real one: LD and the record in whole blocks of the cipher it goes under."""

    record: int
    block: int

    def clear(self) -> bytes:
        return bytes(self.record)

    def encrypted(self) -> bytes:
        return bytes(-(-(1 + self.record) // self.block) * self.block)

    def mac(self, challenge: bytes, data: bytes) -> bytes:
        return bytes(4)


class _NoPin:
    """The PIN of a blank in a rehearsal, as long as the six digits that are usual."""

    def block(self) -> bytes:
        return bytes(3)


class _NoPkiPin:
    """A PIN of the certificate application in a rehearsal."""

    def proof(self, challenge: bytes) -> bytes:
        return bytes(16)

    def change(self, challenge: bytes, header: bytes) -> bytes:
        return bytes(20)


class _NoAuthority:
    """The authority of a rehearsal: nobody asks it, and nothing it would say is believed."""

    def certify(self, request: CertificateRequest) -> Certificates:
        return _CERTIFICATES

    def chain(self) -> tuple[bytes, ...]:
        return ()

    def revoke(self, serials: Sequence[int]) -> None:
        pass


_CERTIFICATES = Certificates(bytes(600), bytes(600), bytes(pki.POINT), bytes(pki.ENVELOPE), bytes(32))
"""As long as certificates usually are: how many commands one takes is only known when it is there."""


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


class _NoSession03:
    """The same for SCP03; a secret fills whole blocks of AES."""

    def cryptogram(self, constant: int, context: bytes, length: int) -> bytes:
        return bytes(length)

    def cmac(self, data: bytes) -> bytes:
        return bytes(16)

    def rmac(self, data: bytes) -> bytes:
        return bytes(16)

    def encrypt(self, counter: bytes, data: bytes) -> bytes:
        return data

    def decrypt(self, counter: bytes, data: bytes) -> bytes:
        return data

    def rewrap(self, sealed: Sealed) -> bytes:
        return bytes(-(-sealed.length // 16) * 16)


class _NoChannel:
    def open(self, key_data: bytes, kvn: int, sequence: bytes) -> SessionKeys:
        return _NoSession()


class _NoChannel03:
    def open(self, key_data: bytes, kvn: int, context: bytes) -> SessionKeys03:
        return _NoSession03()


def _block(label: str | None) -> int:
    """Of the cipher of a key, which its label names where it is not 3DES."""
    return 16 if label is not None and ("/SM4/" in label or label.startswith("ss/PKI/")) else 8


class _NoKeys:
    """The key store of a rehearsal."""

    def master_key(self, label: str, region: str, historical: bytes) -> _NoMasterKey:
        return _NoMasterKey(_block(label))

    def load_key(
        self, label: str, region: str, historical: bytes, *, under: str | None, header: bytes, fill: int
    ) -> _NoLoadKey:
        length = 3 if label == _PIN else 16
        return _NoLoadKey(len(header) + max(fill, length), _block(under))

    def card_key(self, label: str, region: str, historical: bytes) -> _NoCardKey:
        return _NoCardKey()

    def pki_pin(self, label: str, region: str, historical: bytes, *, new: str | None = None) -> _NoPkiPin:
        return _NoPkiPin()

    def first_pin(self, label: str) -> _NoPin:
        return _NoPin()

    def channel(self, label: str, diversification: str | None = None) -> _NoChannel:
        return _NoChannel()

    def channel03(self, label: str, diversification: str | None = None) -> _NoChannel03:
        return _NoChannel03()


def describe(steps: Sequence[Step]) -> Iterator[DescribedCommand]:
    """Every APDU of the steps, in order."""
    run = Run(_NoKeys(), bytes(13), bytes, ca=_NoAuthority(), certificates=_CERTIFICATES)
    number = 0
    for step in steps:
        if isinstance(step, NotReadBack):
            yield DescribedCommand(0, step.title, step.title.en, "")
            continue
        exchange = pki.read_public_key(step.signing_public) if isinstance(step, Certify) else step.exchange(run)
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
    if isinstance(step, ExpectClosed):
        return ResponseApdu(b"", StatusWord(0x6982))
    if isinstance(step, ProveCard):
        return ResponseApdu(bytes(8), _OK)
    if command.ins == 0xB0 and command.ne == 2 + pki.POINT:
        return ResponseApdu(bytes((0, pki.POINT)) + bytes(pki.POINT), _OK)
    if command.ins in (0xB0, 0x4E):
        return ResponseApdu(bytes(16 if command.ins == 0x4E else command.ne or 0), _OK)
    if isinstance(step, ReadRegion):
        return ResponseApdu(b"\x01\x10" + bytes.fromhex(step.required or "000000") + bytes(13), _OK)
    if command.ins == 0x84:
        return ResponseApdu(bytes(command.ne or 8), _OK)
    if command.ins == 0x50:
        newer = isinstance(step, OpenChannel) and step.protocol == SCP03
        return ResponseApdu(bytes(11) + (b"\x03\x00" if newer else b"\x02") + bytes(16), _OK)
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
        version = f" {data[16:].hex().upper()}" if session and len(data) > 16 else ""
        return f"{proof} <challenge of the chip, 8 bytes>{version}" if session else proof
    if isinstance(step, OpenChannel):
        return "<host challenge, 8 bytes>" if command.ins == 0x50 else "<host cryptogram, 8 bytes> <C-MAC, 8 bytes>"
    if isinstance(step, StoreData):
        return _stored(step, command, run)
    if isinstance(step, Personalise) and run.open_channel().level:
        return data[:-8].hex().upper() + " <C-MAC, 8 bytes>"
    if isinstance(step, WriteKey) and data:
        return _loaded(step, len(data))
    if isinstance(step, Activate) and step.key is not None:
        return f"<the key {step.key} in clear, {len(data)} bytes>"
    if isinstance(step, ProveCard):
        return f"<two random numbers, 16 bytes>{' ' + data[16:].hex().upper() if data[16:] else ''}"
    if isinstance(step, VerifyPin):
        return f"<the PIN {step.label}, {len(data)} bytes>"
    if isinstance(step, VerifyPki | ChangeManagerPin | ChangeUserPin | ReplacePkiMaster) and data:
        return _pki_right(command)
    if isinstance(step, ImportEncryptionKey) and data and command.ins != 0xA4:
        return f"<{command.title}, {len(data)} bytes>"
    if isinstance(step, WriteCertificate) and command.ins == 0xD6:
        return f"<{len(data)} bytes of the certificate>"
    if isinstance(step, EndWithMac) and data:
        return "<MAC, 4 bytes>"
    if isinstance(step, WriteIdentification):
        return f"<card identification code, {len(data)} bytes>"
    return data.hex().upper()


def _pki_right(command: CommandApdu) -> str:
    """A proof over a challenge, or a PIN or key that is replaced."""
    length = len(command.data)
    if command.ins in (0x20, 0x82):
        return f"<proof over the challenge, {length} bytes>"
    return f"<{command.title}, {length - 4} bytes> <MAC, 4 bytes>"


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
    sealed = {one.dgi: one.value for one in step.groupings}
    shown: list[str] = []
    for name in command.title.removeprefix("STORE DATA ").split(", "):
        value, length = sealed.get(name), data[2] if len(data) > 2 else 0
        if not isinstance(value, Sealed) or data[:2].hex().upper() != name:
            shown.append(f"<{len(data)} bytes of a secret>")
            break
        shown.append(f"{data[:3].hex().upper()} <{value.meaning}, {length} bytes under S-DEK>")
        data = data[3 + length :]
    return " ".join(shown) + mac
