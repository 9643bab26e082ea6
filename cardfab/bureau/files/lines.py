"""Text out of chunks of bytes, piece by piece: decoded strictly, with a limit, the line known of everything refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from cardfab.bureau.files.refusal import at_line

ROW_BYTES: Final = 1 << 16
"""The longest row, in bytes of the file."""

Encoding = Literal["utf-8", "gb18030"]
_NAMES: Final = {"utf-8": "UTF-8", "gb18030": "GB18030"}
_BOM: Final = b"\xef\xbb\xbf"


class Pieces:
    """The text of a file in pieces, each up to and with the byte ``end``, which stands for itself in both encodings.

    Raises RequestFileRefused, the line named, for bytes that are not of the encoding (so also where it changes within
    the file), for NUL, and for a row longer than :data:`ROW_BYTES`: whoever takes the pieces says where one ends.
    """

    def __init__(self, chunks: Iterator[bytes], encoding: Encoding, end: bytes = b"\n") -> None:
        self._pieces = _split(chunks, end)
        self._encoding = encoding
        self._line = 1
        self._of_row = 0
        self._begun = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        piece = next(self._pieces)
        if not self._begun and self._encoding == "utf-8":
            piece = piece.removeprefix(_BOM)
        self._begun = True
        self._of_row += len(piece)
        if b"\0" in piece:
            raise at_line(
                self._line_of(piece, piece.index(b"\0")),
                "It holds a NUL character. The file is damaged, or no text.",
                "含有空字符（NUL）。文件已损坏或不是文本文件。",
            )
        if self._of_row > ROW_BYTES:
            raise at_line(
                self._line,
                f"A row is longer than {ROW_BYTES} bytes. No row of a holder is; look for a quotation mark too few.",
                f"一行超过 {ROW_BYTES} 字节，不可能是一名持卡人的数据。请检查引号是否成对。",
            )
        text = self._decoded(piece)
        self._line += piece.count(b"\n")
        return text

    def row_ends(self) -> None:
        """What comes next is of another row."""
        self._of_row = 0

    def _decoded(self, piece: bytes) -> str:
        wanted = _NAMES[self._encoding]
        try:
            text = piece.decode(self._encoding)
        except UnicodeDecodeError as error:
            raise at_line(
                self._line_of(piece, error.start),
                f"It is not {wanted}, as the layout says. One file has one encoding.",
                f"不是版式规定的 {wanted} 编码。同一文件须使用同一编码。",
            ) from None
        if self._encoding == "gb18030" and not piece.isascii() and _reads_as_utf8(piece):
            raise at_line(
                self._line,
                f"It is UTF-8, not {wanted}, as the layout says. One file has one encoding.",
                f"是 UTF-8 编码，不是版式规定的 {wanted}。同一文件须使用同一编码。",
            )
        return text

    def _line_of(self, piece: bytes, at: int) -> int:
        return self._line + piece.count(b"\n", 0, at)


def _reads_as_utf8(piece: bytes) -> bool:
    """Whether GB18030 text is much rather UTF-8: most UTF-8 decodes as rare characters of GB18030.

    It must be UTF-8 with a character of three bytes, and no GB 2312, which nearly all text of a register is.
    """
    try:
        if all(ord(one) < 0x800 for one in piece.decode("utf-8")):
            return False
    except UnicodeDecodeError:
        return False
    try:
        piece.decode("gb2312")
    except UnicodeDecodeError:
        return True
    return False


def _split(chunks: Iterator[bytes], end: bytes) -> Iterator[bytes]:
    held = b""
    for chunk in chunks:
        parts = chunk.split(end)
        parts[0] = held + parts[0]
        held = parts.pop()
        for part in parts:
            yield part + end
        if len(held) > ROW_BYTES or b"\0" in held:
            yield held  # it is refused there
            held = b""
    if held:
        yield held
