"""The log of sign-ins: all of them, and one with its steps, evidence and remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.console import organization_filter
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.identity.connections.guides import explanations

if TYPE_CHECKING:
    from tenantry.web import Response

_FILTERS = ("email", "organization_id", "connection_id", "client_id", "status", "method", "error")
STATUSES = ("", "INITIATED", "PENDING", "SUCCESS", "FAILED")
METHODS = ("", "SAML", "OIDC", "OAUTH", "PASSWORD", "PASSWORDLESS", "PASSKEY", "TOTP", "SESSION")
_SHOWN = 30


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    sign_ins = _SignIns(door)
    return [
        Page("GET", "/sign-ins", sign_ins.listed),
        Page("GET", "/sign-ins/{id}", sign_ins.show),
    ]


class _SignIns:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List those that a filter lets through, or show what an id finds."""
        asked = visit.query("query").strip()[:600]
        if asked.startswith("areq_"):
            return self._door.redirect(visit.path("sign-ins", asked))
        if asked.startswith("req_"):
            return self._door.redirect(visit.path("events", request_id=asked))
        error = await _error(visit, asked) if asked.startswith("err_") else None
        query = {name: visit.query(name).strip() for name in _FILTERS}
        if "@" in asked:
            query["email"] = asked
        query = {name: value for name, value in query.items() if value}
        chosen = await organization_filter.find(visit, query.get("organization_id", ""))
        if chosen.id:
            query["organization_id"] = chosen.id
        listed: Any = {}
        if not chosen.is_unresolved:
            listed = await visit.api.get(
                "/logs/authentication/sign-ins",
                page_size=_SHOWN,
                page_token=visit.query("page_token") or None,
                **query,
            )
        return self._door.render(
            visit,
            "sign-ins",
            "sign_ins/list.html",
            listed=listed,
            query=query,
            chosen=chosen,
            asked_for=asked,
            error=error,
            statuses=STATUSES,
            methods=METHODS,
        )

    async def show(self, visit: Visit) -> Response:
        """Show one."""
        found = await visit.api.get("/logs/authentication/requests/{}", visit.request.params["id"])
        sign_in = found["sign_in"]
        error, said = sign_in.get("error"), None
        if error:
            said = explanations.say(
                visit.words.language, error["error"], error.get("error_description", "")
            )
        evidence = sign_in.get("evidence") or {}
        return self._door.render(
            visit,
            "sign-ins",
            "sign_ins/one.html",
            sign_in=sign_in,
            said=said,
            evidence={
                name: ", ".join(value) if isinstance(value, list) else value
                for name, value in evidence.items()
                if value
            },
        )


async def _error(visit: Visit, error_id: str) -> explanations.Said | None:
    """Return what an error's id says; nothing where it is over, or was never issued."""
    try:
        found = await visit.api.get("/errors/{}", error_id)
    except errors.Error:
        return None
    return explanations.say(
        visit.words.language, found["error"], found.get("error_description", "")
    )
