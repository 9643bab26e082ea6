"""The small parts of CMS by asn1crypto, each taken only as DER writes it, so that no byte of it is without meaning."""

from __future__ import annotations

from typing import Final, TypeVar, cast

from asn1crypto.core import Asn1Value
from asn1crypto.x509 import Certificate

from cardfab.bureau.files.refusal import broken

Part = TypeVar("Part", bound=Asn1Value)

DATA: Final = bytes.fromhex("06092A864886F70D010701")
"""The object identifiers of contents, as elements: data, signed data, enveloped data, and one that is not taken."""
SIGNED: Final = bytes.fromhex("06092A864886F70D010702")
ENVELOPED: Final = bytes.fromhex("06092A864886F70D010703")
AUTHENTICATED: Final = bytes.fromhex("060B2A864886F70D0109100117")


def der(kind: type[Part], raw: bytes, at: int) -> Part:
    """A part that lies at byte ``at``; raises FileRefused (CF-3462) unless it is the one DER encoding of its value."""
    try:
        one = kind.load(raw, strict=True)
        again = one.dump(force=True)
    except Exception:  # over what is no DER asn1crypto raises almost anything
        raise broken(at, "a part of it cannot be read", "其中部件无法读取") from None
    if again != raw:
        raise broken(at, "a part of it is no DER", "其中部件不是 DER 编码")
    return cast("Part", one)


def names(rid: Asn1Value, certificate: bytes) -> bool:
    """Whether an identifier (issuer and serial number, or key identifier) is that of a certificate (DER)."""
    one = Certificate.load(certificate)
    if rid.name == "issuer_and_serial_number":
        named = rid.chosen
        return bool(named["issuer"].dump() == one.issuer.dump() and named["serial_number"].native == one.serial_number)
    return bool(rid.name == "subject_key_identifier" and rid.native == one.key_identifier)


def words(name: Asn1Value) -> str:
    """A name of a certificate for people to read; "?" for one that cannot be shown."""
    try:
        return str(name.human_friendly)
    except Exception:  # the same, over names with odd values
        return "?"
