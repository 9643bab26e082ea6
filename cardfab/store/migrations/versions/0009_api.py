"""tokens of the JSON interface, and what was asked through it once"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("roles", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("begun_at", sa.String(), nullable=False),
        sa.Column("ends_at", sa.String(), nullable=False),
        sa.Column("added_by", sa.String(), nullable=False),
        sa.Column("last_at", sa.String(), nullable=True),
        sa.Column("revoked_at", sa.String(), nullable=True),
        sa.Column("revoked_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["login"], ["person.login"], name=op.f("fk_api_token_login")),
        sa.ForeignKeyConstraint(["added_by"], ["person.login"], name=op.f("fk_api_token_added_by")),
        sa.ForeignKeyConstraint(["revoked_by"], ["person.login"], name=op.f("fk_api_token_revoked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("label", name=op.f("uq_api_token_label")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_token_digest")),
    )
    op.create_table(
        "api_call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("asked", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["token_id"], ["api_token.id"], name=op.f("fk_api_call_token_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_call")),
        sa.UniqueConstraint("token_id", "key", name=op.f("uq_api_call_token_id")),
    )


def downgrade() -> None:
    op.drop_table("api_call")
    op.drop_table("api_token")
