"""A simulated card printer: Evolis ESC language, guide A5013 + later notes.

It parses the byte stream, moves cards that carry chips, wears a ribbon down and turns the panels it prints back into
a picture. It was written from the documents alone, apart from the driver, so that two readings check each other;
agreement with it is agreement with the documents, not with a machine.

Exceptions (plain: nothing here is for an operator)::

    Exception
    ├── PrinterFault      the printer answers with an error
    └── CodingError       a bitmap does not decode
"""

from cardfab.simulator.printer.card import Card, Chip, Place, Side
from cardfab.simulator.printer.coding import CodingError
from cardfab.simulator.printer.evolis import EMULATES, EvolisPrinter
from cardfab.simulator.printer.faults import Fault, PrinterFault
from cardfab.simulator.printer.language import Command, Parser
from cardfab.simulator.printer.machine import Ribbon
from cardfab.simulator.printer.picture import draw

__all__ = [
    "EMULATES",
    "Card",
    "Chip",
    "CodingError",
    "Command",
    "EvolisPrinter",
    "Fault",
    "Parser",
    "Place",
    "PrinterFault",
    "Ribbon",
    "Side",
    "draw",
]
