"""The header of an X9.143 (TR-31) key block: the attributes that are bound to the key, in clear before it.

Paragraphs and tables are those of ANSI X9.143:2021. The value knows form alone;
which codes this house writes and takes is in :mod:`cardfab.keys.keyblock.codes`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from cardfab.errors import KeyFault, Text

VERSIONS = "ABCD"
"""A and C bind by a variant of the KBPK, B by TDEA derivation, D by AES derivation (7)."""
FIXED = 16
"""Characters of the fixed part (6.2, table 1)."""
LONGEST = 9999
"""The length field has four digits."""

_USAGE = re.compile("[A-Z][0-9]|[0-9]{2}")
_MODES = "BCDEGNSTVXY"
_MODE = re.compile(f"[{_MODES}0-9]")
_ALGORITHM = re.compile("[ADEHIJRST0-9]")
_VERSION_NUMBER = re.compile("[0-9A-Za-z]{2}")
_ID = re.compile("[A-Z0-9]{2}")
_PRINTABLE = re.compile("[ -~]*")


class KeyBlockRefused(KeyFault):
    """A key block that cannot be read or written; ``field`` names which part of it."""

    default_code = "CF-6600"

    def __init__(self, field: str, what: Text, *, code: str | None = None, do: Text | None = None) -> None:
        super().__init__(
            Text(f"Key block, {field}: {what.en}.", f"密钥块，{FIELDS.get(field, field)}：{what.zh}。"),
            code=code,
            do=do,
        )
        self.field = field


FIELDS = {
    "version": "版本",
    "length": "长度",
    "key usage": "密钥用途",
    "algorithm": "算法",
    "mode of use": "使用方式",
    "key version": "密钥版本",
    "exportability": "可导出性",
    "number of optional blocks": "可选块数",
    "key context": "密钥环境",
    "reserved": "保留位",
    "encrypted key": "密钥密文",
    "MAC": "MAC",
    "key length": "密钥长度",
    "KBPK": "密钥块保护密钥",
    "characters": "字符",
}
"""The parts by name, in Chinese; an optional block is named by its id."""


@dataclass(frozen=True, slots=True)
class OptionalBlock:
    """One optional block (6.3.6, table 7): an id of two characters, printable data."""

    id: str
    data: str

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise KeyBlockRefused(
                "optional block", Text("an id has two capitals or digits", "标识须为两位大写字母或数字")
            )
        if not _PRINTABLE.fullmatch(self.data):
            raise KeyBlockRefused(
                f"optional block {self.id}", Text("data is not printable ASCII", "数据含不可打印字符")
            )

    def encoded(self) -> str:
        """Id, length, data: two hex digits of length, or 00, the number of length digits (04) and the length.

        The length counts the whole block, from its id on (6.2, table 1; the examples 8.5 and 8.6 have the long form).
        """
        short = 4 + len(self.data)
        if short <= 0xFF:
            return f"{self.id}{short:02X}{self.data}"
        return f"{self.id}0004{short + 6:04X}{self.data}"


@dataclass(frozen=True, slots=True)
class Header:
    """The attributes of the key inside (6.2, table 1; 6.3, tables 2 to 7). Raises KeyBlockRefused for what has no form.

    ``version_number`` is ``00`` where none is used, ``c`` and a digit for a component, else two letters or digits of
    the owner. ``context`` 0 as the KBPK's, 1 storage, 2 exchange. ``blocks`` are the optional ones without PB,
    which is added and taken off on the way.
    """

    version: str
    usage: str
    algorithm: str
    mode: str
    version_number: str = "00"
    exportability: str = "N"
    blocks: tuple[OptionalBlock, ...] = ()
    context: str = "0"

    def __post_init__(self) -> None:
        _one_of("version", self.version, VERSIONS)
        for field, value, form in (
            ("key usage", self.usage, _USAGE),
            ("algorithm", self.algorithm, _ALGORITHM),
            ("mode of use", self.mode, _MODE),
            ("key version", self.version_number, _VERSION_NUMBER),
        ):
            if not form.fullmatch(value):
                raise KeyBlockRefused(field, Text(f"there is no code '{value}'", f"没有代码“{value}”"))
        _one_of("exportability", self.exportability, "ENS")
        _one_of("key context", self.context, "012")
        ids = [block.id for block in self.blocks]
        if "PB" in ids:
            raise KeyBlockRefused("optional block PB", Text("padding is not given, it is made", "填充块由程序生成"))
        if len(set(ids)) != len(ids):
            twice = next(one for one in ids if ids.count(one) > 1)
            raise KeyBlockRefused(f"optional block {twice}", Text("it stands there twice", "重复出现"))

    @property
    def block(self) -> int:
        """Bytes to whose multiples header and ciphertext are filled: of the KBPK's cipher."""
        return 16 if self.version == "D" else 8

    @property
    def mac(self) -> int:
        """Bytes of the MAC (7)."""
        return {"A": 4, "B": 8, "C": 4, "D": 16}[self.version]

    def get(self, identifier: str) -> str | None:
        """The data of an optional block, None where it is not there."""
        return next((block.data for block in self.blocks if block.id == identifier), None)

    def with_block(self, identifier: str, data: str) -> Header:
        """The same with one more optional block, or another value of it."""
        kept = tuple(block for block in self.blocks if block.id != identifier)
        return replace(self, blocks=(*kept, OptionalBlock(identifier, data)))

    def encoded(self, rest: int) -> str:
        """As it stands before ``rest`` more characters of ciphertext and MAC."""
        optional, count = "".join(block.encoded() for block in self.blocks), len(self.blocks)
        if lacking := -(FIXED + len(optional)) % self.block:
            # PB fills the header to whole blocks, itself four characters at least (6.3.6).
            lacking += self.block if lacking < 4 else 0
            optional, count = optional + OptionalBlock("PB", "0" * (lacking - 4)).encoded(), count + 1
        length = FIXED + len(optional) + rest
        if count > 99:
            raise KeyBlockRefused("number of optional blocks", Text("99 at most", "最多 99 个"))
        if length > LONGEST:
            raise KeyBlockRefused(
                "length", Text(f"{length} characters, {LONGEST} at most", f"{length} 字符，最多 {LONGEST}")
            )
        fixed = f"{self.version}{length:04d}{self.usage}{self.algorithm}{self.mode}{self.version_number}"
        return f"{fixed}{self.exportability}{count:02d}{self.context}0{optional}"

    @classmethod
    def read(cls, block: str) -> tuple[Header, int]:
        """The header at the start of a key block, and how many characters it has; raises KeyBlockRefused."""
        if not _PRINTABLE.fullmatch(block):
            raise KeyBlockRefused("characters", Text("a key block is printable ASCII", "密钥块须为可打印 ASCII 字符"))
        if len(block) < FIXED:
            raise KeyBlockRefused(
                "length", Text(f"{len(block)} characters are no header", f"{len(block)} 字符不足文件头长度")
            )
        version = _one_of("version", block[0], VERSIONS)
        said = _digits("length", block[1:5])
        if said != len(block) or said % (16 if version == "D" else 8):
            raise KeyBlockRefused(
                "length",
                Text(f"it says {said}, the block has {len(block)} characters", f"标注 {said}，实际 {len(block)} 字符"),
            )
        blocks, end = _optional(block, _digits("number of optional blocks", block[12:14]))
        if end % (16 if version == "D" else 8):
            raise KeyBlockRefused(
                "optional blocks", Text("the header is not filled to whole blocks", "文件头未填充至整块")
            )
        _one_of("reserved", block[15], "0")
        header = cls(
            version, block[5:7], block[7], block[8], block[9:11], block[11],
            tuple(one for one in blocks if one.id != "PB"), block[14],
        )  # fmt: skip
        return header, end


