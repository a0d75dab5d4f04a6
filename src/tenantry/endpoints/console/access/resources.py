"""Resources: MCP servers and other APIs, their clients, and the consents of users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import BoolValue, FieldMask

from tenantry.access.resources.model import TYPES
from tenantry.core import errors, structs
from tenantry.endpoints.console import forms
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.scalekit.v1.clients.clients_pb import (
    CreateResource,
    CreateResourceClientRequest,
    CreateResourceRequest,
    DeleteResourceClientRequest,
    DeleteResourceRequest,
    GetResourceRequest,
    ListResourceClientsRequest,
    ListResourcesRequest,
    ListResourceUserConsentsRequest,
    ResourceClient,
    ResourceType,
    RevokeUserConsentRequest,
    UpdateResource,
    UpdateResourceRequest,
)
from tenantry.web.forms import boxes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from tenantry.net.http import Response

# The most common first.
SHOWN_TYPES = ("MCP_SERVER", *(one for one in TYPES if one != "MCP_SERVER"))
_SHOWN = 30
_MOST_SCOPES, _MOST_URIS = 100, 20
_TEXTS = ("name", "description", "resource_uri", "logo_uri")
_NUMBERS = ("access_token_expiry", "refresh_token_expiry")
_SWITCHES = (
    *("dynamic_registration", "enable_cimd", "intersect_scopes_user_permission"),
    "resource_scope_selection_allowed",
)


def _fields() -> dict[str, str]:
    """Return the ids of the forms' fields by the paths that the API names."""
    found = {f"resource.{name}": name for name in (*_TEXTS, *_NUMBERS, "resource_type", "scopes")}
    found |= {f"resource.scopes[{number}]": "scopes" for number in range(_MOST_SCOPES)}
    found |= {"client.name": "client_name", "client.redirect_uris": "redirect_uris"}
    for number in range(_MOST_URIS + 1):
        found[f"client.redirect_uris[{number}]"] = "redirect_uris"
    return found | {"resource_uri": "resource_uri", "search": "user"}


_FIELDS = _fields()


def pages(site: ConsoleSite) -> list[Page]:
    resources = _Resources(site)
    return [
        Page("GET", "/resources", resources.listed),
        Page("POST", "/resources/create", resources.create),
        Page("GET", "/resources/{id}", resources.show),
        Page("POST", "/resources/{id}/update", resources.update),
        Page("POST", "/resources/{id}/delete", resources.delete),
        Page("POST", "/resources/{id}/clients/create", resources.create_client),
        Page("POST", "/resources/{id}/clients/{client}/delete", resources.delete_client),
        Page(
            "POST", "/resources/{id}/clients/{client}/consents/{consent}/revoke", resources.revoke
        ),
    ]


