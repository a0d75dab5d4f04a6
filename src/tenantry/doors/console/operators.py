"""Operators: all that may enter the console, for owners to invite, change and remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry import errors
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.identity.operators.model import OWNER, ROLES

if TYPE_CHECKING:
    from tenantry.web import Response

PATH = "/console/operators"
_FIELDS = {"operator.name": "name", "operator.email": "email", "operator.role": "role"}


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    operators = _Operators(door)
    return [
        Page("GET", "/operators", operators.listed),
        Page("POST", "/operators/invite", operators.invite, OWNER),
        Page("GET", "/operators/{id}", operators.show),
        Page("POST", "/operators/{id}/save", operators.save, OWNER),
        Page("POST", "/operators/{id}/link", operators.link, OWNER),
        Page("POST", "/operators/{id}/sign-out", operators.sign_out, OWNER),
        Page("POST", "/operators/{id}/remove", operators.remove, OWNER),
    ]


class _Operators:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List them, with a form to invite one."""
        listed = await visit.api.get("/operators")
        return self._door.render(
            visit,
            "operators",
            "operators/list.html",
            operators=listed.get("operators", []),
            owns=visit.has_role(OWNER),
            roles=_roles(visit),
        )

    async def invite(self, visit: Visit) -> Response:
        """Make one, and show the link this once."""
        given = _given(visit)
        try:
            made = await visit.api.post("/operators", body=given)
        except errors.InvalidArgument as problem:
            return self._door.wrong(visit, problem, PATH, _FIELDS, given)
        except errors.Duplicate as problem:
            return self._door.wrong(visit, problem, PATH, _FIELDS, given)
        return self._linked(visit, made["operator"], made["link"])

    async def show(self, visit: Visit) -> Response:
        """Show one."""
        found = await visit.api.get("/operators/{}", visit.request.params["id"])
        return self._door.render(
            visit,
            "operators",
            "operators/one.html",
            one=found["operator"],
            owns=visit.has_role(OWNER),
            roles=_roles(visit),
        )

    async def save(self, visit: Visit) -> Response:
        """Change name, e-mail address and role."""
        id_, given = visit.request.params["id"], _given(visit)
        path = visit.path("operators", id_)
        try:
            await visit.api.patch("/operators/{}", id_, body=given)
        except errors.Error as problem:
            if isinstance(problem, errors.NotFound):
                raise
            return self._door.wrong(visit, problem, path, _FIELDS, given)
        return self._door.done(path, "operator_saved")

    async def link(self, visit: Visit) -> Response:
        """Show another link, this once."""
        id_ = visit.request.params["id"]
        found = await visit.api.get("/operators/{}", id_)
        made = await visit.api.post("/operators/{}/links", id_)
        return self._linked(visit, found["operator"], made["link"])

    async def sign_out(self, visit: Visit) -> Response:
        """End all sessions of one."""
        id_ = visit.request.params["id"]
        await visit.api.delete("/operators/{}/sessions", id_)
        return self._door.done(visit.path("operators", id_), "operator_signed_out")

    async def remove(self, visit: Visit) -> Response:
        """Remove one."""
        id_ = visit.request.params["id"]
        try:
            await visit.api.delete("/operators/{}", id_)
        except errors.Error as problem:
            if isinstance(problem, errors.NotFound):
                raise
            return self._door.wrong(visit, problem, visit.path("operators", id_))
        return self._door.done(PATH, "operator_removed")

    def _linked(self, visit: Visit, one: dict[str, str], link: str) -> Response:
        return self._door.render(visit, "operators", "operators/link.html", one=one, link=link)


def _given(visit: Visit) -> dict[str, str]:
    form = visit.request.form()
    return {name: form.get(name, "")[:500] for name in ("name", "email", "role")}


def _roles(visit: Visit) -> list[tuple[str, str]]:
    return [(role, visit.words.plain(f"roles_of_operators.{role}")) for role in ROLES[::-1]]
