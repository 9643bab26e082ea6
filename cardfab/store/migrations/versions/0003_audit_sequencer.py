"""the audit record: leaves wait for their index, and keep the hash that they got it with"""

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_AT_ONCE = 1000


def upgrade() -> None:
    """Old leaves keep their place; the hash of each is computed now."""
    op.create_table(
        "audit_pending",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("station", sa.String, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_pending"),
    )
    op.create_table(
        "audit_known",
        sa.Column("station", sa.String, nullable=False),
        sa.Column("thing", sa.String, nullable=False),
        sa.Column("digest", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("station", "thing", name="pk_audit_known"),
    )
    _put_aside()
    new = op.create_table("audit_leaf", *_leaf(), sa.Column("hash", sa.LargeBinary, nullable=False), _place())
    for rows in _old_leaves():
        op.bulk_insert(new, [{**row, "hash": sha256(b"\x00" + row["leaf"]).digest()} for row in rows])
    op.drop_table("audit_leaf_old")
    connection = op.get_bind()
    if connection.scalar(sa.text("SELECT count(*) FROM audit_tree")) == 0:  # the sequencer locks this row
        connection.execute(sa.text("INSERT INTO audit_tree (id, size, hashes) VALUES (1, 0, :none)"), {"none": b""})


def downgrade() -> None:
    """Refused while a leaf waits: it would have no place."""
    connection = op.get_bind()
    if connection.scalar(sa.text("SELECT count(*) FROM audit_pending")):
        raise RuntimeError("audit leaves wait for their index; open the station once with the newer program")
    op.drop_table("audit_pending")
    op.drop_table("audit_known")
    _put_aside()
    new = op.create_table("audit_leaf", *_leaf(), _place())
    for rows in _old_leaves():
        op.bulk_insert(new, rows)
    op.drop_table("audit_leaf_old")


def _put_aside() -> None:
    """The name of a key is its table's on SQLite, and the schema's on PostgreSQL."""
    op.rename_table("audit_leaf", "audit_leaf_old")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE audit_leaf_old RENAME CONSTRAINT pk_audit_leaf TO pk_audit_leaf_old")


def _leaf() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
    )


def _place() -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("position", name="pk_audit_leaf")


def _old_leaves() -> Iterator[list[dict[str, Any]]]:
    """The leaves in order, a thousand at a time."""
    old = sa.table("audit_leaf_old", sa.column("position", sa.Integer), sa.column("leaf", sa.LargeBinary))
    after = -1
    while True:
        wanted = sa.select(old.c.position, old.c.leaf).where(old.c.position > after).order_by(old.c.position)
        rows = [dict(row) for row in op.get_bind().execute(wanted.limit(_AT_ONCE)).mappings()]
        if not rows:
            return
        yield rows
        after = rows[-1]["position"]
