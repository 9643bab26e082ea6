"""Points in time as the record writes them: UTC, milliseconds, ``2026-11-21T21:32:00.123Z`` (RFC 3339)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")


def milliseconds(moment: datetime) -> datetime:
    """An aware moment in UTC, cut to milliseconds; raises ValueError for a naive one."""
    if moment.utcoffset() is None:
        raise ValueError("a moment without a time zone")
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000, fold=0)


def is_recordable(moment: datetime) -> bool:
    """Whether the moment is aware, UTC and whole milliseconds, so that writing it loses nothing."""
    return moment.utcoffset() == timedelta(0) and moment.microsecond % 1000 == 0


def write_moment(moment: datetime) -> str:
    """The 24 characters of a recordable moment."""
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def read_moment(text: str) -> datetime:
    """The inverse of :func:`write_moment`; raises ValueError for any other spelling."""
    if not _FORM.fullmatch(text):
        raise ValueError("not a UTC time with milliseconds")
    return datetime.fromisoformat(text[:-1]).replace(tzinfo=UTC)
