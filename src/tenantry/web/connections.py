"""Shared by pages about one connection: the settings of its protocol, by the contract's names.

Their words are the sections `sso_ours`, `sso_endpoint`, `sso_option` and `sso_choice`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from tenantry.gen.scalekit.v1.connections.connections_pb import ConnectionStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from protobuf.wkt import Timestamp

    from tenantry.gen.scalekit.v1.connections.connections_pb import IDPCertificate, ListConnection
    from tenantry.web.forms.uploads import Form

SAML, OIDC = "SAML", "OIDC"
CONFIG = {SAML: "saml_config", OIDC: "oidc_config"}
MANUAL, DISCOVERY = "MANUAL", "DISCOVERY"
# The provider's own description; a SAML provider's metadata has all of it.
SAML_TEXTS = ("idp_entity_id", "idp_sso_url", "idp_slo_url", "idp_sso_request_binding")
OIDC_ENDPOINTS = ("authorize_uri", "token_uri", "jwks_uri", "user_info_uri")
SHARED_SWITCHES = ("jit_provisioning_with_sso_enabled", "sync_user_profile_on_login")
SWITCHES = {
    SAML: (
        *SHARED_SWITCHES,
        *("force_authn", "want_request_signed", "assertion_encrypted", "idp_slo_required"),
    ),
    OIDC: (*SHARED_SWITCHES, "pkce_enabled", "idp_logout_required"),
}
# Those that the Scalekit API lacks.
FURTHER = {SAML: ("allow_idp_initiated_login", "accept_sha1"), OIDC: ("id_jag_enabled",)}
# Choices by the contract's names; "" leaves it as it is.
CHOICES = {
    "saml_signing_option": (
        *("SAML_RESPONSE_OR_ASSERTION_SIGNING", "SAML_ONLY_RESPONSE_SIGNING"),
        *("SAML_ONLY_ASSERTION_SIGNING", "SAML_RESPONSE_ASSERTION_SIGNING"),
    ),
    "idp_name_id_format": ("UNSPECIFIED", "EMAIL", "PERSISTENT", "TRANSIENT"),
    "idp_sso_request_binding": ("HTTP_REDIRECT", "HTTP_POST"),
    "idp_slo_request_binding": ("HTTP_REDIRECT", "HTTP_POST"),
    "token_auth_type": ("BASIC_AUTH", "URL_PARAMS"),
}
CHOSEN = {
    SAML: ("saml_signing_option", "idp_name_id_format", "idp_sso_request_binding"),
    OIDC: ("token_auth_type",),
}
MOST_METADATA = 256 << 10  # bytes: of ImportConnectionMetadata
# Before it expires a certificate is pointed to for so long.
SOON = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate of the provider: whose it is, when it expires, and how it stands: its state.

    That is "good", "soon" or "over"; the fingerprint is that of SHA-256.
    """

    id: str
    pem: str
    subject: str
    expire_time: Timestamp | None
    fingerprint: str
    state: str


def certificate_of(certificate: IDPCertificate) -> Certificate:
    """Return a certificate of a SAML connection's provider."""
    from cryptography.hazmat.primitives import hashes

    from tenantry.identity.connections.saml import certificates

    read = certificates.read(certificate.certificate.encode())
    return Certificate(
        certificate.id,
        certificate.certificate,
        certificates.details(read).subject,
        certificate.expiry_time,
        read.fingerprint(hashes.SHA256()).hex(":").upper(),
        expiry_state(certificate.expiry_time),
    )


def expiry_state(expire_time: Timestamp | None) -> str:
    """Return how something stands that ends at a time, if it does: "good", "soon" or "over"."""
    if expire_time is None:
        return "good"
    left = expire_time.to_datetime() - datetime.now(UTC)
    if left <= timedelta(0):
        return "over"
    return "soon" if left < SOON else "good"


def certificate(form: Form) -> str:
    """Return the certificate of a form as text, "" for none: a file goes before pasted text."""
    file = form.files.get("certificate_file")
    if file is None:
        return form.members.get("certificate", "").strip()
    if file.content[:1] == b"\x30":  # DER: a sequence of ASN.1
        return base64.b64encode(file.content).decode()
    # The API refuses all that is no certificate, with the reason.
    return file.content.decode("utf-8", "replace").replace("\x00", "\ufffd")


def text(content: bytes) -> str | None:
    """Return a file of XML as text; None where it is not Unicode."""
    encoding = "utf-16" if content[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        found = content.decode(encoding)
    except UnicodeDecodeError:
        return None
    if encoding == "utf-16" and found.startswith("<?xml"):
        found = found.partition("?>")[2]  # it names an encoding that it has no more
    return None if "\x00" in found else found


def without_keys(given: Mapping[str, str]) -> dict[str, str]:
    """Return typed values without those that hold a private key: a page must not repeat it."""
    return {name: value for name, value in given.items() if "PRIVATE KEY-----" not in value}


def serving(listed: Iterable[ListConnection]) -> dict[str, ListConnection]:
    """Return the connection that serves each domain, of one organization's, the oldest first.

    A domain leads to several where it is assigned to none: then the oldest serves it of those that
    are enabled and complete.
    """
    found: dict[str, ListConnection] = {}
    for one in listed:
        if one.enabled and one.status is ConnectionStatus.COMPLETED:
            for domain in one.domains:
                found.setdefault(domain, one)
    return found
