"""Metadata of identity providers: fetched, guarded and bounded, and as members of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.net.outgoing import NoResponse

if TYPE_CHECKING:
    from tenantry.identity.connections.saml.metadata.idp_metadata import IdentityProvider
    from tenantry.net.outgoing import Outgoing

SECONDS = 8.0
MOST_BYTES = 256 << 10
_ACCEPT = "application/samlmetadata+xml, application/xml, text/xml"


async def fetch(
    outgoing: Outgoing, url: str, *, tls_only: bool = True, seconds: float = SECONDS
) -> IdentityProvider:
    """Return an identity provider by the address of its metadata."""
    from tenantry.identity.connections.saml import faults
    from tenantry.identity.connections.saml.faults import SAMLError
    from tenantry.identity.connections.saml.metadata import idp_metadata

    reason = ""
    if tls_only and not url.lower().startswith("https://"):
        raise SAMLError(faults.METADATA, reason="its URL does not use HTTPS")
    try:
        answer = await outgoing.send(
            "GET", url, headers={"accept": _ACCEPT}, seconds=seconds, most_bytes=MOST_BYTES
        )
    except NoResponse as problem:
        reason = f"it could not be fetched: {problem}"
    else:
        if answer.status != 200:
            reason = f"its URL returned the status {answer.status}"
        elif answer.cut:
            reason = f"it exceeds {MOST_BYTES >> 10} KB"
        else:
            return idp_metadata.read(answer.body)
    raise SAMLError(faults.METADATA, reason=reason)


def members(provider: IdentityProvider, *, tls_only: bool = True) -> dict[str, Any]:
    """Return the settings that metadata contains, except for the certificates.

    Metadata may turn signed requests on; only an admin turns them off.

    Raises:
        SAMLError: an address that browsers are sent to is http://, and ``tls_only`` is set.

    """
    sso = _first(provider.sso_urls)
    slo = _first(provider.slo_urls)
    if tls_only:
        _require_tls("SingleSignOnService", provider.sso_urls[sso])
        if slo is not None:
            _require_tls("SingleLogoutService", provider.slo_urls[slo])
            _require_tls("SingleLogoutService", _other(provider, slo))
    found: dict[str, Any] = {
        "idp_entity_id": provider.entity_id,
        "idp_sso_url": provider.sso_urls[sso],
        "idp_sso_request_binding": sso.name,
        "metadata_valid_until": provider.valid_until or 0,
        "metadata_wants_signed": provider.want_authn_requests_signed,
    }
    if slo is not None:
        found |= {
            "idp_slo_url": provider.slo_urls[slo],
            "idp_slo_request_binding": slo.name,
            "idp_slo_response_url": _other(provider, slo),
        }
    if provider.want_authn_requests_signed:
        found["want_request_signed"] = True
    return found


def _require_tls(service: str, url: str) -> None:
    from tenantry.identity.connections.saml import faults
    from tenantry.identity.connections.saml.faults import SAMLError

    if url and not url.lower().startswith("https://"):
        raise SAMLError(faults.METADATA_WITHOUT_TLS, service=service, url=url)


def _other(provider: IdentityProvider, binding: Any) -> str:
    """Return where answers go to, if that is not where requests do."""
    url = provider.slo_response_urls.get(binding, "")
    return "" if url == provider.slo_urls[binding] else url


def _first(urls: Any) -> Any:
    """Return the binding that is used: by an address of the browser where there is one."""
    from tenantry.identity.connections.saml.names import Binding

    return next((one for one in Binding if one in urls), None)
