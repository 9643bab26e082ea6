"""Alembic's entry: runs the migrations over the connection that ``Database`` hands in."""

from alembic import context

from cardfab.store.bureautables import bureau_batch  # noqa: F401 - its table is one of them
from cardfab.store.papertables import document_certificate  # noqa: F401
from cardfab.store.stationtables import station_life  # noqa: F401
from cardfab.store.stockbooktables import stock_day  # noqa: F401
from cardfab.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
