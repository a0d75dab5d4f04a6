"""What interceptors have to say about an invitation, before it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.events.interceptors.model import PRE_USER_INVITATION
from tenantry.tenants.organizations import service as organizations
from tenantry.tenants.users import reading, service

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.events.interceptors.service import Interceptors
    from tenantry.tenants.users.service import Identity


async def before_invitation(
    call: Call,
    interceptors: Interceptors,
    organization_id: str,
    *,
    email: str = "",
    identity: Identity | None = None,
) -> None:
    """Ask whether somebody may be invited: by an e-mail address that is new, or as a user.

    Without an interceptor nothing is looked up.

    Raises:
        errors.Intercepted: an interceptor says no.
        errors.NotFound: there is no such organization or user that this caller may see.

    """
    if not await interceptors.runs(PRE_USER_INVITATION):
        return
    reading.check_scope(call, organization_id)
    organization = await organizations.get(call, organizations.Identity(id=organization_id))
    context = {"user_email": email, "organization_id": organization.id}
    if identity is not None:
        user = await service.get(call, identity)
        context |= {"user_email": user.email, "user_id": user.id}
    await interceptors.run(
        call,
        PRE_USER_INVITATION,
        context=context,
        data={"organization": {"id": organization.id, "name": organization.display_name}},
    )
