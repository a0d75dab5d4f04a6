"""Tabs of an organization: its ways in, links into its portal, its events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from protobuf import Oneof
from protobuf.wkt import BoolValue, Int32Value

from tenantry.api.descriptors import enum_name
from tenantry.core import errors
from tenantry.endpoints.console import forms, names
from tenantry.endpoints.console.organizations import organization_page
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.commons.commons_pb import TimeUnit
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    ConnectionProvider,
    ConnectionType,
    CreateConnection,
    CreateConnectionRequest,
    ListConnectionsRequest,
)
from tenantry.gen.scalekit.v1.directories.directories_pb import (
    CreateDirectory,
    CreateDirectoryRequest,
    DirectoryProvider,
    DirectoryType,
)
from tenantry.gen.scalekit.v1.domains.domains_pb import (
    CreateDomain,
    CreateDomainRequest,
    DeleteDomainRequest,
    DomainType,
    ListDomainRequest,
    VerifyDomainRequest,
)
from tenantry.gen.scalekit.v1.organizations.organizations_pb import (
    DeletePortalLinkRequest,
    GeneratePortalLinkRequest,
    GetApplicationSessionPolicyRequest,
    GetOrganizationSessionPolicyRequest,
    GetPortalLinkRequest,
    GetPortalLinksResponse,
    SessionPolicyType,
    UpdateOrganizationSessionPolicyRequest,
)
from tenantry.gen.tenantry.v1.event_records_pb import SearchEventsRequest
from tenantry.gen.tenantry.v1.states_pb import ListDirectoryStatesRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.gen.scalekit.v1.organizations.organizations_pb import Link, Organization
    from tenantry.net.http import Response

_UNITS = ("MINUTES", "HOURS", "DAYS")
_TIMEOUTS = ("absolute_session_timeout", "idle_session_timeout")


def pages(site: ConsoleSite) -> list[Page]:
    """Return the pages of these tabs."""
    tabs = _Tabs(site)
    root = "/organizations/{id}"
    return [
        Page("GET", f"{root}/connections", tabs.connections),
        Page("POST", f"{root}/connections/create", tabs.create_connection),
        Page("GET", f"{root}/directories", tabs.directories),
        Page("POST", f"{root}/directories/create", tabs.create_directory),
        Page("GET", f"{root}/domains", tabs.domains),
        Page("POST", f"{root}/domains/create", tabs.create_domain),
        Page("POST", f"{root}/domains/{{domain_id}}/verify", tabs.verify_domain),
        Page("POST", f"{root}/domains/{{domain_id}}/delete", tabs.delete_domain),
        Page("GET", f"{root}/session-policy", tabs.session_policy),
        Page("POST", f"{root}/session-policy/update", tabs.change_session_policy),
        Page("GET", f"{root}/portal-links", tabs.portal_links),
        Page("POST", f"{root}/portal-links/create", tabs.create_portal_link),
        Page("POST", f"{root}/portal-links/delete", tabs.delete_portal_links),
        Page("GET", f"{root}/events", tabs.events),
    ]


class _Tabs:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def connections(self, visit: Visit) -> Response:
        """List its connections."""
        organization = await organization_page.get(visit)
        found = await visit.api.connections.list_connections(
            ListConnectionsRequest(organization_id=organization.id, include="all")
        )
        return organization_page.render(
            self._site, visit, "connections", organization, connections=found.connections
        )

    async def create_connection(self, visit: Visit) -> Response:
        """Make a connection, which the admin portal or the API then fills in."""
        form = visit.request.form()
        given = {name: form.get(name, "") for name in ("provider", "type")}
        path = organization_page.path_of(visit, "connections")
        try:
            connection = CreateConnection(
                provider=forms.constant(
                    ConnectionProvider, given["provider"], "connection.provider"
                ),
                type=forms.constant(ConnectionType, given["type"], "connection.type"),
            )
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, path, given=given)
        call = visit.api.connections.create_connection(
            CreateConnectionRequest(
                organization_id=visit.request.params["id"], connection=connection
            )
        )
        return await forms.send(self._site, visit, call, path, "created", given=given)

    async def directories(self, visit: Visit) -> Response:
        """List its directories."""
        organization = await organization_page.get(visit)
        found = await visit.api.states.list_directory_states(
            ListDirectoryStatesRequest(query=organization.id, page_size=30)
        )
        return organization_page.render(
            self._site, visit, "directories", organization, directories=found.directories
        )

    async def create_directory(self, visit: Visit) -> Response:
        form = visit.request.form()
        given = {name: form.get(name, "") for name in ("directory_type", "directory_provider")}
        path = organization_page.path_of(visit, "directories")
        try:
            directory = CreateDirectory(
                directory_type=forms.constant(
                    DirectoryType, given["directory_type"], "directory.directory_type"
                ),
                directory_provider=forms.constant(
                    DirectoryProvider, given["directory_provider"], "directory.directory_provider"
                ),
            )
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, path, given=given)
        call = visit.api.directories.create_directory(
            CreateDirectoryRequest(organization_id=visit.request.params["id"], directory=directory)
        )
        return await forms.send(self._site, visit, call, path, "created", given=given)

    async def domains(self, visit: Visit) -> Response:
        """List its domains."""
        organization = await organization_page.get(visit)
        found = await visit.api.domains.list_domains(
            ListDomainRequest(identities=_owner(organization.id), page_size=Int32Value(value=30))
        )
        return organization_page.render(
            self._site, visit, "domains", organization, domains=found.domains
        )

    async def create_domain(self, visit: Visit) -> Response:
        """Give it a domain."""
        form = visit.request.form()
        given, path = (
            {"domain": form.get("domain", "").strip()},
            organization_page.path_of(visit, "domains"),
        )
        try:
            domain_type = forms.constant(
                DomainType, form.get("domain_type", ""), "domain.domain_type"
            )
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, path, given=given)
        request = CreateDomainRequest(
            identities=_owner(visit.request.params["id"]),
            domain=CreateDomain(domain=given["domain"], domain_type=domain_type),
        )
        return await forms.send(
            self._site,
            visit,
            visit.api.domains.create_domain(request),
            path,
            "created",
            name=given["domain"],
            fields={"domain.domain": "domain", "domain": "domain"},
            given=given,
        )

    async def verify_domain(self, visit: Visit) -> Response:
        """Look for its record at once."""
        params = visit.request.params
        path = organization_page.path_of(visit, "domains")
        try:
            found = await visit.api.domains.verify_domain(
                VerifyDomainRequest(identities=_owner(params["id"]), id=params["domain_id"])
            )
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, path)
        return self._site.done(path, "verified" if found.verified else "unverified")

    async def delete_domain(self, visit: Visit) -> Response:
        """Take a domain from it."""
        params = visit.request.params
        request = DeleteDomainRequest(identities=_owner(params["id"]), id=params["domain_id"])
        call = visit.api.domains.delete_domain(request)
        return await forms.send(
            self._site, visit, call, organization_page.path_of(visit, "domains"), "deleted"
        )

    async def session_policy(self, visit: Visit) -> Response:
        """Show for how long its people stay signed in."""
        organization = await organization_page.get(visit)
        found = await visit.api.organizations.get_organization_session_policy(
            GetOrganizationSessionPolicyRequest(organization_id=organization.id)
        )
        ours = await visit.api.organizations.get_application_session_policy(
            GetApplicationSessionPolicyRequest(organization_id=organization.id)
        )
        policy, application = found.policy, ours.application_policy
        assert policy is not None
        assert application is not None
        enabled = policy.idle_session_timeout_enabled
        return organization_page.render(
            self._site,
            visit,
            "session-policy",
            organization,
            source=enum_name(policy.policy_source),
            absolute=_Timeout.of(
                policy.absolute_session_timeout,
                policy.absolute_session_timeout_unit,
                application.absolute_session_timeout,
                application.absolute_session_timeout_unit,
            ),
            idle=_Timeout.of(
                policy.idle_session_timeout,
                policy.idle_session_timeout_unit,
                application.idle_session_timeout,
                application.idle_session_timeout_unit,
            ),
            own_idle_enabled=bool(enabled and enabled.value),
            idle_enabled=enabled.value if enabled else application.idle_session_timeout_enabled,
            unit_choices=[
                (unit, visit.words.plain(f"constants.{unit.lower()}")) for unit in _UNITS
            ],
        )

    async def change_session_policy(self, visit: Visit) -> Response:
        """Change it, or take the application's."""
        form, path = visit.request.form(), organization_page.path_of(visit, "session-policy")
        fields = {name: name for name in _TIMEOUTS}
        try:
            request = _policy(form)
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, path, fields, form)
        request.organization_id = visit.request.params["id"]
        call = visit.api.organizations.update_organization_session_policy(request)
        return await forms.send(self._site, visit, call, path, "changed", fields=fields, given=form)

    async def portal_links(self, visit: Visit) -> Response:
        """Show how a link is made, and which are good."""
        organization = await organization_page.get(visit)
        return await self._links(visit, organization)

    async def create_portal_link(self, visit: Visit) -> Response:
        """Make a link and show it: on this page, and on no other."""
        organization = await organization_page.get(visit)
        made = await visit.api.organizations.generate_portal_link(
            GeneratePortalLinkRequest(id=organization.id),
            extra={"shareable": ["true"]} if "shareable" in visit.request.form() else {},
        )
        return await self._links(visit, organization, made.link)

    async def _links(
        self, visit: Visit, organization: Organization, link: Link | None = None
    ) -> Response:
        found = GetPortalLinksResponse()
        if visit.writes:  # a link is a secret, which readers do not see
            found = await visit.api.organizations.get_portal_links(
                GetPortalLinkRequest(id=organization.id)
            )
        return organization_page.render(
            self._site, visit, "portal-links", organization, links=found.links, link=link
        )

    async def delete_portal_links(self, visit: Visit) -> Response:
        """Make all of its links void."""
        request = DeletePortalLinkRequest(id=visit.request.params["id"])
        call = visit.api.organizations.delete_portal_link(request)
        path = organization_page.path_of(visit, "portal-links")
        return await forms.send(self._site, visit, call, path, "deleted")

    async def events(self, visit: Visit) -> Response:
        """List its events, the newest first."""
        organization = await organization_page.get(visit)
        found = await visit.api.event_records.search_events(
            SearchEventsRequest(
                organization_id=organization.id, page_size=20, page_token=visit.query("page_token")
            )
        )
        named = await names.of_rows(visit, found.events, "object_id", "actor_id")
        return organization_page.render(
            self._site, visit, "events", organization, names=named, listed=found
        )


