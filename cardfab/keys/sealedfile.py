"""The sealed key file CFKS2, in bytes (docs/keys.md, to the byte).

``"CFKS2\\n" | flags | ways to open it | counts | nonce 12 | ciphertext | tag 16``, all before the nonce bound by the
seal. The body is binary, so that a key's value goes from the buffer of the plain text into its
:class:`~cardfab.keys.secret.Secret` and back without an immutable copy; the buffer is wiped.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cardfab.crypto import Buffer, SealBroken, seal_buffer, unseal_buffer
from cardfab.errors import Text
from cardfab.keys.certificates import IssuerCertificate
from cardfab.keys.held import Held
from cardfab.keys.label import KeyInfo, Level, State, Usage, modes_of
from cardfab.keys.oldfile import MAGIC as OLD_MAGIC
from cardfab.keys.oldfile import OldContents, read_old
from cardfab.keys.openings import (
    KEY,
    MAGIC,
    STANDARD,
    Cost,
    FileRefused,
    ShareSlot,
    Slot,
    WordSlot,
    decode_slots,
    encode_slots,
)
from cardfab.keys.secret import Secret
from cardfab.keys.shares import Share, open_slot
from cardfab.keys.store import StoreLocked

COST = STANDARD
"""What a word of a new file costs."""
_COUNTS = struct.Struct(">II")
_NUMBERS = struct.Struct(">IB")
_TRAINING, _EXPORTABLE = 0x01, 0x02


@dataclass(slots=True)
class Opened:
    """What a file holds, and how it is opened. ``training`` is the store's: all its keys are so or none."""

    held: dict[str, Held]
    certificates: dict[str, IssuerCertificate]
    training: bool
    key: Secret
    slots: tuple[Slot, ...]

    def to_bytes(self, random: Callable[[int], bytes]) -> bytes:
        """The file, sealed with a new nonce."""
        head = b"".join((
            MAGIC,
            bytes((_TRAINING if self.training else 0,)),
            encode_slots(self.slots),
            _COUNTS.pack(len(self.held), len(self.certificates)),
        ))  # fmt: skip
        body = _body(self.held, self.certificates)
        try:
            return head + seal_buffer(self.key.view(), body, head, random)
        finally:
            memoryview(body)[:] = bytes(len(body))

    def wipe(self) -> None:
        """Forget the file's key and every value."""
        self.key.wipe()
        for held in self.held.values():
            held.value.wipe()


def new_file(word: Buffer, random: Callable[[int], bytes], *, training: bool, cost: Cost | None = None) -> Opened:
    """An empty store under a word."""
    key = Secret(random(KEY))
    return Opened({}, {}, training, key, (WordSlot.make(key, word, random, cost or COST),))


def open_file(
    data: bytes, random: Callable[[int], bytes], *, word: Buffer | None = None, shares: Sequence[Share] = ()
) -> Opened:
    """Open a file by a word or by shares; raises :class:`StoreLocked`, :class:`~cardfab.keys.shares.ShareRefused`.

    A file of the older form gets a key and a slot of its own, so that it is written as the newer one.
    """
    if data.startswith(OLD_MAGIC):
        old = _read_old(data, b"" if word is None else word)
        made = new_file(b"" if word is None else word, random, training=_training(old.held), cost=old.cost)
        made.held, made.certificates = old.held, old.certificates
        return made
    with file_key(data, word=word, shares=shares) as key:
        return open_with(data, key)


def file_key(data: bytes, *, word: Buffer | None = None, shares: Sequence[Share] = ()) -> Secret:
    """The key of a file, by a word or by shares."""
    slots, _ = _head(data)
    for slot in slots:
        if isinstance(slot, ShareSlot) and shares:
            return open_slot(slot, shares)
        if isinstance(slot, WordSlot) and word is not None:
            try:
                return slot.open(word)
            except (SealBroken, FileRefused) as broken:
                raise _locked() from broken
    asked = Text("shares", "份额") if shares else Text("a word", "口令")
    raise StoreLocked(
        Text(f"This key store is not opened by {asked.en}.", f"该密钥库不能用{asked.zh}打开。"), code="CF-6318"
    )


def open_with(data: bytes, key: Secret) -> Opened:
    """Open a file by its own key; raises :class:`StoreLocked`. The key is copied."""
    slots, end = _head(data)
    try:
        body = unseal_buffer(key.view(), memoryview(data)[end:], data[:end])
    except SealBroken as broken:
        raise _locked() from broken
    try:
        keys, certificates = _COUNTS.unpack_from(data, end - _COUNTS.size)
        reader = _Reader(memoryview(body))
        held = [_held(reader) for _ in range(keys)]
        kept = [(reader.text(), reader.part(4)) for _ in range(certificates)]
        reader.done()
        return Opened(
            {one.info.label: one for one in held},
            {label: IssuerCertificate.from_json_bytes(bytes(one)) for label, one in kept},
            bool(data[len(MAGIC)] & _TRAINING),
            Secret(key.view()),
            slots,
        )
    except (KeyError, ValueError) as strange:
        raise StoreLocked(
            Text("This key store is of a newer cardfab.", "该密钥库由更新版本的 cardfab 写成。"), code="CF-6301"
        ) from strange
    finally:
        memoryview(body)[:] = bytes(len(body))


