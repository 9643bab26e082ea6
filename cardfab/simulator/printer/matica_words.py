"""Status words of the XID printers, and when they are said."""

from __future__ import annotations

OK = 0
WARMING, INITIALISING = 0x0002DA00, 0x0002DB00
NO_CARDS, DOOR_OPEN, BUSY, PRINTING = 0x0002D000, 0x0002D100, 0x0002D300, 0x0002D400
HEAD_HOT = 0x0002C200
JAM_HOPPER, JAM_TURNOVER, JAM_STRIPE = 0x00039000, 0x00039100, 0x00039200
JAM_TRANSFER, JAM_EXIT, JAM_RETRANSFER = 0x00039300, 0x00039400, 0x00039500
FILM_SEARCH, STRIPE_FAILED = 0x0003A100, 0x0003AD00
INK, INK_SEARCH, INK_OUT = 0x0003B000, 0x0003B100, 0x0003B200
BAD_COMMAND, CARD_POSITION, WAS_RESET = 0x00052000, 0x00052600, 0x00062800
NO_SUCH_ENTRY = 0x00052A00
"""Seen in a dump as the answer to a load to position 4."""


class Refusal(Exception):
    """The printer refuses with this status word."""

    def __init__(self, word: int) -> None:
        super().__init__(f"{word:08X}")
        self.word = word
