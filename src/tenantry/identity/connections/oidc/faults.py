"""Faults of OpenID Connect and OAuth 2.0, for the IT admin."""

from __future__ import annotations

from tenantry.identity.connections.faults import Fault, ProtocolError


class OIDCError(ProtocolError):
    """An invalid message or metadata document of a provider."""


_SUPPORT = "Try again. If the problem persists, contact the identity provider's support."
_CLOCKS = "Synchronize the clocks of both servers with NTP, then sign in again."
_AGAIN = "Sign in again from the application, in a single window. Don't go back to an old page."
_LOG = "Check the identity provider's log. Often the client's registration is incomplete."
_ATTACK = (
    "Sign in again. If the problem persists, contact the provider's support: it may be an attack."
)
_ISSUER = "Copy the provider's issuer into the connection exactly."
_CLIENT_ID = "Copy the client ID from the provider into the connection."
_REACHABLE = "Check that the URL is correct and publicly reachable over HTTPS."
_SLOW = "Try again in a minute. If the problem persists, the provider is slow."

# The authorization response.
PARAMETER = Fault(
    "invalid_request",
    "The {name} parameter of the provider's response is missing, repeated or too long.",
    "Start a new sign-in from the application. Don't reopen an old page or resubmit the form.",
)
NOT_COMPLETED = Fault(
    "authentication_not_completed",
    "The user did not complete the sign-in at the identity provider: {found}.",
    "Sign in again. If the problem persists, check that the user is assigned to the application.",
)
LOGIN_REQUIRED = Fault(
    "user_login_required",
    "The identity provider must prompt the user, but the request does not allow it: {found}.",
    "Sign in again without prompt=none.",
)
UNAVAILABLE = Fault(
    "server_error",
    "The identity provider is temporarily unavailable: {found}.",
    "Try again later.",
)
REFUSED = Fault(
    "invalid_request",
    "The identity provider rejected the authorization request: {found}.",
    _LOG,
)
ANSWER_ISSUER = Fault(
    "invalid_request",
    "The response's issuer is {found}, but the connection's issuer is {expected} (RFC 9207).",
    _ISSUER,
)
NO_ANSWER_ISSUER = Fault(
    "invalid_request",
    "The response has no issuer, although the provider's metadata announces it (RFC 9207).",
    _ATTACK,
)
# Metadata.
DISCOVERY_UNANSWERED = Fault(
    "server_error",
    "The provider's discovery document could not be fetched: {reason}.",
    "Check that the URL is publicly reachable over HTTPS and does not redirect.",
)
DISCOVERY = Fault(
    "server_error",
    "The provider's discovery document is invalid: {reason}.",
    "Enter the provider's issuer or the URL of its discovery document.",
)
NO_ENDPOINT = Fault(
    "server_error",
    "The {name} is missing in the connection and in the provider's metadata.",
    "Enter the URL from the provider's documentation.",
)
MANY_TENANTS = Fault(
    "server_error",
    "The issuer is for all Microsoft tenants, but the connection belongs to one organization.",
    "Enter the issuer of the organization's tenant, which contains the tenant ID.",
)
# The token endpoint.
EXCHANGE_UNANSWERED = Fault(
    "failed_to_exchange_token",
    "The request to the provider's token endpoint failed: {reason}.",
    _REACHABLE,
)
EXCHANGE_REFUSED = Fault(
    "failed_to_exchange_token",
    "The provider's token endpoint rejected the code: {found}.",
    "invalid_client: check the client ID and secret. invalid_grant: check the redirect URI.",
)
EXCHANGE_ANSWER = Fault(
    "failed_to_exchange_token",
    "The response of the provider's token endpoint is invalid: {reason}.",
    "Check the token endpoint URL in the connection.",
)
CLIENT_KEY = Fault(
    "failed_to_exchange_token",
    "An Apple client secret cannot be created from the connection's secret.",
    "Enter a JSON object with team_id, key_id and private_key (the content of Apple's .p8 file).",
)
BUSY = Fault("server_error", "Too many sign-ins are waiting for this provider.", _SLOW)
SLOW = Fault("server_error", "The provider did not respond within {limit} seconds.", _SLOW)
# The ID token.
NO_ID_TOKEN = Fault(
    "invalid_id_token",
    "The provider did not return an ID token.",
    "The provider must support OpenID Connect, and the connection's scopes must include openid.",
)
NOT_A_JWT = Fault("invalid_id_token", "The ID token is not a signed JWT: {reason}.", _SUPPORT)
ENCRYPTED = Fault(
    "invalid_id_token",
    "The ID token is encrypted, which is not supported.",
    "Disable ID token encryption for this client at the provider.",
)
ALGORITHM = Fault(
    "invalid_id_token",
    "The ID token's signing algorithm is {found}, but the connection accepts {expected}.",
    "Use RS256 or ES256 at the provider. HS256 and none are not secure enough.",
)
KEYS_UNANSWERED = Fault(
    "invalid_id_token",
    "The provider's keys could not be fetched: {reason}.",
    "Check that jwks_uri is correct and publicly reachable over HTTPS.",
)
KEYS = Fault(
    "invalid_id_token",
    "The document at jwks_uri is not a JWK Set: {reason}.",
    "Check the jwks_uri in the connection.",
)
KEY = Fault(
    "invalid_id_token",
    "The ID token's key is not published by the provider: {found}.",
    "Try again in a minute. If the problem persists, check the jwks_uri in the connection.",
)
SIGNATURE = Fault("invalid_id_token", "The signature of the ID token is invalid.", _ATTACK)
ISSUER = Fault(
    "invalid_id_token",
    "The ID token's issuer is {found}, but the connection's issuer is {expected}.",
    _ISSUER,
)
AUDIENCE = Fault(
    "invalid_id_token",
    "The ID token's audience is {found}, but the connection's client ID is {expected}.",
    _CLIENT_ID,
)
AUTHORIZED_PARTY = Fault(
    "invalid_id_token",
    "The ID token's azp is {found}, but the connection's client ID is {expected}.",
    _CLIENT_ID,
)
CLAIM = Fault(
    "invalid_id_token",
    "The {claim} claim of the ID token is missing or invalid.",
    _SUPPORT,
)
EXPIRED = Fault(
    "invalid_id_token", "The ID token expired at {until}. The server time is {now}.", _CLOCKS
)
EARLY = Fault(
    "invalid_id_token",
    "The ID token is not valid before {since}. The server time is {now}.",
    _CLOCKS,
)
NONCE = Fault("invalid_id_token", "The nonce of the ID token does not match this sign-in.", _AGAIN)
AT_HASH = Fault(
    "invalid_id_token", "The at_hash of the ID token does not match the access token.", _ATTACK
)
TOO_OLD = Fault(
    "invalid_id_token",
    "The user authenticated at {since}, but the application requires a newer sign-in.",
    "The provider must honor max_age and prompt, and include auth_time in the ID token.",
)
# The user.
USERINFO_UNANSWERED = Fault(
    "user_info_retrieve_failed",
    "The request to the provider's userinfo endpoint failed: {reason}.",
    _REACHABLE,
)
USERINFO = Fault(
    "user_info_retrieve_failed",
    "The response of the provider's userinfo endpoint is invalid: {reason}.",
    "Check that the connection's scopes are allowed there and that it responds with JSON.",
)
USERINFO_SUBJECT = Fault(
    "user_info_retrieve_failed",
    "The subject of the userinfo response does not match the ID token.",
    _ATTACK,
)
NO_SUBJECT = Fault(
    "user_info_retrieve_failed",
    "The provider did not return the user's ID.",
    "Check the userinfo endpoint URL in the connection.",
)
NO_EMAIL = Fault(
    "mandatory_attribute_missing",
    "The email claim {expected} is missing. Claims received: {found}.",
    "Allow the email scope at the provider, or map email to a claim that it sends.",
)
WRONG_EMAIL = Fault(
    "mandatory_attribute_missing",
    "The email claim contains {found}, which is not an email address.",
    "Map email to a claim that contains an address, such as ann@example.com.",
)
# Identity assertions (ID-JAG).
ID_JAG = Fault("invalid_request", "The assertion is invalid: {reason}.", _LOG)
# Back-channel logout.
LOGOUT_TOKEN = Fault("invalid_request", "The logout token is invalid: {reason}.", _LOG)
