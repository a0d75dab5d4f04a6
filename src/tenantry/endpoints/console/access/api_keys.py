"""API keys of organizations and their people: by organization, one by its id, made, revoked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.core import errors
from tenantry.endpoints.console import filters, forms, names, sorting
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.tokens.tokens_pb import (
    CreateToken,
    CreateTokenRequest,
    InvalidateTokenRequest,
    ListTokensRequest,
    ListTokensResponse,
)
from tenantry.gen.tenantry.v1.api_token_records_pb import GetApiTokenRequest

if TYPE_CHECKING:
    from tenantry.net.http import Response

_SHOWN = 30
_FIELDS = {
    "token.organization_id": "organization_id",
    "token.user_id": "user_id",
    "token.description": "description",
    "token.expiry": "days",
    "days": "days",
}


def pages(site: ConsoleSite) -> list[Page]:
    keys = _ApiKeys(site)
    return [
        Page("GET", "/api-keys", keys.listed),
        Page("POST", "/api-keys/create", keys.create),
        Page("GET", "/api-keys/{id}", keys.show),
        Page("POST", "/api-keys/{id}/revoke", keys.revoke),
    ]


class _ApiKeys:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List those of an organization, or go to the one of an id."""
        asked = visit.query("query").strip()
        if asked.startswith("apit_"):
            return self._site.redirect(visit.path("api-keys", asked))
        listed = ListTokensResponse()
        chosen = await filters.find_organization(visit, asked)
        order = sorting.paged(visit, visit.path("api-keys"), {"query": chosen.id})
        if chosen.id and chosen.name:
            listed = await visit.api.tokens.list_tokens(
                ListTokensRequest(
                    organization_id=chosen.id,
                    page_size=_SHOWN,
                    page_token=order.page_token,
                )
            )
            order.arrange(listed, listed.tokens)
        return self._site.render(
            visit,
            "api-keys",
            "api_keys/list.html",
            names=await names.of_rows(visit, listed.tokens, "user_id"),
            listed=listed,
            chosen=chosen,
            order=order,
        )

    async def create(self, visit: Visit) -> Response:
        """Make one and show it, this once."""
        form = visit.request.form()
        given = {name: form.get(name, "").strip() for name in set(_FIELDS.values())}
        organization = await filters.find_organization(visit, given["organization_id"])
        user = await filters.find_user(visit, given["user_id"])
        token = CreateToken(description=given["description"])
        try:
            token.organization_id = filters.require_id(organization, "token.organization_id")
            token.user_id = filters.require_id(user, "token.user_id")
            token.expiry = forms.end(given["days"])
            made = await visit.api.tokens.create_token(CreateTokenRequest(token=token))
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, visit.path("api-keys"), _FIELDS, given)
        back = visit.path("api-keys", query=token.organization_id)
        return self._site.render(visit, "api-keys", "secret.html", secret=made.token, onward=back)

    async def show(self, visit: Visit) -> Response:
        request = GetApiTokenRequest(token_id=visit.request.params["id"])
        found = await visit.api.api_token_records.get_api_token(request)
        token = found.token_info
        assert token is not None
        return self._site.render(
            visit,
            "api-keys",
            "api_keys/one.html",
            names=await names.of_rows(visit, [token], "organization_id", "user_id"),
            found=found,
            token=token,
        )

    async def revoke(self, visit: Visit) -> Response:
        """End it for good."""
        request = InvalidateTokenRequest(token=visit.request.params["id"])
        call = visit.api.tokens.invalidate_token(request)
        organization_id = visit.request.form().get("organization_id", "")
        path = visit.path("api-keys", query=organization_id)
        return await forms.send(self._site, visit, call, path, "ended")
