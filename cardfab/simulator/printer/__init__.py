"""Simulated card printers: Evolis ESC language (guide A5013 + later notes), Matica XID (published notes of one user).

They parse the byte stream, move cards that carry chips, wear a ribbon down and turn the panels they print back into
a picture. They were written from the documents alone, apart from the drivers, so that two readings check each other;
agreement with it is agreement with the documents, not with a machine.

Exceptions (plain: nothing here is for an operator)::

    Exception
    ├── PrinterFault      the printer answers with an error
    └── CodingError       a bitmap does not decode
"""

from cardfab.simulator.printer.body import Body
from cardfab.simulator.printer.card import Card, Chip, Place, Side
from cardfab.simulator.printer.coding import CodingError
from cardfab.simulator.printer.evolis import EMULATES, EvolisPrinter
from cardfab.simulator.printer.faults import Fault, LineCut, PrinterFault
from cardfab.simulator.printer.language import Command, Parser
from cardfab.simulator.printer.machine import Ribbon
from cardfab.simulator.printer.matica import MaticaPrinter
from cardfab.simulator.printer.picture import draw

__all__ = [
    "EMULATES",
    "Body",
    "Card",
    "Chip",
    "CodingError",
    "Command",
    "EvolisPrinter",
    "Fault",
    "LineCut",
    "MaticaPrinter",
    "Parser",
    "Place",
    "PrinterFault",
    "Ribbon",
    "Side",
    "draw",
]
