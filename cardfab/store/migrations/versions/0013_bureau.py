"""the bureau: batches, shards, boxes, lines"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """There was no batch of a bureau before."""
    op.create_table(
        "bureau_batch",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("file_digest", sa.String(), nullable=False),
        sa.Column("cover", sa.String(), nullable=False),
        sa.Column("box_size", sa.Integer(), nullable=False),
        sa.Column("shard_size", sa.Integer(), nullable=False),
        sa.Column("first_card", sa.Integer(), nullable=True),
        sa.Column("first_account", sa.Integer(), nullable=True),
        sa.Column("issue_date", sa.String(), nullable=True),
        sa.Column("received_by", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("second", sa.String(), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("ordered", sa.String(), server_default="", nullable=False),
        sa.Column("changed_at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["approved_by"], ["person.login"], name=op.f("fk_bureau_batch_approved_by")),
        sa.ForeignKeyConstraint(["id"], ["batch.id"], name=op.f("fk_bureau_batch_id")),
        sa.ForeignKeyConstraint(["received_by"], ["person.login"], name=op.f("fk_bureau_batch_received_by")),
        sa.ForeignKeyConstraint(["second"], ["person.login"], name=op.f("fk_bureau_batch_second")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bureau_batch")),
        sa.UniqueConstraint("issuer", "reference", name=op.f("uq_bureau_batch_issuer")),
        sa.UniqueConstraint("token", name=op.f("uq_bureau_batch_token")),
    )
    op.create_index(op.f("ix_bureau_batch_state"), "bureau_batch", ["state"], unique=False)
    op.create_table(
        "bureau_finding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("reason_en", sa.String(), nullable=False),
        sa.Column("reason_zh", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["bureau_batch.id"], name=op.f("fk_bureau_finding_batch_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bureau_finding")),
    )
    op.create_index(op.f("ix_bureau_finding_batch_id"), "bureau_finding", ["batch_id"], unique=False)
    op.create_table(
        "bureau_handover",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("file", sa.String(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("second", sa.String(), nullable=True),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["bureau_batch.id"], name=op.f("fk_bureau_handover_batch_id")),
        sa.ForeignKeyConstraint(["by"], ["person.login"], name=op.f("fk_bureau_handover_by")),
        sa.ForeignKeyConstraint(["second"], ["person.login"], name=op.f("fk_bureau_handover_second")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bureau_handover")),
    )
    op.create_index(op.f("ix_bureau_handover_batch_id"), "bureau_handover", ["batch_id"], unique=False)
    op.create_table(
        "bureau_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("line", sa.String(), nullable=False),
        sa.Column("station", sa.String(), nullable=False),
        sa.Column("begun_by", sa.String(), nullable=False),
        sa.Column("begun_at", sa.String(), nullable=False),
        sa.Column("seen_at", sa.String(), nullable=False),
        sa.Column("held", sa.String(), nullable=True),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("how", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["bureau_batch.id"], name=op.f("fk_bureau_run_batch_id")),
        sa.ForeignKeyConstraint(["begun_by"], ["person.login"], name=op.f("fk_bureau_run_begun_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bureau_run")),
    )
    op.create_index(op.f("ix_bureau_run_batch_id"), "bureau_run", ["batch_id"], unique=False)
    op.create_table(
        "bureau_shard",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("sealed_draws", sa.LargeBinary(), nullable=True),
        sa.Column("digest", sa.String(), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("begun_at", sa.String(), nullable=True),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cost", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["bureau_batch.id"], name=op.f("fk_bureau_shard_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "shard", name=op.f("pk_bureau_shard")),
    )
    op.create_table(
        "bureau_box",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("box", sa.Integer(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("slot", sa.String(), nullable=True),
        sa.Column("changed_at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["bureau_batch.id"], name=op.f("fk_bureau_box_batch_id")),
        sa.ForeignKeyConstraint(["run_id"], ["bureau_run.id"], name=op.f("fk_bureau_box_run_id")),
        sa.PrimaryKeyConstraint("batch_id", "box", name=op.f("pk_bureau_box")),
    )
    op.create_table(
        "bureau_fault",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_bureau_fault_job_id")),
        sa.ForeignKeyConstraint(["run_id"], ["bureau_run.id"], name=op.f("fk_bureau_fault_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bureau_fault")),
    )
    op.create_index(op.f("ix_bureau_fault_run_id"), "bureau_fault", ["run_id"], unique=False)
    op.create_table(
        "bureau_remake",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("asked_at", sa.String(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("second", sa.String(), nullable=True),
        sa.Column("new_job_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["approved_by"], ["person.login"], name=op.f("fk_bureau_remake_approved_by")),
        sa.ForeignKeyConstraint(["asked_by"], ["person.login"], name=op.f("fk_bureau_remake_asked_by")),
        sa.ForeignKeyConstraint(["batch_id"], ["bureau_batch.id"], name=op.f("fk_bureau_remake_batch_id")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_bureau_remake_job_id")),
        sa.ForeignKeyConstraint(["new_job_id"], ["job.id"], name=op.f("fk_bureau_remake_new_job_id")),
        sa.ForeignKeyConstraint(["second"], ["person.login"], name=op.f("fk_bureau_remake_second")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_bureau_remake")),
    )
    op.create_index(op.f("ix_bureau_remake_batch_id"), "bureau_remake", ["batch_id"], unique=False)
    op.create_table(
        "bureau_row",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("holder_index", sa.LargeBinary(), nullable=False),
        sa.Column("product", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("urgent", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("left_out", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["bureau_batch.id"], name=op.f("fk_bureau_row_batch_id")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_bureau_row_job_id")),
        sa.PrimaryKeyConstraint("batch_id", "place", name=op.f("pk_bureau_row")),
        sa.UniqueConstraint("job_id", name=op.f("uq_bureau_row_job_id")),
    )
    op.create_index(op.f("ix_bureau_row_holder_index"), "bureau_row", ["holder_index"], unique=False)
    op.create_index(op.f("ix_bureau_row_request_id"), "bureau_row", ["request_id"], unique=False)
    op.create_table(
        "bureau_sample",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("by", sa.String(), nullable=True),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["bureau_batch.id"], name=op.f("fk_bureau_sample_batch_id")),
        sa.ForeignKeyConstraint(["by"], ["person.login"], name=op.f("fk_bureau_sample_by")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_bureau_sample_job_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_bureau_sample")),
    )
    op.create_index(op.f("ix_bureau_sample_batch_id"), "bureau_sample", ["batch_id"], unique=False)
    op.create_table(
        "bureau_slot",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("reader", sa.String(), nullable=False),
        sa.Column("made", sa.Integer(), server_default="0", nullable=False),
        sa.Column("spoiled", sa.Integer(), server_default="0", nullable=False),
        sa.Column("doubtful", sa.Integer(), server_default="0", nullable=False),
        sa.Column("faults", sa.Integer(), server_default="0", nullable=False),
        sa.Column("busy", sa.Float(), server_default="0", nullable=False),
        sa.Column("own", sa.Float(), server_default="0", nullable=False),
        sa.Column("state", sa.String(), server_default="waiting", nullable=False),
        sa.Column("taken_out", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["bureau_run.id"], name=op.f("fk_bureau_slot_run_id")),
        sa.PrimaryKeyConstraint("run_id", "slot", name=op.f("pk_bureau_slot")),
    )
    op.create_table(
        "bureau_card",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("number_index", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id", "place"], ["bureau_row.batch_id", "bureau_row.place"], name=op.f("fk_bureau_card_batch_id")
        ),
        sa.PrimaryKeyConstraint("batch_id", "place", name=op.f("pk_bureau_card")),
        sa.UniqueConstraint("number_index", name=op.f("uq_bureau_card_number_index")),
    )
    op.create_table(
        "bureau_given_up",
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("job_id", sa.Integer(), nullable=True),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("second", sa.String(), nullable=True),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id", "place"], ["bureau_row.batch_id", "bureau_row.place"], name=op.f("fk_bureau_given_up_batch_id")
        ),
        sa.ForeignKeyConstraint(["by"], ["person.login"], name=op.f("fk_bureau_given_up_by")),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_bureau_given_up_job_id")),
        sa.ForeignKeyConstraint(["second"], ["person.login"], name=op.f("fk_bureau_given_up_second")),
        sa.PrimaryKeyConstraint("batch_id", "place", name=op.f("pk_bureau_given_up")),
    )
    op.create_index(op.f("ix_job_request_id"), "job", ["request_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_job_request_id"), table_name="job")
    op.drop_table("bureau_given_up")
    op.drop_table("bureau_card")
    op.drop_table("bureau_slot")
    op.drop_index(op.f("ix_bureau_sample_batch_id"), table_name="bureau_sample")
    op.drop_table("bureau_sample")
    op.drop_index(op.f("ix_bureau_row_request_id"), table_name="bureau_row")
    op.drop_index(op.f("ix_bureau_row_holder_index"), table_name="bureau_row")
    op.drop_table("bureau_row")
    op.drop_index(op.f("ix_bureau_remake_batch_id"), table_name="bureau_remake")
    op.drop_table("bureau_remake")
    op.drop_index(op.f("ix_bureau_fault_run_id"), table_name="bureau_fault")
    op.drop_table("bureau_fault")
    op.drop_table("bureau_box")
    op.drop_table("bureau_shard")
    op.drop_index(op.f("ix_bureau_run_batch_id"), table_name="bureau_run")
    op.drop_table("bureau_run")
    op.drop_index(op.f("ix_bureau_handover_batch_id"), table_name="bureau_handover")
    op.drop_table("bureau_handover")
    op.drop_index(op.f("ix_bureau_finding_batch_id"), table_name="bureau_finding")
    op.drop_table("bureau_finding")
    op.drop_index(op.f("ix_bureau_batch_state"), table_name="bureau_batch")
    op.drop_table("bureau_batch")
