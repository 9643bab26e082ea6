"""A bureau that makes whole V2.0 cards from empty chips: every command of the stages 1 and 2, for both dialects.

A script is a list of acts; an act gives the APDU when its turn comes, since proofs and MACs need the last challenge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cardfab.crypto import Algorithm, encrypt_ecb
from cardfab.simulator.chip import (
    TrainingChip,
    crypt,
    fmcoscard,
    layout,
    make_raw_chip,
    premade,
    stages,
    t514,
    tlv,
    training_root,
)
from cardfab.simulator.chip.blank import Dialect, root_label
from cardfab.simulator.chip.layout import Access, Directory, File, Key

H = bytes.fromhex
SERIAL, REGION = 77, "440199"
HISTORICAL = H("0087BF10028649") + H("440100000077")
TEMPORARY = bytes(range(0x10, 0x20))  # part 10, 5.2.3: one for all cards
PIN_LEVEL, PIN_STATE, MASTER_STATE = 0x40, 0x7, 0xE
POWER = b""  # an act that takes the power away and brings it back
Act = Callable[[], bytes]


def apdu(header: str, data: bytes = b"") -> bytes:
    return H(header) + (bytes((len(data),)) + data if data else b"")


def enciphered(algorithm: Algorithm, key: bytes, value: bytes) -> bytes:
    plain = bytes((len(value),)) + value
    if len(plain) % algorithm.block:
        plain = crypt.padded(plain, algorithm.block)
    return encrypt_ecb(algorithm, key, plain)


@dataclass
class Bureau:
    """What both dialects share. ``version`` is that of the card's files."""

    chip: TrainingChip
    version: str = "2.0"

    @property
    def tree(self) -> list[Directory]:
        return list(premade.directories(self.version).values())

    def key(self, label: str, group: int = 1) -> bytes:
        root = training_root(root_label(label, self.chip.algorithm, group))
        return crypt.card_key(self.chip.algorithm, root, REGION, HISTORICAL)

    def plain(self, header: str, data: bytes = b"") -> list[Act]:
        return [lambda: apdu(header, data)]

    def protected(self, header: str, key: bytes, value: bytes) -> list[Act]:
        """A challenge, then LD | value enciphered and a MAC over both."""

        def act() -> bytes:
            cipher = Algorithm.DES if len(key) == 8 else self.chip.algorithm
            secret = enciphered(cipher, key, value) if value else b""
            head = H(header) + bytes((len(secret) + 4,)) + secret
            return head + crypt.load_mac(self.chip.algorithm, key, self.chip._social.challenge, head)

        return [lambda: H("0084000004"), act]

    @staticmethod
    def numbers(directory: Directory) -> dict[str, int]:
        """What each key grants that a file or the lock asks for: 1, 2, 3 .. in the order of the table."""
        uses = ("external", "start-day")
        return {key.name: n for n, key in enumerate((k for k in directory.keys if k.use in uses), 1)}

    @staticmethod
    def parent(fid: int) -> int | None:
        return None if fid == layout.MF else layout.MF if fid == layout.SSSE else layout.SSSE

    def entries(self) -> list[bytes]:
        """The records of the DIR file."""
        named = [one for one in self.tree if one.label]
        parts = [tlv.build(0x4F, one.name) + tlv.build(0x50, one.label.encode("gbk")) for one in named]
        return [tlv.build(0x61, part) for part in parts]

    def activation(self) -> Iterator[Act]:
        raise NotImplementedError

    def structure(self) -> Iterator[Act]:
        raise NotImplementedError

    def erasure(self) -> list[Act]:
        """How everything is taken away again, after a reset."""
        raise NotImplementedError

    def regained(self, fid: int) -> list[Act]:
        """After a reset in the second stage: the rights again, and the directory in which the work goes on."""
        raise NotImplementedError

    def flags(self) -> dict[int, int]:
        """What the chip says of each directory."""
        said = self.chip.transmit(H("80CA000100"))[1:-2]
        return {int.from_bytes(said[n : n + 2]): said[n + 2] for n in range(0, len(said), 6)}

    def script(self, *, new: bool = True) -> list[Act]:
        return [*(self.activation() if new else ()), *self.structure()]


def space_of(file: File) -> int:
    """How much a file takes: data, two bytes for each record and two more."""
    if file.size or file.kind == "cyclic":
        return file.size or file.space
    return sum(item.length + 4 for item in file.items) + 2 if file.items else 0x14


def longest(file: File) -> int:
    return file.length or max((item.length + 2 for item in file.items), default=0)


