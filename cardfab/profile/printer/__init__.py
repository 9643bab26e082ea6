"""The profiles of printers, one model a family; ``family`` says which."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, RootModel

from cardfab.printer.driver import CardPrinter
from cardfab.profile.printer.common import AnyPrinter, Canvas
from cardfab.profile.printer.evolis import EvolisProfile
from cardfab.profile.printer.ipp import IppProfile
from cardfab.profile.printer.matica import MaticaProfile
from cardfab.watch import Watch, unwatched

Family = EvolisProfile | MaticaProfile | IppProfile


class PrinterProfile(RootModel[Annotated[Family, Field(discriminator="family")]]):
    """One printer model with one kind of ribbon, of any family."""

    @property
    def printer(self) -> Family:
        """The profile of its family."""
        return self.root

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def canvas(self) -> Canvas:
        return self.root.canvas

    def open(self, address: str, watch: Watch = unwatched) -> CardPrinter:
        """The driver on an open line; raises ``PrinterFault`` (link lost)."""
        return self.root.open(address, watch)


__all__ = ["AnyPrinter", "Canvas", "EvolisProfile", "Family", "IppProfile", "MaticaProfile", "PrinterProfile"]
