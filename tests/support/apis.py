"""The API as a test calls it: one interface over every wire, and the fixtures that lead to it.

`api.organizations.get_organization(id=...)` takes and returns plain dicts in snake_case, whatever
the wire, and raises `ApiError`. Paths, verbs and bodies are read off the contract's descriptors.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import uuid
from abc import ABC, abstractmethod
from collections import UserDict
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

import grpc
import httpx
import pytest
import recorded_events
from app_servers import AppServer
from selection import DATABASES
from valid_events import assert_all_valid

from tenantry import settings
from tenantry.core.errors import HTTP_STATUS, Code
from tenantry.crypto import master_key
from tenantry.db.event_rows import log
from tenantry.db.opening import open_database
from tenantry.gen.google.api import annotations_pb
from tenantry.gen.google.rpc.status_pb import Status
from tenantry.gen.scalekit.v1.auditlogs import auditlogs_pb
from tenantry.gen.scalekit.v1.auth import auth_pb, passwordless_pb, totp_pb, webauthn_pb
from tenantry.gen.scalekit.v1.clients import clients_pb
from tenantry.gen.scalekit.v1.connections import connections_pb
from tenantry.gen.scalekit.v1.directories import directories_pb
from tenantry.gen.scalekit.v1.domains import domains_pb
from tenantry.gen.scalekit.v1.emails import emails_pb
from tenantry.gen.scalekit.v1.environments import environments_pb
from tenantry.gen.scalekit.v1.errdetails.errdetails_pb import ErrorInfo
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
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence

    from protobuf import DescMethod, DescService, Message
    from servers import LiveServer

    from tenantry.db.engine import Database

Headers = tuple[tuple[str, str], ...]


class Answer(UserDict[str, Any]):
    """A response message, with the headers (over gRPC: and trailers) that came with it."""

    def __init__(self, content: dict[str, Any], headers: dict[str, str]) -> None:
        super().__init__(content)
        self.headers = headers

    @property
    def etag(self) -> str:
        return self.headers["etag"]


class ApiError(Exception):
    """An answer that is not the one asked for; `http_status` is None over anything but REST."""

    def __init__(
        self,
        code: Code,
        message: str,
        info: ErrorInfo,
        headers: dict[str, str],
        http_status: int | None = None,
    ) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code.name
        self.message = message
        self.error_code = info.error_code
        self.headers = headers
        self.http_status = http_status
        self.request_id = info.request_info.request_id if info.request_info else ""
        broken = info.validation_error_info
        self.violations = {v.field: v for v in broken.field_violations} if broken else {}
        about = info.resource_info
        self.resource = about.resource_name if about else ""
        self.body = ""  # the member of the request that was the whole body

    def spelled(self, field: str) -> str:
        """A field of the request as the body spells it."""
        if not self.body:
            return field
        if field == self.body and "body" in self.violations:
            return "body"
        if field.startswith(f"{self.body}["):
            return f"body{field.removeprefix(self.body)}"
        return field.removeprefix(f"{self.body}.")

    @property
    def fields(self) -> list[str]:
        """The fields that broke a rule."""
        return list(self.violations)


class Wire(ABC):
    """How a call travels."""

    @abstractmethod
    async def call(self, method: DescMethod, request: dict[str, Any], headers: Headers) -> Answer:
        """Make a call whose request is spelled as protobuf's JSON in snake_case."""

    @abstractmethod
    async def aclose(self) -> None:
        """Close all connections."""


class Rest(Wire):
    """The routes of google.api.http, JSON in and out."""

    def __init__(self, server: LiveServer) -> None:
        self.http = over_https(server)

    async def call(self, method: DescMethod, request: dict[str, Any], headers: Headers) -> Answer:
        rule = _route(method, request)
        rest = dict(request)
        path = re.sub(
            r"\{(\w+)\}", lambda m: quote(str(rest.pop(m[1])), safe=""), str(rule.pattern.value)
        )
        if rule.body == "*":
            body, rest = rest, {}
        else:
            body = rest.pop(rule.body, None) if rule.body else None
        answer = await self.http.request(
            rule.pattern.field.upper(),
            path,
            params=list(_query(rest)),
            content=None if body is None else written(body),
            headers=[*headers, ("content-type", "application/json")],
        )
        named = dict(answer.headers)
        if not answer.is_success:
            error = rest_error(answer)
            error.body = "" if rule.body == "*" else rule.body
            raise error
        fields = {field.name for field in method.output.fields}
        content = {name: value for name, value in answer.json().items() if name in fields}
        named["status"] = str(answer.status_code)
        return Answer(content, named)

    async def aclose(self) -> None:
        await self.http.aclose()


