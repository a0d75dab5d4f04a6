"""Tabs of an organization: its ways in, links into its portal, its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.console import forms
from tenantry.doors.console.organizations import one
from tenantry.doors.console.visit import Door, Page, Visit

if TYPE_CHECKING:
    from tenantry.web import Response

_UNITS = ("MINUTES", "HOURS", "DAYS")


def pages(door: Door) -> list[Page]:
    """Return the pages of these tabs."""
    tabs = _Belongings(door)
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


class _Belongings:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def connections(self, visit: Visit) -> Response:
        """List its connections."""
        organization = await one.get(visit)
        found = await visit.api.get(
            "/connections", organization_id=organization["id"], include="all"
        )
        return one.render(
            self._door, visit, "connections", organization, connections=found.get("connections", [])
        )

    async def create_connection(self, visit: Visit) -> Response:
        """Make a connection, which the admin portal or the API then fills in."""
        form = visit.request.form()
        given = {name: form.get(name, "") for name in ("provider", "type")}
        call = visit.api.post(
            "/organizations/{}/connections", visit.request.params["id"], body=given
        )
        path = one.path_of(visit, "connections")
        return await forms.send(self._door, visit, call, path, "created", given=given)

    async def directories(self, visit: Visit) -> Response:
        """List its directories."""
        organization = await one.get(visit)
        found = await visit.api.get(
            "/organizations/-/directories", query=organization["id"], page_size=30
        )
        return one.render(
            self._door, visit, "directories", organization, directories=found.get("directories", [])
        )

    async def create_directory(self, visit: Visit) -> Response:
        """Make a directory."""
        form = visit.request.form()
        body = {
            "directory_type": form.get("directory_type", ""),
            "directory_provider": form.get("directory_provider", ""),
        }
        call = visit.api.post(
            "/organizations/{}/directories", visit.request.params["id"], body=body
        )
        path = one.path_of(visit, "directories")
        return await forms.send(self._door, visit, call, path, "created", given=body)

    async def domains(self, visit: Visit) -> Response:
        """List its domains."""
        organization = await one.get(visit)
        found = await visit.api.get("/organizations/{}/domains", organization["id"], page_size=30)
        return one.render(
            self._door, visit, "domains", organization, domains=found.get("domains", [])
        )

    async def create_domain(self, visit: Visit) -> Response:
        """Give it a domain."""
        form = visit.request.form()
        given = {"domain": form.get("domain", "").strip()}
        body = given | {"domain_type": form.get("domain_type", "")}
        call = visit.api.post("/organizations/{}/domains", visit.request.params["id"], body=body)
        return await forms.send(
            self._door,
            visit,
            call,
            one.path_of(visit, "domains"),
            "created",
            fields={"domain.domain": "domain", "domain": "domain"},
            given=given,
        )

    async def verify_domain(self, visit: Visit) -> Response:
        """Look for its record at once."""
        params = visit.request.params
        path = one.path_of(visit, "domains")
        try:
            found = await visit.api.patch(
                "/organizations/{}/domains/{}:verify", params["id"], params["domain_id"]
            )
        except errors.InvalidArgument as problem:
            return self._door.wrong(visit, problem, path)
        return self._door.done(path, "verified" if found.get("verified") else "unverified")

    async def delete_domain(self, visit: Visit) -> Response:
        """Take a domain from it."""
        params = visit.request.params
        call = visit.api.delete("/organizations/{}/domains/{}", params["id"], params["domain_id"])
        return await forms.send(self._door, visit, call, one.path_of(visit, "domains"), "deleted")

    async def session_policy(self, visit: Visit) -> Response:
        """Show for how long its people stay signed in."""
        organization = await one.get(visit)
        found = await visit.api.get("/organizations/{}/session-policy", organization["id"])
        ours = await visit.api.get(
            "/organizations/{}/application-session-policy", organization["id"]
        )
        return one.render(
            self._door,
            visit,
            "session-policy",
            organization,
            policy=found.get("policy", {}),
            application=ours.get("application_policy", {}),
            unit_choices=[
                (unit, visit.words.plain(f"constants.{unit.lower()}")) for unit in _UNITS
            ],
        )

    async def change_session_policy(self, visit: Visit) -> Response:
        """Change it, or take the application's."""
        form = visit.request.form()
        body: dict[str, object] = {"policy_source": form.get("policy_source", "")}
        path = one.path_of(visit, "session-policy")
        if body["policy_source"] == "CUSTOM":
            for name in ("absolute_session_timeout", "idle_session_timeout"):
                typed = form.get(name, "").strip()
                if typed.isascii() and typed.isdecimal() and len(typed) < 10:
                    body[name] = int(typed)
                elif typed:
                    problem = errors.InvalidArgument.field(name, "number", "must be a number")
                    return self._door.wrong(visit, problem, path, {name: name}, form)
                body[f"{name}_unit"] = form.get(f"{name}_unit", _UNITS[0])
            body["idle_session_timeout_enabled"] = "idle_session_timeout_enabled" in form
        call = visit.api.patch(
            "/organizations/{}/session-policy", visit.request.params["id"], body=body
        )
        names = ("absolute_session_timeout", "idle_session_timeout")
        return await forms.send(
            self._door, visit, call, path, "changed", fields={n: n for n in names}, given=form
        )

    async def portal_links(self, visit: Visit) -> Response:
        """Show how a link is made, and which are good."""
        organization = await one.get(visit)
        return await self._links(visit, organization)

    async def create_portal_link(self, visit: Visit) -> Response:
        """Make a link and show it: on this page, and on no other."""
        organization = await one.get(visit)
        answer = await visit.api.put(
            "/organizations/{}/portal_links",
            organization["id"],
            shareable="shareable" in visit.request.form() or None,
        )
        return await self._links(visit, organization, link=answer["link"])

    async def _links(self, visit: Visit, organization: dict[str, str], **link: Any) -> Response:
        found: dict[str, list[object]] = {}
        if visit.writes:  # a link is a secret, which readers do not see
            found = await visit.api.get("/organizations/{}/portal_links", organization["id"])
        values: dict[str, Any] = {"link": None, **link}
        return one.render(
            self._door,
            visit,
            "portal-links",
            organization,
            links=found.get("links", []),
            **values,
        )

    async def delete_portal_links(self, visit: Visit) -> Response:
        """Make all of its links void."""
        call = visit.api.delete("/organizations/{}/portal_links", visit.request.params["id"])
        path = one.path_of(visit, "portal-links")
        return await forms.send(self._door, visit, call, path, "deleted")

    async def events(self, visit: Visit) -> Response:
        """List its events, the newest first."""
        organization = await one.get(visit)
        found = await visit.api.post(
            "/events/paginated",
            body={"organization_id": organization["id"]},
            page_size=20,
            page_token=visit.query("page_token") or None,
        )
        return one.render(self._door, visit, "events", organization, listed=found)
