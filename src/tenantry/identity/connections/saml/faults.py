"""All that can be wrong with SAML, once: code, sentence and remedy, for the IT admin."""

from __future__ import annotations

from tenantry.identity.connections.faults import Fault, ProtocolError


class SAMLError(ProtocolError):
    """A message, metadata or a certificate that is not taken, for one fault."""


_ASK = "Try again. If it stays, send the response to support of the identity provider."
_CLOCKS = "Set the clocks of both sides by NTP. If they are right, sign in again."
_OURS = "Copy the address from the connection's page into the identity provider, letter by letter."

# How a message arrives.
PARAMETER = Fault(
    "invalid_saml_form_params",
    "The parameter {name} is missing, given twice or not base64.",
    "Start again at the application, and do not open an old address or send a form twice.",
)
# A response as XML.
TOO_LARGE = Fault(
    "malformed_saml_response",
    "The message is larger than {limit} KB.",
    "Send fewer attributes: most often it is the list of groups. Filter it at the provider.",
)
NOT_XML = Fault("malformed_saml_response", "The message is not XML in UTF-8: {reason}.", _ASK)
MARKUP = Fault(
    "malformed_saml_response",
    "The message holds a document type, a comment or a processing instruction.",
    "SAML needs none of them: have the identity provider leave them out.",
)
TOO_COMPLEX = Fault(
    "malformed_saml_response",
    "The message has too many elements, attributes or namespaces, or they are nested too deep.",
    "Send fewer attributes: most often it is the list of groups. Filter it at the provider.",
)
DUPLICATE_ID = Fault(
    "malformed_saml_response",
    "The ID {id} stands at two elements, so that a signature does not say which one it means.",
    "This may be an attack. If the identity provider itself sends it so, it is broken.",
)
# A response as SAML.
NOT_A_RESPONSE = Fault(
    "invalid_saml_response",
    "The message is a {found}, and a {expected} of SAML 2.0 was expected.",
    "Choose SAML 2.0 at the identity provider, and its application for this address.",
)
ASSERTIONS = Fault(
    "invalid_saml_response",
    "The response holds {found} assertions in all; it must hold exactly one.",
    "Have the identity provider send one assertion. More than one may be an attack.",
)
ELEMENT = Fault(
    "invalid_saml_response",
    "The {parent} has no {element}, an empty one, or one too many.",
    "This is a part that SAML demands: have the identity provider send it.",
)
TIME = Fault(
    "invalid_saml_response",
    "{attribute} is not a time as SAML writes it: {found}.",
    "Times are written in UTC, as in 2026-01-31T12:00:00Z.",
)
ISSUER = Fault(
    "invalid_saml_response",
    "The issuer is {found}, and the connection's identity provider is {expected}.",
    "Set the identity provider's entity ID in the connection to its issuer, letter by letter.",
)
AUDIENCE = Fault(
    "invalid_saml_response",
    "The assertion is for the audience {found}, and we are {expected}.",
    "Set Audience (also: SP entity ID, Identifier) at the identity provider to our entity ID.",
)
CONDITION = Fault(
    "invalid_saml_response",
    "The assertion has a condition that we do not know: {found}.",
    "Remove the condition at the identity provider.",
)
IN_RESPONSE_TO = Fault(
    "invalid_saml_response",
    "The response answers request {found}, and the sign-in began with {expected}.",
    "Sign in again from the application, in one window, without going back to an old page.",
)
UNENCRYPTED = Fault(
    "invalid_saml_response",
    "The assertion is not encrypted, and the connection demands that it is.",
    "Switch encryption of assertions on at the identity provider, with our certificate.",
)
DECRYPTION = Fault(
    "invalid_saml_response",
    "What is encrypted could not be decrypted with any Tenantry key.",
    "Give the identity provider our present encryption certificate, from our metadata.",
)
ENCRYPTION_METHOD = Fault(
    "invalid_saml_response",
    "It is encrypted by {found}, which we do not take.",
    "Choose AES-256-GCM with RSA-OAEP. RSA 1.5 and 3DES are unsafe, and never taken.",
)
UNSIGNED_CBC = Fault(
    "invalid_saml_response",
    "The assertion is encrypted by AES-CBC, and the response around it is not signed.",
    "Choose AES-GCM at the identity provider, or have it sign the whole response as well.",
)
STATUS = Fault(
    "invalid_status",
    "The identity provider refused: {found}.",
    "Its own log says why. Often the person is not assigned to the application there.",
)
NOT_COMPLETED = Fault(
    "authentication_not_completed",
    "The identity provider says that the person did not sign in: {found}.",
    "Sign in again. If it stays, the identity provider's log says why.",
)
LOGIN_REQUIRED = Fault(
    "user_login_required",
    "The identity provider has no session of this person, and was asked not to open one.",
    "Sign in again.",
)
DESTINATION = Fault(
    "invalid_acs_url",
    "The message is sent to {found}, and our address is {expected}.",
    _OURS,
)
RECIPIENT = Fault(
    "invalid_assertion_url",
    "The assertion is for the recipient {found}, and our address is {expected}.",
    _OURS,
)
ASSERTION_EXPIRED = Fault(
    "assertion_expired", "The assertion was good until {until}; it is {now} now.", _CLOCKS
)
ASSERTION_EARLY = Fault(
    "assertion_expired", "The assertion is good from {since}; it is {now} now.", _CLOCKS
)
RESPONSE_EXPIRED = Fault(
    "response_expired", "The response had to arrive until {until}; it is {now} now.", _CLOCKS
)
SESSION_EXPIRED = Fault(
    "assertion_expired",
    "The session at the identity provider ended at {until}; it is {now} now.",
    "Sign in again at the identity provider.",
)
NO_EMAIL = Fault(
    "mandatory_attribute_missing",
    "There is no e-mail address: attribute {expected} is missing. Sent were: {found}.",
    "Add the attribute at the identity provider, or map e-mail to the name it sends.",
)
# A response among others.
NOT_WAITING = Fault(
    "invalid_saml_response",
    "No sign-in waits for this response: it is over, or was answered already.",
    "Sign in again at the application, in one window.",
)
REPLAYED = Fault(
    "invalid_saml_response",
    "The assertion was used before; each is good once.",
    "Sign in again at the application. Do not go back, and do not send a form twice.",
)
UNASKED = Fault(
    "invalid_saml_response",
    "The identity provider began this sign-in, and the connection does not allow that.",
    "Sign in at the application, or allow sign-ins that the identity provider begins.",
)
RELAY_STATE = Fault(
    "invalid_saml_form_params",
    "The RelayState has more than {limit} characters.",
    "Shorten the RelayState at the identity provider: an identifier is enough.",
)
WRONG_EMAIL = Fault(
    "mandatory_attribute_missing",
    "The attribute for the e-mail address holds {found}, which is no address.",
    "Map e-mail to the attribute that holds an address, such as ann@example.com.",
)
OLD_SESSION = Fault(
    "user_login_required",
    "A new proof was asked for, and the person signed in at the identity provider before that.",
    "Have the identity provider honor ForceAuthn: it must ask the person to sign in again.",
)
# Signatures.
UNSIGNED = Fault(
    "signature_validation_failed",
    "The {element} is not signed, and the connection demands that it is.",
    "Switch its signing on at the identity provider, or choose another signing option here.",
)
SIGNATURE_SHAPE = Fault(
    "signature_validation_failed",
    "The signature is not one that SAML allows: {reason}.",
    "It must cover the element that holds it, by one reference. Else it may be an attack.",
)
SIGNATURE_METHOD = Fault(
    "signature_validation_failed",
    "It is signed by {found}, which we do not take.",
    "Choose RSA with SHA-256 at the identity provider. SHA-1 only by the connection's option.",
)
SIGNATURE = Fault(
    "signature_validation_failed",
    "The signature does not verify with any of the {count} certificates of the connection.",
    "Take the identity provider's present certificate into the connection, or its metadata URL.",
)
# Messages of single logout.
LOGOUT_EXPIRED = Fault(
    "invalid_saml_request", "The request had to arrive until {until}; it is {now} now.", _CLOCKS
)
LOGOUT_REPLAYED = Fault(
    "invalid_saml_request",
    "The request to sign out was used before; each is good once.",
    "Sign out again at the identity provider.",
)
# Metadata and certificates.
METADATA = Fault(
    "invalid_saml_metadata",
    "This is not metadata of one identity provider: {reason}.",
    "Give the address or the file that the identity provider calls metadata.",
)
METADATA_WITHOUT_TLS = Fault(
    "invalid_saml_metadata",
    "The {service} address in the metadata does not start with https://: {url}.",
    "Have the identity provider publish https:// addresses, then read its metadata again.",
)
CERTIFICATE = Fault(
    "invalid_saml_metadata",
    "The certificate cannot be taken: {reason}.",
    "Paste the X.509 signing certificate of the identity provider, as PEM or base64.",
)
