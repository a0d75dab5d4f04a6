"""How long a session lives: the deployment's limits and the organization's, the stricter wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.identity.sessions.model import Bounds

if TYPE_CHECKING:
    from tenantry.settings import Settings
    from tenantry.tenants.organizations.model import Organization

FEATURE = "session_policy"


def bounds_of_deployment(settings: Settings) -> Bounds:
    """Return the limits of a session that is of no organization."""
    return Bounds(settings.session_absolute_minutes, settings.session_idle_minutes or None)


def bounds_of(settings: Settings, organization: Organization) -> Bounds:
    """Return the limits of a session that begins in an organization, or comes to it.

    An organization's own policy counts while its feature is on. It can only tighten: the shorter
    of two timeouts holds, and idle time ends a session where either side says so.
    """
    bounds = bounds_of_deployment(settings)
    own = organization.session_policy
    if own is None or not organization.has_feature(FEATURE):
        return bounds
    return Bounds(min(bounds.absolute, own.absolute), stricter(bounds.idle, own.idle))


def stricter(one: int | None, other: int | None) -> int | None:
    """Return the shorter of two idle timeouts; None is one that does not count."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
