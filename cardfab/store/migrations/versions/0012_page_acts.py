"""forms of the pages that are done once"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No form came from a page before."""
    op.create_table(
        "page_act",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("led_to", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["login"], ["person.login"], name=op.f("fk_page_act_login")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_page_act")),
    )


def downgrade() -> None:
    op.drop_table("page_act")
