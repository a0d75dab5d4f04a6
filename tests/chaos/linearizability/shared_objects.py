"""Objects that several clients change at once, each with the operations that its model knows.

The models are in checker/models.go. An object is made anew every few operations: how long it
takes to find an order grows with their number, and with that of those that were not answered.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import struct
import time
import uuid
from typing import TYPE_CHECKING, Any, ClassVar, Self

from histories import NotDone, Unanswered
from signins import ALL, CHALLENGE, REDIRECT_URI, VERIFIER

from tenantry.call import Call
from tenantry.core.caller import SYSTEM, Origin
from tenantry.db.engine import Failure
from tenantry.identity.authenticators.passwordless import proofs
from tenantry.identity.grants import codes
from tenantry.identity.sessions import service as sessions
from tenantry.identity.sessions.model import Bounds

if TYPE_CHECKING:
    import httpx
    from histories import Client, Output

    from tenantry.db.engine import Database

_FORGIVEN_SECONDS = 25.0  # a spent refresh token, for sure: GRACE_SECONDS is 30
_REFUSALS = {400, 404, 409, 412, 422}


def _outcome(answer: httpx.Response, **shown: Any) -> Output:
    """Return an answer as a model reads it; ``shown`` are members of one that was not refused."""
    if answer.status_code < 300:
        return {"ok": True, **shown}
    assert answer.status_code in _REFUSALS, f"{answer.request.url}: {answer.text}"
    return {"ok": False}


class Shared:
    """An object under change; each kind has its model."""

    model: ClassVar[str]

    def __init__(self, key: str) -> None:
        self.key = key

    @classmethod
    async def make(cls, client: Client, world: World) -> Self:
        """Make one, in the state that its model begins with."""
        raise NotImplementedError

    async def act(self, client: Client) -> None:
        """Have a client do one thing."""
        raise NotImplementedError

    async def note(self, client: Client, do: Any, op: str, **asked: Any) -> Output | None:
        """Write one operation down."""
        return await client.history.note(
            self.model, self.key, client.number, {"op": op, **asked}, do
        )


class World:
    """An application and a person with a session, which all objects share."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.run = f"shared-{uuid.uuid4().hex[:8]}"  # all names begin with it
        self.numbers = itertools.count(1)
        self.form: dict[str, str] = {}

    async def prepare(self, client: Client) -> None:
        """Make them."""
        new = {"name": "Shop", "client_type": "WEB_APP", "post_login_uris": [REDIRECT_URI]}
        made = (await client.call("POST", "/api/v1/clients", json=new)).json()["client"]
        secret = await client.call("POST", f"/api/v1/clients/{made['id']}/secrets", json={})
        self.form = {"client_id": made["id"], "client_secret": secret.json()["plain_secret"]}
        organization = await self.organization(client)
        user = await self.member(client, organization, "ada")
        call = Call(SYSTEM, self.database, "req_test", origin=Origin("192.0.2.7", "tests"))
        self._session, _ = await sessions.begin(
            call,
            user_id=user["id"],
            organization_id=organization,
            client_id=None,
            amr=[],
            bounds=Bounds(480, None),
            custom_claims={},
        )

    async def organization(self, client: Client) -> str:
        """Return the id of a new one."""
        new = {"display_name": f"{self.run} {next(self.numbers)}"}
        answer = await client.call("POST", "/api/v1/organizations", json=new)
        id_: str = answer.json()["id"]
        return id_

    async def member(
        self, client: Client, organization: str, name: str, *roles: str
    ) -> dict[str, Any]:
        """Return a new member."""
        new: dict[str, Any] = {"email": address(organization, name)}
        if roles:
            new["membership"] = {"roles": [{"name": role} for role in roles]}
        path = f"/api/v1/organizations/{organization}/users?send_invitation_email=false"
        user: dict[str, Any] = (await client.call("POST", path, json=new)).json()["user"]
        return user

    async def code(self) -> str:
        """Return a new authorization code."""
        code, row = codes.new(
            session=self._session,
            client_id=self.form["client_id"],
            redirect_uri=REDIRECT_URI,
            scope=ALL,
            nonce=None,
            code_challenge=CHALLENGE,
        )
        await codes.add(self.database, row)
        return code

    async def redeem(self, client: Client, code: str) -> httpx.Response:
        """Ask for the tokens of a code."""
        given = {"code": code, "redirect_uri": REDIRECT_URI, "code_verifier": VERIFIER}
        form = {"grant_type": "authorization_code", **given, **self.form}
        return await client.ask("POST", "/oauth/token", data=form)


def address(organization: str, name: object) -> str:
    """The e-mail address of a member."""
    return f"{name}@{organization.replace('_', '-')}.example.net"


