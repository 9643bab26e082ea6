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


class PlainChip:
    """Hears everything and says 9000; whether it has power can be seen."""

    atr = bytes.fromhex("3B6800000073C84000009000")

    def __init__(self) -> None:
        self.powered = False

    def power_on(self) -> bytes:
        self.powered = True
        return self.atr

    def power_off(self) -> None:
        self.powered = False

    def transmit(self, apdu: bytes, /) -> bytes:
        return b"\x90\x00"
