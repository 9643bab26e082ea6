"""The temporary card: paper that stands in for the card while it is made (facts, social security card 6.6).

No standard for its contents was found. The page gives a hospital the four things it looks for, large; what the paper is
not for; who checked the holder's identity; and a signed QR code by which anyone with the public key can check it. On A4
and, the same words, on the 80 mm roll.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from cardfab.errors import Text
from cardfab.face.canvas import MM_PER_POINT
from cardfab.face.fonts import FontBook
from cardfab.face.layout import fit_text
from cardfab.face.photo import crop_to, open_photo
from cardfab.profile.product import TemporaryUse

from .claim import DocumentRefused, TemporaryClaim, in_metadata
from .counter import DocumentSeen
from .paper import HEIGHT, INK, MARGIN, QUIET, WIDTH, Page, paper
from .wording import day, figures

Size = Literal["a4", "receipt"]

USES: dict[TemporaryUse, Text] = {
    "emergency": Text("emergency treatment", "急诊就医"),
    "medicine": Text("medicine", "购药"),
    "settlement": Text("insurance settlement", "医保结算"),
}
# No financial function, no use in other regions, back on receipt of the card: Changchun's rule, as in the facts.
NOT_FOR = (
    Text("Not a bank card: no deposit, withdrawal, transfer or payment.", "不是银行卡：不能存款、取款、转账或消费。"),
    Text("Not valid outside the issuing region.", "不能跨统筹区使用。"),
    Text(
        "Not proof of identity: show it together with the identity card.", "不能代替身份证：使用时请同时出示身份证件。"
    ),
    Text(
        "It ends on the date above, or at once when the card is handed over; give it back then.",
        "到期自动失效；领取正式卡时立即失效，请交回本证。",
    ),
)

_PHOTO_WIDTH, _PHOTO_HEIGHT = 40.0, 50.0
_TEXT_LEFT = MARGIN + _PHOTO_WIDTH + 9
_CODE_SIDE = 38.0
_HEAD = 69.0
_SIGNATURES = HEIGHT - 34


@dataclass(frozen=True, slots=True)
class IdentityChecked:
    """The document by which the holder was known, and who compared it."""

    document: DocumentSeen
    name: str
    login: str

    def words(self) -> Text:
        """As the paper says it."""
        seen, by = self.document, f"{self.name} ({self.login})" if self.name != self.login else self.login
        agent_en, agent_zh = (f", shown by {seen.bearer}", f"，由{seen.bearer}代办") if seen.bearer else ("", "")
        return Text(
            f"{seen.kind.en} ending {seen.last_digits[-4:]}{agent_en}, checked by {by}",
            f"{seen.kind.zh}（尾号 {seen.last_digits[-4:]}）{agent_zh}，核验人 {by}",
        )


@dataclass(frozen=True, slots=True)
class TemporaryCard:
    """What a temporary card says. Days are calendar days of the station, ``issued_at`` is printed as given.

    ``region`` is the code of six digits, ``region_name`` its words; ``extends`` the number of the paper it follows.
    """

    number: str
    request_id: str
    name: str
    social_security_number: str
    region: str
    region_name: Text
    category: Text
    valid_from: date
    valid_until: date
    uses: tuple[TemporaryUse, ...]
    station: str
    checked: IdentityChecked
    issued_at: datetime
    extends: str = ""
    not_for: tuple[Text, ...] = NOT_FOR

    def claim(self, key_id: bytes, *, specimen: bool) -> TemporaryClaim:
        """The part of it that is signed."""
        return TemporaryClaim(
            number=self.number,
            name=self.name,
            social_security_number=self.social_security_number,
            region=self.region,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
            uses=self.uses,
            key_id=key_id,
            specimen=specimen,
            extension=bool(self.extends),
        )

    def use_words(self) -> Text:
        """What it may be used for, and where."""
        words = [USES[use] for use in self.uses]
        en = ", ".join(each.en for each in words)
        return Text(
            f"{en[:1].upper()}{en[1:]} - in the issuing region only",
            f"{'、'.join(each.zh for each in words)}（限签发统筹区内）",
        )


def temporary_card_pdf(
    card: TemporaryCard,
    photo: bytes,
    fonts: FontBook,
    sign: Callable[[bytes], bytes],
    *,
    key_id: bytes,
    size: Size = "a4",
    specimen: bool = True,
) -> bytes:
    """The paper as PDF, one page, itself not signed yet; the same card and signature give the same bytes.

    ``photo`` is a JPEG, ``sign`` answers r | s for some bytes under the key of ``key_id``. Raises ``FaceRefused`` (a
    character no font draws, words too long, a broken photo), ``DocumentRefused`` (dates that end before they begin,
    fields that cannot be signed, more words than the page holds).
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
    code = card.claim(key_id, specimen=specimen).signed_text(sign)
    if size == "receipt":
        from .temporaryroll import roll_pdf

        return roll_pdf(card, photo, fonts, code, specimen=specimen)

    def draw(page: Page) -> None:
        _head(page, card, code)
        bottom = _holder(page, fonts, card, photo)
        bottom = _limits(page, card, bottom + 10)
        bottom = _identity(page, card, bottom + 9.5)
        bottom = _check(page, bottom + 9.5)
        if bottom > _SIGNATURES - 7:
            raise DocumentRefused(
                Text(
                    "The words of the temporary card need more than its page.",
                    "临时卡的文字超出一页。",
                ),
                do=Text("Shorten what it may and may not be used for.", "请缩短“可用于”和“不可用于”的内容。"),
                code="CF-3554",
            )
        _signatures(page, _SIGNATURES)

    return paper(fonts, [draw], foot(card), title=title(card), keywords=in_metadata(code), specimen=specimen)


