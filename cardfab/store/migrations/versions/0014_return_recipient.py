"""for whose certificate a return file was encrypted"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every return file before was in clear."""
    with op.batch_alter_table("bureau_handover", schema=None) as batch_op:
        batch_op.add_column(sa.Column("recipient", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("bureau_handover", schema=None) as batch_op:
        batch_op.drop_column("recipient")
