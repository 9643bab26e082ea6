"""Many keys in one pass: the factors of a shard into one array, one cipher call, one buffer that its owner wipes.

What the cipher enciphers is laid out with numpy; what comes out of it is in one ``bytearray`` and in no other place.
(20,000 keys cut into ``bytes`` and dropped were all still readable in memory; in one wiped buffer none was.)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cardfab.crypto import Algorithm, Buffer, CipherRefused
from cardfab.crypto.an10922 import CONSTANTS, subkeys
from cardfab.crypto.cipher import encrypt_ecb_into, room
from cardfab.crypto.derive import scp03_texts, ss_factors, ss_text
from cardfab.crypto.emv import decimalised
from cardfab.errors import Text
from cardfab.keys import schemes as named
from cardfab.keys.secret import Secret

if TYPE_CHECKING:
    from cardfab.keys.schemes import Row, Scheme

Bytes = npt.NDArray[np.uint8]
_MARK = ord("|")
Encipher = Callable[[Buffer, bytearray], memoryview]
"""ECB of whole blocks into a buffer of :func:`cardfab.crypto.cipher.room` bytes; gives the view of what was written."""


class KeyBatch:
    """The keys of many rows in one buffer, wiped on the way out of ``with``. ``batch[n]`` is a view of row n's keys."""

    __slots__ = ("_buffer", "_each", "keys", "rows")

    def __init__(self, buffer: bytearray, rows: int, keys: int, length: int) -> None:
        self._buffer, self._each = buffer, length
        self.rows, self.keys = rows, keys

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, row: int) -> memoryview:
        """All keys of a row, one after the other."""
        size = self.keys * self._each
        if not 0 <= row < self.rows:
            raise IndexError(f"there are {self.rows} rows")
        return memoryview(self._buffer)[row * size : (row + 1) * size]

    def key(self, row: int, number: int = 0) -> memoryview:
        """One key of a row, by its place in what the scheme gives."""
        if not 0 <= number < self.keys:
            raise IndexError(f"a row has {self.keys} keys")
        return self[row][number * self._each : (number + 1) * self._each]

    def __iter__(self) -> Iterator[memoryview]:
        return (self[row] for row in range(self.rows))

    def wipe(self) -> None:
        """Overwrite every key with zeros."""
        memoryview(self._buffer)[:] = bytes(len(self._buffer))

    def __repr__(self) -> str:
        return f"<{self.rows * self.keys} keys of {self._each} bytes>"

    def __reduce__(self) -> str:
        raise TypeError("keys are not pickled")

    def __enter__(self) -> KeyBatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.wipe()


def many(scheme: Scheme, algorithm: Algorithm, root: Buffer | Encipher, rows: Sequence[Row]) -> KeyBatch:
    """See :meth:`cardfab.keys.schemes.Scheme.many`."""
    length = len(root) if isinstance(root, bytes | bytearray | memoryview) else 16
    cipher = _cipher(algorithm, root)
    if not rows:
        return KeyBatch(bytearray(), 0, len(scheme.gives), length)
    try:
        if len(rows[0]) != len(scheme.takes):
            raise CipherRefused(f"a row is {', '.join(scheme.takes)}")
        if not isinstance(scheme, named.InputScheme):  # which takes more than it has paths for
            scheme.stages(algorithm, length, *rows[0])
        return _LAYOUTS[type(scheme)](scheme, algorithm, cipher, length, rows)
    except (CipherRefused, TypeError, ValueError, AttributeError) as refused:
        raise _row_refused(scheme, algorithm, length, rows, refused) from None


def _row_refused(
    scheme: Scheme, algorithm: Algorithm, length: int, rows: Sequence[Row], refused: Exception
) -> Exception:
    """The error of the first row that one() would refuse too, by its place, never by its content."""
    blank = bytes(length)
    for place, row in enumerate(rows, 1):
        try:
            for key in scheme.one(algorithm, blank, *row):
                key.wipe()
        except (CipherRefused, TypeError, ValueError, AttributeError) as why:
            what = str(why) if isinstance(why, CipherRefused) else f"it is not {', '.join(scheme.takes)}"
            return named.SchemeRefused(
                Text(f"Row {place} of {len(rows)}: {what}.", f"第 {place} 行（共 {len(rows)} 行）：{what}。")
            )
    return refused


