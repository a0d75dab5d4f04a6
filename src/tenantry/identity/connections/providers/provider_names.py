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
}


def of(connection: Connection) -> str:
    """Return the name of a connection's provider; its own word where we know none."""
    word = connection.provider_key or connection.provider
    return _NAMES.get(connection.provider) or _NAMES.get(word.upper()) or word.title()