def ways(data: bytes) -> tuple[Slot, ...]:
    """How a file says that it is opened; not proved before it is. An older file takes a word: no slots."""
    return () if data.startswith(OLD_MAGIC) else _head(data)[0]


def write_sealed(
    held: Mapping[str, Held],
    certificates: Mapping[str, IssuerCertificate],
    word: Buffer,
    random: Callable[[int], bytes],
) -> bytes:
    """A new file of these keys under a word."""
    made = new_file(word, random, training=_training(held))
    made.held, made.certificates = dict(held), dict(certificates)
    with made.key:
        return made.to_bytes(random)


def read_sealed(data: bytes, word: Buffer) -> tuple[dict[str, Held], dict[str, IssuerCertificate]]:
    """Keys and certificates of a file under a word; raises :class:`StoreLocked`."""
    if data.startswith(OLD_MAGIC):
        old = _read_old(data, word)
        return old.held, old.certificates
    with file_key(data, word=word) as key:
        opened = open_with(data, key)
    opened.key.wipe()
    return opened.held, opened.certificates


def _training(held: Mapping[str, Held]) -> bool:
    return all(key.info.training for key in held.values())


def _read_old(data: bytes, word: Buffer) -> OldContents:
    try:
        return read_old(data, word)
    except (SealBroken, KeyError, TypeError, ValueError, json.JSONDecodeError) as broken:
        raise _locked() from broken


def _locked() -> StoreLocked:
    return StoreLocked(
        Text(
            "The key store does not open: the word is wrong or the file was changed.",
            "密钥库无法打开：口令错误或文件被改动。",
        ),
        do=Text(
            "Try the word again, or put the generation before in its place: 'cardfab keys backup --restore'.",
            "请重新输入口令，或用 cardfab keys backup --restore 恢复上一代文件。",
        ),
    )


def _head(data: bytes) -> tuple[tuple[Slot, ...], int]:
    """The slots, and where the nonce begins."""
    if not data.startswith(MAGIC):
        raise StoreLocked(Text("This file is not a cardfab key store.", "该文件不是 cardfab 密钥库。"))
    start = len(MAGIC) + 1
    try:
        if len(data) < start or data[len(MAGIC)] & ~_TRAINING:
            raise FileRefused("flags")
        slots, length = decode_slots(data[start:])
    except FileRefused as broken:
        raise _locked() from broken
    return slots, start + length + _COUNTS.size


# -- the body ----------------------------------------------------------------------------------------------------------


def _body(held: Mapping[str, Held], certificates: Mapping[str, IssuerCertificate]) -> bytearray:
    """Keys and certificates in a buffer of the right size from the start: one that grows would leave pieces behind."""
    parts: list[Buffer] = []
    for key in held.values():
        parts += [_attributes(key.info), len(key.value).to_bytes(2, "big"), key.value.view()]
    for label, one in certificates.items():
        content = one.to_json_bytes()
        parts += [_text(label), len(content).to_bytes(4, "big"), content]
    body = bytearray(sum(len(part) for part in parts))
    view, place = memoryview(body), 0
    for part in parts:
        view[place : place + len(part)] = part
        place += len(part)
    return body


def _text(value: str) -> bytes:
    encoded = value.encode()
    return len(encoded).to_bytes(2, "big") + encoded


def _attributes(info: KeyInfo) -> bytes:
    texts = (
        info.label,
        info.algorithm,
        info.usage.name,
        info.level.name,
        info.region,
        " ".join(sorted(info.modes)),
        info.group,
        info.valid_from,
        info.valid_until,
        info.parent,
        info.state.value,
        info.ceremony,
    )
    flags = (_TRAINING if info.training else 0) | (_EXPORTABLE if info.exportable else 0)
    check = bytes.fromhex(info.kcv)
    numbers = _NUMBERS.pack(info.version, flags)
    return b"".join(map(_text, texts)) + numbers + len(check).to_bytes(1, "big") + check


def _held(reader: _Reader) -> Held:
    label, algorithm, usage, level, region, modes, group, first, last, parent, state, ceremony = (
        reader.text() for _ in range(12)
    )
    version, flags = _NUMBERS.unpack(reader.take(_NUMBERS.size))
    check = bytes(reader.part(1)).hex().upper()
    info = KeyInfo(
        label,
        algorithm,
        Usage[usage],
        Level[level],
        version,
        bool(flags & _TRAINING),
        check,
        region=region,
        modes=modes_of(modes.split()),
        group=group,
        valid_from=first,
        valid_until=last,
        parent=parent,
        state=State(state),
        ceremony=ceremony,
        exportable=bool(flags & _EXPORTABLE),
    )
    return Held(info, Secret(reader.part(2)))


class _Reader:
    """Parts of a buffer, one after another, as views."""

    def __init__(self, view: memoryview) -> None:
        self._view, self._place = view, 0

    def take(self, size: int) -> memoryview:
        part = self._view[self._place : self._place + size]
        if len(part) != size:
            raise FileRefused("body")
        self._place += size
        return part

    def part(self, width: int) -> memoryview:
        return self.take(int.from_bytes(self.take(width), "big"))

    def text(self) -> str:
        return str(self.part(2), "utf-8")

    def done(self) -> None:
        if self._place != len(self._view):
            raise FileRefused("body")
