"""Who stands at the counter: the document that was shown, who showed it, and whether it is enough for the service."""

from __future__ import annotations

import enum
import hmac
import unicodedata
from dataclasses import dataclass, field
from datetime import date

from cardfab.errors import InputRefused, StockFault, Text
from cardfab.prepare import gb11643

OF_AGE = 16
"""Below it a guardian acts for the holder (办理: guardian's document and household register)."""


class Document(enum.StrEnum):
    """A kind of identity document, as the outlets' lists of papers name them."""

    ID_CARD = "id-card"
    HOUSEHOLD = "household-register"
    RESIDENCE = "residence-permit"
    TRAVEL_PERMIT = "travel-permit"
    PASSPORT = "passport"
    FOREIGNER = "foreigner-permit"

    @property
    def text(self) -> Text:
        """The kind in words."""
        return _WORDS[self]


_WORDS = {
    Document.ID_CARD: Text("resident identity card", "居民身份证"),
    Document.HOUSEHOLD: Text("household register", "户口簿"),
    Document.RESIDENCE: Text("residence permit of Hong Kong, Macao and Taiwan residents", "港澳台居民居住证"),
    Document.TRAVEL_PERMIT: Text("mainland travel permit", "来往内地（大陆）通行证"),
    Document.PASSPORT: Text("passport", "护照"),
    Document.FOREIGNER: Text("foreigner's permanent residence card", "外国人永久居留身份证"),
}
_CITIZEN_NUMBERED = frozenset({Document.ID_CARD, Document.HOUSEHOLD, Document.RESIDENCE})


class DocumentRefused(InputRefused):
    """The document's number cannot be right."""

    default_code = "CF-3570"


class NotTheHolder(StockFault):
    """The document is not the holder's, and nobody may act for the holder in this service."""

    default_code = "CF-7600"


@dataclass(frozen=True, slots=True)
class Identity:
    """The document that the person signed in compared with the person at the counter.

    ``relation`` is empty for the holder; else who acts ("mother", 母亲). ``repr`` does not show the number.
    """

    document: Document
    number: str = field(repr=False)
    relation: str = ""

    @property
    def last_digits(self) -> str:
        """What a paper may show of it."""
        return self.number[-4:]


def identity(document: Document, number: str, relation: str = "") -> Identity:
    """A document as it was shown: full width, spaces and letter case evened out. Raises :class:`DocumentRefused`."""
    plain = unicodedata.normalize("NFKC", number).replace(" ", "").upper()
    citizen = document in _CITIZEN_NUMBERED
    wrong = not 5 <= len(plain) <= 18 or not plain.isascii() or not plain.isalnum()
    if wrong or (citizen and (not gb11643.has_form(plain) or gb11643.check_character(plain[:17]) != plain[17])):
        raise DocumentRefused(
            Text(
                f"The number of the {document.text.en} cannot be right.",
                f"{document.text.zh}号码有误。",
            ),
            do=Text("Read it from the document again.", "请核对证件后重新输入。"),
        )
    return Identity(document, plain, " ".join(relation.split()))


def require_holder(shown: Identity, social_security_number: str, today: date, *, second: bool) -> None:
    """Raise :class:`NotTheHolder` unless the document is the holder's, or a guardian or agent may act.

    A guardian acts for a child by naming the relation. For anyone else an agent acts only where a second person of the
    outlet approved it (``second``).
    """
    same = hmac.compare_digest(shown.number.encode(), social_security_number.encode())
    if not shown.relation:
        if same:
            return
        raise NotTheHolder(
            Text("The document is not that of the card's holder.", "证件与卡内持卡人不符。"),
            do=Text(
                "Serve the holder only; who acts for the holder is named with --acting-for RELATION.",
                "请核实持卡人；代办须用 --acting-for 登记与持卡人的关系。",
            ),
        )
    if second or age(social_security_number, today) < OF_AGE:
        return
    raise NotTheHolder(
        Text(
            "An agent of a grown-up holder needs a second person's approval.",
            "成年持卡人由他人代办，须另一人复核。",
        ),
        do=Text("A supervisor approves it: --second LOGIN.", "请由主管复核：--second 用户名。"),
        code="CF-7601",
    )


def age(citizen_number: str, today: date) -> int:
    """Whole years by the birth date in the number; a number without one is a grown-up's."""
    digits = citizen_number[6:14]
    try:
        born = date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return OF_AGE
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))
