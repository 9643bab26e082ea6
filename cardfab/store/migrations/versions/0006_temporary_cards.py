"""the register of temporary cards"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

COLUMNS = (
    "token", "issued_at", "document", "document_index", "relation", "extends", "changed_at", "changed_by",
    "approved_by", "reason",
)  # fmt: skip


def upgrade() -> None:
    """A paper issued before has no document on record."""
    op.create_table(
        "document_certificate",
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("public", name=op.f("pk_document_certificate")),
    )
    with op.batch_alter_table("temporary_card", schema=None) as batch_op:
        batch_op.add_column(sa.Column("state", sa.String(), server_default="ISSUED", nullable=False))
        for name in COLUMNS:
            kind = sa.LargeBinary() if name == "document_index" else sa.String()
            batch_op.add_column(sa.Column(name, kind, nullable=True))
        for name, table, column in (
            ("extends", "temporary_card", "number"),
            ("changed_by", "person", "login"),
            ("approved_by", "person", "login"),
        ):
            batch_op.create_foreign_key(batch_op.f(f"fk_temporary_card_{name}"), table, [name], [column])


def downgrade() -> None:
    with op.batch_alter_table("temporary_card", schema=None) as batch_op:
        for name in ("extends", "changed_by", "approved_by"):
            batch_op.drop_constraint(batch_op.f(f"fk_temporary_card_{name}"), type_="foreignkey")
        for name in ("state", *COLUMNS):
            batch_op.drop_column(name)
    op.drop_table("document_certificate")
