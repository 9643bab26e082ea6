"""Tables of the stock book: numbers of cards by place, business days, counts."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, UniqueConstraint

from cardfab.store.tables import metadata

stock_day = Table(
    "stock_day",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("day", String, nullable=False),
    # The second and later ones of a date were opened by a person, after the first was closed.
    Column("run", Integer, nullable=False),
    # 1 while it is open, else NULL: no two are open.
    Column("is_open", Integer, unique=True),
    Column("opened_at", String, nullable=False),
    Column("opened_by", String, ForeignKey("person.login"), nullable=False),
    Column("closed_at", String),
    Column("closed_by", String, ForeignKey("person.login")),
    Column("second", String, ForeignKey("person.login")),
    # What its paper is called.
    Column("paper", String, unique=True),
    UniqueConstraint("day", "run"),
)

stock_day_line = Table(
    "stock_day_line",
    metadata,
    Column("day_id", Integer, ForeignKey("stock_day.id"), primary_key=True),
    Column("stock", String, primary_key=True),
    # The figures of the equation as they were signed (JSON), and what was counted.
    Column("figures", String, nullable=False),
    Column("counted", String, nullable=False),
)

stock_day_job = Table(
    "stock_day_job",
    metadata,
    Column("day_id", Integer, ForeignKey("stock_day.id"), primary_key=True),
    Column("job_id", Integer, ForeignKey("job.id"), primary_key=True),
    Column("stock", String, nullable=False),
    Column("state", String, nullable=False),
)

stock_count = Table(
    "stock_count",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("day_id", Integer, ForeignKey("stock_day.id"), nullable=False, index=True),
    Column("stock", String, nullable=False),
    Column("at", String, nullable=False),
    Column("by", String, ForeignKey("person.login"), nullable=False),
    # The newest movement of the stock when it was counted: a later one makes the count old.
    Column("after", Integer, nullable=False),
    # What was counted and what the books said, by place (JSON). A count is never changed; a recount is another row.
    Column("counted", String, nullable=False),
    Column("expected", String, nullable=False),
)

stock_difference = Table(
    "stock_difference",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("day_id", Integer, ForeignKey("stock_day.id"), nullable=False, index=True),
    Column("stock", String, nullable=False),
    Column("place", String, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("counted", Integer, nullable=False),
    Column("reason", String, nullable=False),
    Column("second", String, ForeignKey("person.login"), nullable=False),
)

stock_serial = Table(
    "stock_serial",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("stock", String, nullable=False),
    Column("place", String, nullable=False),
    Column("prefix", String, nullable=False),
    Column("digits", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    # The job that took the card, by the order of the hopper or by sight.
    Column("job_id", Integer, ForeignKey("job.id")),
    CheckConstraint("last >= first", name="ordered"),
    # A number is in one place: no two rows begin or end alike, and a trigger refuses any that overlap.
    UniqueConstraint("stock", "prefix", "digits", "first", name="uq_stock_serial_first"),
    UniqueConstraint("stock", "prefix", "digits", "last", name="uq_stock_serial_last"),
)
Index("ix_stock_serial_place", stock_serial.c.stock, stock_serial.c.place)

movement_serial = Table(
    "movement_serial",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("movement_id", Integer, ForeignKey("stock_movement.id"), nullable=False, index=True),
    Column("prefix", String, nullable=False),
    Column("digits", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("seen", Integer, nullable=False),
)
