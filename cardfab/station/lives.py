"""Issued cards through their life: who a card is for, until when it must be activated, what restricts it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import date, datetime

from cardfab.production import TO_ACTIVATE, CardState, months_after
from cardfab.profile.loader import load
from cardfab.profile.product import CounterRules, Product
from cardfab.station.desk import Desk
from cardfab.station.vault import open_card
from cardfab.station.work import Work
from cardfab.store import CardLife, CardRow, RequestRow, Transaction

_SEAL = "station/seal"
_LIVING = (*sorted(TO_ACTIVATE), CardState.ACTIVATED, CardState.RESTRICTED)


@dataclass(frozen=True, slots=True)
class LifeView:
    """Who a card is for, as the counter needs it when the card itself is gone. ``repr`` shows nothing of the person."""

    card_number: str = field(repr=False)
    name: str = field(repr=False)
    social_security_number: str = field(repr=False)
    region: str


def life_of(desk: Desk, work: Work, row: RequestRow) -> CardLife:
    """What is kept of a card that a job has just made."""
    face, salt, token = work.card.face, desk.random(32), desk.token()
    view = LifeView(work.card.card_number, face["name"], face["social_security_number"], work.card.region)
    issued = date.fromisoformat(work.card.issue_date)
    return CardLife(
        token=token,
        holder_index=row.holder_index,
        product=row.product,
        activate_until=months_after(issued, work.chosen.product.counter.activation_months).isoformat(),
        expires_on=work.card.expiry_date,
        sealed=desk.keys.seal(_SEAL, salt, json.dumps(asdict(view), ensure_ascii=False).encode(), _bound(token)),
        salt=salt,
    )


def open_life(desk: Desk, tx: Transaction, card: CardRow) -> LifeView | None:
    """Who a card is for; None once that was erased."""
    if card.sealed is not None and card.salt is not None:
        return LifeView(**json.loads(desk.keys.unseal(_SEAL, card.salt, card.sealed, _bound(card.token))))
    job = tx.jobs.get(card.job_id)
    row = tx.requests.get(job.request_id)
    if card.sealed is not None or row.salt is None:
        return None
    made = open_card(desk.keys, job, row)
    return LifeView(made.card_number, made.face["name"], made.face["social_security_number"], made.region)


def rules_of(desk: Desk, product: str | None) -> CounterRules:
    """The counter's rules for a product; for a card of another station those of the station's first product."""
    name = product or min(desk.codes().bank_product)
    return load(desk.profiles, "products", name, Product).counter


def activate_until(desk: Desk, card: CardRow) -> date:
    """The last day on which a card may be activated."""
    if card.activate_until is not None:
        return date.fromisoformat(card.activate_until)
    made = datetime.fromisoformat(card.made_at).date()
    return months_after(made, rules_of(desk, card.product).activation_months)


def sweep(desk: Desk, tx: Transaction) -> None:
    """Restrict every card that was not activated in time, and end every card whose validity has ended."""
    today = desk.now().date()
    for card in tx.cards.all(*_LIVING):
        if card.expires_on is not None and date.fromisoformat(card.expires_on) < today:
            tx.cards.move(card, CardState.EXPIRED, desk.move())
            tx.audit.append(desk.event("card.expire", card.token, "done", {"job": str(card.job_id)}))
        elif card.state in TO_ACTIVATE and (until := activate_until(desk, card)) < today:
            tx.cards.move(card, CardState.RESTRICTED, desk.move())
            details = {"job": str(card.job_id), "until": until.isoformat()}
            tx.audit.append(desk.event("card.restrict", card.token, "done", details))


def _bound(token: str) -> bytes:
    return f"life:{token}".encode()
