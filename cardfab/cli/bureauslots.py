"""The slots of a line as its description names them: real readers and machines, or a training machine in here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from cardfab.apdu.link import CardGone, WatchedConnection
from cardfab.bureau.lineview import LineRules
from cardfab.bureau.slot import SlotSpec
from cardfab.cli.wiring import Bench, for_training, open_devices
from cardfab.printer.driver import CardPosition, PrinterIdentity, PrinterStatus, Ribbon
from cardfab.printer.fault import Fault, PrinterFault
from cardfab.printer.raster import PrintSide
from cardfab.printer.stripe import Coercivity, Stripe
from cardfab.profile.line import LineProfile, SlotProfile
from cardfab.station.desk import Desk
from cardfab.station.devices import Devices
from cardfab.watch import Watch, unwatched

if TYPE_CHECKING:
    from cardfab.simulator.chip import TrainingChip

_AT_ONCE = 20
"""Serial numbers of training chips that are taken in one go."""
_TRAINING = "training-ssc2"
"""The training chip that stands for a blank whose stock has another name."""


def rules_of(line: LineProfile) -> LineRules:
    """The rules of a line's description."""
    return LineRules(
        name=line.name,
        faults_in_a_row=line.faults_in_a_row,
        sample_every=line.samples.every,
        sample_first=line.samples.first_of_box,
        sample_after_fault=line.samples.after_fault,
        sample_products=frozenset(line.samples.products),
        read_back=line.read_back,
        box_order=line.box_order,
    )


def slots_of(desk: Desk, line: LineProfile, product: str, *, watch: Watch = unwatched) -> tuple[SlotSpec, ...]:
    """The slots of a line for a batch of a product, whose blanks the simulated ones hold without end: what limits them
    is the stock in the books, as everywhere.
    """
    return tuple(SlotSpec(one.name, _opener(desk, one, product, watch), one.reader) for one in line.slots)


def _opener(desk: Desk, one: SlotProfile, product: str, watch: Watch) -> Callable[[], AbstractContextManager[Devices]]:
    if one.reader == "simulated":
        if not desk.training:
            raise for_training()
        machine = TrainingMachine(desk.product(product).product.stock, serials(desk))
        return lambda: nullcontext(machine.devices(watch))
    bench = Bench(one.reader, one.printer, one.printer_profile, prints=one.prints and one.printer != "none")
    return lambda: open_devices(desk, bench, watch=watch)


def serials(desk: Desk) -> Iterator[int]:
    """Serial numbers that no training chip of this station has, without end. For one thread."""
    return _Serials(desk)


class _Serials:
    """No generator: one that raised once gives nothing any more, and a database comes back."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._left = desk, range(0)

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        if not self._left:
            with self._desk.database.transaction("training blanks") as tx:
                first = tx.jobs.take_numbers("training-chip", 1, _AT_ONCE)
            self._left = range(first, first + _AT_ONCE)
        number, self._left = self._left[0], self._left[1:]
        return number


class TrainingMachine:
    """A machine with a hopper of training blanks and a contact station (``CardPrinter``); it prints nothing.

    It counts the cards it feeds by the serials of their chips, so that its count never says the same twice, whatever
    process it was of. ``made`` hears of each chip that is given out, ``spoiled`` of each that goes to the reject box.
    """

    def __init__(
        self,
        stock: str,
        serials: Iterator[int],
        *,
        made: Callable[[TrainingChip], None] = lambda _: None,
        spoiled: Callable[[TrainingChip], None] = lambda _: None,
    ) -> None:
        self._stock, self._serials = stock, serials
        self._made, self._spoiled = made, spoiled
        self._fed: int | None = None
        self.chip: TrainingChip | None = None

    def devices(self, watch: Watch = unwatched) -> Devices:
        """It with its reader, as a slot holds them."""
        return Devices(lambda: WatchedConnection(self._connected(), watch), self, prints=False)

    def _connected(self) -> _Connection:
        if self.chip is None:
            raise CardGone("the contact station is empty", "读卡位置没有卡")
        return _Connection(self.chip)

    def identify(self) -> PrinterIdentity:
        return PrinterIdentity("training machine", "", "", "")

    def status(self) -> PrinterStatus:
        return PrinterStatus(
            cover_open=False, feeder_empty=False, feeder_low=False, ribbon=Ribbon.UNKNOWN, ribbon_left=None,
            ribbon_capacity=None, position=self.position(), reject_box_full=False, needs_cleaning=False,
        )  # fmt: skip

    def position(self) -> CardPosition:
        return CardPosition.NONE if self.chip is None else CardPosition.CONTACT

    def cards_fed(self) -> int | None:
        if self._fed is None:
            self._fed = next(self._serials)
        return self._fed

    def prepare(self) -> CardPosition:
        return self.position()

    def feed_to_contact(self) -> None:
        from cardfab.simulator.chip import CARDS, make_card

        if self.chip is not None:
            raise PrinterFault(Fault.CARD_INSIDE)
        self._fed = next(self._serials)
        self.chip = make_card(self._stock if self._stock in CARDS else _TRAINING, self._fed)

    def touch_again(self) -> None:
        """The contacts of a training machine hold."""

    def print_sides(self, front: PrintSide, back: PrintSide | None = None) -> None:
        raise PrinterFault(Fault.NO_STATION)

    def stripes(self) -> frozenset[Coercivity]:
        return frozenset()

    def write_stripe(self, stripe: Stripe) -> None:
        raise PrinterFault(Fault.NO_STATION)

    def eject(self) -> None:
        if self.chip is not None:
            self._made(self.chip)
        self.chip = None

    def reject(self) -> bool:
        inside, self.chip = self.chip, None
        if inside is not None:
            self._spoiled(inside)
        return inside is not None

    def release(self) -> None:
        """It keeps no error management."""

    def close(self) -> None:
        """It lives as long as its slot."""


class _Connection:
    """A training chip as a powered card (``CardConnection``)."""

    def __init__(self, chip: TrainingChip) -> None:
        self._chip = chip
        self._chip.power_on()

    def atr(self) -> bytes:
        return self._chip.atr

    def transmit(self, apdu: bytes, /) -> bytes:
        answer = self._chip.transmit(apdu)
        if not answer:
            raise CardGone
        return answer

    def reset(self) -> bytes:
        self._chip.power_off()
        return self._chip.power_on()

    def close(self) -> None:
        self._chip.power_off()


__all__ = ["TrainingMachine", "rules_of", "serials", "slots_of"]
