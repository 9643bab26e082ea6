"""A card in the reader at the counter: which generation, whose, and whether it may be served."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

from cardfab.apdu.link import CardAnswered, Exchange, Link, drive
from cardfab.apdu.pinentry import PinFeatures
from cardfab.errors import CardRefused, StockFault, Text
from cardfab.prepare.items import ItemBook
from cardfab.production import OUT_OF_USE, CardState
from cardfab.profile.application import FileApplication
from cardfab.profile.loader import load
from cardfab.station.counter.clock import here_and_now
from cardfab.station.counter.kinds import state_words
from cardfab.station.counter.service import Counter, Subject
from cardfab.station.devices import Chip
from cardfab.station.lives import open_life, sweep
from cardfab.station.vault import number_index
from cardfab.store import CardRow
from cardfab.terminal.card import PresentedCard
from cardfab.terminal.identify import Identity, identify
from cardfab.terminal.read import CardReading, read_card

T = TypeVar("T")
_FOR_GOOD = 0x9303
_BLOCKED = (0x6A81, _FOR_GOOD)
_HOLDER = "SSSE/EF06"


class CardBlocked(CardRefused):
    """The whole card is blocked: it answers nothing any more."""

    default_code = "CF-4610"


class ApplicationBlocked(CardRefused):
    """One application of the card is blocked."""

    default_code = "CF-4613"


class CardOfNobody(CardRefused):
    """A blank: no number on it."""

    default_code = "CF-4611"


class AnotherChip(CardRefused):
    """The books know this number on another chip."""

    default_code = "CF-4612"


class NotServed(StockFault):
    """The card is on the black list, out of use or expired."""

    default_code = "CF-7640"


@dataclass(slots=True)
class Presented:
    """One card while it lies in the reader. ``subject`` names its holder as far as card or books say."""

    counter: Counter
    link: Link
    card: PresentedCard
    identity: Identity
    subject: Subject
    values: dict[str, str] = field(default_factory=dict, repr=False)
    """The holder's file, where it could be read."""
    pin_features: Callable[[], PinFeatures] = PinFeatures
    """What the reader's own keys can do."""

    def run(self, exchange: Exchange[T]) -> T:
        """Carry out an exchange with the card. Raises :class:`ApplicationBlocked` where it enters one that is."""
        try:
            return drive(exchange, self.link)
        except CardAnswered as answered:
            if int(answered.sw) != _FOR_GOOD:
                raise
            raise ApplicationBlocked(
                Text("This application of the card is blocked for good.", "卡内该应用已永久锁定。"),
                do=Text("The rest of the card works; for this part order a replacement: 'cardfab card replace'.",
                        "其余应用可继续使用；需要该应用时请办理补换卡：cardfab card replace。"),
            ) from answered  # fmt: skip

    def read(self, *, only: Collection[str] | None = None) -> CardReading:
        """Read the card, or some of its files."""
        return self.run(read_card(self.card, only=only))

    @property
    def index(self) -> bytes:
        """How the books find this card."""
        return number_index(self.counter.desk.keys, self.subject.card_number)

    @property
    def listed(self) -> bool:
        """Whether the station's black list has the card."""
        with self.counter.desk.database.reading() as tx:
            return tx.black_list.get(self.index) is not None

    def require_active(self) -> None:
        """As :meth:`require_served`, and a card of this station must have been activated."""
        self.require_served()
        row = self.subject.row
        if row is not None and row.state is not CardState.ACTIVATED:
            raise NotServed(
                Text("The card is not activated yet.", "该卡尚未启用。"),
                do=Text("Activate it: 'cardfab card activate'.", "请先启用：cardfab card activate。"),
                code="CF-7644",
            )

    def require_served(self) -> None:
        """Raise :class:`NotServed` for a card that is listed, out of use, restricted or expired."""
        row = self.subject.row
        today = f"{here_and_now(self.counter.desk):%Y%m%d}"
        if self.listed:
            raise NotServed(
                Text("The card is on the black list.", "该卡在黑名单中。"),
                do=Text("Keep the card; 'cardfab card block' blocks it.", "请收回该卡，并用 cardfab card block 锁定。"),
            )
        if row is not None and row.state in OUT_OF_USE:
            words = state_words(row.state)
            raise NotServed(
                Text(f"The card is {words.en}.", f"该卡{words.zh}。"),
                do=Text("Only its replacement is served.", "只能为其补换卡办理。"),
                code="CF-7641",
            )
        if row is not None and row.state is CardState.RESTRICTED:
            raise NotServed(
                Text("The card was not activated in time and is restricted.", "该卡逾期未启用，已限制使用。"),
                do=Text(
                    "A supervisor releases it: 'cardfab card release'.", "须由主管解除限制：cardfab card release。"
                ),
                code="CF-7643",
            )
        if self.identity.expiry_date and self.identity.expiry_date < today:
            ended = "-".join(
                (self.identity.expiry_date[:4], self.identity.expiry_date[4:6], self.identity.expiry_date[6:])
            )
            raise NotServed(
                Text(f"The card ended on {ended}.", f"该卡已于 {ended} 到期。"),
                do=Text(
                    "Order a replacement: 'cardfab card replace --reason expiry'.",
                    "请办理到期换卡：cardfab card replace --reason expiry。",
                ),
                code="CF-7642",
            )