def title(card: TemporaryCard) -> str:
    """The title of the file."""
    return f"临时社会保障卡 Temporary social security card {card.number}"


def foot(card: TemporaryCard) -> tuple[Text, ...]:
    """Who made it, when and where."""
    made = f"{card.issued_at:%Y-%m-%d %H:%M}"
    return (
        Text(f"made by {card.checked.login}", f"制单 {card.checked.login}"),
        Text(made, made),
        Text(f"station {card.station}", f"网点 {card.station}"),
        Text(f"request {card.request_id}", f"申请 {card.request_id}"),
    )


def verify_words() -> Text:
    """How to check it, in one sentence."""
    return Text(
        "Scan the QR code with the checking page, compare what it shows with this paper, the person and the identity "
        "card, and load the newest list of revoked papers.",
        "用核验页面扫描二维码，将显示的内容与本证、持证人及身份证件逐项比对，并载入最新作废名单。",
    )


def _head(page: Page, card: TemporaryCard, code: str) -> None:
    page.text(MARGIN, 30, "临时社会保障卡", size=27, role="sans-bold")
    page.text(MARGIN, 38, "Temporary social security card", size=13, colour=QUIET)
    page.text(MARGIN, 49, "编号 No.", size=8.5, colour=QUIET)
    page.text(MARGIN, 55, card.number, size=13, role="sans-bold")
    page.text(MARGIN + 62, 49, "签发原因 Reason", size=8.5, colour=QUIET)
    page.block(MARGIN + 62, 55, card.category.zh, size=11, width=60, lines=1)
    page.block(MARGIN + 62, 59.6, card.category.en, size=8, width=60, lines=2, colour=QUIET)
    if card.extends:
        page.text(MARGIN, 61.5, f"延期：替代 {card.extends}", size=9)
        page.text(
            MARGIN, 65.7, f"Extension: in place of {card.extends}, which is no longer valid", size=8, colour=QUIET
        )
    page.code(WIDTH - MARGIN, MARGIN + 2, _CODE_SIDE, code)
    page.rule(_HEAD, colour=INK, width=1.2)


