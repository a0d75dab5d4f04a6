"""The API as a test calls it: one interface over every protocol, and its fixtures.

`api.organizations.get_organization(id=...)` takes and returns plain dicts in snake_case, over every
protocol, and raises `ApiError`. Paths, verbs and bodies come from the contract's descriptors.
"""

from __future__ import annotations

import base64
import re
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import recorded_events
from selection import DATABASES
from valid_events import assert_all_valid
from wires import WIRES, Answer, ApiError, Headers, Wire, over_https, wires_to

from tenantry import settings
from tenantry.core.errors import HTTP_STATUS, Code
from tenantry.crypto import master_key
from tenantry.db.event_rows import log
from tenantry.db.opening import open_database
from tenantry.gen.scalekit.v1.auditlogs import auditlogs_pb
from tenantry.gen.scalekit.v1.auth import auth_pb, passwordless_pb, totp_pb, webauthn_pb
from tenantry.gen.scalekit.v1.clients import clients_pb
from tenantry.gen.scalekit.v1.connections import connections_pb
from tenantry.gen.scalekit.v1.directories import directories_pb
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.gen.scalekit.v1.emails import emails_pb
from tenantry.gen.scalekit.v1.environments import environments_pb
from tenantry.gen.scalekit.v1.events import events_pb
from tenantry.gen.scalekit.v1.interceptors import interceptors_pb
from tenantry.gen.scalekit.v1.keys import keys_pb
from tenantry.gen.scalekit.v1.organizations import organizations_pb
from tenantry.gen.scalekit.v1.roles import roles_pb
from tenantry.gen.scalekit.v1.sessions import sessions_pb
from tenantry.gen.scalekit.v1.tokens import tokens_pb
from tenantry.gen.scalekit.v1.user_attributes import user_attributes_pb
from tenantry.gen.scalekit.v1.users import users_pb
from tenantry.gen.tenantry.v1 import (
    api_token_records_pb,
    client_settings_pb,
    deployment_pb,
    directory_polling_pb,
    directory_requests_pb,
    email_previews_pb,
    event_records_pb,
    interceptor_secrets_pb,
    mail_pb,
    operators_pb,
    organization_policies_pb,
    overview_pb,
    saml_key_pairs_pb,
    second_factors_pb,
    settings_pb,
    sign_ins_pb,
    signing_keys_pb,
    single_sign_on_pb,
    states_pb,
    webhooks_pb,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

    import httpx
    from protobuf import DescService

    from tenantry.db.engine import Database


@dataclass(frozen=True)
class Api:
    """The API over one wire, as one caller."""

    wire: Wire
    headers: Headers = ()

    @property
    def organizations(self) -> Service:
        return Service(self, organizations_pb.desc().services[0])

    @property
    def users(self) -> Service:
        return Service(self, users_pb.desc().services[0])

    @property
    def roles(self) -> Service:
        return Service(self, roles_pb.desc().services[0])

    @property
    def domains(self) -> Service:
        return Service(self, domains_pb.desc().services[0])

    @property
    def connections(self) -> Service:
        return Service(self, connections_pb.desc().services[0])

    @property
    def directory_requests(self) -> Service:
        return Service(self, directory_requests_pb.desc().services[0])

    @property
    def api_token_records(self) -> Service:
        return Service(self, api_token_records_pb.desc().services[0])

    @property
    def deployment(self) -> Service:
        return Service(self, deployment_pb.desc().services[0])

    @property
    def event_records(self) -> Service:
        return Service(self, event_records_pb.desc().services[0])

    @property
    def mail(self) -> Service:
        return Service(self, mail_pb.desc().services[0])

    @property
    def saml_key_pairs(self) -> Service:
        return Service(self, saml_key_pairs_pb.desc().services[0])

    @property
    def keys(self) -> Service:
        return Service(self, keys_pb.desc().services[0])

    @property
    def signing_keys(self) -> Service:
        return Service(self, signing_keys_pb.desc().services[0])

    @property
    def directories(self) -> Service:
        return Service(self, directories_pb.desc().services[0])

    @property
    def directory_polling(self) -> Service:
        return Service(self, directory_polling_pb.desc().services[0])

    @property
    def emails(self) -> Service:
        return Service(self, emails_pb.desc().services[0])

    @property
    def email_previews(self) -> Service:
        return Service(self, email_previews_pb.desc().services[0])

    @property
    def user_attributes(self) -> Service:
        return Service(self, user_attributes_pb.desc().services[0])

    @property
    def single_sign_on(self) -> Service:
        return Service(self, single_sign_on_pb.desc().services[0])

    @property
    def sign_ins(self) -> Service:
        return Service(self, sign_ins_pb.desc().services[0])

    @property
    def settings(self) -> Service:
        return Service(self, settings_pb.desc().services[0])

    @property
    def environments(self) -> Service:
        return Service(self, environments_pb.desc().services[0])

    @property
    def clients(self) -> Service:
        return Service(self, clients_pb.desc().services[0])

    @property
    def client_settings(self) -> Service:
        return Service(self, client_settings_pb.desc().services[0])

    @property
    def tokens(self) -> Service:
        return Service(self, tokens_pb.desc().services[0])

    @property
    def sessions(self) -> Service:
        return Service(self, sessions_pb.desc().services[0])

    @property
    def passwordless(self) -> Service:
        return Service(self, passwordless_pb.desc().services[0])

    @property
    def auth(self) -> Service:
        return Service(self, auth_pb.desc().services[0])

    @property
    def audit_logs(self) -> Service:
        return Service(self, auditlogs_pb.desc().services[0])

    @property
    def webauthn(self) -> Service:
        return Service(self, webauthn_pb.desc().services[0])

    @property
    def totp(self) -> Service:
        return Service(self, totp_pb.desc().services[0])

    @property
    def webhooks(self) -> Service:
        return Service(self, webhooks_pb.desc().services[0])

    @property
    def interceptors(self) -> Service:
        return Service(self, interceptors_pb.desc().services[0])

    @property
    def operators(self) -> Service:
        return Service(self, operators_pb.desc().services[0])

    @property
    def interceptor_secrets(self) -> Service:
        return Service(self, interceptor_secrets_pb.desc().services[0])

    @property
    def events(self) -> Service:
        return Service(self, events_pb.desc().services[0])

    @property
    def states(self) -> Service:
        return Service(self, states_pb.desc().services[0])

    @property
    def overview(self) -> Service:
        return Service(self, overview_pb.desc().services[0])

    @property
    def organization_policies(self) -> Service:
        return Service(self, organization_policies_pb.desc().services[0])

    @property
    def second_factors(self) -> Service:
        return Service(self, second_factors_pb.desc().services[0])

    def sending(self, **headers: str | Sequence[str]) -> Api:
        """The same with these headers in place of those of the same names; `_` stands for `-`.

        A header with several values is sent several times, one with none not at all.
        """
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = [(name, value) for name, value in self.headers if name not in named]
        for name, value in named.items():
            kept += [(name, one) for one in ([value] if isinstance(value, str) else value)]
        return replace(self, headers=tuple(kept))


class Service:
    """The rpcs of one service, each a coroutine of its name in snake_case."""

    def __init__(self, api: Api, desc: DescService) -> None:
        self.api = api
        self.methods = {snake_case(method.name): method for method in desc.methods}

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Answer]]:
        method = self.methods[name]

        async def call(**request: Any) -> Answer:
            return await self.api.wire.call(method, request, self.api.headers)

        return call


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()


