"""The protocol of a connection: what its provider says of itself, and how we speak to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tenantry import errors
from tenantry.doors.console import forms
from tenantry.doors.console.connections import PROTOCOLS, address, find, start, tabs_of
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.pages import boxes, connections, uploads
from tenantry.pages.connections import CHOICES, MANUAL, OIDC, OIDC_ENDPOINTS, SAML

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.web import Response

_LIMIT = 2 * connections.MOST_METADATA
OAUTH = "OAUTH"
_CONFIG = {**connections.CONFIG, OAUTH: "oauth_config"}
SWITCHES = {**connections.SWITCHES, OAUTH: ("sync_user_profile_on_login", "pkce_enabled")}
CHOSEN: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    SAML: {name: CHOICES[name] for name in (*connections.CHOSEN[SAML], "idp_slo_request_binding")},
    OIDC: {name: CHOICES[name] for name in connections.CHOSEN[OIDC]},
    OAUTH: {"token_endpoint_auth_method": ("client_secret_basic", "client_secret_post")},
}
# Texts of the settings, "url" for addresses.
TEXTS: Mapping[str, Mapping[str, str]] = {
    SAML: {
        "default_redirect_uri": "url",
        "certificate_id": "text",
        "sp_entity_id": "text",
        "sp_assertion_url": "url",
        "sp_slo_url": "url",
    },
    OIDC: {},
    OAUTH: dict.fromkeys(
        ("prompt", "access_type", "token_access_type", "custom_scope_name", "app_name"), "text"
    ),
}
SCOPES = ("profile", "email", "address", "phone")  # beside openid, which is always asked for
# Those of our own API.
FURTHER = {**connections.FURTHER, OIDC: ("private_key_jwt",), OAUTH: ()}
FURTHER_TEXTS = {SAML: (), OIDC: ("end_session_uri", "login_uri"), OAUTH: ("login_uri",)}
_HAND = ("idp_entity_id", "idp_sso_url", "idp_slo_url")
_CLIENT = ("issuer", "discovery_endpoint", "client_id")


def _fields() -> dict[str, str]:
    """Return the ids of the forms' fields by the paths that the API names."""
    found = {"metadata_url": "idp_metadata_url", "metadata": "metadata", "issuer": "issuer"}
    for type_, config in _CONFIG.items():
        names = (*SWITCHES[type_], *CHOSEN[type_], *TEXTS[type_], *_HAND, *_CLIENT)
        for name in (*names, *OIDC_ENDPOINTS, "client_secret", "idp_metadata_url"):
            found[f"connection.{config}.{name}"] = name
        found |= {f"settings.{name}": name for name in (*FURTHER[type_], *FURTHER_TEXTS[type_])}
    found |= {f"connection.{name}": name for name in ("ui_button_title", "key_id")}
    for name in ("certificate", "connection.saml_config.idp_certificate"):
        found[name] = "certificate"
    found["connection.oauth_config.extensions.extra_authorize_params"] = "extra_authorize_params"
    return found


_FIELDS = _fields()


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    protocols = _Protocols(door)
    root = "/connections/{id}/protocol"
    return [
        Page("GET", root, protocols.show),
        Page("POST", f"{root}/metadata", protocols.take_metadata, body_limit=_LIMIT),
        Page("POST", f"{root}/saml", protocols.take_saml),
        Page("POST", f"{root}/oidc", protocols.take_oidc),
        Page("POST", f"{root}/settings", protocols.save),
        Page("POST", f"{root}/further", protocols.save_further),
        Page("POST", f"{root}/certificates/add", protocols.add),
        Page("POST", f"{root}/certificates/remove", protocols.remove),
    ]


