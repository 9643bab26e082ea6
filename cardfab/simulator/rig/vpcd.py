"""The contact station as a PC/SC reader: the card lying there is inserted into a vpcd, and taken out as it leaves."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Protocol, Self

from cardfab.simulator.chip import TrainingChip, serve_vpcd
from cardfab.simulator.printer.card import Card, Place

_LOOK = 0.005  # seconds between two looks at the station


class Station(Protocol):
    """What is asked of a rig."""

    @property
    def inside(self) -> Card | None: ...

    @property
    def position(self) -> Place | None: ...


class VpcdStation:
    """Serves the chip at a rig's contact station to a vpcd, while it lies there. A context manager."""

    def __init__(self, rig: Station, host: str, port: int) -> None:
        self._rig, self._host, self._port = rig, host, port
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="contact station on vpcd", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _at_contact(self) -> Card | None:
        return self._rig.inside if self._rig.position is Place.CONTACT else None

    def _watch(self) -> None:
        while not self._over.wait(_LOOK):
            card = self._at_contact()
            if card is not None and isinstance(card.chip, TrainingChip):
                self._serve(card, card.chip)

    def _serve(self, card: Card, chip: TrainingChip) -> None:
        out = threading.Event()
        serving = threading.Thread(target=serve_vpcd, args=(chip, self._host, self._port, out), daemon=True)
        serving.start()
        while self._at_contact() is card and not self._over.wait(_LOOK):
            pass
        out.set()
        serving.join()
