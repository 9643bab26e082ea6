"""A terminal that proves payment cards: contact and contactless transactions, each check told in words.

Exchanges without I/O; keys of scheme authorities are values, the issuer's host is a port.
"""

from cardfab.terminal.emv.contact import contact
from cardfab.terminal.emv.contactless import contactless
from cardfab.terminal.emv.deal import Deal, EmvTerminal, Holder, Kind
from cardfab.terminal.emv.host import KeyHost, PinReference
from cardfab.terminal.emv.issuer import Answered, Asked, IssuerHost
from cardfab.terminal.emv.report import Check, EmvReport, Outcome, Result
from cardfab.terminal.emv.script import (
    BlockApplication,
    BlockCard,
    ChangePin,
    Order,
    PutData,
    Script,
    UnblockApplication,
    UnblockPin,
    UpdateRecord,
    build,
)
from cardfab.terminal.emv.words import Item

__all__ = [
    "Answered",
    "Asked",
    "BlockApplication",
    "BlockCard",
    "ChangePin",
    "Check",
    "Deal",
    "EmvReport",
    "EmvTerminal",
    "Holder",
    "IssuerHost",
    "Item",
    "KeyHost",
    "Kind",
    "Order",
    "Outcome",
    "PinReference",
    "PutData",
    "Result",
    "Script",
    "UnblockApplication",
    "UnblockPin",
    "UpdateRecord",
    "build",
    "contact",
    "contactless",
]
