"""Checking a temporary card without the station that issued it: the code, the file, the list, the day.

Each way it may be wrong is told apart. What no check of this kind sees is said with the result (:data:`UNSEEN`).
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from cardfab.errors import InputRefused, KeyFault, Text

from .awaited import apart
from .claim import TemporaryClaim, TrustedKey, read_claim, signed_by
from .revoked import RevocationList

REVOKED_WORDS = {
    "revoked": Text("was revoked", "已作废"),
    "ended": Text("ended: the card was handed over", "已终止：正式卡已领取"),
    "returned": Text("was returned", "已交回"),
    "extended": Text("was extended: a newer paper is in its place", "已延期：另有新证"),
}
UNSEEN = Text(
    "A check without the station does not see a copy of a genuine paper, nor what happened after the list was made. "
    "Compare the photo and the identity card with the person.",
    "脱机核验不能发现真证的复印件，也不能发现名单生成之后的变化。请将相片、身份证件与本人比对。",
)


class NotGenuine(KeyFault):
    """The signature does not hold: forged or changed."""

    default_code = "CF-6500"


class NotInForce(InputRefused):
    """Genuine, and good no more, not yet, or for somebody else."""

    default_code = "CF-3560"


@dataclass(frozen=True, slots=True)
class Compared:
    """What the person at the window reads from the paper or the identity card; empty where nothing was given."""

    name: str = ""
    number: str = ""
    """Whole, or its last four places and more."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A paper that passed. ``listed`` says whether a list that is still good was asked; ``station`` whose key it is."""

    claim: TemporaryClaim
    station: str
    listed: bool
    compared: bool
    specimen: bool
    """Of a training station, or made as one."""


def check_temporary(
    data: bytes, keys: Sequence[TrustedKey], now: datetime, revoked: RevocationList | None, compared: Compared
) -> Checked:
    """Check a PDF or the text of a code. Raises DocumentRefused, :class:`NotGenuine`, :class:`NotInForce`."""
    claim, signature = read_claim(data)
    if all(key.key_id != claim.key_id for key in keys):
        raise NotGenuine(
            Text(
                f"The paper names a key ({claim.key_id.hex()}) not trusted here: forged, or of another station.",
                f"该证所用签名密钥（{claim.key_id.hex()}）不受信任：伪造，或由其他网点签发。",
            ),
            do=Text("Do not accept the paper; call the station it names.", "请勿受理，并联系其所列网点。"),
            code="CF-6503",
        )
    key = signed_by(claim, signature, keys)
    if key is None:
        raise NotGenuine(
            Text(
                "The signature is not the station's over these words: the code was changed or forged.",
                "签名与内容不符：二维码被改动或伪造。",
            ),
            do=Text("Do not accept the paper; call the issuing station.", "请勿受理，并联系签发网点。"),
        )
    if data.lstrip().startswith(b"%PDF-"):
        require_whole(data, key)
    require_same(claim, compared)
    listed = require_in_force(claim, now.date(), revoked, now)
    return Checked(claim, key.station, listed, bool(compared.name or compared.number), claim.specimen or key.training)


def require_whole(pdf: bytes, key: TrustedKey) -> None:
    """Raise :class:`NotGenuine` unless the file carries a signature by the key over all of it."""
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.errors import ValidationInfoReadingError
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator import ValidationContext

    from .signing import certified_key

    try:
        found = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
        (one,) = found
        certificate = one.signer_cert
        if certified_key(certificate.dump()) != key.public:
            raise ValueError("another key")
        trust = ValidationContext(trust_roots=[certificate], allow_fetching=False)
        status = apart(lambda: validate_pdf_signature(one, trust))
        whole = status.coverage == SignatureCoverageLevel.ENTIRE_FILE and status.intact and status.valid
    except (PdfError, SigningError, ValidationInfoReadingError, ValueError, KeyError, TypeError) as broken:
        raise _changed() from broken
    if not whole:
        raise _changed()


def require_same(claim: TemporaryClaim, compared: Compared) -> None:
    """Raise :class:`NotInForce` where the code is somebody else's."""
    name, number = _even(compared.name), _even(compared.number).upper()
    wrong_name = bool(name) and name != _even(claim.name)
    wrong_number = bool(number) and not (len(number) >= 4 and claim.social_security_number.endswith(number))
    if wrong_name or wrong_number:
        raise NotInForce(
            Text(
                "The code is genuine but of another person: it was put on another's paper, or the wrong one was shown.",
                "二维码真实，但属于他人：被用于他人证件，或出示有误。",
            ),
            do=Text("Do not accept the paper; compare the identity card again.", "请勿受理，并重新核对身份证件。"),
            code="CF-3564",
        )


def require_in_force(claim: TemporaryClaim, today: date, revoked: RevocationList | None, now: datetime) -> bool:
    """Raise :class:`NotInForce` for a day outside its time or an entry on the list; whether the list could be asked."""
    if today > claim.valid_until:
        raise NotInForce(
            Text(
                f"The temporary card {claim.number} ended on {claim.valid_until}.",
                f"临时卡 {claim.number} 已于 {claim.valid_until} 到期。",
            ),
            do=Text("Do not accept the paper.", "请勿受理。"),
        )
    if today < claim.valid_from:
        raise NotInForce(
            Text(
                f"The temporary card {claim.number} begins on {claim.valid_from} only.",
                f"临时卡 {claim.number} 自 {claim.valid_from} 起生效。",
            ),
            do=Text("Look at this computer's date; else do not accept the paper.", "请核对本机日期，无误则勿受理。"),
            code="CF-3562",
        )
    if revoked is None or not revoked.speaks_of(claim.key_id):
        return False
    # What is on an old list stays ended; only its silence proves nothing.
    entry = revoked.find(claim.number)
    if entry is not None:
        words = REVOKED_WORDS[entry.why]
        day = entry.day.isoformat()
        since = Text(f"{words.en} ({day})", f"{words.zh}（{day}）")
        raise ended_early(claim.number, since)
    return revoked.made <= now <= revoked.until


def ended_early(number: str, words: Text) -> NotInForce:
    """The refusal of a paper that is good no more, by a list or by the register."""
    return NotInForce(
        Text(f"The temporary card {number} {words.en}.", f"临时卡 {number} {words.zh}。"),
        do=Text("Do not accept the paper.", "请勿受理。"),
        code="CF-3563",
    )


def _changed() -> NotGenuine:
    return NotGenuine(
        Text(
            "The code is genuine, but the file is not as it was issued: changed, or made anew round the code.",
            "二维码真实，但文件与签发时不一致：被改动，或另行制作。",
        ),
        do=Text("Do not accept the file; ask for it as it was issued.", "请勿受理，并索取签发时的原文件。"),
        code="CF-6504",
    )


def _even(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace(" ", "").strip()
