"""What is made, and by whom: the state tables of jobs and cards, stock, people. Pure; the store keeps it."""

from cardfab.production.identity import Document, Identity, NotTheHolder, identity, require_holder
from cardfab.production.people import Act, NotAllowed, Person, Role
from cardfab.production.states import (
    CARD_TABLE,
    IN_WORK,
    INTERRUPTIBLE,
    JOB_TABLE,
    OPEN_FOR_REQUEST,
    OUT_OF_USE,
    TO_ACTIVATE,
    CardState,
    JobEvent,
    JobState,
    StateRefused,
    after,
    card_after,
)
from cardfab.production.stock import Place, StockAccount, StockMovement, account, balances
from cardfab.production.terms import due_after, months_after

__all__ = [
    "CARD_TABLE",
    "INTERRUPTIBLE",
    "IN_WORK",
    "JOB_TABLE",
    "OPEN_FOR_REQUEST",
    "OUT_OF_USE",
    "TO_ACTIVATE",
    "Act",
    "CardState",
    "Document",
    "Identity",
    "JobEvent",
    "JobState",
    "NotAllowed",
    "NotTheHolder",
    "Person",
    "Place",
    "Role",
    "StateRefused",
    "StockAccount",
    "StockMovement",
    "account",
    "after",
    "balances",
    "card_after",
    "due_after",
    "identity",
    "months_after",
    "require_holder",
]
