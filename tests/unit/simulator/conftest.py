"""A station's side of the training chip: enough host code to reach every state, on the functions that vectors prove."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from cardfab.crypto import Algorithm, encrypt_cbc, encrypt_ecb
from cardfab.simulator.chip import TrainingChip, crypt, make_blank, scp02, training_root

ORIGINAL = bytes.fromhex("A1A2A3A4A5A6A7A8")
SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
DF01 = "00A4040006D15600000500"
DEBIT = "00A4040008A000000333010101"


@dataclass
class Host:
    """Sends APDUs in hex, knows the training keys of the chip's region."""

    chip: TrainingChip
    region: str = "440199"
    session: scp02.KeySet | None = None
    icv: bytes = bytes(8)
    level: int = 0
    block: int = field(default=0)

    def raw(self, apdu: bytes) -> tuple[bytes, int]:
        answer = self.chip.transmit(apdu)
        assert len(answer) >= 2
        return answer[:-2], int.from_bytes(answer[-2:])

    def sw(self, apdu: str) -> str:
        return f"{self.raw(bytes.fromhex(apdu))[1]:04X}"

    def ok(self, apdu: str) -> str:
        data, sw = self.raw(bytes.fromhex(apdu))
        assert sw == 0x9000, f"{sw:04X} for {apdu}"
        return data.hex().upper()

    def key(self, label: str) -> bytes:
        return crypt.card_key(self.chip.algorithm, training_root(label), self.region, self.chip.atr[4:])

    def challenge(self, length: int = 8) -> bytes:
        return bytes.fromhex(self.ok(f"00840000{length:02X}"))

    def proof(self, label: str, challenge: bytes) -> bytes:
        session = crypt.session_key(self.chip.algorithm, self.key(label), challenge)
        return crypt.authentication(self.chip.algorithm, session, ORIGINAL) + ORIGINAL

    def authenticate(self, kid: int, label: str) -> str:
        data = self.proof(label, self.challenge())
        return self.sw(f"008200{kid:02X}10" + data.hex())

    def protected(self, header: str, data: str, label: str) -> str:
        """A command with the MAC of the social security card, challenge included."""
        session = crypt.session_key(self.chip.algorithm, self.key(label), self.challenge())
        body = bytes.fromhex(header + f"{len(data) // 2 + 4:02X}" + data)
        return (body + crypt.message_mac(self.chip.algorithm, session, body)).hex()

    def open_channel(self, level: int = 0, kmc: bytes | None = None, key_version: int = 0) -> str:
        host_challenge = bytes.fromhex("0102030405060708")
        answer, sw = self.raw(bytes.fromhex(f"8050{key_version:02X}0008") + host_challenge)
        if sw != 0x9000:
            return f"{sw:04X}"
        keys = scp02.session_keys(scp02.diversified(kmc or training_root("bank/KMC"), answer[:10]), answer[12:14])
        if kmc is None:
            assert scp02.cryptogram(keys.enc, host_challenge, answer[12:20]) == answer[20:]
        body = bytes((0x84, 0x82, level, 0, 16)) + scp02.cryptogram(keys.enc, answer[12:20], host_challenge)
        mac = crypt.retail_mac(keys.mac, bytes(8), body)
        self.session, self.icv, self.level, self.block = keys, mac, level, 0
        return self.sw((body + mac).hex())

    def wrapped(self, apdu: bytes) -> bytes:
        """The command as the open channel wants it."""
        assert self.session is not None
        if not self.level:
            return apdu
        data = apdu[5:]
        head = bytes((apdu[0] | 0x04, *apdu[1:4]))
        icv = encrypt_ecb(Algorithm.DES, self.session.mac[:8], self.icv)
        self.icv = crypt.retail_mac(self.session.mac, icv, head + bytes((len(data) + 8,)) + data)
        if self.level & 2 and data:
            data = encrypt_cbc(Algorithm.TDES, self.session.enc, bytes(8), crypt.padded(data, 8))
        return head + bytes((len(data) + 8,)) + data + self.icv

    def store(self, dgi: int, value: bytes, *, secret: bool = False, last: bool = False) -> str:
        """One grouping, in as many blocks as it needs; the last status word."""
        assert self.session is not None
        if secret:
            value = encrypt_ecb(Algorithm.TDES, self.session.dek, value)
        length = bytes((len(value),)) if len(value) < 255 else b"\xff" + len(value).to_bytes(2)
        stream, answer = dgi.to_bytes(2) + length + value, ""
        while stream:
            part, stream = stream[:200], stream[200:]
            p1 = (0x60 if secret else 0) | (0x80 if last and not stream else 0)
            answer = self.send_block(p1, part)
            if answer != "9000":
                return answer
        return answer

    def send_block(self, p1: int, data: bytes) -> str:
        apdu = bytes((0x80, 0xE2, p1, self.block, len(data))) + data
        answer = self.sw(self.wrapped(apdu).hex())
        self.block += answer == "9000"
        return answer


@pytest.fixture
def host() -> Host:
    """A powered 3DES blank."""
    return powered()


@pytest.fixture
def make_host() -> Callable[..., Host]:
    """Powered blanks with the arguments of ``make_blank``."""
    return powered


def powered(**blank: object) -> Host:
    arguments: dict[str, object] = {"serial": 1, **blank}
    chip = make_blank(**arguments)  # type: ignore[arg-type]
    chip.power_on()
    return Host(chip, str(arguments.get("region", "440199")))
