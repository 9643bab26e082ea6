"""Terms of the counter: until when a card must be activated, by when a replacement is due. Calendar days, no clock."""

from __future__ import annotations

import calendar
from collections.abc import Collection
from datetime import date, timedelta

_SATURDAY = 5


def months_after(day: date, months: int) -> date:
    """The same day ``months`` later; the last day of the month where that has no such day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def due_after(ordered: date, days: int, *, working: bool = False, closed: Collection[date] = ()) -> date:
    """The last day of a term of ``days`` that begins the day after ``ordered``.

    ``working`` counts neither Saturdays and Sundays nor the days in ``closed`` (a region's holidays).
    """
    if not working:
        return ordered + timedelta(days=days)
    day = ordered
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < _SATURDAY and day not in closed
    return day
