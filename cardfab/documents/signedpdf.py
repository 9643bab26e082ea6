"""A signed paper checked: whole, unchanged since it was signed, and by whose certificate."""

from __future__ import annotations

import io
import logging

from cardfab.errors import InputRefused, Text

from .awaited import apart


class PaperRefused(InputRefused):
    """A paper that was changed after it was signed, or is not signed."""

    default_code = "CF-3917"


def signed_by(pdf: bytes) -> bytes:
    """The certificate (DER) of who signed the whole file; raises :class:`PaperRefused`.

    Whether that certificate is to be trusted is the caller's affair: ours are self-signed and known by their key.
    """
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator import ValidationContext

    logging.getLogger("pyhanko").setLevel(logging.CRITICAL)
    try:
        found = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
        if len(found) != 1:
            raise _refused(Text("The paper does not have one signature.", "文书没有唯一的签名。"))
        certificate: bytes = found[0].signer_cert.dump()
        context = ValidationContext(trust_roots=[found[0].signer_cert], allow_fetching=False)
        status = apart(lambda: validate_pdf_signature(found[0], signer_validation_context=context))
    except (PdfError, ValueError, KeyError, TypeError) as broken:
        raise _refused(Text("The paper cannot be read as a signed PDF.", "文书不是可读的签名 PDF。")) from broken
    whole = status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    if not (status.intact and status.valid and whole):
        raise _refused(Text("The paper was changed after it was signed.", "文书在签名后被改动。"))
    return certificate


def _refused(what: Text) -> PaperRefused:
    return PaperRefused(what, do=Text("Get the paper from where it was made.", "请从原出处重新取得文书。"))
