"""All that can be wrong with OpenID Connect and OAuth 2.0, once, for the IT admin."""

from __future__ import annotations

from tenantry.identity.connections.faults import Fault, ProtocolError


class OIDCError(ProtocolError):
    """A message or metadata of a provider that is not taken, for one fault."""


_ASK = "Try again. If it stays, ask the people who run the identity provider."
_CLOCKS = "Set the clocks of both sides by NTP. If they are right, sign in again."
_AGAIN = "Sign in again from the application, in one window, without going back to an old page."
_LOG = "The log of the identity provider says why. Often it is the client's registration there."
_ATTACK = "Sign in again. If it stays, somebody may be meddling: tell your provider's support."

# The answer that the browser brings back.
PARAMETER = Fault(
    "invalid_request",
    "The parameter {name} of the provider's answer is missing, given twice or too long.",
    "Start again at the application, and do not open an old address or send a form twice.",
)
NOT_COMPLETED = Fault(
    "authentication_not_completed",
    "The identity provider says that the person did not sign in: {found}.",
    "Sign in again. If it stays, see in the provider whether the person is assigned to it.",
)
LOGIN_REQUIRED = Fault(
    "user_login_required",
    "The identity provider has to ask the person something, and was told not to: {found}.",
    "Sign in again, without prompt=none.",
)
UNAVAILABLE = Fault(
    "server_error", "The identity provider cannot answer now: {found}.", "Try again in a while."
)
REFUSED = Fault(
    "invalid_request",
    "The identity provider refuses the request of this connection: {found}.",
    _LOG,
)
ANSWER_ISSUER = Fault(
    "invalid_request",
    "The answer is of the issuer {found}, and the connection's provider is {expected} (RFC 9207).",
    "Copy the issuer from the provider into the connection, letter by letter.",
)
NO_ANSWER_ISSUER = Fault(
    "invalid_request",
    "The answer does not say its issuer, although the provider's metadata promises it (RFC 9207).",
    _ATTACK,
)
# Metadata.
DISCOVERY_UNANSWERED = Fault(
    "server_error",
    "The provider's discovery document could not be fetched: {reason}.",
    "Open the address in a browser: it must be public, by https, and not redirect.",
)
DISCOVERY = Fault(
    "server_error",
    "The provider's discovery document is not one of OpenID Connect: {reason}.",
    "Give the issuer of the provider, or the address of its discovery document.",
)
NO_ENDPOINT = Fault(
    "server_error",
    "The connection has no {name}, and the provider's metadata has none either.",
    "Fill it in by hand, from the provider's documentation.",
)
MANY_TENANTS = Fault(
    "server_error",
    "The issuer is that of all customers of Microsoft, and the connection is of one organization.",
    "Give the issuer of the organization's own tenant, which has the tenant's id in it.",
)
# The token endpoint.
EXCHANGE_UNANSWERED = Fault(
    "failed_to_exchange_token",
    "The provider's token endpoint gave no answer: {reason}.",
    "See that its address is right, public, and by https.",
)
EXCHANGE_REFUSED = Fault(
    "failed_to_exchange_token",
    "The provider's token endpoint refused the code: {found}.",
    "invalid_client means a wrong client ID or secret, invalid_grant a wrong redirect URI.",
)
EXCHANGE_ANSWER = Fault(
    "failed_to_exchange_token",
    "The answer of the provider's token endpoint is not one of OAuth 2.0: {reason}.",
    "See that the connection has the token endpoint, and not another address.",
)
CLIENT_KEY = Fault(
    "failed_to_exchange_token",
    "The secret of the connection is no key that a client secret of Apple can be made of.",
    "Give a JSON object of team_id, key_id and private_key, the text of the .p8 file from Apple.",
)
BUSY = Fault(
    "server_error",
    "Too many sign-ins wait for this provider at the same time.",
    "Try again in a minute. If it stays, the provider is slow.",
)
SLOW = Fault(
    "server_error",
    "The provider took more than {limit} seconds to answer all that a sign-in needs.",
    "Try again in a minute. If it stays, the provider is slow.",
)
# The ID token.
NO_ID_TOKEN = Fault(
    "invalid_id_token",
    "The provider sent no ID token.",
    "It must be an OpenID Provider, and the scopes of the connection must have openid.",
)
NOT_A_JWT = Fault("invalid_id_token", "The ID token is not a signed JWT: {reason}.", _ASK)
ENCRYPTED = Fault(
    "invalid_id_token",
    "The ID token is encrypted, which we do not take.",
    "Switch the encryption of ID tokens off for this client at the provider: TLS protects them.",
)
ALGORITHM = Fault(
    "invalid_id_token",
    "The ID token is signed by {found}, and this connection takes {expected}.",
    "Choose RS256 or ES256 at the provider. HS256 and none prove too little.",
)
KEYS_UNANSWERED = Fault(
    "invalid_id_token",
    "The provider's keys could not be fetched: {reason}.",
    "See that the address of its keys (jwks_uri) is right, public, and by https.",
)
KEYS = Fault(
    "invalid_id_token",
    "The provider's keys are not a JWK Set: {reason}.",
    "See that the connection has the provider's jwks_uri, and not another address.",
)
KEY = Fault(
    "invalid_id_token",
    "The ID token names a key that the provider does not publish: {found}.",
    "Try again in a minute. If it stays, the connection has the keys of another provider.",
)
SIGNATURE = Fault("invalid_id_token", "The signature of the ID token does not verify.", _ATTACK)
ISSUER = Fault(
    "invalid_id_token",
    "The ID token is of the issuer {found}, and the connection's provider is {expected}.",
    "Copy the issuer from the provider into the connection, letter by letter.",
)
AUDIENCE = Fault(
    "invalid_id_token",
    "The ID token is for {found}, and our client ID is {expected}.",
    "Copy the client ID from the provider into the connection.",
)
AUTHORIZED_PARTY = Fault(
    "invalid_id_token",
    "The ID token was issued to {found}, and our client ID is {expected}.",
    "Copy the client ID from the provider into the connection.",
)
CLAIM = Fault(
    "invalid_id_token",
    "The ID token has no {claim}, or one that does not conform to OpenID Connect.",
    _ASK,
)
EXPIRED = Fault(
    "invalid_id_token", "The ID token was good until {until}; it is {now} now.", _CLOCKS
)
EARLY = Fault("invalid_id_token", "The ID token is good from {since}; it is {now} now.", _CLOCKS)
NONCE = Fault(
    "invalid_id_token", "The ID token does not answer this sign-in: its nonce is another.", _AGAIN
)
AT_HASH = Fault(
    "invalid_id_token", "The ID token was issued with another access token (at_hash).", _ATTACK
)
TOO_OLD = Fault(
    "invalid_id_token",
    "The person signed in at {since}, and the application wants it to be newer.",
    "The provider must follow max_age and prompt, and say auth_time in the ID token.",
)
# The person.
USERINFO_UNANSWERED = Fault(
    "user_info_retrieve_failed",
    "The provider's userinfo endpoint gave no answer: {reason}.",
    "See that its address is right, public, and by https.",
)
USERINFO = Fault(
    "user_info_retrieve_failed",
    "The answer of the provider's userinfo endpoint cannot be used: {reason}.",
    "See that the scopes of the connection are allowed there, and that it answers in JSON.",
)
USERINFO_SUBJECT = Fault(
    "user_info_retrieve_failed",
    "The userinfo endpoint tells of another person than the ID token.",
    _ATTACK,
)
NO_SUBJECT = Fault(
    "user_info_retrieve_failed",
    "The provider does not say by which id it knows the person.",
    "See that the connection has the provider's userinfo endpoint.",
)
NO_EMAIL = Fault(
    "mandatory_attribute_missing",
    "There is no e-mail address: {expected} is missing. Sent were: {found}.",
    "Allow the scope email at the provider, or map e-mail to the claim that it sends.",
)
WRONG_EMAIL = Fault(
    "mandatory_attribute_missing",
    "The claim for the e-mail address holds {found}, which is no address.",
    "Map e-mail to the claim that holds an address, such as ann@example.com.",
)
# Back-channel logout.
LOGOUT_TOKEN = Fault("invalid_request", "The logout token is not taken: {reason}.", _LOG)
