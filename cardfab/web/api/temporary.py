"""Temporary cards: issued, extended, taken back. A revocation needs a second person: it is done at the page."""

from __future__ import annotations

import base64
from datetime import date
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from cardfab.production import Act, Document, identity
from cardfab.station.counter.service import Shown
from cardfab.station.temporary import Applied, applied, extension_of, issue_temporary, take_back
from cardfab.store.temporary import TemporaryRow
from cardfab.web.api.bearer import Called, Caller
from cardfab.web.api.once import OnceKey, once
from cardfab.web.api.problems import Words, described
from cardfab.web.api.requests import RequestId

router = APIRouter(prefix="/temporary-cards", tags=["temporary cards"])
Number = Annotated[str, Field(pattern=r"^LS[0-9]{12,16}$", examples=["LS202611210001"])]


class Seen(BaseModel):
    """The identity document that was compared with the person at the counter."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    document: Document = Field(examples=["id-card"])
    number: str = Field(min_length=5, max_length=40, repr=False, examples=["440199195109018085"])
    acting_for: str = Field(
        "", max_length=40, description="Who acts for the holder: mother, son; empty for the holder. An agent of a "
        "grown-up needs a second person, who approves at the page.", examples=[""],
    )  # fmt: skip

    def shown(self) -> Shown:
        """As the counter takes it; raises DocumentRefused."""
        return Shown(identity(self.document, self.number, self.acting_for))


class NewTemporary(BaseModel):
    """A temporary card to be issued for an urgent request."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    request: RequestId
    seen: Seen
    size: Literal["a4", "receipt"] = "a4"


class Extension(BaseModel):
    """What was shown when a paper is extended."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    seen: Seen
    size: Literal["a4", "receipt"] = "a4"


class Paper(BaseModel):
    """A temporary card that was made. ``pdf`` is given once; a repeated call brings none."""

    number: Number
    valid_until: date = Field(examples=["2026-12-20"])
    pdf: str | None = Field(None, description="Base64.", examples=["JVBERi0="])


class Temporary(BaseModel):
    """One paper of the register."""

    number: Number
    request: str = Field(examples=["R2026112199001"])
    valid_from: date = Field(examples=["2026-11-21"])
    valid_until: date = Field(examples=["2026-12-20"])
    state: str = Field(examples=["ISSUED"])
    words: Words
    issued_by: str = Field(examples=["operator"])

    @classmethod
    def of(cls, row: TemporaryRow) -> Temporary:
        """A row of the register."""
        return cls(
            number=row.number, request=row.request_id, valid_from=date.fromisoformat(row.valid_from),
            valid_until=date.fromisoformat(row.valid_until), state=row.state.name, words=Words.of(row.state.text),
            issued_by=row.issued_by,
        )  # fmt: skip


class Register(BaseModel):
    """The register."""

    papers: list[Temporary]


@router.get("", response_model=Register, responses=described())
def list_(caller: Called) -> Register:
    """Every temporary card of this station, by number."""
    caller.must(Act.TEMPORARY, Act.EXPORT_AUDIT)
    with caller.desk.database.reading() as tx:
        return Register(papers=[Temporary.of(row) for row in tx.temporary_cards.all()])


@router.post("", status_code=201, response_model=Paper, responses=described(400, 404, 409))
def issue(caller: Called, key: OnceKey, new: NewTemporary) -> Response:
    """Issue a temporary card. It is booked and signed before it is answered."""
    caller.must(Act.TEMPORARY)
    return once(
        caller, key, new, lambda: _make(caller, applied(caller.desk, new.request), new.seen, new.size), status=201,
        kept=_without_pdf,
    )  # fmt: skip


@router.post("/{number}/extend", status_code=201, response_model=Paper, responses=described(400, 404, 409))
def extend(caller: Called, key: OnceKey, number: Number, more: Extension) -> Response:
    """Give another paper in place of one that is in force."""
    caller.must(Act.TEMPORARY)
    return once(
        caller, key, more, lambda: _make(caller, extension_of(caller.desk, number), more.seen, more.size), status=201,
        kept=_without_pdf,
    )  # fmt: skip


@router.post("/{number}/return", response_model=Temporary, responses=described(404, 409))
def return_(caller: Called, key: OnceKey, number: Number) -> Response:
    """Book that a paper came back."""
    caller.must(Act.TEMPORARY)
    return once(caller, key, None, lambda: Temporary.of(take_back(caller.desk, number)))


def _make(caller: Caller, wanted: Applied, seen: Seen, size: Literal["a4", "receipt"]) -> Paper:
    made = issue_temporary(caller.desk, wanted, seen.shown(), size=size)
    return Paper(number=made.number, valid_until=made.valid_until, pdf=base64.b64encode(made.pdf).decode())


def _without_pdf(one: BaseModel) -> BaseModel:
    return one.model_copy(update={"pdf": None})