class T514Bureau(Bureau):
    TYPES = {"binary": 0xC4, "fixed": 0xC5, "variable": 0xC6, "cyclic": 0xC7}  # noqa: RUF012

    def activation(self) -> Iterator[Act]:
        yield from self.plain("80E00400", training_root("transport/T514"))
        yield from self.plain("00140000", H("3B6D0000") + HISTORICAL[:7])
        yield from self.plain("80E00500", bytes(2) + HISTORICAL[7:])
        yield lambda: POWER

    def transport(self) -> list[Act]:
        root = training_root("transport/T514")
        return [lambda: apdu("80E00300", t514.transport_value(root, self.chip.atr[4:]))]

    def record(self, kind: int, kid: int, value: bytes, *, level: int = 0, group: int = 0) -> bytes:
        return bytes((kind, kid, group, 0xEF, 6, 0, level, len(value))) + value.ljust(16, b"\xff")

    def directory(self, fid: int, kind: int, name: bytes = b"", *, lock: int = 0, purse: int = 0) -> list[Act]:
        head = bytes((0, lock, 0, 0xFF, 1)) + fid.to_bytes(2) + bytes((kind, 0, 1, 0x1D, 0, 0, 0x1C, 0, purse))
        return self.plain("80E00100", head + name)

    def file(self, fid: int, kind: int, space: int, access: bytes, *, length: int = 0) -> list[Act]:
        """``access``: SCW, reading 2, writing 2."""
        head = bytes(3) + space.to_bytes(2) + fid.to_bytes(2) + bytes((kind, 0, fid & 0x1F, access[0], length))
        return self.plain("80E00100", head + access[1:])

    def prove(self, key: bytes = TEMPORARY) -> list[Act]:
        def act() -> bytes:
            session = crypt.session_key(self.chip.algorithm, key, self.chip._social.challenge)
            return apdu("00820000", crypt.authentication(self.chip.algorithm, session, bytes(8)) + bytes(8))

        return [lambda: H("0084000008"), act]

    def condition(self, access: Access, levels: dict[str, int]) -> tuple[int, bytes]:
        """The nibble of SCW, level above and own level."""
        names = frozenset().union(*access) if access else frozenset()
        if not access:
            return 0, b"\xef\xef"
        own = next((levels[name] for name in names if name in levels), 0)
        return 4 if access[0] > {"PIN"} else 0, bytes((PIN_LEVEL if "PIN" in names else 0, own))

    def structure(self) -> Iterator[Act]:
        yield from self.transport()
        for directory in self.tree:
            yield from self._directory(directory)
        for directory in self.tree:  # last: part 10, 5.2.6
            yield from self.replacement(directory)
        for directory in reversed(self.tree):
            yield from self.select(directory)
            yield from self.plain("80E00200")

    def select(self, directory: Directory) -> list[Act]:
        way = [layout.MF] if directory.fid == layout.MF else [layout.MF, layout.SSSE]
        way += [directory.fid] if directory.parent == layout.SSSE else []
        return [act for fid in way for act in self.plain("00A40000", fid.to_bytes(2))]

    def replacement(self, directory: Directory) -> list[Act]:
        value = self.record(t514.MASTER, 0, self.key(self.master(directory)))
        return [*self.select(directory), *self.protected("84D40100", TEMPORARY, value)]

    @staticmethod
    def master(directory: Directory) -> str:
        return next(key.root for key in directory.keys if key.use == "master")

    def _directory(self, directory: Directory) -> Iterator[Act]:
        levels = self.numbers(directory)
        if directory.parent is not None:
            yield from self.select(next(one for one in self.tree if one.fid == directory.parent))
        lock = next((level for name, level in levels.items() if name.startswith("LK")), 0)
        kind = 2 if directory.parent == layout.SSSE else 1
        yield from self.directory(directory.fid, kind, directory.name, lock=lock, purse=0x1F if directory.log else 0)
        yield from self.file(0xEF1C, 0xC3, 0x0800, H("00EFEFEFEF"))
        yield from self.plain("00D40100", self.record(t514.MASTER, 0, TEMPORARY))
        yield from self.prove()
        for key in directory.keys:
            yield from self._key(key, levels.get(key.name, 0))
        for file in directory.files:
            yield from self._file(directory, file, levels)
        if directory.fid == layout.SSSE:
            yield from self.file(0xEF1D, 0xC6, 0x0060, H("00EFEFEFEF"))
            algorithm = H("860103" if self.chip.algorithm is Algorithm.SM4 else "860101")
            inner = tlv.build(0xA5, H("88011E") + tlv.build(0x9F0C, algorithm))
            fci = directory.fid.to_bytes(2) + tlv.build(0x6F, tlv.build(0x84, directory.name) + inner)
            yield from self.plain("00D2011D", tlv.build(0x70, fci))
            for n, entry in enumerate(self.entries(), 1):
                yield from self.plain(f"00D2{n:02X}1E", entry)
            yield from self.plain("00D40000", self.record(t514.PIN, 0, H("123456"), level=PIN_LEVEL))

    def _key(self, key: Key, level: int) -> Iterator[Act]:
        kinds = {"start-day": t514.EXTERNAL, "external": t514.EXTERNAL}
        kinds |= {use: kind for kind, (_, use) in t514.KEYS.items()}
        if key.use == "master":
            return
        for group in range(1, key.groups + 1):
            value = self.record(kinds[key.use], key.kid, self.key(key.root, group), level=level, group=group)
            yield from self.protected("84D40000", TEMPORARY, value)

    def _file(self, directory: Directory, file: File, levels: dict[str, int]) -> Iterator[Act]:
        if file.kind == "internal":
            access = bytes(4) + bytes((levels["DSKDF04"],))
            yield from self.file(file.fid, 0xC3, 0x14, access, length=directory.log & 0x1F)
            return
        (read_nibble, read), (write_nibble, write) = (self.condition(one, levels) for one in (file.read, file.write))
        access = bytes((read_nibble << 4 | write_nibble,)) + read + write
        fixed = file.items and len({item.length for item in file.items}) == 1 and file.fid == 0xEF19
        kind = "binary" if file.size else file.kind or ("fixed" if fixed else "variable")
        kind_byte = 0xD6 if file.fid == 0xEF1E else self.TYPES[kind]
        space = 0x0100 if file.fid == 0xEF1E else space_of(file)
        yield from self.file(file.fid, kind_byte, space, access, length=longest(file) if file.fid != 0xEF1E else 0)

    def regained(self, fid: int) -> list[Act]:
        return [*self.transport(), *self.select(Directory(fid, b"", self.parent(fid)))]

    def erasure(self) -> list[Act]:
        return [*self.transport(), *self.plain("80E10001", H("3F00"))]


