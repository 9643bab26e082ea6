"""Training cards between two programs: what the simulated printer gave out lies in a folder and can be presented."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cardfab.errors import InputRefused, Text

TRAY = "cards"


class NoSuchCard(InputRefused):
    """No training card lies there."""

    default_code = "CF-3160"


class ChipInProcess:
    """A training chip as a connection of this process (``CardConnection``)."""

    def __init__(self, file: Path, *, contactless: bool = False) -> None:
        from cardfab.simulator.cardfile import load_chip

        try:
            self._chip = load_chip(file)
        except (OSError, ValueError) as unusable:
            raise NoSuchCard(
                Text(f"{file} is no training card.", f"{file} 不是训练卡文件。"),
                do=Text("The cards made by the simulated printer lie in 'cards'.", "模拟打印机制成的卡在 cards 目录。"),
            ) from unusable
        self._chip.contactless = contactless
        self._chip.power_on()

    def atr(self) -> bytes:
        """The answer to the last reset."""
        return self._chip.atr

    def transmit(self, apdu: bytes, /) -> bytes:
        """One command; the response with its status word."""
        return self._chip.transmit(apdu)

    def reset(self) -> bytes:
        """Reset the chip; the new ATR."""
        self._chip.power_off()
        return self._chip.power_on()

    def close(self) -> None:
        """Power off."""
        self._chip.power_off()


def keep_cards(chips: Sequence[object], folder: Path) -> None:
    """Put training chips into the tray, a file each."""
    from cardfab.simulator.cardfile import file_name, save_chip
    from cardfab.simulator.chip import TrainingChip

    for chip in chips:
        if isinstance(chip, TrainingChip):
            folder.mkdir(mode=0o700, exist_ok=True)
            save_chip(chip, folder / file_name(chip))


def newest(folder: Path) -> Path:
    """The card that was put there last; raises :class:`NoSuchCard`."""
    files = sorted(folder.glob("*.card"), key=lambda file: file.stat().st_mtime_ns) if folder.is_dir() else []
    if not files:
        raise NoSuchCard(
            Text("No training card was made here yet.", "此处尚未制成训练卡。"),
            do=Text("Make one with 'cardfab issue', or name a reader.", "请先用 cardfab issue 制卡，或指定读卡器。"),
        )
    return files[-1]
