"""the stock book"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OVERLAP = (
    "SELECT 1 FROM stock_serial AS other WHERE other.stock = NEW.stock AND other.prefix = NEW.prefix"
    " AND other.digits = NEW.digits AND other.id <> NEW.id"
    ' AND other."first" <= NEW."last" AND NEW."first" <= other."last"'
)
_SAID = "a card number is in one place only"


def upgrade() -> None:
    """Movements of before have no day and no second person; they open the first day."""
    op.create_table(
        "stock_day",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.String(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Integer(), nullable=True),
        sa.Column("opened_at", sa.String(), nullable=False),
        sa.Column("opened_by", sa.String(), nullable=False),
        sa.Column("closed_at", sa.String(), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column("second", sa.String(), nullable=True),
        sa.Column("paper", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["opened_by"], ["person.login"], name=op.f("fk_stock_day_opened_by")),
        sa.ForeignKeyConstraint(["closed_by"], ["person.login"], name=op.f("fk_stock_day_closed_by")),
        sa.ForeignKeyConstraint(["second"], ["person.login"], name=op.f("fk_stock_day_second")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_day")),
        sa.UniqueConstraint("is_open", name=op.f("uq_stock_day_is_open")),
        sa.UniqueConstraint("paper", name=op.f("uq_stock_day_paper")),
        sa.UniqueConstraint("day", "run", name=op.f("uq_stock_day_day")),
    )
    op.create_table(
        "stock_day_line",
        sa.Column("day_id", sa.Integer(), nullable=False),
        sa.Column("stock", sa.String(), nullable=False),
        sa.Column("figures", sa.String(), nullable=False),
        sa.Column("counted", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["day_id"], ["stock_day.id"], name=op.f("fk_stock_day_line_day_id")),
        sa.PrimaryKeyConstraint("day_id", "stock", name=op.f("pk_stock_day_line")),
    )
    op.create_table(
        "stock_day_job",
        sa.Column("day_id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("stock", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["day_id"], ["stock_day.id"], name=op.f("fk_stock_day_job_day_id")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_stock_day_job_job_id")),
        sa.PrimaryKeyConstraint("day_id", "job_id", name=op.f("pk_stock_day_job")),
    )
    op.create_table(
        "stock_count",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day_id", sa.Integer(), nullable=False),
        sa.Column("stock", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("counted", sa.String(), nullable=False),
        sa.Column("expected", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["day_id"], ["stock_day.id"], name=op.f("fk_stock_count_day_id")),
        sa.ForeignKeyConstraint(["by"], ["person.login"], name=op.f("fk_stock_count_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_count")),
    )
    op.create_index(op.f("ix_stock_count_day_id"), "stock_count", ["day_id"])
    op.create_table(
        "stock_difference",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day_id", sa.Integer(), nullable=False),
        sa.Column("stock", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("counted", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("second", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["day_id"], ["stock_day.id"], name=op.f("fk_stock_difference_day_id")),
        sa.ForeignKeyConstraint(["second"], ["person.login"], name=op.f("fk_stock_difference_second")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_difference")),
    )
    op.create_index(op.f("ix_stock_difference_day_id"), "stock_difference", ["day_id"])
    op.create_table(
        "stock_serial",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("stock", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("digits", sa.Integer(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("last >= first", name=op.f("ck_stock_serial_ordered")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_stock_serial_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stock_serial")),
        sa.UniqueConstraint("stock", "prefix", "digits", "first", name="uq_stock_serial_first"),
        sa.UniqueConstraint("stock", "prefix", "digits", "last", name="uq_stock_serial_last"),
    )
    op.create_index("ix_stock_serial_place", "stock_serial", ["stock", "place"])
    op.create_table(
        "movement_serial",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("movement_id", sa.Integer(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("digits", sa.Integer(), nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["movement_id"], ["stock_movement.id"], name=op.f("fk_movement_serial_movement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_movement_serial")),
    )
    op.create_index(op.f("ix_movement_serial_movement_id"), "movement_serial", ["movement_id"])
    with op.batch_alter_table("stock_movement", schema=None) as batch_op:
        batch_op.add_column(sa.Column("second", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("note", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("day_id", sa.Integer(), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_stock_movement_second"), "person", ["second"], ["login"])
        batch_op.create_foreign_key(batch_op.f("fk_stock_movement_day_id"), "stock_day", ["day_id"], ["id"])
        batch_op.create_index(batch_op.f("ix_stock_movement_day_id"), ["day_id"], unique=False)
    for statement in _triggers(op.get_bind().dialect.name):
        op.execute(statement)


def _triggers(dialect: str) -> tuple[str, ...]:
    """What no constraint of these databases says: two rows have no number in common."""
    if dialect == "sqlite":
        return tuple(
            f"CREATE TRIGGER stock_serial_apart_{when.lower()} AFTER {when} ON stock_serial "
            f"WHEN EXISTS ({_OVERLAP}) BEGIN SELECT RAISE(ABORT, '{_SAID}'); END"
            for when in ("INSERT", "UPDATE")
        )
    return (
        "CREATE FUNCTION stock_serial_apart() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF EXISTS ({_OVERLAP}) THEN RAISE EXCEPTION '{_SAID}' USING ERRCODE = 'exclusion_violation'; END IF; "
        "RETURN NEW; END $$",
        "CREATE TRIGGER stock_serial_apart AFTER INSERT OR UPDATE ON stock_serial "
        "FOR EACH ROW EXECUTE FUNCTION stock_serial_apart()",
    )


def downgrade() -> None:
    with op.batch_alter_table("stock_movement", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_stock_movement_second"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("fk_stock_movement_day_id"), type_="foreignkey")
        batch_op.drop_index(batch_op.f("ix_stock_movement_day_id"))
        for name in ("second", "note", "day_id"):
            batch_op.drop_column(name)
    op.drop_table("movement_serial")
    op.drop_table("stock_serial")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION stock_serial_apart()")
    for name in ("stock_difference", "stock_count", "stock_day_job", "stock_day_line", "stock_day"):
        op.drop_table(name)
