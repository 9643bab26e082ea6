"""What stands on a magnetic stripe: tracks 1 to 3 as people write them, without sentinels and LRC.

ISO/IEC 7811-6 (high coercivity) and 7811-2 (low): track 1 has 76 characters of 6 bits, track 2 37 and track 3 104
characters of 4 bits. Printers add start and end sentinel and the check character.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from cardfab.errors import Text
from cardfab.printer.fault import RasterRefused

Coercivity = Literal["high", "low"]

_ALPHA: Final = re.compile(r"[ -\"$&'()*+,\-./0-9:;<=>@A-Z\[\\\]^]*")
"""ISO/IEC 7811-2 table 5: 20 to 5F without the sentinels % and ? and the # and _ that no printer takes."""
_DIGITS: Final = re.compile(r"[0-9:<=>]*")
"""Table 6: 30 to 3E without the start sentinel ; (3B) and the end sentinel ? (3F)."""
_TRACKS: Final = ((1, _ALPHA, 76), (2, _DIGITS, 37), (3, _DIGITS, 104))


class StripeRefused(RasterRefused):
    """A track that cannot be written; nothing was sent to the printer. Never carries the track."""

    default_code = "CF-3420"


@dataclass(frozen=True, slots=True)
class Stripe:
    """Three tracks; an empty one is not written. Raises :class:`StripeRefused`."""

    track1: str = ""
    track2: str = ""
    track3: str = ""
    coercivity: Coercivity = "high"

    def __post_init__(self) -> None:
        for number, allowed, most in _TRACKS:
            text = self.track(number)
            if len(text) > most:
                raise StripeRefused(
                    Text(
                        f"Track {number} has {len(text)} characters; {most} fit.",
                        f"第{number}磁道有{len(text)}个字符，最多{most}个。",
                    )
                )
            if not allowed.fullmatch(text):
                raise StripeRefused(
                    Text(
                        f"Track {number} holds a character that a stripe cannot.",
                        f"第{number}磁道含有磁条不支持的字符。",
                    )
                )
        if not self.written:
            raise StripeRefused(Text("No track is to be written.", "没有要写入的磁道。"))

    @property
    def written(self) -> tuple[int, ...]:
        """The tracks that are not empty."""
        return tuple(number for number, _, _ in _TRACKS if self.track(number))

    def track(self, number: int) -> str:
        """The text of track 1, 2 or 3."""
        return (self.track1, self.track2, self.track3)[number - 1]

    def __repr__(self) -> str:
        return f"<stripe, tracks {', '.join(map(str, self.written))}>"
