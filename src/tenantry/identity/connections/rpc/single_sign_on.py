"""SingleSignOnService and three services of few rpcs: message in, message out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.core.times import SECOND, timestamp
from tenantry.gen.scalekit.v1.environments import environments_pb
from tenantry.gen.tenantry.v1 import saml_key_pairs_pb as key_pairs_pb
from tenantry.gen.tenantry.v1 import single_sign_on_pb as own_pb
from tenantry.gen.tenantry.v1 import states_pb
from tenantry.identity.connections import diagnostics, listing, service, states
from tenantry.identity.connections.certificates import key_pairs
from tenantry.identity.connections.changes import changing, extra_settings
from tenantry.identity.connections.providers import descriptions
from tenantry.identity.connections.providers.fetching import ConnectionContext
from tenantry.identity.connections.rpc.messages import to_message

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from tenantry.call import Call
    from tenantry.identity.connections.model import Connection
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
        after = await extra_settings.change(call, self._ground, request.connection_id, members)
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
        found = descriptions.certificate(request.certificate)
        return own_pb.ReadCertificateResponse(certificate=_details(found))

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
                    email=(one.user_info or {}).get("email") or "",
                    error=one.error or "",
                    error_description=one.error_description or "",
                    error_details=one.error_details or "",
                )
                for one in await diagnostics.newest(call.db, found.id)
            ]
        )


class ConnectionStateService:
    """The method of StateService about connections."""

    async def list_connection_states(
        self, request: states_pb.ListConnectionStatesRequest, call: Call
    ) -> states_pb.ListConnectionStatesResponse:
        found = await states.of_connections(call, request.connection_ids)
        return states_pb.ListConnectionStatesResponse(states=[_state(one) for one in found])


class SamlCertificateService:
    """The rpcs of EnvironmentService that are about our key pairs for SAML."""

    async def generate_new_saml_certificate(
        self, request: environments_pb.GenerateSamlCertificateRequest, call: Call
    ) -> environments_pb.GenerateSamlCertificateResponse:
        if request.id != call.db.environment_id:
            raise errors.NotFound("environment")
        made = await key_pairs.generate_next(call)
        return environments_pb.GenerateSamlCertificateResponse(
            id=made.id,
            certificate=descriptions.pem(made.pair.certificate),
            expiry=made.expire_time // SECOND,
        )


class SamlKeyPairService:
    async def list_saml_key_pairs(
        self, _request: key_pairs_pb.ListSamlKeyPairsRequest, call: Call
    ) -> key_pairs_pb.ListSamlKeyPairsResponse:
        pairs = await key_pairs.look(call.db)
        if pairs is None:
            return key_pairs_pb.ListSamlKeyPairsResponse()
        known = {pairs.current.id: "current"}
        if pairs.following is not None:
            known[pairs.following.id] = "next"
        return key_pairs_pb.ListSamlKeyPairsResponse(
            key_pairs=[
                key_pairs_pb.SamlKeyPair(
                    id=one.id,
                    state=known.get(one.id, "former"),
                    certificate=descriptions.pem(one.pair.certificate),
                    sign_time=timestamp(one.sign_time),
                    expire_time=timestamp(one.expire_time),
                )
                for one in pairs.all
            ]
        )


_MAPS = {"group_roles", "attribute_mapping"}


def _given_of(given: own_pb.ConnectionSettings) -> list[str]:
    """Return the names of the scalars that are present."""
    return [one.name for one in given if one.name not in _MAPS and one in given]


def _further(connection: Connection) -> own_pb.ConnectionSettings:
    found = extra_settings.to_json(connection)
    roles, mapping = (found.pop(name, None) for name in ("group_roles", "attribute_mapping"))
    message = own_pb.ConnectionSettings(**found)
    if mapping is not None:
        message.attribute_mapping = own_pb.AttributeMapping(attributes=dict(mapping))
    if roles is not None:
        message.group_roles = own_pb.GroupRoles(roles=dict(roles))
    return message


def _details(certificate: Certificate) -> own_pb.SAMLCertificate:
    from tenantry.identity.connections.saml import certificates

    details = certificates.details(certificate)
    return own_pb.SAMLCertificate(
        certificate=descriptions.pem(certificate),
        subject=details.subject,
        issuer=details.issuer,
        not_before=timestamp(details.not_before),
        not_after=timestamp(details.not_after),
    )


def _state(found: states.State) -> states_pb.ConnectionState:
    message = states_pb.ConnectionState(
        connection_id=found.connection_id,
        fault=found.fault,
        last_test_status=found.test_status,
        last_test_error=found.test_error,
        last_test_error_description=found.test_error_description,
    )
    if found.certificate_expire_time is not None:
        message.certificate_expire_time = timestamp(found.certificate_expire_time)
    if found.test_time is not None:
        message.last_test_time = timestamp(found.test_time)
    return message
