"""A signature is made and checked whatever else the process has read before, and whatever runs in its thread."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from reportlab.pdfgen.canvas import Canvas

from cardfab.documents.checking import require_whole
from cardfab.documents.claim import TrustedKey
from cardfab.documents.signedpdf import signed_by
from cardfab.documents.signing import KeySigner, self_signed, sign_pdf

PROGRAM = """
from datetime import UTC, datetime
from hashlib import sha256
from asn1crypto import cms
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

cms.CMSAttributeType("message_digest")  # from here on asn1crypto looks for no more names
from cardfab.documents.signing import KeySigner, self_signed, sign_detached

key = ec.generate_private_key(ec.SECP256R1())

def sign(message):
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")

public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
certificate = self_signed("station", public, sign, since=datetime(2026, 1, 1, tzinfo=UTC), training=True)
when = datetime(2026, 11, 22, tzinfo=UTC)
signed = cms.ContentInfo.load(sign_detached(sha256(b"paper").digest(), KeySigner(certificate, sign), when=when))
(one,) = signed["content"]["signer_infos"]
print([attribute["type"].native for attribute in one["signed_attrs"]])
"""


def test_a_cms_that_was_read_before_hides_no_attribute() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "message_digest" in done.stdout
    assert "signing_certificate_v2" in done.stdout
    assert "signing_time" in done.stdout


def test_papers_are_signed_and_checked_by_a_thread_that_runs_an_event_loop() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    now = datetime(2026, 1, 1, tzinfo=UTC)

    def sign(message: bytes) -> bytes:
        r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    async def work() -> None:
        drawn = io.BytesIO()
        canvas = Canvas(drawn)
        canvas.drawString(72, 72, "paper")
        canvas.save()
        certificate = self_signed("station", public, sign, since=now, training=True)
        signed = sign_pdf(drawn.getvalue(), KeySigner(certificate, sign), when=now, reason="test", name="station")
        assert signed_by(signed) == certificate
        require_whole(signed, TrustedKey("station", public, training=True))

    asyncio.run(work())
