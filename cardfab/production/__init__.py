"""What is made, and by whom: the state tables of jobs and cards, stock, people. Pure; the store keeps it."""

from cardfab.production.people import Act, NotAllowed, Person, Role
from cardfab.production.states import (
    CARD_TABLE,
    IN_WORK,
    INTERRUPTIBLE,
    JOB_TABLE,
    OPEN_FOR_REQUEST,
    CardState,
    JobEvent,
    JobState,
    StateRefused,
    after,
    card_after,
)
from cardfab.production.stock import Place, StockAccount, StockMovement, account, balances

__all__ = [
    "CARD_TABLE",
    "INTERRUPTIBLE",
    "IN_WORK",
    "JOB_TABLE",
    "OPEN_FOR_REQUEST",
    "Act",
    "CardState",
    "JobEvent",
    "JobState",
    "NotAllowed",
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
]
