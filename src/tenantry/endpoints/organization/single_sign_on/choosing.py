"""All connections of an organization, and how a new one begins: its provider and its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.api import descriptors
from tenantry.core import errors
from tenantry.endpoints.organization.single_sign_on import connection as shown
from tenantry.endpoints.organization.single_sign_on.connection import Subject
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    ConnectionProvider,
    ConnectionType,
    CreateConnection,
    CreateConnectionRequest,
    ListConnectionsRequest,
)
from tenantry.gen.tenantry.v1.sign_ins_pb import LastSignIns, ListLastSignInsRequest
from tenantry.identity.connections.guides.guides import guides
from tenantry.web.connections import OIDC, SAML, serving
from tenantry.web.frames.areas import SSO

if TYPE_CHECKING:
    from tenantry.endpoints.organization.visit import Visit
    from tenantry.gen.scalekit.v1.connections.connections_pb import ListConnection
    from tenantry.identity.connections.guides.guides import Guide
    from tenantry.net.http import Response

# The provider_key of one that the contract has no name for.
_KEYS = {one: one.upper() for one in shown.WITH_KEY}
_TYPES = {"saml": SAML, "oidc": OIDC}


class Choosing(Subject):
    async def list(self, visit: Visit) -> Response:
        """Show all connections, with warnings of some on top."""
        answer = await visit.api.connections.list_connections(
            ListConnectionsRequest(organization_id=visit.organization.id, include="all")
        )
        last = await visit.api.sign_ins.list_last_sign_ins(
            ListLastSignInsRequest(organization_id=visit.organization.id)
        )
        known = {one.connection_id: one for one in last.last_sign_ins}
        serves = serving(answer.connections)
        rows = [
            _row(visit, one, known.get(one.id, LastSignIns()))
            | {"domains": shown.domains_of(one, serves)}
            for one in answer.connections
            if one.type.name in _TYPES.values()
        ]
        return self.site.render(
            visit, SSO, "single_sign_on/list.html", rows=rows, manages=visit.manages(SSO)
        )

    async def providers(self, visit: Visit) -> Response:
        """Show the providers to choose from; `q` looks for some of them."""
        _check(visit)
        wanted = visit.query("q").strip()[:100]
        found = [one for one in guides(visit.words.language) if wanted.lower() in one.name.lower()]
        tiles = [(one, _protocols(one)) for one in found]
        return self.site.render(
            visit, SSO, "single_sign_on/providers.html", tiles=tiles, wanted=wanted
        )

    async def protocols(self, visit: Visit) -> Response:
        """Show the protocols of a provider to choose from."""
        _check(visit)
        guide = shown.guide(visit.request.params["guide"], visit.words.language)
        return self.site.render(
            visit,
            SSO,
            "single_sign_on/protocols.html",
            guide=guide,
            protocols=_protocols(guide),
        )

    async def create(self, visit: Visit) -> Response:
        """Make a connection, and go to its page."""
        guide = shown.guide(visit.request.params["guide"], visit.words.language)
        protocol = visit.request.form().get("protocol", "")
        if protocol not in _protocols(guide):
            raise errors.InvalidArgument.field("protocol", "in", "is not one of this provider")
        request = CreateConnectionRequest(
            organization_id=visit.organization.id,
            connection=CreateConnection(
                provider=descriptors.enum_value(ConnectionProvider, guide.provider),
                type=descriptors.enum_value(ConnectionType, _TYPES[protocol]),
                provider_key=_KEYS.get(guide.id, ""),
            ),
        )
        try:
            answer = await visit.api.connections.create_connection(request)
        except errors.InvalidArgument as problem:
            return self.site.wrong(visit, problem, visit.path(SSO, "new"))
        assert answer.connection is not None
        return self.site.done(visit.path(SSO, answer.connection.id), "sso_created")


def _check(visit: Visit) -> None:
    """Refuse a member that may only read: the page is a form."""
    if not visit.manages(SSO):
        raise errors.PermissionDenied


def _protocols(guide: Guide) -> tuple[str, ...]:
    return tuple(name for name in _TYPES if getattr(guide, name))


def _row(visit: Visit, connection: ListConnection, last: LastSignIns) -> dict[str, object]:
    """Return what a list shows of a connection."""
    status, kind = shown.status_of(connection)
    error = last.last_error
    return {
        "id": connection.id,
        "name": shown.name_of(connection),
        "guide_id": shown.guide_of(connection).id,
        "title": connection.ui_button_title,
        "protocol": "SAML 2.0" if connection.type.name == SAML else "OpenID Connect",
        "status": status,
        "kind": kind,
        "enabled": connection.enabled,
        "last": last,
        "expiry": shown.expiry_of(last),
        "error": shown.said(visit.words, error) if error else None,
    }