class _Protocols:
    """Handlers of the pages."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def show(self, visit: Visit) -> Response:
        """Show all of it, with a form for each part."""
        found, organization_id = await _find(visit)
        type_, config = found["type"], found.get(_CONFIG[found["type"]], {})
        further: Any = {}
        try:
            answer = await visit.api.get("/connections/{}/settings", found["id"])
            further = answer.get("settings", {})
        except errors.NotFound:
            further = None  # of an application, by which nobody signs in
        place, names = address(found["id"], organization_id)
        return self._door.render(
            visit,
            "connections",
            "connections/protocol.html",
            one=found,
            config=config,
            organization_id=organization_id,
            api=f"/api/v1{place.format(*names)}",
            simulated=found["provider"] == "IDP_SIMULATOR",
            certificates=connections.certificates_of(config) if type_ == SAML else [],
            endpoints=OIDC_ENDPOINTS,
            scopes=[(one, one, "") for one in SCOPES] if type_ == OIDC else [],
            switches=SWITCHES[type_],
            choices=CHOSEN[type_],
            settings_texts=TEXTS[type_],
            params=_lines(config.get("extensions", {}).get("extra_authorize_params", {})),
            further=further,
            further_switches=FURTHER[type_],
            further_texts=FURTHER_TEXTS[type_],
            roles=_lines(_within(further, "group_roles", "roles")),
            mapping=_lines(_within(further, "attribute_mapping", "attributes")),
            shown=json.dumps({**config, **(further or {})}, indent=2, ensure_ascii=False),
            here=visit.path("connections", found["id"], "protocol"),
            tabs=tabs_of(visit, found, "protocol"),
        )

    async def take_metadata(self, visit: Visit) -> Response:
        """Take SAML metadata: the address of it, or a file."""
        form = await uploads.read(visit.request)
        url, file = form.members.get("idp_metadata_url", "").strip(), form.files.get("metadata")
        given = {"idp_metadata_url": url}
        try:
            if url:
                if not await _is_tried_out(visit):
                    await visit.api.post("/sso/metadata:read", body={"metadata_url": url})
                await self._change(visit, SAML, given)
            else:
                content = b"" if file is None else file.content
                text = connections.text(content[: connections.MOST_METADATA + 1])
                if not text or len(content) > connections.MOST_METADATA:
                    raise errors.InvalidArgument.field(
                        "metadata" if content else "metadata_url",
                        "required",
                        "must be an address, or a file of XML of up to 256 KiB",
                    )
                found, _ = await _find(visit)
                await visit.api.post(
                    "/connections/{}/metadata:import", found["id"], body={"metadata": text}
                )
        except errors.InvalidArgument as problem:
            return self._wrong(visit, problem, given, "metadata" if file and not url else "")
        return self._done(visit)

    async def take_saml(self, visit: Visit) -> Response:
        """Take what a SAML provider says of itself, typed by hand; certificates may stay."""
        form = visit.request.form()
        given = connections.without_keys(form)
        config = {name: form.get(name, "").strip() for name in _HAND}
        pasted = form.get("certificate", "").strip()
        if pasted:
            config["idp_certificate"] = pasted
        # An address would bring its own metadata back with the next look.
        config["idp_metadata_url"] = ""
        return await self._send(visit, SAML, config, given)

    async def take_oidc(self, visit: Visit) -> Response:
        """Take what an OpenID Provider says of itself, and our client there."""
        form = {name: value.strip() for name, value in visit.request.form().items()}
        given = {name: value for name, value in form.items() if name != "client_secret"}
        found, _ = await _find(visit)
        known = found.get(_CONFIG[OIDC], {})
        config: dict[str, Any] = {name: form.get(name, "") for name in ("issuer", "client_id")}
        document = form.get("discovery_endpoint", "")
        if document != known.get("discovery_endpoint", ""):
            config["discovery_endpoint"] = document
        if form.get("client_secret"):
            config["client_secret"] = form["client_secret"]
        by_hand = form.get("configuration_type") == MANUAL
        type_ = MANUAL if by_hand else connections.DISCOVERY
        if by_hand:
            config |= {name: form.get(name, "") for name in OIDC_ENDPOINTS}
        try:
            asked = config.get("discovery_endpoint") or config["issuer"]
            if asked and not by_hand and not await _is_tried_out(visit):
                await visit.api.post("/sso/issuer:read", body={"issuer": asked})
            await self._change(visit, OIDC, config, {"configuration_type": type_})
        except errors.InvalidArgument as problem:
            return self._wrong(visit, problem, given)
        return self._done(visit)

    async def save(self, visit: Visit) -> Response:
        """Take the settings of the protocol."""
        form = visit.request.form()
        given = {**form, "form": "settings"}
        found, _ = await _find(visit)
        type_ = found["type"]
        config: dict[str, Any] = {name: form.get(name) == "true" for name in SWITCHES[type_]}
        config |= {name: form[name].strip() for name in TEXTS[type_] if name in form}
        for name, values in CHOSEN[type_].items():
            if form.get(name, "") in values or (type_ == OAUTH and name in form):
                config[name] = form[name]
        if type_ == OIDC:
            config["scopes"] = ["openid", *boxes.ticked(form, "scopes")]
        body: dict[str, Any] = {"debug_enabled": form.get("debug_enabled") == "true"}
        if "ui_button_title" in form:
            body["ui_button_title"] = form["ui_button_title"].strip()
        if form.get("key_id", "").strip():
            body["key_id"] = form["key_id"].strip()
        try:
            if "extra_authorize_params" in form:
                path = "connection.oauth_config.extensions.extra_authorize_params"
                params = forms.named(form, "extra_authorize_params", path)
                config["extensions"] = {"extra_authorize_params": params}
        except errors.InvalidArgument as problem:
            return self._wrong(visit, problem, given)
        return await self._send(visit, type_, config, given, body)

    async def save_further(self, visit: Visit) -> Response:
        """Take the settings that the Scalekit API lacks."""
        form, id_ = visit.request.form(), visit.request.params["id"]
        type_ = (await _find(visit))[0]["type"]
        body: dict[str, Any] = {name: form.get(name) == "true" for name in FURTHER[type_]}
        body |= {name: form[name].strip() for name in FURTHER_TEXTS[type_] if name in form}
        try:
            if "group_roles" in form:
                roles = forms.named(form, "group_roles", "settings.group_roles", by_last=True)
                body["group_roles"] = {"roles": roles}
            if "attribute_mapping" in form:
                names = forms.named(form, "attribute_mapping", "settings.attribute_mapping")
                body["attribute_mapping"] = {"attributes": names}
            await visit.api.patch("/connections/{}/settings", id_, body=body)
        except errors.InvalidArgument as problem:
            return self._wrong(visit, problem, {**form, "form": "further"})
        return self._done(visit)

    async def add(self, visit: Visit) -> Response:
        """Take one more certificate, beside those that there are."""
        pasted = visit.request.form().get("next_certificate", "").strip()
        found, _ = await _find(visit)
        known = [one["certificate"] for one in _certificates(found)]
        try:
            read = await visit.api.post("/sso/certificate:read", body={"certificate": pasted})
            pems = "\n".join([*known, read["certificate"]["certificate"]])
            await self._change(visit, SAML, {"idp_certificate": pems})
        except errors.InvalidArgument as problem:
            given = connections.without_keys({"next_certificate": pasted})
            return self._wrong(visit, problem, given, "next_certificate")
        return self._done(visit)

    async def remove(self, visit: Visit) -> Response:
        """Take a certificate away."""
        gone = visit.request.form().get("certificate_id", "")
        found, _ = await _find(visit)
        kept = [one["certificate"] for one in _certificates(found) if one["id"] != gone]
        return await self._send(visit, SAML, {"idp_certificate": "\n".join(kept)}, {})

    async def _change(
        self,
        visit: Visit,
        type_: str,
        config: Mapping[str, Any],
        beside: Mapping[str, Any] | None = None,
    ) -> None:
        found, organization_id = await _find(visit)
        if found["type"] != type_:
            raise errors.NotFound("connection")
        body = {**start(found), **(beside or {}), _CONFIG[type_]: config}
        place, names = address(found["id"], organization_id)
        await visit.api.patch(place, *names, body=body)

    async def _send(
        self,
        visit: Visit,
        type_: str,
        config: Mapping[str, Any],
        given: Mapping[str, str],
        beside: Mapping[str, Any] | None = None,
    ) -> Response:
        try:
            await self._change(visit, type_, config, beside)
        except errors.InvalidArgument as problem:
            return self._wrong(visit, problem, given)
        return self._done(visit)

    def _wrong(
        self, visit: Visit, problem: errors.Error, given: Mapping[str, str], place: str = ""
    ) -> Response:
        """Return the redirect to the page, which tells it at ``place`` where one is given."""
        fields = dict(_FIELDS)
        for one in problem.violations:
            for name in ("group_roles", "attribute_mapping"):
                if one.field.startswith(f"settings.{name}"):
                    fields[one.field] = name
            if place:
                fields[one.field] = place
        return self._door.wrong(visit, problem, self._path(visit), fields, given)

    def _done(self, visit: Visit) -> Response:
        return self._door.done(self._path(visit), "changed")

    def _path(self, visit: Visit) -> str:
        return visit.path("connections", visit.request.params["id"], "protocol")


async def _find(visit: Visit) -> tuple[Any, str]:
    found, organization_id = await find(visit)
    if found["type"] not in PROTOCOLS:
        raise errors.NotFound("connection")
    return found, organization_id


async def _is_tried_out(visit: Visit) -> bool:
    """Whether a connection takes addresses without TLS.

    Those of others are asked beforehand: a wrong one does not take the place of a good one.
    """
    found, _ = await _find(visit)
    return bool(found.get("debug_enabled"))


def _certificates(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    listed: list[Mapping[str, Any]] = found.get(_CONFIG[SAML], {}).get("idp_certificates", [])
    return listed


def _within(further: Mapping[str, Any] | None, *names: str) -> Mapping[str, str]:
    """Return a map within the further settings, an empty one where it is not there."""
    found: Any = further or {}
    for name in names:
        found = found.get(name) or {}
    return found  # type: ignore[no-any-return] # of the answer, whose members are of any type


def _lines(pairs: Mapping[str, str]) -> str:
    return "\n".join(f"{name} = {value}" for name, value in pairs.items())
