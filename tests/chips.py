"""A training chip as a card connection, in this process: tests of what goes over it derive their own."""

from __future__ import annotations

from dataclasses import dataclass

from cardfab.apdu.link import CardGone
from cardfab.simulator.chip import TrainingChip


@dataclass
class ChipConnection:
    """An empty answer is a chip that is gone."""

    chip: TrainingChip

    def transmit(self, apdu: bytes, /) -> bytes:
        answer = self.chip.transmit(apdu)
        if not answer:
            raise CardGone
        return answer

    def atr(self) -> bytes:
        return self.chip.atr

    def reset(self) -> bytes:
        self.chip.power_off()
        return self.chip.power_on()

    def close(self) -> None:
        self.chip.power_off()