def _holder(page: Page, fonts: FontBook, card: TemporaryCard, photo: bytes) -> float:
    """Photo at the left, the four things and the region at its right; returns where the block ends."""
    top = _HEAD + 7
    picture = crop_to(open_photo(photo), _PHOTO_WIDTH / _PHOTO_HEIGHT)
    page.picture(MARGIN, top, _PHOTO_WIDTH, _PHOTO_HEIGHT, picture)
    width = WIDTH - MARGIN - _TEXT_LEFT

    def label(y: float, zh: str, en: str, left: float = _TEXT_LEFT) -> None:
        used = page.text(left, y, zh, size=9, colour=QUIET)
        page.text(left + used + 2, y, en, size=9, colour=QUIET)

    label(top + 2.4, "姓名", "Name")
    fitted = fit_text(fonts, card.name, font="sans-bold", size=24, width=width, lines=2, what="name")
    y = top + 11.5
    for number, line in enumerate(fitted.lines):
        y = top + 11.5 + number * 9.6
        page.text(_TEXT_LEFT, y, line, size=fitted.size, role="sans-bold")

    label(y + 7.6, "社会保障号码", "Social security number")
    page.text(_TEXT_LEFT, y + 15.2, figures(card.social_security_number), size=20, role="sans-bold")
    y += 15.2

    label(y + 7.6, "有效期至", "Valid until")
    until = day(card.valid_until, "zh")
    used = page.text(_TEXT_LEFT, y + 15.2, until, size=20, role="sans-bold")
    page.text(_TEXT_LEFT + used + 4, y + 15.2, f"{card.valid_from} – {card.valid_until}", size=9, colour=QUIET)
    y += 15.2

    label(y + 7.6, "统筹地区", "Region")
    used = page.text(_TEXT_LEFT, y + 13.6, f"{card.region_name.zh}（{card.region}）", size=13, role="sans-bold")
    y += 13.6
    needed = fonts.width(card.region_name.en, "sans") * 9 * MM_PER_POINT
    if used + 3 + needed <= width:
        page.text(_TEXT_LEFT + used + 3, y, card.region_name.en, size=9, colour=QUIET)
    else:
        y = page.block(_TEXT_LEFT, y + 4.6, card.region_name.en, width=width, size=9, colour=QUIET, lines=2)

    label(y + 7.6, "可用于", "May be used for")
    words = card.use_words()
    y = page.block(_TEXT_LEFT, y + 13.8, words.zh, width=width, size=13, role="sans-bold", lines=2)
    y = page.block(_TEXT_LEFT, y + 5.0, words.en, width=width, size=9, colour=QUIET, lines=2)
    return max(y, top + _PHOTO_HEIGHT)


def _side(page: Page, y: float, zh: str, en: str) -> None:
    page.rule(y - 5.6)
    page.text(MARGIN, y, zh, size=10.5, role="sans-bold")
    page.text(MARGIN, y + 4.4, en, size=8, colour=QUIET)


def _both(page: Page, y: float, words: Text, lines: int = 3) -> float:
    """Chinese over English; returns the last baseline."""
    width = WIDTH - MARGIN - _TEXT_LEFT
    y = page.block(_TEXT_LEFT, y, words.zh, width=width, lines=lines)
    return page.block(_TEXT_LEFT, y + 4.3, words.en, width=width, size=8, lines=lines, colour=QUIET)


def _limits(page: Page, card: TemporaryCard, y: float) -> float:
    _side(page, y, "不可用于", "Not to be used for")
    for number, limit in enumerate(card.not_for):
        y += 5.7 if number else 0.0
        page.text(_TEXT_LEFT - 5, y, "—", size=9, colour=QUIET)
        y = _both(page, y, limit, lines=1)
    return y


def _identity(page: Page, card: TemporaryCard, y: float) -> float:
    _side(page, y, "身份核验", "Identity checked")
    return _both(page, y, card.checked.words())


def _check(page: Page, y: float) -> float:
    _side(page, y, "如何核验", "How to verify")
    return _both(page, y, verify_words(), lines=3)


def _signatures(page: Page, y: float) -> None:
    for left, zh, en in (
        (MARGIN, "持卡人签名", "Holder's signature"),
        (MARGIN + 62, "经办人签名", "Clerk's signature"),
        (MARGIN + 124, "签发机构（盖章）", "Issuer's stamp"),
    ):
        page.rule(y, left, left + 46, colour=INK, width=0.6)
        page.text(left, y + 4.6, zh, size=9)
        page.text(left, y + 8.6, en, size=8, colour=QUIET)
