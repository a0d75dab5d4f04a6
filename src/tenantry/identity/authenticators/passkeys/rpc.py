"""WebAuthnService: message in, message out. No SQL, no rules."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from protobuf.wkt import Struct

from tenantry.core import errors
from tenantry.core.times import timestamp
from tenantry.gen.scalekit.v1.auth import webauthn_pb as pb
from tenantry.identity.authenticators.passkeys import service

if TYPE_CHECKING:
    from tenantry.call import Call
    from tenantry.identity.authenticators.passkeys.model import Passkey
    from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty
    from tenantry.identity.sessions.freshness import Freshness


class WebAuthnService:
    def __init__(
        self, relying_party: RelyingParty, freshness: Freshness, *, is_modular: bool
    ) -> None:
        self._relying_party = relying_party
        self._freshness = freshness
        self._is_modular = is_modular

    async def list_credentials(
        self, request: pb.ListCredentialsRequest, call: Call
    ) -> pb.ListCredentialsResponse:
        user_id, found = await service.list_all(call, request.user_id)
        return pb.ListCredentialsResponse(
            credentials=[_message(passkey) for passkey in found],
            all_accepted_credentials_options=pb.AllAcceptedCredentialsOptions(
                rp_id=self._relying_party.id,
                user_id=_base64url(user_id.encode()),
                all_accepted_credential_ids=[passkey.credential_id for passkey in found],
            ),
        )

    async def delete_credential(
        self, request: pb.DeleteCredentialRequest, call: Call
    ) -> pb.DeleteCredentialResponse:
        passkey = await service.remove(call, request.credential_id, self._freshness)
        return pb.DeleteCredentialResponse(
            success=True,
            unknown_credential_options=pb.UnknownCredentialOptions(
                rp_id=self._relying_party.id, credential_id=passkey.credential_id
            ),
        )

    async def update_credential(
        self, request: pb.UpdateCredentialRequest, call: Call
    ) -> pb.UpdateCredentialResponse:
        passkey = await service.rename(call, request.credential_id, request.display_name)
        return pb.UpdateCredentialResponse(credential=_message(passkey))

    async def begin_registration(
        self, _request: pb.BeginRegistrationRequest, call: Call
    ) -> pb.BeginRegistrationResponse:
        self._check()
        _, options = await service.begin_own_registration(
            call, self._relying_party, self._freshness
        )
        return pb.BeginRegistrationResponse(options=_struct(options))

    async def finish_registration(
        self, request: pb.FinishRegistrationRequest, call: Call
    ) -> pb.FinishRegistrationResponse:
        response = {
            "attestationObject": _base64url(request.attestation_object),
            "clientDataJSON": _base64url(request.client_data_json),
            "transports": list(request.transports),
        }
        await service.finish_own_registration(
            call, self._relying_party, _credential(request, response)
        )
        return pb.FinishRegistrationResponse(success=True)

    async def begin_authentication(
        self, request: pb.BeginAuthenticationRequest, call: Call
    ) -> pb.BeginAuthenticationResponse:
        self._check()
        challenge_id, options = await service.begin_authentication(
            call, self._relying_party, email=request.email or None
        )
        return pb.BeginAuthenticationResponse(session_id=challenge_id, options=_struct(options))

    async def finish_authentication(
        self, request: pb.FinishAuthenticationRequest, call: Call
    ) -> pb.FinishAuthenticationResponse:
        given = request.response
        assert given is not None  # required
        response = {
            "authenticatorData": _base64url(given.authenticator_data),
            "clientDataJSON": _base64url(given.client_data_json),
            "signature": _base64url(given.signature),
            "userHandle": _base64url(given.user_handle),
        }
        passkey = await service.finish_authentication(
            call, self._relying_party, request.session_id, _credential(request, response)
        )
        return pb.FinishAuthenticationResponse(success=True, user_id=passkey.user_id)

    async def get_related_origins(
        self, _request: pb.GetRelatedOriginsRequest, _call: Call
    ) -> pb.GetRelatedOriginsResponse:
        return pb.GetRelatedOriginsResponse(origins=list(self._relying_party.origins))

    def _check(self) -> None:
        if self._is_modular:
            raise errors.Modular


def _credential(
    request: pb.FinishRegistrationRequest | pb.FinishAuthenticationRequest,
    response: dict[str, Any],
) -> dict[str, Any]:
    """Return the JSON form of WebAuthn (section 5.1) of an answer that came as bytes."""
    id_ = _base64url(request.credential_id)
    credential = {
        "id": id_,
        "rawId": id_,
        "type": request.type or "public-key",
        "response": response,
    }
    if request.authenticator_attachment:
        credential["authenticatorAttachment"] = request.authenticator_attachment
    return credential


def _message(passkey: Passkey) -> pb.WebAuthnCredential:
    kind = pb.WebAuthnCredential
    return kind(
        id=passkey.id,
        user_id=passkey.user_id,
        credential_id=base64.urlsafe_b64decode(passkey.credential_id + "=="),
        attestation_type=passkey.attestation_type,
        authenticator=kind.Authenticator(
            aaguid=passkey.aaguid,
            name=passkey.authenticator_name,
            attachment=passkey.attachment,
        ),
        transports=list(passkey.transports),
        authenticator_flags=kind.AuthenticatorFlags(
            user_present=True,  # or it would not have been accepted
            user_verified=passkey.user_verified,
            backup_eligible=passkey.backup_eligible,
            backup_state=passkey.backup_state,
        ),
        created_at=timestamp(passkey.create_time),
        updated_at=timestamp(passkey.update_time),
        user_agent=kind.UserAgent(**passkey.user_agent),
        client_info=kind.ClientInfo(**passkey.client_info),
        display_name=passkey.display_name,
    )


def _struct(options: dict[str, Any]) -> Struct:
    return Struct.from_json(json.dumps(options))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
