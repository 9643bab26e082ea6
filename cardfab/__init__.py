"""cardfab: from an issuance request to a finished social security card.

Public names are gathered here; the exception tree is drawn in :mod:`cardfab.errors`.
"""

from cardfab.errors import (
    CardfabError,
    CardRefused,
    DeviceFault,
    InDoubt,
    InputRefused,
    KeyFault,
    PartlyDone,
    StockFault,
    Text,
    UsageRefused,
)

__version__ = "0.1.0"

__all__ = [
    "CardRefused",
    "CardfabError",
    "DeviceFault",
    "InDoubt",
    "InputRefused",
    "KeyFault",
    "PartlyDone",
    "StockFault",
    "Text",
    "UsageRefused",
    "__version__",
]
