"""several stations on one database: whose a job is, how long a station lives, what a restore left to be settled"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was there before has no station: it is of the one that looks."""
    op.create_table(
        "station_life",
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("until", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("station", name=op.f("pk_station_life")),
    )
    op.create_table(
        "restore_check",
        sa.Column("thing", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("expected", sa.String(), nullable=False),
        sa.Column("begun_at", sa.String(), nullable=False),
        sa.Column("settled_at", sa.String(), nullable=True),
        sa.Column("settled_by", sa.String(), nullable=True),
        sa.Column("found", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("thing", "subject", name=op.f("pk_restore_check")),
    )
    for table in ("job", "stock_movement"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column("station", sa.String(), nullable=True))


def downgrade() -> None:
    """Back to one station a database."""
    for table in ("stock_movement", "job"):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.drop_column("station")
    op.drop_table("restore_check")
    op.drop_table("station_life")
