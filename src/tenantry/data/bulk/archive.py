"""The file of an environment, or of one organization: one JSON object a line, owners first.

A line is a row. It has the columns by their names, those that are null left out, and ``type``.
Times are microseconds since 1970, UTC. The first line says what the file is, the last one that it
is whole. The order of lines and members depends on nothing but the content, so two files are
compared by their bytes.

Secrets of clients, of directories and API tokens are in it as they are kept, by their digests:
programs go on with what they have. Those of connections are sealed by the deployment's own key, so
they are in it only where the writer gives a key for the file, and sealed by that one. Without it, a
connection that needs a secret comes back incomplete, and is enabled again once it has one. Our key
pairs for SAML belong to the deployment: identity providers that check our signatures read its
metadata anew.

Not in it, because it belongs to the deployment or is over soon: management clients and their
secrets, signing keys, revoked tokens and spent assertions, portal links and sessions, mail, replies
that are kept, requests of directories, and the events of the past.

The file of one organization has the same lines, those of that organization and its members alone.
Roles and permissions of the environment, and scopes, are named in its first line and not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry import ids
from tenantry.access.api_tokens.model import api_tokens
from tenantry.access.clients.model import client_secrets, clients
from tenantry.access.scopes.model import scopes
from tenantry.db.records import named
from tenantry.identity.connections.model import app_connections, connections
from tenantry.identity.federation.model import federated_identities
from tenantry.identity.token_templates.model import token_templates
from tenantry.tenants.directories import moving
from tenantry.tenants.directories.model import (
    directories,
    directory_groups,
    directory_members,
    directory_role_assignments,
    directory_secrets,
    directory_users,
)
from tenantry.tenants.domains.model import domains
from tenantry.tenants.organizations.model import organizations
from tenantry.tenants.roles.model import default_member_roles, permissions, roles
from tenantry.tenants.user_attributes.model import user_attributes
from tenantry.tenants.users.model import memberships, users

if TYPE_CHECKING:
    from sqlalchemy import Column, Table

FORMAT = 1
SEALED = "sealed_secret"  # member of a connection: its secret, sealed for the file
START, END = "environment", "end"
START_OF_ORGANIZATION = "organization_export"


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of line: a table, and what of other tables belongs to a row of it."""

    type: str
    table: Table
    prefix: str = ""  # of its id, where all have the same
    references: str = ""  # a member that lists ids
    derived: tuple[str, ...] = ()  # columns that are not in the file

    def spelled(self, column: str) -> str:
        """Return the name of a column in a line, whose own type has that of `type`."""
        return f"{self.type}_type" if column == "type" else str(column)

    @property
    def columns(self) -> list[Column[Any]]:
        """The columns that a line has."""
        return [column for column in named(self.table) if column.name not in self.derived]


PERMISSION = Kind("permission", permissions, ids.PERMISSION)
ROLE = Kind("role", roles, ids.ROLE, references="permission_ids")
SCOPE = Kind("scope", scopes, ids.SCOPE)
ORGANIZATION = Kind("organization", organizations, ids.ORGANIZATION)
DEFAULT_MEMBER_ROLE = Kind("default_member_role", default_member_roles)
DOMAIN = Kind("domain", domains, ids.DOMAIN)
CLIENT = Kind("client", clients)  # of the environment, but for management; or of an organization
CLIENT_SECRET = Kind("client_secret", client_secrets, ids.CLIENT_SECRET)
USER = Kind("user", users, ids.USER, derived=("email_key",))
MEMBERSHIP = Kind("membership", memberships, ids.MEMBERSHIP, references="role_ids")
API_TOKEN = Kind("api_token", api_tokens, ids.API_TOKEN)
USER_ATTRIBUTE = Kind("user_attribute", user_attributes)
TOKEN_TEMPLATE = Kind("token_template", token_templates, derived=("only", "version"))
# Social ones of the environment; or of an organization.
CONNECTION = Kind("connection", connections, ids.CONNECTION, derived=("secret",))
APP_CONNECTION = Kind("app_connection", app_connections, ids.CONNECTION, derived=("secret",))
FEDERATED_IDENTITY = Kind("federated_identity", federated_identities)
DIRECTORY = Kind("directory", directories, ids.DIRECTORY, derived=tuple(moving.OF_DIRECTORY))
DIRECTORY_SECRET = Kind("directory_secret", directory_secrets, ids.CLIENT_SECRET)
DIRECTORY_USER = Kind("directory_user", directory_users, ids.DIRECTORY_USER, derived=moving.OF_USER)
DIRECTORY_GROUP = Kind(
    "directory_group", directory_groups, ids.DIRECTORY_GROUP, derived=moving.OF_GROUP
)
DIRECTORY_MEMBER = Kind("directory_member", directory_members)
DIRECTORY_ROLE_ASSIGNMENT = Kind("directory_role_assignment", directory_role_assignments)
KINDS = {
    kind.type: kind
    for kind in (
        *(PERMISSION, ROLE, SCOPE, CLIENT, CLIENT_SECRET),
        *(ORGANIZATION, DEFAULT_MEMBER_ROLE, DOMAIN),
        *(USER_ATTRIBUTE, TOKEN_TEMPLATE, CONNECTION, APP_CONNECTION, FEDERATED_IDENTITY),
        *(USER, MEMBERSHIP, API_TOKEN),
        *(DIRECTORY, DIRECTORY_SECRET, DIRECTORY_USER),
        *(DIRECTORY_GROUP, DIRECTORY_MEMBER, DIRECTORY_ROLE_ASSIGNMENT),
    )
}
