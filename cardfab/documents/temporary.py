"""The temporary card: paper that stands in for the card while it is made (facts, social security card 6.6).

No standard for its contents was found. The page gives a hospital the four things it looks for, large; what the paper is
not for; and a signed QR code by which anyone with the station's public key can check it.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from cardfab.errors import Text
from cardfab.face.fonts import FontBook
from cardfab.face.layout import fit_text, grouped
from cardfab.face.photo import crop_to, open_photo

from .claim import DocumentRefused, TemporaryClaim, in_metadata
from .paper import HEIGHT, INK, MARGIN, QUIET, WIDTH, Page, paper

# No financial function, no use in other regions, back on receipt of the card: Changchun's rule, as in the facts.
USES = (
    Text(
        "Treatment, medicines and insurance settlement in the issuing region; social insurance business",
        "在签发统筹区内就医、购药、医保结算，办理社会保险业务",
    ),
)
NOT_FOR = (
    Text("Not a bank card: no deposit, withdrawal, transfer or payment.", "不是银行卡：不能存款、取款、转账或消费。"),
    Text("Not valid outside the issuing region.", "不能跨统筹区使用。"),
    Text(
        "Not proof of identity: show it together with the identity card.", "不能代替身份证：使用时请同时出示身份证件。"
    ),
    Text(
        "It ends on the date above, or earlier when the card is handed over; give it back then.",
        "到期自动失效；领取正式卡时请交回本证。",
    ),
)

_PHOTO_WIDTH, _PHOTO_HEIGHT = 40.0, 50.0
_TEXT_LEFT = MARGIN + _PHOTO_WIDTH + 9
_CODE_SIDE = 34.0
_SIGNATURES = HEIGHT - 45


@dataclass(frozen=True, slots=True)
class TemporaryCard:
    """What a temporary card says. Days are calendar days of the station, ``issued_at`` is printed as given."""

    number: str
    request_id: str
    name: str
    social_security_number: str
    category: Text
    valid_from: date
    valid_until: date
    station: str
    issued_by: str
    issued_at: datetime
    uses: tuple[Text, ...] = USES
    not_for: tuple[Text, ...] = NOT_FOR

    def claim(self, key_name: str, *, specimen: bool) -> TemporaryClaim:
        """The part of it that is signed."""
        return TemporaryClaim(
            number=self.number,
            name=self.name,
            social_security_number=self.social_security_number,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            station=self.station,
            specimen=specimen,
            key_name=key_name,
        )


def temporary_card_pdf(
    card: TemporaryCard,
    photo: bytes,
    fonts: FontBook,
    sign: Callable[[bytes], bytes],
    *,
    public_key_name: str,
    specimen: bool = True,
) -> bytes:
    """The paper as PDF, A4, one page; the same card and signature give the same bytes.

    ``photo`` is a JPEG, ``sign`` answers the Ed25519 signature of some bytes under the key called ``public_key_name``.
    Raises ``FaceRefused`` (a character no font draws, words too long, a broken photo), ``DocumentRefused`` (dates that
    end before they begin, fields that cannot be signed, more words than the page holds).
    """
    if card.valid_until < card.valid_from:
        raise DocumentRefused(
            Text(
                f"The temporary card would end on {card.valid_until}, before it begins on {card.valid_from}.",
                f"临时卡的截止日期 {card.valid_until} 早于起始日期 {card.valid_from}。",
            ),
            do=Text("Give a later last day.", "请填写更晚的截止日期。"),
            code="CF-3553",
        )
    code = card.claim(public_key_name, specimen=specimen).signed_text(sign)

    def draw(page: Page) -> None:
        _head(page, card, code)
        bottom = _holder(page, fonts, card, photo)
        bottom = _limits(page, card, bottom + 13)
        bottom = _check(page, card, public_key_name, bottom + 12)
        if bottom > _SIGNATURES - 12:
            raise DocumentRefused(
                Text(
                    "The words of the temporary card need more than its page.",
                    "临时卡的文字超出一页。",
                ),
                do=Text("Shorten what it may and may not be used for.", "请缩短“可用于”和“不可用于”的内容。"),
                code="CF-3554",
            )
        _signatures(page, _SIGNATURES)

    made = f"{card.issued_at:%Y-%m-%d %H:%M}"
    foot = (
        Text(f"made by {card.issued_by}", f"制单 {card.issued_by}"),
        Text(made, made),
        Text(f"station {card.station}", f"网点 {card.station}"),
        Text(f"request {card.request_id}", f"申请 {card.request_id}"),
    )
    title = f"临时社会保障卡 Temporary social security card {card.number}"
    return paper(fonts, [draw], foot, title=title, keywords=in_metadata(code), specimen=specimen)


def _head(page: Page, card: TemporaryCard, code: str) -> None:
    page.text(MARGIN, 30, "临时社会保障卡", size=27, role="sans-bold")
    page.text(MARGIN, 38, "Temporary social security card", size=13, colour=QUIET)
    page.text(MARGIN, 50, "编号 No.", size=8.5, colour=QUIET)
    page.text(MARGIN, 56, card.number, size=13, role="sans-bold")
    page.text(MARGIN + 62, 50, "签发原因 Reason", size=8.5, colour=QUIET)
    page.block(MARGIN + 62, 56, card.category.zh, size=11, width=64, lines=1)
    page.block(MARGIN + 62, 60.6, card.category.en, size=8, width=64, lines=2, colour=QUIET)
    page.code(WIDTH - MARGIN, MARGIN, _CODE_SIDE, code)
    page.rule(68, colour=INK, width=1.2)


def _holder(page: Page, fonts: FontBook, card: TemporaryCard, photo: bytes) -> float:
    """Photo at the left, the four things at its right; returns where the block ends."""
    top = 78.0
    picture = crop_to(open_photo(photo), _PHOTO_WIDTH / _PHOTO_HEIGHT)
    page.picture(MARGIN, top, _PHOTO_WIDTH, _PHOTO_HEIGHT, picture)
    width = WIDTH - MARGIN - _TEXT_LEFT

    def label(y: float, zh: str, en: str) -> None:
        used = page.text(_TEXT_LEFT, y, zh, size=9, colour=QUIET)
        page.text(_TEXT_LEFT + used + 2, y, en, size=9, colour=QUIET)

    label(top + 2.4, "姓名", "Name")
    fitted = fit_text(fonts, card.name, font="sans-bold", size=24, width=width, lines=2, what="name")
    y = top + 12.0
    for number, line in enumerate(fitted.lines):
        y = top + 12.0 + number * 10.0
        page.text(_TEXT_LEFT, y, line, size=fitted.size, role="sans-bold")

    label(y + 9.0, "社会保障号码", "Social security number")
    page.text(_TEXT_LEFT, y + 17.0, _figures(card.social_security_number), size=20, role="sans-bold")
    y += 17.0

    label(y + 9.0, "有效期至", "Valid until")
    until = f"{card.valid_until:%Y}年{card.valid_until:%m}月{card.valid_until:%d}日"
    used = page.text(_TEXT_LEFT, y + 17.0, until, size=20, role="sans-bold")
    page.text(_TEXT_LEFT + used + 4, y + 17.0, f"{card.valid_from} – {card.valid_until}", size=9, colour=QUIET)
    y += 17.0

    label(y + 9.0, "可用于", "May be used for")
    y += 15.8
    for number, use in enumerate(card.uses):
        y = page.block(
            _TEXT_LEFT, y + (6.0 if number else 0.0), use.zh, width=width, size=13, role="sans-bold", lines=3
        )
        y = page.block(_TEXT_LEFT, y + 5.2, use.en, width=width, size=9, colour=QUIET, lines=3)
    return max(y, top + _PHOTO_HEIGHT)


def _limits(page: Page, card: TemporaryCard, y: float) -> float:
    page.rule(y - 6.5)
    page.text(MARGIN, y, "不可用于", size=10.5, role="sans-bold")
    page.text(MARGIN, y + 4.6, "Not to be used for", size=8, colour=QUIET)
    for number, limit in enumerate(card.not_for):
        y += 10.6 if number else 0.0
        page.text(_TEXT_LEFT - 5, y, "—", size=9, colour=QUIET)
        page.block(_TEXT_LEFT, y, limit.zh, width=WIDTH - MARGIN - _TEXT_LEFT, lines=1)
        page.block(_TEXT_LEFT, y + 4.4, limit.en, width=WIDTH - MARGIN - _TEXT_LEFT, size=8, lines=1, colour=QUIET)
    return y + 4.4


def _check(page: Page, card: TemporaryCard, key_name: str, y: float) -> float:
    page.rule(y - 6.5)
    page.text(MARGIN, y, "如何核验", size=10.5, role="sans-bold")
    page.text(MARGIN, y + 4.6, "How to verify", size=8, colour=QUIET)
    width = WIDTH - MARGIN - _TEXT_LEFT
    y = page.block(
        _TEXT_LEFT,
        y,
        f"扫描右上角二维码，用公钥“{key_name}”核验签名，再逐项比对二维码与纸面的姓名、号码和有效期。",
        width=width,
    )
    return page.block(
        _TEXT_LEFT,
        y + 4.6,
        f"Scan the QR code, check its signature with the public key {key_name}, and compare the name, number and date "
        "in the code with this paper.",
        width=width,
        size=8,
        colour=QUIET,
    )


def _signatures(page: Page, y: float) -> None:
    for left, zh, en in (
        (MARGIN, "持卡人签名", "Holder's signature"),
        (MARGIN + 62, "经办人签名", "Clerk's signature"),
        (MARGIN + 124, "签发机构（盖章）", "Issuer's stamp"),
    ):
        page.rule(y, left, left + 46, colour=INK, width=0.6)
        page.text(left, y + 4.6, zh, size=9)
        page.text(left, y + 8.6, en, size=8, colour=QUIET)


def _figures(number: str) -> str:
    """Eighteen places in 6-8-4; another number as it is."""
    return grouped(number, (6, 8, 4)) if len(number) == 18 and set(number) <= set(string.digits + "X") else number