def present(counter: Counter, chip: Chip) -> Presented:
    """Identify the card in the reader. Raises :class:`CardBlocked`, :class:`CardOfNobody`, :class:`AnotherChip`."""
    desk = counter.desk
    application = desk.product(min(desk.codes().bank_product)).files
    card = _fresh(counter, application, chip)
    identity = _identified(card, chip)
    if identity.generation[0] != application.version[0]:
        generation = load(desk.profiles, "applications", f"ssc-v{identity.generation[0]}", FileApplication)
        card = _fresh(counter, generation, chip)
        identity = _identified(card, chip)
    if not identity.card_number:
        raise CardOfNobody(
            Text("The card in the reader has no number: it was not issued.", "读卡器中的卡没有卡号，尚未发行。"),
            do=Text("Take it back to the blanks.", "请放回空白卡中。"),
        )
    reading = drive(read_card(card, only=(_HOLDER,)), chip.link)
    values = reading.values
    index = number_index(desk.keys, identity.card_number)
    with desk.database.transaction("sweep") as tx:
        sweep(desk, tx)
    with desk.database.reading() as tx:
        row = tx.cards.by_number(index)
        life = open_life(desk, tx, row) if row else None
    _require_chip(row, chip)
    name = values.get(f"{_HOLDER}/09", "") + values.get(f"{_HOLDER}/4E", "")
    number = values.get(f"{_HOLDER}/08", "")
    subject = Subject(
        card_number=identity.card_number,
        social_security_number=number or (life.social_security_number if life else ""),
        name=name or (life.name if life else ""),
        region=life.region if life else identity.region,
        row=row,
    )
    return Presented(counter, chip.link, card, identity, subject, values, chip.pin_features)


def _fresh(counter: Counter, application: FileApplication, chip: Chip) -> PresentedCard:
    desk = counter.desk
    return PresentedCard(ItemBook(application, desk.codes()), desk.keys, chip.historical, desk.random)


def _identified(card: PresentedCard, chip: Chip) -> Identity:
    try:
        return drive(identify(card), chip.link)
    except CardAnswered as answered:
        if int(answered.sw) not in _BLOCKED:
            raise
        raise CardBlocked(
            Text("The card is blocked; it answers nothing any more.", "该卡已锁定，不再应答。"),
            do=Text("Keep the card and replace it.", "请收回该卡并办理补换。"),
        ) from answered


def _require_chip(row: CardRow | None, chip: Chip) -> None:
    if row is not None and row.chip != chip.serial:
        raise AnotherChip(
            Text("The card's number was issued on another chip.", "该卡号由本网点发行在另一芯片上。"),
            do=Text("Keep the card and call the supervisor: it may be copied.", "请扣留该卡并报告主管：可能为伪卡。"),
        )