@dataclass(frozen=True, slots=True)
class _Timeout:
    """A timeout of an organization: what it says itself, and what applies.

    A number is 0, and a unit "", where the organization says nothing.
    """

    own_number: int
    own_unit: str
    number: int
    unit: str

    @classmethod
    def of(
        cls, own: Int32Value | None, own_unit: TimeUnit, number: int, unit: TimeUnit
    ) -> _Timeout:
        """Return the timeout that a policy has, beside that of the application."""
        own_number = own.value if own is not None else 0
        return cls(
            own_number,
            enum_name(own_unit) if own_unit else "",
            own_number or number,
            enum_name(own_unit or unit) if own_unit or unit else _UNITS[0],
        )


def _policy(form: Mapping[str, str]) -> UpdateOrganizationSessionPolicyRequest:
    """Return the policy that a form describes."""
    source = form.get("policy_source", "")
    request = UpdateOrganizationSessionPolicyRequest(
        policy_source=forms.constant(SessionPolicyType, source, "policy_source")
    )
    if request.policy_source is SessionPolicyType.CUSTOM:
        absolute, idle = (_number(form, name) for name in _TIMEOUTS)
        request.absolute_session_timeout, request.idle_session_timeout = absolute, idle
        absolute_unit, idle_unit = (_unit(form, f"{name}_unit") for name in _TIMEOUTS)
        request.absolute_session_timeout_unit = absolute_unit
        request.idle_session_timeout_unit = idle_unit
        is_enabled = "idle_session_timeout_enabled" in form
        request.idle_session_timeout_enabled = BoolValue(value=is_enabled)
    return request


def _number(form: Mapping[str, str], name: str) -> Int32Value | None:
    typed = form.get(name, "").strip()
    if not typed:
        return None
    if not (typed.isascii() and typed.isdecimal() and len(typed) < 10):
        raise errors.InvalidArgument.field(name, "number", "must be a number")
    return Int32Value(value=int(typed))


def _unit(form: Mapping[str, str], name: str) -> TimeUnit:
    return forms.constant(TimeUnit, form.get(name, _UNITS[0]), name)


def _owner(organization_id: str) -> Oneof[Literal["organization_id"], str]:
    return Oneof("organization_id", organization_id)
