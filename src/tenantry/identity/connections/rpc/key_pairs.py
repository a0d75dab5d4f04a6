"""SamlCertificateService and SamlKeyPairService: message in, message out. No SQL, no rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.times import SECOND, timestamp
from tenantry.gen.scalekit.v1.environments import environments_pb
from tenantry.gen.tenantry.v1 import saml_key_pairs_pb as key_pairs_pb
from tenantry.identity.connections.certificates import key_pairs
from tenantry.identity.connections.providers import descriptions

if TYPE_CHECKING:
    from tenantry.call import Call


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
        states = {pairs.current.id: "current"}
        if pairs.following is not None:
            states[pairs.following.id] = "next"
        return key_pairs_pb.ListSamlKeyPairsResponse(
            key_pairs=[
                key_pairs_pb.SamlKeyPair(
                    id=one.id,
                    state=states.get(one.id, "former"),
                    certificate=descriptions.pem(one.pair.certificate),
                    sign_time=timestamp(one.sign_time),
                    expire_time=timestamp(one.expire_time),
                )
                for one in pairs.all
            ]
        )
