"""Batch files as issuers make them: rows of holders, keys and certificates, sealing by the openssl command line."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from cardfab.bureau.files import Recipient, Source, Trust, open_source, read_recipient, read_trust
from cardfab.prepare.finding import RequestFileRefused, RowFinding, WrongRow
from cardfab.prepare.table import COLUMNS, Row
from cardfab.profile.layout import Layout
from cardfab.profile.loader import load
from cardfab.resources import ProfileFolders, data_folder

WORD = b"correct horse"
PROFILES = ProfileFolders((data_folder("profiles"),))
_SIGN = ("openssl", "cms", "-sign", "-binary", "-nodetach", "-md", "sha256", "-outform", "DER")
_ENCRYPT = ("openssl", "cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform", "DER")


@dataclass(frozen=True)
class Party:
    """A key with its certificate, both PEM."""

    key: bytes
    certificate: bytes

    def files(self, folder: Path, name: str) -> tuple[str, str]:
        """The certificate and the key as files for openssl."""
        (folder / f"{name}.crt").write_bytes(self.certificate)
        (folder / f"{name}.key").write_bytes(self.key)
        return str(folder / f"{name}.crt"), str(folder / f"{name}.key")

    def recipient(self) -> Recipient:
        return read_recipient(self.protected(), self.certificate, WORD)

    def protected(self) -> bytes:
        """The key as PKCS #8 under :data:`WORD`."""
        key = serialization.load_pem_private_key(self.key, None)
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(WORD)
        )


_CURVES: dict[str, ec.EllipticCurve] = {
    "ec": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1(), "P-224": ec.SECP224R1(),
}  # fmt: skip
_USAGES = ("signs", "commits", "enciphers keys", "enciphers data", "agrees", "ca", "revokes")
"""Key usages, in the order of RFC 5280, 4.2.1.3."""


def _key(kind: str) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    if curve := _CURVES.get(kind):
        return ec.generate_private_key(curve)
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa") or 2048))


@cache
def party(name: str, kind: str = "ec", *, since: int = -60, days: int = 30, usage: str = "") -> Party:
    """A self-signed party of a curve, or "rsa" with its bits (2048).

    Its certificate is good from ``since`` to ``days`` from now. ``usage``: the one thing that its key is for.
    """
    key = _key(kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now + timedelta(days=since))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if usage:
        made = made.add_extension(x509.KeyUsage(*(one == usage for one in _USAGES), False, False), True)
    return Party(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM),
    )


def trust(*parties: Party) -> Trust:
    return read_trust(b"".join(one.certificate for one in parties))


def signed(folder: Path, content: bytes, issuer: Party, *options: str) -> bytes:
    certificate, key = issuer.files(folder, "issuer")
    return _run((*_SIGN, "-signer", certificate, "-inkey", key, *options), content)


def encrypted(folder: Path, content: bytes, bureau: Party, *options: str) -> bytes:
    certificate, _ = bureau.files(folder, "bureau")
    return _run((*_ENCRYPT, "-recip", certificate, *options), content)


def sealed(folder: Path, content: bytes, issuer: Party, bureau: Party, *, stream: bool = False) -> bytes:
    """Signed, then encrypted, each in DER or, streamed, in BER of indefinite lengths."""
    form = ("-stream",) if stream else ()
    return encrypted(folder, signed(folder, content, issuer, *form), bureau, *form)


def _run(command: Sequence[str], content: bytes) -> bytes:
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


def layout(name: str) -> Layout:
    """A packaged layout."""
    return load(PROFILES, "layouts", name, Layout)


def holders(count: int) -> Iterator[dict[str, str]]:
    """Rows of a request file, of people that do not exist; the form alone is meant to be good."""
    for one in range(1, count + 1):
        row = dict.fromkeys(COLUMNS, "")
        row |= {"request_id": f"R{one:07}", "social_security_number": f"1101991985{one:08}"[:18], "name": "张示例"}
        row |= {"sex": "1", "ethnicity": "01", "birth_date": "19850306", "region": "110199", "urgent": "no"}
        yield row | {"household_address": f"示例省示例市第{one}街道", "bank_product": "debit"}


def as_csv(rows: Sequence[dict[str, str]], encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def source(folder: Path, content: bytes, form: Layout, **seal: object) -> Source:
    """A source over these bytes."""
    file = folder / "batch"
    file.write_bytes(content)
    return open_source(file, form, **seal)  # type: ignore[arg-type]


def taken(one: Source) -> tuple[list[Row], list[RowFinding]]:
    """A whole pass: the rows, and what is wrong with others."""
    rows: list[Row] = []
    findings: list[RowFinding] = []
    for each in one.rows():
        if isinstance(each, WrongRow):
            findings += each.findings
        else:
            rows.append(each)
    return rows, findings


def refused(one: Source) -> list[tuple[int, str, str]]:
    """Row, field and reason of a file that is refused as a table; fails where it is not."""
    try:
        one.check()
    except RequestFileRefused as why:
        return [(each.row, each.field, each.reason.en) for each in why.rows]
    raise AssertionError("the file was taken")
