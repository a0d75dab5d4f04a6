"""Our addresses that a connection has, as its provider is told them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.identity.connections.model import Connection


def base(public_url: str, connection: Connection) -> str:
    """Return what all addresses of a connection begin with; it is its entity id in SAML."""
    return f"{public_url}/sso/v1/{connection.type.lower()}/{connection.id}"


def callback(public_url: str, connection: Connection) -> str:
    """Return where the provider sends people back to: redirect URI, or ACS."""
    return f"{base(public_url, connection)}/callback"


def test(public_url: str, connection: Connection) -> str:
    """Return the page that tries the connection."""
    return f"{base(public_url, connection)}/test"


def metadata(public_url: str, connection: Connection) -> str:
    """Return where our SAML metadata is."""
    return f"{base(public_url, connection)}/metadata"


def logout_callback(public_url: str, connection: Connection) -> str:
    """Return where an OpenID Provider sends people back to after a logout."""
    return f"{base(public_url, connection)}/logout/callback"


def backchannel_logout(public_url: str, connection: Connection) -> str:
    """Return where an OpenID Provider sends its logout tokens."""
    return f"{base(public_url, connection)}/backchannel-logout"


def slo(public_url: str, connection: Connection) -> str:
    """Return where a SAML identity provider sends logouts."""
    return f"{base(public_url, connection)}/slo"
