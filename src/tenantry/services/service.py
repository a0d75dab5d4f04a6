"""The declaration of one service of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from tenantry.app_context import AppContext


class Service(NamedTuple):
    """A file of the contract, and a function that makes the objects whose methods are its rpcs."""

    contract: ModuleType
    make: Callable[[AppContext], tuple[object, ...]]


def is_production(context: AppContext) -> bool:
    """Return whether redirect URIs follow the rules of production."""
    from tenantry.access.clients.uris import redirect_uris

    settings = context.settings
    return redirect_uris.is_production(settings.public_url, development=settings.development)
