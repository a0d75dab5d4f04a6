"""Email servers: `/console/mail/servers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protobuf.wkt import Empty

from tenantry.core import errors
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
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

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from tenantry.gen.scalekit.v1.emails.emails_pb import EmailServer
    from tenantry.net.http import Response

_SETTINGS = ("host", "port", "username", "from_email", "from_name")
_DEFAULT_PORT = 587


def pages(site: ConsoleSite) -> list[Page]:
    servers = _Servers(site)
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
    ]


class _Servers:
    """Handlers of the pages of servers."""

    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        """List the servers, and say by which mail goes."""
        configuration = await visit.api.emails.get_email_configuration(Empty())
        listed = await visit.api.emails.list_email_servers(Empty())
        return self._site.render(
            visit,
            "mail",
            "mail/servers.html",
            owns=visit.has_role(OWNER),
            configuration=configuration,
            servers=listed.servers,
            fixed=bool(self._site.context.settings.smtp_url),
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
        return self._site.render(
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
        return self._site.done(visit.path("mail", "servers", made.server.id), "server_made")

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
        return self._site.done(path, "server_saved")

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
        of = visit.request.form().get("of", "")
        return self._site.done(visit.path("mail", "servers"), "server_deleted", of)

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
            return self._site.wrong(visit, problem, path, {"to": "to"}, {"to": to})
        return self._site.done(f"{path}?sent={sent.mail_id}", "test_queued")

    async def _act(self, visit: Visit, call: Awaitable[object], change: str) -> Response:
        path = visit.path("mail", "servers", visit.request.params["id"])
        try:
            await call
        except errors.SettingFixed as problem:
            return self._site.wrong(visit, problem, path)
        return self._site.done(path, change)

    def _wrong(self, visit: Visit, problem: errors.InvalidArgument, path: str) -> Response:
        form = visit.request.form()
        fields = {f"settings.{name}": name for name in (*_SETTINGS, "password")}
        given = {name: form.get(name, "") for name in ("provider", *_SETTINGS)}
        return self._site.wrong(visit, problem, path, fields, given)


def _port(form: Mapping[str, str]) -> int:
    """Return the port of a form, 0 where it is no number."""
    text = form.get("port", "").strip()
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