def _route(method: DescMethod, request: dict[str, Any]) -> Any:
    """The first route whose path this request fills, as that by external id."""
    first = method.proto.options[annotations_pb.ext_http]
    for rule in (first, *first.additional_bindings):
        if request.keys() >= set(re.findall(r"\{(\w+)\}", str(rule.pattern.value))):
            return rule
    return first


def _query(members: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, str]]:
    for name, value in members.items():
        if isinstance(value, dict):
            yield from _query(value, f"{prefix}{name}.")
        else:
            for one in value if isinstance(value, list) else [value]:
                yield prefix + name, one if isinstance(one, str) else json.dumps(one)


def rest_error(answer: httpx.Response) -> ApiError:
    """The error that a REST answer holds."""
    body = answer.json()
    (detail,) = body["details"]
    assert detail.pop("@type").endswith("/scalekit.v1.errdetails.ErrorInfo")
    return ApiError(
        Code(body["code"]),
        body["message"],
        ErrorInfo.from_json(json.dumps(detail)),
        dict(answer.headers),
        answer.status_code,
    )


class Connect(Wire):
    """The Connect protocol, unary, in JSON."""

    def __init__(self, server: LiveServer) -> None:
        self.http = over_https(server)

    async def call(self, method: DescMethod, request: dict[str, Any], headers: Headers) -> Answer:
        answer = await self.http.post(
            path_of(method),
            content=written(request),
            headers=[*headers, ("content-type", "application/json")],
        )
        named = {name.removeprefix("trailer-"): value for name, value in answer.headers.items()}
        if answer.status_code != 200:
            body = answer.json()
            code, message = Code[body["code"].upper()], body.get("message", "")
            (detail,) = body["details"]
            assert detail["type"] == "scalekit.v1.errdetails.ErrorInfo"
            info = ErrorInfo.from_binary(base64.b64decode(detail["value"] + "=="))
            raise ApiError(code, message, info, named)
        return Answer(plain(method.output.type.from_json(answer.content)), named)

    async def aclose(self) -> None:
        await self.http.aclose()


class Grpc(Wire):
    """gRPC by grpcio, as the official Python SDK speaks it."""

    def __init__(self, server: LiveServer) -> None:
        trust = grpc.ssl_channel_credentials(server.ca.read_bytes())
        self.channel = grpc.aio.secure_channel(f"localhost:{server.port}", trust)

    async def call(self, method: DescMethod, request: dict[str, Any], headers: Headers) -> Answer:
        return await self.send(method, spelled(method, request).to_binary(), headers)

    async def send(self, method: DescMethod, message: bytes, headers: Headers) -> Answer:
        """Make a call whose request is these bytes."""
        call = self.channel.unary_unary(path_of(method))(message, metadata=headers, timeout=60)
        try:
            answer = await call
        except grpc.aio.AioRpcError as problem:
            named = _metadata(problem.initial_metadata(), problem.trailing_metadata())
            packed = Status.from_binary(named.pop("grpc-status-details-bin"))
            code, message = Code(problem.code().value[0]), problem.details()
            raise _rpc_error(code, message, packed, named) from None
        named = _metadata(await call.initial_metadata(), await call.trailing_metadata())
        return Answer(plain(method.output.type.from_binary(answer)), named)

    async def aclose(self) -> None:
        await self.channel.close()


def _metadata(*parts: Any) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part or ()}


