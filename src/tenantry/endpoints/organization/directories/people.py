"""The people of a directory: whether each is in, in which groups, and with which roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.organization.directories.subject import Subject, roles_of
from tenantry.endpoints.organization.visit import Page
from tenantry.gen.scalekit.v1.directories.directories_pb import ListDirectoryUsersRequest
from tenantry.web.frames.areas import SCIM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protobuf.wkt import Timestamp

    from tenantry.endpoints.organization.directories.subject import Roles
    from tenantry.endpoints.organization.visit import OrganizationSite, Visit
    from tenantry.gen.scalekit.v1.directories.directories_pb import DirectoryUser
    from tenantry.net.http import Response

_SHOWN = 20  # people on a page
_MOST_GROUPS = 3  # of a person that are named


def pages(site: OrganizationSite) -> list[Page]:
    return [Page("GET", "/{id}/users", _People(site).show, SCIM)]


class _People(Subject):
    async def show(self, visit: Visit) -> Response:
        """Show a page of users: all, those of a group, or search results."""
        directory = await self.directory(visit)
        asked = {name: visit.query(name) for name in ("search", "group")}
        organization_id, id_ = self.names(visit)
        request = ListDirectoryUsersRequest(
            organization_id=organization_id,
            directory_id=id_,
            page_size=_SHOWN,
            page_token=visit.query("page_token"),
            include_detail=True,
            directory_group_id=asked["group"] or None,
        )
        try:
            page = await visit.api.directories.list_directory_users(
                request, extra={"search": [asked["search"]]} if asked["search"] else {}
            )
        except errors.InvalidArgument as problem:
            return self.refused(visit, self.path(visit, "users"), problem, {"search": "search"})
        roles, given = await self.roles(visit), roles_of(directory)
        return self.render(
            visit,
            "users.html",
            directory,
            "users",
            people=[_row(one, roles, given) for one in page.users],
            total=page.total_size,
            query={name: value for name, value in asked.items() if value},
            search=asked["search"],
            group=_group(page.users, asked["group"]),
            next=page.next_page_token,
            previous=page.prev_page_token,
        )


@dataclass(frozen=True, slots=True)
class _Row:
    """A person as the page shows them; ``more`` groups are not named."""

    id: str
    name: str
    known: Sequence[str]
    active: bool
    groups: Sequence[str]
    more: int
    roles: Sequence[str]
    is_default: bool
    updated_at: Timestamp | None


def _row(person: DirectoryUser, roles: Roles, given: Mapping[str, list[str]]) -> _Row:
    """Return what a row shows of a person; ``given`` are roles by the groups that give them."""
    detail = person.user_detail.to_python() if person.user_detail else {}
    active = detail.get("active") is not False
    held = dict.fromkeys(name for group in person.groups for name in given.get(group.id, ()))
    names = [*held] or [roles.default]
    shown = detail.get("displayName") or f"{person.given_name} {person.family_name}".strip()
    known = (person.email, person.preferred_username)
    return _Row(
        id=person.id,
        name=str(shown) or next(filter(None, known), person.id),
        known=[one for one in dict.fromkeys(known) if one and one != shown],
        active=active,
        groups=[one.display_name for one in person.groups[:_MOST_GROUPS]],
        more=max(0, len(person.groups) - _MOST_GROUPS),
        roles=[roles.shown.get(name, name) for name in names if name] if active else [],
        is_default=not held,
        updated_at=person.updated_at,
    )


def _group(people: Sequence[DirectoryUser], id_: str) -> dict[str, str] | None:
    """Return the group that people are shown of; its name is known by its members."""
    if not id_:
        return None
    found = (group.display_name for one in people for group in one.groups if group.id == id_)
    return {"id": id_, "name": next(found, id_)}
