"""Run by Alembic. Migrates on the connection, and in the transaction, that `sql_engine.migrate` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
