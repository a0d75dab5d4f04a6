"""Mail that waits, was sent or has failed; its text is shown nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.endpoints.console import forms, names
from tenantry.endpoints.console.visit import ConsoleSite, Page, Visit
from tenantry.gen.tenantry.v1.mail_pb import GetMailRequest, ListMailRequest, RetryMailRequest

if TYPE_CHECKING:
    from tenantry.net.http import Response

STATES = ("", "QUEUED", "SENT", "KEPT", "FAILED", "DROPPED")
_SHOWN = 30


def pages(site: ConsoleSite) -> list[Page]:
    mail = _Emails(site)
    return [
        Page("GET", "/mail", mail.listed),
        Page("GET", "/mail/{id}", mail.show),
        Page("POST", "/mail/{id}/retry", mail.retry),
    ]


class _Emails:
    def __init__(self, site: ConsoleSite) -> None:
        self._site = site

    async def listed(self, visit: Visit) -> Response:
        state, recipient = visit.query("state"), visit.query("recipient").strip()[:320]
        query = {"state": state if state in STATES else "", "recipient": recipient}
        query = {name: value for name, value in query.items() if value}
        listed = await visit.api.mail.list_mail(
            ListMailRequest(
                state=query.get("state", ""),
                recipient=query.get("recipient", ""),
                page_size=_SHOWN,
                page_token=visit.query("page_token"),
            )
        )
        server = urlsplit(self._site.context.settings.smtp_url or "").hostname
        return self._site.render(
            visit,
            "mail",
            "mail/list.html",
            listed=listed,
            query=query,
            states=STATES,
            server=server,
        )

    async def show(self, visit: Visit) -> Response:
        found = await visit.api.mail.get_mail(GetMailRequest(mail_id=visit.request.params["id"]))
        return self._site.render(
            visit,
            "mail",
            "mail/one.html",
            names=await names.of_rows(visit, [found.mail], "organization_id"),
            mail=found.mail,
        )

    async def retry(self, visit: Visit) -> Response:
        """Send it at once."""
        mail_id = visit.request.params["id"]
        call = visit.api.mail.retry_mail(RetryMailRequest(mail_id=mail_id))
        return await forms.send(self._site, visit, call, visit.path("mail", mail_id), "queued")
