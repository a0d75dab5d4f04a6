"""The tables of an archive: add a table here to export and import it.

Each table belongs to one or two of the three groups, whose order is the order of an archive:

- `ENVIRONMENT_TABLES`: rows that no organization owns; not in archives of an organization.
- `ORGANIZATION_TABLES`: rows that follow the organization that owns them.
- `MEMBER_TABLES`: rows that follow all organizations, because they may refer to several of them. An
  archive of an organization has those of the organization and its members.

A row may refer to rows that come before it only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, case, exists, or_, select

from tenantry.access.api_tokens.model import api_tokens
from tenantry.access.clients.model import (
    APPLICATIONS,
    CIMD,
    DCR,
    M2M,
    RESOURCE_CLIENT,
    STATIC,
    client_secrets,
    clients,
)
from tenantry.access.keys import service as keys
from tenantry.access.resources import service as resource_rules
from tenantry.access.resources.model import resources
from tenantry.access.scopes.model import scopes
from tenantry.core import errors, ids
from tenantry.db.sql.schema import from_json, to_json
from tenantry.identity.connections.changes import archiving as connection_moving
from tenantry.identity.connections.model import OAUTH, app_connections, connections
from tenantry.identity.federation.model import federated_identities
from tenantry.identity.token_templates import templates
from tenantry.identity.token_templates.model import token_templates
from tenantry.net import email_addresses
from tenantry.tenants.directories import archiving as directory_moving
from tenantry.tenants.directories.model import (
    directories,
    directory_groups,
    directory_members,
    directory_role_assignments,
    directory_secrets,
    directory_users,
)
from tenantry.tenants.domains.model import ORGANIZATION_DOMAIN, PROVEN, domains
from tenantry.tenants.organizations import key_index
from tenantry.tenants.organizations.model import (
    organization_keys,
    organization_search,
    organization_tally,
    organizations,
)
from tenantry.tenants.roles.model import (
    default_member_roles,
    permissions,
    role_holders,
    role_permissions,
    roles,
)
from tenantry.tenants.user_attributes.model import user_attributes
from tenantry.tenants.users.model import (
    is_federated,
    member_tally,
    memberships,
    user_search,
    user_tally,
    users,
)
from tenantry.transfer.bulk.archives import conflicts
from tenantry.transfer.bulk.archives.file_format import ArchiveTable, ListedIds, Unique

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Select, Table

    from tenantry.db.engine import Session
    from tenantry.transfer.bulk.archives.file_format import Members

ORGANIZATION_ID = bindparam("organization_id", type_=Text)  # of the exported organization


def _is_member(user_id: Column[str]) -> ColumnElement[bool]:
    m = memberships.c
    return exists().where(m.organization_id == ORGANIZATION_ID, m.user_id == user_id)


def _in_directories(table: Table) -> Select[Any]:
    """Return the rows of existing directories; the worker still deletes those of others."""
    c, d = table.c, directories.c
    is_of = (d.organization_id == c.organization_id) & (d.id == c.directory_id)
    return select(table).where(select(d.id).where(is_of).exists())


def _accounts_of_members() -> Select[Any]:
    """Return the directory users of an organization, those of former members without user IDs."""
    c = directory_users.c
    user_id = case((_is_member(c.user_id), c.user_id)).label("user_id")
    others = (column for column in c if column.name != "user_id")
    rows = _in_directories(directory_users).where(c.organization_id == ORGANIZATION_ID)
    return rows.with_only_columns(*others, user_id)


def _unique(column: Column[str]) -> Unique:
    shown = "id {row[id]}" if column.name == "id" else column.name
    conflict = f"the {shown} of a {{type}} is taken here"
    return Unique(column.name, conflicts.having(column), conflict)


def _organization_key(name: str) -> Unique:
    return Unique(
        name,
        conflicts.having(organization_keys.c[name]),
        f"the {name} {{row[{name}]!r}} is that of {{existing[organization_id]}} here",
    )


async def _index_organizations(db: Session, rows: list[Members]) -> None:
    await key_index.enter(db, to_json([row["id"] for row in rows]))


def _check_user(row: Members) -> Members:
    sub = row["sub"]
    if sub is not None and not is_federated(sub):
        raise errors.InvalidArgument(
            "sub: is not a connection, a semicolon and what that names a person"
        )
    return row | {"email_key": sub or email_addresses.key(row["email"])}


def _check_token_template(row: Members) -> Members:
    templates.read(from_json(row["template"]), field="template")
    return row | {"only": 1, "version": ids.at(ids.TOKEN_TEMPLATE, row["update_time"])}


# The types of clients that a file may have, and the prefixes of their IDs.
_CLIENT_PREFIXES = {
    **dict.fromkeys(APPLICATIONS, ids.ENVIRONMENT_CLIENT),
    M2M: ids.ORGANIZATION_CLIENT,
    RESOURCE_CLIENT: ids.RESOURCE_CLIENT,
}


def _check_client(row: Members) -> Members:
    """Refuse management clients, which would give the author of the file access to the API."""
    type_, owner = row["client_type"], row["organization_id"]
    prefix = _CLIENT_PREFIXES.get(type_)
    if prefix is None:
        raise errors.InvalidArgument(f"client_type: must be one of {', '.join(_CLIENT_PREFIXES)}")
    if (owner is None) == (type_ == M2M):
        raise errors.InvalidArgument(
            "organization_id: M2M clients have one, applications have none"
        )
    if (row["resource_id"] is None) == (type_ == RESOURCE_CLIENT):
        raise errors.InvalidArgument(
            "resource_id: clients of resources have one, other clients have none"
        )
    if row["registration"] not in {STATIC, DCR, CIMD}:
        raise errors.InvalidArgument(f"registration: must be {DCR}, {CIMD} or empty")
    if not ids.well_formed(prefix, row["id"]):
        raise errors.InvalidArgument(f"id: is not {prefix} followed by digits")
    if row["access_token_signing_alg"] not in keys.ALGORITHMS:
        raise errors.InvalidArgument(
            f"access_token_signing_alg: must be one of {', '.join(keys.ALGORITHMS)}"
        )
    expiry = row["expiry"]
    if expiry is not None and not 0 < expiry <= keys.LONGEST_TOKEN_SECONDS:
        raise errors.InvalidArgument(f"expiry: must be 1 to {keys.LONGEST_TOKEN_SECONDS} seconds")
    return row


PERMISSION = ArchiveTable("permission", permissions, ids.PERMISSION)
ROLE = ArchiveTable(
    "role",
    roles,
    ids.ROLE,
    listed=ListedIds(
        "permission_ids",
        role_permissions.c.permission_id,
        (role_permissions.c.role_id == roles.c.id,),
    ),
    environment_rows=(roles.c.organization_id.is_(None),),
    references={"base_id": "role", "permission_ids": "permission"},
    unique=(
        Unique(
            "name",
            conflicts.ENVIRONMENT_ROLES,
            "its own role {row[name]!r} is a role of the environment here",
        ),
        _unique(roles.c.id),
    ),
)
SCOPE = ArchiveTable("scope", scopes, ids.SCOPE)
RESOURCE = ArchiveTable("resource", resources, ids.RESOURCE, check=resource_rules.check_row)
CLIENT = ArchiveTable(
    "client",
    clients,
    environment_rows=(
        or_(*(clients.c.client_type == type_ for type_ in (*APPLICATIONS, RESOURCE_CLIENT))),
    ),
    check=_check_client,
    defaults=dict.fromkeys(
        ("registration", "metadata_uri", "client_uri", "logo_uri", "policy_uri", "tos_uri"), ""
    ),
    unique=(_unique(clients.c.id),),
)
CLIENT_SECRET = ArchiveTable(
    "client_secret",
    client_secrets,
    ids.CLIENT_SECRET,
    rows=select(client_secrets, clients.c.organization_id).join(
        clients, clients.c.id == client_secrets.c.client_id
    ),
    references={"client_id": "client"},
    unique=(_unique(client_secrets.c.id),),
)
USER_ATTRIBUTE = ArchiveTable("user_attribute", user_attributes)
TOKEN_TEMPLATE = ArchiveTable(
    "token_template",
    token_templates,
    omitted=("only", "version"),
    key=(token_templates.c.version,),
    check=_check_token_template,
)
CONNECTION = ArchiveTable(
    "connection",
    connections,
    ids.CONNECTION,
    omitted=("secret",),
    check=connection_moving.check,
    environment_rows=(connections.c.organization_id.is_(None), connections.c.type == OAUTH),
    secret=connection_moving.CONNECTIONS,
    unique=(_unique(connections.c.id),),
)
APP_CONNECTION = ArchiveTable(
    "app_connection",
    app_connections,
    ids.CONNECTION,
    omitted=("secret",),
    check=connection_moving.check_app,
    secret=connection_moving.APP_CONNECTIONS,
)
ORGANIZATION = ArchiveTable(
    "organization",
    organizations,
    ids.ORGANIZATION,
    unique=(_organization_key("external_id"), _organization_key("slug")),
    search=organization_search,
    index=_index_organizations,
    tally=organization_tally,
)
DEFAULT_MEMBER_ROLE = ArchiveTable(
    "default_member_role", default_member_roles, references={"role_id": "role"}
)
DOMAIN = ArchiveTable(
    "domain",
    domains,
    ids.DOMAIN,
    unique=(
        Unique(
            "domain",
            conflicts.having(
                domains.c.domain,
                domains.c.domain_type == ORGANIZATION_DOMAIN,
                or_(*(domains.c.verification_status == proven for proven in PROVEN)),
            ),
            "the domain {row[domain]!r} is of {existing[organization_id]} here, by proof",
            applies=lambda row: (
                row["domain_type"] == ORGANIZATION_DOMAIN and row["verification_status"] in PROVEN
            ),
        ),
        _unique(domains.c.id),
    ),
)
USER = ArchiveTable(
    "user",
    users,
    ids.USER,
    omitted=("email_key",),
    organization_rows=select(users, memberships.c.user_id)
    .join(memberships, memberships.c.user_id == users.c.id)
    .where(memberships.c.organization_id == ORGANIZATION_ID),
    organization_key=(memberships.c.user_id,),
    check=_check_user,
    search=user_search,
    tally=user_tally,
)
MEMBERSHIP = ArchiveTable(
    "membership",
    memberships,
    ids.MEMBERSHIP,
    listed=ListedIds(
        "role_ids",
        role_holders.c.role_id,
        (
            role_holders.c.organization_id == memberships.c.organization_id,
            role_holders.c.user_id == memberships.c.user_id,
        ),
    ),
    references={"user_id": "user", "role_ids": "role"},
    tally=member_tally,
)
FEDERATED_IDENTITY = ArchiveTable(
    "federated_identity",
    federated_identities,
    # Identities of former members are not exported.
    organization_rows=select(federated_identities)
    .join(connections, connections.c.id == federated_identities.c.connection_id)
    .where(
        connections.c.organization_id == ORGANIZATION_ID,
        _is_member(federated_identities.c.user_id),
    ),
    references={"connection_id": "connection", "user_id": "user"},
)
API_TOKEN = ArchiveTable(
    "api_token",
    api_tokens,
    ids.API_TOKEN,
    references={"user_id": "user"},
    unique=(_unique(api_tokens.c.id), _unique(api_tokens.c.digest)),
)
DIRECTORY = ArchiveTable(
    "directory",
    directories,
    ids.DIRECTORY,
    omitted=tuple(directory_moving.OF_DIRECTORY),
    check=directory_moving.directory,
    unique=(_unique(directories.c.id),),
    index=directory_moving.note_directories,
)
DIRECTORY_SECRET = ArchiveTable(
    "directory_secret",
    directory_secrets,
    ids.CLIENT_SECRET,
    rows=_in_directories(directory_secrets),
    check=directory_moving.secret,
    references={"directory_id": "directory"},
    unique=(_unique(directory_secrets.c.id), _unique(directory_secrets.c.digest)),
)
DIRECTORY_USER = ArchiveTable(
    "directory_user",
    directory_users,
    ids.DIRECTORY_USER,
    omitted=directory_moving.OF_USER,
    rows=_in_directories(directory_users),
    organization_rows=_accounts_of_members(),
    check=directory_moving.user,
    references={"directory_id": "directory", "user_id": "user"},
    index=directory_moving.note_users,
)
DIRECTORY_GROUP = ArchiveTable(
    "directory_group",
    directory_groups,
    ids.DIRECTORY_GROUP,
    omitted=directory_moving.OF_GROUP,
    rows=_in_directories(directory_groups),
    check=directory_moving.group,
    references={"directory_id": "directory"},
)
DIRECTORY_MEMBER = ArchiveTable(
    "directory_member",
    directory_members,
    rows=_in_directories(directory_members),
    references={"directory_id": "directory"},
    index=directory_moving.note_members,
)
DIRECTORY_ROLE_ASSIGNMENT = ArchiveTable(
    "directory_role_assignment",
    directory_role_assignments,
    rows=_in_directories(directory_role_assignments),
    references={"role_id": "role"},
)

ENVIRONMENT_TABLES = (
    *(PERMISSION, ROLE, SCOPE, RESOURCE, CLIENT, CLIENT_SECRET),
    *(USER_ATTRIBUTE, TOKEN_TEMPLATE, CONNECTION, APP_CONNECTION),
)
ORGANIZATION_TABLES = (
    *(ORGANIZATION, ROLE, DEFAULT_MEMBER_ROLE, DOMAIN),
    *(CONNECTION, CLIENT, CLIENT_SECRET),
)
MEMBER_TABLES = (
    *(USER, MEMBERSHIP, FEDERATED_IDENTITY, API_TOKEN),
    *(DIRECTORY, DIRECTORY_SECRET, DIRECTORY_USER, DIRECTORY_GROUP),
    *(DIRECTORY_MEMBER, DIRECTORY_ROLE_ASSIGNMENT),
)
OF_ORGANIZATION = {table.type: table for table in (*ORGANIZATION_TABLES, *MEMBER_TABLES)}
OF_ENVIRONMENT = {table.type: table for table in ENVIRONMENT_TABLES} | OF_ORGANIZATION
