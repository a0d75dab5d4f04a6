"""Relying parties that others wrote, all driven alike: Authlib, and by Node two more libraries."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc.core.claims import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey
from turns import install_node_packages

if TYPE_CHECKING:
    from servers import LiveServer
    from user_agent import Callback

HERE = Path(__file__).parent
PARTIES = ("openid-client", "oauth4webapi", "authlib")
BASIC, POST, KEY = "client_secret_basic", "client_secret_post", "private_key_jwt"


class Refused(Exception):
    """The library has understood that it was refused, or does not take the answer for good."""

    def __init__(self, error: str | None, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description


@dataclass(frozen=True)
class Client:
    """A client of the server, and how it authenticates."""

    id: str
    secret: str
    redirect_uri: str
    logout_uri: str
    method: str = BASIC
    key: RSAKey | None = None
    audience: str | None = None  # of its assertions, where it is not the library's own choice

    @property
    def as_json(self) -> dict[str, Any]:
        key = None
        if self.key is not None:
            key = {**self.key.as_dict(private=True), "kid": self.key.kid}
        shown = {"id": self.id, "secret": self.secret, "method": self.method}
        return {**shown, "key": key, "audience": self.audience}


@dataclass(frozen=True)
class Expected:
    """The checks that the library holds the answer against."""

    state: str
    nonce: str | None = None
    verifier: str | None = None
    max_age: int | None = None


class Party(ABC):
    """One library, as a relying party of one server."""

    @abstractmethod
    async def discover(self) -> dict[str, Any]:
        """The discovery document, as the library takes it."""

    @abstractmethod
    async def authorization_url(self, client: Client, parameters: dict[str, str]) -> str:
        """Where it sends a browser to sign in."""

    @abstractmethod
    async def tokens(
        self, client: Client, callback: Callback, expected: Expected
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The answer to the code that came, and the claims of the ID token, both validated."""

    @abstractmethod
    async def refresh(
        self, client: Client, refresh_token: str, **parameters: str
    ) -> dict[str, Any]:
        """The answer to a refresh token."""

    @abstractmethod
    async def userinfo(self, client: Client, access_token: str, subject: str) -> dict[str, Any]:
        """The UserInfo endpoint's claims about somebody."""

    @abstractmethod
    async def end_session_url(self, client: Client, parameters: dict[str, str]) -> str:
        """Where it sends a browser to sign out."""

    @abstractmethod
    async def aclose(self) -> None:
        """Stop."""


