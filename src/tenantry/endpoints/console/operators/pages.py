"""Operators: all that may enter the console, for owners to invite, change and remove."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.console import sorting
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.tenantry.v1.operators_pb import (
    CreateOperatorLinkRequest,
    DeleteOperatorRequest,
    GetOperatorRequest,
    InviteOperatorRequest,
    ListOperatorsRequest,
    Operator,
    RevokeOperatorSessionsRequest,
    UpdateOperatorRequest,
)
from tenantry.identity.operators.model import OWNER, ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from protobuf.wkt import Timestamp

    from tenantry.net.http import Response

PATH = "/console/operators"
_FIELDS = {"operator.name": "name", "operator.email": "email", "operator.role": "role"}

_COLUMNS: Mapping[str, Callable[[Operator], tuple[str | int, ...]]] = {
    "created": lambda one: (one.id,),
    "name": lambda one: ((one.name or one.email or "").casefold(), one.id),
    "role": lambda one: (one.role or "", one.id),
    "signed-in": lambda one: (_seconds(one.last_sign_in_time), one.id),
}


def pages(site: ConsoleSite) -> list[Page]:
    operators = _Operators(site)
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
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List them, with a form to invite one."""
        listed = await visit.api.operators.list_operators(ListOperatorsRequest())
        order, rows = sorting.whole(visit, visit.path("operators"), listed.operators, _COLUMNS)
        return self._site.render(
            visit,
            "operators",
            "operators/list.html",
            operators=rows,
            order=order,
            owns=visit.has_role(OWNER),
            roles=_roles(visit),
        )

    async def invite(self, visit: Visit) -> Response:
        """Make one, and show the link this once."""
        given = _given(visit)
        try:
            made = await visit.api.operators.invite_operator(
                InviteOperatorRequest(operator=_operator(given))
            )
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, PATH, _FIELDS, given)
        except errors.Duplicate as problem:
            return self._site.wrong(visit, problem, PATH, _FIELDS, given)
        return self._linked(visit, made.operator, made.link)

    async def show(self, visit: Visit) -> Response:
        request = GetOperatorRequest(operator_id=visit.request.params["id"])
        found = await visit.api.operators.get_operator(request)
        return self._site.render(
            visit,
            "operators",
            "operators/one.html",
            one=found.operator,
            owns=visit.has_role(OWNER),
            roles=_roles(visit),
        )

    async def save(self, visit: Visit) -> Response:
        """Change name, e-mail address and role."""
        id_, given = visit.request.params["id"], _given(visit)
        path = visit.path("operators", id_)
        try:
            await visit.api.operators.update_operator(
                UpdateOperatorRequest(operator_id=id_, operator=_operator(given))
            )
        except errors.Error as problem:
            if isinstance(problem, errors.NotFound):
                raise
            return self._site.wrong(visit, problem, path, _FIELDS, given)
        return self._site.done(path, "operator_saved")

    async def link(self, visit: Visit) -> Response:
        """Show another link, this once."""
        id_ = visit.request.params["id"]
        operators = visit.api.operators
        found = await operators.get_operator(GetOperatorRequest(operator_id=id_))
        made = await operators.create_operator_link(CreateOperatorLinkRequest(operator_id=id_))
        return self._linked(visit, found.operator, made.link)

    async def sign_out(self, visit: Visit) -> Response:
        """End all sessions of one."""
        id_ = visit.request.params["id"]
        request = RevokeOperatorSessionsRequest(operator_id=id_)
        await visit.api.operators.revoke_operator_sessions(request)
        return self._site.done(visit.path("operators", id_), "operator_signed_out")

    async def remove(self, visit: Visit) -> Response:
        id_ = visit.request.params["id"]
        try:
            await visit.api.operators.delete_operator(DeleteOperatorRequest(operator_id=id_))
        except errors.Error as problem:
            if isinstance(problem, errors.NotFound):
                raise
            return self._site.wrong(visit, problem, visit.path("operators", id_))
        return self._site.done(PATH, "operator_removed", visit.request.form().get("of", ""))

    def _linked(self, visit: Visit, one: Operator | None, link: str) -> Response:
        return self._site.render(visit, "operators", "operators/link.html", one=one, link=link)


def _given(visit: Visit) -> dict[str, str]:
    form = visit.request.form()
    return {name: form.get(name, "")[:500] for name in ("name", "email", "role")}


def _operator(given: Mapping[str, str]) -> Operator:
    return Operator(name=given["name"], email=given["email"], role=given["role"])


def _roles(visit: Visit) -> list[tuple[str, str]]:
    return [(role, visit.words.plain(f"roles_of_operators.{role}")) for role in ROLES[::-1]]


def _seconds(time: Timestamp | None) -> int:
    return time.seconds if time else 0
