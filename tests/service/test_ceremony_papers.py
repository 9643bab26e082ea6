"""A ceremony's record to others: the PDF by poppler's pdfsig, the JSON by openssl, as docs/ceremony.md says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from cardfab.keys.ceremony import Kind
from cardfab.station.ceremonyrecord import ceremony_paper, sign_ceremony
from tests.ceremonies import Script, ceremony_room, found_room

pytestmark = pytest.mark.service
FIRST, SECOND = "0123456789ABCDEFFEDCBA9876543210", "11112222333344445555666677778888"
P256 = bytes.fromhex("3059301306072A8648CE3D020106082A8648CE3D030107034200")
"""SubjectPublicKeyInfo of a P-256 key, up to the point (RFC 5480, 2)."""


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """JSON and PDF of a key that two custodians entered."""
    folder = tmp_path_factory.mktemp("room")
    with ceremony_room(found_room(folder / "founded"), folder / "room") as room:
        script = Script(["", FIRST, "", "", SECOND, "", ""])
        record = room.hold(room.sitting(Kind.ENTER), script).record()
        signed = sign_ceremony(room.desk, record)
        return signed.to_json_bytes(), ceremony_paper(room.desk, signed, "en")


def pdfsig(pdf: bytes, folder: Path) -> str:
    (folder / "record.pdf").write_bytes(pdf)
    return subprocess.run(
        ["pdfsig", folder / "record.pdf"], capture_output=True, text=True, check=False, timeout=60
    ).stdout


def test_pdfsig_validates_the_record_and_sees_a_change(papers: tuple[bytes, bytes], tmp_path: Path) -> None:
    _, pdf = papers
    said = pdfsig(pdf, tmp_path)
    assert "Signature is Valid" in said
    assert "Total document signed" in said
    changed = bytearray(pdf)
    changed[pdf.index(b"stream") + 60] ^= 1
    assert "Signature is Valid" not in pdfsig(bytes(changed), tmp_path)


def _openssl(data: bytes, folder: Path) -> bool:
    """Verify as docs/ceremony.md says it is signed; r and s become the DER that openssl takes."""
    read = json.loads(data)
    signature = bytes.fromhex(read["signature"]["value"])
    signed = {"key": read["signature"]["key"], "public": read["signature"]["public"], "record": read["record"]}
    text = json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    numbers = [half.lstrip(b"\0") for half in (signature[:32], signature[32:])]
    numbers = [b"\0" + one if one[0] & 0x80 else one for one in numbers]
    body = b"".join(bytes([2, len(one)]) + one for one in numbers)
    (folder / "text").write_bytes(b"cardfab-ceremony-record v1\n" + text + b"\n")
    (folder / "signature").write_bytes(bytes([0x30, len(body)]) + body)
    (folder / "key").write_bytes(P256 + bytes.fromhex(signed["public"]))
    command = ["openssl", "dgst", "-sha256", "-keyform", "DER", "-verify", "key", "-signature", "signature", "text"]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60).returncode == 0


def test_openssl_verifies_the_record_and_sees_a_change(papers: tuple[bytes, bytes], tmp_path: Path) -> None:
    data, _ = papers
    assert _openssl(data, tmp_path)
    changed = data.replace(b"custodian-2", b"custodian-3")
    assert changed != data
    assert not _openssl(changed, tmp_path)