def _one_of(field: str, value: str, allowed: str) -> str:
    if len(value) != 1 or value not in allowed:
        raise KeyBlockRefused(
            field, Text(f"'{value}' is none of {', '.join(allowed)}", f"“{value}”不在 {'、'.join(allowed)} 之内")
        )
    return value


def _digits(field: str, text: str) -> int:
    if not re.fullmatch("[0-9]+", text):
        raise KeyBlockRefused(field, Text(f"'{text}' is no number", f"“{text}”不是数字"))
    return int(text)


def _length(identifier: str, text: str) -> int:
    if not re.fullmatch("[0-9A-F]+", text):
        raise KeyBlockRefused(f"optional block {identifier}", Text(f"'{text}' is no length", f"“{text}”不是长度"))
    return int(text, 16)


def _optional(block: str, count: int) -> tuple[list[OptionalBlock], int]:
    """The optional blocks and where they end (6.3.6)."""
    found: list[OptionalBlock] = []
    place = FIXED
    for number in range(count):
        identifier, head = block[place : place + 2], 4
        if not _ID.fullmatch(identifier):
            raise KeyBlockRefused("optional block", Text(f"number {number + 1} has no id", f"第 {number + 1} 块无标识"))
        length = _length(identifier, block[place + 2 : place + 4])
        if length == 0:  # the length of the length follows, then the length
            digits = _length(identifier, block[place + 4 : place + 6])
            head = 6 + digits
            length = _length(identifier, block[place + 6 : place + head])
        if length < head or place + length > len(block):
            raise KeyBlockRefused(
                f"optional block {identifier}", Text(f"its length {length} cannot be", f"长度 {length} 有误")
            )
        if identifier == "PB" and number != count - 1:
            raise KeyBlockRefused("optional block PB", Text("padding stands last", "填充块须在最后"))
        found.append(OptionalBlock(identifier, block[place + head : place + length]))
        place += length
    return found, place
