"""Clients that make secrets and have them used: each signature, sign-in and mail is checked.

Each use opens a value that some process has sealed, with whichever data key.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter, defaultdict
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

import jwt
import pyotp
from aiohttp import web
from apis import Api, access_token, unique
from balanced_load import Load
from connections_of_tests import start
from hosted import Visitor, answered
from openid_providers import CLIENT_SECRET
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    import httpx
    from balanced_load import Side
    from hosted import Application
    from mail_servers import MailServer
    from openid_providers import OpenIDProvider

    from tenantry.identity.connections.model import Connection

_PATIENCE_SECONDS = 60.0
_STEP = 30  # seconds of a code
_PAUSE_SECONDS = 0.2


class Receiver:
    """The application: it takes webhooks, answers interceptors, and checks their signatures."""

    def __init__(self) -> None:
        self.secrets: defaultdict[str, list[str]] = defaultdict(list)  # by path
        self.taken: defaultdict[str, set[str]] = defaultdict(set)  # ids of messages, by path
        self.broken: list[str] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/{tail:.*}", self._take)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def _take(self, request: web.Request) -> web.Response:
        body, headers = await request.read(), dict(request.headers)
        # One that was rotated just now may not have come to every process.
        problems = []
        for secret in self.secrets[request.path]:
            try:
                Webhook(secret).verify(body, headers)
            except WebhookVerificationError as problem:
                problems.append(f"{request.path}: {problem!r}")
            else:
                self.taken[request.path].add(headers["webhook-id"])
                return web.json_response({"decision": "ALLOW"})
        self.broken += problems or [f"{request.path}: of no secret"]
        return web.Response(status=401)


class Uses(Load):
    """Calls of all kinds, and uses of each kind of secret."""

    def __init__(
        self,
        credentials: tuple[str, str],
        receiver: Receiver,
        provider: OpenIDProvider,
        mailbox: MailServer,
    ) -> None:
        super().__init__(credentials)
        self.used: Counter[str] = Counter()
        self.kids: set[str] = set()
        self._receiver = receiver
        self._provider = provider
        self._mailbox = mailbox
        self._verifier: jwt.PyJWKClient | None = None
        self._machine_client = ("", "")
        self._interceptor = ""
        self._sign_ins: tuple[Application, Connection] | None = None
        self._visitor: Visitor | None = None
        self._app: tuple[str, pyotp.OTP] | None = None

    async def prepare(self, place: Any, connection: Connection) -> None:
        """Make the secrets that stay to the end, sealed by the first data key."""
        api, receiver = place.api, self._receiver
        made = await api.webhooks.create_endpoint(
            endpoint={
                "url": receiver.url("/hooks/all"),
                "event_types": ["organization.created", "organization.updated"],
            }
        )
        receiver.secrets["/hooks/all"].append(made["secret"])
        made = await api.interceptors.create_interceptor(
            interceptor={
                "display_name": "Policy",
                "trigger_point": "PRE_M2M_TOKEN_CREATION",
                "api_url": receiver.url("/ask"),
                "timeout_ms": 2000,
            }
        )
        self._interceptor = made["interceptor"]["id"]
        await self._rotate_interceptor(api)
        await api.interceptors.enable_interceptor(id=self._interceptor)
        self._machine_client = await place.make.client()
        settings = {"host": "127.0.0.1", "port": str(self._mailbox.port), "username": "mailer"}
        settings |= {"password": "pass-w0rd-of-mail", "from_email": "hello@example.com"}
        settings |= {"from_name": "Acme"}
        server = await api.emails.create_email_server(provider="OTHER", settings=settings)
        await api.emails.enable_email_server(server_id=server["server"]["id"])
        self._sign_ins = await place.application(), connection
        balanced = SimpleNamespace(request=self._request)
        self._visitor = Visitor(SimpleNamespace(server=place.server), balanced, {})
        await _within_a_step()
        self._app = await self._registered(lambda _, call: call(api))
        self._verifier = jwt.PyJWKClient(
            f"{place.server.url}/keys",
            lifespan=3600,
            ssl_context=place.server.trust,
            cooldown_duration=0,  # keys rotate more often here than it looks for others by default
        )

    def clients(self) -> list[Coroutine[Any, Any, None]]:
        """See `Load.clients`."""
        kinds = {
            "webhook": self._webhook,
            "interceptor": self._question,
            "connection": self._sign_in,
            "authenticator app": self._codes,
            "mail server": self._mail,
        }
        return [*super().clients(), *(self._repeat(kind, use) for kind, use in kinds.items())]

    async def check_at_the_end(self) -> None:
        """See that the secrets of the beginning are still of use."""
        await self._until("/hooks/all has all", self._has_all)
        id_, app = self._app or ("", None)
        api = await self._api(self.sides[0])
        await _within_a_step()
        code = app.now()
        answer = await api.totp.verify_registration_code(registration_id=id_, code=code)
        assert answer["valid"]

    def _has_all(self) -> bool:
        return len(self._receiver.taken["/hooks/all"]) >= 2 * len(self.organizations)

    async def _repeat(self, kind: str, use: Callable[[int], Awaitable[None]]) -> None:
        for number in itertools.count():
            if self._over:
                return
            try:
                await use(number)
            except Exception as problem:  # noqa: BLE001 - whatever it is, a client has seen it
                self.failed.append(f"{kind}: {problem!r}")
                return
            self.used[kind] += 1
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _until(self, words: str, holds: Callable[[], bool]) -> None:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < until, f"{words}: not within {_PATIENCE_SECONDS:.0f} s"
            await asyncio.sleep(0.02)

    async def _api(self, side: Side, wire: str = "rest") -> Api:
        token = await super()._token(side)
        return Api(side.wires[wire], (("authorization", f"Bearer {token}"),))

    async def _asked(self, kind: str, call: Callable[[Api], Awaitable[Any]], wire: str) -> Any:
        """Make a call of the API at the next side, with a token of the one after it."""

        async def at(side: Side) -> Any:
            return await call(Api(side.wires[wire], (("authorization", f"Bearer {token}"),)))

        token = await self._ask("token", self._token)
        answer = await self._ask(f"{wire} {kind}", at)
        assert answer is not None, self.failed[-1]
        return answer

    async def _token(self, side: Side) -> str:
        """A token, verified as middleware does: by the keys it has, or those of now (/keys)."""
        token = await super()._token(side)
        await self._verified(token)
        return token

    async def _verified(self, token: str) -> None:
        assert self._verifier is not None
        self._verifier.uri = f"{self._next().server.url}/keys"
        key = await asyncio.to_thread(self._verifier.get_signing_key_from_jwt, token)
        jwt.decode(token, key.key, algorithms=["RS256"], options={"verify_aud": False})
        self.kids.add(str(key.key_id))

    async def _request(self, verb: str, path: str, **more: Any) -> httpx.Response:
        """A browser's request, to the next side."""

        async def at(side: Side) -> httpx.Response:
            return await side.http.request(verb, path, **more)

        answer: httpx.Response | None = await self._ask("browser", at)
        assert answer is not None, self.failed[-1]
        return answer

    async def _webhook(self, number: int) -> None:
        """An endpoint: its secret signs all deliveries, also the one that follows it."""
        wire, path = ("rest", "grpc")[number % 2], f"/hooks/{number}"
        new = {"url": self._receiver.url(path), "event_types": ["user.deleted"]}
        made = await self._asked(
            "create_endpoint", lambda api: api.webhooks.create_endpoint(endpoint=new), wire
        )
        self._receiver.secrets[path].append(made["secret"])
        key = {"endpoint_id": made["endpoint"]["id"]}
        for count in (1, 2):
            await self._asked(
                "send_test_event", lambda api: api.webhooks.send_test_event(**key), wire
            )
            await self._until(path, lambda n=count: len(self._receiver.taken[path]) >= n)
            if count == 1:
                done = await self._asked(
                    "rotate_endpoint_secret",
                    lambda api: api.webhooks.rotate_endpoint_secret(**key),
                    wire,
                )
                self._receiver.secrets[path].append(done["secret"])
        await self._asked("delete_endpoint", lambda api: api.webhooks.delete_endpoint(**key), wire)

    async def _question(self, number: int) -> None:
        """A client's token, before which the interceptor is asked."""
        before = len(self._receiver.taken["/ask"])
        client_id, secret = self._machine_client

        async def at(side: Side) -> str:
            return await access_token(side.http, client_id, secret)

        token = await self._ask("m2m token", at)
        assert token is not None, self.failed[-1]
        await self._verified(token)
        assert len(self._receiver.taken["/ask"]) == before + 1, "nobody was asked"
        if number % 10 == 9:
            await self._asked("rotate_interceptor_secret", self._rotate_interceptor, "grpc")

    async def _rotate_interceptor(self, api: Api) -> Any:
        done = await api.interceptor_secrets.rotate_interceptor_secret(id=self._interceptor)
        self._receiver.secrets["/ask"].append(done["secret"])
        return done

    async def _sign_in(self, number: int) -> None:
        """A person comes by a provider, which our secret there has to please."""
        assert self._sign_ins is not None
        assert self._visitor is not None
        application, connection = self._sign_ins
        visitor, url = self._visitor, self._visitor.place.server.url
        sent = await start(visitor, application, connection)
        assert sent.status_code == 303, sent.text
        to = self._provider.answer_to(sent.headers["location"])
        for _ in range(2):
            assert to.startswith(f"{url}/"), to
            back = await visitor.get(to.removeprefix(url))
            to = back.headers.get("location", "")
        code = answered(back)["code"]
        http = SimpleNamespace(post=lambda path, **more: self._request("POST", path, **more))
        tokens = await application.tokens(http, code)
        await self._verified(tokens["access_token"])
        visitor.cookies.clear()
        if number % 5 == 4:
            changed = {"type": "OIDC", "provider": "CUSTOM"}
            changed["oidc_config"] = {"client_secret": CLIENT_SECRET}
            await self._asked(
                "update_connection",
                lambda api: api.connections.update_connection(
                    organization_id=connection.organization_id,
                    id=connection.id,
                    connection=changed,
                ),
                "rest",
            )

    async def _codes(self, number: int) -> None:
        """An authenticator app: registered, enabled, and its codes verified."""
        wire = ("grpc", "rest")[number % 2]
        await _within_a_step()
        id_, app = await self._registered(lambda kind, call: self._asked(kind, call, wire))
        code = app.now()

        def verified(api: Api) -> Awaitable[Any]:
            return api.totp.verify_registration_code(registration_id=id_, code=code)

        for is_good in (True, False):  # each code is good once
            answer = await self._asked("verify_registration_code", verified, wire)
            assert answer["valid"] is is_good

    async def _registered(self, asked: Callable[..., Awaitable[Any]]) -> tuple[str, pyotp.OTP]:
        new = {"account_name": unique()}
        made = await asked(
            "register_totp", lambda api: api.totp.register_totp(totp_registration=new)
        )
        registration = made["totp_registration"]
        app = pyotp.parse_uri(registration["qr_code_uri"])
        proof = {"registration_id": registration["id"]}
        proof["code"] = app.at(int(time.time()), counter_offset=-1)
        await asked("enable_totp", lambda api: api.totp.enable_totp(**proof))
        return registration["id"], app

    async def _mail(self, number: int) -> None:
        """Mail by the operator's server, which asks for the password."""
        to = f"{unique('mail')}-{number}@example.com"
        await self._asked(
            "send_test_email", lambda api: api.email_previews.send_test_email(to=to), "rest"
        )
        await self._until(f"mail to {to}", lambda: to in self._mailbox.recipients)


async def _within_a_step() -> None:
    """Wait for a moment from which the time step goes on for a while."""
    left = _STEP - time.time() % _STEP
    if left < 10:
        await asyncio.sleep(left + 0.1)
