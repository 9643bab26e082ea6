"""The PKI application of a third-generation card: DDF "PKI.社会保障", ADF "SS.CERT.ADF1".

The command bytes are those that card writers send (facts 1.11). What they do not show is this card's own choice: which
right each command asks for, the size of the certificate files, six tries, the signature command (ISO 7816-8 PSO), and
that nothing but certificates changes once the manager PIN and both master keys were replaced.
"""

from __future__ import annotations

from collections.abc import Callable

from cardfab.crypto import Algorithm, CipherRefused, decrypt_ecb, same
from cardfab.crypto.sm import sm2_decrypt, sm2_generate, sm2_public, sm2_sign_digest, sm3
from cardfab.simulator.chip import layout, tlv, word
from cardfab.simulator.chip.filesystem import FileSystem, Handler
from cardfab.simulator.chip.layout import Directory, File
from cardfab.simulator.chip.memory import Memory, Tries
from cardfab.simulator.chip.message import Command, expect, fitted
from cardfab.simulator.chip.word import Refused

DDF, ADF = 0xDDF3, 0xDFC1  # by name only in the sources; the identifiers are this card's
DDF_NAME = bytes.fromhex("504B492EC9E7BBE1B1A3D5CF")  # "PKI.社会保障" in GBK
ADF_NAME = b"SS.CERT.ADF1"
SIGN_PUBLIC, SIGN_PRIVATE, SECRET_PUBLIC, SECRET_PRIVATE, SIGN_CERTIFICATE, SECRET_CERTIFICATE = (
    0x0012,
    0x0013,
    0x0014,
    0x0015,
    0x0018,
    0x0019,
)
PUBLIC_SIZE, CERTIFICATE_SIZE = 0x42, 0x0400
TRIES = 6
SM3, SESSION_KEY = 0x03, 0x10
USER, MANAGER, MASTER = "USER", "MANAGER", "PKI MK"
HOLDERS = {0x81: USER, 0x00: MANAGER}
CELLS = ("pki/", "tries/pki/", f"ef/{ADF:04X}/")
"""Beginnings of the names of all its cells."""
_KEY = "pki/key/"
_PIN = "pki/pin/"
_REPLACED = "pki/replaced/"


def manager_pin(key: bytes) -> bytes:
    """The manager PIN that this card's maker takes from a key: 8 digits, the first 8 bytes modulo 10^8, as BCD."""
    return bytes.fromhex(f"{int.from_bytes(key[:8]) % 100_000_000:08d}")


def cells(master: bytes, manager: bytes, pin: str, entropy: Callable[[int], bytes]) -> dict[str, bytes]:
    """A new PKI application with a key pair of its own.

    ``master``: both master keys; ``manager``: the key whose digits are the manager PIN; ``pin``: of the user, digits.
    """
    private, public = sm2_generate(entropy)
    found = {
        _KEY + f"{DDF:04X}": master,
        _KEY + f"{ADF:04X}": master,
        _PIN + USER: sm3(bytes.fromhex(pin)),
        _PIN + MANAGER: sm3(manager_pin(manager)),
        **_pair(SIGN_PRIVATE, private, SIGN_PUBLIC, public),
    }
    for name in (USER, MANAGER, f"{DDF:04X}", f"{ADF:04X}"):
        found |= Tries.cells(f"tries/pki/{name}", TRIES)
    return found


def _pair(private_file: int, private: bytes, public_file: int, public: bytes) -> dict[str, bytes]:
    return {f"pki/private/{private_file:04X}": private, f"ef/{ADF:04X}/{public_file:04X}": _public(public)}


def _public(public: bytes) -> bytes:
    return len(public).to_bytes(2) + public