class GrpcFrames(Wire):
    """gRPC to an application of this process: frames without HTTP/2 below them."""

    def __init__(self, server: AppServer) -> None:
        self.http = over_https(server)

    async def call(self, method: DescMethod, request: dict[str, Any], headers: Headers) -> Answer:
        return await self.send(method, spelled(method, request).to_binary(), headers)

    async def send(self, method: DescMethod, message: bytes, headers: Headers) -> Answer:
        """Make a call whose request is these bytes."""
        answer = await self.http.post(
            path_of(method),
            content=struct.pack(">BI", 0, len(message)) + message,
            headers=[*headers, ("content-type", "application/grpc"), ("te", "trailers")],
        )
        assert answer.status_code == 200
        named = dict(answer.headers) | answer.extensions["trailers"]
        if named["grpc-status"] != "0":
            code, text = Code(int(named["grpc-status"])), unquote(named["grpc-message"])
            packed = Status.from_binary(base64.b64decode(named["grpc-status-details-bin"] + "=="))
            raise _rpc_error(code, text, packed, named)
        return Answer(plain(method.output.type.from_binary(answer.content[5:])), named)

    async def aclose(self) -> None:
        await self.http.aclose()


class GrpcWeb(Wire):
    """gRPC-Web, as a browser speaks it: frames in a body, the trailers as the last one."""

    def __init__(self, server: LiveServer) -> None:
        self.http = over_https(server)

    async def call(self, method: DescMethod, request: dict[str, Any], headers: Headers) -> Answer:
        message = spelled(method, request).to_binary()
        answer = await self.http.post(
            path_of(method),
            content=struct.pack(">BI", 0, len(message)) + message,
            headers=[*headers, ("content-type", "application/grpc-web+proto"), ("x-grpc-web", "1")],
        )
        assert answer.status_code == 200
        named, messages = dict(answer.headers), []
        body = answer.content
        while body:
            kind, length = struct.unpack(">BI", body[:5])
            frame, body = body[5 : 5 + length], body[5 + length :]
            if kind & 0x80:
                lines = frame.decode("latin-1").splitlines()
                pairs = (line.partition(":") for line in lines)
                named |= {name.strip().lower(): value.strip() for name, _, value in pairs}
            else:
                messages.append(frame)
        if named["grpc-status"] != "0":
            code, message = Code(int(named["grpc-status"])), unquote(named["grpc-message"])
            packed = Status.from_binary(base64.b64decode(named["grpc-status-details-bin"] + "=="))
            raise _rpc_error(code, message, packed, named)
        (one,) = messages
        return Answer(plain(method.output.type.from_binary(one)), named)

    async def aclose(self) -> None:
        await self.http.aclose()


def _rpc_error(code: Code, message: str, packed: Status, headers: dict[str, str]) -> ApiError:
    # The Python SDK drops details that say anything else than the call itself.
    assert (packed.code, packed.message) == (code, message)
    (detail,) = packed.details
    assert detail.type_url.endswith("/scalekit.v1.errdetails.ErrorInfo")
    info = ErrorInfo.from_binary(detail.value)
    return ApiError(code, message, info, headers)


WIRES: dict[str, type[Wire]] = {
    "rest": Rest,
    "connect": Connect,
    "grpc": Grpc,
    "grpc-web": GrpcWeb,
}


def wires_to(server: LiveServer | AppServer) -> dict[str, type[Wire]]:
    """The wires of a server, by name."""
    return WIRES | {"grpc": GrpcFrames} if isinstance(server, AppServer) else WIRES


def over_https(server: LiveServer | AppServer, *, http2: bool = False) -> httpx.AsyncClient:
    """An HTTP client of a server, without a connection if that is in this process.

    It trusts the server's root, and keeps no cookies.
    """
    jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
    if isinstance(server, AppServer):
        return httpx.AsyncClient(transport=server.transport, base_url=server.url, cookies=jar)
    return httpx.AsyncClient(
        base_url=server.url, verify=server.trust, timeout=60, cookies=jar, http2=http2
    )


class Text(str):
    """JSON as it stands, in a request that goes out as JSON; it need not be right."""

    __slots__ = ()


