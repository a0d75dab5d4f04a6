"""The organization that a filter names: by its ID, its external ID or its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry import errors, ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.doors.console.visit import Visit

MAX_LENGTH = 255  # characters of the input, as of an external ID
_LEAST_SEARCHED, _MOST_SEARCHED = 3, 100
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Chosen:
    """The organization of a filter, or those to choose among.

    ``id`` is "" where none was found, or several. ``name`` is "" where the organization of an ID
    does not exist, or does no longer.
    """

    asked: str = ""
    id: str = ""
    name: str = ""
    candidates: Sequence[Any] = ()
    has_more: bool = False  # candidates than these

    @property
    def is_unresolved(self) -> bool:
        """Whether something was typed that names no organization."""
        return bool(self.asked) and not self.id


async def find(visit: Visit, asked: str) -> Chosen:
    """Find the organization with this ID, external ID or name."""
    asked = asked.strip()[:MAX_LENGTH]
    if not asked:
        return Chosen()
    if ids.well_formed(ids.ORGANIZATION, asked):
        found = await _get(visit, "/organizations/{}", asked)
        return Chosen(asked, asked, found["display_name"] if found else "")
    if found := await _get(visit, "/organizations:external/{}", asked):
        return _one(asked, found)
    return await _by_name(visit, asked)


async def _by_name(visit: Visit, asked: str) -> Chosen:
    if not _LEAST_SEARCHED <= len(asked) <= _MOST_SEARCHED:
        return Chosen(asked)
    try:
        listed = await visit.api.get("/organizations:search", query=asked, page_size=_SHOWN)
    except errors.InvalidArgument:
        return Chosen(asked)
    rows = listed.get("organizations", [])
    named = [row for row in rows if row["display_name"].casefold() == asked.casefold()]
    if len(named) == 1:
        return _one(asked, named[0])
    has_more = not named and bool(listed.get("next_page_token"))
    return Chosen(asked, candidates=named or rows, has_more=has_more)


def _one(asked: str, row: Any) -> Chosen:
    return Chosen(asked, row["id"], row["display_name"])


async def _get(visit: Visit, path: str, name: str) -> Any:
    try:
        return (await visit.api.get(path, name))["organization"]
    except (errors.NotFound, errors.InvalidArgument):
        return None
