"""A second pair of eyes for what must never stand in the record: an identity number, a card number, track 2.

Finding one never stops an act (the record comes first); verification of an export reports it, without the value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from cardfab.audit.event import AuditEvent

_IDENTITY = re.compile(r"(?<![0-9A-Za-z])[1-9][0-9]{16}[0-9Xx](?![0-9A-Za-z])")
_PAN = re.compile(r"(?<![0-9A-Za-z])(?:62|4|5[1-5])[0-9]{11,17}(?![0-9A-Za-z])")
_TRACK2 = re.compile(r"(?<![0-9A-Za-z])[0-9]{13,19}[=D][0-9]{7,}")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def leaks(event: AuditEvent) -> Iterator[str]:
    """Names of the fields (``actor``, ``subject``, ``details.key``) whose value looks like data of a person or card."""
    values = {"actor": event.actor, "subject": event.subject}
    values |= {f"details.{key}": value for key, value in event.details.items()}
    return (name for name, value in values.items() if _looks_personal(value))


def _looks_personal(value: str) -> bool:
    return (
        any(_is_identity(found) for found in _IDENTITY.findall(value))
        or any(_is_luhn(found) for found in _PAN.findall(value) if 16 <= len(found) <= 19)
        or _TRACK2.search(value) is not None
    )


def _is_identity(number: str) -> bool:
    """GB 11643: a birth date in 7..14, and the check character of ISO 7064 MOD 11-2."""
    try:
        date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False))
    return "10X98765432"[total % 11] == number[17].upper()


def _is_luhn(number: str) -> bool:
    """ISO/IEC 7812-1 annex B."""
    doubled = (sum(divmod(int(digit) * 2, 10)) for digit in number[-2::-2])
    return (sum(doubled) + sum(int(digit) for digit in number[-1::-2])) % 10 == 0
