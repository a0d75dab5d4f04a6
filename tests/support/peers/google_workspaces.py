"""Google Workspace on this machine: its token endpoint and its Directory API, as far as we use it.

It looks at assertions as Google does, pages by opaque tokens that end, cuts answers to the fields
that were asked for, and refuses in Google's words. A test says what the next requests meet.
"""

from __future__ import annotations

import base64
import functools
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import unquote

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ADMIN = "admin@example.com"
CLIENT_EMAIL = "sync@project-1.iam.gserviceaccount.com"
CLIENT_ID = "104857600000000000001"
KEY_ID = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c"
_SCOPES = {
    f"https://www.googleapis.com/auth/admin.directory.{one}.readonly"
    for one in ("user", "group", "group.member")
}
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_MOST = {"users": 500, "groups": 200, "members": 200}


@functools.cache
def private_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def key_file(**changes: Any) -> str:
    """The JSON that Google's console gives for a new key."""
    pem = private_key().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "project-1",
            "private_key_id": KEY_ID,
            "private_key": pem.decode(),
            "client_email": CLIENT_EMAIL,
            "client_id": CLIENT_ID,
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": "http://169.254.169.254/token",
            "universe_domain": "googleapis.com",
        }
        | changes
    )


@dataclass
class Refusal:
    """An answer in the place of the right one; ``times`` it is given, None for ever."""

    status: int
    reason: str = "backendError"
    message: str = "Backend Error"
    retry_after: str = ""
    times: int | None = 1
    path: str = ""  # the beginning of those it is for


