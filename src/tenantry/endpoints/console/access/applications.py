"""Applications and clients of the environment: what they may do, their secrets; the scopes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from protobuf.wkt import BoolValue, FieldMask, Struct

from tenantry.access.clients import listing
from tenantry.access.clients.management_scopes import ALL, SCOPES
from tenantry.access.clients.model import CALLS_API, GRANT_TYPES, PUBLIC
from tenantry.core import errors, strict_json, structs
from tenantry.endpoints.console import activity, forms, setup, sorting
from tenantry.endpoints.console import undo as undoing
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.clients.clients_pb import (
    CidrEntry,
    CreateClient,
    CreateClientRequest,
    CreateClientSecretRequest,
    CreateScope,
    CreateScopeRequest,
    CustomClaim,
    DeleteClientRequest,
    DeleteClientSecretRequest,
    DeleteScopeRequest,
    GetClientRequest,
    IpAllowlist,
    ListClientsRequest,
    ListScopesRequest,
    UpdateClient,
    UpdateClientRequest,
    UpdateScope,
    UpdateScopeRequest,
)
from tenantry.gen.tenantry.v1.client_settings_pb import (
    ClientSettings,
    GetClientSettingsRequest,
    TokenExchangeSettings,
    UpdateClientSettingsRequest,
)
from tenantry.identity.operators.model import OWNER
from tenantry.web.forms import boxes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from tenantry.net.http import Response

# Clients of the environment: applications that users sign in to, and management clients (ENV).
# Those of organizations (M2M) are on the page of their organization.
TYPES = ("WEB_APP", "SPA", "NTV", "ENV")
_SHOWN = 30
# The numbers of values that a client may have of each, in the contract.
_LISTS = {"post_login_uris": 5, "post_logout_redirect_uris": 20, "back_channel_logout_uris": 5}
_MOST_SCOPES, _MOST_CLAIMS, _MOST_NETWORKS = 100, 20, 100
_TYPED = (
    *(*_LISTS, "name", "initiate_login_uri", "access_token_expiry", "scopes"),
    *("custom_claims", "networks", "enforce_pkce", "api_access", "networks_only"),
)
_TICKED = ("enforce_pkce", "api_access", "networks_only")
# Fields of a client beside its name, by the member of a form that changes them.
_CHANGED = {
    **{name: name for name in (*_LISTS, "scopes", "initiate_login_uri", "access_token_expiry")},
    "has_pkce": "enforce_pkce",
    "has_grants": "grant_types",
    "custom_claims": "custom_claims",
    "networks": "ip_allowlist",
    "has_access": "disallow_scalekit_api_access",
}
_GRANTS = "grant_types"
METHODS = ("", "client_secret_basic", "client_secret_post", "private_key_jwt")
SIGNATURES = ("RS256", "ES256")
_KEYS = ("token_endpoint_auth_method", "access_token_signing_alg", "jwks")
_MANAGEMENT = "management_scopes"


def _fields() -> dict[str, str]:
    """Return the ids of the forms' fields by the paths that the API names."""
    found = {f"client.{name}": name for name in (*_TYPED, "client_type", "grant_types")}
    several = {**_LISTS, "scopes": _MOST_SCOPES, "grant_types": len(GRANT_TYPES)}
    for name, most in several.items():
        found |= {f"client.{name}[{number}]": name for number in range(most)}
    for number in range(_MOST_CLAIMS):
        for part in ("", ".key", ".value"):
            found[f"client.custom_claims[{number}]{part}"] = "custom_claims"
    found["client.disallow_scalekit_api_access"] = "api_access"
    found |= dict.fromkeys(("client.ip_allowlist", "client.ip_allowlist.cidrs"), "networks")
    for number in range(_MOST_NETWORKS):
        found[f"client.ip_allowlist.cidrs[{number}].value"] = "networks"
    return found


_FIELDS = _fields()