class FmcosBureau(Bureau):
    def activation(self) -> Iterator[Act]:
        yield from self.plain("80F00100", b"\xff" * 16)
        yield from self.plain("80F00200", HISTORICAL)
        yield lambda: POWER

    def prove(self, key: bytes) -> list[Act]:
        def act() -> bytes:
            cipher = Algorithm.DES if len(key) == 8 else self.chip.algorithm
            challenge = self.chip._social.challenge.ljust(cipher.block, b"\x00")
            return apdu("00820000", encrypt_ecb(cipher, key, challenge))

        return [lambda: H("0084000008"), act]

    def structure(self) -> Iterator[Act]:
        yield from self.prove(b"\xff" * 16)
        yield from self.plain("80D40100", H("39F0F00166") + TEMPORARY)
        for directory in self.tree[1:]:
            yield from self._directory(directory)
        for directory in self.tree:
            yield from self.select(directory)
            yield from self.prove(TEMPORARY)
            yield from self.protected("84D43900", TEMPORARY, self.key(T514Bureau.master(directory)))
        yield from self.plain("00A40000", H("3F00"))
        yield from self.protected("841C0000", self.key("ss/MK/MF"), b"")
        yield lambda: POWER

    select = T514Bureau.select

    def _directory(self, directory: Directory) -> Iterator[Act]:
        states = self.numbers(directory)
        parent = next(one for one in self.tree if one.fid == directory.parent)
        yield from self.select(parent)
        yield from self.prove(TEMPORARY)
        lock = 0x97 if any(key.name.startswith("LK") for key in directory.keys) else 0x96
        head = H("380400F0EE") + bytes((lock,)) + H("FFFF")
        yield from self.plain(f"80E0{directory.fid:04X}", head + directory.name)
        yield from self.plain("80E00000", H("3F080095F0FFFF"))
        yield from self.plain("80D40100", bytes((0x39, 0xF0, 0xEE, MASTER_STATE, 0x66)) + TEMPORARY)
        for key in directory.keys:
            yield from self._key(key, states.get(key.name, 0))
        for file in directory.files:
            yield from self._file(directory, file, states)
        if directory.fid == layout.SSSE:
            yield from self.prove(TEMPORARY)
            for entry in self.entries():
                yield from self.plain("00E200F0", entry)
            yield from self.plain("80D40100", bytes((0x3A, 0xF0, 0xEF, PIN_STATE, 0x66)) + H("123456"))

    def _key(self, key: Key, state: int) -> Iterator[Act]:
        kinds = {use: kind for kind, (_, use) in fmcoscard.KEYS.items()}
        if key.use == "master":
            return
        for group in range(1, key.groups + 1):
            kid = key.kid + 0x20 * (group - 1)
            if key.use in ("external", "start-day"):
                head = bytes((0xF9, 0xF0, 0xEE, state, 0x66))
            elif key.use == "maintenance":
                head = H("F6F0EEFF66")
            else:
                head = bytes((kinds[key.use] | 0xC0, 0xF0, 0xEE, group, 0x00))
            yield from self.protected(f"84D401{kid:02X}", TEMPORARY, head + self.key(key.root, group))

    def _file(self, directory: Directory, file: File, states: dict[str, int]) -> Iterator[Act]:
        if file.kind == "internal":
            data = H("2F0210F0") + bytes((states["DSKDF04"] * 0x11,)) + bytes((0xFF, directory.log & 0x1F))
            yield from self.plain(f"80E0{file.fid:04X}", data)
            return
        read, extended = self.condition(file.read, states)
        write, _ = self.condition(file.write, states)
        if file.fid == 0xEF1E:
            head, write = H("2C0100"), MASTER_STATE * 0x11
        elif file.size:
            head = b"\x28" + file.size.to_bytes(2)
        elif file.kind == "cyclic":
            head = bytes((0x2E, file.space // (file.length + 2), file.length))
        elif file.fid == 0xEF19:
            head = bytes((0x2A, len(file.items), longest(file)))
        else:
            head = b"\x2c" + space_of(file).to_bytes(2)
        yield from self.plain(f"80E0{file.fid:04X}", head + bytes((read, write, extended, 0x00)))

    @staticmethod
    def condition(access: Access, states: dict[str, int]) -> tuple[int, int]:
        """The condition byte, and the extended byte where the PIN counts."""
        names = frozenset().union(*access) if access else frozenset()
        if not access:
            return 0x0F, 0xFF
        own = next((states[name] * 0x11 for name in names if name in states), 0xF0)
        if "PIN" not in names:
            return own, 0xFF
        either = len(access) > 1
        return own, (fmcoscard.OR_ABOVE if either else fmcoscard.AND_ABOVE) | PIN_STATE

    def regained(self, fid: int) -> list[Act]:
        flags = self.flags()
        found = self.select(Directory(fid, b"", self.parent(fid)))
        flag = flags.get(fid, 0)
        if not flag & stages.HAS_MASTER and fid != layout.MF:
            return found
        label = "ss/MK/" + {layout.MF: "MF", layout.SSSE: "SSSE"}.get(fid, f"{fid:04X}")
        final = self.key(label) if flag & stages.MASTER_REPLACED else TEMPORARY
        return [*found, *self.prove(final if flag & stages.HAS_MASTER else b"\xff" * 16)]

    def erasure(self) -> list[Act]:
        return [*self.regained(layout.MF), *self.plain("800E0000")]


BUREAUS: dict[Dialect, type[Bureau]] = {"t514": T514Bureau, "fmcos": FmcosBureau}


def new_chip(dialect: Dialect, algorithm: str, **arguments: object) -> TrainingChip:
    """As it leaves the chip's maker, with power."""
    chip = make_raw_chip(
        dialect,
        serial=SERIAL,
        region=REGION,
        algorithm="SM4" if algorithm == "SM4" else "3DES",
        activated=False,
        **arguments,  # type: ignore[arg-type]
    )
    chip.power_on()
    return chip


def send(chip: TrainingChip, act: Act) -> tuple[bytes, int]:
    """One act; a reset has 9000."""
    sent = act()
    if sent == POWER:
        chip.power_on()
        return b"", 0x9000
    answer = chip.transmit(sent)
    return answer[:-2], int.from_bytes(answer[-2:])


def made(dialect: Dialect, algorithm: str, version: str = "2.0", **arguments: object) -> TrainingChip:
    """A whole card from a new chip, with power."""
    chip = new_chip(dialect, algorithm, **arguments)
    for n, act in enumerate(BUREAUS[dialect](chip, version).script()):
        _, sw = send(chip, act)
        assert sw == 0x9000, f"act {n}: {sw:04X} in {chip._social.directory.path}"
    chip.power_on()
    return chip
