"""A sealed backup: pieces under a key of this one file, each bound to its place, the last one to being the last.

``CFBACKUP1`` | salt (16) | pieces: length (4) | nonce | ciphertext | tag. The key comes from a passphrase by Argon2id.
A file that was cut, changed or put together from others does not open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

from cardfab.crypto import SealBroken, seal, unseal
from cardfab.crypto.seal import NONCE, TAG, argon2id
from cardfab.errors import InputRefused, Text

_MAGIC: Final = b"CFBACKUP1"
_SALT, _PIECE = 16, 1 << 20
_PASSES, _KIB, _LANES = 3, 64 * 1024, 4
"""RFC 9106 section 4, second recommended option."""


class BackupRefused(InputRefused):
    """The backup is damaged, of something else, or the passphrase is not its own."""

    default_code = "CF-3707"

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(
            Text(f"The backup is refused: {en}.", f"备份被拒绝：{zh}。"),
            do=Text("Check the passphrase; else take another copy.", "请核对口令，或改用另一份备份。"),
        )


class SealedWriter:
    """A file-like object that seals what is written to it; :meth:`finish` it, or the file does not open."""

    def __init__(self, out: BinaryIO, word: bytearray, random: Callable[[int], bytes]) -> None:
        self._out, self._random, self._number, self._waiting = out, random, 0, bytearray()
        salt = random(_SALT)
        self._key = argon2id(word, salt, passes=_PASSES, kib=_KIB, lanes=_LANES)
        out.write(_MAGIC + salt)

    def write(self, data: bytes) -> int:
        self._waiting += data
        while len(self._waiting) > _PIECE:
            self._put(bytes(self._waiting[:_PIECE]), last=False)
            del self._waiting[:_PIECE]
        return len(data)

    def finish(self) -> None:
        """The last piece; the key is wiped."""
        self._put(bytes(self._waiting), last=True)
        self._key[:] = bytes(len(self._key))

    def _put(self, piece: bytes, *, last: bool) -> None:
        sealed = seal(self._key, piece, _place(self._number, last), self._random)
        self._out.write(len(sealed).to_bytes(4, "big") + sealed)
        self._number += 1


class SealedReader:
    """The inverse, for reading from the start to the end. Raises :class:`BackupRefused`."""

    def __init__(self, file: BinaryIO, word: bytearray) -> None:
        head = file.read(len(_MAGIC) + _SALT)
        if not head.startswith(_MAGIC) or len(head) != len(_MAGIC) + _SALT:
            raise BackupRefused("this is no backup of a station", "不是制卡点备份文件")
        self._key = argon2id(word, head[len(_MAGIC) :], passes=_PASSES, kib=_KIB, lanes=_LANES)
        self._pieces, self._left = self._opened(file), b""

    def read(self, size: int = -1) -> bytes:
        parts, wanted = [self._left], size if size >= 0 else 1 << 62
        while sum(map(len, parts)) < wanted and (piece := next(self._pieces, None)) is not None:
            parts.append(piece)
        whole = b"".join(parts)
        self._left = whole[wanted:]
        return whole[:wanted]

    def _opened(self, file: BinaryIO) -> Iterator[bytes]:
        number = 0
        while True:
            size = int.from_bytes(file.read(4), "big")
            sealed = file.read(size) if NONCE + TAG <= size <= _PIECE + NONCE + TAG else b""
            try:
                yield unseal(self._key, sealed, _place(number, last=False))
            except SealBroken:
                try:
                    yield unseal(self._key, sealed, _place(number, last=True))
                except SealBroken as broken:
                    raise BackupRefused("it is damaged, or the passphrase is wrong", "文件损坏或口令错误") from broken
                if file.read(1):
                    raise BackupRefused("something lies behind its end", "文件末尾有多余内容") from None
                return
            number += 1


def _place(number: int, last: bool) -> bytes:
    return _MAGIC + number.to_bytes(8, "big") + (b"L" if last else b"-")
