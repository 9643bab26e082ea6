"""Tables of the bureau: batches, their rows, shards, prepared cards, boxes, and what a line did."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from cardfab.store.tables import metadata

bureau_batch = Table(
    "bureau_batch",
    metadata,
    # That of the batch of requests it is: salt, file name and row count are there.
    Column("id", Integer, ForeignKey("batch.id"), primary_key=True, autoincrement=False),
    Column("token", String, nullable=False, unique=True),
    Column("issuer", String, nullable=False),
    # The issuer's own number of the batch.
    Column("reference", String, nullable=False),
    Column("product", String, nullable=False),
    Column("state", String, nullable=False, index=True),
    # Whose program takes it in; only its own station, or one that outlives it, removes what is half taken.
    Column("station", String, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("wrong", Integer, nullable=False),
    Column("file_digest", String, nullable=False),
    # The cover note as it came, and who signed the file; JSON without personal data.
    Column("cover", String, nullable=False),
    Column("box_size", Integer, nullable=False),
    Column("shard_size", Integer, nullable=False),
    # The first of the numbers that were set aside for its rows, at the approval.
    Column("first_card", Integer),
    Column("first_account", Integer),
    Column("issue_date", String),
    Column("received_by", String, ForeignKey("person.login"), nullable=False),
    Column("approved_by", String, ForeignKey("person.login")),
    Column("second", String, ForeignKey("person.login")),
    Column("digest", String),
    # What a person ordered of the lines that work on it: empty, "pause", "stop", "stop after box".
    Column("ordered", String, nullable=False, server_default=""),
    Column("changed_at", String, nullable=False),
    UniqueConstraint("issuer", "reference"),
)

bureau_row = Table(
    "bureau_row",
    metadata,
    Column("batch_id", Integer, ForeignKey("bureau_batch.id"), primary_key=True),
    # From 1, as in the file; the place in the boxes follows from it.
    Column("place", Integer, primary_key=True),
    # As the file counts it: lines that hold nothing count too.
    Column("row", Integer, nullable=False),
    Column("request_id", String, nullable=False, index=True),
    Column("token", String, nullable=False),
    Column("holder_index", LargeBinary, nullable=False, index=True),
    Column("product", String, nullable=False),
    Column("category", String, nullable=False),
    Column("urgent", Integer, nullable=False),
    # The request, as request.sealed is; NULL once its job was made, which has it then.
    Column("sealed", LargeBinary),
    Column("job_id", Integer, ForeignKey("job.id"), unique=True),
    # Why no card is made of this row: of a wrong one, or of one that was given up.
    Column("left_out", String),
)

bureau_finding = Table(
    "bureau_finding",
    metadata,
    # What is wrong with a row, without a value of the holder's.
    Column("id", Integer, primary_key=True),
    Column("batch_id", Integer, ForeignKey("bureau_batch.id"), nullable=False, index=True),
    Column("place", Integer, nullable=False),
    # As the file counts it.
    Column("row", Integer, nullable=False),
    # Empty where the row has none of the right form.
    Column("request_id", String, nullable=False),
    Column("field", String, nullable=False),
    Column("reason_en", String, nullable=False),
    Column("reason_zh", String, nullable=False),
)

bureau_shard = Table(
    "bureau_shard",
    metadata,
    Column("batch_id", Integer, ForeignKey("bureau_batch.id"), primary_key=True),
    Column("shard", Integer, primary_key=True),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("state", String, nullable=False),
    # What is random in its cards, drawn once.
    Column("sealed_draws", LargeBinary),
    # Over the content of its cards, not over its sealing.
    Column("digest", String),
    Column("worker", String),
    Column("begun_at", String),
    Column("ended_at", String),
    Column("tries", Integer, nullable=False, server_default="0"),
    # Processor seconds of the try that ended it.
    Column("cost", Float),
)

bureau_card = Table(
    "bureau_card",
    metadata,
    Column("batch_id", Integer, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("shard", Integer, nullable=False),
    Column("number_index", LargeBinary, nullable=False, unique=True),
    # As job.sealed_card is; NULL once its job was made, which has it then.
    Column("sealed", LargeBinary),
    ForeignKeyConstraint(["batch_id", "place"], ["bureau_row.batch_id", "bureau_row.place"]),
)

bureau_box = Table(
    "bureau_box",
    metadata,
    Column("batch_id", Integer, ForeignKey("bureau_batch.id"), primary_key=True),
    Column("box", Integer, primary_key=True),
    Column("first", Integer, nullable=False),
    Column("last", Integer, nullable=False),
    Column("state", String, nullable=False),
    # The slot that works on it, or worked on it last.
    Column("run_id", Integer, ForeignKey("bureau_run.id")),
    Column("slot", String),
    Column("changed_at", String, nullable=False),
)

bureau_run = Table(
    "bureau_run",
    metadata,
    # One process of one line.
    Column("id", Integer, primary_key=True),
    Column("batch_id", Integer, ForeignKey("bureau_batch.id"), nullable=False, index=True),
    Column("line", String, nullable=False),
    Column("station", String, nullable=False),
    Column("begun_by", String, ForeignKey("person.login"), nullable=False),
    Column("begun_at", String, nullable=False),
    Column("seen_at", String, nullable=False),
    # What holds the whole line now: JSON of code, en, zh.
    Column("held", String),
    Column("ended_at", String),
    Column("how", String),
)

bureau_slot = Table(
    "bureau_slot",
    metadata,
    Column("run_id", Integer, ForeignKey("bureau_run.id"), primary_key=True),
    Column("slot", String, primary_key=True),
    Column("reader", String, nullable=False),
    Column("made", Integer, nullable=False, server_default="0"),
    Column("spoiled", Integer, nullable=False, server_default="0"),
    Column("doubtful", Integer, nullable=False, server_default="0"),
    Column("faults", Integer, nullable=False, server_default="0"),
    # Seconds in which a card was in work, and those of which we computed ourselves.
    Column("busy", Float, nullable=False, server_default="0"),
    Column("own", Float, nullable=False, server_default="0"),
    # What it does now, and why it was taken out: JSON of code, en, zh.
    Column("state", String, nullable=False, server_default="waiting"),
    Column("taken_out", String),
)

bureau_fault = Table(
    "bureau_fault",
    metadata,
    # Every fault of a slot, for the count by slot and reason; kept three months (bureau practice).
    Column("id", Integer, primary_key=True),
    Column("run_id", Integer, ForeignKey("bureau_run.id"), nullable=False, index=True),
    Column("slot", String, nullable=False),
    Column("job_id", Integer, ForeignKey("job.id")),
    Column("code", String, nullable=False),
    # JSON of code, en, zh; plain words in rows of before.
    Column("why", String, nullable=False),
    Column("at", String, nullable=False),
)

bureau_sample = Table(
    "bureau_sample",
    metadata,
    Column("job_id", Integer, ForeignKey("job.id"), primary_key=True),
    Column("batch_id", Integer, ForeignKey("bureau_batch.id"), nullable=False, index=True),
    # "rate" or the name of the rule that chose it.
    Column("rule", String, nullable=False),
    # "good", "spoiled"; NULL: not known yet.
    Column("outcome", String),
    Column("by", String, ForeignKey("person.login")),
    Column("at", String, nullable=False),
)

bureau_remake = Table(
    "bureau_remake",
    metadata,
    Column("job_id", Integer, ForeignKey("job.id"), primary_key=True),
    Column("batch_id", Integer, ForeignKey("bureau_batch.id"), nullable=False, index=True),
    Column("place", Integer, nullable=False),
    Column("asked_by", String, ForeignKey("person.login"), nullable=False),
    Column("asked_at", String, nullable=False),
    Column("approved_by", String, ForeignKey("person.login")),
    Column("second", String, ForeignKey("person.login")),
    Column("new_job_id", Integer, ForeignKey("job.id")),
    Column("at", String),
)

bureau_given_up = Table(
    "bureau_given_up",
    metadata,
    # A place of which no card is made after all, though its row was good: who said so, and why.
    Column("batch_id", Integer, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("job_id", Integer, ForeignKey("job.id")),
    Column("why", String, nullable=False),
    Column("by", String, ForeignKey("person.login"), nullable=False),
    Column("second", String, ForeignKey("person.login")),
    Column("at", String, nullable=False),
    ForeignKeyConstraint(["batch_id", "place"], ["bureau_row.batch_id", "bureau_row.place"]),
)

bureau_handover = Table(
    "bureau_handover",
    metadata,
    # What left the bureau: return file, shipping list, mailers, certificate of destruction, record of an erasure; what
    # was signed of it, and who refused or closed it.
    Column("id", Integer, primary_key=True),
    Column("batch_id", Integer, ForeignKey("bureau_batch.id"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("file", String, nullable=False),
    Column("count", Integer, nullable=False),
    Column("digest", String, nullable=False),
    Column("by", String, ForeignKey("person.login"), nullable=False),
    Column("second", String, ForeignKey("person.login")),
    Column("at", String, nullable=False),
    Column("recipient", String),
)
