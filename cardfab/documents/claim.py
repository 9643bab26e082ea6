"""What the QR code of a temporary card says, signed: to the byte in ``docs/temporary-card.md``.

The code is ``CFT1:`` and base45 (RFC 9285) and ``:``, which a QR code holds in its alphanumeric mode. Inside are a few
packed fields and an ECDSA signature over them on P-256, which a browser's WebCrypto checks.

The holder's number is there in full: masked, the hidden figures could be changed on the paper, and a digest of a number
that can be guessed hides nothing. The photo is not: a hospital compares it, and the identity card, with the person.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from cardfab.crypto.ec import p256_verify
from cardfab.errors import InputRefused, Text
from cardfab.profile.product import TemporaryUse

HEAD, TAIL = "CFT1:", ":"
"""The tail, so that a last space of base45 survives every program that trims lines."""
VERSION = 1
KEY_ID = 4
SIGNATURE = 64
_FIXED = ">BBB4sHH3s"
_EPOCH = date(2000, 1, 1)
_SPECIMEN, _EXTENSION = 0x01, 0x02
_USES: tuple[TemporaryUse, ...] = ("emergency", "medicine", "settlement")
_NUMBER, _SOCIAL, _NAME = 20, 18, 120
"""The longest a field may be, in bytes."""
_BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_IN_PDF = re.compile(rb"\(cardfab-temporary:([A-Za-z0-9+/=]+)\)")


class DocumentRefused(InputRefused):
    """A document that cannot be made as asked, or a file that is none of ours."""

    default_code = "CF-3550"


def key_id(public: bytes) -> bytes:
    """The first four bytes of SHA-256 over a public key, 04 | X | Y: which key to try, not a proof."""
    return hashlib.sha256(public).digest()[:KEY_ID]


@dataclass(frozen=True, slots=True)
class TemporaryClaim:
    """What is signed. ``region`` has six digits; ``repr`` is never written to a log."""

    number: str
    name: str
    social_security_number: str
    region: str
    valid_from: date
    valid_until: date
    uses: tuple[TemporaryUse, ...]
    key_id: bytes
    specimen: bool
    extension: bool = False

    def signed_bytes(self) -> bytes:
        """The bytes the signature is over. Raises ``DocumentRefused`` for a field that has no place in them."""
        flags = _SPECIMEN * self.specimen | _EXTENSION * self.extension
        uses = sum(1 << place for place, use in enumerate(_USES) if use in self.uses)
        if not re.fullmatch("[0-9]{6}", self.region):
            raise _unsignable(self.region)
        fixed = struct.pack(
            _FIXED, VERSION, flags, uses, self.key_id, _days(self.valid_from), _days(self.valid_until),
            bytes.fromhex(self.region),
        )  # fmt: skip
        fields = ((self.number, _NUMBER), (self.social_security_number, _SOCIAL), (self.name, _NAME))
        return fixed + b"".join(_field(text, most) for text, most in fields)

    def signed_text(self, sign: Callable[[bytes], bytes]) -> str:
        """The text of the QR code; ``sign`` answers r | s, 64 bytes, for the signed bytes."""
        signed = self.signed_bytes()
        return f"{HEAD}{base45(signed + sign(signed))}{TAIL}"


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key (04 | X | Y) of a station whose temporary cards are believed.

    As text ``cardfab-temporary-key <station> <training or station> <base64>``.
    """

    station: str
    public: bytes
    training: bool

    @property
    def key_id(self) -> bytes:
        """As in the code."""
        return key_id(self.public)

    def __str__(self) -> str:
        kind = "training" if self.training else "station"
        return f"cardfab-temporary-key {self.station} {kind} {base64.b64encode(self.public).decode('ascii')}"

    @classmethod
    def read(cls, line: str) -> TrustedKey:
        """The key of a line; raises ``DocumentRefused``."""
        try:
            mark, station, kind, text = line.split()
            public = base64.b64decode(text, validate=True)
            if mark != "cardfab-temporary-key" or kind not in ("training", "station"):
                raise ValueError(mark)
            if len(public) != 65 or public[0] != 4:
                raise ValueError("no point of P-256")
        except (ValueError, binascii.Error) as broken:
            raise DocumentRefused(
                Text("This is not the public key of temporary cards.", "该行不是临时卡的验证公钥。"),
                do=Text("Take the line of 'cardfab temporary key'.", "请使用 cardfab temporary key 输出的整行。"),
                code="CF-3555",
            ) from broken
        return cls(station, public, kind == "training")


