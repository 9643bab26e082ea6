"""The physical printer: hopper, transport, ribbon, boxes. It moves cards and puts ink on; it knows no command."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum

from cardfab.simulator.printer import faults
from cardfab.simulator.printer.card import Card, Chip, Place, Side
from cardfab.simulator.printer.coding import Plane
from cardfab.simulator.printer.geometry import EVOLIS, Raster

OnExit = Callable[[Card, Place], None]

CLEANING_EVERY = 1000
REJECT_BOX = 200


class Jam(Enum):
    """Whether the transport runs, will stop at its next movement, or has stopped."""

    NONE = 0
    COMING = 1
    STUCK = 2


@dataclass(slots=True)
class Ribbon:
    """A ribbon of ``remaining`` whole sets of the panels in ``kind``, such as ymcko."""

    kind: str = "ymcko"
    remaining: int = 100
    capacity: int = 100
    broken: bool = False
    torn: bool = False
    """It will end in the middle of the next panel."""
    _next: int | None = None

    def new_card(self) -> None:
        """What is left of the set under the head is of no use to the next card."""
        self._next = None

    def wind_to(self, panel: str) -> None:
        """Bring ``panel`` under the head; the ribbon only goes forward, so that may begin a new set.

        Raises:
            PrinterFault: the ribbon has no such panel, or has ended.
        """
        if panel not in self.kind:
            raise faults.bad_ribbon()
        found = -1 if self._next is None else self.kind.find(panel, self._next)
        if self.broken or (found < 0 and self.remaining == 0):
            raise faults.ribbon_ended()
        if found < 0:
            self.remaining -= 1
            found = self.kind.index(panel)
        self._next = found + 1

    @property
    def ended(self) -> bool:
        return self.broken or (self.remaining == 0 and (self._next is None or self._next >= len(self.kind)))


def half_of(plane: Plane) -> Plane:
    """A panel that stopped half-way."""
    plane = plane.copy()
    plane[:, plane.shape[1] // 2 :] = 0
    return plane


@dataclass(slots=True)
class Machine:
    """State that survives every broken line. Cards leave ``hopper`` from its left end."""

    on_exit: OnExit | None = None
    bezel: bool = False
    """With a bezel an ejected card is held at the exit until ``take_card``."""

    duplex: bool = True
    output_capacity: int = 200
    reject_capacity: int = REJECT_BOX
    hopper: deque[Card] = field(default_factory=deque)
    inside: Card | None = None
    position: Place | None = None
    output: list[Card] = field(default_factory=list)
    rejected: list[Card] = field(default_factory=list)
    removed: list[Card] = field(default_factory=list)
    ribbon: Ribbon | None = field(default_factory=Ribbon)
    cover_is_open: bool = False
    feeder_stuck: bool = False
    jam: Jam = Jam.NONE
    out_of_reach: int = 0
    """So many times the contacts will be set down beside the chip."""
    reached: bool = True
    taker: bool = False
    """With a bezel: whether somebody stands there and takes each card at once."""
    raster: Raster = EVOLIS
    inserted: int = 0
    panels: int = 0
    cleanings: int = 0
    since_cleaning: int = 0
    _loaded: int = 0

    def load(self, chips: Iterable[Chip]) -> list[Card]:
        """Blank cards under those already in the hopper."""
        cards = []
        for chip in chips:
            self._loaded += 1
            cards.append(Card(self._loaded, chip, Side(self.raster), Side(self.raster)))
        self.hopper.extend(cards)
        return cards

    def where(self, card: Card) -> Place:
        """Raises KeyError for a card that was never here."""
        if card is self.inside and self.position is not None:
            return self.position
        for place, cards in (
            (Place.HOPPER, self.hopper),
            (Place.OUTPUT, self.output),
            (Place.REJECTED, self.rejected),
            (Place.REMOVED, self.removed),
        ):
            if card in cards:
                return place
        raise KeyError(card.number)

    @property
    def in_transport(self) -> Card | None:
        """The card inside, unless it waits at the bezel."""
        return None if self.position is Place.EJECT else self.inside

    @property
    def cleaning_due(self) -> bool:
        return self.since_cleaning >= CLEANING_EVERY

    def bring(self, place: Place, *, from_feeder: bool) -> Card:
        """The card inside goes to ``place``; without one the feeder gives the next.

        Raises:
            PrinterFault: cover open, jam, feeder empty, or a card still at the bezel.
        """
        self._can_move()
        if self.position is Place.EJECT:
            raise faults.tray_full()
        if self.inside is None:
            if self.feeder_stuck or not self.hopper or not from_feeder:
                raise faults.feeder()
            self.inside = self.hopper.popleft()
            self.inserted += 1
            self.since_cleaning += 1
            if self.ribbon:
                self.ribbon.new_card()
        elif self.position is Place.CONTACT and place is not Place.CONTACT:
            self.inside.power_off()
        self.position = place
        return self.inside

    def set_contacts_down(self) -> None:
        """The contact station comes down on the chip; whether it reaches it shows when power is given."""
        self.reached = self.out_of_reach == 0
        self.out_of_reach = max(0, self.out_of_reach - 1)

    @property
    def touched(self) -> Card | None:
        """The card whose chip the contact station reaches."""
        return self.inside if self.position is Place.CONTACT and self.reached else None

    def cut_power(self) -> None:
        """Off and on again: the chip loses its power, every card stays where it is."""
        if self.inside is not None:
            self.inside.power_off()
        if self.jam is Jam.COMING:
            self.jam = Jam.NONE

    def leave_inside(self, place: Place) -> Card:
        """Somebody fed a card by the printer's own button and went. Raises KeyError with an empty hopper."""
        if not self.hopper or self.inside is not None:
            raise KeyError("no card to leave inside")
        self.inside = self.hopper.popleft()
        self.inserted += 1
        self.position = place
        return self.inside

    @property
    def reject_full(self) -> bool:
        return len(self.rejected) >= self.reject_capacity

    def empty_reject_box(self) -> None:
        """What was in it is still listed as rejected: it was counted and locked away."""
        self.reject_capacity = len(self.rejected) + REJECT_BOX

    def eject(self) -> None:
        """Normal exit. Raises PrinterFault: no card, cover, jam, tray full."""
        card = self._leaving(self.in_transport)
        if self.output_full:
            raise faults.tray_full()
        if self.bezel:
            card.power_off()
            self.position = Place.EJECT
            if self.taker:
                self.take_card()
            return
        self._out(card, Place.OUTPUT, self.output)

    def reject(self) -> None:
        """To the reject box, also from the bezel. Raises PrinterFault: no card, cover, jam, box full."""
        card = self._leaving(self.inside)
        if self.reject_full:
            raise faults.tray_full()
        self._out(card, Place.REJECTED, self.rejected)

    def take_card(self) -> Card:
        """A person takes the card out of the bezel. Raises KeyError when none is there."""
        if self.inside is None or self.position is not Place.EJECT:
            raise KeyError("no card at the bezel")
        card = self.inside
        self._out(card, Place.OUTPUT, self.output)
        return card

    def clear_jam(self) -> Card | None:
        """A person opens the machine and takes out the card that is inside, if any."""
        self.jam = Jam.NONE
        card = self.inside
        if card is not None:
            self._out(card, Place.REMOVED, self.removed)
        return card

    @property
    def output_full(self) -> bool:
        return len(self.output) >= self.output_capacity

    def print_panel(self, panel: str, plane: Plane, *, back: bool, from_feeder: bool) -> None:
        """Print one panel on one side; the card goes under the head for it.

        Raises:
            PrinterFault: as `bring`, or ribbon absent, ended or of another kind; a jam leaves half the panel.
        """
        if self.cover_is_open:
            raise faults.cover_open()
        if self.ribbon is None:
            raise faults.no_ribbon()
        if panel not in self.ribbon.kind:
            raise faults.bad_ribbon()
        stops_half_way = self.jam is Jam.COMING and self.position is Place.PRINT
        card = self.inside
        if card is None or not stops_half_way:
            card = self.bring(Place.PRINT, from_feeder=from_feeder)
        self.ribbon.wind_to(panel)
        self.panels += 1
        torn = self.ribbon.torn
        if stops_half_way or torn:
            plane = half_of(plane)
        if not (card.back if back else card.front).add(panel, plane):
            card.ruined_by.append(f"panel {panel} out of order")
        if stops_half_way:
            self.jam = Jam.STUCK
            card.ruined_by.append(f"jam in panel {panel}")
            raise faults.mechanical()
        if torn:
            self.ribbon.broken = True
            card.ruined_by.append(f"ribbon ended in panel {panel}")
            raise faults.ribbon_ended()

    def clean(self) -> None:
        """The cleaning cycle; a ribbon in the machine would be soiled. Raises PrinterFault with one."""
        self._can_move()
        if self.ribbon is not None or self.inside is not None:
            raise faults.bad_sequence()
        self.cleanings += 1
        self.since_cleaning = 0

    def _can_move(self) -> None:
        if self.cover_is_open:
            raise faults.cover_open()
        if self.jam is not Jam.NONE:
            self.jam = Jam.STUCK
            raise faults.mechanical()

    def _leaving(self, card: Card | None) -> Card:
        self._can_move()
        if card is None:
            raise faults.no_card()
        return card

    def _out(self, card: Card, place: Place, box: list[Card]) -> None:
        card.power_off()
        self.inside = None
        self.position = None
        self.reached = True
        box.append(card)
        if self.on_exit is not None:
            self.on_exit(card, place)
