"""Directories: what the admin of an organization sets up, sees and changes of them.

`choosing` is which there are and the making of one, `setting_up` its steps, `secrets` its tokens,
`polls` what one that is read needs, `people`, `groups` and `requests` its further tabs. `subject`
is what their handlers share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.endpoints.organization.directories import (
    attributes,
    choosing,
    groups,
    people,
    polls,
    requests,
    secrets,
    setting_up,
)

if TYPE_CHECKING:
    from tenantry.endpoints.organization.visit import OrganizationSite, Page

_PARTS = (choosing, setting_up, secrets, polls, attributes, people, groups, requests)


def pages(site: OrganizationSite) -> list[Page]:
    return [page for part in _PARTS for page in part.pages(site)]
