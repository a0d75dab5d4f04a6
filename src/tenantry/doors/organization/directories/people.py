"""The people of a directory: whether each is in, in which groups, and with which roles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.organization.directories.subject import ONE, Subject, roles_of
from tenantry.doors.organization.visit import Page
from tenantry.pages.areas import SCIM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.doors.organization.directories.subject import Roles
    from tenantry.doors.organization.visit import Door, Visit
    from tenantry.web import Response

_SHOWN = 20  # people on a page
_MOST_GROUPS = 3  # of a person that are named


def pages(door: Door) -> list[Page]:
    """Return the pages of this part."""
    return [Page("GET", "/{id}/users", _People(door).show, SCIM)]


class _People(Subject):
    """Handlers of the pages."""

    async def show(self, visit: Visit) -> Response:
        """Show a page of people: all, those of a group, or those that are searched for."""
        directory = await self.directory(visit)
        asked = {name: visit.query(name) for name in ("search", "group")}
        try:
            page = await visit.api.get(
                f"{ONE}/users",
                *self.names(visit),
                page_size=_SHOWN,
                page_token=visit.query("page_token") or None,
                include_detail=True,
                directory_group_id=asked["group"] or None,
                search=asked["search"] or None,
            )
        except errors.InvalidArgument as problem:
            return self.refused(visit, self.path(visit, "users"), problem, {"search": "search"})
        roles, given = await self.roles(visit), roles_of(directory)
        people = page.get("users", ())
        return self.render(
            visit,
            "users.html",
            directory,
            "users",
            people=[_row(one, roles, given) for one in people],
            total=page.get("total_size", 0),
            query={name: value for name, value in asked.items() if value},
            search=asked["search"],
            group=_group(people, asked["group"]),
            next=page.get("next_page_token", ""),
            previous=page.get("prev_page_token", ""),
        )


def _row(person: Any, roles: Roles, given: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return what a row shows of a person; ``given`` are roles by the groups that give them."""
    groups = person.get("groups", ())
    active = person.get("user_detail", {}).get("active") is not False
    held = dict.fromkeys(name for group in groups for name in given.get(group["id"], ()))
    names = [*held] or [roles.default]
    first, last = person.get("given_name", ""), person.get("family_name", "")
    shown = person.get("user_detail", {}).get("displayName") or f"{first} {last}".strip()
    known = (person.get("email", ""), person.get("preferred_username", ""))
    return {
        "id": person["id"],
        "name": shown or next(filter(None, known), person["id"]),
        "known": [one for one in dict.fromkeys(known) if one and one != shown],
        "active": active,
        "groups": [one["display_name"] for one in groups[:_MOST_GROUPS]],
        "more": max(0, len(groups) - _MOST_GROUPS),
        "roles": [roles.shown.get(name, name) for name in names if name] if active else [],
        "is_default": not held,
        "updated_at": person.get("updated_at", ""),
    }


def _group(people: Any, id_: str) -> dict[str, str] | None:
    """Return the group that people are shown of; its name is known by its members."""
    if not id_:
        return None
    found = (group for one in people for group in one.get("groups", ()) if group["id"] == id_)
    return {"id": id_, "name": next((one["display_name"] for one in found), id_)}
