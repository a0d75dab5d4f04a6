"""Mail servers and templates of mail: `/console/mail/servers` and `/console/mail/templates`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from protobuf.wkt import Empty

from tenantry import errors
from tenantry.doors.console import organization_filter
from tenantry.doors.console.visit import Door, Page, Visit
from tenantry.gen.scalekit.v1.emails.emails_pb import (
    CreateEmailServerRequest,
    DeleteEmailServerRequest,
    DisableEmailServerRequest,
    EmailServerProvider,
    EnableEmailServerRequest,
    GetEmailServerRequest,
    PatchEmailServerSettingsRequest,
    PatchSMTPServerSettings,
    SMTPServerSettings,
)
from tenantry.gen.tenantry.v1.email_previews_pb import SendTestEmailRequest
from tenantry.identity.operators.model import OWNER
from tenantry.pages import uploads
from tenantry.pages.door import place_of
from tenantry.pages.problems import Problems
from tenantry.pages.rendering import HEADERS
from tenantry.web import MAX_BODY, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from tenantry.gen.scalekit.v1.emails.emails_pb import EmailServer

_SETTINGS = ("host", "port", "username", "from_email", "from_name")
_CONTENTS = ("subject", "html_content", "plain_content")
_OF_ALL = "-"
_DEFAULT_PORT = 587
# A mail brings its style along; nothing in it runs, or leads anywhere.
_PREVIEW_HEADERS = HEADERS | {
    "x-frame-options": "SAMEORIGIN",
    "content-security-policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src https:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'"
    ),
}


def pages(door: Door) -> list[Page]:
    """Return the pages of this subject."""
    servers, templates = _Servers(door), _Templates(door)
    return [
        Page("GET", "/mail/servers", servers.listed),
        Page("GET", "/mail/servers/new", servers.new, OWNER),
        Page("POST", "/mail/servers", servers.create, OWNER),
        Page("GET", "/mail/servers/{id}", servers.show),
        Page("POST", "/mail/servers/{id}/save", servers.save, OWNER),
        Page("POST", "/mail/servers/{id}/enable", servers.enable, OWNER),
        Page("POST", "/mail/servers/{id}/disable", servers.disable, OWNER),
        Page("POST", "/mail/servers/{id}/delete", servers.delete, OWNER),
        Page("POST", "/mail/servers/{id}/test", servers.test),
        Page("GET", "/mail/templates", templates.listed),
        Page("GET", "/mail/templates/new", templates.new, OWNER),
        Page("POST", "/mail/templates", templates.create, OWNER, body_limit=MAX_BODY),
        Page("POST", "/mail/templates/preview", templates.preview, body_limit=MAX_BODY),
        Page("GET", "/mail/templates/{id}", templates.show),
        Page("POST", "/mail/templates/{id}/save", templates.save, OWNER, body_limit=MAX_BODY),
        Page("POST", "/mail/templates/{id}/enable", templates.enable, OWNER),
        Page("POST", "/mail/templates/{id}/disable", templates.disable),
        Page("POST", "/mail/templates/{id}/delete", templates.delete),
    ]


class _Servers:
    """Handlers of the pages of servers."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List the servers, and say by which mail goes."""
        configuration = await visit.api.emails.get_email_configuration(Empty())
        listed = await visit.api.emails.list_email_servers(Empty())
        return self._door.render(
            visit,
            "mail",
            "mail/servers.html",
            owns=visit.has_role(OWNER),
            configuration=configuration,
            servers=listed.servers,
            fixed=bool(self._door.parts.settings.smtp_url),
        )

    async def new(self, visit: Visit) -> Response:
        """Show the form of a new server."""
        return self._shown(visit, None)

    async def show(self, visit: Visit) -> Response:
        """Show one server."""
        request = GetEmailServerRequest(server_id=visit.request.params["id"])
        return self._shown(visit, (await visit.api.emails.get_email_server(request)).server)

    def _shown(self, visit: Visit, server: EmailServer | None) -> Response:
        given = None if server is None else server.settings
        return self._door.render(
            visit,
            "mail",
            "mail/server.html",
            server=server,
            shown=SMTPServerSettings(port=_DEFAULT_PORT) if given is None else given.value,
            owns=visit.has_role(OWNER),
        )

    async def create(self, visit: Visit) -> Response:
        """Keep a new server."""
        form = visit.request.form()
        provider = EmailServerProvider.__members__.get(form.get("provider", ""))
        request = CreateEmailServerRequest(
            provider=provider or EmailServerProvider.EMAIL_SERVER_UNSPECIFIED,
            settings=SMTPServerSettings(
                host=form.get("host", "").strip(),
                port=_port(form),
                username=form.get("username", "").strip(),
                password=form.get("password", ""),
                from_email=form.get("from_email", "").strip(),
                from_name=form.get("from_name", "").strip(),
            ),
        )
        try:
            made = await visit.api.emails.create_email_server(request)
        except errors.InvalidArgument as problem:
            return self._wrong(visit, problem, visit.path("mail", "servers", "new"))
        assert made.server is not None
        return self._door.done(visit.path("mail", "servers", made.server.id), "server_made")

    async def save(self, visit: Visit) -> Response:
        """Replace the settings of a server."""
        server_id = visit.request.params["id"]
        path, form = visit.path("mail", "servers", server_id), visit.request.form()
        settings = PatchSMTPServerSettings(
            host=form.get("host", "").strip(),
            port=_port(form),
            username=form.get("username", "").strip(),
            password=form.get("password", ""),
            from_email=form.get("from_email", "").strip(),
            from_name=form.get("from_name", "").strip(),
        )
        try:
            await visit.api.emails.update_email_server_settings(
                PatchEmailServerSettingsRequest(server_id=server_id, settings=settings)
            )
        except errors.InvalidArgument as problem:
            return self._wrong(visit, problem, path)
        return self._door.done(path, "server_saved")

    async def enable(self, visit: Visit) -> Response:
        """Have mail go by a server."""
        request = EnableEmailServerRequest(server_id=visit.request.params["id"])
        return await self._act(
            visit, visit.api.emails.enable_email_server(request), "server_enabled"
        )

    async def disable(self, visit: Visit) -> Response:
        """Have mail go by it no more."""
        request = DisableEmailServerRequest(server_id=visit.request.params["id"])
        return await self._act(
            visit, visit.api.emails.disable_email_server(request), "server_disabled"
        )

    async def delete(self, visit: Visit) -> Response:
        """Delete a server."""
        request = DeleteEmailServerRequest(server_id=visit.request.params["id"])
        await visit.api.emails.delete_email_server(request)
        return self._door.done(visit.path("mail", "servers"), "server_deleted")

    async def test(self, visit: Visit) -> Response:
        """Send a mail by a server, enabled or not."""
        server_id = visit.request.params["id"]
        to = visit.request.form().get("to", "").strip()
        path = visit.path("mail", "servers", server_id)
        try:
            sent = await visit.api.email_previews.send_test_email(
                SendTestEmailRequest(to=to, server_id=server_id)
            )
        except errors.InvalidArgument as problem:
            return self._door.wrong(visit, problem, path, {"to": "to"}, {"to": to})
        return self._door.done(f"{path}?sent={sent.mail_id}", "test_queued")

    async def _act(self, visit: Visit, call: Awaitable[object], change: str) -> Response:
        path = visit.path("mail", "servers", visit.request.params["id"])
        try:
            await call
        except errors.Fixed as problem:
            return self._door.wrong(visit, problem, path)
        return self._door.done(path, change)

    def _wrong(self, visit: Visit, problem: errors.InvalidArgument, path: str) -> Response:
        form = visit.request.form()
        fields = {f"settings.{name}": name for name in (*_SETTINGS, "password")}
        given = {name: form.get(name, "") for name in ("provider", *_SETTINGS)}
        return self._door.wrong(visit, problem, path, fields, given)


