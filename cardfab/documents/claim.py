"""What the QR code of a temporary card says: the facts a hospital relies on, and a signature over exactly those bytes.

One line of UTF-8, fields parted by ``|``::

    cardfab-temp-1|number|name|social security number|valid from|valid until|station|kind|key name|signature

Dates are ISO 8601; the kind is SPECIMEN or VALID; the signature is Ed25519 (RFC 8032) over everything before the last
``|``, in base64 (RFC 4648, 4).
The number is not masked: a signature over a masked number would let the hidden figures on the paper be changed.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from cardfab.errors import InputRefused, Text

FORM = "cardfab-temp-1"
_IN_PDF = re.compile(rb"\(" + FORM.encode() + rb":([A-Za-z0-9+/=]+)\)")


class DocumentRefused(InputRefused):
    """A document that cannot be made as asked, or a file that is none of ours."""

    default_code = "CF-3550"


@dataclass(frozen=True, slots=True)
class TemporaryClaim:
    """What is signed."""

    number: str
    name: str
    social_security_number: str
    valid_from: date
    valid_until: date
    station: str
    specimen: bool
    key_name: str

    def signed_bytes(self) -> bytes:
        """The bytes the signature is over.

        Raises ``DocumentRefused`` when a field is empty or holds the parting sign or a control character.
        """
        fields = (
            FORM,
            self.number,
            self.name,
            self.social_security_number,
            self.valid_from.isoformat(),
            self.valid_until.isoformat(),
            self.station,
            "SPECIMEN" if self.specimen else "VALID",
            self.key_name,
        )
        for field in fields:
            if not field or "|" in field or not field.isprintable():
                raise DocumentRefused(
                    Text(
                        f"A field of the temporary card cannot be signed: {field!r}.",
                        f"临时卡的字段无法签名：{field!r}。",
                    ),
                    do=Text("Correct the request.", "请修正申请资料。"),
                    code="CF-3551",
                )
        return "|".join(fields).encode()

    def signed_text(self, sign: Callable[[bytes], bytes]) -> str:
        """The text of the QR code; ``sign`` answers 64 bytes for the signed bytes."""
        signed = self.signed_bytes()
        return f"{signed.decode()}|{base64.b64encode(sign(signed)).decode('ascii')}"


def in_metadata(text: str) -> str:
    """The text of the QR code as a PDF keyword, so that a file can be checked without reading its picture."""
    return f"{FORM}:{base64.b64encode(text.encode()).decode('ascii')}"


def read_claim(data: bytes) -> tuple[TemporaryClaim, bytes]:
    """The claim and its signature, from the PDF or from the scanned text of its QR code; the signature is not checked.

    Check it over ``claim.signed_bytes()``, then compare the claim with the paper: a file may show other words than its
    code says. Raises ``DocumentRefused`` when the data holds no temporary card.
    """
    found = _IN_PDF.search(data)
    try:
        text = (base64.b64decode(found[1], validate=True) if found else data.strip()).decode()
        form, number, name, social, valid_from, valid_until, station, kind, key_name, signature = text.split("|")
        if form != FORM or kind not in ("SPECIMEN", "VALID"):
            raise ValueError(form)
        claim = TemporaryClaim(
            number=number,
            name=name,
            social_security_number=social,
            valid_from=date.fromisoformat(valid_from),
            valid_until=date.fromisoformat(valid_until),
            station=station,
            specimen=kind == "SPECIMEN",
            key_name=key_name,
        )
        # Signed bytes that parse and do not come out the same would be signed by nobody.
        if claim.signed_bytes() != text.rpartition("|")[0].encode():
            raise ValueError("not canonical")
        return claim, base64.b64decode(signature, validate=True)
    except (ValueError, binascii.Error) as broken:
        raise DocumentRefused(
            Text("This is not a temporary card of cardfab.", "该文件不是 cardfab 签发的临时卡。"),
            do=Text(
                "Scan the QR code on the paper again, or give the PDF file as it was issued.",
                "请重新扫描纸面二维码，或提供签发时的 PDF 文件。",
            ),
            code="CF-3552",
        ) from broken
