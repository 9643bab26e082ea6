"""CAP files and LOAD (Java Card virtual machine 3.0.5, chapter 6; GPC 2.3.1, 11.6 and table 11-58)."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from cardfab.apdu.gp.install import check_aid
from cardfab.apdu.link import Exchange, expect
from cardfab.apdu.message import ApduMalformed, CommandApdu
from cardfab.apdu.tlv import Tlv, encode
from cardfab.errors import InputRefused, Text

# The order in which a card installs components (6.2): no debug information; the descriptor only where asked for.
_ORDER = ("Header", "Directory", "Import", "Applet", "Class", "Method", "StaticField", "Export", "ConstantPool",
          "RefLocation", "Descriptor")  # fmt: skip
_LARGEST = 1 << 20
_DAMAGE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, OSError, ValueError, EOFError)


class CapMalformed(InputRefused):
    """A file that is no CAP file."""

    default_code = "CF-3105"

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(
            Text(f"Not a CAP file: {en}.", f"不是合法的 CAP 文件：{zh}。"),
            do=Text("Take the file from its supplier again.", "请向供应方重新获取该文件。"),
        )


@dataclass(frozen=True, slots=True)
class LoadFile:
    """What is loaded: the package AID, the AIDs of its applets, and the components one after the other."""

    aid: bytes
    applets: tuple[bytes, ...]
    version: tuple[int, int]
    code: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class DapBlock:
    """A signature over the load file that a security domain verifies (table 11-58); made outside, by a key room."""

    domain: bytes
    signature: bytes = field(repr=False)

    def to_tlv(self) -> Tlv:
        """The object E2."""
        return Tlv(0xE2, encode((Tlv(0x4F, check_aid(self.domain)), Tlv(0xC3, self.signature))))


def read_cap(raw: bytes, *, descriptor: bool = False) -> LoadFile:
    """Components of a CAP file (a zip) in the order of the standard; raises :class:`CapMalformed`."""
    parts = _components(raw)
    if "Header" not in parts:
        raise CapMalformed("it has no Header.cap", "缺少 Header.cap")
    version, aid = _header(parts["Header"])
    wanted = [name for name in _ORDER if name in parts and (descriptor or name != "Descriptor")]
    return LoadFile(aid, _applets(parts.get("Applet", b"")), version, b"".join(parts[name] for name in wanted))


def _components(raw: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            for entry in archive.infolist():
                name = entry.filename.rpartition("/")[2]
                if not name.endswith(".cap") or name[:-4] not in _ORDER:
                    continue
                if entry.file_size > _LARGEST or entry.flag_bits & 1 or name[:-4] in found:
                    raise CapMalformed(f"{name} is too large, encrypted, or there twice", f"{name} 过大、加密或重复")
                found[name[:-4]] = archive.read(entry)
    except _DAMAGE as error:
        raise CapMalformed("the archive is damaged", "压缩包已损坏") from error
    for name, part in found.items():
        if len(part) < 3 or int.from_bytes(part[1:3], "big") != len(part) - 3:
            raise CapMalformed(f"{name}.cap has a wrong length", f"{name}.cap 长度错误")
    return found


def _header(part: bytes) -> tuple[tuple[int, int], bytes]:
    """Version and AID of the package: tag, size, DECAFFED, version, flags, minor, major, AID length, AID (6.4)."""
    if part[3:7] != b"\xde\xca\xff\xed" or len(part) < 13 or not 5 <= part[12] <= 16 or len(part) < 13 + part[12]:
        raise CapMalformed("its header is wrong", "文件头错误")
    return (part[11], part[10]), part[13 : 13 + part[12]]


def _applets(part: bytes) -> tuple[bytes, ...]:
    """Tag, size, count, then AID length, AID, install method offset each (6.6)."""
    found, at = [], 4
    for _ in range(part[3] if len(part) > 3 else 0):
        if at >= len(part) or not 5 <= part[at] <= 16 or at + part[at] + 3 > len(part):
            raise CapMalformed("its applet component is wrong", "小程序组件错误")
        found.append(part[at + 1 : at + 1 + part[at]])
        at += part[at] + 3
    return tuple(found)


def load_blocks(code: bytes, chunk: int, *, daps: Sequence[DapBlock] = ()) -> list[CommandApdu]:
    """The LOAD commands: DAP blocks, then the code as C4, cut into blocks of ``chunk`` bytes numbered from 00."""
    if not 1 <= chunk <= 0xFF:
        raise ApduMalformed(f"a block of {chunk} bytes", f"分块 {chunk} 字节")
    data = encode([*(dap.to_tlv() for dap in daps), Tlv(0xC4, code)])
    pieces = [data[at : at + chunk] for at in range(0, len(data), chunk)]
    if len(pieces) > 0x100:
        raise ApduMalformed(f"{len(pieces)} blocks, LOAD counts to 256", f"共 {len(pieces)} 块，LOAD 最多 256 块")
    last = len(pieces) - 1
    return [
        CommandApdu(0x80, 0xE8, 0x80 if n == last else 0x00, n, piece, 256, name=f"LOAD block {n} of {len(pieces)}")
        for n, piece in enumerate(pieces)
    ]


def load(code: bytes, chunk: int, *, daps: Sequence[DapBlock] = ()) -> Exchange[bytes]:
    """Send them; the answer to the last, a receipt or 00."""
    data = b""
    for command in load_blocks(code, chunk, daps=daps):
        data = expect((yield command), command).data
    return data
