"""Tables of key ceremonies, of who held which component, and of which keys made which card. No key, no holder."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from cardfab.store.tables import metadata

ceremony = Table(
    "ceremony",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("label", String, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("stage", String, nullable=False),
    # The key's attributes and the people, as they were said when it began (JSON).
    Column("plan", String, nullable=False),
    Column("kcv", String, nullable=False),
    Column("led_by", String, ForeignKey("person.login"), nullable=False),
    Column("began_at", String, nullable=False),
    Column("ended_at", String),
    Column("reason", String, nullable=False),
)

ceremony_step = Table(
    "ceremony_step",
    metadata,
    Column("ceremony_id", String, ForeignKey("ceremony.id"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("event", String, nullable=False),
    Column("stage", String, nullable=False),
    Column("at", String, nullable=False),
    Column("people", String, nullable=False),
    Column("details", String, nullable=False),
)

component_held = Table(
    "component_held",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ceremony_id", String, ForeignKey("ceremony.id"), nullable=False),
    Column("login", String, ForeignKey("person.login"), nullable=False),
    Column("label", String, nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("component", Integer, nullable=False),
    Column("kcv", String, nullable=False),
    Column("at", String, nullable=False),
)

component_package = Table(
    "component_package",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ceremony_id", String, ForeignKey("ceremony.id"), nullable=False),
    Column("label", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("component", Integer, nullable=False),
    Column("serial", String, nullable=False),
    Column("custodian", String, ForeignKey("person.login"), nullable=False),
    Column("channel", String, nullable=False),
    Column("state", String, nullable=False),
    Column("changed_at", String, nullable=False),
)
Index(
    "uq_component_package_serial", component_package.c.label, component_package.c.version, component_package.c.serial,
    unique=True,
)  # fmt: skip

# Cards of one product and time were made with the same keys: the set is kept once, and each card names its set.
key_set = Table(
    "key_set",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
)

key_set_member = Table(
    "key_set_member",
    metadata,
    Column("set_id", Integer, ForeignKey("key_set.id"), primary_key=True),
    Column("label", String, primary_key=True, index=True),
    Column("version", Integer, nullable=False),
    Column("kcv", String, nullable=False),
)

card_key_use = Table(
    "card_key_use",
    metadata,
    Column("job_id", Integer, ForeignKey("job.id"), primary_key=True),
    Column("set_id", Integer, ForeignKey("key_set.id"), nullable=False, index=True),
    # Six digits of the place, so that a key of one province or city asks for its cards only.
    Column("region", String, nullable=False),
    # Digests of the card's own keys: check values of its symmetric keys, its public keys. Empty: it has none.
    Column("secret_mark", String, nullable=False, index=True),
    Column("public_marks", String, nullable=False),
)
