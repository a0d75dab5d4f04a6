"""SingleSignOnService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core.times import timestamp
from tenantry.gen.tenantry.v1 import single_sign_on_pb as own_pb
from tenantry.identity.connections import diagnostics, listing, service
from tenantry.identity.connections.changes import changing, further
from tenantry.identity.connections.providers import descriptions
from tenantry.identity.connections.providers.context import ConnectionContext
from tenantry.identity.connections.rpc.messages import (
    to_message,
)

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.connections.model import Connection
    from tenantry.identity.connections.providers.descriptions import CertificateFacts
    from tenantry.identity.connections.providers.fetching import Fetching
    from tenantry.net.outgoing import Outgoing
    from tenantry.settings import Settings


class SingleSignOnService:
    def __init__(self, settings: Settings, *, fetching: Fetching, outgoing: Outgoing) -> None:
        self._settings = settings
        self._ground = ConnectionContext(
            settings.public_url, settings.development, fetching, outgoing
        )

    async def get_connection_settings(
        self, request: own_pb.GetConnectionSettingsRequest, call: Call
    ) -> own_pb.GetConnectionSettingsResponse:
        found = await service.get_any(call, request.connection_id)
        call.tag(found.revision)
        return own_pb.GetConnectionSettingsResponse(settings=_further(found))

    async def update_connection_settings(
        self, request: own_pb.UpdateConnectionSettingsRequest, call: Call
    ) -> own_pb.UpdateConnectionSettingsResponse:
        given = request.settings
        assert given is not None
        members: dict[str, Any] = {name: getattr(given, name) for name in _given_of(given)}
        if given.group_roles is not None:
            members["group_roles"] = dict(given.group_roles.roles)
        if given.attribute_mapping is not None:
            members["attribute_mapping"] = dict(given.attribute_mapping.attributes)
        after = await further.change(call, self._ground, request.connection_id, members)
        call.tag(after.revision)
        return own_pb.UpdateConnectionSettingsResponse(settings=_further(after))

    async def read_issuer(
        self, request: own_pb.ReadIssuerRequest, _call: Call
    ) -> own_pb.ReadIssuerResponse:
        known = await descriptions.endpoints(self._ground, request.issuer)
        return own_pb.ReadIssuerResponse(
            issuer=known.issuer,
            authorization_endpoint=known.authorization_endpoint,
            token_endpoint=known.token_endpoint,
            userinfo_endpoint=known.userinfo_endpoint,
            jwks_uri=known.jwks_uri,
            end_session_endpoint=known.end_session_endpoint,
        )

    async def read_metadata(
        self, request: own_pb.ReadMetadataRequest, _call: Call
    ) -> own_pb.ReadMetadataResponse:
        said, certificates = await descriptions.metadata_of(
            self._ground, request.metadata_url, request.metadata
        )
        return own_pb.ReadMetadataResponse(
            idp_entity_id=said["idp_entity_id"],
            idp_sso_url=said["idp_sso_url"],
            idp_slo_url=said.get("idp_slo_url", ""),
            idp_certificates=[_details(one) for one in certificates],
            idp_sso_request_binding=said["idp_sso_request_binding"],
            want_authn_requests_signed=said["metadata_wants_signed"],
        )

    async def import_connection_metadata(
        self, request: own_pb.ImportConnectionMetadataRequest, call: Call
    ) -> own_pb.ImportConnectionMetadataResponse:
        after = await changing.import_metadata(
            call, self._ground, request.connection_id, request.metadata
        )
        domains = await listing.domains_of(call.db, after)
        call.tag(after.revision)
        return own_pb.ImportConnectionMetadataResponse(
            connection=to_message(call, after, domains, self._settings)
        )

    async def read_certificate(
        self, request: own_pb.ReadCertificateRequest, _call: Call
    ) -> own_pb.ReadCertificateResponse:
        facts = descriptions.certificate(request.certificate)
        return own_pb.ReadCertificateResponse(certificate=_details(facts))

    async def list_connection_tests(
        self, request: own_pb.ListConnectionTestsRequest, call: Call
    ) -> own_pb.ListConnectionTestsResponse:
        found = await service.get_any(call, request.connection_id)
        return own_pb.ListConnectionTestsResponse(
            tests=[
                own_pb.ConnectionTest(
                    id=one.id,
                    status=one.status,
                    create_time=timestamp(one.create_time),
                    email=one.email,
                    error=one.error,
                    error_description=one.error_description,
                    error_details=one.error_details,
                )
                for one in await diagnostics.newest(call.db, found.id)
            ]
        )


_MAPS = {"group_roles", "attribute_mapping"}


def _given_of(given: own_pb.ConnectionSettings) -> list[str]:
    """Return the names of the scalars that are present."""
    return [one.name for one in given if one.name not in _MAPS and one in given]


def _further(connection: Connection) -> own_pb.ConnectionSettings:
    found = further.shown(connection)
    roles, mapping = (found.pop(name, None) for name in ("group_roles", "attribute_mapping"))
    message = own_pb.ConnectionSettings(**found)
    if mapping is not None:
        message.attribute_mapping = own_pb.AttributeMapping(attributes=dict(mapping))
    if roles is not None:
        message.group_roles = own_pb.GroupRoles(roles=dict(roles))
    return message


def _details(facts: CertificateFacts) -> own_pb.SAMLCertificate:
    return own_pb.SAMLCertificate(
        certificate=facts.pem,
        subject=facts.subject,
        issuer=facts.issuer,
        not_before=timestamp(facts.not_before),
        not_after=timestamp(facts.not_after),
    )
