"""The parameters of an authorization request, checked.

RFC 6749 section 4.1.1, OpenID Connect Core 1.0 section 3.1.2.1, RFC 7636 (PKCE, S256 only), RFC
8707 (resource).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tenantry.access.resources import issuers
from tenantry.core import ids
from tenantry.identity.grants import pkce
from tenantry.identity.grants.claims import SCOPES
from tenantry.identity.sign_in import answers, login_requirements
from tenantry.identity.sign_in.model import Params
from tenantry.identity.tokens import api_scopes

if TYPE_CHECKING:
    from tenantry.access.clients.model import Client
    from tenantry.access.resources.model import Resource
    from tenantry.db.engine import Database
    from tenantry.endpoints.oauth.authorization.id_token_hints import IdTokenHints
    from tenantry.endpoints.oauth.authorization.parameters import Parameters
    from tenantry.identity.connections.model import Connection

PROMPTS = ("none", "login", "create", "select_account", "consent")
DEFAULT_SCOPE = "openid profile email"  # for requests without any, as the official SDKs make them
STATE_MAX = 2000
# In characters: kept values have a limit.
_LONGEST = {
    "scope": 1000,
    "nonce": 500,
    "prompt": 100,
    "max_age": 10,
    "login_hint": 320,
    "domain": 253,
    "domain_hint": 253,
    "organization_id": 32,
    "connection_id": 64,
    "provider": 64,
    "ui_locales": 500,
    "resource": 1000,
}
_LOCALES_MAX = 10
_LOCALE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,4}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# OpenID Connect Core 1.0 sections 3.1.2.6 and 6: not taken here.
_NOT_SUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
_MANY = {"resource"}  # may be repeated, RFC 8707 section 2


class Failed(Exception):
    """An error for the application, at its redirect_uri."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error, self.description = error, description


def of_error(client: Client, redirect_uri: str, asked: Parameters) -> Params:
    """Return the parameters by which an error goes back: state and response_mode if they hold."""
    state = asked.get("state") if _state_problem(asked) is None else None
    mode = asked.get("response_mode") if _mode_problem(redirect_uri, asked) is None else None
    return Params(
        redirect_uri=redirect_uri,
        response_mode=mode or answers.QUERY,
        state=state,
        resource_id=client.resource_id,
    )


async def checked(
    client: Client,
    redirect_uri: str,
    asked: Parameters,
    *,
    db: Database,
    hints: IdTokenHints,
    resource: Resource | None,
    issuer: str,
) -> Params:
    """Return the parameters of a request whose client and redirect_uri are trusted.

    ``resource`` is that of a client of a resource.

    Raises:
        Failed: one of them cannot be taken.

    """
    for problem in (_state_problem(asked), _mode_problem(redirect_uri, asked)):
        if problem is not None:
            raise Failed("invalid_request", problem)
    _check_form(asked)
    _check_response_type(client, asked)
    _check_resource(asked, resource, issuer)
    organization_id = _organization_id(asked.get("organization_id"))
    named = await _connection(db, asked, organization_id)
    if named is not None and named.organization_id is not None:
        organization_id = named.organization_id
    return Params(
        redirect_uri=redirect_uri,
        response_mode=asked.get("response_mode") or answers.QUERY,
        scope=(
            _scope(client, asked.get("scope"))
            if resource is None
            else _scope_of_resource(client, resource, asked.get("scope"))
        ),
        state=asked.get("state"),
        nonce=asked.get("nonce"),
        code_challenge=_code_challenge(client, asked),
        prompt=_prompt(client, asked.get("prompt")),
        max_age=_max_age(asked.get("max_age")),
        login_hint=asked.get("login_hint"),
        domain_hint=_domain(asked),
        organization_id=organization_id,
        connection_id=asked.get("connection_id") if named is None else named.id,
        ui_locales=_locales(asked.get("ui_locales")),
        id_token_user=await _id_token_user(hints, client, asked.get("id_token_hint")),
        resource_id=client.resource_id,
    )


def _check_resource(asked: Parameters, resource: Resource | None, issuer: str) -> None:
    """Refuse any resource but that of the client, or of an application this server."""
    named = asked.get("resource")
    if resource is None:
        ours = named is None or named.rstrip("/") == issuer
    else:
        of_resource = issuers.issuer_of(issuer, resource.id)
        ours = not named or issuers.is_named(named, resource.audience, of_resource)
    if not ours or "resource" in asked.repeated:
        raise Failed("invalid_target", "there is no such resource (RFC 8707 section 2)")


async def _connection(
    db: Database, asked: Parameters, organization_id: str | None
) -> Connection | None:
    """Return the connection to a provider that is named; of an organization, it names that too."""
    try:
        named = await login_requirements.named(
            db, asked.get("provider"), asked.get("connection_id")
        )
    except login_requirements.NoConnection as problem:
        raise Failed(problem.error, problem.description) from None
    if (
        named is not None
        and named.organization_id is not None
        and organization_id not in {None, named.organization_id}
    ):
        raise Failed(
            "invalid_organization_id", "connection_id and organization_id do not belong together"
        )
    return named


async def _id_token_user(hints: IdTokenHints, client: Client, token: str | None) -> str | None:
    if token is None:
        return None
    hint = await hints.verify(token)
    if hint is None or hint.client_id != client.id:
        raise Failed("invalid_request", "id_token_hint is no ID token of this application")
    return hint.sub


