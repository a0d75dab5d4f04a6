"""Directories: those of all organizations with how they go, and one with its secrets and groups."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.console import forms, organization_filter
from tenantry.doors.console.visit import Door, Page, Visit

if TYPE_CHECKING:
    from tenantry.web import Response

_FILTERS = ("directory_type", "status", "enabled")
_ONE = "/organizations/{}/directories/{}"


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    directories = _Directories(door)
    root = "/directories/{id}"
    return [
        Page("GET", "/directories", directories.listed),
        Page("GET", root, directories.show),
        Page("POST", f"{root}/enable", directories.enable),
        Page("POST", f"{root}/disable", directories.disable),
        Page("POST", f"{root}/secret", directories.make_secret),
        Page("POST", f"{root}/sync", directories.sync),
        Page("POST", f"{root}/delete", directories.delete),
        Page("GET", f"{root}/requests", directories.requests),
        Page("GET", f"{root}/groups", directories.groups),
        Page("POST", f"{root}/groups/roles", directories.assign_roles),
    ]


class _Directories:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List those of all organizations."""
        narrow = {name: visit.query(name)[:40] for name in _FILTERS}
        query, chosen = visit.query("query").strip(), organization_filter.Chosen()
        if not query.startswith("dir_"):
            chosen = await organization_filter.find(visit, query)
            query = chosen.id
        found: Any = {}
        if not chosen.is_unresolved:
            found = await visit.api.get(
                "/organizations/-/directories",
                query=query or None,
                page_size=30,
                page_token=visit.query("page_token") or None,
                **{name: value or None for name, value in narrow.items()},
            )
        return self._door.render(
            visit,
            "directories",
            "directories/list.html",
            listed=found,
            query=query or chosen.asked,
            chosen=chosen,
            narrow=narrow,
            filters={**narrow, "query": query},
        )

    async def show(self, visit: Visit) -> Response:
        """Show its facts and its secrets."""
        found = await self._get(visit)
        return await self._facts(visit, found)

    async def make_secret(self, visit: Visit) -> Response:
        """Make a secret and show it: on this page, and on no other."""
        found = await self._get(visit)
        answer = await visit.api.post(f"{_ONE}/secrets", *_names(found))
        return await self._facts(visit, found, secret=answer["plain_secret"])

    async def _facts(self, visit: Visit, found: Any, secret: str = "") -> Response:
        answer = await visit.api.get(_ONE, *_names(found))
        return self._tab(visit, "", found, directory=answer["directory"], secret=secret)

    async def enable(self, visit: Visit) -> Response:
        """Let it take pushes, or be polled."""
        return await self._switch(visit, ":enable", "enabled")

    async def disable(self, visit: Visit) -> Response:
        """Let it take nothing."""
        return await self._switch(visit, ":disable", "disabled")

    async def _switch(self, visit: Visit, verb: str, change: str) -> Response:
        found = await self._get(visit)
        call = visit.api.patch(f"{_ONE}{verb}", *_names(found))
        return await forms.send(self._door, visit, call, _path(visit), change)

    async def sync(self, visit: Visit) -> Response:
        """Poll it at once."""
        found = await self._get(visit)
        call = visit.api.get(f"{_ONE}:sync", *_names(found))
        return await forms.send(self._door, visit, call, _path(visit), "synced")

    async def delete(self, visit: Visit) -> Response:
        """Delete it with all that it holds."""
        found = await self._get(visit)
        call = visit.api.delete(_ONE, *_names(found))
        return await forms.send(self._door, visit, call, visit.path("directories"), "deleted")

    async def requests(self, visit: Visit) -> Response:
        """List what its provider has sent."""
        found = await self._get(visit)
        failed = bool(visit.query("failed"))
        listed = await visit.api.get(
            f"{_ONE}/requests",
            *_names(found),
            failed=failed or None,
            page_size=20,
            page_token=visit.query("page_token") or None,
        )
        requests = [
            {**one, "shown": json.dumps(one.get("payload"), indent=2, ensure_ascii=False)}
            for one in listed.get("requests", [])
        ]
        return self._tab(visit, "requests", found, listed=listed, requests=requests, failed=failed)

    async def groups(self, visit: Visit) -> Response:
        """List its groups, with the roles that their members have."""
        found = await self._get(visit)
        names = _names(found)
        listed = await visit.api.get(
            f"{_ONE}/groups", *names, page_size=30, page_token=visit.query("page_token") or None
        )
        directory = (await visit.api.get(_ONE, *names))["directory"]
        roles = await visit.api.get("/organizations/{}/roles", names[0])
        return self._tab(
            visit,
            "groups",
            found,
            listed=listed,
            assigned=_assigned(directory),
            role_choices=[("", "–"), *((r["name"], r["name"]) for r in roles.get("roles", []))],
        )

    async def assign_roles(self, visit: Visit) -> Response:
        """Give the members of a group a role, and no other; the other groups keep theirs."""
        found = await self._get(visit)
        names, form = _names(found), visit.request.form()
        group_id, role = form.get("group_id", ""), form.get("role", "")
        directory = (await visit.api.get(_ONE, *names))["directory"]
        kept = [
            {"group_id": one["group_id"], "role_name": one["role_name"]}
            for one in directory.get("role_assignments", {}).get("assignments", [])
            if one["group_id"] != group_id
        ]
        given = [{"group_id": group_id, "role_name": role}] if role else []
        call = visit.api.put(
            f"{_ONE}/groups/-/roles:assign", *names, body={"assignments": [*kept, *given]}
        )
        return await forms.send(self._door, visit, call, _path(visit, "groups"), "changed")

    async def _get(self, visit: Visit) -> Any:
        """Return the state of the directory that a visit is about, whosever it is."""
        directory_id = visit.request.params["id"]
        answer = await visit.api.get("/organizations/-/directories", query=directory_id)
        for one in answer.get("directories", []):
            if one["id"] == directory_id:
                return one
        raise errors.NotFound("directory")

    def _tab(self, visit: Visit, tab: str, found: Any, **values: Any) -> Response:
        names = ("", "requests", "groups")
        tabs = [
            (_path(visit, one), visit.words.plain(f"tabs.{one or 'general'}"), one == tab)
            for one in names
        ]
        return self._door.render(
            visit,
            "directories",
            f"directories/{tab or 'general'}.html",
            found=found,
            here=_path(visit, tab),
            root=_path(visit),
            tabs=tabs,
            **values,
        )


def _names(found: Any) -> tuple[str, str]:
    return found["organization_id"], found["id"]


def _path(visit: Visit, *segments: str) -> str:
    return visit.path("directories", visit.request.params["id"], *(one for one in segments if one))


def _assigned(directory: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in directory.get("role_assignments", {}).get("assignments", []):
        found.setdefault(one["group_id"], []).append(one["role_name"])
    return found
