"""Branding: `/console/branding`, a form beside previews of the pages with what it holds.

A preview is the answer to the form itself, in a frame. Its style sheet is asked for by an address
that holds the unsaved values, encrypted: nothing is stored for it, and no page has a style within.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

from protobuf.wkt import Struct

from tenantry.core import errors, structs
from tenantry.core.times import SECOND, now
from tenantry.crypto.vault import Binding, WrongKey
from tenantry.endpoints.console.visit import ROOT, ConsoleSite, Page, Visit
from tenantry.events.email import branding as email_branding
from tenantry.events.email.rendering import Templates
from tenantry.gen.scalekit.v1.connections.connections_pb import (
    ConnectionType,
    ListConnectionsRequest,
)
from tenantry.gen.scalekit.v1.environments.environments_pb import (
    GetPortalCustomizationRequest,
    UpdatePortalCustomizationRequest,
)
from tenantry.gen.tenantry.v1.settings_pb import ListSettingsRequest
from tenantry.identity.connections.providers import provider_names
from tenantry.identity.operators.model import READER
from tenantry.net.http import Response, Route
from tenantry.tenants.branding import assets, customization, pictures
from tenantry.tenants.environment.effective import STORABLE, combined
from tenantry.web import rendering, words
from tenantry.web.assets import Asset
from tenantry.web.forms import uploads
from tenantry.web.themes import Kind, Theme, Themes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tenantry.net.http import Request
    from tenantry.settings import Settings
    from tenantry.tenants.environment.effective import Effective

SCRIPT = Asset.of_files(f"{ROOT}/branding.js", "endpoints/console/static/branding.js")
STYLE = Asset.of_files(f"{ROOT}/branding.css", "endpoints/console/static/branding.css")
_BINDING = Binding("preview of branding")
_PREVIEW_SECONDS = 600
_PREVIEWS = {
    "sign-in": "branding.preview_sign_in",
    "portal": "branding.preview_portal",
    "mail": "branding.preview_mail",
}
# Ids of fields by the members of the document, and those that hold the address of a picture.
_IDS = {path: path.replace(".", "_") for path in customization.MEMBERS}
_PICTURES = tuple(path for path in _IDS if path.endswith("_url"))
_FRAMED = {"x-frame-options": "SAMEORIGIN", "referrer-policy": "no-referrer"}


def pages(site: ConsoleSite) -> list[Page]:
    branding = _Branding(site)
    limit = 3 * pictures.MAX_BYTES
    return [
        Page("GET", "/branding", branding.show),
        Page("POST", "/branding/save", branding.save, body_limit=limit),
        Page("POST", "/branding/preview/{page}", branding.preview, READER),
    ]


def routes(site: ConsoleSite) -> list[Route]:
    """Return what these pages load."""
    branding = _Branding(site)
    return [
        SCRIPT.route,
        STYLE.route,
        Route("GET", f"{ROOT}/branding/preview/{{token}}/{{file}}", branding.file),
    ]


class _Branding:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def show(self, visit: Visit) -> Response:
        """Show the form, and the previews beside it."""
        known = await _theme(visit)
        listed = await visit.api.settings.list_settings(ListSettingsRequest())
        changeable = {one.name for one in listed.settings if one.changeable}
        given = self._site.problems(visit.request).given
        values = {id_: given.get(id_, _member(known, path)) for path, id_ in _IDS.items()}
        fixed = {
            id_: f"TENANTRY_{customization.MEMBERS[path].upper()}"
            for path, id_ in _IDS.items()
            if customization.MEMBERS[path] not in changeable
        }
        response = self._site.render(
            visit,
            "branding",
            "branding/branding.html",
            values=values,
            fixed=fixed,
            previews=_PREVIEWS,
            branding_script=SCRIPT,
            branding_style=STYLE,
        )
        policy = response.headers["content-security-policy"]
        response.headers["content-security-policy"] = f"{policy}; frame-src 'self'"
        return response

    async def save(self, visit: Visit) -> Response:
        """Replace the look, and keep the pictures that came."""
        form = await uploads.read(visit.request)
        path = visit.path("branding")
        given = _given(form.members)
        theme = await _theme(visit)
        fields = {f"customization_settings.{member}": id_ for member, id_ in _IDS.items()}
        try:
            for member in _PICTURES:
                upload = form.files.get(f"{_IDS[member]}_file")
                if upload is not None and upload.content:
                    stored = await assets.store(
                        visit.call,
                        upload.content,
                        given=self._site.context.effective.given,
                        field=f"customization_settings.{member}",
                    )
                    given[_IDS[member]] = f"{self._site.public_url}{stored}"
            for member, id_ in _IDS.items():
                if id_ in given:
                    _set_member(theme, member, given[id_])
            await visit.api.environments.update_portal_customization(
                UpdatePortalCustomizationRequest(
                    id=visit.call.db.environment_id,
                    customization_settings=Struct.from_python(theme),
                )
            )
        except errors.InvalidArgument as problem:
            return self._site.wrong(visit, problem, path, fields, given)
        return self._site.done(path, "branding_saved")

    async def preview(self, visit: Visit) -> Response:
        """Show a page as it would be with what the form holds."""
        page = visit.request.params["page"]
        form = visit.request.form()
        given = _given(form)
        known = {member: given[id_] for member, id_ in _IDS.items() if id_ in given}
        texts = self._texts(known)
        settings = combined(self._site.context.effective.given, texts)
        if page == "mail":
            return self._mail(settings)
        if page not in _PREVIEWS:
            raise errors.NotFound("preview")
        kind = Kind.LOGIN if page == "sign-in" else Kind.PORTAL
        theme = Theme.of(settings, kind, f"{ROOT}/branding/preview/{self._seal(texts)}")
        shown = rendering.Pages(
            "login" if kind is Kind.LOGIN else "console",
            _Fixed(theme, self._site.context.effective),
            layout="login/templates/layout.html" if kind is Kind.LOGIN else "base.html",
            defaults={"path": ""},
        )
        if kind is Kind.LOGIN:
            response = await _sign_in_page(shown, visit, settings)
        else:
            response = shown.render("branding/portal.html", visit.words)
        policy = response.headers["content-security-policy"]
        for name in ("script-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"):
            policy = policy.replace(f"{name}; ", "")
        response.headers |= {
            **_FRAMED,
            "content-security-policy": f"{policy}; form-action 'none'; frame-ancestors 'self'",
        }
        return response

    async def file(self, request: Request) -> Response:
        """Answer with the style sheet or icon of a preview: its address is all that it takes."""
        texts = self._open(request.params["token"])
        settings = combined(self._site.context.effective.given, texts)
        at = request.path.rpartition("/")[0]
        for kind in (Kind.LOGIN, Kind.PORTAL):
            theme = Theme.of(settings, kind, at)
            for asset in (theme.style, theme.icon):
                if asset.path == request.path:
                    return await asset.answer(request)
        raise errors.NotFound("preview")

    def _mail(self, settings: Settings) -> Response:
        at = now()
        variables = {
            **email_branding.variables(settings),
            "organization_name": None,
            "user_email": "ada@example.com",
            "otp": "417 029",
            "link": f"{settings.public_url}/",
            "expire_time": at + 300 * SECOND,
            "expiry_time": at + 300 * SECOND,
        }
        templates = Templates(settings.mail_templates, settings.mail_language)
        made = templates.render("sign_in_code", variables)
        policy = (
            "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https: 'self'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
        )
        response = Response.html(made.html)
        response.headers |= rendering.HEADERS | _FRAMED | {"content-security-policy": policy}
        return response

    def _texts(self, known: Mapping[str, str]) -> dict[str, str]:
        """Return the texts in effect with these, and without those that cannot be used."""
        effective = self._site.context.effective
        texts = dict(effective.stored)
        for path, name in customization.MEMBERS.items():
            if path in known and name not in effective.given.given:
                found = customization.texts_of({path: known[path]}, effective)
                with contextlib.suppress(ValueError):
                    for text in found.values():
                        STORABLE[name].metadata["parse"](text)
                    texts.pop(name, None)
                    texts |= found
        return texts

    def _seal(self, texts: Mapping[str, str]) -> str:
        held = {name: texts[name] for name in customization.MEMBERS.values() if name in texts}
        content = json.dumps([held, now() + _PREVIEW_SECONDS * SECOND]).encode()
        return self._site.db.vault.encrypt_for_url(content, _BINDING)

    def _open(self, token: str) -> dict[str, str]:
        try:
            opened = self._site.db.vault.decrypt_from_url(token, _BINDING)
            held, until = json.loads(opened)
        except (WrongKey, ValueError):
            raise errors.NotFound("preview") from None
        if until < now():
            raise errors.NotFound("preview")
        texts: dict[str, str] = held
        return texts


class _Fixed(Themes):
    """The one look of a preview, in the place of those of the process."""

    def __init__(self, theme: Theme, effective: Effective) -> None:
        super().__init__(effective)
        self._theme = theme

    def now(self, _kind: Kind = Kind.LOGIN) -> Theme:
        return self._theme


async def _sign_in_page(shown: rendering.Pages, visit: Visit, settings: Settings) -> Response:
    """Return the sign-in page with the methods and social providers that are in use."""
    accepted = visit.request.headers.get("accept-language", "")
    listed = await visit.api.connections.list_connections(ListConnectionsRequest())
    social = [
        ("#", one.ui_button_title, provider_names.display_name(one.provider.name, one.provider_key))
        for one in sorted(listed.connections, key=lambda one: one.id)
        if one.type is ConnectionType.OAUTH
    ]
    return shown.render(
        "sign_in.html",
        words.choose("login", accepted, ()),
        page="sign_in",
        email="",
        notice="",
        is_known=False,
        methods=settings.own_methods,
        may_sign_up=settings.may_sign_up and settings.own_methods != ("passkey",),
        social=social,
        given={},
    )


def _given(form: Mapping[str, str]) -> dict[str, str]:
    """Return what a form says of the look, by the ids of its fields; "" for a picture taken off."""
    given = {id_: form[id_].strip() for id_ in _IDS.values() if id_ in form}
    return {id_: "" if form.get(f"{id_}_off") == "true" else text for id_, text in given.items()}


async def _theme(visit: Visit) -> dict[str, Any]:
    request = GetPortalCustomizationRequest()
    found = await visit.api.environments.get_portal_customization(request)
    assert found.customization_settings is not None
    return structs.members(found.customization_settings)


def _member(theme: Mapping[str, Any], path: str) -> str:
    section, _, member = path.rpartition(".")
    value: str = (theme.get(section, {}) if section else theme).get(member, "")
    return value


def _set_member(theme: dict[str, Any], path: str, value: str) -> None:
    section, _, member = path.rpartition(".")
    (theme.setdefault(section, {}) if section else theme)[member] = value
