"""The table of auth requests, and the record of one."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Column, Index, Table, Text

from tenantry.db.sql.encrypted_columns import encrypted_for_a_day
from tenantry.db.sql.schema import Json, metadata, time_column
from tenantry.db.sql.sharding import OF_ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Mapping

# The purposes of a sign-in.
SIGN_IN, SIGN_UP, RESET_PASSWORD = "sign_in", "sign_up", "reset_password"
INTENTS = (SIGN_IN, SIGN_UP, RESET_PASSWORD)
# The proof of a person that has signed in before, and not anew.
SESSION = "SESSION"
# The reasons why a person with a session sees the sign-in page all the same.
NOT_A_MEMBER, AUTHENTICATE_AGAIN = "NOT_A_MEMBER", "AUTHENTICATE_AGAIN"
# Of the log of sign-ins.
INITIATED, PENDING, SUCCESS, FAILED = "INITIATED", "PENDING", "SUCCESS", "FAILED"

auth_requests = Table(
    "auth_requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("state", Text, nullable=False),  # of `tenantry.identity.sign_in.auth_requests.states`
    Column("status", Text, nullable=False),
    Column("browser_digest", Text),
    Column("client_id", Text),
    Column("params", Json, nullable=False),
    # `Facts.identity` is encrypted in it. The organization is found on the way.
    Column(
        "facts",
        Json,
        nullable=False,
        info=encrypted_for_a_day("identity of a provider", of_organization=False),
    ),
    Column("email", Text),
    Column("email_key", Text),
    Column("user_id", Text),
    Column("organization_id", Text),
    Column("connection_id", Text),
    Column("session_id", Text),  # that proves the person: the request ends with it
    Column("error", Json),  # {"error": ..., "error_description": ...}
    time_column("create_time"),
    time_column("update_time"),
    time_column("expire_time"),
    info=OF_ENVIRONMENT,
)
_a = auth_requests.c
_of_a_browser = _a.browser_digest.is_not(None)
Index(
    "ix_auth_requests__browser_digest_id",
    _a.browser_digest,
    _a.id,
    postgresql_where=_of_a_browser,
    sqlite_where=_of_a_browser,
)
# Nobody is recognized yet: neither by a session nor by a way to sign in.
UNPROVED = _a.user_id.is_(None) & _a.connection_id.is_(None)
Index(
    "ix_auth_requests__unproved",
    _a.id,
    postgresql_where=UNPROVED,
    sqlite_where=UNPROVED,
)
_by_a_connection = _a.connection_id.is_not(None)
Index(
    "ix_auth_requests__connection_id_status_id",
    *(_a.connection_id, _a.status, _a.id),
    postgresql_where=_by_a_connection,
    sqlite_where=_by_a_connection,
)
Index("ix_auth_requests__email_key_id", _a.email_key, _a.id)
Index("ix_auth_requests__status_id", _a.status, _a.id)
Index("ix_auth_requests__client_id_status_id", _a.client_id, _a.status, _a.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """An authorization request's parameters, checked (OpenID Connect Core 1.0 section 3.1.2.1)."""

    redirect_uri: str
    response_mode: str = "query"  # or form_post
    scope: str = "openid"
    state: str | None = None
    nonce: str | None = None
    code_challenge: str | None = None  # of S256
    prompt: tuple[str, ...] = ()
    max_age: int | None = None  # seconds
    login_hint: str | None = None
    domain_hint: str | None = None
    organization_id: str | None = None
    connection_id: str | None = None
    ui_locales: tuple[str, ...] = ()
    id_token_user: str | None = None  # the sub of an id_token_hint that holds
    resource_id: str | None = None  # that the client is one of


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The findings of a sign-in on its way; a member that is not set says nothing."""

    intent: str = ""  # of INTENTS
    notice: str = ""  # why somebody with a session sees the sign-in page: of `beginning`
    passwordless: str = ""  # the id of the request whose code and link were mailed
    proofs: tuple[str, ...] = ()  # types of connections, and the second factor
    email_proved: bool = False
    session_id: str = ""  # of the session that proves the person
    organization_id: str = ""  # that it is for, where that was chosen on the way
    sso: str = ""  # the connection that it is sent to: its type and id, as in its address
    identity: str = ""  # the provider's answer, encrypted, until the sign-in is over
    inbox_proved: bool = False  # and so is what the provider says of it
    has_consented: bool = False  # the user allowed what the client of a resource asks for
    declined_scopes: tuple[str, ...] = ()  # but for these scopes
    has_second_factor: bool = False  # was given, or a passkey that verified its user
    # Of the organization's sign-in policy.
    refusal: str = ""  # the rule that is not met, of `policy.Refusal`
    registration_id: str = ""  # of the authenticator app that is set up
    enrollment_deadline: int = 0  # until then its setup may be deferred; microseconds
    setup_deferred: bool = False
    # For the log alone: how the provider vouched, and each state with milliseconds since the begin.
    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)
    steps: tuple[tuple[str, int], ...] = ()

    @classmethod
    def stored(cls, members: Mapping[str, Any]) -> Self:
        """Return those of a row, without further ones that another version may know."""
        known = {name: members[name] for name in _FACTS if name in members}
        steps = tuple((state, at) for state, at in known.get("steps", ()))
        lists = {name: tuple(known.get(name, ())) for name in ("proofs", "declined_scopes")}
        return cls(**known | lists | {"steps": steps})

    def to_row(self) -> dict[str, Any]:
        """Return the members that are set, as they are stored."""
        return {name: value for name in _FACTS if (value := getattr(self, name))}


_FACTS = tuple(field.name for field in fields(Facts))


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthRequest:
    """One auth request; times in microseconds since 1970, UTC."""

    id: str
    state: str
    status: str
    client_id: str
    params: Params
    email: str | None
    user_id: str | None
    organization_id: str | None
    connection_id: str | None
    facts: Facts
    error: dict[str, str] | None = field(default=None, hash=False)
    create_time: int
    update_time: int
    expire_time: int
    # The operator in the person's place, whose session proves the person; "" for no operator.
    impersonator: str = ""
    # To be kept by its browser from now on; None if the browser has it already.
    secret: str | None = field(default=None, repr=False, compare=False)

    @property
    def named(self) -> str | None:
        """The organization that it is for, if one was named or chosen."""
        return self.facts.organization_id or self.params.organization_id

    @property
    def scopes(self) -> tuple[str, ...]:
        """The requested scopes, without those that the user declined."""
        declined = self.facts.declined_scopes
        return tuple(one for one in self.params.scope.split() if one not in declined)


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """A code or an error, on its way back to the application's redirect_uri."""

    redirect_uri: str
    response_mode: str
    members: dict[str, str] = field(hash=False)  # code or error, state, iss (RFC 9207)


@dataclass(frozen=True, slots=True)
class Completion:
    """The answer to the application, and secrets for the browser to keep from now on."""

    answer: AuthorizationResponse
    secret: str | None = None  # of the session, if one has begun
    devices: tuple[str, ...] = ()  # of the cookie that it is known by, if somebody has signed in