class NodeParty(Party):
    """A library for Node, in a process of its own."""

    def __init__(self, program: str, server: LiveServer) -> None:
        self._program = HERE / program
        self._environment = os.environ | server.env | {"TENANTRY_URL": server.url}
        self._process: asyncio.subprocess.Process | None = None

    async def _ask(self, what: str, client: Client | None = None, **members: Any) -> Any:
        if self._process is None:
            install_node_packages(HERE)
            node = shutil.which("node")
            assert node is not None
            self._process = await asyncio.create_subprocess_exec(
                *(node, self._program),
                env=self._environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"do": what, "client": client and client.as_json, **members}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        line = await asyncio.wait_for(self._process.stdout.readline(), 60)
        assert line, f"{self._program.name} has ended"
        answer = json.loads(line)
        if "error" in answer:
            problem = answer["error"]
            raise Refused(problem.get("error"), f"{problem['code']} {problem.get('description')}")
        return answer["ok"]

    async def discover(self):
        return await self._ask("discover")

    async def authorization_url(self, client, parameters):
        return await self._ask("authorizationUrl", client, parameters=parameters)

    async def tokens(self, client, callback, expected):
        told = await self._ask(
            "tokens",
            client,
            callback=callback.as_json,
            state=expected.state,
            nonce=expected.nonce,
            verifier=expected.verifier,
            maxAge=expected.max_age,
        )
        return told["answer"], told["claims"]

    async def refresh(self, client, refresh_token, **parameters: str):
        return await self._ask("refresh", client, refreshToken=refresh_token, parameters=parameters)

    async def userinfo(self, client, access_token, subject):
        return await self._ask("userinfo", client, accessToken=access_token, subject=subject)

    async def end_session_url(self, client, parameters):
        return await self._ask("endSessionUrl", client, parameters=parameters)

    async def aclose(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()


class AuthlibParty(Party):
    """Authlib, within this process."""

    def __init__(self, server: LiveServer) -> None:
        self._server = server
        self._trust = server.trust
        self._metadata: dict[str, Any] = {}

    def _session(self, client: Client) -> AsyncOAuth2Client:
        secret: Any = client.secret
        if client.method == KEY:
            assert client.key is not None
            secret = client.as_json["key"]
        session = AsyncOAuth2Client(
            client.id,
            secret,
            redirect_uri=client.redirect_uri,
            token_endpoint_auth_method=client.method,
            code_challenge_method="S256",
            verify=self._trust,
            timeout=30,
        )
        if client.method == KEY:
            endpoint = client.audience or f"{self._server.url}/oauth/token"
            session.register_client_auth_method(PrivateKeyJWT(endpoint))
        return session

    async def discover(self):
        async with self._session(Client("nobody", "", "", "")) as session:
            found = get_well_known_url(self._server.url, external=True)
            answer = await session.request("GET", found, withhold_token=True)
        OpenIDProviderMetadata(answer.json()).validate()
        return answer.json()

    async def _endpoint(self, name: str) -> str:
        self._metadata = self._metadata or await self.discover()
        url: str = self._metadata[name]
        return url

    async def authorization_url(self, client, parameters):
        endpoint = await self._endpoint("authorization_endpoint")
        async with self._session(client) as session:
            url, _ = session.create_authorization_url(endpoint, **parameters)
        return url

    async def tokens(self, client, callback, expected):
        endpoint = await self._endpoint("token_endpoint")
        if "error" in callback.members:  # as its integrations for web frameworks do it
            told = callback.members
            raise Refused(told["error"], told["error_description"])
        # It knows no other response mode than the query.
        url = f"{callback.redirect_uri}?{urlencode(callback.members)}"
        async with self._session(client) as session:
            try:
                answer = await session.fetch_token(
                    endpoint,
                    authorization_response=url,
                    state=expected.state,
                    code_verifier=expected.verifier,
                )
            except OAuthError as problem:
                raise Refused(problem.error, problem.description) from None
            jwks_uri = await self._endpoint("jwks_uri")
            keys = await session.request("GET", jwks_uri, withhold_token=True)
        token = jwt.decode(
            answer["id_token"], KeySet.import_key_set(keys.json()), algorithms=["RS256"]
        )
        claims = CodeIDToken(
            token.claims,
            token.header,
            {"iss": {"essential": True, "value": self._server.url}},
            {
                "client_id": client.id,
                "nonce": expected.nonce,
                "max_age": expected.max_age,
                "access_token": answer["access_token"],
            },
        )
        claims.validate(leeway=5)
        return dict(answer), dict(claims)

    async def refresh(self, client, refresh_token, **parameters: str):
        async with self._session(client) as session:
            try:
                return await session.refresh_token(
                    await self._endpoint("token_endpoint"), refresh_token, **parameters
                )
            except OAuthError as problem:
                raise Refused(problem.error, problem.description) from None

    async def userinfo(self, client, access_token, subject):
        async with self._session(client) as session:
            session.token = {"access_token": access_token, "token_type": "Bearer"}
            answer = await session.get(await self._endpoint("userinfo_endpoint"))
        if answer.status_code != 200:
            raise Refused(None, answer.headers["www-authenticate"])
        told = answer.json()
        assert told["sub"] == subject
        return told

    async def end_session_url(self, client, parameters):
        # It has none of its own making.
        assert client.id
        return f"{await self._endpoint('end_session_endpoint')}?{urlencode(parameters)}"

    async def aclose(self) -> None:
        """Nothing is open."""


def party(name: str, server: LiveServer) -> Party:
    """A library by its name."""
    if name == "authlib":
        return AuthlibParty(server)
    return NodeParty(f"{name.replace('-', '_')}.mjs", server)
