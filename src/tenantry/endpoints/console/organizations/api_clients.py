"""The tab of an organization's programs: its API keys, and its clients with their secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.core import errors
from tenantry.endpoints.console import filters, forms, names
from tenantry.endpoints.console.organizations import organization_page
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.clients.clients_pb import (
    CreateOrganizationClientRequest,
    CreateOrganizationClientSecretRequest,
    DeleteOrganizationClientRequest,
    DeleteOrganizationClientSecretRequest,
    GetOrganizationClientRequest,
    ListOrganizationClientsRequest,
    OrganizationClient,
    UpdateOrganizationClientRequest,
)
from tenantry.gen.scalekit.v1.tokens.tokens_pb import (
    CreateToken,
    CreateTokenRequest,
    InvalidateTokenRequest,
    ListTokensRequest,
)
from tenantry.gen.tenantry.v1.api_token_records_pb import GetApiTokenRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.gen.scalekit.v1.clients.clients_pb import M2MClient
    from tenantry.net.http import Response

_SHOWN = 20
_TEXTS, _LISTS = ("name", "description"), ("scopes", "audience")
_FIELDS = {f"client.{name}": name for name in (*_TEXTS, *_LISTS, "expiry")}
_FIELDS |= {f"client.{name}[{number}]": name for name in _LISTS for number in range(100)}
_FIELDS |= {"expires_in": "days", "days": "days"}
_KEY_FIELDS = {
    "token.user_id": "user_id",
    "token.description": "description",
    "token.expiry": "days",
    "days": "days",
}
# Programs exchange a secret for the new one within that time.
_OVERLAP_SECONDS = 24 * 3600


def pages(site: ConsoleSite) -> list[Page]:
    programs = _ApiClients(site)
    root = "/organizations/{id}/programs"
    client = f"{root}/clients/{{client_id}}"
    return [
        Page("GET", root, programs.show),
        Page("POST", f"{root}/keys/create", programs.create_key),
        Page("POST", f"{root}/keys/{{key_id}}/revoke", programs.revoke_key),
        Page("POST", f"{root}/clients/create", programs.create_client),
        Page("GET", client, programs.client),
        Page("POST", f"{client}/update", programs.update_client),
        Page("POST", f"{client}/delete", programs.delete_client),
        Page("POST", f"{client}/secrets/create", programs.create_secret),
        Page("POST", f"{client}/secrets/{{secret_id}}/delete", programs.delete_secret),
    ]


class _ApiClients:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """List its API keys and its clients, each by its own pages."""
        organization = await organization_page.get(visit)
        keys = await visit.api.tokens.list_tokens(
            ListTokensRequest(
                organization_id=organization.id,
                page_size=_SHOWN,
                page_token=visit.query("keys"),
            )
        )
        clients = await visit.api.clients.list_organization_clients(
            ListOrganizationClientsRequest(
                organization_id=organization.id,
                page_size=_SHOWN,
                page_token=visit.query("clients"),
            )
        )
        return organization_page.render(
            self._site,
            visit,
            "programs",
            organization,
            names=await names.of_rows(visit, keys.tokens, "user_id"),
            keys=keys,
            clients=clients,
        )

    async def create_key(self, visit: Visit) -> Response:
        """Make an API key, for the organization or a member, and show it, this once."""
        form, path = visit.request.form(), organization_page.path_of(visit, "programs")
        given = {name: form.get(name, "").strip() for name in ("user_id", "description", "days")}
        user = await filters.find_user(visit, given["user_id"])
        token = CreateToken(
            organization_id=visit.request.params["id"], description=given["description"]
        )
        try:
            token.user_id = filters.require_id(user, "token.user_id")
            token.expiry = forms.end(given["days"])
            made = await visit.api.tokens.create_token(CreateTokenRequest(token=token))
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, path, _KEY_FIELDS, given)
        return self._made(visit, path, secret=made.token)

    async def revoke_key(self, visit: Visit) -> Response:
        """End an API key of this organization for good."""
        id_, key_id = visit.request.params["id"], visit.request.params["key_id"]
        found = await visit.api.api_token_records.get_api_token(GetApiTokenRequest(token_id=key_id))
        assert found.token_info is not None
        if found.token_info.organization_id != id_:
            raise errors.NotFound("token")
        call = visit.api.tokens.invalidate_token(InvalidateTokenRequest(token=key_id))
        return await forms.send(
            self._site, visit, call, organization_page.path_of(visit, "programs"), "ended"
        )

    async def create_client(self, visit: Visit) -> Response:
        """Make a client and show its first secret, this once."""
        form, path = visit.request.form(), organization_page.path_of(visit, "programs")
        given = {name: form.get(name, "").strip() for name in (*_TEXTS, "scopes")}
        try:
            if not given["name"]:  # the API makes one that has none
                raise errors.InvalidArgument.field("client.name", "required", "is required")
            request = CreateOrganizationClientRequest(
                organization_id=visit.request.params["id"], client=_client(given)
            )
            made = await visit.api.clients.create_organization_client(request)
        except errors.InvalidArgument as problem:
            fields = {field: f"client-{id_}" for field, id_ in _FIELDS.items()}
            kept = {f"client-{name}": text for name, text in given.items()}
            return self._site.wrong(visit, problem, path, fields, kept)
        assert made.client is not None
        id_ = made.client.client_id
        onward = organization_page.path_of(visit, "programs", "clients", id_)
        return self._made(visit, onward, client_id=id_, secret=made.plain_secret)

    async def client(self, visit: Visit) -> Response:
        """Show a client and its secrets."""
        organization = await organization_page.get(visit)
        return organization_page.render(
            self._site,
            visit,
            "programs",
            organization,
            template="organizations/client.html",
            client=await self._client(visit),
            at=_path(visit),
        )

    async def update_client(self, visit: Visit) -> Response:
        """Change what it is called, what it may ask for, and how long its tokens last."""
        form, path = visit.request.form(), _path(visit)
        names = (*_TEXTS, *_LISTS, "expiry")
        given = {name: form.get(name, "").strip() for name in names if name in form}
        before = await self._client(visit)
        try:
            client = _client(given)
            for name in given:
                if getattr(before, name) and not getattr(client, name):  # to the API no change
                    raise errors.InvalidArgument.field(
                        f"client.{name}", "required", "cannot be cleared once it is set"
                    )
            id_, client_id = _named(visit)
            await visit.api.clients.update_organization_client(
                UpdateOrganizationClientRequest(
                    organization_id=id_, client_id=client_id, client=client
                )
            )
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, path, _FIELDS, given)
        return self._site.done(path, "changed")

    async def delete_client(self, visit: Visit) -> Response:
        id_, client_id = _named(visit)
        request = DeleteOrganizationClientRequest(organization_id=id_, client_id=client_id)
        call = visit.api.clients.delete_organization_client(request)
        path, back = organization_page.path_of(visit, "programs"), _path(visit)
        return await forms.send(self._site, visit, call, path, "deleted", back=back)

    async def create_secret(self, visit: Visit) -> Response:
        """Add a secret and show it, this once; the others end in a day where that is ticked."""
        form, path = visit.request.form(), _path(visit)
        days = form.get("days", "").strip()
        id_, client_id = _named(visit)
        extra = {}
        try:
            if number := forms.days(days):
                extra["expires_in"] = [str(number * 86_400)]
            if "replaces" in form:
                extra["overlap_seconds"] = [str(_OVERLAP_SECONDS)]
            made = await visit.api.clients.create_organization_client_secret(
                CreateOrganizationClientSecretRequest(organization_id=id_, client_id=client_id),
                extra=extra,
            )
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, path, _FIELDS, {"days": days})
        return self._made(visit, path, client_id=client_id, secret=made.plain_secret)

    async def delete_secret(self, visit: Visit) -> Response:
        """Put a secret out of force at once."""
        id_, client_id = _named(visit)
        request = DeleteOrganizationClientSecretRequest(
            organization_id=id_, client_id=client_id, secret_id=visit.request.params["secret_id"]
        )
        call = visit.api.clients.delete_organization_client_secret(request)
        return await forms.send(self._site, visit, call, _path(visit), "ended")

    async def _client(self, visit: Visit) -> M2MClient:
        id_, client_id = _named(visit)
        request = GetOrganizationClientRequest(organization_id=id_, client_id=client_id)
        client = (await visit.api.clients.get_organization_client(request)).client
        assert client is not None
        return client

    def _made(self, visit: Visit, onward: str, **shown: Any) -> Response:
        return self._site.render(visit, "organizations", "secret.html", onward=onward, **shown)


def _named(visit: Visit) -> tuple[str, str]:
    return visit.request.params["id"], visit.request.params["client_id"]


def _path(visit: Visit) -> str:
    return organization_page.path_of(
        visit, "programs", "clients", visit.request.params["client_id"]
    )


def _client(given: Mapping[str, str]) -> OrganizationClient:
    """Return a client with what a form fills."""
    return OrganizationClient(
        name=given.get("name", ""),
        description=given.get("description", ""),
        scopes=forms.words_of(given.get("scopes", "")),
        audience=forms.words_of(given.get("audience", "")),
        expiry=forms.whole(given, "expiry", "client.expiry") or 0,
    )