def pages(site: ConsoleSite) -> list[Page]:
    applications, scopes = _Applications(site), _Scopes(site)
    return [
        Page("GET", "/applications", applications.listed),
        Page("POST", "/applications/create", applications.create),
        Page("GET", "/applications/scopes", scopes.listed),
        Page("POST", "/applications/scopes/create", scopes.create),
        Page("POST", "/applications/scopes/{id}/switch", scopes.switch),
        Page("POST", "/applications/scopes/{id}/delete", scopes.delete),
        Page("GET", "/applications/{id}", applications.show),
        Page("POST", "/applications/{id}/update", applications.update),
        Page("POST", "/applications/{id}/settings", applications.update_settings),
        Page("POST", "/applications/{id}/delete", applications.delete),
        Page("POST", "/applications/{id}/secrets/create", applications.create_secret),
        Page("POST", "/applications/{id}/secrets/{secret}/delete", applications.delete_secret),
    ]


def _tabs(visit: Visit, shown: str) -> list[tuple[str, str, bool]]:
    words = visit.words
    return [
        (visit.path("applications"), words.plain("applications.all"), shown == ""),
        *(
            (
                visit.path("applications", type=one),
                words.plain(f"constants.{one.lower()}"),
                shown == one,
            )
            for one in TYPES
        ),
        (
            visit.path("applications", "scopes"),
            words.plain("applications.scopes"),
            shown == "scopes",
        ),
    ]


