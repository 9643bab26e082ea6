"""people: passwords, lockout, sessions; retention"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Access to logins, sessions, reviews of access, erasures of personal data."""
    op.create_table(
        "access",
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=True),
        sa.Column("set_at", sa.String(), nullable=True),
        sa.Column("once", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", sa.String(), nullable=True),
        sa.Column("disabled_at", sa.String(), nullable=True),
        sa.Column("last_login", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["login"], ["person.login"], name=op.f("fk_access_login")),
        sa.PrimaryKeyConstraint("login", name=op.f("pk_access")),
    )
    op.create_table(
        "session",
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("begun_at", sa.String(), nullable=False),
        sa.Column("last_at", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("boot", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["login"], ["person.login"], name=op.f("fk_session_login")),
        sa.PrimaryKeyConstraint("login", name=op.f("pk_session")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_session_token_hash")),
    )
    op.create_table(
        "access_review",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["by"], ["person.login"], name=op.f("fk_access_review_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_review")),
    )
    op.create_table(
        "erasure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["by"], ["person.login"], name=op.f("fk_erasure_by")),
        sa.ForeignKeyConstraint(["approved_by"], ["person.login"], name=op.f("fk_erasure_approved_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        sa.UniqueConstraint("token", name=op.f("uq_erasure_token")),
    )


def downgrade() -> None:
    """Back to people without passwords."""
    for name in ("erasure", "access_review", "session", "access"):
        op.drop_table(name)
