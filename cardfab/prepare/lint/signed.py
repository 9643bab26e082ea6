"""Certificates and signatures, recovered after assembly as a terminal would (L13 to L16, L35)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from cardfab.crypto.emvcert import (
    Certificate,
    CertificateRefused,
    recover_icc,
    recover_issuer,
    recover_static,
    sm2_recover_icc,
    sm2_recover_issuer,
    sm2_recover_static,
)
from cardfab.crypto.rsa import RsaCrt, RsaPublic, consistent
from cardfab.crypto.sm import sm2_public
from cardfab.keys.certificates import PublicKey
from cardfab.prepare.financial.recipe import RSA_DGIS
from cardfab.prepare.lint.assembly import Assembly, name
from cardfab.prepare.lint.fault import Fault
from cardfab.profile.financial import PathEntry

SDA, DDA, CDA = 0x40, 0x20, 0x01
_SM_NEVER = (0x92, 0x9F32, 0x9F47, 0x9F48)


def issuer_of(a: Assembly, path: PathEntry) -> Certificate | None:
    """What 90 says, where the authority's key is known and it verifies."""
    try:
        return _issuer(a, path)
    except CertificateRefused:
        return None


def icc_of(a: Assembly, path: PathEntry) -> Certificate | None:
    """What 9F46 says, where the chain to it verifies."""
    try:
        return _icc(a, path)
    except CertificateRefused:
        return None


def _values(a: Assembly, path: PathEntry) -> dict[int, bytes]:
    """The values on a path by tag, the first of each, as ``Assembly.value`` gives them."""
    return {one.tag: one.value for one in reversed(a.on(path))}


def _issuer(a: Assembly, path: PathEntry, values: Mapping[int, bytes] | None = None) -> Certificate | None:
    values = _values(a, path) if values is None else values
    authority, certificate = a.authorities.get(values.get(0x8F, b"")), values.get(0x90)
    if authority is None or certificate is None:
        return None
    return _recovered(authority, certificate, values.get(0x92, b""), values.get(0x9F32, b""))


@lru_cache(maxsize=64)
def _recovered(authority: PublicKey, certificate: bytes, remainder: bytes, exponent: bytes) -> Certificate:
    """An issuer's certificate is the same on every card of its product: it is verified once."""
    if isinstance(authority, bytes):
        return sm2_recover_issuer(authority, certificate)
    return recover_issuer(authority, certificate, remainder, exponent)


def _icc(a: Assembly, path: PathEntry) -> Certificate | None:
    values = _values(a, path)
    issuer, certificate = _issuer(a, path, values), values.get(0x9F46)
    if issuer is None or certificate is None:
        return None
    static = a.static_data(path)
    if isinstance(issuer.public, bytes):
        return sm2_recover_icc(issuer.public, certificate, static)
    return recover_icc(issuer.public, certificate, values.get(0x9F48, b""), values.get(0x9F47, b""), static)


def what_the_aip_needs(a: Assembly) -> Iterator[Fault]:
    """L13: DDA or CDA needs 9F46, 9F47, 9F49 and the private key; SDA needs 93; all need 8F, 90 and 9F32."""
    for path in a.paths:
        bits = (a.aip(path) or b"\x00")[0]
        if not bits & (SDA | DDA | CDA):
            continue
        rsa = path.algorithm == "RSA"
        wanted = [0x8F, 0x90, *([0x9F32] if rsa else [])]
        wanted += [0x93] if bits & SDA else []
        wanted += [0x9F46, 0x9F49, *([0x9F47] if rsa else [])] if bits & (DDA | CDA) else []
        for tag in wanted:
            if a.value(path, tag) is None:
                yield Fault(name(tag), path.name, "the AIP promises what needs it, it is missing", "AIP 要求的标签缺失")
        keys = RSA_DGIS if rsa else ("8402",) if a.application.quirks.sm2_private_dgi == "8402" else ("8501",)
        if bits & (DDA | CDA) and (missing := [dgi for dgi in keys if dgi not in a.by_dgi]):
            yield Fault("82", path.name, f"the private key is not loaded: {', '.join(missing)}", "未写入私钥")


