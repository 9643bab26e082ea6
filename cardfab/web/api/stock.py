"""Stock, as far as the person may see counts."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from cardfab.production import Act, StockAccount
from cardfab.station.stockroom import accounts
from cardfab.web.api.bearer import Called
from cardfab.web.api.problems import described

router = APIRouter(prefix="/stock", tags=["stock"])


class Account(BaseModel):
    """One kind of blank: opening is the sum of the others, at every moment."""

    stock: str = Field(examples=["training-ssc2"])
    opening: int = Field(examples=[100])
    issued: int = Field(examples=[40])
    spoiled: int = Field(examples=[1])
    in_doubt: int = Field(examples=[0])
    remaining: int = Field(examples=[59])
    vault: int = Field(0, examples=[0])
    tested: int = Field(0, examples=[0])
    missing: int = Field(0, examples=[0])
    destroyed: int = Field(0, examples=[0])

    @classmethod
    def of(cls, one: StockAccount) -> Account:
        """An account of the books."""
        return cls(
            stock=one.stock, opening=one.opening, issued=one.issued, spoiled=one.spoiled, in_doubt=one.in_doubt,
            remaining=one.remaining, vault=one.vault, tested=one.tested, missing=one.missing, destroyed=one.destroyed,
        )  # fmt: skip


class Accounts(BaseModel):
    """Every kind of blank."""

    accounts: list[Account]


@router.get("", response_model=Accounts, responses=described())
def list_(caller: Called) -> Accounts:
    """The account of every kind of blank. Operators do not see counts."""
    caller.must(Act.STOCK, Act.EXPORT_AUDIT)
    return Accounts(accounts=[Account.of(one) for one in accounts(caller.desk)])
