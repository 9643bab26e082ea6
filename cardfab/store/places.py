"""What is asked of the places of a batch in more than one question: their newest job, what was wrong with them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CTE, ColumnElement, FromClause, Select, and_, case, func, select

from cardfab.store.bureautables import bureau_finding, bureau_row
from cardfab.store.tables import job


def newest_job(row: FromClause = bureau_row) -> ColumnElement[bool]:
    """What joins it to rows. A row that never had one has none, though another row may have its request id."""
    newest = select(func.max(job.c.id)).where(job.c.request_id == row.c.request_id).correlate(row).scalar_subquery()
    return and_(row.c.job_id.is_not(None), job.c.id == newest)


def first_findings(batch_id: int, *which: ColumnElement[bool]) -> CTE:
    """The first thing that was wrong with each row of a batch: ``place``, and the words in ``en`` and ``zh``."""
    one = bureau_finding.c
    first = select(func.min(one.id)).where(one.batch_id == batch_id, *which).group_by(one.place)
    en, zh = (case((one.field == "", words), else_=one.field + mark + words)
              for mark, words in ((": ", one.reason_en), ("：", one.reason_zh)))  # fmt: skip
    found = select(one.place, en.label("en"), zh.label("zh")).where(one.id.in_(first))
    return apart(found, "first_findings")


def apart(rows: Select[Any], name: str) -> CTE:
    """Few rows that many are joined to: made once and looked up. SQLite would go through all of them for each."""
    return rows.cte(name).prefix_with("MATERIALIZED")


__all__ = ["apart", "first_findings", "newest_job"]