class Seats(Shared):
    """An organization with a limit: members join, leave and are listed."""

    model = "seats"
    limit = 3

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self._numbers = itertools.count(1)
        self._joined: dict[int, str] = {}

    @classmethod
    async def make(cls, client: Client, world: World) -> Self:
        """See `Shared.make`."""
        made = cls(await world.organization(client))
        await client.call(
            "PATCH",
            f"/api/v1/organizations/{made.key}/settings/usermanagement",
            json={"settings": {"max_allowed_users": cls.limit}},
        )
        return made

    async def act(self, client: Client) -> None:
        """See `Shared.act`."""
        what = client.chance.random()
        users = f"/api/v1/organizations/{self.key}/users"
        if what < 0.2:

            async def read() -> Output:
                shown = (await client.call("GET", f"{users}?page_size=30")).json()["users"]
                numbers = (int(user["email"].partition("@")[0]) for user in shown)
                return {"ok": True, "members": sorted(numbers)}

            await self.note(client, read, "read")
        elif what < 0.5 and self._joined:
            number, id_ = client.chance.choice(list(self._joined.items()))

            async def leave() -> Output:
                path = f"/api/v1/memberships/organizations/{self.key}/users/{id_}"
                return _outcome(await client.call("DELETE", path))

            await self.note(client, leave, "leave", member=number)
        else:
            number = next(self._numbers)

            async def join() -> Output:
                new = {"email": address(self.key, number)}
                path = f"{users}?send_invitation_email=false"
                answer = await client.call("POST", path, json=new)
                if answer.status_code < 300:
                    self._joined[number] = answer.json()["user"]["id"]
                return _outcome(answer)

            await self.note(client, join, "join", member=number, limit=self.limit)


class Administrators(Shared):
    """An organization whose four admins become members and admins again; a fifth is a member."""

    model = "administrators"

    def __init__(self, key: str, ids: dict[int, str]) -> None:
        super().__init__(key)
        self._ids = ids

    @classmethod
    async def make(cls, client: Client, world: World) -> Self:
        """See `Shared.make`."""
        key = await world.organization(client)
        ids = {
            number: (await world.member(client, key, str(number), "admin"))["id"]
            for number in range(1, 5)
        }
        await world.member(client, key, "0", "member")
        return cls(key, ids)

    async def act(self, client: Client) -> None:
        """See `Shared.act`."""
        what = client.chance.random()
        if what < 0.2:

            async def read() -> Output:
                path = f"/api/v1/organizations/{self.key}/users?page_size=30"
                users = (await client.call("GET", path)).json()["users"]
                return {
                    "ok": True,
                    "members": sorted(
                        int(user["email"].partition("@")[0])
                        for user in users
                        if "admin" in {role["name"] for role in user["memberships"][0]["roles"]}
                    ),
                }

            await self.note(client, read, "read")
            return
        number, id_ = client.chance.choice(list(self._ids.items()))
        role = "member" if what < 0.75 else "admin"

        async def change() -> Output:
            path = f"/api/v1/memberships/organizations/{self.key}/users/{id_}"
            return _outcome(
                await client.call("PATCH", path, json={"roles": [{"name": role}]}),
            )

        await self.note(client, change, "demote" if role == "member" else "promote", member=number)


class Codes(Shared):
    """An authorization code, which several clients redeem; its refresh token is asked about."""

    model = "codes"

    def __init__(self, key: str, world: World) -> None:
        super().__init__(key)
        self._world = world
        self._given = ""

    @classmethod
    async def make(cls, client: Client, world: World) -> Self:  # noqa: ARG003
        """See `Shared.make`."""
        return cls(await world.code(), world)

    async def act(self, client: Client) -> None:
        """See `Shared.act`."""
        if self._given and client.chance.random() < 0.7:

            async def look() -> Output:
                form = {"token": self._given, **self._world.form}
                answer = await client.ask("POST", "/oauth/introspect", data=form)
                assert answer.status_code == 200, answer.text
                return {"ok": answer.json()["active"]}

            await self.note(client, look, "read")
            return

        async def redeem() -> Output:
            answer = await self._world.redeem(client, self.key)
            if answer.status_code == 200:
                self._given = answer.json()["refresh_token"]
            return _outcome(answer)

        await self.note(client, redeem, "redeem")


class OneTimeCodes(Shared):
    """A code of a mail, which several clients give back."""

    model = "one-time codes"

    def __init__(self, key: str, code: str) -> None:
        super().__init__(key)
        self._code = code

    @classmethod
    async def make(cls, client: Client, world: World) -> Self:
        """See `Shared.make`."""
        asked = {"email": f"{world.run}-{next(world.numbers)}@example.net", "expires_in": 600}
        answer = await client.call("POST", "/api/v1/passwordless/email/send", json=asked)
        key = answer.json()["auth_request_id"]
        return cls(key, proofs.code(world.database, key, 1))

    async def act(self, client: Client) -> None:
        """See `Shared.act`."""

        async def verify() -> Output:
            given = {"code": self._code, "auth_request_id": self.key}
            return _outcome(
                await client.call("POST", "/api/v1/passwordless/email/verify", json=given)
            )

        await self.note(client, verify, "verify")