class _Applications:
    """Handlers of the pages about clients."""

    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List them, all or of one type."""
        type_ = visit.query("type")
        query = {"type": type_} if type_ in TYPES else {}
        order = sorting.paged(visit, visit.path("applications"), query)
        # Without a type, the API lists management clients alone.
        wanted = ListClientsRequest.Filter(client_type=[query.get("type", listing.ALL)])
        listed = await visit.api.clients.list_client(
            ListClientsRequest(filter=wanted, page_size=_SHOWN, page_token=order.page_token)
        )
        order.arrange(listed, listed.clients)
        return self._site.render(
            visit,
            "applications",
            "applications/list.html",
            listed=listed,
            order=order,
            tabs=_tabs(visit, query.get("type", "")),
            types=TYPES,
        )

    async def create(self, visit: Visit) -> Response:
        """Make one and go on to it; the first secret is made there."""
        form = visit.request.form()
        given = {"name": form.get("name", "").strip(), "client_type": form.get("client_type", "")}
        client = CreateClient(name=given["name"], client_type=given["client_type"])
        if not visit.has_role(OWNER):  # who alone gives API access
            client.disallow_scalekit_api_access = BoolValue(value=True)
        try:
            made = await visit.api.clients.create_client(CreateClientRequest(client=client))
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, visit.path("applications"), _FIELDS, given)
        assert made.client is not None
        path = visit.path("applications", made.client.id)
        return self._site.done(path, "created", given["name"])

    async def show(self, visit: Visit) -> Response:
        id_ = visit.request.params["id"]
        client = (await visit.api.clients.get_client(GetClientRequest(client_id=id_))).client
        told = await visit.api.client_settings.get_client_settings(
            GetClientSettingsRequest(client_id=id_)
        )
        settings = told.settings
        assert client is not None
        assert settings is not None
        type_ = client.client_type
        calls_us = type_ in CALLS_API and not client.disallow_scalekit_api_access
        return self._site.render(
            visit,
            "applications",
            "applications/one.html",
            client=client,
            lists=list(_LISTS),
            signs_in=type_ in {"WEB_APP", "SPA", "NTV", "ENV"},
            public=type_ in PUBLIC,
            here=visit.path("applications", id_),
            calls_us=calls_us,
            for_owners=calls_us and not visit.has_role(OWNER),
            edits=visit.writes and (not calls_us or visit.has_role(OWNER)),
            grants=GRANT_TYPES.get(type_, ()),
            claims="\n".join(f"{one.key} = {one.value}" for one in client.custom_claims),
            networks=client.ip_allowlist or IpAllowlist(),
            settings=settings,
            keys="" if settings.jwks is None else _written(settings.jwks),
            methods=METHODS,
            signatures=SIGNATURES,
            can_call=type_ in CALLS_API,
            exchange=settings.token_exchange or TokenExchangeSettings(),
            scopes=SCOPES,
            held=settings.management_scopes,
            charts=await activity.of_client(visit, id_) if calls_us else None,
        )

    async def update(self, visit: Visit) -> Response:
        """Change what it is told: all that the form has, so that an empty field clears."""
        form, id_ = visit.request.form(), visit.request.params["id"]
        given = {name: form[name] for name in _TYPED if name in form}
        given |= {name: "true" if name in form else "" for name in _TICKED}
        given |= {name: "true" for name in form if name.startswith(f"{_GRANTS}-")}
        given["sent"] = "true"
        try:
            request = UpdateClientRequest(client_id=id_, client=_client(form), mask=_mask(form))
        except errors.InvalidArgument as problem:
            path = visit.path("applications", id_)
            return self._site.wrong(visit, problem, path, _FIELDS, given)
        call = visit.api.clients.update_client(request)
        return await self._send(visit, call, "changed", given)

    async def update_settings(self, visit: Visit) -> Response:
        """Change how it authenticates, how its tokens are signed, and its management scopes."""
        form, id_ = boxes.form(visit.request), visit.request.params["id"]
        path = visit.path("applications", id_)
        given = {name: form.get(name, "").strip() for name in _KEYS}
        fields = {f"settings.{name}": name for name in (*_KEYS, _MANAGEMENT)}
        try:
            settings = ClientSettings(
                token_endpoint_auth_method=_text(form, "token_endpoint_auth_method"),
                access_token_signing_alg=_text(form, "access_token_signing_alg"),
                management_scopes=_scopes(form) if "access" in form else [],
                jwks=_key_set(given["jwks"]) if "jwks" in form else None,
            )
            await visit.api.client_settings.update_client_settings(
                UpdateClientSettingsRequest(client_id=id_, settings=settings)
            )
        except errors.InvalidArgument as problem:
            keys = {one.field: "jwks" for one in problem.violations if ".jwks" in one.field}
            return self._site.wrong(visit, problem, path, fields | keys, _without_private(given))
        return self._site.done(path, "changed")

    async def delete(self, visit: Visit) -> Response:
        request = DeleteClientRequest(client_id=visit.request.params["id"])
        call = visit.api.clients.delete_client(request)
        back = visit.path("applications", visit.request.params["id"])
        path = visit.path("applications")
        return await forms.send(self._site, visit, call, path, "deleted", back=back)

    async def create_secret(self, visit: Visit) -> Response:
        """Make a secret and show it, this once."""
        id_, path = (
            visit.request.params["id"],
            visit.path("applications", visit.request.params["id"]),
        )
        days = visit.request.form().get("days", "").strip()
        try:
            number = forms.days(days)
            made = await visit.api.clients.create_client_secret(
                CreateClientSecretRequest(client_id=id_),
                extra={"expires_in": [str(number * 86_400)]} if number else None,
            )
        except errors.InvalidArgument as problem:
            fields = {"expires_in": "days", "days": "days"}
            return self._site.wrong(visit, problem, path, fields, {"days": days})
        return self._site.render(
            visit,
            "applications",
            "secret.html",
            secret=made.plain_secret,
            onward=path,
            snippets=setup.snippets(self._site.public_url, id_, made.plain_secret),
            setup_style=setup.STYLE,
        )

    async def delete_secret(self, visit: Visit) -> Response:
        """Revoke a secret."""
        params = visit.request.params
        call = visit.api.clients.delete_client_secret(
            DeleteClientSecretRequest(client_id=params["id"], secret_id=params["secret"])
        )
        return await self._send(visit, call, "ended")

    async def _send(
        self,
        visit: Visit,
        call: Awaitable[object],
        change: str,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        path = visit.path("applications", visit.request.params["id"])
        return await forms.send(self._site, visit, call, path, change, fields=_FIELDS, given=given)


class _Scopes:
    """Handlers of the pages about scopes."""

    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        listed = await visit.api.clients.list_scopes(ListScopesRequest())
        return self._site.render(
            visit,
            "applications",
            "applications/scopes.html",
            scopes=listed.scopes,
            tabs=_tabs(visit, "scopes"),
        )

    async def create(self, visit: Visit) -> Response:
        form = visit.request.form()
        given = {name: form.get(name, "").strip() for name in ("name", "description")}
        fields = {f"scope.{name}": name for name in given}
        scope = CreateScope(name=given["name"], description=given["description"])
        call = visit.api.clients.create_scope(CreateScopeRequest(scope=scope))
        return await self._send(visit, call, "created", fields=fields, given=given)

    async def switch(self, visit: Visit) -> Response:
        """Enable or disable it."""
        enabled = visit.request.form().get("enabled") == "true"
        scope = UpdateScope(enabled=BoolValue(value=enabled))
        call = visit.api.clients.update_scope(
            UpdateScopeRequest(id=visit.request.params["id"], scope=scope)
        )
        undo = undoing.Undo(visit.request.path, {"enabled": "false" if enabled else "true"})
        return await self._send(visit, call, "enabled" if enabled else "disabled", undo=undo)

    async def delete(self, visit: Visit) -> Response:
        request = DeleteScopeRequest(id=visit.request.params["id"])
        call = visit.api.clients.delete_scope(request)
        return await self._send(visit, call, "deleted")

    async def _send(
        self,
        visit: Visit,
        call: Awaitable[object],
        change: str,
        fields: Mapping[str, str] | None = None,
        given: Mapping[str, str] | None = None,
        *,
        undo: undoing.Undo | None = None,
    ) -> Response:
        path = visit.path("applications", "scopes")
        return await forms.send(
            self._site, visit, call, path, change, fields=fields, given=given, undo=undo
        )


def _client(form: Mapping[str, str]) -> UpdateClient:
    """Return what a form says of a client: what it does not have is empty."""
    client = UpdateClient(
        name=form.get("name", "").strip(),
        post_login_uris=forms.words_of(form.get("post_login_uris", "")),
        post_logout_redirect_uris=forms.words_of(form.get("post_logout_redirect_uris", "")),
        back_channel_logout_uris=forms.words_of(form.get("back_channel_logout_uris", "")),
        scopes=forms.words_of(form.get("scopes", "")),
        initiate_login_uri=_text(form, "initiate_login_uri"),
        access_token_expiry=forms.whole(form, "access_token_expiry", "client.access_token_expiry")
        or 0,
    )
    if "has_pkce" in form:
        client.enforce_pkce = BoolValue(value="enforce_pkce" in form)
    if "has_grants" in form:
        client.grant_types = boxes.ticked(form, _GRANTS)
    claims = forms.named(form, "custom_claims", "client.custom_claims")
    client.custom_claims = [CustomClaim(key=key, value=text) for key, text in claims.items()]
    if "networks" in form:
        client.ip_allowlist = IpAllowlist(
            opted_in="networks_only" in form,
            cidrs=[CidrEntry(value=one) for one in forms.words_of(form["networks"])],
        )
    if "has_access" in form:
        client.disallow_scalekit_api_access = BoolValue(value="api_access" not in form)
    return client


def _mask(form: Mapping[str, str]) -> FieldMask:
    """Return the names of the fields that a form has, so that an empty one clears."""
    return FieldMask(
        paths=["name", *(field for member, field in _CHANGED.items() if member in form)]
    )


def _text(form: Mapping[str, str], name: str) -> str | None:
    return form[name].strip() if name in form else None


def _scopes(form: Mapping[str, str]) -> list[str]:
    """Return the management scopes of a form."""
    if form["access"] == ALL:
        return [ALL]
    scopes = boxes.ticked(form, _MANAGEMENT)
    if not scopes:  # the API would change nothing
        raise errors.InvalidArgument.field(
            f"settings.{_MANAGEMENT}", "required", "must contain at least one scope"
        )
    return scopes


def _key_set(text: str) -> Struct:
    """Return the JWK Set of a field; an empty field is a set without keys."""
    try:
        found = strict_json.loads(text) if text else {"keys": []}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise errors.InvalidArgument.field("settings.jwks", "json", "must be a JSON Web Key Set")
    return Struct.from_python(found)


def _written(key_set: Struct) -> str:
    return json.dumps(structs.members(key_set), indent=2)


def _without_private(given: dict[str, str]) -> dict[str, str]:
    """Return typed values without a key set that holds a private key: no page repeats it."""
    return {name: "" if name == "jwks" and '"d"' in text else text for name, text in given.items()}
