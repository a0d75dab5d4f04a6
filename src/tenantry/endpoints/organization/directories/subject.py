"""The base of all pages of directories: the calls for one, its tabs, refusals of forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.api import descriptors
from tenantry.core import errors
from tenantry.endpoints.organization.directories import states
from tenantry.gen.scalekit.v1.directories.directories_pb import (
    DirectoryType,
    GetDirectoryRequest,
)
from tenantry.tenants.directories import guides
from tenantry.tenants.memberships import grantable_roles
from tenantry.tenants.roles import listing as roles
from tenantry.web.forms.problems import Problems
from tenantry.web.frames.areas import SCIM

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from tenantry.endpoints.organization.visit import OrganizationSite, Visit
    from tenantry.gen.scalekit.v1.directories.directories_pb import Directory
    from tenantry.gen.tenantry.v1.directory_polling_pb import DirectoryPoll
    from tenantry.net.http import Response
    from tenantry.tenants.directories.guides import Guide

# Tabs: the last segment of the address, and the key of the name.
_TABS = (
    ("", "directory.set_up"),
    ("users", "directory.users"),
    ("groups", "directory.groups"),
    ("requests", "directory.requests"),
)
_REFUSALS = (errors.InvalidArgument, errors.PermissionDenied, errors.PreconditionFailed)
# Violations that say which object is meant, and no field of a form.
_OF_OBJECT = {"directory_id", "organization_id", "id"}


@dataclass(frozen=True, slots=True)
class Roles:
    """The roles of an organization: their names for people, by the names that programs use."""

    shown: Mapping[str, str]
    grantable: frozenset[str]  # names of those that the visitor may assign to groups
    default: str  # which members get when none is named; "" for none


class Subject:
    """The base of the handlers."""

    def __init__(self, site: OrganizationSite) -> None:
        self.site = site

    async def directory(self, visit: Visit) -> Directory:
        """Return the directory of an address, as the API shows it."""
        organization_id, id_ = self.names(visit)
        request = GetDirectoryRequest(organization_id=organization_id, id=id_)
        answer = await visit.api.directories.get_directory(request)
        assert answer.directory is not None
        return answer.directory

    def names(self, visit: Visit) -> tuple[str, str]:
        """Return the ids of the organization and of the directory of an address."""
        return visit.organization.id, visit.request.params["id"]

    def path(self, visit: Visit, *segments: str, **query: str) -> str:
        """Return the address of a page of the directory."""
        return visit.path(SCIM, visit.request.params["id"], *segments, **query)

    def render(
        self,
        visit: Visit,
        template: str,
        directory: Directory,
        tab: str,
        *,
        poll: DirectoryPoll | None = None,
        **values: Any,
    ) -> Response:
        """Return a page of a directory, one of its tabs or a page below one."""
        tabs = [
            (
                self.path(visit, *((segment,) if segment else ())),
                visit.words.plain(key),
                segment == tab,
            )
            for segment, key in _TABS
        ]
        return self.site.render(
            visit,
            SCIM,
            f"directories/{template}",
            directory=directory,
            guide=guide_of(directory, visit.words.language),
            poll=poll,
            state=states.state(directory, poll.error if poll else ""),
            tabs=tabs,
            here=self.path(visit),
            manages=visit.manages(SCIM),
            is_polled=directory.directory_type is DirectoryType.POLL,
            **values,
        )

    async def changed(
        self,
        visit: Visit,
        path: str,
        change: str,
        call: Awaitable[object],
        *,
        fields: Mapping[str, str] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        """Make a call, and return the redirect to the page that tells of it, or of its refusal.

        ``fields`` are ids of the form's fields by the paths that the API names.
        """
        try:
            await call
        except _REFUSALS as problem:
            return self.refused(visit, path, problem, fields, given)
        return self.site.done(path, change)

    def refused(
        self,
        visit: Visit,
        path: str,
        problem: errors.Error,
        fields: Mapping[str, str] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        """Return the redirect to the page of a form, with what the API says of it.

        It is said beside the first field that the API names, and at the top where the form has
        none such.
        """
        place, said = "", problem.message
        for violation in problem.violations:
            found = (fields or {}).get(violation.field)
            if found is not None:
                place, said = found, violation.description
                break
            if violation.field in _OF_OBJECT:
                said = violation.description
        problems = Problems({place: "directory.refused"}, {**(given or {}), "": said})
        return self.site.failed(visit.request, problems, path)

    async def roles(self, visit: Visit) -> Roles:
        """Return the roles of the organization.

        Read from its package and not through the API, for whom directories are may not read all
        else of the organization.
        """
        organization_id = visit.organization.id
        found = await roles.list_all(visit.call, organization_id, roles.Include.ALL)
        own = await grantable_roles.of_caller(visit.call, visit.call.db, organization_id)
        return Roles(
            {one.role.name: one.role.display_name for one in found},
            frozenset(one.role.name for one in found if one.held() in own),
            next((one.role.name for one in found if one.role.default_member), ""),
        )


def guide_of(directory: Directory, language: str) -> Guide:
    """Return the guide for the provider of a directory; one that has none is any."""
    provider = descriptors.enum_name(directory.directory_provider)
    kind = descriptors.enum_name(directory.directory_type)
    all_ = guides.guides(language)
    found = (one for one in all_ if one.provider == provider and one.type == kind)
    return next(found, all_[-1])


def roles_of(directory: Directory) -> dict[str, list[str]]:
    """Return the names of the roles that each group of a directory gives, by the group's id."""
    found: dict[str, list[str]] = {}
    given = directory.role_assignments
    for one in given.assignments if given else ():
        found.setdefault(one.group_id, []).append(one.role_name)
    return found
