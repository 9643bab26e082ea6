"""What makes one prepared card of a request and its bank side: the same for a card by itself and for a whole shard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from cardfab.face.chipphoto import chip_photo
from cardfab.keys import KeyStore
from cardfab.prepare.card import PreparedCard
from cardfab.prepare.cardnumber import make_card_number
from cardfab.prepare.financial import FinancialData, PreparedFinancial, make_pan
from cardfab.prepare.items import ItemBook
from cardfab.prepare.lint.judge import require_faultless
from cardfab.prepare.records import (
    IssueData,
    build_binaries,
    build_records,
    expiry_date,
    holder_values,
    initialiser_number,
)
from cardfab.prepare.request import IssuanceRequest
from cardfab.profile.product import Product
from cardfab.station.desk import Desk, ProductSet

_CERTIFICATES = 4
"""ICC certificate serials that are set aside for each card."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A card whose bank side is still to come."""

    request: IssuanceRequest = field(repr=False)
    issue: IssueData = field(repr=False)
    items: Mapping[str, str] = field(repr=False)
    data: FinancialData = field(repr=False)


@dataclass(frozen=True, slots=True)
class Making:
    """A product on one day of issue. Raises InputRefused for a request that its profiles do not take."""

    chosen: ProductSet
    book: ItemBook
    today: date
    expiry: date

    @classmethod
    def of(cls, desk: Desk, chosen: ProductSet, today: date) -> Making:
        """Profiles and code tables, read once."""
        book = ItemBook(chosen.files, desk.codes())
        return cls(chosen, book, today, expiry_date(today, chosen.product.validity_years))

    def begin(self, request: IssuanceRequest, serial: int, sequence: int) -> Begun:
        """With the card number and account number drawn from their series. The values are judged again: a profile may
        have changed since the request came in.
        """
        product, financial = self.chosen.product, self.chosen.financial
        issue = IssueData(
            card_number=make_card_number(product.numbers.letter, serial),
            issue_date=self.today,
            expiry_date=self.expiry,
            initialiser=initialiser_number(request.region, product.initialiser_place, 1),
            version=self.chosen.files.version,
        )
        items = {**product.items, **request.items}
        for address, value in items.items():
            self.book.check_input(address, value)
        name = request.name.encode("gb18030") if financial.holder_name == "on chip" else b""
        pan = make_pan(financial, sequence)
        data = FinancialData(pan, self.today, self.expiry, name, serial=_CERTIFICATES * sequence)
        return Begun(request, issue, items, data)

    def judge(self, keys: KeyStore, bank: PreparedFinancial) -> None:
        """Raise CardFaulty where the bank side breaks a rule."""
        financial = self.chosen.financial
        published = any(keys.info(label).training for label in financial.keys.labels)
        require_faultless(financial, bank, keys, training_keys=published)

    def card(self, begun: Begun, bank: PreparedFinancial) -> PreparedCard:
        """The whole card."""
        request, issue, files, product = begun.request, begun.issue, self.chosen.files, self.chosen.product
        return PreparedCard(
            request_id=request.request_id,
            product=product.name,
            region=request.region,
            card_number=issue.card_number,
            pan=begun.data.pan,
            issue_date=self.today.isoformat(),
            expiry_date=self.expiry.isoformat(),
            records=build_records(files, holder_values(request, issue), begun.items),
            binaries=build_binaries(files, self._contents(request), begun.items),
            groupings=bank.groupings,
            environments={aid.hex().upper(): groupings for aid, groupings in bank.environments.items()},
            face=face_values(request, issue, product, begun.data.pan),
            photo=request.photo,
        )

    def _contents(self, request: IssuanceRequest) -> Mapping[str, bytes]:
        """The contents of transparent files by source name; raises FaceRefused when the portrait does not fit."""
        form, directories = self.chosen.product.chip_photo, self.chosen.files.directories
        room = [file.size or 0 for one in directories for file in one.files if file.source == "photo"]
        if form is None or request.photo is None or not room:
            return {}
        return {"photo": chip_photo(request.photo, form, room[0])}


def face_values(request: IssuanceRequest, issue: IssueData, product: Product, pan: str) -> Mapping[str, str]:
    """What the face fields are filled with, by field name."""
    return {
        "name": request.name,
        "social_security_number": request.social_security_number,
        "card_number": issue.card_number,
        "issued_on": issue.issue_date.isoformat(),
        "valid_until": issue.expiry_date.isoformat(),
        "sex": request.sex,
        "bank_name": product.bank_name,
        "pan": pan,
    }


__all__ = ["Begun", "Making", "face_values"]
