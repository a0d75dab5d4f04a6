"""The HTTP routes of this package: `/dev/mail` lists the newest mail, `/dev/mail/{id}` shows one.

`/dev/mail.json` is the same list for programs, such as tests of a sign-in. The page is up to date
by itself: a script asks for it again, without one the page loads anew.
`/dev/token` is for the docs, see `token.py`. `/dev/design` shows the parts that pages are made of.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tenantry.core import errors, urlencoded
from tenantry.core.times import rfc3339
from tenantry.endpoints.dev import design, token
from tenantry.events.email import service as mail
from tenantry.net import email_addresses
from tenantry.net.http import Request, Response, Route
from tenantry.web.assets import Asset
from tenantry.web.development import Gate
from tenantry.web.rendering import PLAIN_HEADERS, PLAIN_STYLE, page

if TYPE_CHECKING:
    from tenantry.app_context import AppContext
    from tenantry.db.engine import Database
    from tenantry.events.email.model import Email
    from tenantry.events.email.service import Content

_SHOWN = 100
_CSP = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A mail's style is inline, and its frame inherits this policy; scripts run in neither.
_CSP_OF_ONE = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_STYLE = Asset.of_files("/dev/mail/dev.css", PLAIN_STYLE, "endpoints/dev/static/dev.css")
_SCRIPT = Asset.of_files("/dev/mail/dev.js", "endpoints/dev/static/dev.js")


def routes(context: AppContext) -> list[Route]:
    """Return the routes of this package: nothing, unless the server is for development."""
    settings = context.settings
    if not settings.development:
        return []
    gate = Gate(settings)
    development = Development(context.db, gate)
    # Strangers must not reach it: the token can call every API.
    issuing = [Route("POST", token.PATH, token.Token(context, gate).issue)]
    return [
        *(issuing if settings.is_local else ()),
        Route("GET", "/dev/mail", development.listing),
        Route("GET", "/dev/mail.json", development.said),
        Route("GET", _STYLE.path, development.style),
        Route("GET", _SCRIPT.path, development.script),
        Route("GET", "/dev/mail/{id}", development.one),
        Route("GET", design.PATH, design.Design(context, gate).show),
    ]


class Development:
    def __init__(self, db: Database, gate: Gate) -> None:
        self._db = db
        self._gate = gate

    async def listing(self, request: Request) -> Response:
        """List the newest mail, each with the code or link that it holds."""
        self._gate.check(request)
        found = await mail.newest_said(self._db, limit=_SHOWN)
        return _page("list.html", _CSP, found=found, shown=_SHOWN)

    async def said(self, request: Request) -> Response:
        """Return the newest mail as JSON, that of one ``recipient`` if the query names one."""
        self._gate.check(request)
        try:
            query = dict(urlencoded.members(request.query, most=10))
        except ValueError:
            raise errors.InvalidArgument("the query is malformed") from None
        recipient = query.get("recipient", "")
        found = await mail.newest_said(self._db, limit=_SHOWN)
        key = email_addresses.key(recipient) if recipient else None
        listed = [
            _members(one, content)
            for one, content in found
            if key is None or email_addresses.key(one.recipient) == key
        ]
        return Response.json({"mail": listed}, cache_control="no-store")

    async def one(self, request: Request) -> Response:
        """Show one mail: its state, its text, and its HTML in its own frame."""
        self._gate.check(request)
        found = await mail.find(self._db, request.params["id"])
        if found is None:
            raise errors.NotFound("mail")
        return _page("mail.html", _CSP_OF_ONE, mail=found[0], content=found[1])

    async def style(self, request: Request) -> Response:
        """Return the style sheet."""
        self._gate.check(request)
        return await _STYLE.answer(request)

    async def script(self, request: Request) -> Response:
        """Return the script that keeps the list up to date."""
        self._gate.check(request)
        return await _SCRIPT.answer(request)


def _members(found: Email, content: Content | None) -> dict[str, object]:
    """Return an email as JSON; its content is absent where it is not kept here."""
    members: dict[str, object] = {
        "id": found.id,
        "recipient": found.recipient,
        "template": found.template,
        "state": found.state,
        "create_time": rfc3339(found.create_time),
    }
    if content is not None:
        members |= {
            "subject": content.subject,
            "text": content.text,
            "code": content.code,
            "link": content.link,
        }
    return members


def _page(template: str, policy: str, **values: object) -> Response:
    headers = PLAIN_HEADERS | {"content-security-policy": policy}
    values |= {"style_url": _STYLE.url, "script_url": _SCRIPT.url, "moment": _moment}
    return page(f"dev/templates/{template}", values, headers=headers)


def _moment(microseconds: int) -> str:
    return f"{datetime.fromtimestamp(microseconds // 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
