"""Changes that operators make of connections: bounded by their role, told to the customer.

An identity provider decides its users' identities, so a caller that can change a connection can
sign in as every user that it serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.core.caller import Kind
from tenantry.core.times import now
from tenantry.events.email import branding
from tenantry.events.email import service as mail
from tenantry.i18n import languages
from tenantry.identity.attempts import service as attempts
from tenantry.tenants.memberships import administrators
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.organizations.service import OrganizationIdentifier

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.db.engine import Session
    from tenantry.events.email.model import Email
    from tenantry.identity.connections.model import Connection
    from tenantry.settings import Settings

TEMPLATE = "connection_changed"
_RECIPIENTS_MAX = 20
_NOTICES_MAX, _NOTICES_SECONDS = 5, 3600  # to one organization
_PAGE = "/ui/organization/sso"


def check_owner(call: Call, organization_id: str | None) -> None:
    """Raise PermissionDenied if an operator but no owner changes a connection of all users."""
    caller = call.caller
    if organization_id is None and caller.kind is Kind.OPERATOR and not caller.owns:
        raise errors.PermissionDenied(
            "of operators, only an owner may create, change or enable a connection of the "
            "environment: users of every organization sign in through it"
        )


async def queue(call: Call, db: Session, connection: Connection) -> None:
    """Tell the admins of an organization of an operator's change to a connection that is enabled.

    It belongs into the transaction of the change.
    """
    organization_id = connection.organization_id
    if call.caller.kind is not Kind.OPERATOR or organization_id is None or not connection.enabled:
        return
    what = "mails about changed connections"
    n, _ = await attempts.count(db, what, organization_id, seconds=_NOTICES_SECONDS)
    if n > _NOTICES_MAX:
        return
    organization = await organizations.get(call, OrganizationIdentifier(organization_id))
    variables = {
        "connection_id": connection.id,
        "organization_name": organization.display_name,
        "operator_id": call.caller.id,
        "change_time": now(),
    }
    admins = await administrators.addresses(db, organization_id, most=_RECIPIENTS_MAX)
    for recipient, locale in admins:
        await mail.queue(
            db,
            template=TEMPLATE,
            recipient=recipient,
            organization_id=organization_id,
            variables={**variables, "user_language": languages.best("", (locale,))},
        )


def email_variables(queued: Email, settings: Settings) -> dict[str, Any]:
    """Return what the email shows."""
    return {
        **branding.variables(settings, client_name=""),
        **queued.variables,
        "url": f"{settings.public_url}{_PAGE}",
    }
