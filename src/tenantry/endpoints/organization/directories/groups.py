"""The groups of a directory, and which role the members of each have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.organization.directories.subject import Subject, roles_of
from tenantry.endpoints.organization.visit import Page
from tenantry.gen.scalekit.v1.directories.directories_pb import (
    AssignRolesRequest,
    ListDirectoryGroupsRequest,
    RoleAssignment,
    RoleAssignments,
)
from tenantry.web.frames.areas import SCIM

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.endpoints.organization.directories.subject import Roles
    from tenantry.endpoints.organization.visit import OrganizationSite, Visit
    from tenantry.gen.scalekit.v1.directories.directories_pb import DirectoryGroup
    from tenantry.net.http import Response

_FEWEST, _MOST = 5, 20  # groups on a page
_CHOICES = 600  # options of all lists of one page
KEPT = "*"  # the choice of a group that gives several roles: which name no role has
_ROLE, _WAS = "role-", "was-"  # before the id of a group: the choice, and the one before


def pages(site: OrganizationSite) -> list[Page]:
    part = _Groups(site)
    return [
        Page("GET", "/{id}/groups", part.show, SCIM),
        Page("POST", "/{id}/groups", part.assign, SCIM),
    ]


class _Groups(Subject):
    async def show(self, visit: Visit) -> Response:
        """Show a page of groups: all, or those that are searched for."""
        directory = await self.directory(visit)
        roles, given = await self.roles(visit), roles_of(directory)
        search, (organization_id, id_) = visit.query("search"), self.names(visit)
        request = ListDirectoryGroupsRequest(
            organization_id=organization_id,
            directory_id=id_,
            page_size=max(_FEWEST, min(_MOST, _CHOICES // (len(roles.shown) + 1))),
            page_token=visit.query("page_token"),
        )
        try:
            page = await visit.api.directories.list_directory_groups(
                request, extra={"search": [search]} if search else {}
            )
        except errors.InvalidArgument as problem:
            return self.refused(visit, self.path(visit, "groups"), problem, {"search": "search"})
        return self.render(
            visit,
            "groups.html",
            directory,
            "groups",
            groups=[_row(one, given.get(one.id, []), roles) for one in page.groups],
            roles={name: roles.shown[name] for name in roles.shown if name in roles.grantable},
            default=roles.shown.get(roles.default, roles.default),
            kept=KEPT,
            total=page.total_size,
            query={"search": search} if search else {},
            search=search,
            page_token=visit.query("page_token"),
            next=page.next_page_token,
            previous=page.prev_page_token,
        )

    async def assign(self, visit: Visit) -> Response:
        """Give the groups of a page the roles that were chosen, and leave all others alone."""
        form = visit.request.form()
        members = {name: form[name] for name in ("search", "page_token") if form.get(name)}
        path = self.path(visit, "groups", **members)
        changed = _changed(form)
        given = roles_of(await self.directory(visit))
        after = {
            **{group: names for group, names in given.items() if group not in changed},
            **{group: [name] for group, name in changed.items() if name},
        }
        assignments = [
            RoleAssignment(group_id=group, role_name=name)
            for group in after
            for name in after[group]
        ]
        organization_id, id_ = self.names(visit)
        request = AssignRolesRequest(
            organization_id=organization_id,
            id=id_,
            role_assignments=RoleAssignments(assignments=assignments),
        )
        call = visit.api.directories.assign_roles(request)
        return await self.changed(visit, path, "directory_roles", call)


def _row(
    group: DirectoryGroup, held: Sequence[str], roles: Roles
) -> tuple[DirectoryGroup, str, list[str], bool]:
    """Return a group with the choice that is shown for it, and its roles' names for people.

    The last member says whether the visitor may take these roles from it.
    """
    chosen = KEPT if len(held) > 1 else next(iter(held), "")
    shown = [roles.shown.get(name, name) for name in held]
    return group, chosen, shown, roles.grantable.issuperset(held)


def _changed(form: Mapping[str, str]) -> dict[str, str]:
    """Return the roles that groups are to have, "" for none, where that is another than before."""
    chosen = {
        name.removeprefix(_ROLE): role for name, role in form.items() if name.startswith(_ROLE)
    }
    return {
        group: role
        for group, role in chosen.items()
        if role != KEPT and role != form.get(f"{_WAS}{group}")
    }
