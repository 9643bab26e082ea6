"""counter services: the life of issued cards, services, black list, counts, replacements, host journal"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "black_list",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("card_index", sa.LargeBinary(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("listed_at", sa.String(), nullable=False),
        sa.Column("listed_by", sa.String(), nullable=False),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("ended_by", sa.String(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["ended_by"], ["person.login"], name=op.f("fk_black_list_ended_by")),
        sa.ForeignKeyConstraint(["listed_by"], ["person.login"], name=op.f("fk_black_list_listed_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_black_list")),
    )
    with op.batch_alter_table("black_list", schema=None) as batch_op:
        batch_op.create_index(
            "uq_black_list_open",
            ["card_index"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "card_service",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("receipt", sa.String(), nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("card_index", sa.LargeBinary(), nullable=False),
        sa.Column("holder_index", sa.LargeBinary(), nullable=True),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("document_index", sa.LargeBinary(), nullable=False),
        sa.Column("relation", sa.String(), nullable=False),
        sa.Column("checked_by", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("begun_at", sa.String(), nullable=False),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["approved_by"], ["person.login"], name=op.f("fk_card_service_approved_by")),
        sa.ForeignKeyConstraint(["checked_by"], ["person.login"], name=op.f("fk_card_service_checked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_service")),
        sa.UniqueConstraint("receipt", name=op.f("uq_card_service_receipt")),
        sa.UniqueConstraint("token", name=op.f("uq_card_service_token")),
    )
    with op.batch_alter_table("card_service", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_card_service_card_index"), ["card_index"], unique=False)
        batch_op.create_index(batch_op.f("ix_card_service_holder_index"), ["holder_index"], unique=False)

    op.create_table(
        "host_journal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("asked_at", sa.String(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("answered_at", sa.String(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["person.login"], name=op.f("fk_host_journal_asked_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_host_journal")),
        sa.UniqueConstraint("request_id", name=op.f("uq_host_journal_request_id")),
    )
    with op.batch_alter_table("host_journal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_host_journal_key"), ["key"], unique=False)

    op.create_table(
        "medical_count",
        sa.Column("card_index", sa.LargeBinary(), nullable=False),
        sa.Column("loads", sa.Integer(), nullable=False),
        sa.Column("purchases", sa.Integer(), nullable=False),
        sa.Column("cleared_at", sa.String(), nullable=False),
        sa.Column("cleared_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["cleared_by"], ["person.login"], name=op.f("fk_medical_count_cleared_by")),
        sa.PrimaryKeyConstraint("card_index", name=op.f("pk_medical_count")),
    )
    op.create_table(
        "medical_pending",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("card_index", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("begun_at", sa.String(), nullable=False),
        sa.Column("settled_at", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["service_id"], ["card_service.id"], name=op.f("fk_medical_pending_service_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_medical_pending")),
    )
    with op.batch_alter_table("medical_pending", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_medical_pending_card_index"), ["card_index"], unique=False)
        batch_op.create_index(batch_op.f("ix_medical_pending_service_id"), ["service_id"], unique=False)

    op.create_table(
        "replacement",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("old_index", sa.LargeBinary(), nullable=False),
        sa.Column("old_job_id", sa.Integer(), nullable=True),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("ordered_on", sa.String(), nullable=False),
        sa.Column("due_on", sa.String(), nullable=False),
        sa.Column("ordered_by", sa.String(), nullable=False),
        sa.Column("done_on", sa.String(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("salt", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["old_job_id"], ["job.id"], name=op.f("fk_replacement_old_job_id")),
        sa.ForeignKeyConstraint(["ordered_by"], ["person.login"], name=op.f("fk_replacement_ordered_by")),
        sa.ForeignKeyConstraint(["request_id"], ["request.id"], name=op.f("fk_replacement_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replacement")),
        sa.UniqueConstraint("request_id", name=op.f("uq_replacement_request_id")),
        sa.UniqueConstraint("token", name=op.f("uq_replacement_token")),
    )
    with op.batch_alter_table("replacement", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_replacement_due_on"), ["due_on"], unique=False)
        batch_op.create_index(batch_op.f("ix_replacement_old_index"), ["old_index"], unique=False)

    with op.batch_alter_table("issued_card", schema=None) as batch_op:
        batch_op.add_column(sa.Column("token", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("holder_index", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("product", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("activate_until", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("expires_on", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("handed_over_at", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("activated_at", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("changed_at", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("changed_by", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("sealed", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("salt", sa.LargeBinary(), nullable=True))
        batch_op.create_index(batch_op.f("ix_issued_card_activate_until"), ["activate_until"], unique=False)
        batch_op.create_index(batch_op.f("ix_issued_card_holder_index"), ["holder_index"], unique=False)
        batch_op.create_unique_constraint(batch_op.f("uq_issued_card_token"), ["token"])
        batch_op.create_foreign_key(batch_op.f("fk_issued_card_changed_by"), "person", ["changed_by"], ["login"])

    # What a card made before this version is looked up by; the rest stays in its job and request.
    op.execute(
        "UPDATE issued_card SET "
        "token = (SELECT job.token FROM job WHERE job.id = issued_card.job_id), "
        "holder_index = (SELECT request.holder_index FROM job JOIN request ON request.id = job.request_id "
        "WHERE job.id = issued_card.job_id), "
        "product = (SELECT request.product FROM job JOIN request ON request.id = job.request_id "
        "WHERE job.id = issued_card.job_id)"
    )


def downgrade() -> None:
    with op.batch_alter_table("issued_card", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("fk_issued_card_changed_by"), type_="foreignkey")
        batch_op.drop_constraint(batch_op.f("uq_issued_card_token"), type_="unique")
        batch_op.drop_index(batch_op.f("ix_issued_card_holder_index"))
        batch_op.drop_index(batch_op.f("ix_issued_card_activate_until"))
        batch_op.drop_column("salt")
        batch_op.drop_column("sealed")
        batch_op.drop_column("changed_by")
        batch_op.drop_column("changed_at")
        batch_op.drop_column("activated_at")
        batch_op.drop_column("handed_over_at")
        batch_op.drop_column("expires_on")
        batch_op.drop_column("activate_until")
        batch_op.drop_column("product")
        batch_op.drop_column("holder_index")
        batch_op.drop_column("token")

    with op.batch_alter_table("replacement", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_replacement_old_index"))
        batch_op.drop_index(batch_op.f("ix_replacement_due_on"))

    op.drop_table("replacement")
    op.drop_table("medical_count")
    with op.batch_alter_table("host_journal", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_host_journal_key"))

    op.drop_table("host_journal")
    with op.batch_alter_table("medical_pending", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_medical_pending_service_id"))
        batch_op.drop_index(batch_op.f("ix_medical_pending_card_index"))

    op.drop_table("medical_pending")
    with op.batch_alter_table("card_service", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_card_service_holder_index"))
        batch_op.drop_index(batch_op.f("ix_card_service_card_index"))

    op.drop_table("card_service")
    with op.batch_alter_table("black_list", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_black_list_open", sqlite_where=sa.text("ended_at IS NULL"), postgresql_where=sa.text("ended_at IS NULL")
        )

    op.drop_table("black_list")