class _Resources:
    """Handlers of the pages about resources."""

    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List those of one type."""
        type_ = visit.query("type")
        shown = type_ if type_ in SHOWN_TYPES else SHOWN_TYPES[0]
        listed = await visit.api.clients.list_resources(
            ListResourcesRequest(
                resource_type=ResourceType[shown],
                page_size=_SHOWN,
                page_token=visit.query("page_token"),
            )
        )
        tabs = [
            (
                visit.path("resources", type=one),
                visit.words.plain(f"constants.{one.lower()}"),
                one == shown,
            )
            for one in SHOWN_TYPES
        ]
        return self._site.render(
            visit,
            "resources",
            "resources/list.html",
            listed=listed,
            query={"type": shown},
            shown=shown,
            tabs=tabs,
            types=SHOWN_TYPES,
        )

    async def create(self, visit: Visit) -> Response:
        """Create one and go on to it; its scopes are selected there."""
        form = visit.request.form()
        given = {name: form.get(name, "").strip() for name in ("name", "resource_uri")}
        given["resource_type"] = form.get("resource_type", "")
        resource = CreateResource(name=given["name"], resource_uri=given["resource_uri"])
        try:
            resource.resource_type = forms.constant(
                ResourceType, given["resource_type"], "resource.resource_type"
            )
            made = await visit.api.clients.create_resource(CreateResourceRequest(resource=resource))
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, visit.path("resources"), _FIELDS, given)
        assert made.resource is not None
        path = visit.path("resources", made.resource.id)
        return self._site.done(path, "created", given["name"])

    async def show(self, visit: Visit) -> Response:
        """Show its URLs and settings, its clients, and a page of the consents."""
        id_, user = visit.request.params["id"], visit.query("user").strip()
        clients = visit.api.clients
        resource = (await clients.get_resource(GetResourceRequest(resource_id=id_))).resource
        registered = await clients.list_resource_clients(
            ListResourceClientsRequest(resource_id=id_)
        )
        consents = await clients.list_resource_user_consents(
            ListResourceUserConsentsRequest(
                resource_id=id_,
                search=user[:320],
                page_size=_SHOWN,
                page_token=visit.query("page_token"),
            )
        )
        assert resource is not None
        assert resource.protected_metadata is not None
        document = structs.members(resource.protected_metadata)
        return self._site.render(
            visit,
            "resources",
            "resources/one.html",
            resource=resource,
            here=visit.path("resources", id_),
            issuer=document["authorization_servers"][0],
            enabled=[scope.name for scope in resource.scopes if scope.enabled],
            registered=registered,
            consents=consents,
            user=user,
            query={"user": user} if user else {},
        )

    async def update(self, visit: Visit) -> Response:
        """Change all that the form has, so that an empty field clears."""
        form, id_ = boxes.form(visit.request), visit.request.params["id"]
        given = {name: form.get(name, "") for name in (*_TEXTS, *_NUMBERS)}
        given |= {name: "true" if name in form else "" for name in _SWITCHES}
        given["sent"] = "true"
        try:
            resource = _resource(form)
        except errors.InvalidArgument as problem:
            path = visit.path("resources", id_)
            return self._site.wrong(visit, problem, path, _FIELDS, given)
        request = UpdateResourceRequest(
            resource_id=id_,
            resource=resource,
            update_mask=FieldMask(
                paths=[
                    *(*_TEXTS, *_NUMBERS, "scopes", "disable_dynamic_client_registration"),
                    *("enable_cimd", "intersect_scopes_user_permission"),
                    "resource_scope_selection_allowed",
                ]
            ),
        )
        return await self._send(visit, visit.api.clients.update_resource(request), "changed", given)

    async def delete(self, visit: Visit) -> Response:
        id_ = visit.request.params["id"]
        call = visit.api.clients.delete_resource(DeleteResourceRequest(resource_id=id_))
        path, back = visit.path("resources"), visit.path("resources", id_)
        return await forms.send(self._site, visit, call, path, "deleted", back=back)

    async def create_client(self, visit: Visit) -> Response:
        """Create a client and show its secret, this once."""
        form, id_ = visit.request.form(), visit.request.params["id"]
        path = visit.path("resources", id_)
        given = {name: form.get(name, "").strip() for name in ("client_name", "redirect_uris")}
        client = ResourceClient(
            name=given["client_name"], redirect_uris=forms.words_of(given["redirect_uris"])
        )
        try:
            made = await visit.api.clients.create_resource_client(
                CreateResourceClientRequest(resource_id=id_, client=client)
            )
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, path, _FIELDS, given)
        assert made.client is not None
        return self._site.render(
            visit,
            "resources",
            "secret.html",
            client_id=made.client.client_id,
            secret=made.plain_secret,
            onward=path,
        )

    async def delete_client(self, visit: Visit) -> Response:
        params = visit.request.params
        call = visit.api.clients.delete_resource_client(
            DeleteResourceClientRequest(resource_id=params["id"], client_id=params["client"])
        )
        return await self._send(visit, call, "deleted")

    async def revoke(self, visit: Visit) -> Response:
        """Revoke the consent of a user to a client."""
        params = visit.request.params
        call = visit.api.clients.revoke_user_consent(
            RevokeUserConsentRequest(client_id=params["client"], consent_id=params["consent"])
        )
        return await self._send(visit, call, "ended")

    async def _send(
        self,
        visit: Visit,
        call: Awaitable[object],
        change: str,
        given: Mapping[str, str] | None = None,
    ) -> Response:
        path = visit.path("resources", visit.request.params["id"])
        return await forms.send(self._site, visit, call, path, change, fields=_FIELDS, given=given)


def _resource(form: Mapping[str, str]) -> UpdateResource:
    """Return what a form says of a resource: what it does not have is empty."""
    return UpdateResource(
        name=form.get("name", "").strip(),
        description=form.get("description", "").strip(),
        resource_uri=form.get("resource_uri", "").strip(),
        logo_uri=form.get("logo_uri", "").strip(),
        access_token_expiry=_seconds(form, "access_token_expiry"),
        refresh_token_expiry=_seconds(form, "refresh_token_expiry"),
        scopes=boxes.ticked(form, "scopes"),
        disable_dynamic_client_registration=BoolValue(value="dynamic_registration" not in form),
        enable_cimd=BoolValue(value="enable_cimd" in form),
        intersect_scopes_user_permission=BoolValue(
            value="intersect_scopes_user_permission" in form
        ),
        resource_scope_selection_allowed=BoolValue(
            value="resource_scope_selection_allowed" in form
        ),
    )


def _seconds(form: Mapping[str, str], name: str) -> int:
    return forms.whole(form, name, f"resource.{name}") or 0
