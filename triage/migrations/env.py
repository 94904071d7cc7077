"""What Alembic runs: the revisions, within the transaction of whoever asked."""

from alembic import context

from triage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
