"""The two ceremonies of Web Authentication, without a database: options out, an answer verified.

The library `webauthn` does it; here are our demands on authenticators, and the checks that it
leaves open.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tenantry.core import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tenantry.identity.authenticators.passkeys.relying_party import RelyingParty

CHALLENGE_SECONDS = 300
_LONGEST_CREDENTIAL_ID = 1023  # bytes, WebAuthn section 7.1

_log = logging.getLogger(__name__)


class VerificationError(errors.InvalidArgument):
    """An authenticator's answer does not prove its claim."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"credential: is not accepted: {reason}",
            violations=(errors.Violation("credential", "webauthn", f"is not accepted: {reason}"),),
        )


class RegisteredPasskey(Protocol):
    """A passkey that is registered, of a user or of an operator."""

    @property
    def user_id(self) -> str:
        """Its user handle."""

    @property
    def credential_id(self) -> str:
        """Its id, base64url."""

    @property
    def public_key(self) -> str:
        """Its key, COSE in base64url."""

    @property
    def transports(self) -> tuple[str, ...]:
        """How browsers reach its authenticator."""

    @property
    def backup_eligible(self) -> bool:
        """Whether it may be on several devices."""


@dataclass(frozen=True, slots=True)
class Registered:
    """The content of a verified registration."""

    credential_id: str  # base64url
    public_key: str  # COSE, base64url
    sign_count: int
    attestation_type: str
    aaguid: str
    attachment: str
    transports: tuple[str, ...]
    user_verified: bool
    backup_eligible: bool
    backup_state: bool


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The content of a verified authentication; whether its count is right is not decided yet."""

    sign_count: int
    user_verified: bool
    backup_state: bool


def creation_options(
    relying_party: RelyingParty,
    challenge: str,
    *,
    user_id: str,
    name: str,
    display_name: str,
    existing: Sequence[RegisteredPasskey],
    verified: bool = False,
) -> dict[str, Any]:
    """Return a PublicKeyCredentialCreationOptionsJSON (WebAuthn section 5.1.9).

    The passkey has to be discoverable, for nobody types a name to sign in by one. Its user handle
    names its owner: the id of the user. ``verified``: its authenticator has to know the person.
    """
    from webauthn import generate_registration_options
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm
    from webauthn.helpers.options_to_json_dict import options_to_json_dict
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        AuthenticatorTransport,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )

    options = generate_registration_options(
        rp_id=relying_party.id,
        rp_name=relying_party.name,
        user_id=user_id.encode(),
        user_name=name,
        user_display_name=display_name,
        challenge=base64url_to_bytes(challenge),
        timeout=CHALLENGE_SECONDS * 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED
            if verified
            else UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=[
            PublicKeyCredentialDescriptor(
                id=base64url_to_bytes(passkey.credential_id),
                transports=[AuthenticatorTransport(word) for word in passkey.transports],
            )
            for passkey in existing
        ],
        supported_pub_key_algs=[
            Algorithm.ECDSA_SHA_256,
            Algorithm.EDDSA,
            Algorithm.RSASSA_PKCS1_v1_5_SHA_256,
        ],
    )
    return options_to_json_dict(options)


def request_options(
    relying_party: RelyingParty, challenge: str, *, verified: bool = False
) -> dict[str, Any]:
    """Return a PublicKeyCredentialRequestOptionsJSON (WebAuthn section 5.1.10).

    It names no passkeys: a stranger would learn which addresses have some. ``verified``: the
    authenticator has to know the person.
    """
    from webauthn import generate_authentication_options
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.options_to_json_dict import options_to_json_dict
    from webauthn.helpers.structs import UserVerificationRequirement

    options = generate_authentication_options(
        rp_id=relying_party.id,
        challenge=base64url_to_bytes(challenge),
        timeout=CHALLENGE_SECONDS * 1000,
        user_verification=UserVerificationRequirement.REQUIRED
        if verified
        else UserVerificationRequirement.PREFERRED,
    )
    return options_to_json_dict(options)


def challenge_of(credential: Mapping[str, Any]) -> str:
    """Return the challenge that an answer says it is to, in base64url."""
    with _input_from_outside():
        from webauthn.helpers import (
            base64url_to_bytes,
            bytes_to_base64url,
            parse_client_data_json,
        )

        data = base64url_to_bytes(credential["response"]["clientDataJSON"])
        client_data = parse_client_data_json(data)
        if client_data.cross_origin:
            raise VerificationError("it was created in a cross-origin frame")
        return bytes_to_base64url(client_data.challenge)


def credential_id_of(credential: Mapping[str, Any]) -> str:
    """Return which credential an answer is of, in base64url."""
    with _input_from_outside():
        from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

        return bytes_to_base64url(base64url_to_bytes(credential["rawId"]))


def verify_registration(
    credential: Mapping[str, Any], *, challenge: str, relying_party: RelyingParty
) -> Registered:
    """Verify a RegistrationResponseJSON (WebAuthn section 7.1)."""
    with _input_from_outside():
        from webauthn import verify_registration_response
        from webauthn.helpers import (
            base64url_to_bytes,
            bytes_to_base64url,
            parse_registration_credential_json,
        )
        from webauthn.helpers.structs import AttestationFormat, CredentialDeviceType

        parsed = parse_registration_credential_json(dict(credential))
        found = verify_registration_response(
            credential=parsed,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=relying_party.id,
            expected_origin=list(relying_party.origins),
        )
        if len(found.credential_id) > _LONGEST_CREDENTIAL_ID:
            raise VerificationError(f"its ID is longer than {_LONGEST_CREDENTIAL_ID} bytes")
        if found.credential_id != parsed.raw_id:
            raise VerificationError("its ID differs from the authenticator's")
        attachment = parsed.authenticator_attachment
        return Registered(
            credential_id=bytes_to_base64url(found.credential_id),
            public_key=bytes_to_base64url(found.credential_public_key),
            sign_count=found.sign_count,
            attestation_type=AttestationFormat(found.fmt).value,
            aaguid=found.aaguid,
            attachment=attachment.value if attachment else "",
            transports=tuple(dict.fromkeys(one.value for one in parsed.response.transports or ())),
            user_verified=found.user_verified,
            backup_eligible=found.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
            backup_state=found.credential_backed_up,
        )


def verify_authentication(
    credential: Mapping[str, Any],
    *,
    challenge: str,
    relying_party: RelyingParty,
    passkey: RegisteredPasskey,
) -> Authenticated:
    """Verify an AuthenticationResponseJSON (WebAuthn section 7.2)."""
    with _input_from_outside():
        from webauthn import verify_authentication_response
        from webauthn.helpers import base64url_to_bytes, parse_authentication_credential_json
        from webauthn.helpers.structs import CredentialDeviceType

        parsed = parse_authentication_credential_json(dict(credential))
        if parsed.response.user_handle != passkey.user_id.encode():
            raise VerificationError("it belongs to another user")
        found = verify_authentication_response(
            credential=parsed,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=relying_party.id,
            expected_origin=list(relying_party.origins),
            credential_public_key=base64url_to_bytes(passkey.public_key),
            # The count is looked at where it is written: two answers may come at once.
            credential_current_sign_count=0,
        )
        eligible = found.credential_device_type is CredentialDeviceType.MULTI_DEVICE
        if eligible is not passkey.backup_eligible:
            raise VerificationError("it became another kind of passkey")
        return Authenticated(found.new_sign_count, found.user_verified, found.credential_backed_up)


@contextmanager
def _input_from_outside() -> Iterator[None]:
    """Take any error of the library's parsers for an answer that does not hold."""
    from webauthn.helpers.exceptions import WebAuthnException

    try:
        yield
    except errors.Error:
        raise
    except WebAuthnException as problem:
        raise VerificationError(str(problem)[:200]) from None
    except Exception as problem:  # noqa: BLE001 - of CBOR, JSON, base64, keys, certificates
        fields = {"error": type(problem).__name__}
        _log.info("failed to parse authenticator response", extra={"fields": fields})
        raise VerificationError("it cannot be read") from None