class RefreshTokens(Shared):
    """The refresh tokens of one sign-in: the newest is used, now and then an earlier one."""

    model = "refresh tokens"

    def __init__(self, key: str, world: World, first: str) -> None:
        super().__init__(key)
        self._world = world
        self._tokens = {1: first}
        self._began = time.monotonic()

    @classmethod
    async def make(cls, client: Client, world: World) -> Self:
        """See `Shared.make`."""
        code = await world.code()
        first = (await world.redeem(client, code)).json()["refresh_token"]
        return cls(code, world, first)

    async def act(self, client: Client) -> None:
        """See `Shared.act`."""
        old = client.chance.random() < 0.08
        number = client.chance.choice(list(self._tokens)) if old else max(self._tokens)
        asked: dict[str, Any] = {"op": "refresh", "number": number}

        async def refresh() -> Output:
            form = {"grant_type": "refresh_token", "refresh_token": self._tokens[number]}
            answer = await client.ask("POST", "/oauth/token", data=form | self._world.form)
            asked["early"] = time.monotonic() - self._began < _FORGIVEN_SECONDS
            if answer.status_code != 200:
                return _outcome(answer)
            token = answer.json()["refresh_token"]
            given = _generation(token)
            self._tokens[given] = token
            return {"ok": True, "number": given}

        await client.history.note(self.model, self.key, client.number, asked, refresh)


def _generation(token: str) -> int:
    """The number that a refresh token holds behind the family's."""
    packed = base64.urlsafe_b64decode(token.removeprefix("tnrt_") + "=")
    number: int = struct.unpack_from(">QI", packed)[1]
    return number


class Idempotency(Shared):
    """An Idempotency-Key that comes with one request or another."""

    model = "idempotency"

    @classmethod
    async def make(cls, client: Client, world: World) -> Self:  # noqa: ARG003
        """See `Shared.make`."""
        return cls(f"{world.run}-{next(world.numbers)}")

    async def act(self, client: Client) -> None:
        """See `Shared.act`."""
        text = f"{self.key} {'two' if client.chance.random() < 0.15 else 'one'}"

        async def create() -> Output:
            answer = await client.call(
                "POST",
                "/api/v1/organizations",
                json={"display_name": text},
                headers={"idempotency-key": self.key},
            )
            return _outcome(answer, text=answer.json().get("id"))

        await self.note(client, create, "create", text=text)


class Registers(Shared):
    """The name of an organization, which is read and written, mostly with the ETag seen last."""

    model = "registers"

    def __init__(self, key: str, run: str) -> None:
        super().__init__(key)
        self._run = run
        self._numbers = itertools.count(1)
        self._seen = ""

    @classmethod
    async def make(cls, client: Client, world: World) -> Self:
        """See `Shared.make`."""
        return cls(await world.organization(client), world.run)

    async def act(self, client: Client) -> None:
        """See `Shared.act`."""
        path = f"/api/v1/organizations/{self.key}"
        what = client.chance.random()

        def shown(answer: httpx.Response) -> Output:
            if answer.status_code == 200:
                self._seen = answer.headers["etag"]
            return _outcome(
                answer, text=answer.json().get("display_name"), seen=answer.headers.get("etag")
            )

        if what < 0.4:

            async def read() -> Output:
                return shown(await client.call("GET", path))

            await self.note(client, read, "read")
            return
        text = f"{self._run} name {next(self._numbers)}"
        seen = self._seen if what < 0.8 else ""

        async def write() -> Output:
            headers = {"if-match": seen} if seen else {}
            return shown(
                await client.call("PATCH", path, json={"display_name": text}, headers=headers)
            )

        await self.note(client, write, "write", text=text, seen=seen)


KINDS: tuple[type[Shared], ...] = (
    *(Seats, Administrators, Codes, OneTimeCodes),
    *(RefreshTokens, Idempotency, Registers),
)


async def play(
    kind: type[Shared], clients: list[Client], world: World, stop: asyncio.Event, *, each: int = 8
) -> None:
    """Have clients do so many things each to an object, then to the next, until told to stop."""
    while not stop.is_set():
        made = await _made(kind, clients[0], world, stop)
        if made is not None:
            await asyncio.gather(*(_act(made, client, each) for client in clients))


async def _act(shared: Shared, client: Client, times: int) -> None:
    for _ in range(times):
        await shared.act(client)


async def _made(
    kind: type[Shared], client: Client, world: World, stop: asyncio.Event
) -> Shared | None:
    """Make an object; where that fails half-way, another one."""
    while not stop.is_set():
        # Its answer may be an error, and its database, which some begin in, away as well.
        with contextlib.suppress(NotDone, Unanswered, KeyError, Failure):
            return await kind.make(client, world)
        await asyncio.sleep(0.1)
    return None
