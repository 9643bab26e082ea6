"""what waits for the issuer host"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The outbox, and the notes of an adapter."""
    op.create_table(
        "host_outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("queued_at", sa.String(), nullable=False),
        sa.Column("queued_by", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.String(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["queued_by"], ["person.login"], name=op.f("fk_host_outbox_queued_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_host_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_host_outbox_key")),
        sa.UniqueConstraint("token", name=op.f("uq_host_outbox_token")),
    )
    op.create_index(op.f("ix_host_outbox_state"), "host_outbox", ["state"])
    op.create_index(op.f("ix_host_outbox_subject"), "host_outbox", ["subject"])
    op.create_table(
        "host_note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_host_note")),
        sa.UniqueConstraint("key", name=op.f("uq_host_note_key")),
    )


def downgrade() -> None:
    op.drop_table("host_note")
    op.drop_table("host_outbox")