class _Templates:
    """Handlers of the pages of templates."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def listed(self, visit: Visit) -> Response:
        """List the use cases with the templates of each, of the environment or an organization."""
        asked = visit.query("organization_id")
        chosen = await organization_filter.find(visit, "" if asked == _OF_ALL else asked)
        organization_id = chosen.id or _OF_ALL
        kept: Any = {"templates": []}
        if not chosen.is_unresolved:
            kept = await visit.api.get("/organizations/{}/email/templates", organization_id)
        cases = await visit.api.get("/email/templates/usecases")
        templates: dict[str, list[Any]] = {}
        for one in kept["templates"]:
            templates.setdefault(one["use_case"], []).append(one)
        return self._door.render(
            visit,
            "mail",
            "mail/templates.html",
            owns=visit.has_role(OWNER),
            organization_id=organization_id,
            chosen=chosen,
            cases=[one for one in cases["use_cases"] if one["display"]],
            templates=templates,
        )

    async def new(self, visit: Visit) -> Response:
        """Show the form of a new template, with our words as its draft."""
        case = await self._case(visit, visit.query("use_case"))
        draft = {name: case["default_template"][name] for name in _CONTENTS}
        return self._form(visit, visit.query("organization_id") or _OF_ALL, case, contents=draft)

    async def show(self, visit: Visit) -> Response:
        """Show one template."""
        organization_id = visit.query("organization_id") or _OF_ALL
        template = await self._template(visit, organization_id)
        case = await self._case(visit, template["use_case"])
        return self._form(visit, organization_id, case, contents=template, template=template)

    async def create(self, visit: Visit) -> Response:
        """Keep a new template."""
        form = _unix((await uploads.read(visit.request)).members)
        organization_id = form.get("organization_id") or _OF_ALL
        body = {"use_case": form.get("use_case", ""), **_contents(form)}
        try:
            made = await visit.api.post(
                "/organizations/{}/email/templates", organization_id, body=body
            )
        except errors.InvalidArgument as problem:
            case = await self._case(visit, body["use_case"])
            return self._form(visit, organization_id, case, contents=form, problem=problem)
        return self._done(visit, organization_id, made["template"]["id"], "template_made")

    async def save(self, visit: Visit) -> Response:
        """Give a template other contents."""
        form = _unix((await uploads.read(visit.request)).members)
        organization_id = form.get("organization_id") or _OF_ALL
        template_id = visit.request.params["id"]
        try:
            await visit.api.patch(
                "/organizations/{}/email/templates/{}",
                organization_id,
                template_id,
                body=_contents(form),
            )
        except errors.InvalidArgument as problem:
            template = await self._template(visit, organization_id)
            case = await self._case(visit, template["use_case"])
            return self._form(
                visit, organization_id, case, contents=form, template=template, problem=problem
            )
        return self._done(visit, organization_id, template_id, "template_saved")

    async def enable(self, visit: Visit) -> Response:
        """Have mail made by a template."""
        return await self._switch(visit, "enable")

    async def disable(self, visit: Visit) -> Response:
        """Have mail made by it no more."""
        return await self._switch(visit, "disable")

    async def delete(self, visit: Visit) -> Response:
        """Delete a template."""
        organization_id = visit.request.form().get("organization_id") or _OF_ALL
        await visit.api.delete(
            "/organizations/{}/email/templates/{}", organization_id, visit.request.params["id"]
        )
        path = visit.path("mail", "templates", organization_id=organization_id)
        return self._door.done(path, "template_deleted")

    async def preview(self, visit: Visit) -> Response:
        """Answer with the mail that unsaved contents make, for a frame beside them."""
        form = _unix((await uploads.read(visit.request)).members)
        body = {"use_case": form.get("use_case", ""), **_contents(form)}
        try:
            shown = await visit.api.post("/email/templates:preview", body=body)
        except errors.InvalidArgument as problem:
            response = Response(400, problem.message.encode(), {"content-type": "text/plain"})
        else:
            response = Response.html(shown["html_content"])
        response.headers |= _PREVIEW_HEADERS
        return response

    def _form(
        self,
        visit: Visit,
        organization_id: str,
        case: Mapping[str, Any],
        *,
        contents: Mapping[str, str],
        template: Mapping[str, Any] | None = None,
        problem: errors.InvalidArgument | None = None,
    ) -> Response:
        """Return the page of a template; contents are too long to travel in a redirect."""
        response = self._door.render(
            visit,
            "mail",
            "mail/template.html",
            owns=visit.has_role(OWNER),
            organization_id=organization_id,
            case=case,
            kept=template,
            contents={name: contents.get(name, "") for name in _CONTENTS},
            problems=None if problem is None else _beside(problem),
        )
        if problem is not None:
            response.status = problem.status
        response.headers["content-security-policy"] += "; frame-src 'self'"
        return response

    async def _template(self, visit: Visit, organization_id: str) -> dict[str, Any]:
        found = await visit.api.get(
            "/organizations/{}/email/templates/{}", organization_id, visit.request.params["id"]
        )
        template: dict[str, Any] = found["template"]
        return template

    async def _case(self, visit: Visit, use_case: str) -> dict[str, Any]:
        cases = (await visit.api.get("/email/templates/usecases"))["use_cases"]
        found = next((one for one in cases if one["use_case"] == use_case), None)
        if found is None:
            raise errors.NotFound("use case")
        case: dict[str, Any] = found
        return case

    async def _switch(self, visit: Visit, action: str) -> Response:
        organization_id = visit.request.form().get("organization_id") or _OF_ALL
        template_id = visit.request.params["id"]
        try:
            await visit.api.patch(
                f"/organizations/{{}}/email/templates/{{}}:{action}", organization_id, template_id
            )
        except errors.InvalidArgument as problem:  # it was kept before it was checked
            template = await self._template(visit, organization_id)
            case = await self._case(visit, template["use_case"])
            return self._form(
                visit, organization_id, case, contents=template, template=template, problem=problem
            )
        return self._done(visit, organization_id, template_id, f"template_{action}d")

    def _done(self, visit: Visit, organization_id: str, template_id: str, change: str) -> Response:
        path = visit.path("mail", "templates", template_id, organization_id=organization_id)
        return self._door.done(path, change)


def _beside(problem: errors.InvalidArgument) -> Problems:
    place = place_of(problem, {f"template.{name}": name for name in _CONTENTS})
    return Problems({place: "refusal.said"}, {"": problem.message})


def _port(form: Mapping[str, str]) -> int:
    """Return the port of a form, 0 where it is no number."""
    text = form.get("port", "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _contents(form: Mapping[str, str]) -> dict[str, str]:
    return {name: form.get(name, "") for name in _CONTENTS}


def _unix(form: dict[str, str]) -> dict[str, str]:
    """Return a form with the line ends of a text: browsers send both characters."""
    return {name: value.replace("\r\n", "\n") for name, value in form.items()}