def _state_problem(asked: Parameters) -> str | None:
    state = asked.get("state") or ""
    if "state" in asked.repeated:
        return "state is given more than once"
    if len(state) > STATE_MAX:
        return f"state must have at most {STATE_MAX} characters, got {len(state)}"
    if _CONTROL.search(state):
        return "state must not contain control characters"
    return None


def _mode_problem(redirect_uri: str, asked: Parameters) -> str | None:
    mode = asked.get("response_mode") or answers.QUERY
    if "response_mode" in asked.repeated:
        return "response_mode is given more than once"
    if mode not in answers.RESPONSE_MODES:
        return f"response_mode must be {' or '.join(answers.RESPONSE_MODES)}"
    if mode == answers.FORM_POST and not redirect_uri.lower().startswith(("https:", "http:")):
        return "response_mode form_post needs a redirect_uri of https"
    return None


def _check_form(asked: Parameters) -> None:
    """Check the rules of all parameters alike."""
    for name in sorted(asked.repeated - _MANY):
        if name in _KNOWN:
            raise Failed("invalid_request", f"{name} is given more than once")
    for name, error in _NOT_SUPPORTED.items():
        if asked.get(name) is not None:
            raise Failed(error, f"{name} is not supported")
    for name, most in _LONGEST.items():
        value = asked.get(name) or ""
        if len(value) > most:
            raise Failed(
                "invalid_request", f"{name} must have at most {most} characters, got {len(value)}"
            )
        if _CONTROL.search(value):
            raise Failed("invalid_request", f"{name} must not contain control characters")


def _check_response_type(client: Client, asked: Parameters) -> None:
    response_type = asked.get("response_type")
    if response_type is None:
        raise Failed("invalid_request", "response_type is missing")
    if response_type != "code":
        raise Failed("unsupported_response_type", "response_type must be code")
    if "authorization_code" not in client.allowed_grant_types:
        raise Failed("unauthorized_client", "this client is not registered for authorization_code")


def _scope(client: Client, text: str | None) -> str:
    """Return the scopes that we know, in our order; a request without a known one is told so.

    Those of the Tenantry API only where the application is registered for them.
    """
    wanted = set((text or DEFAULT_SCOPE).split(" "))
    ours = [scope for scope in api_scopes.NAMES if scope in client.scopes]
    known = [scope for scope in (*SCOPES, *ours) if scope in wanted]
    if not known:
        raise Failed("invalid_scope", f"scope must have at least one of {', '.join(SCOPES)}")
    return " ".join(known)


def _scope_of_resource(client: Client, resource: Resource, text: str | None) -> str:
    """Return the scopes of a resource that a client asks for, in our order.

    Unknown ones are left out: clients send scopes of other servers, and the token response has
    those that are granted (RFC 6749 section 3.3). Without a known one, all of the client are meant.
    """
    wanted = set((text or "").split(" "))
    allowed = [one for one in resource.scopes if not client.scopes or one in client.scopes]
    known = [scope for scope in (*SCOPES, *allowed) if scope in wanted]
    if not set(known) - {"offline_access"}:
        known += allowed
    return " ".join(known)


def _code_challenge(client: Client, asked: Parameters) -> str | None:
    challenge, method = asked.get("code_challenge"), asked.get("code_challenge_method")
    if challenge is None:
        if method is not None:
            raise Failed("invalid_request", "code_challenge is missing")
        if client.enforce_pkce or client.is_public:
            raise Failed("invalid_request", "code_challenge is missing: PKCE is required")
        return None
    # Without a method it would be plain (RFC 7636 section 4.3), which protects nobody.
    if method != pkce.METHOD:
        raise Failed("invalid_request", f"code_challenge_method must be {pkce.METHOD}")
    if not pkce.is_challenge(challenge):
        raise Failed(
            "invalid_request", "code_challenge must be a SHA-256 in base64url, 43 characters"
        )
    return challenge


def _prompt(client: Client, text: str | None) -> tuple[str, ...]:
    """Return what the user is asked; applications of the operator need no consent."""
    values = tuple(dict.fromkeys((text or "").split()))
    for value in values:
        if value not in PROMPTS:
            raise Failed("invalid_request", f"prompt may be of {', '.join(PROMPTS)}")
    if "none" in values and len(values) > 1:
        raise Failed("invalid_request", "prompt: none stands alone")
    return tuple(one for one in values if one != "consent" or client.resource_id is not None)


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise Failed("invalid_request", "max_age must be a number of seconds")
    return int(text)


def _domain(asked: Parameters) -> str | None:
    """Return the domain of either name: some SDKs send both, some one."""
    hint, domain = asked.get("domain_hint"), asked.get("domain")
    if hint is not None and domain is not None and hint != domain:
        raise Failed("invalid_request", "domain and domain_hint differ")
    return hint or domain


def _organization_id(text: str | None) -> str | None:
    if text is not None and not ids.well_formed(ids.ORGANIZATION, text):
        raise Failed("invalid_request", "organization_id is no id of an organization")
    return text


def _locales(text: str | None) -> tuple[str, ...]:
    """Return the languages that the person reads, the best first; other texts are left out."""
    found = [one for one in (text or "").split() if _LOCALE.fullmatch(one)]
    return tuple(dict.fromkeys(found))[:_LOCALES_MAX]


_KNOWN = {
    *_LONGEST,
    *_NOT_SUPPORTED,
    *("response_type", "response_mode", "client_id", "redirect_uri", "state"),
    *("code_challenge", "code_challenge_method", "id_token_hint"),
}
