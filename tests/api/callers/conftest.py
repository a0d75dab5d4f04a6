"""Members that call the API by the cookie of their session, in organizations with all features."""

from __future__ import annotations

import pytest
from apis import Api
from organization_visitors import FEATURES
from signins import SignIns


@pytest.fixture
def signins(database, http, rest, make):
    """Makes applications and sessions."""
    return SignIns(database, http, rest, make)


@pytest.fixture
def by_cookie(signins, make, rest):
    """A new person with these roles in an organization, and the API over a wire as they call it."""

    async def sign_in(wire, *roles: str, organization=None):
        membership = {"roles": [{"name": name} for name in roles]}
        user = await make.user(organization["id"] if organization else "", membership=membership)
        session, secret = await signins.session(user)
        await rest.organizations.update_organization_settings(
            id=session.organization_id,
            settings={"features": [{"name": name, "enabled": True} for name in FEATURES]},
        )
        api = Api(wire).sending(cookie=f"__Host-tenantry_session={secret}")
        return api, session.organization_id

    return sign_in
