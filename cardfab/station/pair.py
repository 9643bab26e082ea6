"""Reader and printer are one pair: what the one has in its chip station, the other reads.

A reader that sees a card while its printer is empty belongs to another printer, or a card was put into it by hand:
the wrong card would be written, and the right one printed.
"""

from __future__ import annotations

from cardfab.errors import DeviceFault, Text
from cardfab.printer.driver import CardPosition
from cardfab.station.devices import Devices


class PairRefused(DeviceFault):
    """Reader and printer disagree on where a card is."""

    default_code = "CF-5310"


def prove_pair(devices: Devices) -> None:
    """Raise :class:`PairRefused` where the reader sees a card that the printer does not have, or the other way round.

    A card elsewhere in the printer is not at the contacts and says nothing of the reader.
    """
    if devices.printer is None or devices.sees_card is None:
        return
    place = devices.printer.position()
    if place not in (CardPosition.NONE, CardPosition.CONTACT):
        return
    seen = devices.sees_card()
    if seen and place is CardPosition.NONE:
        raise PairRefused(
            Text(
                "The reader sees a card and the printer has none: they are no pair, or a card lies in the reader.",
                "读卡器读到卡片，而打印机内没有卡：两者不成对，或读卡器内遗留卡片。",
            ),
            do=Text(
                "Take the card out of the reader. If there is none, name the printer's own reader in the settings.",
                "请取出读卡器中的卡。如读卡器内无卡，请在配置中改为该打印机内置的读卡器。",
            ),
        )
    if not seen and place is CardPosition.CONTACT:
        raise PairRefused(
            Text(
                "The printer has a card in its chip station and the reader sees none: they are no pair, or the "
                "contacts do not reach the chip.",
                "打印机芯片位有卡，而读卡器读不到：两者不成对，或触点未接触芯片。",
            ),
            do=Text(
                "Look at the card in the printer. If it lies well, name the printer's own reader in the settings.",
                "请打开打印机查看卡片。如卡片到位，请在配置中改为该打印机内置的读卡器。",
            ),
            code="CF-5311",
        )


__all__ = ["PairRefused", "prove_pair"]