def signed_by(claim: TemporaryClaim, signature: bytes, keys: Iterable[TrustedKey]) -> TrustedKey | None:
    """The key that signed the claim, None where none of them did."""
    signed = claim.signed_bytes()
    matching = (key for key in keys if key.key_id == claim.key_id)
    return next((key for key in matching if p256_verify(key.public, signed, signature)), None)


def in_metadata(text: str) -> str:
    """The text of the QR code as a PDF keyword, so that a file can be checked without reading its picture."""
    return f"cardfab-temporary:{base64.b64encode(text.encode()).decode('ascii')}"


def read_claim(data: bytes) -> tuple[TemporaryClaim, bytes]:
    """The claim and its signature, from the PDF or from the scanned text of its QR code; the signature is not checked.

    Check it with :func:`signed_by`, then compare the claim with the paper: a file may show other words than its code
    says. Raises ``DocumentRefused`` when the data holds no temporary card, or two.
    """
    try:
        found = set(_IN_PDF.findall(data))
        if len(found) > 1:
            raise ValueError("two claims")
        text = (base64.b64decode(found.pop(), validate=True) if found else data.strip()).decode("ascii")
        if not text.startswith(HEAD) or not text.endswith(TAIL) or len(text) <= len(HEAD):
            raise ValueError("no head")
        packed = from_base45(text[len(HEAD) : -len(TAIL)])
        claim = _unpacked(packed[:-SIGNATURE])
        # Signed bytes that parse and do not come out the same would be signed by nobody.
        if claim.signed_bytes() != packed[:-SIGNATURE]:
            raise ValueError("not canonical")
        return claim, packed[-SIGNATURE:]
    except (ValueError, struct.error, IndexError, OverflowError, binascii.Error, DocumentRefused) as broken:
        raise DocumentRefused(
            Text("This is not a temporary card of cardfab.", "该文件不是 cardfab 签发的临时卡。"),
            do=Text(
                "Scan the QR code on the paper again, or give the PDF file as it was issued.",
                "请重新扫描纸面二维码，或提供签发时的 PDF 文件。",
            ),
            code="CF-3552",
        ) from broken


def base45(data: bytes) -> str:
    """RFC 9285: two bytes as three signs, a last one as two."""
    text: list[str] = []
    for start in range(0, len(data), 2):
        pair = data[start : start + 2]
        value = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            value, digit = divmod(value, 45)
            text.append(_BASE45[digit])
    return "".join(text)


def from_base45(text: str) -> bytes:
    """The inverse; raises ValueError."""
    data = bytearray()
    for start in range(0, len(text), 3):
        signs = text[start : start + 3]
        value = sum(_BASE45.index(sign) * 45**place for place, sign in enumerate(signs))
        try:
            data += value.to_bytes(len(signs) - 1, "big") if len(signs) > 1 else _lone()
        except OverflowError:
            raise ValueError("base45 out of range") from None
    return bytes(data)


def _lone() -> bytes:
    raise ValueError("base45 of a length that nothing has")


def _unpacked(signed: bytes) -> TemporaryClaim:
    version, flags, uses, key, first, last, region = struct.unpack_from(_FIXED, signed)
    if version != VERSION or flags & ~(_SPECIMEN | _EXTENSION) or uses >> len(_USES):
        raise ValueError("version or bits that this program does not know")
    fields: list[str] = []
    at = struct.calcsize(_FIXED)
    for _ in range(3):
        end = at + 1 + signed[at]
        fields.append(signed[at + 1 : end].decode("utf-8"))
        at = end
    return TemporaryClaim(
        number=fields[0],
        social_security_number=fields[1],
        name=fields[2],
        region=region.hex(),
        valid_from=_EPOCH + timedelta(days=first),
        valid_until=_EPOCH + timedelta(days=last),
        uses=tuple(use for place, use in enumerate(_USES) if uses >> place & 1),
        key_id=key,
        specimen=bool(flags & _SPECIMEN),
        extension=bool(flags & _EXTENSION),
    )


def _days(when: date) -> int:
    days = (when - _EPOCH).days
    if not 0 <= days < 1 << 16:
        raise _unsignable(when.isoformat())
    return days


def _field(text: str, most: int) -> bytes:
    plain = text.encode()
    if not plain or len(plain) > most or not text.isprintable():
        raise _unsignable(text)
    return bytes([len(plain)]) + plain


def _unsignable(field: str) -> DocumentRefused:
    return DocumentRefused(
        Text(f"A field of the temporary card cannot be signed: {field!r}.", f"临时卡的字段无法签名：{field!r}。"),
        do=Text("Correct the request.", "请修正申请资料。"),
        code="CF-3551",
    )