def _cipher(algorithm: Algorithm, root: Buffer | Encipher) -> Encipher:
    if isinstance(root, bytes | bytearray | memoryview):
        return lambda data, into: encrypt_ecb_into(algorithm, root, data, into)
    return root


def _encipher(algorithm: Algorithm, cipher: Encipher, data: Bytes) -> bytearray:
    """One call over the whole array into a new buffer; the array is cleared, since numbers stand in it."""
    flat = data.reshape(-1)
    into = bytearray(room(algorithm, flat.size))
    try:
        cipher(flat.data, into)
    except BaseException:
        memoryview(into)[:] = bytes(len(into))
        raise
    finally:
        flat.fill(0)
    return into


# -- layouts -----------------------------------------------------------------------------------------------------------


def _pan_rows(scheme: Any, algorithm: Algorithm, cipher: Encipher, length: int, rows: Sequence[Row]) -> KeyBatch:
    width = len(rows[0][0])
    digits = _one_width(rows, width) if 14 <= width <= (16 if scheme.option == "B" else 99) else None
    if digits is None:
        digits = _any_width(rows, hashed=scheme.option == "B")
    pairs = digits.view("<u2")  # two digits, the left one in the low byte
    y = ((pairs << 4) | (pairs >> 8)).astype(np.uint8)
    digits.fill(0)
    return KeyBatch(_encipher(algorithm, cipher, _with_inverse(y)), len(rows), 1, 16)


def _one_width(rows: Sequence[Row], width: int) -> Bytes | None:
    """The last 16 digits of PAN | PSN of every row, where all PANs have ``width`` digits; else None.

    Between two marks a field is as long as their distance: so the width of every row is proved without a loop.
    """
    joined = "|".join(chain.from_iterable(rows)) + "|"
    if len(joined) != len(rows) * (width + 4) or not joined.isascii():
        return None
    text = np.frombuffer(joined.encode("ascii"), np.uint8).reshape(len(rows), width + 4)
    if (text[:, width] != _MARK).any() or (text[:, -1] != _MARK).any():
        return None
    digits = np.empty((len(rows), 16), np.uint8)
    np.subtract(text[:, width - 14 : width], 0x30, out=digits[:, :14])
    np.subtract(text[:, width + 1 : -1], 0x30, out=digits[:, 14:])
    if (digits > 9).any() or (text[:, : width - 14] - np.uint8(0x30) > 9).any():
        raise CipherRefused("a number has digits")
    return digits


def _any_width(rows: Sequence[Row], *, hashed: bool) -> Bytes:
    """The same for PANs of different lengths, and for those that option B hashes; raises CipherRefused."""
    if not all(len(psn) == 2 and pan and (pan + psn).isascii() and (pan + psn).isdigit() for pan, psn in rows):
        raise CipherRefused("a number has digits")
    texts = (_hashed(pan + psn) if hashed and len(pan) > 16 else (pan + psn)[-16:].zfill(16) for pan, psn in rows)
    return np.frombuffer("".join(texts).encode("ascii"), np.uint8).reshape(len(rows), 16) - np.uint8(0x30)


def _with_inverse(factors: Bytes) -> Bytes:
    """f | ~f for each row of 8 bytes."""
    halves = np.ascontiguousarray(factors).view(np.uint64)
    both = np.empty((len(halves), 2), np.uint64)
    both[:, :1] = halves
    np.invert(halves, out=both[:, 1:])
    return both.view(np.uint8)


def _hashed(text: str) -> str:
    """Y of option B (EMV book 2 A1.4.2). Nearly every hash has 16 decimal digits of its own."""
    digest = hashlib.sha1(bytes.fromhex(text if len(text) % 2 == 0 else "0" + text), usedforsecurity=False).hexdigest()
    digits = digest.encode().translate(None, b"abcdef")
    return digits[:16].decode() if len(digits) >= 16 else decimalised(digest, 16)