@dataclass
class GoogleWorkspace:
    """One customer; its members are its content."""

    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    members: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    got: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # path and query
    refusals: list[Refusal] = field(default_factory=list)
    grants: bool = True  # whether the domain lets the account act for it
    admin: str = ADMIN
    page: int = 500  # items at most, however many are asked for
    body: bytes | None = None  # in the place of any list
    url: str = ""

    def __post_init__(self) -> None:
        self._tokens: dict[str, float] = {}
        self._pages: dict[str, tuple[str, int]] = {}
        self._runner: web.AppRunner | None = None
        self.token_requests = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_get("/admin/directory/v1/{tail:.*}", self._directory)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0, handler_cancellation=True
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def person(self, name: str, **more: Any) -> dict[str, Any]:
        """Add somebody, as `name`@example.com."""
        given = name.partition(".")[0].capitalize()
        id_ = f"1{int.from_bytes(name.encode(), 'big') % 10**20:020}"
        made = {
            "kind": "admin#directory#user",
            "id": id_,
            "etag": '"e"',
            "primaryEmail": f"{name}@example.com",
            "name": {"givenName": given, "familyName": "Doe", "fullName": f"{given} Doe"},
            "isAdmin": False,
            "suspended": False,
            "archived": False,
            "emails": [
                {"address": f"{name}@example.com", "primary": True},
                {"address": f"{name}@example.com.test-google-a.com"},
            ],
            "customerId": "C0123",
            "thumbnailPhotoUrl": f"https://lh3.googleusercontent.com/{secrets.token_hex(8)}",
        } | more
        self.people[made["id"]] = made
        return made

    def group(self, name: str, *members: dict[str, Any] | str, **more: Any) -> dict[str, Any]:
        """Add a group with people, with groups in it, or with everybody ("everybody")."""
        made = {
            "kind": "admin#directory#group",
            "id": f"0{int.from_bytes(name.encode(), 'big') % 10**14:x}",
            "email": f"{name.lower().replace(' ', '-')}@example.com",
            "name": name,
            "description": "",
            "directMembersCount": str(len(members)),
        } | more
        self.groups[made["id"]] = made
        self.members[made["id"]] = [_member(one) for one in members]
        return made

    def asked(self, part: str) -> list[dict[str, str]]:
        """The queries of all requests whose path ends with this."""
        return [query for path, query in self.got if path.endswith(part)]

    async def _token(self, request: web.Request) -> web.Response:  # noqa: PLR0911 - as Google
        self.token_requests += 1
        if refused := self._refusal("/token"):
            return refused
        form = await request.post()
        if form.get("grant_type") != _GRANT:
            return _oauth("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type')}")
        try:
            header, claims = _verified(str(form["assertion"]))
        except (ValueError, KeyError, InvalidSignature):
            return _oauth("invalid_grant", "Invalid JWT Signature.")
        at = time.time()
        if header != {"alg": "RS256", "typ": "JWT", "kid": KEY_ID}:
            return _oauth("invalid_grant", "Invalid JWT: kid")
        if claims["aud"] != f"{self.url}/token" or claims["iss"] != CLIENT_EMAIL:
            return _oauth("invalid_grant", "Invalid JWT: Failed audience check.")
        if not at - 60 <= claims["iat"] <= at + 60 or not at < claims["exp"] <= at + 3600:
            return _oauth("invalid_grant", "Invalid JWT: Token must be a short-lived token.")
        if not self.grants or set(claims["scope"].split()) != _SCOPES:
            return _oauth(
                "unauthorized_client",
                "Client is unauthorized to retrieve access tokens using this method, or client "
                "not authorized for any of the scopes requested.",
            )
        if claims["sub"] != self.admin:
            return _oauth("invalid_grant", "Invalid email or User ID")
        token = f"ya29.{secrets.token_urlsafe(30)}"
        self._tokens[token] = at + 3599
        answer = {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
        return web.json_response(answer)

    def end_tokens(self) -> None:
        """Let no token that was given be good any more."""
        self._tokens.clear()

    def end_pages(self) -> None:
        """Let no page token be good any more."""
        self._pages.clear()

    async def _directory(self, request: web.Request) -> web.Response:  # noqa: PLR0911 - as Google
        path, query = request.path.removeprefix("/admin/directory/v1"), dict(request.query)
        self.got.append((path, query))
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self._tokens.get(token, 0) < time.time():
            return _error(401, "authError", "Invalid Credentials")
        if refused := self._refusal(path):
            return refused
        if self.body is not None:
            return web.Response(body=self.body, content_type="application/json")
        if path in {"/users", "/groups"}:
            if query.get("customer") != "my_customer":
                return _error(400, "badRequest", "Bad Request")
            kind = path[1:]
            key = "primaryEmail" if kind == "users" else "email"
            found = self.people if kind == "users" else self.groups
            return self._page(kind, path, sorted(found.values(), key=lambda one: one[key]), query)
        parts = [unquote(part) for part in path.split("/")]
        if parts[1] != "groups" or parts[2] not in self.groups:
            return _error(404, "notFound", f"Resource Not Found: {parts[1]}Key")
        if len(parts) == 3:
            return web.json_response(_cut(self.groups[parts[2]], query["fields"]))
        return self._page("members", path, self.members[parts[2]], query)

    def _page(
        self, kind: str, path: str, items: list[dict[str, Any]], query: dict[str, str]
    ) -> web.Response:
        size = int(query.get("maxResults", 100))
        if not 1 <= size <= _MOST[kind]:
            return _error(400, "invalid", f"Invalid Input: maxResults={size}")
        start = 0
        if given := query.get("pageToken"):
            of, start = self._pages.get(given, ("", 0))
            if of != path:
                return _error(400, "invalid", "Invalid Input: pageToken")
        end = start + min(size, self.page)
        whole: dict[str, Any] = {"kind": f"admin#directory#{kind}", "etag": '"x"'}
        if part := items[start:end]:  # an empty list is left out
            whole[kind] = part
        if end < len(items):
            token = secrets.token_urlsafe(40)
            self._pages[token] = path, end
            whole["nextPageToken"] = token
        return web.json_response(_cut(whole, query["fields"]))

    def _refusal(self, path: str) -> web.Response | None:
        for one in self.refusals:
            if path.startswith(one.path):
                if one.times is not None:
                    one.times -= 1
                    if not one.times:
                        self.refusals.remove(one)
                answer = _error(one.status, one.reason, one.message)
                if one.retry_after:
                    answer.headers["retry-after"] = one.retry_after
                return answer
        return None


def _member(one: dict[str, Any] | str) -> dict[str, str]:
    if one == "everybody":
        return {"id": "C0123", "type": "CUSTOMER", "role": "MEMBER"}
    assert isinstance(one, dict)
    if "primaryEmail" in one:
        return {
            "id": one["id"],
            "email": one["primaryEmail"],
            "role": "MEMBER",
            "type": "USER",
            "status": "ACTIVE",
        }
    return {"id": one["id"], "email": one["email"], "role": "MEMBER", "type": "GROUP"}


def _verified(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    signed, _, signature = assertion.rpartition(".")
    private_key().public_key().verify(
        _decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
    return header, claims


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _cut(whole: dict[str, Any], fields: str) -> dict[str, Any]:
    """An answer with these fields alone, as in `a,b(c,d)`."""
    cut = {}
    for name, inner in _split(fields):
        if name in whole:
            value = whole[name]
            if inner and isinstance(value, list):
                value = [_cut(one, inner) for one in value]
            elif inner:
                value = _cut(value, inner)
            cut[name] = value
    return cut


@functools.cache
def _split(fields: str) -> list[tuple[str, str]]:
    parts, depth, start = [], 0, 0
    for place, char in enumerate(f"{fields},"):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "," and not depth:
            name, _, inner = fields[start:place].partition("(")
            parts.append((name, inner.removesuffix(")")))
            start = place + 1
    return parts


def _error(status: int, reason: str, message: str) -> web.Response:
    detail = {"message": message, "domain": "global", "reason": reason}
    error = {"code": status, "message": message, "errors": [detail]}
    return web.json_response({"error": error}, status=status)


def _oauth(error: str, description: str) -> web.Response:
    status = 401 if error == "unauthorized_client" else 400
    return web.json_response({"error": error, "error_description": description}, status=status)
