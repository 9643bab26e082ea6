"""BER read from a stream: what stands around content of any length, definite (DER) or indefinite, never more than a
chunk of it in memory.

Whole elements, the small parts, are given as bytes for asn1crypto; what carries the content is entered and left.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cardfab.bureau.files.refusal import broken, cut

SEQUENCE: Final = 0x30
SET: Final = 0x31
INTEGER: Final = 0x02
OCTETS: Final = 0x04
OID: Final = 0x06
CONSTRUCTED: Final = 0x20
CONTEXT: Final = 0x80

LARGEST_PART: Final = 1 << 18
"""Bytes of an element that is held whole."""
_PIECE: Final = 1 << 16


class Ber:
    """Elements of one structure, in order. Positions are bytes from its start; every refusal names one.

    Raises FileRefused: CF-3461 where the bytes end, CF-3462 where they are something else than was asked for.
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._held = b""
        self._at = 0
        self._ends: list[int | None] = []
        self.position = 0

    # -- structure -----------------------------------------------------------------------------------------------------

    def enter(self, tag: int) -> None:
        """Into a constructed element."""
        self._ends.append(self._header(tag))

    def leave(self) -> None:
        """Out of it; nothing may be left in it."""
        end = self._ends.pop()
        if end is None:
            self._end_of_contents()
        elif self.position != end:
            raise broken(self.position, "there is more in an element than is known", "元素中有未知内容")

    def peek(self) -> int | None:
        """The tag of the next element in the one entered; None at its end."""
        end = self._ends[-1] if self._ends else None
        if end is not None and self.position == end:
            return None
        self._fill(1)
        tag = self._held[self._at]
        return None if tag == 0 and self._ends and end is None else tag

    def part(self, tag: int) -> bytes:
        """A whole element of definite length, its header with it."""
        start = self.position
        self._fill(2)
        head = self._held[self._at : self._at + 2]
        if head[0] != tag:
            raise _unexpected(start)
        extra = head[1] & 0x7F if head[1] > 0x80 else 0
        if head[1] == 0x80 or extra > 3:
            raise broken(start, "a part has no length, or too long a one", "部件没有长度或过长")
        self._fill(2 + extra)
        header = self._held[self._at : self._at + 2 + extra]
        length = int.from_bytes(header[2:], "big") if extra else head[1]
        if length > LARGEST_PART:
            raise broken(start, f"a part is longer than {LARGEST_PART} bytes", f"部件超过 {LARGEST_PART} 字节")
        self._within(start + len(header) + length)
        return self._take(len(header) + length)

    def octets(self, tag: int) -> Iterator[bytes]:
        """The content of an octet string of this primitive tag, whole or in segments."""
        found = self.peek()
        if found == tag | CONSTRUCTED:
            self.enter(found)
            while self.peek() is not None:
                yield from self._primitive(OCTETS)
            self.leave()
        else:
            yield from self._primitive(tag)

    def finish(self) -> None:
        """The structure has ended, and so must the bytes."""
        if self._available():
            raise broken(self.position, "there are bytes after the end", "结尾之后还有数据")

    # -- bytes ---------------------------------------------------------------------------------------------------------

    def _primitive(self, tag: int) -> Iterator[bytes]:
        start = self.position
        end = self._header(tag)
        if end is None:
            raise broken(start, "an octet string has no length", "八位组串没有长度")
        while self.position < end:
            if not self._available():
                raise cut(self.position)
            yield self._take(min(end - self.position, len(self._held) - self._at, _PIECE))

    def _header(self, tag: int) -> int | None:
        """Reads a header; where its element ends, None for an indefinite length."""
        start = self.position
        if self._take(1)[0] != tag:
            raise _unexpected(start)
        length = self._take(1)[0]
        if length == 0x80:
            if not tag & CONSTRUCTED:
                raise broken(start, "a primitive element has no length", "基本元素没有长度")
            return None
        if length > 0x88:
            raise broken(start, "a length of more than 8 bytes", "长度超过 8 字节")
        if length > 0x80:
            length = int.from_bytes(self._take(length & 0x7F), "big")
        end = self.position + length
        self._within(end)
        return end

    def _within(self, end: int) -> None:
        outer = next((one for one in reversed(self._ends) if one is not None), None)
        if outer is not None and end > outer:
            raise broken(self.position, "an element is longer than what it stands in", "元素超出其所在结构")

    def _end_of_contents(self) -> None:
        start = self.position
        if self._take(2) != b"\0\0":
            raise broken(start, "there is more in an element than is known", "元素中有未知内容")

    def _available(self) -> bool:
        while self._at == len(self._held):
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self._held, self._at = chunk, 0
        return True

    def _fill(self, length: int) -> None:
        """So many bytes at hand without taking them."""
        while len(self._held) - self._at < length:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise cut(self.position + len(self._held) - self._at)
            self._held, self._at = self._held[self._at :] + chunk, 0

    def _take(self, length: int) -> bytes:
        self._fill(length)
        taken = self._held[self._at : self._at + length]
        self._at += length
        self.position += length
        return taken


def _unexpected(at: int) -> Exception:
    return broken(at, "another element is expected there", "此处应为其他元素")