def written(value: Any) -> str:
    """A request in JSON."""
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, dict):
        return f"{{{','.join(f'{json.dumps(k)}:{written(v)}' for k, v in value.items())}}}"
    return json.dumps(value)


def path_of(method: DescMethod) -> str:
    """Where an rpc is on gRPC, gRPC-Web and Connect."""
    return f"/{method.parent.type_name}/{method.name}"


def spelled(method: DescMethod, request: dict[str, Any]) -> Message[Any]:
    """The request message that this JSON spells."""
    return method.input.type.from_json(json.dumps(request))


def plain(message: Message[Any]) -> dict[str, Any]:
    """A message as REST shows it."""
    shown: dict[str, Any] = json.loads(
        message.to_json(use_proto_field_name=True, always_emit_implicit=True)
    )
    return shown


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


class Make:
    """Makes what a test needs beside what it tests."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def organization(self, display_name: str = "Acme", **members: Any) -> dict[str, Any]:
        """A new organization."""
        answer = await self._api.organizations.create_organization(
            organization={"display_name": display_name, **members}
        )
        made: dict[str, Any] = answer["organization"]
        return made

    async def user(self, organization_id: str = "", **members: Any) -> dict[str, Any]:
        """A new user, an active member of an organization; of a new one if none is named."""
        answer = await self._api.users.create_user_and_membership(
            organization_id=organization_id or (await self.organization())["id"],
            send_invitation_email=False,
            user={"email": f"{unique('user')}@example.com", **members},
        )
        made: dict[str, Any] = answer["user"]
        return made

    async def role(self, **members: Any) -> dict[str, Any]:
        """A new role of the environment."""
        name = unique("role").replace("-", "_")
        answer = await self._api.roles.create_role(
            role={"name": name, "display_name": "A role", **members}
        )
        made: dict[str, Any] = answer["role"]
        return made

    async def organization_role(self, organization_id: str, **members: Any) -> dict[str, Any]:
        """A new role of one organization."""
        name = unique("role").replace("-", "_")
        answer = await self._api.roles.create_organization_role(
            org_id=organization_id, role={"name": name, "display_name": "A role", **members}
        )
        made: dict[str, Any] = answer["role"]
        return made

    async def permission(self, name: str = "", **members: Any) -> dict[str, Any]:
        """A new permission."""
        name = name or unique("permission").replace("-", ":")
        answer = await self._api.roles.create_permission(permission={"name": name, **members})
        made: dict[str, Any] = answer["permission"]
        return made

    async def domain(self, organization_id: str, **members: Any) -> dict[str, Any]:
        """A new domain of an organization."""
        answer = await self._api.domains.create_domain(
            organization_id=organization_id,
            domain={"domain": f"{unique('domain')}.example.com", **members},
        )
        made: dict[str, Any] = answer["domain"]
        return made

    async def client(self, organization_id: str = "", **members: Any) -> tuple[str, str]:
        """Id and secret of a new client of an organization; of a new one if none is named."""
        answer = await self._api.clients.create_organization_client(
            organization_id=organization_id or (await self.organization())["id"],
            client={"name": "Machine", **members},
        )
        return answer["client"]["client_id"], answer["plain_secret"]

    async def portal_link(self, organization_id: str, **request: Any) -> dict[str, Any]:
        """A new portal link."""
        answer = await self._api.organizations.generate_portal_link(id=organization_id, **request)
        link: dict[str, Any] = answer["link"]
        return link

    async def portal_session(self, http: httpx.AsyncClient, organization_id: str) -> str:
        """The Cookie header of a browser that opened a link of this organization."""
        link = await self.portal_link(organization_id)
        opened = await http.get(link["location"])
        assert opened.status_code == 303, opened.text
        return opened.headers["set-cookie"].partition(";")[0]


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
def make(rest):
    """Makes what the test needs beside what it tests."""
    return Make(rest)


@pytest.fixture
async def events(database):
    """The events since the test began."""
    newest = await log.last(database, limit=1)
    return Events(database, newest[-1]["id"] if newest else "")
