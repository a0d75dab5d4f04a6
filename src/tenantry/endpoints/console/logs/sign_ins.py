"""The log of sign-ins: all of them, and one with its steps, evidence and remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.console import filters, names
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.auth.auth_pb import GetAuthErrorRequest
from tenantry.gen.tenantry.v1.sign_ins_pb import (
    GetSignInRequest,
    ListSignInsRequest,
    ListSignInsResponse,
    SignInEvidence,
)
from tenantry.identity.connections.guides import explanations

if TYPE_CHECKING:
    from tenantry.net.http import Response

_FILTERS = ("email", "organization_id", "connection_id", "client_id", "status", "method", "error")
STATUSES = ("", "INITIATED", "PENDING", "SUCCESS", "FAILED")
METHODS = ("", "SAML", "OIDC", "OAUTH", "PASSWORD", "PASSWORDLESS", "PASSKEY", "TOTP", "SESSION")
_SHOWN = 30
_REFERENCES = ("user_id", "organization_id", "connection_id", "client_id")


def pages(site: ConsoleSite) -> list[Page]:
    sign_ins = _SignIns(site)
    return [
        Page("GET", "/sign-ins", sign_ins.listed),
        Page("GET", "/sign-ins/{id}", sign_ins.show),
    ]


class _SignIns:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List those that a filter lets through, or show what an id finds."""
        asked = visit.query("query").strip()[:600]
        if asked.startswith("areq_"):
            return self._site.redirect(visit.path("sign-ins", asked))
        if asked.startswith("req_"):
            return self._site.redirect(visit.path("events", request_id=asked))
        error = await _error(visit, asked) if asked.startswith("err_") else None
        query = {name: visit.query(name).strip() for name in _FILTERS}
        if "@" in asked:
            query["email"] = asked
        query = {name: value for name, value in query.items() if value}
        chosen = await filters.find_organization(visit, query.get("organization_id", ""))
        if chosen.id:
            query["organization_id"] = chosen.id
        listed = ListSignInsResponse()
        if not chosen.is_unresolved:
            listed = await visit.api.sign_ins.list_sign_ins(
                ListSignInsRequest(
                    email=query.get("email", ""),
                    organization_id=query.get("organization_id", ""),
                    connection_id=query.get("connection_id", ""),
                    client_id=query.get("client_id", ""),
                    status=query.get("status", ""),
                    method=query.get("method", ""),
                    error=query.get("error", ""),
                    page_size=_SHOWN,
                    page_token=visit.query("page_token"),
                )
            )
        return self._site.render(
            visit,
            "sign-ins",
            "sign_ins/list.html",
            names=await names.of_rows(visit, listed.sign_ins, "organization_id"),
            listed=listed,
            query=query,
            chosen=chosen,
            asked_for=asked,
            error=error,
            statuses=STATUSES,
            methods=METHODS,
        )

    async def show(self, visit: Visit) -> Response:
        request = GetSignInRequest(auth_request_id=visit.request.params["id"])
        sign_in = (await visit.api.sign_ins.get_sign_in(request)).sign_in
        assert sign_in is not None
        error, said = sign_in.error, None
        if error is not None:
            said = explanations.say(visit.words.language, error.error, error.error_description)
        return self._site.render(
            visit,
            "sign-ins",
            "sign_ins/one.html",
            names=await names.of_rows(visit, [sign_in], *_REFERENCES),
            sign_in=sign_in,
            said=said,
            evidence=_evidence(sign_in.evidence or SignInEvidence()),
        )


def _evidence(found: SignInEvidence) -> dict[str, str]:
    """Return the members that have a value, by their names."""
    given = ((field.name, found[field]) for field in SignInEvidence.desc().fields)
    return {
        name: ", ".join(value) if isinstance(value, list) else value
        for name, value in given
        if value
    }


async def _error(visit: Visit, error_id: str) -> explanations.ExplainedError | None:
    """Return what an error's id says; nothing where it is over, or was never issued."""
    try:
        found = await visit.api.auth.get_auth_error(GetAuthErrorRequest(error_id=error_id))
    except errors.Error:
        return None
    return explanations.say(visit.words.language, found.error, found.error_description)
