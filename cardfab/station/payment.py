"""The bank's side of a card in the reader: the books' word on it, the issuer's host, and the keys a terminal needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cardfab.keys import Sealed, Usage
from cardfab.keys.certificates import CertificateFault, PublicKey
from cardfab.profile.financial import FinancialApplication
from cardfab.station.desk import Desk
from cardfab.station.vault import Erased, open_card
from cardfab.terminal.emv import KeyHost, Order, PinReference

PAD_KEY = "bank/ZPK"
"""The transport key of a PIN pad where the product names none."""


@dataclass(frozen=True, slots=True)
class PaymentCard:
    """A product's bank application, and the first PIN of one card of it where the books still have it, sealed."""

    product: str
    application: FinancialApplication = field(repr=False)
    pin: Sealed | None = field(default=None, repr=False)

    @property
    def pad_key(self) -> str:
        """The transport key of the PIN pad."""
        return self.application.pin.pad_key or PAD_KEY


def payment_card(desk: Desk, serial: str, product: str | None) -> PaymentCard | None:
    """What the books know of the chip with that serial, or a product by name; None where neither is known."""
    with desk.database.reading() as tx:
        row = next((one for one in tx.cards.all() if one.chip == serial), None)
        job = None if row is None else tx.jobs.get(row.job_id)
        request = None if job is None else tx.requests.get(job.request_id)
    name = product or (row.product if row is not None else None)
    if name is None:
        return None
    application = desk.product(name).financial
    pin = None
    if job is not None and request is not None and job.sealed_card is not None:
        try:
            groupings = open_card(desk.keys, job, request).groupings
            pin = next((one.value for one in groupings if one.dgi == "8010" and isinstance(one.value, Sealed)), None)
        except Erased:
            pin = None
    return PaymentCard(name, application, pin)


def issuer_host(desk: Desk, card: PaymentCard, *, declines: bool = False, orders: Sequence[Order] = ()) -> KeyHost:
    """The issuer's host of that product, played from this station's key store."""
    reference = None if card.pin is None else PinReference(card.pad_key, pin=card.pin)
    return KeyHost(desk.keys, card.application, reference, tuple(orders), declines)


def authorities(desk: Desk) -> dict[bytes, PublicKey]:
    """Keys of scheme authorities by RID | index, from the issuer certificates that this station holds."""
    found: dict[bytes, PublicKey] = {}
    for info in desk.keys.infos():
        if info.usage is not Usage.ISSUER:
            continue
        try:
            certificate = desk.keys.issuer_certificate(info.label)
        except CertificateFault:
            continue
        found[certificate.rid + certificate.index] = certificate.authority
    return found
