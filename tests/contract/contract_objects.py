"""Live objects for requests: each is created when a request first names one of its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete

from tenantry.call import Call
from tenantry.core.caller import SYSTEM, Origin
from tenantry.db.sql.statements import Statement
from tenantry.identity.attempts.model import attempts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from apis import Api
    from app_servers import AppServer

    from tenantry.db.engine import Database
    from tenantry.settings import Settings

    Create = Callable[["Objects"], Awaitable[Any]]

FEATURES = ("sso", "dir_sync", "domain_verification", "session_policy")
SESSION_COOKIE = "__Host-tenantry_session"
REDIRECT_URI = "https://contract.example.com/callback"
CALLBACK = "https://app.example.com/callback"
OIDC = {
    "issuer": "https://acme.okta.com",
    "authorize_uri": "https://acme.okta.com/oauth2/v1/authorize",
    "token_uri": "https://acme.okta.com/oauth2/v1/token",
    "jwks_uri": "https://acme.okta.com/oauth2/v1/keys",
    "client_id": "0oa1b2c3d4e5f6g7h8i9",
    "client_secret": "a secret of Okta",
}
SMTP = {
    "host": "smtp.example.com",
    "port": 587,
    "username": "mailer",
    "password": "a-password",
    "from_email": "hello@example.com",
    "from_name": "Example",
}
_FORGET_ATTEMPTS = Statement(delete(attempts))


class Objects:
    """The objects of one case. `get("usr")` returns the ID of its user."""

    def __init__(
        self,
        server: AppServer,
        settings: Settings,
        database: Database,
        api: Api,
        provider: str,
    ) -> None:
        self.server = server
        self.provider = provider  # the issuer of an OpenID provider that answers
        self.settings = settings
        self.database = database
        self.api = api  # as the management client
        self.call = Call(SYSTEM, database, "req_1", origin=Origin("192.0.2.7", "tests"))
        self.headers: dict[str, str] = {}  # that a request needs beside its message
        self._made: dict[str, Any] = {}

    async def get(self, kind: str) -> Any:
        """Return the object of a kind, or its ID; create it on first use."""
        if kind not in self._made:
            self._made[kind] = await _CREATE[kind](self)
        return self._made[kind]

    def preset(self, **objects: Any) -> None:
        """Use these objects instead of new ones."""
        self._made |= objects

    async def forget_attempts(self) -> None:
        """Reset the limits of codes that are sent and entered."""
        await self.database.fetch_all(_FORGET_ATTEMPTS)

    def another(self) -> Objects:
        """Return objects of another case, with an organization of their own."""
        return Objects(self.server, self.settings, self.database, self.api, self.provider)


_CREATE: dict[str, Create] = {}


def creates(kind: str) -> Callable[[Create], Create]:
    def register(create: Create) -> Create:
        _CREATE[kind] = create
        return create

    return register