@contextmanager
def refused(
    code: str, *fields: str, says: str = "", error_code: str = ""
) -> Iterator[pytest.ExceptionInfo[ApiError]]:
    """Calls inside are refused with this code, for exactly these fields if any are named.

    The fields are those of the request; over REST an answer has them as the body spells them.
    """
    with pytest.raises(ApiError) as problem:
        yield problem
    error = problem.value
    assert error.code == code, error
    assert error.error_code == (error_code or code)
    assert re.search(says, error.message), error.message
    assert not fields or sorted(error.fields) == sorted(map(error.spelled, fields)), error
    assert error.request_id == error.headers["x-request-id"]
    if error.http_status is not None:
        assert error.http_status == _STATUS.get(error.error_code, HTTP_STATUS[Code[code]])


# Where REST says more than the code can.
_STATUS = {"PRECONDITION_FAILED": 412, "PAYLOAD_TOO_LARGE": 413, "IDEMPOTENCY_KEY_REUSED": 422}


def moment(text: str) -> datetime:
    """A timestamp as a time: its text has 3 or 6 digits of a second."""
    return datetime.fromisoformat(text)


def unique(stem: str = "acme") -> str:
    """A text that no other test uses."""
    return f"{stem}-{uuid.uuid4().hex[:12]}"


