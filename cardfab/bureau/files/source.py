"""An issuer's batch file, read in chunks: opened, verified and counted by a first pass, its rows given by each pass."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cardfab.bureau.files.envelope import opened
from cardfab.bureau.files.reading import Seen, read
from cardfab.bureau.files.recipient import Recipient, Signer, Trust
from cardfab.bureau.files.refusal import FileRefused
from cardfab.bureau.files.signed import SignedContent
from cardfab.errors import Text
from cardfab.prepare.finding import RequestFileRefused, WrongRow
from cardfab.prepare.table import Row
from cardfab.profile.layout import Layout

CHUNK: Final = 1 << 16
"""Bytes read at once."""
_CMS: Final = bytes.fromhex("06092A864886F70D0107")
"""How the object identifier of every CMS content begins."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a whole pass found out about a file. ``rows`` has the ``wrong`` ones in it; their form alone was judged."""

    rows: int
    wrong: int
    size: int
    """Bytes of the file as it lies there."""
    file_digest: bytes
    """SHA-256 of the file as it lies there."""
    digest: bytes
    """SHA-256 of the clear content."""
    signer: Signer | None
    """Who signed; None for a file that is not sealed."""
    opening: Mapping[str, str] = field(default_factory=dict)
    """What the layout's patterns found in the line before the rows: ``rows`` and names of the layout."""
    closing: Mapping[str, str] = field(default_factory=dict)
    """The same of the line after them."""


class Source:
    """A file that :func:`open_source` opened. Each call of :meth:`rows` reads it anew, from the first byte to the last.

    Nothing of a file may be kept before a pass over it has ended without an error: until then it is not known who
    signed, nor whether it is whole.
    """

    def __init__(
        self, path: Path, layout: Layout, keys_of_bureau: Recipient | None, trust: Trust | None, now: datetime
    ) -> None:
        self.path = path
        self.layout = layout
        self._keys, self._trust, self._now = keys_of_bureau, trust, now
        self._counted: Counted | None = None

    @property
    def counted(self) -> Counted:
        """Of the first whole pass; raises RuntimeError before there was one."""
        if self._counted is None:
            raise RuntimeError("no pass over the file has come to its end")
        return self._counted

    @property
    def digest(self) -> bytes:
        """SHA-256 of the clear content, after a whole pass."""
        return self.counted.digest

    @property
    def signer(self) -> Signer | None:
        """Who signed the file, after a whole pass; None for a file that is not sealed."""
        return self.counted.signer

    def check(self) -> Counted:
        """Pass one: the whole file verified and counted, no row kept; raises what :meth:`rows` raises."""
        for _ in self.rows():
            pass
        return self.counted

    def rows(self) -> Iterator[Row | WrongRow]:
        """The rows in their order, as columns of a request file, or what is wrong with the form of one.

        Raises FileRefused (CF-346x, CF-347x) for a file that does not open, is cut, changed or a stranger's, and
        RequestFileRefused (CF-3301) for one that is no table of its layout, the line named; both also at the very
        end. A sealed file whose content is refused is read to its end first, so that a stranger's content is not
        judged.
        """
        with self._open() as fd:
            file = _Chunks(fd)
            sealed = self._sealed(file)
            content = _Digested(file if sealed is None else iter(sealed))
            seen = Seen()
            try:
                yield from read(content, self.layout, seen)
            except RequestFileRefused:
                if sealed is not None:
                    for _ in content:
                        pass
                raise
            for _ in content:  # a reader may stop at the end of its own structure
                pass
            counted = Counted(
                rows=seen.rows,
                wrong=seen.wrong,
                size=file.size,
                file_digest=file.digest.digest(),
                digest=content.digest.digest(),
                signer=None if sealed is None else sealed.signer,
                opening=dict(seen.opening),
                closing=dict(seen.closing),
            )
        self._settle(counted)

    def _open(self) -> _Closing:
        try:
            return _Closing(os.open(self.path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise FileRefused(
                Text(f"{self.path} cannot be read: {why}.", f"无法读取 {self.path}：{why}。"),
                do=Text("Correct the path.", "请更正路径。"),
                code="CF-3470",
            ) from None

    def _sealed(self, file: _Chunks) -> SignedContent | None:
        head = file.head()
        if self._keys is None or self._trust is None:
            if head[:1] == b"\x30" and _CMS in head[:32]:
                raise FileRefused(
                    Text("The file is encrypted or signed (CMS).", "文件经过加密或签名（CMS）。"),
                    do=Text("Import it with --cms.", "请使用 --cms 导入。"),
                    code="CF-3463",
                )
            return None
        return SignedContent(opened(file, self._keys), self._trust, self._now)

    def _settle(self, counted: Counted) -> None:
        if self._counted is not None and self._counted != counted:
            raise FileRefused(
                Text("The file was changed between two readings.", "文件在两次读取之间被改动。"),
                do=Text("Nothing was taken in. Import it again.", "未接收任何内容，请重新导入。"),
                code="CF-3475",
            )
        self._counted = counted


def open_source(
    path: Path,
    layout: Layout,
    *,
    keys_of_bureau: Recipient | None = None,
    trust: Trust | None = None,
    now: datetime | None = None,
) -> Source:
    """A batch file of a layout: plain; where ``keys_of_bureau`` and ``trust`` are given, signed and then encrypted.

    ``now`` judges the validity of the signer's certificate (default: this moment). Nothing is read yet.
    """
    if (keys_of_bureau is None) is not (trust is None):
        raise ValueError("a sealed file needs the bureau's key and the issuers' certificates, a plain one neither")
    return Source(path, layout, keys_of_bureau, trust, now or datetime.now(UTC))


class _Closing:
    """A file descriptor that is closed."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __enter__(self) -> int:
        return self._fd

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


class _Chunks:
    """The bytes of a file with their digest; the first chunk may be looked at beforehand."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._held: bytes | None = None
        self.size = 0
        self.digest = hashlib.sha256()

    def head(self) -> bytes:
        if self._held is None:
            self._held = self._read()
        return self._held

    def _read(self) -> bytes:
        chunk = os.read(self._fd, CHUNK)
        self.digest.update(chunk)
        self.size += len(chunk)
        return chunk

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = self.head()
        self._held = None
        if not chunk:
            raise StopIteration
        return chunk


class _Digested:
    """Chunks that pass, and the digest of them."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        self.digest.update(chunk)
        return chunk
