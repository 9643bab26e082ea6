"""Services at the counter that need neither the card nor its PIN: report of loss, order of a replacement."""

from __future__ import annotations

from datetime import date
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from cardfab.production import Act, CardState
from cardfab.station.counter.finding import card_of_holder
from cardfab.station.counter.loss import Confirmed, Level, report_loss
from cardfab.station.counter.replace import replace_card
from cardfab.web.api.bearer import Called
from cardfab.web.api.once import OnceKey, once
from cardfab.web.api.problems import described
from cardfab.web.api.temporary import Seen

router = APIRouter(tags=["counter"])
Reason = Literal["loss", "damage", "expiry", "data"]


class NewLoss(BaseModel):
    """A report of loss, confirmed twice: the holder says yes, and knows the last four characters of the card number."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    seen: Seen
    confirmed: bool = Field(examples=[True])
    last_four: str = Field(min_length=4, max_length=4, repr=False, examples=["0017"])
    level: Level = "formal"


class LossTaken(BaseModel):
    """The report that was taken. ``host``: done, none, or refused with the host's reason."""

    receipt: str = Field(examples=["HZ202611210001"])
    level: Level
    black_list: bool
    host: str = Field(examples=["done"])


class NewReplacement(BaseModel):
    """An order of a new card in place of one."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    seen: Seen
    reason: Reason = "loss"
    request: str | None = Field(
        None, max_length=64, description="A request that was created for it, by its id; else one is made of the books.",
        examples=["R2026112199001"],
    )  # fmt: skip


class Ordered(BaseModel):
    """The order. Its request waits for approval like any other."""

    receipt: str = Field(examples=["HZ202611210002"])
    request: str = Field(examples=["B202611210001"])
    due: date = Field(examples=["2026-12-12"])


@router.post("/loss-reports", status_code=201, response_model=LossTaken, responses=described(400, 404, 409))
def report(caller: Called, key: OnceKey, new: NewLoss) -> Response:
    """Take a report of loss: this station's list at once, then the issuer host."""
    caller.must(Act.LOSS)

    def act() -> LossTaken:
        shown = new.seen.shown()
        subject = card_of_holder(caller.desk, shown.identity.number)
        counter = caller.floor.counter(caller.desk, "zh")
        confirmed = Confirmed(new.confirmed, new.last_four)
        told = report_loss(counter, subject, shown, confirmed, new.level).values
        return LossTaken(
            receipt=str(told["receipt"]), level=new.level, black_list=True, host=str(told.get("host", "none"))
        )

    return once(caller, key, new, act, status=201)


@router.post("/replacements", status_code=201, response_model=Ordered, responses=described(400, 404, 409))
def replace(caller: Called, key: OnceKey, new: NewReplacement) -> Response:
    """Order a replacement. The loss of a lost card is reported before."""
    caller.must(Act.REPLACE)

    def act() -> Ordered:
        shown = new.seen.shown()
        states = (CardState.LOST, CardState.BLOCKED) if new.reason == "loss" else ()
        subject = card_of_holder(caller.desk, shown.identity.number, *states)
        counter = caller.floor.counter(caller.desk, "zh")
        told = replace_card(counter, subject, shown, new.reason, new.request).values
        return Ordered(
            receipt=str(told["receipt"]), request=str(told["request"]), due=date.fromisoformat(str(told["due"]))
        )

    return once(caller, key, new, act, status=201)
