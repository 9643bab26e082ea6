"""The citizen number of GB 11643: six digits of region, eight of birth date, three of sequence, one check character."""

from __future__ import annotations

import re

_FORM = re.compile(r"[0-9]{17}[0-9X]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"  # ISO 7064 MOD 11-2
_ANYWHERE = re.compile(r"[0-9]{17}[0-9Xx]")


def check_character(first17: str) -> str:
    """The 18th character for the 17 digits before it.

    Raises ValueError when they are not 17 digits.
    """
    if not re.fullmatch(r"[0-9]{17}", first17):
        raise ValueError("a citizen number has 17 digits before its check character")
    return _CHECKS[sum(int(digit) * weight for digit, weight in zip(first17, _WEIGHTS, strict=True)) % 11]


def has_form(number: str) -> bool:
    """Whether ``number`` is 17 digits and a digit or X."""
    return _FORM.fullmatch(number) is not None


def birth_digits(number: str) -> str:
    """The birth date as it stands in the number, YYYYMMDD."""
    return number[6:14]


def sex_code(number: str) -> str:
    """The sex by the sequence code: odd ``1`` male, even ``2`` female."""
    return "1" if int(number[16]) % 2 else "2"


def masked(text: str) -> str:
    """``text`` with every citizen number in it shortened to region and last four: ``440199********8085``."""
    return _ANYWHERE.sub(lambda found: f"{found[0][:6]}********{found[0][-4:]}", text)
