"""keys: which cards were made with them, custodians, ceremonies"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Ceremonies with their steps, components held, packages; sets of keys and the cards made with them."""
    op.create_table(
        "key_set",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_key_set")),
        sa.UniqueConstraint("digest", name=op.f("uq_key_set_digest")),
    )
    op.create_table(
        "ceremony",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("kcv", sa.String(), nullable=False),
        sa.Column("led_by", sa.String(), nullable=False),
        sa.Column("began_at", sa.String(), nullable=False),
        sa.Column("ended_at", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["led_by"], ["person.login"], name=op.f("fk_ceremony_led_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ceremony")),
    )
    with op.batch_alter_table("ceremony", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ceremony_label"), ["label"], unique=False)

    op.create_table(
        "key_set_member",
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kcv", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["set_id"], ["key_set.id"], name=op.f("fk_key_set_member_set_id")),
        sa.PrimaryKeyConstraint("set_id", "label", name=op.f("pk_key_set_member")),
    )
    with op.batch_alter_table("key_set_member", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_key_set_member_label"), ["label"], unique=False)

    op.create_table(
        "ceremony_step",
        sa.Column("ceremony_id", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("people", sa.String(), nullable=False),
        sa.Column("details", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["ceremony_id"], ["ceremony.id"], name=op.f("fk_ceremony_step_ceremony_id")),
        sa.PrimaryKeyConstraint("ceremony_id", "position", name=op.f("pk_ceremony_step")),
    )
    op.create_table(
        "component_held",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ceremony_id", sa.String(), nullable=False),
        sa.Column("login", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("component", sa.Integer(), nullable=False),
        sa.Column("kcv", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["ceremony_id"], ["ceremony.id"], name=op.f("fk_component_held_ceremony_id")),
        sa.ForeignKeyConstraint(["login"], ["person.login"], name=op.f("fk_component_held_login")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_component_held")),
    )
    with op.batch_alter_table("component_held", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_component_held_label"), ["label"], unique=False)

    op.create_table(
        "component_package",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ceremony_id", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("component", sa.Integer(), nullable=False),
        sa.Column("serial", sa.String(), nullable=False),
        sa.Column("custodian", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("changed_at", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["ceremony_id"], ["ceremony.id"], name=op.f("fk_component_package_ceremony_id")),
        sa.ForeignKeyConstraint(["custodian"], ["person.login"], name=op.f("fk_component_package_custodian")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_component_package")),
    )
    with op.batch_alter_table("component_package", schema=None) as batch_op:
        batch_op.create_index("uq_component_package_serial", ["label", "version", "serial"], unique=True)

    op.create_table(
        "card_key_use",
        sa.Column("job_id", sa.Integer(), nullable=False),
        sa.Column("set_id", sa.Integer(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("secret_mark", sa.String(), nullable=False),
        sa.Column("public_marks", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["job.id"], name=op.f("fk_card_key_use_job_id")),
        sa.ForeignKeyConstraint(["set_id"], ["key_set.id"], name=op.f("fk_card_key_use_set_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_card_key_use")),
    )
    with op.batch_alter_table("card_key_use", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_card_key_use_secret_mark"), ["secret_mark"], unique=False)
        batch_op.create_index(batch_op.f("ix_card_key_use_set_id"), ["set_id"], unique=False)


def downgrade() -> None:
    """The same, taken away."""
    with op.batch_alter_table("card_key_use", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_card_key_use_set_id"))
        batch_op.drop_index(batch_op.f("ix_card_key_use_secret_mark"))

    op.drop_table("card_key_use")
    with op.batch_alter_table("component_package", schema=None) as batch_op:
        batch_op.drop_index("uq_component_package_serial")

    op.drop_table("component_package")
    with op.batch_alter_table("component_held", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_component_held_label"))

    op.drop_table("component_held")
    op.drop_table("ceremony_step")
    with op.batch_alter_table("key_set_member", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_key_set_member_label"))

    op.drop_table("key_set_member")
    with op.batch_alter_table("ceremony", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ceremony_label"))

    op.drop_table("ceremony")
    op.drop_table("key_set")
