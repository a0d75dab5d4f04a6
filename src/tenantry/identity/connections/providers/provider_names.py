"""The names of providers as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tenantry.identity.connections.model import Connection

# By ConnectionProvider of the contract; a provider_key stands for one that it lacks.
_NAMES = {
    "GOOGLE": "Google",
    "MICROSOFT": "Microsoft",
    "MICROSOFT_AD": "Microsoft",
    "GITHUB": "GitHub",
    "GITLAB": "GitLab",
    "LINKEDIN": "LinkedIn",
    "SALESFORCE": "Salesforce",
    "APPLE": "Apple",
    "IDP_SIMULATOR": "Simulated IdP",
}


def of(connection: Connection) -> str:
    """Return the display name of a connection's provider."""
    return display_name(connection.provider, connection.provider_key)


def display_name(provider: str, provider_key: str) -> str:
    """Return the display name of a provider, derived from its key if the provider is unknown."""
    word = provider_key or provider
    return _NAMES.get(provider) or _NAMES.get(word.upper()) or word.replace("_", " ").title()
