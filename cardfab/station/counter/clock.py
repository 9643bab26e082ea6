"""The time that people and cards at the counter go by: China has one, eight hours ahead of UTC."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from cardfab.station.desk import Desk

CHINA = timezone(timedelta(hours=8), "UTC+8")


def here_and_now(desk: Desk) -> datetime:
    """Now, as papers, card transactions and days at the counter say it. The books and the audit record stay in UTC."""
    return desk.now().astimezone(CHINA)


def in_china(at: str) -> datetime:
    """A time of the books (ISO 8601, UTC) as the counter says it."""
    return datetime.fromisoformat(at).astimezone(CHINA)