def _region_rows(scheme: Any, algorithm: Algorithm, cipher: Encipher, length: int, rows: Sequence[Row]) -> KeyBatch:
    """Rows of one city are one call; the keys of the levels above are made once for each."""
    flat = list(chain.from_iterable(rows))
    regions, resets = flat[::2], flat[1::2]
    if len(flat) != 2 * len(rows) or set(map(len, resets)) != {13}:
        raise CipherRefused("a row is a region and 13 historical bytes")
    historical = np.frombuffer(b"".join(resets), np.uint8).reshape(len(rows), 13)
    distinct = sorted(set(regions))
    places = np.array([distinct.index(region) for region in regions]) if len(distinct) > 1 else None
    keys = bytearray(room(algorithm, 16 * len(rows)))
    for number, region in enumerate(distinct):
        chosen = slice(None) if places is None else places == number
        blocks = _with_inverse(historical[chosen][:, 5:])
        with _upper(scheme.done, algorithm, cipher, region) as above:
            part = _encipher(algorithm, _cipher(algorithm, above.view()) if len(above) else cipher, blocks)
        if places is None:
            return KeyBatch(part, len(rows), 1, 16)
        whole = np.frombuffer(keys, np.uint8)[: 16 * len(rows)].reshape(len(rows), 16)
        whole[chosen] = np.frombuffer(part, np.uint8)[: blocks.size].reshape(-1, 16)
        memoryview(part)[:] = bytes(len(part))
    return KeyBatch(keys, len(rows), 1, 16)


def _upper(done: int, algorithm: Algorithm, cipher: Encipher, region: str) -> Secret:
    """The key of the region, from the levels that are not done yet; empty where the root is the region's own."""
    key = Secret(b"")
    for factor in ss_factors(region, bytes(13))[done:2]:
        into = bytearray(room(algorithm, 16))
        with key as above:
            made = (_cipher(algorithm, above.view()) if len(above) else cipher)(ss_text(algorithm, factor), into)
            key = Secret(made)
        memoryview(into)[:] = bytes(len(into))
    return key


def _chip_rows(scheme: Any, algorithm: Algorithm, cipher: Encipher, length: int, rows: Sequence[Row]) -> KeyBatch:
    """A row is three messages that differ in places: those are found once, and the data of all rows laid into them."""
    kdd = np.frombuffer(b"".join(row[0] for row in rows), np.uint8).reshape(len(rows), 10)
    if any(len(row) != 1 or len(row[0]) != 10 for row in rows):
        raise CipherRefused("key diversification data has 10 bytes")
    texts = [scheme.template.material(bytes(10), index, length)[1] for index in (1, 2, 3)]
    probes = [scheme.template.material(bytes(range(0xC0, 0xCA)), index, length)[1] for index in (1, 2, 3)]
    count, size = len(texts[0]), len(texts[0][0])
    data = np.empty((len(rows), 3, count, size), np.uint8)
    for index in range(3):
        for block in range(count):
            for place, (fixed, probe) in enumerate(zip(texts[index][block], probes[index][block], strict=True)):
                data[:, index, block, place] = fixed if fixed == probe else kdd[:, probe - 0xC0]
    if scheme.template.mode == "CMAC":
        made = _cmacs(algorithm, cipher, data.reshape(-1, size))
        size = 16
    else:
        made = _encipher(algorithm, cipher, data)
    return KeyBatch(_cut(made, 3 * len(rows), count * size, length), len(rows), 3, length)


def _session_rows(scheme: Any, algorithm: Algorithm, cipher: Encipher, length: int, rows: Sequence[Row]) -> KeyBatch:
    flat = list(chain.from_iterable(rows))
    contexts, constants = flat[::2], flat[1::2]
    if len(flat) != 2 * len(rows) or set(map(len, contexts)) != {16}:
        raise CipherRefused("a row is a context of 16 bytes and a constant")
    texts = scp03_texts(0, bytes(16), length)
    data = np.empty((len(rows), len(texts), len(texts[0])), np.uint8)
    data[:] = np.frombuffer(b"".join(texts), np.uint8).reshape(len(texts), -1)
    data[:, :, 11] = np.frombuffer(bytes(constants), np.uint8)[:, None]
    data[:, :, -16:] = np.frombuffer(b"".join(contexts), np.uint8).reshape(len(rows), 1, 16)
    made = _cmacs(algorithm, cipher, data.reshape(-1, len(texts[0])))
    return KeyBatch(_cut(made, len(rows), 16 * len(texts), length), len(rows), 1, length)


