"""Whose signature counts for an issuer: the certificates that the settings name for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from cardfab.errors import InputRefused, Text

if TYPE_CHECKING:
    from cardfab.bureau.files import Signer

Issuers = Mapping[str, Collection[str]]
"""By the name of the issuer the SHA-256, in hex, of the certificates that sign for him."""
ANYBODY: Final[Issuers] = MappingProxyType({})
"""No issuer is named: every certificate of the trust file signs for any of them, and a plain file is taken."""


class SignerRefused(InputRefused):
    """The file is not signed by the issuer that its cover note names."""

    default_code = "CF-3495"


def require_signer(issuers: Issuers, issuer: str, signer: Signer | None) -> None:
    """Raise :class:`SignerRefused` unless ``signer`` signs for ``issuer``. Where none is named, everybody does."""
    if not issuers:
        return
    if issuer not in issuers:
        raise SignerRefused(
            Text(
                f"The cover note names '{issuer}', who is no issuer of this bureau.",
                f"封面单所列发卡机构“{issuer}”不在本中心名单内。",
            ),
            do=Text(
                "Ask the issuer; only what he confirms belongs into [bureau.issuers] of the settings.",
                "请与发卡机构核实；经其确认后方可列入配置 [bureau.issuers]。",
            ),
            code="CF-3496",
        )
    if signer is None:
        raise SignerRefused(
            Text(f"The file is not signed, and {issuer} signs its files.", f"文件未签名，而 {issuer} 的文件须签名。"),
            do=Text("Ask for the signed file, and open it with --cms.", "请索取已签名的文件，并用 --cms 打开。"),
            code="CF-3497",
        )
    if signer.fingerprint not in issuers[issuer]:
        raise SignerRefused(
            Text(
                f"The file is signed by {signer.subject}, who does not sign for {issuer}. "
                f"SHA-256 of the certificate: {signer.fingerprint}.",
                f"文件由 {signer.subject} 签名，其无权代表 {issuer}。证书 SHA-256：{signer.fingerprint}。",
            ),
            do=Text(
                "Nothing was taken in. Ask the issuer whom the note names whether the file is his.",
                "未接收任何内容。请与封面单所列发卡机构核实。",
            ),
        )


__all__ = ["ANYBODY", "Issuers", "SignerRefused", "require_signer"]
