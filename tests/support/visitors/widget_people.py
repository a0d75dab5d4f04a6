"""Members at a running server, with the browser in which they are signed in."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from apis import unique
from signed_in_people import COOKIE, Person
from sqlalchemy import bindparam, select

from tenantry.db.sql.statements import Statement
from tenantry.tenants.memberships import invitations
from tenantry.tenants.users.model import memberships

if TYPE_CHECKING:
    import httpx

ORGANIZATION, PROFILE = "/ui/organization", "/ui/profile"
FEATURES = ("sso", "dir_sync", "domain_verification", "session_policy")
HOSTILE = "\"><img src=x onerror=alert(1)><script>alert('1')</script>{{7907*7919}}\u202e"
_INVITED = Statement(
    select(memberships.c.id, memberships.c.expire_time).where(
        memberships.c.organization_id == bindparam("p_organization_id"),
        memberships.c.user_id == bindparam("p_user_id"),
    )
)


class Member:
    """A signed-in member, and their browser without scripts."""

    def __init__(self, person: Person, http: httpx.AsyncClient) -> None:
        self.person = person
        self._http = http
        self.headers = {"accept-language": "en", "cookie": f"{COOKIE}={person.secret}"}
        self._ours = {"origin": person.server.url, "sec-fetch-site": "same-origin"}

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self._http.get(path, headers=self.headers | headers)

    async def post(
        self, path: str, headers: dict[str, str] | None = None, /, **form: str
    ) -> httpx.Response:
        """Send a form, of our own pages unless the headers say otherwise."""
        named = self.headers | (self._ours if headers is None else headers)
        named["content-type"] = "application/x-www-form-urlencoded"
        return await self._http.post(path, headers=named, content=urlencode(form))

    async def done(self, path: str, /, **form: str) -> httpx.Response:
        """Send a form that is taken: return the page that tells so."""
        sent = await self.post(path, **form)
        assert sent.status_code == 303, sent.text
        assert "failed=" not in sent.headers["location"], text_of(
            await self.get(sent.headers["location"])
        )
        return await self.get(sent.headers["location"])

    async def refused(self, path: str, /, **form: str) -> str:
        """Send a form that is not taken: return the words of the page that says why."""
        sent = await self.post(path, **form)
        assert sent.status_code == 303, sent.text
        assert "failed=" in sent.headers["location"], sent.headers["location"]
        page = await self.get(sent.headers["location"])
        assert page.status_code == 200, page.text
        assert "<title>Error: " in page.text
        return text_of(page)


class People:
    """Makes members of one deployment."""

    def __init__(self, server: Any, database: Any, http: Any, rest: Any, make: Any) -> None:
        self.server, self.database, self.http = server, database, http
        self.rest, self.make = rest, make

    async def organization(self, *features: str, **members: Any) -> str:
        """A new organization with these features on, all by itself."""
        made = await self.make.organization(**members)
        on = [{"name": name, "enabled": True} for name in features or FEATURES]
        await self.rest.organizations.update_organization_settings(
            id=made["id"], settings={"features": on}
        )
        id_: str = made["id"]
        return id_

    async def member(self, organization_id: str, *roles: str, **members: Any) -> Member:
        """A new member with these roles, signed in."""
        membership = {"roles": [{"name": name} for name in roles]}
        user = await self.make.user(organization_id, membership=membership, **members)
        return await self.signed_in(user)

    async def signed_in(self, user: dict[str, Any]) -> Member:
        person = Person(self.server, self.database, user)
        await person.sign_in()
        return Member(person, self.http)

    async def role(self, *permissions: str) -> str:
        """The name of a new role that permits this."""
        name = f"r_{unique()}".replace("-", "_")
        role = {"name": name, "display_name": f"Role {name}", "permissions": list(permissions)}
        await self.rest.roles.create_role(role=role)
        return name

    async def accept(self, organization_id: str, user_id: str) -> httpx.Response:
        """Follow the link of an invitation, and press its button."""
        found = await self.database.fetch_one(
            _INVITED, p_organization_id=organization_id, p_user_id=user_id
        )
        token = invitations.token(self.database, found["id"], found["expire_time"])
        ours = {"origin": self.server.url, "sec-fetch-site": "same-origin"}
        ours["content-type"] = "application/x-www-form-urlencoded"
        answer: httpx.Response = await self.http.post(
            f"/invitations/{token}", headers=ours, content=""
        )
        self.http.cookies.clear()
        return answer


def text_of(page: httpx.Response) -> str:
    """The words of a page, in one line."""
    body = re.sub(r"(?s)^.*<body[^>]*>", "", page.text)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def links(page: httpx.Response) -> list[str]:
    """The subjects in the navigation."""
    (found,) = re.findall(r'(?s)<nav class="subjects".*?</nav>', page.text)
    return re.findall(r">([^<]+)</a>", found)
