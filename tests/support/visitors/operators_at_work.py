"""Browsers of operators, over HTTP: signed in by a link that is made beside the server."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from tenantry.call import Call
from tenantry.core.caller import SYSTEM
from tenantry.identity.operators import service
from tenantry.identity.operators.model import OPERATOR, OWNER

if TYPE_CHECKING:
    import httpx

    from tenantry.db.engine import Database

__all__ = ["OPERATOR", "OWNER", "Browser", "enter", "link_of", "texts"]

FORM = "application/x-www-form-urlencoded"  # also of a form without fields
OWN = {"sec-fetch-site": "same-origin"}  # as browsers say of a form of ours


async def link_of(database: Database, role: str = OWNER) -> str:
    """The token of a link that makes an operator of this role."""
    return await service.make_link(Call(SYSTEM, database, "req_test"), role=role)


async def enter(
    http: httpx.AsyncClient, database: Database, role: str = OWNER, *, name: str = ""
) -> Browser:
    """A browser in which an operator of this role has signed in."""
    token = await link_of(database, role)
    form = {"name": name or f"Ada the {role}", "email": f"{role.lower()}@example.com"}
    opened = await http.post(f"/console/enter/{token}", data=form, headers=OWN)
    assert opened.status_code == 303, opened.text
    return Browser(http, opened.headers["set-cookie"].partition(";")[0])


@dataclass
class Browser:
    """Asks for pages, and sends forms."""

    http: httpx.AsyncClient
    cookie: str

    async def get(self, path: str, status: int = 200, **headers: str) -> str:
        """The text of a page."""
        answer = await self.http.get(path, headers={"cookie": self.cookie, **headers})
        assert answer.status_code == status, (path, answer.status_code, answer.text[-800:])
        return answer.text

    async def post(self, path: str, **fields: Any) -> httpx.Response:
        """The answer to a form of our own pages."""
        headers = {"cookie": self.cookie, "content-type": FORM, **OWN}
        return await self.http.post(path, content=urlencode(fields), headers=headers)

    async def send(self, path: str, **fields: Any) -> str:
        """The page that follows a form."""
        answer = await self.post(path, **fields)
        assert answer.status_code == 303, (path, answer.status_code, answer.text[-800:])
        return await self.get(answer.headers["location"])

    async def lands(self, path: str, **fields: Any) -> str:
        """The path of the page that follows a form."""
        answer = await self.post(path, **fields)
        assert answer.status_code == 303, (path, answer.status_code, answer.text[-800:])
        return urlsplit(answer.headers["location"]).path


def texts(page: str) -> str:
    """The words of a page, without its markup."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))
