"""Run by Alembic: the migrations, on the connection that `tenantry.db.migrate` opened."""

from __future__ import annotations

from alembic import context

from tenantry.db.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
