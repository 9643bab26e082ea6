"""The algorithms of an envelope by their whole identifiers, parameters and all: what is taken, and what is written."""

from __future__ import annotations

from typing import ClassVar, Final

from asn1crypto.cms import EncryptionAlgorithm
from asn1crypto.core import OctetString, Sequence

from cardfab.crypto.cms import Kdf, Transport

_RSA: Final = "06092a864886f70d0101"
"""The arc of PKCS #1, without its last number."""
_SHA256: Final = "0609608648016503040201"
OAEP_SHA256: Final = f"303c{_RSA}07302fa00f300d{_SHA256}0500a11c301a{_RSA}08300d{_SHA256}0500"
TRANSPORT: Final[dict[str, Transport]] = {
    f"300d{_RSA}010500": "pkcs1",
    f"300d{_RSA}073000": "oaep-sha1",
    f"3038{_RSA}07302ba00d300b{_SHA256}a11a3018{_RSA}08300b{_SHA256}": "oaep-sha256",
    OAEP_SHA256: "oaep-sha256",
}
KDF: Final[dict[str, Kdf]] = {
    "1.3.133.16.840.63.0.2": "sha1",
    "1.3.132.1.11.1": "sha256",
    "1.3.132.1.11.2": "sha384",
    "1.3.132.1.11.3": "sha512",
}
WRAP: Final = {f"300b0609608648016503040{sub}": bits for sub, bits in (("105", 128), ("119", 192), ("12d", 256))}
EPHEMERAL: Final = "300906072a8648ce3d0201"
"""id-ecPublicKey without parameters: the curve is that of the recipient's key."""
CONTENT: Final = {f"06096086480165030401{sub}": size for sub, size in (("02", 16), ("16", 24), ("2a", 32))}


class _SharedInfo(Sequence):  # type: ignore[misc]  # asn1crypto has no types
    """ECC-CMS-SharedInfo (RFC 5753, 7.2)."""

    _fields: ClassVar[list[tuple[object, ...]]] = [
        ("key_info", EncryptionAlgorithm),
        ("entity_u_info", OctetString, {"explicit": 0, "optional": True}),
        ("supp_pub_info", OctetString, {"explicit": 2}),
    ]


def shared_info(wrap: bytes, bits: int, ukm: bytes | None = None) -> bytes:
    """What the key of a key wrap is derived with: the wrap's identifier (DER), its bits, the sender's own material."""
    shared: dict[str, object] = {
        "key_info": EncryptionAlgorithm.load(wrap),
        "supp_pub_info": bits.to_bytes(4, "big"),
    }
    if ukm is not None:
        shared["entity_u_info"] = ukm
    return bytes(_SharedInfo(shared).dump())


__all__ = ["CONTENT", "EPHEMERAL", "KDF", "OAEP_SHA256", "TRANSPORT", "WRAP", "shared_info"]