def _input_rows(scheme: Any, algorithm: Algorithm, cipher: Encipher, length: int, rows: Sequence[Row]) -> KeyBatch:
    """AN10922: constant | input, filled to two blocks."""
    constants, block = CONSTANTS.get((algorithm, length), b""), algorithm.block
    widths = [len(row[0]) for row in rows]
    if not constants or min(widths) < 1 or max(widths) > 2 * block - 1 or any(len(row) != 1 for row in rows):
        raise CipherRefused(f"a diversification input has 1 to {2 * block - 1} bytes")
    filled = b"".join((bytes(row[0]) + b"\x80").ljust(2 * block, b"\x00")[: 2 * block - 1] for row in rows)
    data = np.empty((len(rows), len(constants), 2 * block), np.uint8)
    for number, constant in enumerate(constants):
        data[:, number, 0] = constant
        data[:, number, 1:] = np.frombuffer(filled, np.uint8).reshape(len(rows), -1)
    whole = np.repeat(np.array(widths) < 2 * block - 1, len(constants))
    made = _cmacs(algorithm, cipher, data.reshape(-1, 2 * block), filled=whole)
    if (algorithm, length) == (Algorithm.AES, 24):
        return KeyBatch(_overlapped(made, len(rows)), len(rows), 1, length)
    return KeyBatch(_cut(made, len(rows), block * len(constants), length), len(rows), 1, length)


def _cmacs(
    algorithm: Algorithm, cipher: Encipher, data: Bytes, *, filled: npt.NDArray[np.bool_] | None = None
) -> bytearray:
    """CMACs of messages of one length, a row each, one cipher call a block (NIST SP 800-38B, 6.2).

    ``filled`` says which rows are whole blocks by their filling; without it all are as the message is.
    """
    block, zero = algorithm.block, bytearray(room(algorithm, algorithm.block))
    k1, k2 = (np.frombuffer(key, np.uint8) for key in subkeys(cipher(bytes(block), zero)))
    lacking = -data.shape[1] % block
    padded = np.zeros((len(data), data.shape[1] + lacking), np.uint8)
    padded[:, : data.shape[1]] = data
    if lacking:
        padded[:, data.shape[1]] = 0x80
    last = padded[:, -block:]
    if filled is None:
        last ^= k2 if lacking else k1
    else:
        last ^= np.where(filled[:, None], k2, k1)
    state = bytearray()
    for start in range(0, padded.shape[1], block):
        part = np.ascontiguousarray(padded[:, start : start + block])
        if state:
            part ^= np.frombuffer(state, np.uint8)[: part.size].reshape(part.shape)
            memoryview(state)[:] = bytes(len(state))
        state = _encipher(algorithm, cipher, part)
    return state


def _cut(made: bytearray, count: int, size: int, length: int) -> bytearray:
    """The first ``length`` bytes of each of ``count`` pieces of ``size``; the longer buffer is wiped."""
    if size == length:
        return made
    if size < length:
        raise CipherRefused(f"this gives {size} bytes, the root has {length}")
    kept = bytearray(count * length)
    np.frombuffer(kept, np.uint8).reshape(count, length)[:] = np.frombuffer(made, np.uint8)[: count * size].reshape(
        count, size
    )[:, :length]
    memoryview(made)[:] = bytes(len(made))
    return kept


def _overlapped(made: bytearray, count: int) -> bytearray:
    """AES-192: the second half of the first CMAC and the first of the second are one (AN10922, 2.3)."""
    parts = np.frombuffer(made, np.uint8)[: 32 * count].reshape(count, 32)
    kept = bytearray(24 * count)
    keys = np.frombuffer(kept, np.uint8).reshape(count, 24)
    keys[:, :8], keys[:, 8:16], keys[:, 16:] = parts[:, :8], parts[:, 8:16] ^ parts[:, 16:24], parts[:, 24:]
    memoryview(made)[:] = bytes(len(made))
    return kept


_LAYOUTS: dict[type, Callable[..., KeyBatch]] = {
    named.PanScheme: _pan_rows,
    named.RegionScheme: _region_rows,
    named.ChipScheme: _chip_rows,
    named.SessionScheme: _session_rows,
    named.InputScheme: _input_rows,
}
