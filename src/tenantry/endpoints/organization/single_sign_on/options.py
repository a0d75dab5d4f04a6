"""Settings of a connection that are its admin's: membership, signatures, domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import BoolValue, StringValue

from tenantry.api import descriptors
from tenantry.core import errors
from tenantry.core.times import rfc3339
from tenantry.endpoints.organization.single_sign_on.connection import Subject
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    AssignDomainsToConnectionRequest,
    NameIdFormat,
    OIDCConnectionConfig,
    RequestBinding,
    SAMLConnectionConfigRequest,
    SAMLSigningOptions,
    TokenAuthType,
)
from tenantry.gen.tenantry.v1.single_sign_on_pb import (
    ConnectionSettings,
    GetConnectionSettingsRequest,
    UpdateConnectionSettingsRequest,
)
from tenantry.identity.connections.certificates import key_pairs
from tenantry.tenants.domains import service as domains
from tenantry.tenants.domains.model import ORGANIZATION_DOMAIN, PROVEN
from tenantry.tenants.organizations.service import OrganizationIdentifier
from tenantry.web import connections

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.endpoints.organization.visit import OrganizationSite, Visit
    from tenantry.net.http import Response
    from tenantry.tenants.domains.model import Domain

_MOST_DOMAINS = 50  # that a connection may have
_ENUMS = {
    "saml_signing_option": SAMLSigningOptions,
    "idp_name_id_format": NameIdFormat,
    "idp_sso_request_binding": RequestBinding,
    "token_auth_type": TokenAuthType,
}
_FIELDS = {
    "connection.ui_button_title": "ui_button_title",
    "settings.end_session_uri": "end_session_uri",
}


class Options(Subject):
    def __init__(self, site: OrganizationSite) -> None:
        super().__init__(site)
        # Read through: to open a private key for each page takes too long.
        self._key_pairs = key_pairs.KeyPairs(site.db)

    async def show(self, visit: Visit) -> Response:
        """Show the settings, with the domains that there are."""
        connection = await self.load(visit)
        answer = await visit.api.single_sign_on.get_connection_settings(
            GetConnectionSettingsRequest(connection_id=connection.id)
        )
        further = answer.settings or ConnectionSettings()
        owned = await self._owned(visit)
        return self.render(
            visit,
            connection,
            "settings",
            end_session_uri=further.end_session_uri,
            switched_on={
                *(name for name in connections.SWITCHES[connection.type] if connection.is_on(name)),
                *(name for name in connections.FURTHER[connection.type] if getattr(further, name)),
            },
            switches_shared=connections.SHARED_SWITCHES,
            switches_own=[
                *(
                    name
                    for name in connections.SWITCHES[connection.type]
                    if name not in connections.SHARED_SWITCHES
                ),
                *(name for name in connections.FURTHER[connection.type] if name != "accept_sha1"),
            ],
            choices={
                name: connections.CHOICES[name] for name in connections.CHOSEN[connection.type]
            },
            domains=[
                (one, one.connection_id == connection.id, one.connection_id is not None)
                for one in owned
            ],
            pairs=await self._pairs() if connection.is_saml else None,
        )

    async def save(self, visit: Visit) -> Response:
        """Take the settings."""
        connection, path = await self.load(visit), self.path(visit, "settings")
        form = visit.request.form()
        config = SAMLConnectionConfigRequest() if connection.is_saml else OIDCConnectionConfig()
        for name in connections.SWITCHES[connection.type]:
            setattr(config, name, BoolValue(value=form.get(name) == "true"))
        for name in connections.CHOSEN[connection.type]:
            if form.get(name, "") in connections.CHOICES[name]:
                setattr(config, name, descriptors.enum_value(_ENUMS[name], form[name]))
        changed = connection.update(config)
        changed.ui_button_title = StringValue(value=form.get("ui_button_title", "").strip())
        further = ConnectionSettings()
        for name in connections.FURTHER[connection.type]:
            setattr(further, name, form.get(name) == "true")
        if not connection.is_saml:
            further.end_session_uri = form.get("end_session_uri", "").strip()
        request = UpdateConnectionSettingsRequest(connection_id=connection.id, settings=further)
        try:
            async with visit.api.transaction(visit.call.db) as api:
                await api.single_sign_on.update_connection_settings(request)
                await self.update(visit, changed, api)
        except errors.InvalidArgument as problem:
            return self.refused(visit, problem, path, _FIELDS, form)
        return self.site.done(path, "sso_saved")

    async def assign(self, visit: Visit) -> Response:
        """Take the domains that lead to this connection alone."""
        form, path = visit.request.form(), self.path(visit, "settings")
        there = {one.id for one in await self._owned(visit)}
        chosen = [name for name, value in form.items() if name in there and value == "true"]
        request = AssignDomainsToConnectionRequest(
            organization_id=visit.organization.id,
            connection_id=visit.request.params["id"],
            domain_ids=chosen,
        )
        try:
            await visit.api.connections.assign_domains_to_connection(request)
        except errors.InvalidArgument as problem:
            return self.site.wrong(visit, problem, path)
        return self.site.done(path, "sso_domains")

    @staticmethod
    async def _owned(visit: Visit) -> Sequence[Domain]:
        """Return the domains that are proved to be the organization's, the newest first."""
        page = await domains.page(
            visit.call,
            OrganizationIdentifier(visit.organization.id),
            domain_type=ORGANIZATION_DOMAIN,
            size=_MOST_DOMAINS,
            number=0,
        )
        return [one for one in page.domains if one.verification_status in PROVEN]

    async def _pairs(self) -> Mapping[str, str]:
        """Return when our own certificate expires, and when the next one begins to sign."""
        pairs = await self._key_pairs.get()
        following = pairs.following
        return {
            "expire_time": rfc3339(pairs.current.expire_time),
            "next_time": "" if following is None else rfc3339(following.sign_time),
        }