class PkiApplication(FileSystem):
    """DDF and ADF with their files, PINs and keys. There is none on a card without its cells: :attr:`present`."""

    def __init__(self, memory: Memory, entropy: Callable[[int], bytes]) -> None:
        self._session = b""
        super().__init__(memory, entropy)
        self.algorithm = Algorithm.SM4
        self._commands: dict[tuple[int, int], Handler] = {
            (0x00, 0x20): self._verify,
            (0x00, 0x2A): self._sign,
            (0x00, 0x82): self._authenticate,
            (0x00, 0x84): self._get_challenge,
            (0x00, 0xB0): self.read_binary,
            (0x00, 0xD6): self.update_binary,
            (0x80, 0x40): self._generate,
            (0x80, 0x4A): self._take_session_key,
            (0x80, 0x4E): self._decipher,
            (0x80, 0xC2): self._import,
            (0x80, 0xC4): self._hash,
            (0x84, 0x5E): self._change_pin,
            (0x84, 0xD4): self._replace_master,
        }

    @property
    def present(self) -> bool:
        """Whether the card has this application."""
        return self.memory.has(_PIN + MANAGER)

    @property
    def closed(self) -> bool:
        """Whether manager PIN and both master keys were replaced: the keys stay as they are from then on."""
        return all(self.memory.has(_REPLACED + one) for one in (MANAGER, f"{DDF:04X}", f"{ADF:04X}"))

    def structure(self) -> dict[int, Directory]:
        """The two directories below the MF."""
        manager = layout.condition(MANAGER)
        files = [File(fid, fid, layout.FREE, layout.NEVER, size=PUBLIC_SIZE) for fid in (SIGN_PUBLIC, SECRET_PUBLIC)]
        files += [File(fid, fid, layout.NEVER, layout.NEVER, size=32) for fid in (SIGN_PRIVATE, SECRET_PRIVATE)]
        for fid in (SIGN_CERTIFICATE, SECRET_CERTIFICATE):
            files.append(File(fid, fid, layout.FREE, manager, size=CERTIFICATE_SIZE))
        tree = (
            Directory(layout.MF, b"", None),
            Directory(DDF, DDF_NAME, layout.MF),
            Directory(ADF, ADF_NAME, DDF, tuple(files)),
        )
        return {one.fid: one for one in tree}

    def _enter(self, directory: Directory) -> None:
        super()._enter(directory)
        self._session = b""

    def select_name(self, name: bytes) -> bytes | None:
        """The DDF or the ADF by its whole name."""
        return super().select_name(name) if self.present else None

    def control_information(self, target: Directory) -> bytes:
        """6F{84}, of the DDF with 73{92 "30"}."""
        name = tlv.build(0x84, target.name)
        return tlv.build(0x6F, name + (tlv.build(0x73, tlv.build(0x92, b"30")) if target.fid == DDF else b""))

    def execute(self, command: Command) -> bytes:
        """Any command but SELECT; raises :class:`Refused`."""
        handler = self._commands.get((command.cla, command.ins))
        if handler is None:
            known = any(command.ins == ins for _, ins in self._commands)
            raise Refused(word.UNKNOWN_CLA if known else word.UNKNOWN_INS)
        return handler(command)

    def shown(self) -> dict[str, bytes]:
        """White box for tests: the files that anybody may read, as far as they were written, by identifier in hex."""
        return self.memory.under(f"ef/{ADF:04X}/") if self.present else {}

    # Rights: the challenge enciphered under the first half of the PIN's hash, or under the master key

    def _get_challenge(self, command: Command) -> bytes:
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        expect(not command.data and command.le in (8, 16), word.WRONG_LENGTH)
        self.challenge = self.entropy(command.le or 0)
        return self.challenge

    def _prove(self, right: str, name: str, key: bytes, proof: bytes) -> None:
        tries = Tries(self.memory, f"tries/pki/{name}")
        expect(len(proof) == 16, word.WRONG_LENGTH)
        expect(tries.left > 0, word.KEY_BLOCKED)
        challenge = self.spend_challenge().ljust(16, b"\x00")
        self.granted -= {right}
        tries.take()
        if not same(decrypt_ecb(Algorithm.SM4, key, proof), challenge):
            raise Refused(word.tries_left(tries.left))
        tries.restore()
        self.granted |= {right}

    def _transport(self, holder: str) -> bytes:
        return self.memory.read(_PIN + holder)[:16]

    def _verify(self, command: Command) -> bytes:
        """0020 01 81 user, 01 00 manager: the enciphered challenge; without data it asks how many tries are left."""
        expect(self.directory.fid == ADF, word.CONDITIONS)
        expect(command.p1 == 0x01 and command.p2 in HOLDERS, word.WRONG_P1P2)
        holder = HOLDERS[command.p2]
        if not command.data:
            left = Tries(self.memory, f"tries/pki/{holder}").left
            raise Refused(word.tries_left(left) if left else word.KEY_BLOCKED)
        self._prove(holder, holder, self._transport(holder), command.data)
        return b""

    def _authenticate(self, command: Command) -> bytes:
        """0082 00 00: the challenge under the master key of the current directory."""
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        path = self.directory.path
        key = self.memory.read(_KEY + path)
        expect(bool(key), word.NOT_FOUND)
        self._prove(MASTER, path, key, command.data)
        return b""

    def _needs(self, *rights: str) -> None:
        expect(self.directory.fid == ADF, word.CONDITIONS)
        expect(self.granted >= set(rights), word.NOT_AUTHORISED)

    def _hash(self, command: Command) -> bytes:
        """80C4 01 03: C1{data} -> SM3."""
        expect(command.p1p2 == 0x0100 | SM3, word.WRONG_P1P2)
        return fitted(command, sm3(_values(command.data, 0xC1)[0]))

    def _line_opened(self, command: Command, key: bytes) -> bytes:
        """LD | value under ``key`` and a MAC with the last challenge."""
        return self.loaded(key, self.load_checked(command, key))

    def _change_pin(self, command: Command) -> bytes:
        """845E 01 00 manager, 01 81 user: under the old PIN; 02 81: a new user PIN by the manager, who is verified."""
        expect(command.p1 in (0x01, 0x02) and command.p2 in HOLDERS, word.WRONG_P1P2)
        expect(command.p1 == 0x01 or command.p2 == 0x81, word.WRONG_P1P2)
        holder = HOLDERS[command.p2]
        by = MANAGER if command.p1 == 0x02 else holder
        self._needs(by)
        new = self._line_opened(command, self._transport(by))
        expect(_is_pin(new), word.WRONG_DATA)
        fresh = {f"tries/pki/{holder}/left": self.memory.read(f"tries/pki/{holder}/limit")}
        self.memory.write({_PIN + holder: sm3(new), _REPLACED + holder: b"\x01", **fresh})
        self.granted -= {holder}
        return b""

    def _replace_master(self, command: Command) -> bytes:
        """84D4 01 00: 13 | 000000 | new master key of the current directory, under the old one."""
        expect(command.p1p2 == 0x0100, word.WRONG_P1P2)
        expect(MASTER in self.granted, word.NOT_AUTHORISED)
        path = self.directory.path
        plain = self._line_opened(command, self.memory.read(_KEY + path))
        expect(len(plain) == 19 and plain[:3] == bytes(3), word.WRONG_DATA)
        self.memory.write({_KEY + path: plain[3:], _REPLACED + path: b"\x01"})
        self.granted -= {MASTER}
        return b""

    # Keys

    def _open(self) -> None:
        self._needs(USER, MANAGER)
        expect(not self.closed, word.CONDITIONS)

    def _generate(self, command: Command) -> bytes:
        """8040 00 00: C0{0012} C2{0013}: a new signing pair."""
        expect(command.p1p2 == 0, word.WRONG_P1P2)
        self._open()
        public, private = _values(command.data, 0xC0, 0xC2)
        expect((_number(public), _number(private)) == (SIGN_PUBLIC, SIGN_PRIVATE), word.FILE_NOT_FOUND)
        d, point = sm2_generate(self.entropy)
        self.memory.write(_pair(SIGN_PRIVATE, d, SIGN_PUBLIC, point))
        return b""

    def _private(self, fid: int) -> bytes:
        expect(fid in (SIGN_PRIVATE, SECRET_PRIVATE), word.FILE_NOT_FOUND)
        found = self.memory.read(f"pki/private/{fid:04X}")
        expect(bool(found), word.NOT_FOUND)
        return found

    def _decipher(self, command: Command) -> bytes:
        """804E 00 01: C2{file of the private key} C1{X | Y | hash | cipher} -> plain text, as of a session key."""
        expect(command.p1p2 == 0x0001, word.WRONG_P1P2)
        self._needs(USER)
        key, envelope = _values(command.data, 0xC2, 0xC1)
        private = self._private(_number(key))
        try:
            return fitted(command, sm2_decrypt(private, b"\x04" + envelope))
        except CipherRefused:
            raise Refused(word.WRONG_DATA) from None

    def _take_session_key(self, command: Command) -> bytes:
        """804A 02 10: C1{SM4 key}, until the directory is left."""
        expect(command.p1p2 == 0x0200 | SESSION_KEY, word.WRONG_P1P2)
        self._open()
        (key,) = _values(command.data, 0xC1)
        expect(len(key) == 16, word.WRONG_LENGTH)
        self._session = key
        return b""

    def _import(self, command: Command) -> bytes:
        """80C2 40 00: C0{0014} CA{X | Y}; 80C2 C0 01: C2{0015} CB{private key under the session key}."""
        expect(command.p1p2 in (0x4000, 0xC001), word.WRONG_P1P2)
        self._open()
        if command.p1p2 == 0x4000:
            file, public = _values(command.data, 0xC0, 0xCA)
            expect(_number(file) == SECRET_PUBLIC, word.FILE_NOT_FOUND)
            expect(len(public) == 64, word.WRONG_LENGTH)
            gone = {f"pki/private/{SECRET_PRIVATE:04X}": None}  # of another pair
            self.memory.write({self._public_cell(SECRET_PUBLIC): _public(public), **gone})
            return b""
        file, secret = _values(command.data, 0xC2, 0xCB)
        expect(_number(file) == SECRET_PRIVATE, word.FILE_NOT_FOUND)
        expect(len(secret) == 32, word.WRONG_LENGTH)
        expect(bool(self._session), word.CONDITIONS)
        private = decrypt_ecb(Algorithm.SM4, self._session, secret)
        expect(self._belongs(private), word.WRONG_DATA)
        self.memory.write({f"pki/private/{SECRET_PRIVATE:04X}": private})
        self._session = b""
        return b""

    def _belongs(self, private: bytes) -> bool:
        try:
            return same(_public(sm2_public(private)), self.memory.read(self._public_cell(SECRET_PUBLIC)))
        except CipherRefused:
            return False

    @staticmethod
    def _public_cell(fid: int) -> str:
        return f"ef/{ADF:04X}/{fid:04X}"

    def _sign(self, command: Command) -> bytes:
        """002A 9E 9A: the SM2 digest of 32 bytes -> r | s by the signing key. ISO 7816-8, 11.7."""
        expect(command.p1p2 == 0x9E9A, word.WRONG_P1P2)
        self._needs(USER)
        expect(len(command.data) == 32, word.WRONG_LENGTH)
        return fitted(command, sm2_sign_digest(self._private(SIGN_PRIVATE), command.data, self.entropy))


def _values(data: bytes, *tags: int) -> list[bytes]:
    """The values of exactly these data objects in this order; raises :class:`Refused` 6A80."""
    try:
        found = tlv.parse(data)
    except tlv.Malformed:
        raise Refused(word.WRONG_DATA) from None
    expect([tag for tag, _ in found] == list(tags), word.WRONG_DATA)
    return [value for _, value in found]


def _number(value: bytes) -> int:
    expect(len(value) == 2, word.WRONG_DATA)
    return int.from_bytes(value)


def _is_pin(value: bytes) -> bool:
    """4 to 16 digits, an odd last half byte is F."""
    digits = value.hex()
    return 2 <= len(value) <= 8 and (digits.isdecimal() or (digits[:-1].isdecimal() and digits[-1] == "f"))
