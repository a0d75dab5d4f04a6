"""Directories that are read: their service account, their groups, and a sync by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.organization.directories.subject import ONE, POLLED, Subject
from tenantry.doors.organization.visit import Page
from tenantry.pages import uploads
from tenantry.pages.areas import SCIM
from tenantry.pages.problems import Problems

if TYPE_CHECKING:
    from tenantry.doors.organization.visit import Door, Visit
    from tenantry.web import Response

_SHOWN = 20  # groups on a page
_EVERY = "ALL"
_GROUP = "group-"  # before the id of a group that a form shows


def pages(door: Door) -> list[Page]:
    """Return the pages of this part."""
    part = _Polls(door)
    return [
        Page("POST", "/{id}/credentials", part.give_account, SCIM),
        Page("POST", "/{id}/credentials/delete", part.forget_account, SCIM),
        Page("POST", "/{id}/sync", part.sync, SCIM),
        Page("GET", "/{id}/followed", part.show_groups, SCIM),
        Page("POST", "/{id}/followed", part.follow, SCIM),
        Page("POST", "/{id}/followed/all", part.follow_all, SCIM),
    ]


class _Polls(Subject):
    """Handlers of the pages."""

    async def give_account(self, visit: Visit) -> Response:
        """Set the service account: a key file, and in whose name it reads."""
        form = await uploads.read(visit.request)
        email, path = form.members.get("email", "").strip(), self.path(visit)
        given = {"email": email}
        file = form.files.get("key")
        if file is None:
            return self.door.failed(
                visit.request, Problems({"key": "directory.key_needed"}, given), path
            )
        try:
            key = file.content.decode()
        except UnicodeDecodeError:
            return self.door.failed(
                visit.request, Problems({"key": "directory.key_unread"}, given), path
            )
        return await self.changed(
            visit,
            path,
            "directory_account",
            visit.api.put(
                f"{ONE}/credentials",
                *self.names(visit),
                body={"email": email, "service_account_key": key},
            ),
            fields={"service_account_key": "key", "email": "email"},
            given=given,
        )

    async def forget_account(self, visit: Visit) -> Response:
        """Forget the service account."""
        await visit.api.delete(f"{ONE}/credentials", *self.names(visit))
        return self.door.done(self.path(visit), "directory_account_gone")

    async def sync(self, visit: Visit) -> Response:
        """Read it now."""
        call = visit.api.get(f"{ONE}:sync", *self.names(visit))
        return await self.changed(visit, self.path(visit), "directory_sync", call)

    async def show_groups(self, visit: Visit) -> Response:
        """Show the groups of the provider to choose from, and those that are chosen.

        A directory that is pushed to has none such: its own page is shown.
        """
        directory = await self.directory(visit)
        if directory["directory_type"] != POLLED:
            return self.door.redirect(self.path(visit))
        names = self.names(visit)
        poll = await visit.api.get(f"{ONE}/poll", *names)
        said, page = "", {}
        try:
            page = await visit.api.get(
                f"{ONE}/groups",
                *names,
                include_external_groups=True,
                page_size=_SHOWN,
                page_token=visit.query("page_token") or None,
            )
        except errors.InvalidArgument as problem:
            said = problem.message
        followed = {one["external_id"]: _name(one) for one in poll.get("groups", ())}
        shown = [
            (detail["external_id"], _name(detail), detail.get("email", ""))
            for detail in (one["group_detail"] for one in page.get("groups", ()))
        ]
        return self.render(
            visit,
            "followed.html",
            directory,
            "",
            poll=poll.get("poll", {}),
            shown=shown,
            followed=followed,
            elsewhere=_without(followed, {one for one, _, _ in shown}),
            said=said,
            page_token=visit.query("page_token"),
            next=page.get("next_page_token", ""),
        )

    async def follow(self, visit: Visit) -> Response:
        """Choose groups: of those that the form shows the ticked ones, beside all others."""
        form = visit.request.form()
        names = self.names(visit)
        shown = {name.removeprefix("shown-") for name in form if name.startswith("shown-")}
        ticked = {name.removeprefix(_GROUP) for name in form if name.startswith(_GROUP)}
        path = self.path(visit, "followed")
        poll = await visit.api.get(f"{ONE}/poll", *names)
        before = {one["external_id"] for one in poll.get("groups", ())}
        chosen = sorted((before - shown) | ticked)
        if not chosen:
            return self.door.failed(visit.request, Problems({"": "directory.choose_group"}), path)
        token = form.get("page_token", "")
        return await self.changed(
            visit,
            self.path(visit, "followed", page_token=token) if token else path,
            "directory_followed",
            visit.api.put(f"{ONE}/groups:assign", *names, body={"external_ids": chosen}),
        )

    async def follow_all(self, visit: Visit) -> Response:
        """Follow every group of the provider."""
        return await self.changed(
            visit,
            self.path(visit, "followed"),
            "directory_followed",
            visit.api.put(
                f"{ONE}/groups:assign", *self.names(visit), body={"external_ids": [_EVERY]}
            ),
        )


def _name(group: Any) -> str:
    name: str = group.get("display_name") or group.get("email") or group["external_id"]
    return name


def _without(followed: dict[str, str], shown: set[str]) -> dict[str, str]:
    return {id_: name for id_, name in followed.items() if id_ not in shown}
