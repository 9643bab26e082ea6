"""The certificates of one card: one 93 and one 9F46 for each different static data and algorithm (rule L35)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cardfab.crypto.emvcert import Certificate
from cardfab.errors import InputRefused, Text
from cardfab.keys.certificates import IccCertificate, IccSubject, IssuerCertificate, last_day
from cardfab.keys.issuerkeys import IccKey, IssuerKeys
from cardfab.prepare.financial.asking import AskChain, AskIcc, AskStatic, Work, answered
from cardfab.prepare.financial.numbers import FinancialData
from cardfab.prepare.financial.recipe import PathRecipe, Recipe


@dataclass(slots=True)
class _Signed:
    """What was signed for one (algorithm, static data)."""

    static_signature: bytes | None = None
    icc: dict[str, bytes] = field(default_factory=dict)
    serial: int = 0


@dataclass(slots=True)
class Signer:
    """Signs the paths of one card, each different content once."""

    recipe: Recipe
    data: FinancialData
    icc: Mapping[str, IccKey]
    done: dict[tuple[str, bytes], _Signed] = field(default_factory=dict)

    def values(self, contents: Mapping[str, bytes]) -> Work[dict[str, bytes]]:
        """``NAME@PATH`` to value for every path that wants certificates; ``contents`` are the early records."""
        found: dict[str, bytes] = {}
        for path in self.recipe.paths:
            if path.wants_static or path.wants_icc:
                made = yield from self._path(path, contents)
                found |= {f"{name}@{path.entry.name}": value for name, value in made.items()}
        return found

    def _path(self, path: PathRecipe, contents: Mapping[str, bytes]) -> Work[dict[str, bytes]]:
        label = self._issuer(path)
        authority: IssuerCertificate = yield AskChain(label)
        static = static_data(path, contents)
        algorithm = path.entry.algorithm
        fresh = (algorithm, static) not in self.done
        signed = self.done.setdefault((algorithm, static), _Signed())
        if fresh:
            signed.serial = self._base(algorithm) + sum(1 for one, _ in self.done if one == algorithm) - 1
        if path.wants_static and signed.static_signature is None:
            signed.static_signature = yield AskStatic(label, path.entry.dac, static)
        if path.wants_icc and not signed.icc:
            signed.icc = yield from self._certified(label, algorithm, signed.serial, static)
        return {
            "ca_index": authority.index,
            "issuer_certificate": authority.certificate,
            "issuer_remainder": authority.remainder,
            "issuer_exponent": authority.exponent,
            **({} if signed.static_signature is None else {"static_signature": signed.static_signature}),
            **signed.icc,
        }

    def _certified(self, label: str, algorithm: str, serial: int, static: bytes) -> Work[dict[str, bytes]]:
        if algorithm not in self.icc:
            raise InputRefused(
                Text(
                    f"Tag 9F46, rule L13: the card has no {algorithm} key to certify.",
                    f"标签 9F46，规则 L13：卡片没有可签发证书的 {algorithm} 密钥。",
                ),
                code="CF-3136",
            )
        subject = IccSubject(pan10(self.data.pan), self.data.expiry_mmyy, (serial % (1 << 24)).to_bytes(3, "big"))
        made: IccCertificate = yield AskIcc(label, subject, self.icc[algorithm].public, static)
        return {
            "icc_certificate": made.certificate,
            "icc_remainder": made.remainder,
            "icc_exponent": made.exponent,
        }

    def _base(self, algorithm: str) -> int:
        if algorithm == "SM2" and self.data.sm_serial is not None:
            return self.data.sm_serial
        return self.data.serial

    def _issuer(self, path: PathRecipe) -> str:
        issuer = self.recipe.application.issuer
        label = issuer.rsa if path.entry.algorithm == "RSA" else issuer.sm2
        if label is None:
            raise InputRefused(
                Text(
                    f"Tag 90, rule L13: path '{path.entry.name}' needs an issuer key, the profile names none.",
                    f"标签 90，规则 L13：路径“{path.entry.name}”需要发卡行密钥，配置未指定。",
                ),
                do=Text("Name it under [issuer].", "请在 [issuer] 中指定。"),
                code="CF-3136",
            )
        return label


def check_chain(recipe: Recipe, data: FinancialData, keys: IssuerKeys) -> None:
    """Refuses a card that outlives a certificate above it (rule L07), or whose PAN is not that issuer's (L05)."""
    answered(chain_checked(recipe, data), keys)


def chain_checked(recipe: Recipe, data: FinancialData) -> Work[None]:
    """The same, to be answered."""
    issuer = recipe.application.issuer
    used = {path.entry.algorithm for path in recipe.paths if path.wants_static or path.wants_icc}
    for label in (issuer.rsa if "RSA" in used else None, issuer.sm2 if "SM2" in used else None):
        if label is None:
            continue
        certificate: IssuerCertificate = yield AskChain(label)
        above = opened(certificate)
        if data.expiry > last_day(above.expiry):
            raise InputRefused(
                Text(
                    f"Tag 5F24, rule L07: the card expires on {data.expiry}, the issuer certificate of '{label}' "
                    f"at the end of {above.expiry.hex()[:2]}/20{above.expiry.hex()[2:]}.",
                    f"标签 5F24，规则 L07：卡片 {data.expiry} 失效，晚于“{label}”的发卡行证书。",
                ),
                do=Text("Get a new issuer certificate, or issue a shorter card.", "请更换发卡行证书或缩短有效期。"),
                code="CF-3137",
            )
        if not data.pan.startswith(above.subject.hex().upper().rstrip("F")):
            raise InputRefused(
                Text(
                    "Tag 5A, rule L05: the account number is not of the issuer that the certificate names.",
                    "标签 5A，规则 L05：账号不属于证书中的发卡机构。",
                ),
                code="CF-3138",
            )


@lru_cache(maxsize=16)
def opened(certificate: IssuerCertificate) -> Certificate:
    """What an issuer certificate says, verified once for all the cards below it."""
    return certificate.open()


def static_data(path: PathRecipe, contents: Mapping[str, bytes]) -> bytes:
    """The signed records without their template, and the AIP where 9F4A is on the path (EMV book 3, 10.3)."""
    static = b"".join(contents[dgi] for dgi in path.entry.signed)
    return static + path.entry.aip if path.aip_signed else static


def pan10(pan: str) -> bytes:
    """The PAN as in an ICC certificate: 10 bytes, padded F."""
    return bytes.fromhex(pan.ljust(20, "F"))