def base64url(data: bytes) -> str:
    """Data as it stands in a JWT."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def access_token(
    http: httpx.AsyncClient, client_id: str, client_secret: str, **form: str
) -> str:
    """A fresh access token of a client."""
    answer = await http.post(
        "/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            **form,
        },
    )
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


class Events:
    """The event log of the server's database."""

    def __init__(self, database: Database, start: str) -> None:
        self._database = database
        self._start = start

    async def new(self, *, tokens: bool = False) -> list[dict[str, Any]]:
        """The events since the test began or last asked, the oldest first.

        The first access token of a client on a day is told of a little later than it is issued,
        so in the middle of any test: without ``tokens`` that is left out.
        """
        found = await recorded_events.after(self._database, self._start, limit=1000)
        if found:
            self._start = found[-1]["id"]
        assert_all_valid(found)
        return [event for event in found if tokens or event["type"] != "client.token_issued"]


def on_each_database(metafunc: pytest.Metafunc, fixture: str, databases: Sequence[str]) -> None:
    """Run tests with a fixture on databases: in this process or, marked `process`, in another."""
    if fixture in metafunc.fixturenames:
        kind = "server" if metafunc.definition.get_closest_marker("process") else "app"
        metafunc.parametrize(
            fixture,
            [f"{database}_{kind}" for database in databases],
            ids=databases,
            indirect=True,
            scope="session",
        )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests with `server` on each database, and tests with `api` over each wire."""
    on_each_database(metafunc, "server", DATABASES)
    if "wire" in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker("wires")
        metafunc.parametrize("wire", marker.args if marker else list(WIRES), indirect=True)


@pytest.fixture(scope="session")
def server(request):
    """The application in this process on each database in turn; marked `process`, a server."""
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
async def database(server):
    """The server's database, opened beside the server."""
    environment = {k: v for k, v in server.environment.items() if k.startswith("TENANTRY_")}
    known = settings.load(environment)
    async with open_database(known.database, master_key.load(known), pool_size=4) as opened:
        yield opened


@pytest.fixture(scope="session")
async def http(server):
    """A plain HTTP client of the server."""
    async with over_https(server) as client:
        yield client


@pytest.fixture(scope="session")
async def token(server, http):
    """An access token of the management client."""
    return await access_token(http, server.client_id, server.client_secret)


@pytest.fixture(scope="session")
async def wires(server):
    opened = {name: kind(server) for name, kind in wires_to(server).items()}
    yield opened
    for one in opened.values():
        await one.aclose()


@pytest.fixture
def wire(request, wires):
    """The wire that the test runs over."""
    return wires[request.param]


@pytest.fixture
def api(wire, token):
    """The API over one wire, called by the management client."""
    return Api(wire, (("authorization", f"Bearer {token}"),))


@pytest.fixture
def rest(wires, token):
    """The API over REST, called by the management client."""
    return Api(wires["rest"], (("authorization", f"Bearer {token}"),))


@pytest.fixture
async def events(database):
    """The events since the test began."""
    newest = await log.last(database, limit=1)
    return Events(database, newest[-1]["id"] if newest else "")
