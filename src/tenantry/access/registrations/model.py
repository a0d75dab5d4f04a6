"""The table of registrations."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text

from tenantry.access.clients.model import clients
from tenantry.access.resources.model import resources
from tenantry.db.sql.schema import metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT

registrations = Table(
    "client_registrations",
    metadata,
    Column("client_id", Text, ForeignKey(clients.c.id, ondelete="CASCADE"), primary_key=True),
    Column("resource_id", Text, ForeignKey(resources.c.id, ondelete="CASCADE"), nullable=False),
    Column("application_type", Text, nullable=False),  # native or web
    Column("token_digest", Text),  # of the registration access token (RFC 7592 section 3)
    Column("document_uri", Text),  # the client_id of a client with a metadata document
    Column("document_expire_time", BigInteger),  # when the document is to be fetched again
    Column("use_time", BigInteger),  # when a user first consented; None: unused
    # When the worker looks whether it is still in use, and deletes it otherwise.
    time_column("expire_time"),
    time_column("create_time"),
    info=OF_ENVIRONMENT,
)
_c = registrations.c
Index(
    "uq_client_registrations__document_uri",
    *(_c.resource_id, _c.document_uri),
    unique=True,
)
Index(
    "ix_client_registrations__resource_id_use_time_client_id",
    *(_c.resource_id, _c.use_time, _c.client_id),
)
Index("ix_client_registrations__expire_time", _c.expire_time)
