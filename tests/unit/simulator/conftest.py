"""A station's side of the training chip: enough host code to reach every state, on the functions that vectors prove."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from cardfab.crypto import Algorithm, cmac, decrypt_cbc, encrypt_cbc, encrypt_ecb
from cardfab.simulator.chip import Profile, TrainingChip, crypt, make_blank, make_card, scp02, scp03, training_root
from cardfab.simulator.chip.profiles import published_key

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
        """A key of the card by its label; SM4 cards have roots of their own."""
        label = label.replace("ss/", "ss/SM4/", 1) if self.chip.algorithm is Algorithm.SM4 else label
        return crypt.card_key(self.chip.algorithm, training_root(label), self.region, self.chip.atr[4:])

    def challenge(self, length: int = 8) -> bytes:
        return bytes.fromhex(self.ok(f"00840000{length:02X}"))

    def proof(self, label: str, challenge: bytes) -> bytes:
        session = crypt.session_key(self.chip.algorithm, self.key(label), challenge)
        return crypt.authentication(self.chip.algorithm, session, ORIGINAL) + ORIGINAL

    def authenticate(self, kid: int, label: str, version: int = 1) -> str:
        """EXTERNAL AUTHENTICATE with a key of the label, which says its version where that is not 1."""
        if version == 1:
            return self.sw(f"008200{kid:02X}10" + self.proof(label, self.challenge()).hex())
        proof = self.proof(f"{label}/v{version}", self.challenge())
        return self.sw(f"008200{kid:02X}11" + proof.hex() + f"{version:02X}")

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


@dataclass
class Station:
    """A host for cards of any profile: opens channels, protects commands, checks and opens answers."""

    chip: TrainingChip
    level: int = 0
    session: scp03.Session | None = None
    keys: scp02.KeySet | None = None
    static: scp02.KeySet | None = None
    chain: bytes = b""
    response_chain: bytes = b""
    response_key: bytes = b""
    counter: int = 0

    @property
    def profile(self) -> Profile:
        return self.chip.profile

    def raw(self, apdu: bytes) -> tuple[bytes, int]:
        answer = self.chip.transmit(apdu)
        assert len(answer) >= 2
        return answer[:-2], int.from_bytes(answer[-2:])

    def plain(self, apdu: str) -> tuple[bytes, int]:
        return self.raw(bytes.fromhex(apdu))

    def initialize(self, version: int = 0, host: bytes | None = None) -> tuple[bytes, bytes, int]:
        """(host challenge, answer, status word) of INITIALIZE UPDATE."""
        host = host or bytes(range(1, 1 + self.profile.size))
        data, sw = self.raw(bytes((0x80, 0x50, version, 0, len(host))) + host + b"\x00")
        return host, data, sw

    def login(self, level: int = 0, version: int = 0, key: bytes | scp02.KeySet | None = None) -> int:
        """INITIALIZE UPDATE and EXTERNAL AUTHENTICATE; the last status word. ``key`` for all three, or a set."""
        key = key or published_key(self.profile.key_length)
        static = key if isinstance(key, scp02.KeySet) else scp02.KeySet(key, key, key)
        host, answer, sw = self.initialize(version)
        if sw != 0x9000:
            return sw
        self.static, self.level, self.counter = static, level, 0
        if self.profile.scp == 3:
            size = self.profile.size
            card = answer[13 : 13 + size]
            self.session = scp03.Session(static, host, card, size)
            cryptogram = self.session.host_cryptogram
            self.chain = bytes(16)
        else:
            self.keys = scp02.session_keys(static, answer[12:14])
            self.response_key = scp02.response_key(static, answer[12:14])
            cryptogram = scp02.cryptogram(self.keys.enc, answer[12:20], host)
            self.chain = b""
        head = bytes((0x84, 0x82, level, 0, 2 * len(cryptogram)))
        mac = self.mac(head + cryptogram)
        sw = self.raw(head + cryptogram + mac)[1]
        self.response_chain = mac
        return sw

    def mac(self, message: bytes) -> bytes:
        """The C-MAC over header and data; moves the chain."""
        if self.session is not None:
            self.chain = cmac(Algorithm.AES, self.session.mac, self.chain + message)
            return self.chain[: self.session.size]
        assert self.keys is not None
        icv = self.chain or bytes(8)
        if self.chain and self.profile.i & 0x10:
            icv = encrypt_ecb(Algorithm.DES, self.keys.mac[:8], icv)
        self.chain = crypt.retail_mac(self.keys.mac, icv, message)
        return self.chain

    def icv(self, first: int) -> bytes:
        assert self.session is not None
        return encrypt_ecb(Algorithm.AES, self.session.enc, bytes((first,)) + self.counter.to_bytes(15))

    def wrap(self, apdu: bytes) -> bytes:
        """A short command (header, Lc and data where there are any) as the channel wants it."""
        data, head = apdu[5:], bytes((apdu[0] | 0x04, *apdu[1:4]))
        if not self.level & 0x01:
            return apdu
        if self.session is not None:
            if data or self.profile.counts_empty:
                self.counter += 1
            if self.level & 0x02 and data:
                data = encrypt_cbc(Algorithm.AES, self.session.enc, self.icv(0), crypt.padded(data, 16))
            mac = self.mac(head + bytes((len(data) + self.session.size,)) + data)
        else:
            assert self.keys is not None
            mac = self.mac(head + bytes((len(data) + 8,)) + data)
            if self.level & 0x02 and data:
                data = encrypt_cbc(Algorithm.TDES, self.keys.enc, bytes(8), crypt.padded(data, 8))
        return head + bytes((len(data) + len(mac),)) + data + mac

    def unwrap(self, asked: bytes, data: bytes, sw: int) -> bytes:
        """The answer data; asserts its R-MAC. ``asked`` is the command in the clear."""
        if not self.level & 0x10:
            return data
        if self.session is not None:
            if sw >> 8 not in (0x90, 0x62, 0x63):
                assert data == b""
                return b""
            size = self.session.size
            data, mac = data[:-size], data[-size:]
            right = cmac(Algorithm.AES, self.session.response, self.chain + data + sw.to_bytes(2))
            assert mac == right[:size]
            if self.level & 0x20 and data:
                data = crypt.unpadded(decrypt_cbc(Algorithm.AES, self.session.enc, self.icv(0x80), data)) or b""
            return data
        data, mac = data[:-8], data[-8:]
        head = asked[:4] + bytes((len(asked[5:]),)) + asked[5:]
        message = head + bytes((len(data),)) + data + sw.to_bytes(2)
        self.response_chain = crypt.retail_mac(self.response_key, self.response_chain, message)
        assert mac == self.response_chain
        return data

    def send(self, header: str, data: bytes = b"") -> tuple[bytes, int]:
        """A command through the channel: answer data and status word."""
        apdu = bytes.fromhex(header) + (bytes((len(data),)) + data if data else b"")
        answer, sw = self.raw(self.wrap(apdu))
        return self.unwrap(apdu, answer, sw), sw

    def ok(self, header: str, data: bytes = b"") -> bytes:
        answer, sw = self.send(header, data)
        assert sw == 0x9000, f"{sw:04X} for {header}"
        return answer

    def sw(self, header: str, data: bytes = b"") -> str:
        return f"{self.send(header, data)[1]:04X}"

    def secret(self, value: bytes) -> bytes:
        """Whole blocks under the channel's key encryption key."""
        if self.session is not None:
            return encrypt_cbc(Algorithm.AES, self.session.dek, bytes(16), value)
        assert self.keys is not None
        return encrypt_ecb(Algorithm.TDES, self.keys.dek, value)

    def key_field(self, key: bytes, *, prefixed: bool = True) -> bytes:
        """One key data field of PUT KEY."""
        if self.profile.scp == 2:
            value = encrypt_ecb(Algorithm.TDES, key, bytes(8))[:3]
            return b"\x80\x10" + self.secret(key) + b"\x03" + value
        value = encrypt_ecb(Algorithm.AES, key, b"\x01" * 16)[:3]
        field = self.secret(key.ljust(-(-len(key) // 16) * 16, b"\xa5"))
        field = bytes((len(key),)) + field if prefixed else field
        return b"\x88" + bytes((len(field),)) + field + b"\x03" + value

    def put_keys(
        self, version: int, keys: scp02.KeySet, *, replace: int = 0, prefixed: bool = True
    ) -> tuple[bytes, int]:
        parts = (keys.enc, keys.mac, keys.dek)[: 3 if self.profile.scp == 3 or self.profile.i & 1 else 1]
        data = bytes((version,)) + b"".join(self.key_field(one, prefixed=prefixed) for one in parts)
        return self.send(f"80D8{replace:02X}81", data)


@pytest.fixture
def station() -> Callable[..., Station]:
    """Powered cards by profile, the security domain selected."""

    def make(profile: str | Profile, **arguments: object) -> Station:
        chip = make_card(profile, **arguments)  # type: ignore[arg-type]
        chip.power_on()
        assert chip.transmit(bytes.fromhex("00A4040000"))[-2:] == b"\x90\x00"
        return Station(chip)

    return make
