"""The card number of item 07: district letter, seven places of serial, check character.

人社信息函[2012]37号 8.1.1.7 and appendix A.
"""

from __future__ import annotations

import re

_FIRST8 = re.compile(r"[A-Z][0-9A-Z]{7}")
_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)


def check_character(first8: str) -> str:
    """C9 = 11 - (sum of Ci * Wi mod 11), letters A = 10 to Z = 35; 10 is written X and 11 is written 0.

    Raises ValueError when ``first8`` is not a capital letter and seven digits or capitals.
    """
    if not _FIRST8.fullmatch(first8):
        raise ValueError("a card number opens with a capital letter and seven digits or capital letters")
    left = 11 - sum(int(character, 36) * weight for character, weight in zip(first8, _WEIGHTS, strict=True)) % 11
    return {10: "X", 11: "0"}.get(left, str(left))


def make_card_number(district_letter: str, serial: int) -> str:
    """The nine characters for a serial of a district.

    Raises ValueError when the serial has not room in seven digits: a serial must fail, never start again.
    """
    if not 0 <= serial <= 9_999_999:
        raise ValueError(f"serial {serial} does not fit in seven digits")
    first8 = f"{district_letter}{serial:07d}"
    return first8 + check_character(first8)


def check_card_number(number: str) -> bool:
    """Whether ``number`` has the form and the check character of a card number."""
    return _FIRST8.fullmatch(number[:8]) is not None and number[8:] == check_character(number[:8])
