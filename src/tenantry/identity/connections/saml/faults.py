"""Faults of SAML messages, metadata and certificates, for the IT admin."""

from __future__ import annotations

from tenantry.identity.connections.faults import Fault, ProtocolError


class SAMLError(ProtocolError):
    """An invalid message, metadata document or certificate."""


_SUPPORT = (
    "Try again. If the problem persists, send the response to the identity provider's support."
)
_CLOCKS = "Synchronize the clocks of both servers with NTP, then sign in again."
_URL = "Copy the expected URL into the identity provider's configuration."
_FEWER_ATTRIBUTES = (
    "Send fewer attributes. If the user has many groups, filter them at the identity provider."
)

# Transport of a message.
PARAMETER = Fault(
    "invalid_saml_form_params",
    "The {name} parameter is missing, repeated or not valid base64.",
    "Start a new sign-in from the application. Don't reopen an old page or resubmit the form.",
)
# XML of a response.
TOO_LARGE = Fault(
    "malformed_saml_response",
    "The message exceeds {limit} KB.",
    _FEWER_ATTRIBUTES,
)
NOT_XML = Fault("malformed_saml_response", "The message is not valid XML: {reason}.", _SUPPORT)
MARKUP = Fault(
    "malformed_saml_response",
    "The message contains a DTD, a comment or a processing instruction.",
    "Configure the identity provider to omit them.",
)
TOO_COMPLEX = Fault(
    "malformed_saml_response",
    "The message has too many elements, attributes or namespaces, or is nested too deeply.",
    _FEWER_ATTRIBUTES,
)
DUPLICATE_ID = Fault(
    "malformed_saml_response",
    "The ID {id} is used by two elements, so the signed element is ambiguous.",
    "This may be an attack. If the identity provider sends such responses, contact its support.",
)
# Content of a response.
NOT_A_RESPONSE = Fault(
    "invalid_saml_response",
    "Expected a SAML 2.0 {expected}, but received {found}.",
    "Use a SAML 2.0 application at the identity provider.",
)
ASSERTIONS = Fault(
    "invalid_saml_response",
    "The response contains {found} assertions. It must contain exactly one.",
    "Configure the identity provider to send one assertion. More than one may be an attack.",
)
ELEMENT = Fault(
    "invalid_saml_response",
    "The {element} in {parent} is missing, empty or repeated.",
    "SAML requires this element. Configure the identity provider to send it.",
)
TIME = Fault(
    "invalid_saml_response",
    "{attribute} is not a valid timestamp: {found}.",
    "Timestamps must be in UTC, such as 2026-01-31T12:00:00Z.",
)
ISSUER = Fault(
    "invalid_saml_response",
    "The issuer is {found}, but the connection's IdP entity ID is {expected}.",
    "Set the connection's IdP entity ID to the issuer that the identity provider sends.",
)
AUDIENCE = Fault(
    "invalid_saml_response",
    "The assertion's audience is {found}, but the SP entity ID is {expected}.",
    "Set the audience (SP entity ID, Identifier) at the identity provider to the SP entity ID.",
)
CONDITION = Fault(
    "invalid_saml_response",
    "The assertion contains an unsupported condition: {found}.",
    "Remove the condition at the identity provider.",
)
IN_RESPONSE_TO = Fault(
    "invalid_saml_response",
    "InResponseTo is {found}, but the ID of the sign-in request is {expected}.",
    "Sign in again from the application, in a single window. Don't go back to an old page.",
)
UNENCRYPTED = Fault(
    "invalid_saml_response",
    "The assertion is not encrypted, but the connection requires encryption.",
    "Enable assertion encryption at the identity provider with the SP certificate.",
)
DECRYPTION = Fault(
    "invalid_saml_response",
    "The encrypted data could not be decrypted with any key of the connection.",
    "Import the current encryption certificate from the SP metadata at the identity provider.",
)
ENCRYPTION_METHOD = Fault(
    "invalid_saml_response",
    "The encryption algorithm {found} is not accepted.",
    "Use AES-256-GCM with RSA-OAEP. RSA 1.5 and 3DES are insecure and never accepted.",
)
UNSIGNED_CBC = Fault(
    "invalid_saml_response",
    "The assertion is encrypted with AES-CBC, but the response is not signed.",
    "Use AES-GCM at the identity provider, or sign the whole response.",
)
STATUS = Fault(
    "invalid_status",
    "The identity provider rejected the sign-in: {found}.",
    "Check the identity provider's log. Often the user is not assigned to the application.",
)
NOT_COMPLETED = Fault(
    "authentication_not_completed",
    "The user did not complete the sign-in at the identity provider: {found}.",
    "Sign in again. If the problem persists, check the identity provider's log.",
)
LOGIN_REQUIRED = Fault(
    "user_login_required",
    "The user has no session at the identity provider, and the request does not allow a prompt.",
    "Sign in again.",
)
DESTINATION = Fault(
    "invalid_acs_url",
    "The message's Destination is {found}, but the expected URL is {expected}.",
    _URL,
)
RECIPIENT = Fault(
    "invalid_assertion_url",
    "The assertion's Recipient is {found}, but the ACS URL is {expected}.",
    _URL,
)
ASSERTION_EXPIRED = Fault(
    "assertion_expired", "The assertion expired at {until}. The server time is {now}.", _CLOCKS
)
ASSERTION_EARLY = Fault(
    "assertion_expired",
    "The assertion is not valid before {since}. The server time is {now}.",
    _CLOCKS,
)
RESPONSE_EXPIRED = Fault(
    "response_expired", "The response expired at {until}. The server time is {now}.", _CLOCKS
)
SESSION_EXPIRED = Fault(
    "assertion_expired",
    "The session at the identity provider expired at {until}. The server time is {now}.",
    "Sign in again at the identity provider.",
)
NO_EMAIL = Fault(
    "mandatory_attribute_missing",
    "The email attribute {expected} is missing. Attributes received: {found}.",
    "Add the attribute at the identity provider, or map email to an attribute that it sends.",
)
# A response in its sign-in.
NOT_WAITING = Fault(
    "invalid_saml_response",
    "No sign-in is waiting for this response. It has ended or was already answered.",
    "Sign in again at the application, in one window.",
)
REPLAYED = Fault(
    "invalid_saml_response",
    "The assertion was already used.",
    "Sign in again from the application. Don't go back or resubmit the form.",
)
UNASKED = Fault(
    "invalid_saml_response",
    "The connection does not allow IdP-initiated sign-in.",
    "Sign in from the application, or allow IdP-initiated sign-in in the connection.",
)
RELAY_STATE = Fault(
    "invalid_saml_form_params",
    "RelayState exceeds {limit} characters.",
    "Shorten the RelayState at the identity provider. An identifier is enough.",
)
WRONG_EMAIL = Fault(
    "mandatory_attribute_missing",
    "The email attribute contains {found}, which is not an email address.",
    "Map email to an attribute that contains an address, such as ann@example.com.",
)
OLD_SESSION = Fault(
    "user_login_required",
    "The request required reauthentication, but the user authenticated before it was sent.",
    "Configure the identity provider to honor ForceAuthn and prompt the user again.",
)
# Signatures.
UNSIGNED = Fault(
    "signature_validation_failed",
    "The required signature of the {element} is missing.",
    "Enable signing at the identity provider, or change the connection's signing option.",
)
SIGNATURE_SHAPE = Fault(
    "signature_validation_failed",
    "The signature does not conform to SAML: {reason}.",
    "The signature must cover its parent element by one reference. Otherwise it may be an attack.",
)
SIGNATURE_METHOD = Fault(
    "signature_validation_failed",
    "The signature algorithm {found} is not accepted.",
    "Use RSA with SHA-256 at the identity provider. SHA-1 must be allowed in the connection.",
)
SIGNATURE = Fault(
    "signature_validation_failed",
    "The signature does not match any certificate of the connection ({count} checked).",
    "Add the identity provider's current certificate or metadata URL to the connection.",
)
# Messages of single logout.
LOGOUT_EXPIRED = Fault(
    "invalid_saml_request",
    "The logout request expired at {until}. The server time is {now}.",
    _CLOCKS,
)
LOGOUT_REPLAYED = Fault(
    "invalid_saml_request",
    "The logout request was already used.",
    "Sign out again at the identity provider.",
)
# Metadata and certificates.
METADATA = Fault(
    "invalid_saml_metadata",
    "The metadata is invalid: {reason}.",
    "Use the metadata URL or file from the identity provider.",
)
METADATA_WITHOUT_TLS = Fault(
    "invalid_saml_metadata",
    "The {service} URL in the metadata does not use HTTPS: {url}.",
    "Configure the identity provider to publish HTTPS URLs, then reload its metadata.",
)
CERTIFICATE = Fault(
    "invalid_saml_metadata",
    "The certificate is invalid: {reason}.",
    "Paste the X.509 signing certificate of the identity provider as PEM or base64.",
)
