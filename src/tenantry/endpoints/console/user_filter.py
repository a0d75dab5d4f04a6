"""The user that a filter names: by ID, external ID or email address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.core.caller import SYSTEM
from tenantry.endpoints.console.organization_filter import (
    MAX_LENGTH,
    MAX_SHOWN,
    Candidate,
    Chosen,
    can_search,
)
from tenantry.gen.scalekit.v1.users.users_pb import SearchUsersRequest

if TYPE_CHECKING:
    from tenantry.endpoints.console.visit import Visit

_ID = re.compile(r"[a-z0-9]+_[0-9]+")


async def find(visit: Visit, asked: str) -> Chosen:
    """Find the user with this external ID or email address; IDs of all kinds stay as they are."""
    asked = asked.strip()[:MAX_LENGTH]
    if not asked or _ID.fullmatch(asked) or asked == SYSTEM.id:
        return Chosen(asked, asked)
    if not can_search(asked):
        return Chosen(asked)
    try:
        candidates, has_more = await search(visit, asked)
    except errors.InvalidArgument:
        return Chosen(asked)
    named = [
        one
        for one in candidates
        if asked.casefold() in (one.name.casefold(), one.detail.casefold())
    ]
    if len(named) == 1:
        return Chosen(asked, named[0].id, named[0].name)
    return Chosen(asked, candidates=named or candidates, has_more=has_more and not named)


async def search(visit: Visit, text: str) -> tuple[list[Candidate], bool]:
    """Return the first users that match, and whether there are more."""
    listed = await visit.api.users.search_users(SearchUsersRequest(query=text, page_size=MAX_SHOWN))
    found = [
        Candidate(user.id, user.email or user.id, user.external_id or "") for user in listed.users
    ]
    return found, bool(listed.next_page_token)
