"""the outlet station"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

PAPERS = ("temporary_paper",)
CASES = ("card_given", "card_void", "certificate_given", "card_look", "paper_seen", "outlet_case")


def upgrade() -> None:
    """Cases at the counter, and what they leave."""
    _cases()
    _papers()


def downgrade() -> None:
    for table in (*PAPERS, *CASES):
        op.drop_table(table)


def _cases() -> None:
    op.create_table(
        "outlet_case",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("holder_index", sa.LargeBinary(), nullable=False),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("bearer", sa.String(), nullable=False),
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("taken_by", sa.String(), nullable=False),
        sa.Column("taken_at", sa.String(), nullable=False),
        sa.Column("sitting", sa.String(), nullable=False),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("ended_how", sa.String(), nullable=True),
        sa.Column("typed", sa.LargeBinary(), nullable=True),
        sa.Column("picture", sa.LargeBinary(), nullable=True),
        sa.Column("portrait", sa.LargeBinary(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name=op.f("fk_outlet_case_request_id")),
        sa.ForeignKeyConstraint(["taken_by"], ["person.login"], name=op.f("fk_outlet_case_taken_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outlet_case")),
        sa.UniqueConstraint("token", name=op.f("uq_outlet_case_token")),
    )
    op.create_index(op.f("ix_outlet_case_holder_index"), "outlet_case", ["holder_index"], unique=False)
    op.create_index(
        "uq_outlet_case_open",
        "outlet_case",
        ["request_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "paper_seen",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("paper", sa.String(), nullable=False),
        sa.Column("bearer", sa.String(), nullable=False),
        sa.Column("document_index", sa.LargeBinary(), nullable=True),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.Column("seen_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["outlet_case.id"], name=op.f("fk_paper_seen_case_id")),
        sa.ForeignKeyConstraint(["seen_by"], ["person.login"], name=op.f("fk_paper_seen_seen_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_seen")),
        sa.UniqueConstraint("case_id", "paper", name=op.f("uq_paper_seen_case_id")),
    )
    op.create_index(op.f("ix_paper_seen_case_id"), "paper_seen", ["case_id"], unique=False)
    op.create_table(
        "card_look",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.Column("seen_by", sa.String(), nullable=False),
        sa.Column("second", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_card_look_job_id")),
        sa.ForeignKeyConstraint(["second"], ["person.login"], name=op.f("fk_card_look_second")),
        sa.ForeignKeyConstraint(["seen_by"], ["person.login"], name=op.f("fk_card_look_seen_by")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_card_look")),
    )
    op.create_table(
        "certificate_given",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("usage", sa.String(), nullable=False),
        sa.Column("given_at", sa.String(), nullable=False),
        sa.Column("revoked_at", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_certificate_given_job_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificate_given")),
        sa.UniqueConstraint("serial", name=op.f("uq_certificate_given_serial")),
    )
    op.create_index(op.f("ix_certificate_given_job_id"), "certificate_given", ["job_id"], unique=False)
    op.create_table(
        "card_void",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("tried_at", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_card_void_job_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_card_void")),
    )
    op.create_table(
        "card_given",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("receipt", sa.String(), nullable=False),
        sa.Column("bearer", sa.String(), nullable=False),
        sa.Column("given_at", sa.String(), nullable=False),
        sa.Column("given_by", sa.String(), nullable=False),
        sa.Column("signed_at", sa.String(), nullable=True),
        sa.Column("signed_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["given_by"], ["person.login"], name=op.f("fk_card_given_given_by")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_card_given_job_id")),
        sa.ForeignKeyConstraint(["signed_by"], ["person.login"], name=op.f("fk_card_given_signed_by")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_card_given")),
    )


def _papers() -> None:
    """Temporary cards as they were made, sealed under the salt of their request."""
    op.create_table(
        "temporary_paper",
        sa.Column("paper", sa.String(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["paper"], ["temporary_card.number"], name=op.f("fk_temporary_paper_paper")),
        sa.PrimaryKeyConstraint("paper", name=op.f("pk_temporary_paper")),
    )