def signatures(a: Assembly) -> Iterator[Fault]:
    """L14: 9F4A absent or 82; each path's signed data verifies in 93 and 9F46, up to the authority."""
    for path in a.paths:
        tag_list = a.value(path, 0x9F4A)
        if tag_list not in (None, b"\x82"):
            yield Fault("9F4A", path.name, "only the AIP (82) may be in it", "只能为 82")
        index = a.value(path, 0x8F)
        if a.value(path, 0x90) is not None and index not in a.authorities:
            shown = (index or b"").hex().upper() or "none"
            yield Fault("8F", path.name, f"no authority of index {shown} is known", f"未知的认证中心公钥索引 {shown}")
            continue
        try:
            issuer = _issuer(a, path)
            _icc(a, path)
            signature = a.value(path, 0x93)
            if issuer is not None and signature is not None:
                recover = sm2_recover_static if isinstance(issuer.public, bytes) else recover_static
                recover(issuer.public, signature, a.static_data(path))  # type: ignore[arg-type]
        except CertificateRefused as refused:
            tag, _, why = str(refused).partition(": ")
            yield Fault(tag, path.name, why, "证书或签名验证失败")


def remainders(a: Assembly) -> Iterator[Fault]:
    """L15: 92 and 9F48 present exactly when the modulus does not fit, with exact length; SM paths have none."""
    for path in a.paths:
        if path.algorithm == "SM2":
            for tag in _SM_NEVER:
                if a.value(path, tag) is not None:
                    yield Fault(name(tag), path.name, "does not belong on an SM path", "国密路径不应有该标签")
            continue
        authority, chip = a.authorities.get(a.value(path, 0x8F) or b""), a.chip.get("RSA")
        issuer_length = len(a.value(path, 0x93) or a.value(path, 0x9F46) or b"")
        if isinstance(authority, RsaPublic) and issuer_length:
            yield from _remainder(a, path, 0x92, issuer_length - authority.length + 36)
        if isinstance(chip, RsaPublic) and a.value(path, 0x9F46) is not None:
            yield from _remainder(a, path, 0x9F48, chip.length - issuer_length + 42)


def _remainder(a: Assembly, path: PathEntry, tag: int, wanted: int) -> Iterator[Fault]:
    found = a.value(path, tag)
    if (0 if found is None else len(found)) != max(0, wanted) or found == b"":
        yield Fault(name(tag), path.name, f"has {len(found or b'')} bytes instead of {max(0, wanted)}", "余项长度错误")


def chip_key(a: Assembly) -> Iterator[Fault]:
    """L16: the key in 9F46 is the loaded one, p > q, the CRT relations hold; SM: 8502 is the key and is d times G."""
    for path in a.paths:
        icc, chip = icc_of(a, path), a.chip.get(path.algorithm)
        if icc is not None and chip is not None and icc.public != chip:
            yield Fault("9F46", path.name, "certifies another key than is loaded", "证书公钥与写入的私钥不符")
    public = a.chip.get("RSA")
    parts = [_unfilled(a, a.clear(dgi)) for dgi in RSA_DGIS]
    if all(parts) and isinstance(public, RsaPublic) and not consistent(RsaCrt(*parts), public):
        yield Fault("8201", "8201-8205", "the components are not those of the certified key", "CRT 分量与证书公钥不符")
    d, point = _unfilled(a, a.clear("8501"))[:32], a.clear("8502")[:64]
    if d and point and (sm2_public(d) != point or a.chip.get("SM2", point) != point):
        yield Fault("8502", "8501-8502", "is not the public key of 8501", "与 8501 私钥不符")


def _unfilled(a: Assembly, value: bytes) -> bytes:
    if a.application.quirks.crt_padding == "always80" and b"\x80" in value:
        return value[: value.rindex(b"\x80")]
    return value


def one_set_for_two(a: Assembly) -> Iterator[Fault]:
    """L35: paths that sign different data have each their own 9F46 and 93."""
    seen: dict[tuple[str, bytes], tuple[str, bytes]] = {}
    for path in a.paths:
        signed = a.value(path, 0x93) or a.value(path, 0x9F46)
        if signed is None:
            continue
        other = seen.setdefault((path.algorithm, signed), (path.name, a.static_data(path)))
        if other[1] != a.static_data(path):
            yield Fault(
                "93", path.name, f"signs other records than '{other[0]}' with the same 93", "不同的签名数据共用一个 93"
            )
